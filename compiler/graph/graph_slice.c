/* graph_slice.c - cuts a backbone at a layer: what is kept is exactly what the layer depends on.
 *
 * The kept layers are put into the order of Keras's model.layers, by which rules such as
 * unfreeze_from and people's notebooks count: farthest from the output first, and among equally far
 * ones in the order in which a walk from the output towards the inputs meets them. */
#include "compiler/base/base.h"
#include "compiler/graph/backbone_expand.h"
#include "compiler/graph/graph_slice.h"

static void find_inputs(Ctx *ctx, Slice *slice)
{
    const Backbone *backbone = slice->backbone;
    uint32_t n = backbone->layers.n;
    uint32_t *index = arena_array(ctx->arena, uint32_t, n);
    StrMap *names = strmap_create(ctx->arena);
    slice->inputs = arena_array(ctx->arena, LayerInputs, n);
    for (uint32_t i = 0; i < n; i++) {
        const LayerSpec *layer = &backbone->layers.at[i];
        LayerInputs *inputs = &slice->inputs[i];
        inputs->n = layer->from.n;
        inputs->at = arena_array(ctx->arena, uint32_t, inputs->n);
        for (uint32_t k = 0; k < inputs->n; k++) {
            const uint32_t *found = strmap_get(names, layer->from.at[k]);
            inputs->at[k] = found ? *found : BACKBONE_INPUT;
            check_bug(found || strcmp(layer->from.at[k], BACKBONE_IN) == 0);
        }
        index[i] = i;
        strmap_put(names, layer->name, &index[i]);
    }
}

/* By layer: its place in a walk from the slice's last layer that takes inputs in their order and
 * meets every layer once; UINT32_MAX for layers that are not met. */
static uint32_t *walk(Ctx *ctx, const Slice *slice)
{
    uint32_t n = slice->backbone->layers.n, n_met = 0;
    uint32_t *place = arena_array(ctx->arena, uint32_t, n);
    ARR(uint32_t) stack = {0};
    for (uint32_t i = 0; i < n; i++)
        place[i] = UINT32_MAX;
    *arr_push(ctx->arena, &stack) = slice->last;
    while (stack.n) {
        uint32_t i = stack.at[--stack.n];
        if (place[i] != UINT32_MAX)
            continue;
        place[i] = n_met++;
        for (uint32_t k = slice->inputs[i].n; k-- > 0;)
            if (slice->inputs[i].at[k] != BACKBONE_INPUT)
                *arr_push(ctx->arena, &stack) = slice->inputs[i].at[k];
    }
    return place;
}

/* By layer: the length of the longest way to the slice's last layer. Inputs stand before their
 * users, so one pass from the end suffices. */
static uint32_t *depths(Ctx *ctx, const Slice *slice, const uint32_t *place)
{
    uint32_t *depth = arena_array(ctx->arena, uint32_t, slice->backbone->layers.n);
    for (uint32_t i = slice->last + 1; i-- > 0;) {
        if (place[i] == UINT32_MAX)
            continue;
        for (uint32_t k = 0; k < slice->inputs[i].n; k++) {
            uint32_t in = slice->inputs[i].at[k];
            if (in != BACKBONE_INPUT && depth[in] < depth[i] + 1)
                depth[in] = depth[i] + 1;
        }
    }
    return depth;
}

/* Two counting passes: by place in the walk, then by depth, the greatest first. */
static void order_layers(Ctx *ctx, Slice *slice, const uint32_t *place)
{
    uint32_t n = slice->backbone->layers.n, n_kept = 0;
    const uint32_t *depth = depths(ctx, slice, place);
    uint32_t *by_place = arena_array(ctx->arena, uint32_t, n);
    uint32_t *start = arena_array(ctx->arena, uint32_t, n + 1);
    for (uint32_t i = 0; i < n; i++) {
        if (place[i] == UINT32_MAX)
            continue;
        by_place[place[i]] = i;
        start[depth[i]]++;
        n_kept++;
    }
    uint32_t first = 0;
    for (uint32_t d = n + 1; d-- > 0;) {
        uint32_t count = start[d];
        start[d] = first;
        first += count;
    }
    slice->order = arena_array(ctx->arena, uint32_t, n_kept);
    slice->n_kept = n_kept;
    for (uint32_t p = 0; p < n_kept; p++)
        slice->order[start[depth[by_place[p]]]++] = by_place[p];
}

/* A slice inside of a block: the first layer further down that joins what depends on the slice's
 * last layer with something that does not. */
static void note_dropped_branch(Ctx *ctx, const Spec *spec, const Slice *slice)
{
    const Backbone *backbone = slice->backbone;
    bool *follows = arena_array(ctx->arena, bool, backbone->layers.n);
    follows[slice->last] = true;
    for (uint32_t i = slice->last + 1; i < backbone->layers.n; i++) {
        const LayerSpec *layer = &backbone->layers.at[i];
        const char *other = NULL;
        for (uint32_t k = 0; k < slice->inputs[i].n; k++) {
            uint32_t in = slice->inputs[i].at[k];
            if (in != BACKBONE_INPUT && follows[in])
                follows[i] = true;
            else if (!other)
                other = in == BACKBONE_INPUT ? "the input" : layer->from.at[k];
        }
        if (!follows[i] || !other)
            continue;
        Diag *diag = diag_note(ctx, spec->slice_loc, R_slice_in_block,
                               "the slice ends inside of a block: '%s', which would join '%s' with "
                               "'%s', is not kept",
                               layer->name, spec->slice, other);
        diag_hint(ctx, diag, (Loc){0}, "the block ends at '%s'", layer->name);
        return;
    }
}

/* Index of the layer named by spec->slice; UINT32_MAX after an error. */
static uint32_t find_last(Ctx *ctx, const Spec *spec, const Backbone *backbone)
{
    uint32_t n = backbone->layers.n;
    if (!spec->slice)
        return n - 1;
    const char **names = arena_array(ctx->arena, const char *, n);
    for (uint32_t i = 0; i < n; i++) {
        names[i] = backbone->layers.at[i].name;
        if (strcmp(names[i], spec->slice) == 0)
            return i;
    }
    Diag *diag = diag_error(ctx, spec->slice_loc, R_unknown_name, "%s has no layer '%s'",
                            backbone->name, spec->slice);
    const char *near = nearest_name(spec->slice, names, n);
    if (near)
        diag_hint(ctx, diag, (Loc){0}, "did you mean '%s'?", near);
    else
        diag_hint(ctx, diag, (Loc){0}, "`graftc layers %s` lists them", backbone->name);
    return UINT32_MAX;
}

bool graph_slice(Ctx *ctx, const Spec *spec, const Backbone *backbone, Slice *out)
{
    *out = (Slice){.backbone = backbone, .last = find_last(ctx, spec, backbone)};
    if (out->last == UINT32_MAX)
        return false;
    find_inputs(ctx, out);
    order_layers(ctx, out, walk(ctx, out));
    if (spec->slice)
        note_dropped_branch(ctx, spec, out);
    return true;
}
