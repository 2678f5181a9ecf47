# memory, text, diagnostics, files
libgraft_a_SOURCES += \
    %D%/arena.c \
    %D%/base.h \
    %D%/buf.c \
    %D%/diag.c \
    %D%/file.c \
    %D%/path.c \
    %D%/strmap.c \
    %D%/text.c
