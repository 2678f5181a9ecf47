/* compile.c - the order of the stages, and the whole way to a program. */
#include "compiler/base/base.h"
#include "compiler/plan/plan_bill.h"
#include "compiler/tool/compile.h"
#include "compiler/tool/temporary.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* ------------------------------------------------------------------ a compilation */

Ctx *compile_create(void)
{
    Arena *arena = arena_create();
    Ctx *ctx = arena_new(arena, Ctx);
    ctx->arena = arena;
    return ctx;
}

void compile_destroy(Ctx *ctx)
{
    arena_destroy(ctx->arena);
}

static bool wants_colour(const Ctx *ctx)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    if (ctx->diag_options.color != COLOR_AUTO)
        return ctx->diag_options.color == COLOR_ALWAYS;
    return !(no_color && *no_color) && isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

void compile_report(Ctx *ctx)
{
    bool colour = wants_colour(ctx);
    fflush(stdout);
    diag_print_all(ctx, stderr, colour);
    if (ctx->fatal_message)
        fprintf(stderr, "graftc: %serror:%s %s\n", colour ? "\033[1;31m" : "",
                colour ? "\033[0m" : "", ctx->fatal_message);
}

int compile_run(Ctx *ctx, int (*body)(Ctx *ctx, const void *arg), const void *arg)
{
    volatile int code = EXIT_OK;
    if (setjmp(ctx->landing) == 0)
        code = body(ctx, arg);
    else
        code = ctx->fatal_exit;
    temporary_remove();
    if (ctx->n_errors && (code == EXIT_OK || code == EXIT_SPEC))
        code = ctx->errors_exit ? ctx->errors_exit : EXIT_SPEC;
    return code;
}

void compile_report_weights(const Compilation *done)
{
    if (done->report.text)
        fputs(done->report.text, stderr);
}

int compile_guard(Ctx *ctx, int (*body)(Ctx *ctx, const void *arg), const void *arg)
{
    int code = compile_run(ctx, body, arg);
    compile_report(ctx);
    return code;
}

/* ---------------------------------------------------------------------- the stages */

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* With --verbose: how long the stage took that ends here, and what else there is to say of it. */
static void say_more(const Ctx *ctx, const char *stage, double *since, const char *more)
{
    double time = now();
    if (ctx->verbose)
        fprintf(stderr, "%-8s %8.3f s%s\n", stage, time - *since, more);
    *since = time;
}

static void say(const Ctx *ctx, const char *stage, double *since)
{
    say_more(ctx, stage, since, "");
}

static void forget_weights(Spec *spec)
{
    spec->backbone_weights = (WeightsSpec){.random = true, .loc = spec->backbone_weights.loc};
    spec->weights = (WeightsSpec){0};
}

/* As if every layer that a weight file is for were in the file. */
static void assume_loaded(Graph *graph)
{
    const Spec *spec = graph->spec;
    for (uint32_t i = 0; i < graph->nodes.n; i++) {
        Node *node = &graph->nodes.at[i];
        node->loaded = node->params.n && (spec->weights.path || (spec->backbone_weights.path &&
                                                                 node->part == PART_BACKBONE));
    }
}

/* The processor of the spec. One that is named there is looked at even when no Plan is made. */
static void find_target(Ctx *ctx, const Spec *spec, Stage stage, Target *out)
{
    if (stage < STAGE_PLAN && strcmp(spec->target_cpu, "native") == 0)
        return;
    const char *why = target_find(ctx, spec->target_cpu, out);
    if (why && !spec->target_loc.file)
        fatal(ctx, EXIT_SPEC, "%s", why);
    if (!why)
        return;
    Diag *diag = diag_error(ctx, spec->target_loc, R_target_cpu, "%s", why);
    diag_hint(ctx, diag, (Loc){0}, "try native, x86-64-v3, x86-64-v4, or a name that 'llc "
                                   "-march=x86-64 -mcpu=help' or -march=aarch64 lists");
}

