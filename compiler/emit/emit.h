/* emit.h - from the Plan to files: LLVM IR, assembly, object, C, and the linked program. */
#ifndef GRAFT_EMIT_H
#define GRAFT_EMIT_H

#include "compiler/plan/plan.h"

typedef enum { EMIT_LLVM, EMIT_LLVM_OPT, EMIT_ASM, EMIT_OBJ, EMIT_C } EmitKind;

/* emit_target.c: "native", "x86-64-v3", "x86-64-v4", or LLVM's name of a CPU. NULL, or why there
 * are no programs for it. */
const char *target_find(Ctx *ctx, const char *name, Target *out);
/* The same; fatal(EXIT_SPEC) when there are none. */
Target target_resolve(Ctx *ctx, const char *name);

/* What the tables say that is not in the Plan. */
typedef struct ProgramInfo {
    const Plan *plan;
    const Spec *spec;
    const char *version;
    const char *weights_report;
    const char *rodata_path; /* file with the read-only data, for .incbin; NULL: rodata stays undefined */
} ProgramInfo;

/* Adds all of the compiler that decides what it makes of a Plan: its version and file, and LLVM's
 * version (emit_llvm.c). */
void emit_compiler(Buf *out);
/* Kernels and the tables of grt_program as one module (emit_llvm.c, emit_program.c), printed, or
 * compiled for the target, to path. EMIT_OBJ and EMIT_ASM run the passes; fatal on failure. */
void emit_llvm(Ctx *ctx, const ProgramInfo *info, EmitKind kind, const char *path);

/* The objects of a program, in the order in which they are linked. */
typedef struct ProgramObjects {
    const char **paths;
    uint32_t n, n_kernels;
    uint32_t n_cached; /* kernels that the cache had */
} ProgramObjects;
/* The same code as objects in a folder: one of each kernel, one of the tables. Kernels are taken
 * from the cache and put there (kernel_cache.h; NULL: there is none), which changes no byte of
 * them. fatal when an object cannot be made or written (emit_objects.c). */
void emit_objects(Ctx *ctx, const ProgramInfo *info, const char *folder, const char *kernel_cache,
                  ProgramObjects *out);
/* Self-contained, readable C99 with vector extensions: kernels and tables, compiles with gcc and
 * clang without other files; it declares the symbols of read-only data with .incbin when
 * info->rodata_path is set (emit_c.c). */
void emit_c(Ctx *ctx, const ProgramInfo *info, Buf *out);
/* One kernel alone as C (used by emit_c and tests). It needs the prelude once above it. */
void emit_c_kernel(const Kernel *kernel, Buf *out);
void emit_c_prelude(Buf *out);

/* The read-only data of the plan, plan->rodata_bytes long, to a file. */
void emit_rodata(Ctx *ctx, const Plan *plan, const char *path);

/* link.c: objects + runtime -> executable at path, by the system's compiler driver, static but for
 * libc and libm; written whole. */
void link_program(Ctx *ctx, const char *const *objects, uint32_t n_objects, const char *path);

#endif
