# the Plan
libgraft_a_SOURCES += \
    %D%/lower.c \
    %D%/lower.h \
    %D%/lower_param.c \
    %D%/plan.h \
    %D%/plan_bill.c \
    %D%/plan_bill.h \
    %D%/plan_build.c \
    %D%/plan_memory.c \
    %D%/plan_print.c
