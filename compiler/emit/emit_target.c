/* emit_target.c - the processors that can be compiled for, and what they have.
 *
 * A program may use the features of grt_processor.def that its processor has, and nothing else, so
 * that it can look for them when it starts; the processor's name only tunes the code. LLVM's C
 * interface does not say what a processor has, so small functions are compiled for it and the
 * instructions are looked at. */
#include "compiler/base/base.h"
#include "compiler/emit/emit_llvm.h"

#include <llvm-c/IRReader.h>
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

static bool is_x86(const char *triple)
{
    return strncmp(triple, "x86_64", 6) == 0;
}

bool emit_target_is_aarch64(const Target *target)
{
    return !is_x86(target->triple);
}

/* What every processor of the kind has. */
static const char *first_cpu(const char *triple)
{
    return is_x86(triple) ? "x86-64" : "generic";
}

/* NULL when this LLVM has no such target. */
static LLVMTargetMachineRef create_machine(const char *triple, const char *cpu,
                                           const char *features)
{
    LLVMTargetRef llvm_target;
    char *message = NULL;
    if (LLVMGetTargetFromTriple(triple, &llvm_target, &message)) {
        LLVMDisposeMessage(message);
        return NULL;
    }
    return LLVMCreateTargetMachine(llvm_target, triple, cpu, features, LLVMCodeGenLevelAggressive,
                                   LLVMRelocPIC, LLVMCodeModelDefault);
}

