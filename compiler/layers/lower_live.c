/* lower_live.c - which pixels of a value of the prefix anyone reads. A convolution of 1 x 1 with
 * strides leaves out rows and columns; the convolution that makes its input computes only those
 * that are read, and so does one before that. */
#include "compiler/base/base.h"
#include "compiler/layers/window.h"
#include "compiler/plan/lower.h"

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Somebody reads rows and columns of a value that are multiples of these. From the value's size on
 * that is the first alone, which any multiple has: 0, the divisor of none. */
static void read_every(const Graph *graph, Fusion *fusion, NodeId id, int64_t h, int64_t w)
{
    Shape s = graph->nodes.at[id].shape;
    Fusion *f = &fusion[id];
    f->live_h = common_divisor(f->live_h, h < s.h ? h : 0);
    f->live_w = common_divisor(f->live_w, w < s.w ? w : 0);
}

static void read_whole(const Graph *graph, Fusion *fusion, NodeId id)
{
    read_every(graph, fusion, id, 1, 1);
}

/* Whether a convolution reads, along one axis, one pixel for each that it writes. */
static bool reads_one(int64_t window, int64_t pad, int64_t up)
{
    return window == 1 && pad == 0 && up == 1;
}

/* What the step that writes `last` reads. */
static void read_by_convolution(const Graph *graph, Fusion *fusion, const Fusion *last)
{
    const LayerAttrs *a = &graph->nodes.at[last->root].attrs;
    const Fusion *conv = &fusion[last->root];
    bool one_h = reads_one(a->kernel[0], conv->pad_t, conv->up_h);
    bool one_w = reads_one(a->kernel[1], conv->pad_l, conv->up_w);
    read_every(graph, fusion, conv->source, one_h ? a->strides[0] * last->live_h : 1,
               one_w ? a->strides[1] * last->live_w : 1);
    if (conv->residual != NODE_NONE)
        read_every(graph, fusion, conv->residual, last->live_h, last->live_w);
}

static void read_by_layer(const Graph *graph, Fusion *fusion, const Node *node)
{
    for (uint32_t k = 0; k < node->inputs.n; k++)
        read_whole(graph, fusion, node->inputs.at[k]);
    if (fusion[node->id].source != NODE_NONE)
        read_whole(graph, fusion, fusion[node->id].source);
}

/* All readers of the node are known. Only a convolution leaves pixels out. */
static void settle(const Node *node, Fusion *f, bool convolution)
{
    if (!convolution)
        f->live_h = f->live_w = 1;
    if (f->live_h == 0)
        f->live_h = node->shape.h;
    if (f->live_w == 0)
        f->live_w = node->shape.w;
}

/* Readers stand behind what they read, so that those of a node are known before it. */
void lower_live(const Graph *graph, const bool *prefix, Fusion *fusion)
{
    read_whole(graph, fusion, graph->head_input);
    read_whole(graph, fusion, graph->output);
    for (NodeId i = graph->nodes.n; i-- > 0;) {
        const Node *node = &graph->nodes.at[i];
        Fusion *f = &fusion[i];
        if (prefix[i] && f->inside)
            continue;
        bool convolution = prefix[i] && f->root != NODE_NONE;
        settle(node, f, convolution);
        if (convolution)
            read_by_convolution(graph, fusion, f);
        else
            read_by_layer(graph, fusion, node);
    }
}
