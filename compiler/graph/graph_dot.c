/* graph_dot.c - the picture of the Graph as DOT, for Graphviz.
 *
 * What is frozen is blue, what trains is orange with a thick border, what has no weights is white,
 * and what the slice dropped is grey and dashed; the same is said in words, so that no colour is
 * needed to read it. */
#include "compiler/base/base.h"
#include "compiler/graph/graph_plot.h"

#include <inttypes.h>

typedef enum { LOOK_PLAIN, LOOK_FROZEN, LOOK_TRAINS, LOOK_BOTH, LOOK_DROPPED, N_LOOKS } Look;

static const struct {
    const char *fill, *border, *text, *style, *legend;
} LOOKS[N_LOOKS] = {
    [LOOK_PLAIN] = {"#ffffff", "#70757a", "#202124", "filled,rounded", "no weights"},
    [LOOK_FROZEN] = {"#cfe2f5", "#2a6099", "#202124", "filled,rounded", "frozen"},
    [LOOK_TRAINS] = {"#ffd6a1", "#b85c00", "#202124", "filled,rounded,bold", "trains"},
    [LOOK_BOTH] = {"#cfe2f5:#ffd6a1", "#b85c00", "#202124", "filled,rounded,bold",
                   "part frozen, part trains"},
    [LOOK_DROPPED] = {"#f4f4f4", "#b4b7ba", "#8a8d91", "filled,rounded,dashed", "not kept"},
};

/* What the boxes of one place in the picture have in all. */
typedef struct BoxSum {
    Look look;
    int64_t params, macs;
    uint32_t n_layers;
} BoxSum;

static BoxSum sum_boxes(const Plot *plot, uint32_t first)
{
    BoxSum sum = {0};
    bool frozen = false, trains = false;
    for (uint32_t b = first; b <= plot->boxes.at[first].last; b++) {
        const PlotBox *box = &plot->boxes.at[b];
        for (uint32_t i = 0; i < box->layers.n; i++) {
            const Node *node = plot->layers.at[box->layers.at[i]].node;
            sum.n_layers++;
            if (!node) {
                sum.look = LOOK_DROPPED;
                continue;
            }
            for (uint32_t k = 0; k < node->params.n; k++)
                sum.params += param_size(&node->params.at[k]);
            sum.macs += node_macs(plot->graph, node, false);
            trains |= node->params.n && node->trainable;
            frozen |= node->params.n && !node->trainable;
        }
    }
    if (frozen || trains)
        sum.look = frozen && trains ? LOOK_BOTH : trains ? LOOK_TRAINS : LOOK_FROZEN;
    return sum;
}

/* ----------------------------------------------------------------------- texts */

/* Text inside of an HTML-like label. */
static void put_text(Buf *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p == '&')
            buf_puts(out, "&amp;");
        else if (*p == '<')
            buf_puts(out, "&lt;");
        else if (*p == '>')
            buf_puts(out, "&gt;");
        else
            buf_add(out, p, 1);
    }
}

/* Name of a block: what the names of its layers begin with, up to a `_`; where they share nothing,
 * the name of its last layer. */
static const char *block_name(Arena *arena, const Plot *plot, const PlotBox *box)
{
    const char *first = plot->layers.at[box->layers.at[0]].name;
    size_t n = strlen(first);
    for (uint32_t i = 1; i < box->layers.n; i++) {
        const char *name = plot->layers.at[box->layers.at[i]].name;
        size_t same = 0;
        while (same < n && name[same] == first[same])
            same++;
        n = same;
    }
    while (n > 0 && first[n] && first[n - 1] != '_')
        n--;
    while (n > 0 && first[n - 1] == '_')
        n--;
    if (n)
        return arena_strndup(arena, first, n);
    return plot->layers.at[box->layers.at[box->layers.n - 1]].name;
}

static const char *box_name(Arena *arena, const Plot *plot, const PlotBox *box)
{
    return box->block ? block_name(arena, plot, box) : plot->layers.at[box->layers.at[0]].name;
}

/* One layer: its kind, and what tells it from others of its kind. */
static void put_kind(const PlotLayer *layer, Buf *out)
{
    const LayerAttrs *a = layer->attrs;
    const LayerDesc *desc = &LAYER_KINDS[layer->kind];
    buf_puts(out, desc->name);
    for (uint32_t i = 0; i < desc->n_attrs; i++) {
        const AttrDesc *attr = &desc->attrs[i];
        const int64_t *pair = (const int64_t *)((const char *)a + attr->offset);
        if (attr->type == AT_PAIR && strcmp(attr->key, "strides") != 0)
            buf_printf(out, " %" PRId64 " x %" PRId64, pair[0], pair[1]);
        else if (attr->type == AT_PAIR && pair[0] > 1)
            buf_printf(out, " / %" PRId64, pair[0]);
        else if (strcmp(attr->key, "activation") == 0 && a->activation != ACT_LINEAR)
            buf_printf(out, " %s", ACTIVATION_WORDS[a->activation]);
        else if (strcmp(attr->key, "rate") == 0)
            buf_printf(out, " %g", a->rate);
    }
}

