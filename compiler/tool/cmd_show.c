/* cmd_show.c - graftc summary, plan, backbones, layers and weights: what there is, as text. */
#include "compiler/base/base.h"
#include "compiler/graph/graph_summary.h"
#include "compiler/tool/command.h"
#include "compiler/tool/data_folder.h"
#include "compiler/tool/plan_json.h"

#include <inttypes.h>

int cmd_summary(Ctx *ctx, const Args *args)
{
    CompileOptions options = command_options(args, args->words.at[0]);
    Compilation done;
    if (!compile(ctx, &options, STAGE_GRAPH, &done))
        return EXIT_SPEC;
    Buf out = buf_create(ctx->arena);
    if (args->json)
        graph_summary_json(done.graph, &out);
    else
        graph_summary(done.graph, &out);
    command_write(ctx, args, out.at, out.n);
    return EXIT_OK;
}

/* Images in a folder of `data`; -1: not known. */
static int64_t count_images(Ctx *ctx, const Spec *spec, const char *path)
{
    DataFolder folder;
    bool known = spec->format == DATA_IMAGE_FOLDER && path &&
                 data_folder_read(ctx, path, 0, &folder) && folder.n_images > 0;
    return known ? folder.n_images : -1;
}

int cmd_plan(Ctx *ctx, const Args *args)
{
    CompileOptions options = command_options(args, args->words.at[0]);
    options.no_values = true;
    Compilation done;
    if (!compile(ctx, &options, STAGE_PLAN, &done))
        return EXIT_SPEC;
    const Spec *spec = done.spec;
    Bill bill = plan_bill(done.plan, count_images(ctx, spec, spec->train),
                          count_images(ctx, spec, spec->test));
    Buf out = buf_create(ctx->arena);
    if (args->json) {
        plan_json(done.plan, &bill, &out);
    } else {
        plan_bill_print(done.plan, &bill, &out);
        plan_print(done.plan, &out);
    }
    command_write(ctx, args, out.at, out.n);
    return EXIT_OK;
}

int cmd_backbones(Ctx *ctx, const Args *args)
{
    Buf out = buf_create(ctx->arena);
    for (const char *const *name = backbone_names(); *name; name++) {
        const Backbone *backbone = backbone_read(ctx, *name, NULL, (Loc){0});
        if (!backbone)
            bug("the built-in backbone %s is broken", *name);
        buf_printf(&out, "%-14s %4u layers, images from %" PRId64 " x %" PRId64, *name,
                   backbone->layers.n, backbone->min_height, backbone->min_width);
        if (backbone->preprocessing)
            buf_printf(&out, ", ImageNet weights expect preprocessing: %s",
                       backbone->preprocessing);
        buf_puts(&out, "\n");
    }
    command_write(ctx, args, out.at, out.n);
    return EXIT_OK;
}

int cmd_layers(Ctx *ctx, const Args *args)
{
    const char *pattern = args->words.n > 1 ? args->words.at[1] : "*";
    const Backbone *backbone = backbone_read(ctx, args->words.at[0], NULL, (Loc){0});
    if (!backbone)
        return EXIT_SPEC;
    Buf out = buf_create(ctx->arena);
    for (uint32_t i = 0; i < backbone->layers.n; i++) {
        const LayerSpec *layer = &backbone->layers.at[i];
        if (glob_match(pattern, layer->name))
            buf_printf(&out, "%-30s %s\n", layer->name, LAYER_KINDS[layer->kind].name);
    }
    if (!out.n)
        fatal(ctx, EXIT_SPEC, "no layer of %s matches '%s'", backbone->name, pattern);
    command_write(ctx, args, out.at, out.n);
    return EXIT_OK;
}

int cmd_weights(Ctx *ctx, const Args *args)
{
    const char *what = args->words.at[0];
    if (strcmp(what, "inspect") != 0)
        usage_error(ctx, "unknown word '%s'; usage: graftc weights inspect FILE", what);
    Compilation done = {0};
    if (args->for_spec) {
        CompileOptions options = command_options(args, args->for_spec);
        if (!compile(ctx, &options, STAGE_GRAPH, &done))
            return EXIT_SPEC;
    } else if (args->sets.n) {
        usage_error(ctx, "--set changes the spec of --for, and there is none");
    }
    Buf out = buf_create(ctx->arena);
    weights_inspect(ctx, args->words.at[1], done.graph, &out);
    command_write(ctx, args, out.at, out.n);
    return EXIT_OK;
}
