/* emit_target.c - the processors that can be compiled for, and what they have.
 *
 * LLVM's C interface does not say what a processor can do, so a vector sum of products is compiled
 * for it and the instructions are looked at. */
#include "compiler/base/base.h"
#include "compiler/emit/emit_llvm.h"

#include <stdlib.h>
#include <unistd.h>

enum { MAX_CPU_NAME = 64 };

static void initialise_llvm(void)
{
    LLVMInitializeAllTargetInfos();
    LLVMInitializeAllTargets();
    LLVMInitializeAllTargetMCs();
    LLVMInitializeAllAsmPrinters();
    LLVMInitializeAllAsmParsers();
}

/* NULL when this LLVM has no such target. */
static LLVMTargetMachineRef create_machine(const Target *target)
{
    LLVMTargetRef llvm_target;
    char *message = NULL;
    if (LLVMGetTargetFromTriple(target->triple, &llvm_target, &message)) {
        LLVMDisposeMessage(message);
        return NULL;
    }
    return LLVMCreateTargetMachine(llvm_target, target->triple, target->cpu, target->features,
                                   LLVMCodeGenLevelAggressive, LLVMRelocPIC, LLVMCodeModelDefault);
}

LLVMTargetMachineRef emit_target_machine(Ctx *ctx, const Target *target)
{
    initialise_llvm();
    LLVMTargetMachineRef machine = create_machine(target);
    if (!machine)
        fatal(ctx, EXIT_SPEC, "LLVM has no target %s", target->triple);
    return machine;
}

static void string_attribute(LLVMContextRef llvm, LLVMValueRef function, const char *name,
                             const char *value)
{
    LLVMAddAttributeAtIndex(function, LLVMAttributeFunctionIndex,
                            LLVMCreateStringAttribute(llvm, name, (unsigned)strlen(name), value,
                                                      (unsigned)strlen(value)));
}

/* LLVM takes half of the register on processors that it thinks slow down otherwise. */
static void whole_registers(LLVMContextRef llvm, LLVMValueRef function)
{
    string_attribute(llvm, function, "prefer-vector-width", "512");
    string_attribute(llvm, function, "min-legal-vector-width", "512");
}

void emit_target_attributes(const EmitLlvm *em, LLVMValueRef function)
{
    string_attribute(em->llvm, function, "target-cpu", em->target->cpu);
    if (em->target->features[0])
        string_attribute(em->llvm, function, "target-features", em->target->features);
    if (em->target->lanes == 16)
        whole_registers(em->llvm, function);
}

/* ------------------------------------------------------------------------ names */

/* Whether LLVM knows the processor; it says so on standard error, which is read back. */
static bool knows_cpu(Ctx *ctx, const Target *target)
{
    FILE *said = tmpfile();
    fflush(stderr);
    int saved = dup(STDERR_FILENO);
    if (!said || saved < 0 || dup2(fileno(said), STDERR_FILENO) < 0)
        fatal(ctx, EXIT_FILE, "cannot make a temporary file");
    LLVMTargetMachineRef machine = create_machine(target);
    dup2(saved, STDERR_FILENO);
    close(saved);
    bool known = machine && lseek(fileno(said), 0, SEEK_END) == 0;
    fclose(said);
    if (machine)
        LLVMDisposeTargetMachine(machine);
    return known;
}

static bool plausible_name(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789-._";
    size_t n = strlen(name);
    return n > 0 && n <= MAX_CPU_NAME && strspn(name, allowed) == n && strcmp(name, "help") != 0;
}

static int compare_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* LLVM lists the features in the order of a hash: sorted here. */
static const char *sorted_features(Ctx *ctx, const char *list)
{
    ARR(const char *) features = {0};
    char *copy = arena_strdup(ctx->arena, list), *rest = NULL;
    for (char *f = strtok_r(copy, ",", &rest); f; f = strtok_r(NULL, ",", &rest))
        *arr_push(ctx->arena, &features) = f;
    if (features.n == 0)
        return "";
    qsort(features.at, features.n, sizeof *features.at, compare_text);
    Buf out = buf_create(ctx->arena);
    for (uint32_t i = 0; i < features.n; i++)
        buf_printf(&out, "%s%s", i ? "," : "", features.at[i]);
    return out.at;
}

static const char *take_message(Ctx *ctx, char *message)
{
    const char *text = arena_strdup(ctx->arena, message);
    LLVMDisposeMessage(message);
    return text;
}

static const char *host_triple(Ctx *ctx)
{
    char *plain = LLVMGetDefaultTargetTriple();
    const char *triple = take_message(ctx, LLVMNormalizeTargetTriple(plain));
    LLVMDisposeMessage(plain);
    return triple;
}

static Target host_target(Ctx *ctx)
{
    Target target = {.triple = host_triple(ctx)};
    target.cpu = take_message(ctx, LLVMGetHostCPUName());
    target.features = sorted_features(ctx, take_message(ctx, LLVMGetHostCPUFeatures()));
    return target;
}

