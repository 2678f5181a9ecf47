/* cmd_check.c - graftc check and graftc resolve. */
#include "compiler/base/base.h"
#include "compiler/tool/command.h"
#include "compiler/tool/diag_json.h"

typedef struct CheckOne {
    const Args *args;
    const char *path;
} CheckOne;

static int check_one(Ctx *ctx, const void *arg)
{
    const CheckOne *one = arg;
    CompileOptions options = command_options(one->args, one->path);
    Compilation done;
    Stage stage = options.memory_limit ? STAGE_PLAN
                  : one->args->weights ? STAGE_WEIGHTS
                                       : STAGE_GRAPH;
    options.no_values = !one->args->weights;
    bool good = compile(ctx, &options, stage, &done);
    compile_report_weights(&done);
    return good ? EXIT_OK : EXIT_SPEC;
}

/* Every file has a compilation of its own, so that one that cannot be read does not hide the rest.
 * The exit code is the highest. */
int cmd_check(Ctx *ctx, const Args *args)
{
    const DiagFormat *format = args->sarif ? &DIAG_SARIF : args->json ? &DIAG_JSON : NULL;
    Buf out = buf_create(ctx->arena);
    DiagWriter writer = {.ctx = ctx, .j = {.out = &out}};
    int code = EXIT_OK;
    if (args->sarif && args->json)
        usage_error(ctx, "--json and --sarif are two answers: give one of them");
    if (args->output && !format)
        usage_error(ctx, "--output is for --json and --sarif");
    if (format)
        format->begin(&writer);
    for (uint32_t i = 0; i < args->words.n; i++) {
        CheckOne one = {args, args->words.at[i]};
        Ctx *own = compile_create();
        own->diag_options = ctx->diag_options;
        int got = compile_run(own, check_one, &one);
        if (format)
            diag_write(&writer, format, own, one.path);
        else
            compile_report(own);
        compile_destroy(own);
        if (got > code)
            code = got;
    }
    if (!format)
        return code;
    format->end(&writer, code);
    buf_puts(&out, "\n");
    command_write(ctx, args, out.at, out.n);
    return code;
}

int cmd_resolve(Ctx *ctx, const Args *args)
{
    CompileOptions options = command_options(args, args->words.at[0]);
    Compilation done;
    if (!compile(ctx, &options, STAGE_SPEC, &done))
        return EXIT_SPEC;
    const char *text = args->origin ? spec_with_origins(ctx, done.spec) : done.spec->canonical;
    command_write(ctx, args, text, strlen(text));
    return EXIT_OK;
}
