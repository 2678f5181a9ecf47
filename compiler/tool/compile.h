/* compile.h - the order of the stages. compile.c is the one place that knows it. */
#ifndef GRAFT_COMPILE_H
#define GRAFT_COMPILE_H

#include "compiler/emit/emit.h"
#include "compiler/weights/weights.h"

/* How far to go. */
typedef enum { STAGE_TREE, STAGE_SPEC, STAGE_GRAPH, STAGE_WEIGHTS, STAGE_PLAN } Stage;

typedef struct CompileOptions {
    const char *spec_path;
    const SetOption *sets;
    uint32_t n_sets;
    const char *target;      /* NULL: native */
    bool no_weights;         /* weights count as random: summary, plan, emit without the files */
    bool no_values;          /* a plan of sizes only, weight files count as complete: diff, compare */
} CompileOptions;

typedef struct Compilation {
    Spec *spec;
    Graph *graph;
    Plan *plan;
    WeightReport report;
} Compilation;

/* Memory, diagnostics and landing of one compilation. */
Ctx *compile_create(void);
void compile_destroy(Ctx *ctx);
/* The diagnostics so far, to stderr. */
void compile_report(Ctx *ctx);
/* Runs body with a landing for fatal(), prints the diagnostics to stderr and removes what is
 * temporary. The exit code: body's, fatal()'s, or EXIT_SPEC when there were errors. */
int compile_guard(Ctx *ctx, int (*body)(Ctx *ctx, const void *arg), const void *arg);

/* Runs the stages up to and including `stage`. false when there were errors (in ctx->diags). */
bool compile(Ctx *ctx, const CompileOptions *options, Stage stage, Compilation *out);
/* The whole way to a program file. */
bool compile_program(Ctx *ctx, const CompileOptions *options, const char *out_path,
                     Compilation *out);

#endif
