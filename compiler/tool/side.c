/* side.c - a spec that is compared: compiled without weight files, its values listed. */
#include "compiler/base/base.h"
#include "compiler/tool/side.h"

typedef struct Loading {
    const SideRequest *request;
    DiffSide *side;
} Loading;

static int load(Ctx *ctx, const void *arg)
{
    const Loading *loading = arg;
    const SideRequest *request = loading->request;
    CompileOptions options = {.spec_path = request->path};
    if (request->args)
        options = command_options(request->args, request->path);
    options.no_values = true;
    Compilation done;
    ctx->source = request->source;
    if (!compile(ctx, &options, STAGE_PLAN, &done)) {
        if (!request->alone || !done.spec)
            return EXIT_SPEC;
        done.graph = NULL;
        ctx->n_errors = 0;
    }
    *loading->side = (DiffSide){.label = request->label ? request->label : request->path,
                                .spec = done.spec,
                                .graph = done.graph,
                                .plan = done.plan,
                                .values = spec_values(ctx, done.spec)};
    for (uint32_t i = 0; i < loading->side->values.n; i++) {
        SpecValue *value = &loading->side->values.at[i];
        value->file = value->file ? file_place(ctx, value->file) : NULL;
    }
    ctx->diags.n = 0;
    return EXIT_OK;
}

int side_load(Ctx *own, const SideRequest *request, DiffSide *side)
{
    Loading loading = {request, side};
    return compile_guard(own, load, &loading);
}
