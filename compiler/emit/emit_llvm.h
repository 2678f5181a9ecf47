/* emit_llvm.h - inside of the LLVM printer: what its files share. */
#ifndef GRAFT_EMIT_LLVM_H
#define GRAFT_EMIT_LLVM_H

#include "compiler/emit/emit.h"

#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>

/* The machine that compiles, and one module being made. */
typedef struct EmitLlvm {
    Ctx *ctx;
    const Target *target;
    bool apart; /* kernels and tables are modules of their own, which the linker joins */
    LLVMContextRef llvm;
    LLVMModuleRef module;
    LLVMBuilderRef build;
    LLVMTargetMachineRef machine;
    LLVMTargetDataRef layout;
    LLVMTypeRef i1, i8, i16, i32, i64, f32, f64, ptr;
    const char *error; /* first error LLVM reported, NULL none */
} EmitLlvm;

/* ------------------------------------------------------------ emit_target.c */

/* The machine that compiles for the target; fatal(EXIT_SPEC) when LLVM has none. */
LLVMTargetMachineRef emit_target_machine(Ctx *ctx, const Target *target);
bool emit_target_is_aarch64(const Target *target);
/* What every function of the module says of the processor. */
void emit_target_attributes(const EmitLlvm *em, LLVMValueRef function);

/* -------------------------------------------------------------- emit_llvm.c */

/* Kernels alone, without tables, each exported as gk_NAME: for tests and for looking at one. */
void emit_llvm_kernels(Ctx *ctx, const Target *target, const Kernel *const *kernels, uint32_t n,
                       EmitKind kind, const char *path);
/* Opens the machine; where kernels and tables are apart, any number of emit_llvm_alone and
 * emit_llvm_tables_alone may follow. */
void emit_llvm_open(EmitLlvm *em, Ctx *ctx, const Target *target, bool apart);
void emit_llvm_close(EmitLlvm *em);
/* The object of one kernel: the same bytes whatever program it is for. bug() when LLVM fails. */
Buf emit_llvm_alone(EmitLlvm *em, const Kernel *kernel);
/* The object of the tables, to path; fatal on failure. */
void emit_llvm_tables_alone(EmitLlvm *em, const ProgramInfo *info, const char *path);
/* An attribute by LLVM's name: "nounwind", 0. */
LLVMAttributeRef emit_llvm_attribute(const EmitLlvm *em, const char *name, uint64_t value);
/* Values of the attribute "memory", as LLVM's ModRef.h packs them: two bits a kind of memory, of
 * which the second is what no program can name. */
enum { MEMORY_NONE = 0, MEMORY_INACCESSIBLE = 3 << 2 };

/* ------------------------------------------------------- emit_llvm_kernel.c */

/* void gk_NAME(ptr args, i64 first, i64 last), exported. Of kernels that are apart:
 * gk_KIND_HASH, for all objects of the program. */
LLVMValueRef emit_llvm_kernel(EmitLlvm *em, const Kernel *kernel);
/* That function, declared where it is not there yet. */
LLVMValueRef emit_llvm_kernel_function(EmitLlvm *em, const Kernel *kernel);

/* One kernel being printed. */
typedef struct LlvmKernel {
    EmitLlvm *em;
    const Kernel *k;
    LLVMValueRef function, task;
    LLVMValueRef *val;                     /* by instruction; of a VAR: its alloca */
    LLVMValueRef buffers[K_MAX_BUFFERS];   /* address of the first element */
    LLVMValueRef own_scope[K_MAX_BUFFERS]; /* alias scopes: the buffer's, and those of the others */
    LLVMValueRef other_scopes[K_MAX_BUFFERS];
    bool after_set; /* a VAR was set since the last load or flow */
} LlvmKernel;

/* -------------------------------------------------------- emit_llvm_value.c */

/* An instruction without effect on memory or flow: index arithmetic, floats, masks. */
LLVMValueRef emit_llvm_value(LlvmKernel *lk, KVal v);
/* float32 rounded to the 16 bits of a bfloat16, and back: KE_BF16 in memory. */
LLVMValueRef emit_llvm_to_bfloat16(EmitLlvm *em, LLVMValueRef value, int lanes);
LLVMValueRef emit_llvm_from_bfloat16(EmitLlvm *em, LLVMValueRef bits, int lanes);
/* Scalar or vector type of `lanes` elements. */
LLVMTypeRef emit_llvm_lanes(LLVMTypeRef elem, int lanes);
/* Calls an overloaded intrinsic, "llvm.fma" on types[0 .. n_types-1]. */
LLVMValueRef emit_llvm_intrinsic(EmitLlvm *em, const char *name, LLVMTypeRef *types,
                                 uint32_t n_types, LLVMValueRef *args, uint32_t n_args);

/* ---------------------------------------------------------- emit_program.c */

/* grt_program and everything it points to; the kernels are there already and become internal, or
 * are apart. */
void emit_llvm_tables(EmitLlvm *em, const ProgramInfo *info);

#endif
