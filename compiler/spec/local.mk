# from YAML to the Spec
libgraft_a_SOURCES += \
    %D%/spec.h \
    %D%/ytree.c \
    %D%/ytree.h \
    %D%/ytree_bytes.c \
    %D%/ytree_bytes.h \
    %D%/ytree_value.c
