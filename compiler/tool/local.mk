# the command line
graftc_SOURCES += \
    %D%/cmd_build.c \
    %D%/cmd_check.c \
    %D%/cmd_compare.c \
    %D%/cmd_diff.c \
    %D%/cmd_emit.c \
    %D%/cmd_explain.c \
    %D%/cmd_git.c \
    %D%/cmd_schema.c \
    %D%/cmd_show.c \
    %D%/command.h \
    %D%/compile.c \
    %D%/compile.h \
    %D%/git.c \
    %D%/git.h \
    %D%/json_write.c \
    %D%/json_write.h \
    %D%/main.c \
    %D%/run_folder.c \
    %D%/run_folder.h \
    %D%/side.c \
    %D%/side.h \
    %D%/table.c \
    %D%/table.h \
    %D%/temporary.c \
    %D%/temporary.h
