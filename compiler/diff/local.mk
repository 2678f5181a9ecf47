# what differs between two specs
libgraft_a_SOURCES += \
    %D%/diff_print.c \
    %D%/diff_print.h \
    %D%/graph_diff.c \
    %D%/graph_diff.h \
    %D%/spec_diff.c \
    %D%/spec_diff.h \
    %D%/verdict.c
