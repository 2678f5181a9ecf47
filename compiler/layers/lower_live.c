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

/* Somebody reads rows and columns of a value that are multiples of these. */
static void read_every(Fusion *of, int64_t h, int64_t w)
{
    of->live_h = common_divisor(of->live_h, h);
    of->live_w = common_divisor(of->live_w, w);
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
    read_every(&fusion[conv->source], one_h ? a->strides[0] * last->live_h : 1,
               one_w ? a->strides[1] * last->live_w : 1);
    if (conv->residual != NODE_NONE)
        read_every(&fusion[conv->residual], last->live_h, last->live_w);
}

static void read_all(const Node *node, Fusion *fusion)
{
    for (uint32_t k = 0; k < node->inputs.n; k++)
        read_every(&fusion[node->inputs.at[k]], 1, 1);
    if (fusion[node->id].source != NODE_NONE)
        read_every(&fusion[fusion[node->id].source], 1, 1);
}

/* Readers stand behind what they read, so that those of a node are known before it. */
void lower_live(const Graph *graph, const bool *prefix, Fusion *fusion)
{
    read_every(&fusion[graph->head_input], 1, 1);
    for (NodeId i = graph->nodes.n; i-- > 0;) {
        const Node *node = &graph->nodes.at[i];
        Fusion *f = &fusion[i];
        if (prefix[i] && f->inside)
            continue;
        bool convolution = prefix[i] && f->root != NODE_NONE;
        if (!convolution || f->live_h == 0)
            read_every(f, 1, 1);
        if (convolution)
            read_by_convolution(graph, fusion, f);
        else
            read_all(node, fusion);
    }
}