/* The Plan; false when there is none, or when it needs more memory than it may. */
static bool make_plan(Ctx *ctx, const CompileOptions *options, Compilation *out, double *since)
{
    uint32_t errors = ctx->n_errors;
    out->plan = options->no_values ? plan_sizes(ctx, out->graph, out->target)
                                   : plan_build(ctx, out->graph, out->target);
    if (ctx->n_errors != errors)
        return false;
    plan_verify(out->plan);
    if (options->memory_limit)
        plan_check_memory(ctx, out->plan, options->memory_limit);
    say(ctx, "plan", since);
    return ctx->n_errors == errors;
}

bool compile(Ctx *ctx, const CompileOptions *options, Stage stage, Compilation *out)
{
    uint32_t first_diag = ctx->diags.n, errors = ctx->n_errors;
    double since = now();
    *out = (Compilation){0};

    if (stage == STAGE_TREE) {
        out->spec = arena_new(ctx->arena, Spec);
        out->spec->tree =
            spec_read_tree(ctx, options->spec_path, options->sets, options->n_sets);
        return out->spec->tree && ctx->n_errors == errors;
    }
    Spec *spec = spec_read(ctx, options->spec_path, options->sets, options->n_sets);
    say(ctx, "spec", &since);
    out->spec = spec;
    if (!spec || stage == STAGE_SPEC)
        return spec != NULL;
    if (options->no_weights)
        forget_weights(spec);

    find_target(ctx, spec, stage, &out->target);
    out->graph = graph_build(ctx, spec);
    spec_note_inherited(ctx, &spec->sources, first_diag);
    say(ctx, "graph", &since);
    if (!out->graph)
        return false;
    graph_verify(out->graph);
    if (stage == STAGE_GRAPH || ctx->n_errors != errors)
        return ctx->n_errors == errors;

    if (options->no_values) {
        assume_loaded(out->graph);
        return make_plan(ctx, options, out, &since);
    }
    first_diag = ctx->diags.n;
    weights_load(ctx, out->graph, &out->report);
    spec_note_inherited(ctx, &spec->sources, first_diag);
    say(ctx, "weights", &since);
    if (ctx->n_errors != errors)
        ctx->errors_exit = EXIT_WEIGHTS;
    if (ctx->n_errors != errors || stage == STAGE_WEIGHTS)
        return ctx->n_errors == errors;
    return make_plan(ctx, options, out, &since);
}

/* --------------------------------------------------------------------- the program */

/* Folder of a path, "." when it names none. */
static const char *folder_of(Ctx *ctx, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return ".";
    return slash == path ? "/" : arena_strndup(ctx->arena, path, (size_t)(slash - path));
}

bool compile_program(Ctx *ctx, const CompileOptions *options, const char *out_path,
                     Compilation *out)
{
    if (!compile(ctx, options, STAGE_PLAN, out))
        return false;
    double since = now();
    const char *folder = temporary_create(ctx, folder_of(ctx, out_path));
    const char *rodata = arena_printf(ctx->arena, "%s/rodata", folder);
    const char *program = arena_printf(ctx->arena, "%s/program", folder);
    ProgramInfo info = {.plan = out->plan,
                        .spec = out->spec,
                        .version = PACKAGE_VERSION,
                        .weights_report = out->report.text ? out->report.text : "",
                        .rodata_path = rodata};
    emit_rodata(ctx, out->plan, rodata);
    ProgramObjects objects;
    emit_objects(ctx, &info, folder, options->kernel_cache, &objects);
    say_more(ctx, "emit", &since,
             arena_printf(ctx->arena, ", %u of %u kernels from the cache", objects.n_cached,
                          objects.n_kernels));
    link_program(ctx, objects.paths, objects.n, program);
    if (rename(program, out_path) != 0)
        fatal(ctx, EXIT_FILE, "cannot write %s: %s", out_path, strerror(errno));
    temporary_remove();
    say(ctx, "link", &since);
    return true;
}
