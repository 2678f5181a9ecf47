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
    uint64_t memory_limit;   /* of the program, in bytes; 0: none */
    const char *kernel_cache; /* compile_program: folder of kernel_cache.h; NULL: none */
    bool no_weights;         /* weights count as random: summary, emit without the files */
    bool no_values;          /* a Plan of sizes only, weight files count as complete: plan, diff */
} CompileOptions;

typedef struct Compilation {
    Spec *spec;
    Graph *graph;
    Target target; /* known when it is no native one or a Plan is made */
    Plan *plan;
    WeightReport report;
} Compilation;

/* Memory, diagnostics and landing of one compilation. */
Ctx *compile_create(void);
void compile_destroy(Ctx *ctx);
/* The diagnostics so far, and what ended the compilation, to stderr. */
void compile_report(Ctx *ctx);
/* What the weight files gave, to stderr; nothing when none was read. */
void compile_report_weights(const Compilation *done);
/* Runs body with a landing for fatal(), which leaves ctx->fatal_message, and removes what is
 * temporary. The exit code: body's, fatal()'s, or when there were errors that of the errors. */
int compile_run(Ctx *ctx, int (*body)(Ctx *ctx, const void *arg), const void *arg);
/* The same, and reports. */
int compile_guard(Ctx *ctx, int (*body)(Ctx *ctx, const void *arg), const void *arg);

/* Runs the stages up to and including `stage`. false when there were errors (in ctx->diags). */
bool compile(Ctx *ctx, const CompileOptions *options, Stage stage, Compilation *out);
/* The whole way to a program file. */
bool compile_program(Ctx *ctx, const CompileOptions *options, const char *out_path,
                     Compilation *out);

#endif
