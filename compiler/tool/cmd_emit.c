/* cmd_emit.c - graftc emit: what each stage of the compiler makes, as a file. */
#include "compiler/base/base.h"
#include "compiler/tool/command.h"
#include "compiler/tool/temporary.h"

#include <errno.h>
#include <unistd.h>

typedef void Printer(Ctx *ctx, const Compilation *done, Buf *out);

static void print_tree(Ctx *ctx, const Compilation *done, Buf *out)
{
    (void)ctx;
    ytree_print(done->spec->tree, out);
}

static void print_spec(Ctx *ctx, const Compilation *done, Buf *out)
{
    (void)ctx;
    buf_puts(out, done->spec->canonical);
}

static void print_graph(Ctx *ctx, const Compilation *done, Buf *out)
{
    (void)ctx;
    graph_print(done->graph, out);
}

static void print_plan(Ctx *ctx, const Compilation *done, Buf *out)
{
    (void)ctx;
    plan_print(done->plan, out);
}

static void print_kernels(Ctx *ctx, const Compilation *done, Buf *out)
{
    (void)ctx;
    for (uint32_t i = 0; i < done->plan->kernels.n; i++) {
        if (i)
            buf_puts(out, "\n");
        kir_print(done->plan->kernels.at[i], out);
    }
}

static ProgramInfo program_info(const Compilation *done)
{
    return (ProgramInfo){
        .plan = done->plan, .spec = done->spec, .version = PACKAGE_VERSION, .weights_report = ""};
}

static void print_c(Ctx *ctx, const Compilation *done, Buf *out)
{
    ProgramInfo info = program_info(done);
    emit_c(ctx, &info, out);
}

/* One row a kind: how far to go, and who prints; NULL: LLVM writes a file of emit. */
static const struct {
    const char *name;
    Stage stage;
    Printer *print;
    EmitKind emit;
} KINDS[] = {
    {"tree", STAGE_TREE, print_tree, 0},     {"spec", STAGE_SPEC, print_spec, 0},
    {"graph", STAGE_GRAPH, print_graph, 0},  {"plan", STAGE_PLAN, print_plan, 0},
    {"kernels", STAGE_PLAN, print_kernels, 0}, {"c", STAGE_PLAN, print_c, 0},
    {"llvm", STAGE_PLAN, NULL, EMIT_LLVM},   {"llvm-opt", STAGE_PLAN, NULL, EMIT_LLVM_OPT},
    {"asm", STAGE_PLAN, NULL, EMIT_ASM},     {"obj", STAGE_PLAN, NULL, EMIT_OBJ},
};

const char *emit_kind_name(size_t i)
{
    return i < COUNT_OF(KINDS) ? KINDS[i].name : NULL;
}

/* LLVM writes to paths: what goes to standard output passes through a temporary file. */
static void write_llvm(Ctx *ctx, const Args *args, EmitKind kind, const Compilation *done)
{
    ProgramInfo info = program_info(done);
    if (args->output) {
        emit_llvm(ctx, &info, kind, args->output);
        return;
    }
    if (kind == EMIT_OBJ && isatty(STDOUT_FILENO))
        usage_error(ctx, "an object is not for a terminal: give -o FILE");
    const char *path =
        arena_printf(ctx->arena, "%s/module", temporary_create(ctx, NULL));
    emit_llvm(ctx, &info, kind, path);
    FILE *file = fopen(path, "rb");
    char bytes[65536];
    size_t n;
    if (!file)
        fatal(ctx, EXIT_FILE, "cannot read %s: %s", path, strerror(errno));
    while ((n = fread(bytes, 1, sizeof bytes, file)) > 0)
        command_write(ctx, args, bytes, n);
    fclose(file);
}

int cmd_emit(Ctx *ctx, const Args *args)
{
    if (!args->kind)
        usage_error(ctx, "--kind is missing; see graftc emit --help for the kinds");
    size_t kind = word_index(ctx, "KIND", args->kind);
    CompileOptions options = command_options(args, args->words.at[0]);
    options.no_weights = KINDS[kind].stage == STAGE_PLAN;
    Compilation done;
    if (!compile(ctx, &options, KINDS[kind].stage, &done))
        return EXIT_SPEC;
    if (!KINDS[kind].print) {
        write_llvm(ctx, args, KINDS[kind].emit, &done);
        return EXIT_OK;
    }
    Buf out = buf_create(ctx->arena);
    KINDS[kind].print(ctx, &done, &out);
    command_write(ctx, args, out.at, out.n);
    return EXIT_OK;
}
