# the command line
graftc_SOURCES += \
    %D%/cmd_build.c \
    %D%/cmd_check.c \
    %D%/cmd_emit.c \
    %D%/cmd_explain.c \
    %D%/cmd_schema.c \
    %D%/cmd_show.c \
    %D%/command.h \
    %D%/compile.c \
    %D%/compile.h \
    %D%/diag_json.c \
    %D%/diag_json.h \
    %D%/diag_sarif.c \
    %D%/json_write.c \
    %D%/json_write.h \
    %D%/main.c \
    %D%/temporary.c \
    %D%/temporary.h \
    %D%/words.c