/* `3 Conv2D, 3 BatchNormalization, Add`: kinds in the order in which they first come. */
static void put_kind_counts(const Plot *plot, const PlotBox *box, Buf *out)
{
    uint32_t counts[LAYER_COUNT] = {0};
    for (uint32_t i = 0; i < box->layers.n; i++)
        counts[plot->layers.at[box->layers.at[i]].kind]++;
    const char *comma = "";
    for (uint32_t i = 0; i < box->layers.n; i++) {
        LayerKind kind = plot->layers.at[box->layers.at[i]].kind;
        if (!counts[kind])
            continue;
        buf_puts(out, comma);
        if (counts[kind] > 1)
            buf_printf(out, "%u ", counts[kind]);
        buf_puts(out, LAYER_KINDS[kind].name);
        counts[kind] = 0;
        comma = ", ";
    }
}

static void put_shape(Shape s, Buf *out)
{
    if (!s.flat)
        buf_printf(out, "%" PRId64 " x %" PRId64 " x ", s.h, s.w);
    buf_printf(out, "%" PRId64, s.c);
}

static void put_layers(const Plot *plot, const PlotBox *box, Buf *out)
{
    if (box->block) {
        put_kind_counts(plot, box, out);
        return;
    }
    for (uint32_t i = 0; i < box->layers.n; i++) {
        if (i)
            buf_puts(out, " + ");
        put_kind(&plot->layers.at[box->layers.at[i]], out);
    }
}

static void put_label(const Plot *plot, uint32_t b, const BoxSum *sum, Buf *out)
{
    const PlotBox *box = &plot->boxes.at[b], *end = &plot->boxes.at[box->last];
    const PlotLayer *last = &plot->layers.at[end->layers.at[end->layers.n - 1]];
    buf_puts(out, "<<b>");
    put_text(out, box_name(out->arena, plot, box));
    if (box->n > 1) {
        buf_puts(out, box->n > 2 ? " ... " : ", ");
        put_text(out, box_name(out->arena, plot, end));
    }
    buf_puts(out, "</b>");
    if (box->n > 1)
        buf_printf(out, "  <b>(%u times)</b>", box->n);
    buf_puts(out, "<br/>");
    put_layers(plot, box, out);
    if (last->node) {
        buf_puts(out, "<br/>");
        put_shape(last->node->shape, out);
    }
    if (sum->params)
        buf_printf(out, " | %s params, %s", text_rounded(out->arena, sum->params),
                   LOOKS[sum->look].legend);
    if (sum->macs)
        buf_printf(out, " | %s MACs", text_rounded(out->arena, sum->macs));
    buf_puts(out, ">");
}

/* ------------------------------------------------------------------- statements */

static void put_box(const Plot *plot, uint32_t b, bool *used, Buf *out)
{
    const PlotBox *box = &plot->boxes.at[b];
    BoxSum sum = sum_boxes(plot, b);
    used[sum.look] = true;
    buf_printf(out, "    b%u [label=", b);
    put_label(plot, b, &sum, out);
    buf_printf(out, " style=\"%s\" fillcolor=\"%s\" color=\"%s\" fontcolor=\"%s\"%s]\n",
               LOOKS[sum.look].style, LOOKS[sum.look].fill, LOOKS[sum.look].border,
               LOOKS[sum.look].text, box->n > 1 ? " peripheries=2" : "");
}

/* Where a box stands. */
typedef enum { PLACE_BEFORE, PLACE_BACKBONE, PLACE_DROPPED, PLACE_HEAD, N_PLACES } Place;

static Place place_of(const Plot *plot, const PlotBox *box)
{
    const PlotLayer *layer = &plot->layers.at[box->layers.at[0]];
    if (layer->part == PART_HEAD)
        return PLACE_HEAD;
    if (layer->part == PART_BACKBONE)
        return layer->node ? PLACE_BACKBONE : PLACE_DROPPED;
    return PLACE_BEFORE;
}

static void put_place_label(const Graph *graph, Place place, Buf *out)
{
    const char *name = graph->backbone ? graph->backbone->name : "", *slice = graph->spec->slice;
    buf_puts(out, "    label=<<b>");
    if (place == PLACE_HEAD) {
        buf_puts(out, "head");
    } else if (place == PLACE_DROPPED) {
        buf_printf(out, "not kept: %u layers", graph->n_dropped);
    } else {
        put_text(out, name);
        buf_puts(out, slice ? ", slice at " : "");
        put_text(out, slice ? slice : "");
    }
    buf_puts(out, "</b>>\n");
}

