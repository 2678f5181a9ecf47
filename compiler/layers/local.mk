# the layer kinds
libgraft_a_SOURCES += \
    %D%/layer.c \
    %D%/layer.def \
    %D%/layer.h \
    %D%/layer_rules.h \
    %D%/lower_act.c \
    %D%/lower_act.h \
    %D%/lower_conv.c \
    %D%/lower_dense.c \
    %D%/lower_fuse.c \
    %D%/lower_join.c \
    %D%/lower_live.c \
    %D%/lower_matrix.c \
    %D%/lower_matrix.h \
    %D%/lower_norm.c \
    %D%/lower_norm.h \
    %D%/lower_pool.c \
    %D%/rules.c \
    %D%/window.c \
    %D%/window.h
