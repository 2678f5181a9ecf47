/* graph_diff.c - the layers of two models by name, and what the models cost. */
#include "compiler/base/base.h"
#include "compiler/diff/graph_diff.h"
#include "compiler/graph/graph_summary.h"
#include "compiler/plan/plan_bill.h"

#include <inttypes.h>

/* --------------------------------------------------------------------------- layers */

static StrMap *by_name(Ctx *ctx, const Graph *graph)
{
    StrMap *map = strmap_create(ctx->arena);
    for (uint32_t i = 0; i < graph->nodes.n; i++)
        strmap_put(map, graph->nodes.at[i].name, &graph->nodes.at[i]);
    return map;
}

static bool same_params(const Node *a, const Node *b)
{
    if (a->kind != b->kind || a->params.n != b->params.n)
        return false;
    for (uint32_t i = 0; i < a->params.n; i++) {
        const Param *x = &a->params.at[i], *y = &b->params.at[i];
        if (strcmp(x->name, y->name) != 0 || x->rank != y->rank ||
            memcmp(x->dims, y->dims, sizeof x->dims) != 0)
            return false;
    }
    return true;
}

bool layers_alike(const Node *a, const Node *b)
{
    const LayerDesc *desc = &LAYER_KINDS[a->kind];
    static const size_t sizes[] = {
        [AT_INT] = sizeof(int64_t),      [AT_FLOAT] = sizeof(double),     [AT_BOOL] = sizeof(bool),
        [AT_PAIR] = 2 * sizeof(int64_t), [AT_PADS] = 4 * sizeof(int64_t), [AT_WORD] = sizeof(int)};
    if (a->kind != b->kind)
        return false;
    for (uint32_t i = 0; i < desc->n_attrs; i++) {
        size_t at = desc->attrs[i].offset;
        if (memcmp((const char *)&a->attrs + at, (const char *)&b->attrs + at,
                   sizes[desc->attrs[i].type]) != 0)
            return false;
    }
    return true;
}

static bool same_inputs(const Graph *a, const Node *x, const Graph *b, const Node *y)
{
    if (x->inputs.n != y->inputs.n)
        return false;
    for (uint32_t i = 0; i < x->inputs.n; i++)
        if (strcmp(graph_input(a, x, i)->name, graph_input(b, y, i)->name) != 0)
            return false;
    return true;
}

LayerDiff layer_diff(Ctx *ctx, const Graph *a, const Graph *b)
{
    LayerDiff diff = {0};
    StrMap *in_a = by_name(ctx, a), *in_b = by_name(ctx, b);
    for (uint32_t i = 0; i < a->nodes.n; i++)
        if (!strmap_get(in_b, a->nodes.at[i].name))
            *arr_push(ctx->arena, &diff.gone) = &a->nodes.at[i];
    for (uint32_t i = 0; i < b->nodes.n; i++) {
        const Node *node = &b->nodes.at[i], *was = strmap_get(in_a, node->name);
        if (!was) {
            *arr_push(ctx->arena, &diff.added) = node;
            continue;
        }
        if (!same_params(was, node)) {
            *arr_push(ctx->arena, &diff.reshaped_a) = was;
            *arr_push(ctx->arena, &diff.reshaped_b) = node;
        } else if (node->part == PART_BACKBONE &&
                   !(layers_alike(was, node) && same_inputs(a, was, b, node))) {
            *arr_push(ctx->arena, &diff.rebuilt) = node;
        }
        if (was->params.n && node->params.n && was->trainable != node->trainable)
            *arr_push(ctx->arena, node->trainable ? &diff.now_trains : &diff.now_frozen) = node;
    }
    return diff;
}

/* ---------------------------------------------------------------------------- sizes */

const SizeDesc SIZES[] = {
    {"layers", "layers", NULL, UNIT_COUNT, offsetof(Sizes, layers)},
    {"params", "parameters", "params", UNIT_COUNT, offsetof(Sizes, params)},
    {"trainable_params", "trainable parameters", "trainable", UNIT_COUNT,
     offsetof(Sizes, trainable)},
    {"prefix_macs", "multiply-adds an image, frozen part", "MACs/image", UNIT_MACS,
     offsetof(Sizes, prefix_macs)},
    {"step_macs", "multiply-adds a training step", "MACs/step", UNIT_MACS,
     offsetof(Sizes, step_macs)},
    {"feature_bytes", "feature cache, an image", NULL, UNIT_BYTES, offsetof(Sizes, features)},
    {"memory_bytes", "memory of the program", "memory", UNIT_BYTES, offsetof(Sizes, block)},
    {"constant_bytes", "constants in the program", NULL, UNIT_BYTES, offsetof(Sizes, constants)},
};
const size_t N_SIZES = COUNT_OF(SIZES);

Sizes sizes_of(const Graph *graph, const Plan *plan)
{
    GraphTotals totals = graph_totals(graph);
    const PlanPhase *prefix = &plan->phases[GRT_PREFIX];
    return (Sizes){.layers = graph->nodes.n,
                   .params = totals.params,
                   .trainable = totals.trainable,
                   .prefix_macs = (int64_t)plan_phase_macs(prefix) / prefix->batch,
                   .step_macs = (int64_t)plan_phase_macs(&plan->phases[GRT_TRAIN]),
                   .features = plan->feature_size * (int64_t)sizeof(float),
                   .block = (int64_t)plan->block_bytes,
                   .constants = (int64_t)plan->rodata_bytes};
}

const char *size_text(Arena *arena, SizeUnit unit, int64_t value)
{
    switch (unit) {
    case UNIT_COUNT:
        return text_grouped(arena, value);
    case UNIT_MACS:
        return text_rounded(arena, value);
    case UNIT_BYTES:
        return text_bytes(arena, (uint64_t)value);
    }
    bug("unknown unit");
}

/* ------------------------------------------------------------------------ the whole */

Diff diff_sides(Ctx *ctx, const DiffSide *a, const DiffSide *b)
{
    Diff diff = {.a = a, .b = b};
    diff.changes = spec_diff(ctx, &a->values, &b->values);
    diff.layers = layer_diff(ctx, a->graph, b->graph);
    diff.same = !diff.changes.n && !diff.layers.gone.n && !diff.layers.added.n &&
                !diff.layers.reshaped_b.n && !diff.layers.rebuilt.n;
    diff.sizes_a = sizes_of(a->graph, a->plan);
    diff.sizes_b = sizes_of(b->graph, b->plan);
    diff.checkpoint = checkpoint_verdict(ctx, a, b);
    diff.cache = cache_verdict(ctx, a, b, &diff.changes);
    diff.kernels = kernels_kept(a->plan, b->plan);
    return diff;
}
