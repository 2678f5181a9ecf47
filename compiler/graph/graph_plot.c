/* graph_plot.c - which layers are drawn as one box. */
#include "compiler/base/base.h"
#include "compiler/graph/backbone_expand.h"
#include "compiler/graph/graph_plot.h"

#include <inttypes.h>

/* ---------------------------------------------------------------------- layers */

static void add_input(Ctx *ctx, Plot *plot, uint32_t layer, uint32_t input)
{
    *arr_push(ctx->arena, &plot->layers.at[layer].inputs) = input;
    plot->layers.at[input].n_users++;
}

/* Appends a node; where: by the id of a node, its layer. */
static void add_node(Ctx *ctx, Plot *plot, const Node *node, uint32_t *where)
{
    where[node->id] = plot->layers.n;
    *arr_push(ctx->arena, &plot->layers) = (PlotLayer){.kind = node->kind,
                                                       .name = node->name,
                                                       .attrs = &node->attrs,
                                                       .node = node,
                                                       .part = node->part};
    for (uint32_t i = 0; i < node->inputs.n; i++)
        add_input(ctx, plot, where[node->id], where[node->inputs.at[i]]);
}

/* The layers of the backbone in the order of its file, kept or not. */
static void add_backbone(Ctx *ctx, Plot *plot, uint32_t *where)
{
    const Graph *graph = plot->graph;
    const LayerSpecs *layers = &graph->backbone->layers;
    StrMap *kept = strmap_create(ctx->arena), *index = strmap_create(ctx->arena);
    uint32_t *indices = arena_array(ctx->arena, uint32_t, layers->n);
    for (NodeId i = 0; i < graph->nodes.n; i++)
        if (graph->nodes.at[i].part == PART_BACKBONE)
            strmap_put(kept, graph->nodes.at[i].name, &graph->nodes.at[i]);
    for (uint32_t i = 0; i < layers->n; i++) {
        const LayerSpec *layer = &layers->at[i];
        const Node *node = strmap_get(kept, layer->name);
        indices[i] = plot->layers.n;
        strmap_put(index, layer->name, &indices[i]);
        *arr_push(ctx->arena, &plot->layers) = (PlotLayer){.kind = layer->kind,
                                                           .name = layer->name,
                                                           .attrs = &layer->attrs,
                                                           .node = node,
                                                           .part = PART_BACKBONE};
        for (uint32_t k = 0; k < layer->from.n; k++) {
            const uint32_t *input = strmap_get(index, layer->from.at[k]);
            add_input(ctx, plot, indices[i], input ? *input : where[graph->backbone_input]);
        }
        if (node)
            where[node->id] = indices[i];
    }
}

static void add_layers(Ctx *ctx, Plot *plot)
{
    const Graph *graph = plot->graph;
    uint32_t *where = arena_array(ctx->arena, uint32_t, graph->nodes.n);
    for (NodeId i = 0; i <= graph->backbone_input; i++)
        add_node(ctx, plot, &graph->nodes.at[i], where);
    if (graph->backbone)
        add_backbone(ctx, plot, where);
    plot->head = plot->layers.n;
    for (NodeId i = graph->head_input + 1; i < graph->nodes.n; i++)
        add_node(ctx, plot, &graph->nodes.at[i], where);
}

/* ----------------------------------------------------------------------- boxes */

static bool is_kept(const PlotLayer *layer)
{
    return layer->node != NULL;
}

/* Whether a layer is drawn in the box of its input. */
static bool rides_along(const Plot *plot, const PlotLayer *layer)
{
    static const LayerKind kinds[] = {LAYER_batchnorm, LAYER_activation, LAYER_relu};
    bool rides = false;
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        rides |= layer->kind == kinds[i];
    if (!rides || layer->inputs.n != 1)
        return false;
    const PlotLayer *input = &plot->layers.at[layer->inputs.at[0]];
    return input->n_users == 1 && input->part == layer->part && is_kept(input) == is_kept(layer);
}

static void put_in_box(Ctx *ctx, Plot *plot, uint32_t layer, uint32_t box)
{
    plot->layers.at[layer].box = box;
    *arr_push(ctx->arena, &plot->boxes.at[box].layers) = layer;
}

static uint32_t new_box(Ctx *ctx, Plot *plot, bool block)
{
    *arr_push(ctx->arena, &plot->boxes) = (PlotBox){.block = block};
    return plot->boxes.n - 1;
}

/* First layer behind `from` that everything passes: no input of a layer reaches over it. */
static uint32_t next_passage(const Plot *plot, const uint32_t *reach, uint32_t from)
{
    uint32_t at = from + 1, farthest = reach[from];
    while (at < plot->head && farthest > at) {
        farthest = reach[at] > farthest ? reach[at] : farthest;
        at++;
    }
    return at < plot->head ? at : plot->head - 1;
}

