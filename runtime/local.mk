# The runtime: libgrt.a, which every compiled program is linked with, and its one header.
pkglib_LIBRARIES += libgrt.a
pkginclude_HEADERS += %D%/grt.h

libgrt_a_CPPFLAGS = $(AM_CPPFLAGS) $(IMAGE_CFLAGS) $(XXHASH_CFLAGS)
libgrt_a_CFLAGS = -O2 $(AM_CFLAGS) $(OPENMP_CFLAGS)
libgrt_a_SOURCES = \
    %D%/grt_bar.c \
    %D%/grt_bench.c \
    %D%/grt_cache.c \
    %D%/grt_checkpoint.c \
    %D%/grt_data.c \
    %D%/grt_data_raw.c \
    %D%/grt_evaluate.c \
    %D%/grt_features.c \
    %D%/grt_file.c \
    %D%/grt_history.c \
    %D%/grt_image.c \
    %D%/grt_info.c \
    %D%/grt_int.h \
    %D%/grt_json.c \
    %D%/grt_keeper.c \
    %D%/grt_main.c \
    %D%/grt_options.c \
    %D%/grt_param.c \
    %D%/grt_processor.c \
    %D%/grt_processor.def \
    %D%/grt_random.c \
    %D%/grt_report.c \
    %D%/grt_resize.c \
    %D%/grt_run.c \
    %D%/grt_safetensors.c \
    %D%/grt_signal.c \
    %D%/grt_team.c \
    %D%/grt_text.c \
    %D%/grt_train.c \
    %D%/grt_util.c
