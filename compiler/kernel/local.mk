# the kernel IR and the kernels
libgraft_a_SOURCES += \
    %D%/kernel.h \
    %D%/kernel_conv.c \
    %D%/kernel_dense.c \
    %D%/kernel_dense_input.c \
    %D%/kernel_elementwise.c \
    %D%/kernel_grad.c \
    %D%/kernel_loss.c \
    %D%/kernel_move.c \
    %D%/kernel_norm.c \
    %D%/kernel_peak.c \
    %D%/kernel_pool.c \
    %D%/kernel_strassen.c \
    %D%/kernel_tile.c \
    %D%/kernel_tile.h \
    %D%/kernel_update.c \
    %D%/kernel_winograd.c \
    %D%/kernel_winograd.h \
    %D%/kernel_winograd_form.c \
    %D%/kir.def \
    %D%/kir.h \
    %D%/kir_build.c \
    %D%/kir_eval.c \
    %D%/kir_print.c \
    %D%/kir_verify.c