/* A processor of this machine's kind, else of another kind that LLVM compiles for. */
static Target named_target(Ctx *ctx, const char *name)
{
    const char *triples[] = {host_triple(ctx), "x86_64-unknown-linux-gnu",
                             "aarch64-unknown-linux-gnu"};
    for (size_t i = 0; plausible_name(name) && i < COUNT_OF(triples); i++) {
        Target target = {.cpu = name, .features = "", .triple = triples[i]};
        if (knows_cpu(ctx, &target))
            return target;
    }
    fatal(ctx, EXIT_SPEC,
          "LLVM does not know the processor '%s'; try native, x86-64-v3, x86-64-v4, or a name that "
          "'llc -march=x86-64 -mcpu=help' lists",
          name);
}

/* ----------------------------------------------------------------------- probe */

/* 16 floats rounded to bfloat16: an instruction of the same extension as the product of pairs. */
static void add_rounding(LLVMContextRef llvm, LLVMModuleRef module)
{
    LLVMTypeRef from = LLVMVectorType(LLVMFloatTypeInContext(llvm), 16);
    LLVMTypeRef to = LLVMVectorType(LLVMBFloatTypeInContext(llvm), 16);
    LLVMValueRef function = LLVMAddFunction(module, "g", LLVMFunctionType(to, &from, 1, false));
    whole_registers(llvm, function);
    LLVMBuilderRef build = LLVMCreateBuilderInContext(llvm);
    LLVMPositionBuilderAtEnd(build, LLVMAppendBasicBlockInContext(llvm, function, ""));
    LLVMBuildRet(build, LLVMBuildFPTrunc(build, LLVMGetParam(function, 0), to, ""));
    LLVMDisposeBuilder(build);
}

/* a * b + c on 16 lanes */
static LLVMModuleRef sum_of_products(LLVMContextRef llvm)
{
    LLVMModuleRef module = LLVMModuleCreateWithNameInContext("probe", llvm);
    LLVMTypeRef type = LLVMVectorType(LLVMFloatTypeInContext(llvm), 16);
    LLVMTypeRef types[] = {type, type, type};
    LLVMValueRef function = LLVMAddFunction(module, "f", LLVMFunctionType(type, types, 3, false));
    whole_registers(llvm, function);
    LLVMBuilderRef build = LLVMCreateBuilderInContext(llvm);
    LLVMPositionBuilderAtEnd(build, LLVMAppendBasicBlockInContext(llvm, function, ""));
    unsigned id = LLVMLookupIntrinsicID("llvm.fma", strlen("llvm.fma"));
    LLVMValueRef args[3];
    LLVMGetParams(function, args);
    LLVMValueRef sum =
        LLVMBuildCall2(build, LLVMIntrinsicGetType(llvm, id, types, 1),
                       LLVMGetIntrinsicDeclaration(module, id, types, 1), args, 3, "");
    LLVMBuildRet(build, sum);
    LLVMDisposeBuilder(build);
    return module;
}

/* The instructions of both. */
static const char *probe_text(Ctx *ctx, const Target *target)
{
    Target probed = *target;
    if (strncmp(target->triple, "x86_64", 6) == 0) /* LLVM aborts on processors of 32 bits */
        probed.features = arena_printf(ctx->arena, "%s%s+64bit", target->features,
                                       target->features[0] ? "," : "");
    LLVMTargetMachineRef machine = emit_target_machine(ctx, &probed);
    LLVMContextRef llvm = LLVMContextCreate();
    LLVMModuleRef module = sum_of_products(llvm);
    if (strncmp(target->triple, "x86_64", 6) == 0)
        add_rounding(llvm, module);
    LLVMMemoryBufferRef text;
    char *message = NULL;
    if (LLVMTargetMachineEmitToMemoryBuffer(machine, module, LLVMAssemblyFile, &message, &text))
        fatal(ctx, EXIT_SPEC, "cannot compile for '%s': %s", target->cpu, message);
    const char *copy = arena_strndup(ctx->arena, LLVMGetBufferStart(text), LLVMGetBufferSize(text));
    LLVMDisposeMemoryBuffer(text);
    LLVMDisposeModule(module);
    LLVMContextDispose(llvm);
    LLVMDisposeTargetMachine(machine);
    return copy;
}

/* false: no fused multiply-add */
static bool find_registers(Target *target, const char *text)
{
    static const struct {
        const char *instruction, *reg;
        int lanes, registers;
    } kinds[] = {{"vfmadd", "%zmm", 16, 32}, {"vfmadd", "%ymm", 8, 16}, {"fmla", ".4s", 4, 32}};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (strstr(text, kinds[i].instruction) && strstr(text, kinds[i].reg)) {
            target->lanes = kinds[i].lanes;
            target->registers = kinds[i].registers;
            return true;
        }
    }
    return false;
}

Target target_resolve(Ctx *ctx, const char *name)
{
    initialise_llvm();
    bool native = !name || strcmp(name, "native") == 0;
    Target target = native ? host_target(ctx) : named_target(ctx, name);
    const char *text = probe_text(ctx, &target);
    target.dot_bfloat16 = strstr(text, "vcvtneps2bf16") != NULL;
    if (!find_registers(&target, text))
        fatal(ctx, EXIT_SPEC,
              "the processor '%s' (%s) has no fused multiply-add (x86-64-v3 has it, and aarch64)",
              target.cpu, target.triple);
    return target;
}