static void put_place(const Plot *plot, Place place, bool *used, Buf *out)
{
    static const char *const looks[N_PLACES] = {
        [PLACE_BACKBONE] = "color=\"#2a6099\" bgcolor=\"#f4f8fc\" fontcolor=\"#2a6099\"",
        [PLACE_DROPPED] = "color=\"#b4b7ba\" style=dashed fontcolor=\"#8a8d91\"",
        [PLACE_HEAD] = "color=\"#b85c00\" bgcolor=\"#fff8ef\" fontcolor=\"#b85c00\"",
    };
    bool any = false;
    for (uint32_t b = 0; b < plot->boxes.n; b++) {
        if (plot->boxes.at[b].root != b || place_of(plot, &plot->boxes.at[b]) != place)
            continue;
        if (!any && looks[place]) {
            buf_printf(out, "  subgraph cluster_%d {\n", place);
            put_place_label(plot->graph, place, out);
            buf_printf(out, "    %s\n", looks[place]);
        }
        any = true;
        put_box(plot, b, used, out);
    }
    if (any && looks[place])
        buf_puts(out, "  }\n");
}

static void put_edge(const Plot *plot, const bool *prefix, uint32_t from, uint32_t to, Buf *out)
{
    const PlotLayer *a = &plot->layers.at[from], *b = &plot->layers.at[to];
    buf_printf(out, "  b%u -> b%u", plot->boxes.at[a->box].root, plot->boxes.at[b->box].root);
    if (!b->node)
        buf_printf(out, " [style=dashed color=\"%s\"]", LOOKS[LOOK_DROPPED].border);
    else if (prefix[a->node->id] && !prefix[b->node->id])
        buf_printf(out, " [penwidth=2.5 color=\"%s\" label=\"%" PRId64 " features\"]",
                   LOOKS[LOOK_FROZEN].border, shape_size(a->node->shape));
    else if (plot->graph->spec->slice && a->part == PART_BACKBONE && b->part == PART_HEAD)
        buf_puts(out, " [penwidth=2.5 label=\"slice\"]");
    buf_puts(out, "\n");
}

/* Arrows between boxes, each once. */
static void put_edges(Ctx *ctx, const Plot *plot, Buf *out)
{
    const bool *prefix = graph_frozen_prefix(ctx, plot->graph);
    StrMap *done = strmap_create(ctx->arena);
    for (uint32_t i = 0; i < plot->layers.n; i++) {
        const PlotLayer *layer = &plot->layers.at[i];
        uint32_t to = plot->boxes.at[layer->box].root;
        for (uint32_t k = 0; k < layer->inputs.n; k++) {
            uint32_t from = plot->boxes.at[plot->layers.at[layer->inputs.at[k]].box].root;
            if (from != to && strmap_put(done, arena_printf(ctx->arena, "%u %u", from, to), done))
                put_edge(plot, prefix, layer->inputs.at[k], i, out);
        }
    }
}

static void put_legend(const Plot *plot, const bool *used, Buf *out)
{
    buf_puts(out, "  label=<<table border=\"0\" cellspacing=\"6\" cellpadding=\"4\"><tr><td><b>");
    put_text(out, plot->graph->spec->name);
    buf_puts(out, "</b></td>");
    for (Look look = 0; look < N_LOOKS; look++)
        if (used[look])
            buf_printf(out,
                       "<td border=\"1\" bgcolor=\"%s\" color=\"%s\"><font color=\"%s\">%s</font>"
                       "</td>",
                       LOOKS[look].fill, LOOKS[look].border, LOOKS[look].text, LOOKS[look].legend);
    buf_puts(out, "</tr></table>>\n");
}

void graph_plot_dot(Ctx *ctx, const Graph *graph, bool full, Buf *out)
{
    const Plot *plot = graph_plot(ctx, graph, full);
    bool used[N_LOOKS] = {0};
    buf_puts(out,
             "digraph graft {\n"
             "  graph [fontname=\"Helvetica\" fontsize=12 labelloc=t labeljust=l ranksep=0.3]\n"
             "  node [shape=box fontname=\"Helvetica\" fontsize=11 margin=\"0.15,0.06\"]\n"
             "  edge [fontname=\"Helvetica\" fontsize=10 color=\"#5f6368\" arrowsize=0.7]\n");
    for (Place place = 0; place < N_PLACES; place++)
        put_place(plot, place, used, out);
    put_edges(ctx, plot, out);
    put_legend(plot, used, out);
    buf_puts(out, "}\n");
}
