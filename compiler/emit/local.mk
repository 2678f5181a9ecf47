# C, LLVM and linking
libgraft_a_SOURCES += \
    %D%/emit.h \
    %D%/emit_c.c \
    %D%/emit_c.h \
    %D%/emit_c_analyse.c \
    %D%/emit_c_program.c \
    %D%/emit_c_value.c \
    %D%/emit_rodata.c \
    %D%/emit_tables.c \
    %D%/emit_tables.h \
    %D%/kernel_cache.c \
    %D%/kernel_cache.h
libgraftllvm_a_SOURCES += \
    %D%/emit_llvm.c \
    %D%/emit_llvm.h \
    %D%/emit_llvm_kernel.c \
    %D%/emit_llvm_value.c \
    %D%/emit_objects.c \
    %D%/emit_program.c \
    %D%/emit_target.c \
    %D%/link.c \
    %D%/runtime_dir.c \
    %D%/runtime_dir.h
