/* emit_llvm.c - modules of kernels and tables: made, optimised, written as text or object. */
#include "compiler/base/base.h"
#include "compiler/emit/emit_llvm.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <llvm-c/Analysis.h>
#include <llvm-c/Error.h>
#include <llvm-c/Transforms/PassBuilder.h>

/* The generators have unrolled and vectorised already: what is left is registers for the VARs,
 * addresses, and what does not change in a loop. */
static const char PASSES[] = "function(sroa,early-cse,instcombine<no-verify-fixpoint>,simplifycfg,"
                             "loop-simplify,lcssa,loop-mssa(licm),early-cse<memssa>,"
                             "instcombine<no-verify-fixpoint>,simplifycfg,dce)";

LLVMAttributeRef emit_llvm_attribute(const EmitLlvm *em, const char *name, uint64_t value)
{
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    if (kind == 0)
        bug("LLVM has no attribute %s", name);
    return LLVMCreateEnumAttribute(em->llvm, kind, value);
}

/* LLVM's default handler prints and exits. */
static void keep_diagnostic(LLVMDiagnosticInfoRef info, void *data)
{
    EmitLlvm *em = data;
    if (LLVMGetDiagInfoSeverity(info) != LLVMDSError || em->error)
        return;
    char *text = LLVMGetDiagInfoDescription(info);
    em->error = arena_strdup(em->ctx->arena, text);
    LLVMDisposeMessage(text);
}

void emit_llvm_open(EmitLlvm *em, Ctx *ctx, const Target *target, bool apart)
{
    *em = (EmitLlvm){.ctx = ctx, .target = target, .apart = apart};
    em->machine = emit_target_machine(ctx, target);
    em->layout = LLVMCreateTargetDataLayout(em->machine);
}

void emit_llvm_close(EmitLlvm *em)
{
    LLVMDisposeTargetData(em->layout);
    LLVMDisposeTargetMachine(em->machine);
}

static void begin_module(EmitLlvm *em, const char *name)
{
    em->error = NULL;
    em->llvm = LLVMContextCreate();
    LLVMContextSetDiagnosticHandler(em->llvm, keep_diagnostic, em);
    LLVMContextSetDiscardValueNames(em->llvm, em->apart);
    em->module = LLVMModuleCreateWithNameInContext(name, em->llvm);
    LLVMSetTarget(em->module, em->target->triple);
    LLVMSetModuleDataLayout(em->module, em->layout);
    em->build = LLVMCreateBuilderInContext(em->llvm);
    em->i1 = LLVMInt1TypeInContext(em->llvm);
    em->i8 = LLVMInt8TypeInContext(em->llvm);
    em->i16 = LLVMInt16TypeInContext(em->llvm);
    em->i32 = LLVMInt32TypeInContext(em->llvm);
    em->i64 = LLVMInt64TypeInContext(em->llvm);
    em->f32 = LLVMFloatTypeInContext(em->llvm);
    em->f64 = LLVMDoubleTypeInContext(em->llvm);
    em->ptr = LLVMPointerTypeInContext(em->llvm, 0);
}

static void end_module(EmitLlvm *em)
{
    LLVMDisposeBuilder(em->build);
    LLVMDisposeModule(em->module);
    LLVMContextDispose(em->llvm);
}

static void verify_module(const EmitLlvm *em)
{
    char *message = NULL;
    if (LLVMVerifyModule(em->module, LLVMReturnStatusAction, &message))
        bug("the module is broken: %s", message);
    LLVMDisposeMessage(message);
}

static void run_passes(const EmitLlvm *em)
{
    LLVMPassBuilderOptionsRef options = LLVMCreatePassBuilderOptions();
    LLVMErrorRef error = LLVMRunPasses(em->module, PASSES, em->machine, options);
    LLVMDisposePassBuilderOptions(options);
    if (error)
        bug("LLVM's passes failed: %s", LLVMGetErrorMessage(error));
}

/* ---------------------------------------------------------------------- output */