/* Layers from .. end-1 in boxes: of their own, or of what they ride along with. */
static void box_one_by_one(Ctx *ctx, Plot *plot, uint32_t from, uint32_t end, bool full)
{
    for (uint32_t i = from; i < end; i++) {
        const PlotLayer *layer = &plot->layers.at[i];
        bool rides = !full && rides_along(plot, layer);
        uint32_t box = rides ? plot->layers.at[layer->inputs.at[0]].box : new_box(ctx, plot, false);
        put_in_box(ctx, plot, i, box);
    }
}

static bool all_alike(const Plot *plot, uint32_t from, uint32_t end)
{
    for (uint32_t i = from; i < end; i++)
        if (is_kept(&plot->layers.at[i]) != is_kept(&plot->layers.at[from]) ||
            plot->layers.at[i].part != PART_BACKBONE)
            return false;
    return true;
}

/* By layer: the last layer before the head that takes it as an input. */
static uint32_t *find_reach(Ctx *ctx, const Plot *plot)
{
    uint32_t *reach = arena_array(ctx->arena, uint32_t, plot->layers.n);
    for (uint32_t i = 0; i < plot->head; i++)
        for (uint32_t k = 0; k < plot->layers.at[i].inputs.n; k++)
            reach[plot->layers.at[i].inputs.at[k]] = i;
    return reach;
}

static void make_boxes(Ctx *ctx, Plot *plot, bool full)
{
    const uint32_t *reach = find_reach(ctx, plot);
    box_one_by_one(ctx, plot, 0, 1, full);
    for (uint32_t at = 0; at + 1 < plot->head;) {
        uint32_t next = next_passage(plot, reach, at);
        if (full || next == at + 1 || !all_alike(plot, at + 1, next + 1)) {
            box_one_by_one(ctx, plot, at + 1, next + 1, full);
        } else {
            uint32_t box = new_box(ctx, plot, true);
            for (uint32_t i = at + 1; i <= next; i++)
                put_in_box(ctx, plot, i, box);
        }
        at = next;
    }
    box_one_by_one(ctx, plot, plot->head, plot->layers.n, full);
}

/* ----------------------------------------------------------------- repetitions */

static const char *signature(Ctx *ctx, const Plot *plot, const PlotBox *box)
{
    Buf text = buf_create(ctx->arena);
    for (uint32_t i = 0; i < box->layers.n; i++) {
        const PlotLayer *layer = &plot->layers.at[box->layers.at[i]];
        buf_puts(&text, LAYER_KINDS[layer->kind].name);
        graph_print_attrs(layer->kind, layer->attrs, &text);
        for (uint32_t k = 0; k < layer->inputs.n; k++) {
            uint32_t input = layer->inputs.at[k], at = 0;
            while (at < i && box->layers.at[at] != input)
                at++;
            buf_printf(&text, at < i ? " %u" : " in", at);
        }
        if (layer->node) {
            Shape s = layer->node->shape;
            buf_printf(&text, " %" PRId64 "x%" PRId64 "x%" PRId64 " %d", s.h, s.w, s.c,
                       layer->node->trainable);
            for (uint32_t k = 0; k < layer->node->params.n; k++)
                buf_printf(&text, " %" PRId64, param_size(&layer->node->params.at[k]));
        }
        buf_puts(&text, ";");
    }
    return text.at;
}

/* Whether box b takes nothing but the end of box a, and nobody else takes anything of a. */
static bool follows(const Plot *plot, uint32_t a, uint32_t b)
{
    const PlotBox *before = &plot->boxes.at[a];
    uint32_t end = before->layers.at[before->layers.n - 1], uses = 0;
    for (uint32_t i = 0; i < plot->boxes.at[b].layers.n; i++) {
        const PlotLayer *layer = &plot->layers.at[plot->boxes.at[b].layers.at[i]];
        for (uint32_t k = 0; k < layer->inputs.n; k++) {
            uint32_t input = layer->inputs.at[k];
            if (plot->layers.at[input].box != b && input != end)
                return false;
            uses += input == end;
        }
    }
    return uses == plot->layers.at[end].n_users;
}

static void fold_repetitions(Ctx *ctx, Plot *plot, bool full)
{
    for (uint32_t i = 0; i < plot->boxes.n; i++) {
        PlotBox *box = &plot->boxes.at[i];
        box->signature = signature(ctx, plot, box);
        box->root = box->last = i;
        box->n = 1;
        if (i == 0 || full || plot->layers.at[box->layers.at[0]].part != PART_BACKBONE)
            continue;
        const PlotBox *before = &plot->boxes.at[i - 1];
        if (strcmp(box->signature, before->signature) != 0 || !follows(plot, i - 1, i))
            continue;
        box->root = before->root;
        plot->boxes.at[box->root].n++;
        plot->boxes.at[box->root].last = i;
    }
}

Plot *graph_plot(Ctx *ctx, const Graph *graph, bool full)
{
    Plot *plot = arena_new(ctx->arena, Plot);
    plot->graph = graph;
    add_layers(ctx, plot);
    make_boxes(ctx, plot, full);
    fold_repetitions(ctx, plot, full);
    return plot;
}