LLVMTargetMachineRef emit_target_machine(Ctx *ctx, const Target *target)
{
    initialise_llvm();
    LLVMTargetMachineRef machine =
        create_machine(target->triple, first_cpu(target->triple), target->features);
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
#define WHOLE_REGISTERS "512"

void emit_target_attributes(const EmitLlvm *em, LLVMValueRef function)
{
    const Target *target = em->target;
    string_attribute(em->llvm, function, "target-cpu", first_cpu(target->triple));
    string_attribute(em->llvm, function, "tune-cpu", target->cpu);
    if (target->features[0])
        string_attribute(em->llvm, function, "target-features", target->features);
    if (target->lanes == 16) {
        string_attribute(em->llvm, function, "prefer-vector-width", WHOLE_REGISTERS);
        string_attribute(em->llvm, function, "min-legal-vector-width", WHOLE_REGISTERS);
    }
}

/* ------------------------------------------------------------------------ names */

/* Whether LLVM knows the processor; it says so on standard error, which is read back. */
static bool knows_cpu(Ctx *ctx, const char *triple, const char *cpu)
{
    FILE *said = tmpfile();
    fflush(stderr);
    int saved = dup(STDERR_FILENO);
    if (!said || saved < 0 || dup2(fileno(said), STDERR_FILENO) < 0)
        fatal(ctx, EXIT_FILE, "cannot make a temporary file");
    LLVMTargetMachineRef machine = create_machine(triple, cpu, "");
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

/* The triple of the processor: of this machine's kind, else of another kind that LLVM compiles for.
 * NULL when it knows none of this name. */
static const char *find_triple(Ctx *ctx, const char *name)
{
    const char *triples[] = {host_triple(ctx), "x86_64-unknown-linux-gnu",
                             "aarch64-unknown-linux-gnu"};
    for (size_t i = 0; plausible_name(name) && i < COUNT_OF(triples); i++)
        if (knows_cpu(ctx, triples[i], name))
            return triples[i];
    return NULL;
}

/* -------------------------------------------------------------------- features */

typedef struct Feature {
    const char *name, *type, *operation, *instruction;
} Feature;

static const Feature FEATURES[] = {
#define GRT_FEATURE(name, leaf, subleaf, reg, bit, state, type, operation, instruction) \
    {#name, type, operation, instruction},
#include "runtime/grt_processor.def"
};

/* A function with the operation of each feature, as LLVM's text. */
static LLVMModuleRef probe_module(Ctx *ctx, LLVMContextRef llvm)
{
    Buf text = buf_create(ctx->arena);
    for (size_t i = 0; i < COUNT_OF(FEATURES); i++) {
        const Feature *f = &FEATURES[i];
        buf_printf(&text, "define %s @%s(%s %%a, %s %%b) #0 {\n%s\nret %s %%r\n}\n", f->type,
                   f->name, f->type, f->type, f->operation, f->type);
    }
    buf_puts(&text, "attributes #0 = { \"prefer-vector-width\"=\"" WHOLE_REGISTERS
                    "\" \"min-legal-vector-width\"=\"" WHOLE_REGISTERS "\" }\n");
    LLVMMemoryBufferRef memory = LLVMCreateMemoryBufferWithMemoryRange(text.at, text.n, "probe", 1);
    LLVMModuleRef module;
    char *message = NULL;
    if (LLVMParseIRInContext(llvm, memory, &module, &message)) /* takes the memory */
        bug("the probe of processors is no module: %s", message);
    return module;
}

/* Assembly of the probe for a processor of x86-64. */
static const char *probe_text(Ctx *ctx, const char *triple, const char *cpu, const char *features)
{
    LLVMTargetMachineRef machine = create_machine(triple, cpu, features);
    if (!machine)
        fatal(ctx, EXIT_SPEC, "LLVM has no target %s", triple);
    LLVMContextRef llvm = LLVMContextCreate();
    LLVMModuleRef module = probe_module(ctx, llvm);
    LLVMMemoryBufferRef text;
    char *message = NULL;
    if (LLVMTargetMachineEmitToMemoryBuffer(machine, module, LLVMAssemblyFile, &message, &text))
        fatal(ctx, EXIT_SPEC, "cannot compile for '%s': %s", cpu, message);
    const char *copy = arena_strndup(ctx->arena, LLVMGetBufferStart(text), LLVMGetBufferSize(text));
    LLVMDisposeMemoryBuffer(text);
    LLVMDisposeModule(module);
    LLVMContextDispose(llvm);
    LLVMDisposeTargetMachine(machine);
    return copy;
}

/* Whether the instruction stands in the feature's function. */
static bool shows_feature(Ctx *ctx, const char *text, const Feature *feature)
{
    const char *begin = strstr(text, arena_printf(ctx->arena, "\n%s:", feature->name));
    const char *end = begin ? strstr(begin, "\n.Lfunc_end") : NULL;
    const char *found = begin ? strstr(begin, feature->instruction) : NULL;
    if (!end)
        bug("the probe of processors has no function %s", feature->name);
    return found && found < end;
}

/* Fills needs and features. LLVM aborts on processors of 32 bits, and prefers AMD's old fused
 * multiply-add where there are two. */
static void find_features(Ctx *ctx, Target *target, const char *host_features)
{
    const char *features =
        arena_printf(ctx->arena, "%s%s+64bit,-fma4", host_features, host_features[0] ? "," : "");
    const char *text = probe_text(ctx, target->triple, target->cpu, features);
    Buf names = buf_create(ctx->arena), switches = buf_create(ctx->arena);
    for (size_t i = 0; i < COUNT_OF(FEATURES); i++) {
        if (!shows_feature(ctx, text, &FEATURES[i]))
            continue;
        buf_printf(&names, "%s%s", names.n ? " " : "", FEATURES[i].name);
        buf_printf(&switches, "%s+%s", switches.n ? "," : "", FEATURES[i].name);
    }
    target->needs = names.n ? names.at : "";
    target->features = switches.n ? switches.at : "";
}

static bool needs(const Target *target, const char *name)
{
    size_t n = strlen(name);
    for (const char *word = target->needs; (word = strstr(word, name)); word += n)
        if ((word == target->needs || word[-1] == ' ') && (!word[n] || word[n] == ' '))
            return true;
    return false;
}

/* Every aarch64 has four lanes and a fused multiply-add. */
static bool find_registers(Target *target)
{
    if (!is_x86(target->triple)) {
        target->lanes = 4;
        target->registers = 32;
    } else if (needs(target, "avx512f")) {
        target->lanes = 16;
        target->registers = 32;
    } else if (needs(target, "fma")) {
        target->lanes = 8;
        target->registers = 16;
    }
    return target->lanes > 0;
}

const char *target_find(Ctx *ctx, const char *name, Target *out)
{
    initialise_llvm();
    bool native = strcmp(name, "native") == 0;
    const char *triple = native ? host_triple(ctx) : find_triple(ctx, name);
    if (!triple)
        return arena_printf(ctx->arena, "LLVM does not know the processor '%s'", name);
    Target target = {.triple = triple, .cpu = name, .needs = "", .features = ""};
    if (native)
        target.cpu = take_message(ctx, LLVMGetHostCPUName());
    if (is_x86(triple))
        find_features(ctx, &target, native ? take_message(ctx, LLVMGetHostCPUFeatures()) : "");
    target.dot_bfloat16 = needs(&target, "avx512bf16") && needs(&target, "avx512vl");
    if (!find_registers(&target))
        return arena_printf(ctx->arena, "the processor '%s' has no fused multiply-add", target.cpu);
    *out = target;
    return NULL;
}

Target target_resolve(Ctx *ctx, const char *name)
{
    Target target;
    const char *why = target_find(ctx, name, &target);
    if (why)
        fatal(ctx, EXIT_SPEC, "%s", why);
    return target;
}