/* NULL, or what went wrong. */
static const char *write_module(const EmitLlvm *em, EmitKind kind, const char *path)
{
    char *message = NULL;
    LLVMBool failed;
    if (kind == EMIT_LLVM || kind == EMIT_LLVM_OPT)
        failed = LLVMPrintModuleToFile(em->module, path, &message);
    else
        failed = LLVMTargetMachineEmitToFile(em->machine, em->module, path,
                                             kind == EMIT_ASM ? LLVMAssemblyFile : LLVMObjectFile,
                                             &message);
    if (em->error)
        return em->error;
    return failed ? message : NULL;
}

/* A file appears under its name when it is whole. Devices and pipes are written to as they are. */
static void write_whole(const EmitLlvm *em, EmitKind kind, const char *path)
{
    Ctx *ctx = em->ctx;
    struct stat st;
    bool plain = stat(path, &st) != 0 || S_ISREG(st.st_mode);
    const char *target =
        plain ? arena_printf(ctx->arena, "%s.%ld.tmp", path, (long)getpid()) : path;
    const char *error = write_module(em, kind, target);
    if (!error && plain && rename(target, path) != 0)
        error = strerror(errno);
    if (!error)
        return;
    if (plain)
        unlink(target);
    fatal(ctx, EXIT_FILE, "cannot write %s: %s", path, error);
}

static void finish(EmitLlvm *em, EmitKind kind, const char *path)
{
    verify_module(em);
    if (kind != EMIT_LLVM)
        run_passes(em);
    write_whole(em, kind, path);
    end_module(em);
}

void emit_llvm_kernels(Ctx *ctx, const Target *target, const Kernel *const *kernels, uint32_t n,
                       EmitKind kind, const char *path)
{
    EmitLlvm em;
    emit_llvm_open(&em, ctx, target, false);
    begin_module(&em, "kernels");
    for (uint32_t i = 0; i < n; i++)
        emit_llvm_kernel(&em, kernels[i]);
    finish(&em, kind, path);
    emit_llvm_close(&em);
}

void emit_llvm(Ctx *ctx, const ProgramInfo *info, EmitKind kind, const char *path)
{
    const Plan *plan = info->plan;
    EmitLlvm em;
    emit_llvm_open(&em, ctx, &plan->target, false);
    begin_module(&em, info->spec->name);
    for (uint32_t i = 0; i < plan->kernels.n; i++)
        emit_llvm_kernel(&em, plan->kernels.at[i]);
    emit_llvm_tables(&em, info);
    finish(&em, kind, path);
    emit_llvm_close(&em);
}

/* --------------------------------------------------------- kernels and tables apart */

Buf emit_llvm_alone(EmitLlvm *em, const Kernel *kernel)
{
    begin_module(em, "kernel");
    emit_llvm_kernel(em, kernel);
    verify_module(em);
    run_passes(em);
    LLVMMemoryBufferRef memory;
    char *message = NULL;
    bool failed = LLVMTargetMachineEmitToMemoryBuffer(em->machine, em->module, LLVMObjectFile,
                                                      &message, &memory);
    if (failed || em->error)
        bug("LLVM cannot compile kernel %s: %s", kernel->name, em->error ? em->error : message);
    Buf object = buf_create(em->ctx->arena);
    buf_add(&object, LLVMGetBufferStart(memory), LLVMGetBufferSize(memory));
    LLVMDisposeMemoryBuffer(memory);
    end_module(em);
    return object;
}

void emit_llvm_tables_alone(EmitLlvm *em, const ProgramInfo *info, const char *path)
{
    begin_module(em, "tables");
    emit_llvm_tables(em, info);
    finish(em, EMIT_OBJ, path);
}

void emit_compiler(Buf *out)
{
    unsigned major, minor, patch;
    LLVMGetVersion(&major, &minor, &patch);
    buf_printf(out, "%s LLVM %u.%u.%u\n", PACKAGE_VERSION, major, minor, patch);
    file_stamp(out, "/proc/self/exe");
}
