# the command line
graftc_SOURCES += \
    %D%/cmd_build.c \
    %D%/cmd_check.c \
    %D%/cmd_docs.c \
    %D%/cmd_emit.c \
    %D%/cmd_explain.c \
    %D%/cmd_plot.c \
    %D%/cmd_schema.c \
    %D%/cmd_show.c \
    %D%/command.h \
    %D%/compile.c \
    %D%/compile.h \
    %D%/complete.c \
    %D%/complete.h \
    %D%/complete_bash.c \
    %D%/complete_zsh.c \
    %D%/diag_json.c \
    %D%/diag_json.h \
    %D%/diag_sarif.c \
    %D%/doc.h \
    %D%/doc_commands.c \
    %D%/doc_dictionary.c \
    %D%/doc_language.c \
    %D%/doc_man.c \
    %D%/doc_markdown.c \
    %D%/json_write.c \
    %D%/json_write.h \
    %D%/main.c \
    %D%/temporary.c \
    %D%/temporary.h \
    %D%/words.c
