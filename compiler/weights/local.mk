# weight files
libgraft_a_SOURCES += \
    %D%/weights.h \
    %D%/weights_counters.c \
    %D%/weights_file.h \
    %D%/weights_h5.c \
    %D%/weights_load.c \
    %D%/weights_match.c \
    %D%/weights_match.h \
    %D%/weights_open.c \
    %D%/weights_safetensors.c
