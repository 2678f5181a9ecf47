# from YAML to the Spec
libgraft_a_SOURCES += \
    %D%/schema.c \
    %D%/spec.h \
    %D%/spec_extends.c \
    %D%/spec_layers.c \
    %D%/spec_print.c \
    %D%/spec_read.c \
    %D%/spec_set.c \
    %D%/spec_tree.h \
    %D%/spec_value.c \
    %D%/spec_value.h \
    %D%/ytree.c \
    %D%/ytree.h \
    %D%/ytree_bytes.c \
    %D%/ytree_bytes.h \
    %D%/ytree_value.c
