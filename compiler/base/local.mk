# memory, text, diagnostics, files
libgraft_a_SOURCES += \
    %D%/arena.c \
    %D%/base.h \
    %D%/buf.c \
    %D%/diag.c \
    %D%/diag_print.c \
    %D%/file.c \
    %D%/process.c \
    %D%/rule.def \
    %D%/path.c \
    %D%/strmap.c \
    %D%/text.c
