/* graph_cost.c - what a layer costs, and which layers are functions of the image alone. */
#include "compiler/base/base.h"
#include "compiler/graph/graph.h"
#include "compiler/layers/window.h"

/* The kernel (window height, window width, in, out) at all positions of the output. The zeros of a
 * ZeroPadding2D before the convolution count as its padding. */
static int64_t live_conv_macs(const Graph *graph, const Node *node, const Param *kernel)
{
    const LayerAttrs *a = &node->attrs;
    const Node *in = graph_input(graph, node, 0);
    WindowAxis h = {a->kernel[0], a->strides[0],
                    window_pad(in->shape.h, a->kernel[0], a->strides[0], a->padding), in->shape.h,
                    node->shape.h};
    WindowAxis w = {a->kernel[1], a->strides[1],
                    window_pad(in->shape.w, a->kernel[1], a->strides[1], a->padding), in->shape.w,
                    node->shape.w};
    for (; in->kind == LAYER_zeropad; in = graph_input(graph, in, 0)) {
        const int64_t *pads = in->attrs.pads; /* top, bottom, left, right */
        h.pad += pads[0];
        h.size -= pads[0] + pads[1];
        w.pad += pads[2];
        w.size -= pads[2] + pads[3];
    }
    return window_live_taps(&h) * window_live_taps(&w) * kernel->dims[2] * kernel->dims[3];
}

int64_t node_macs(const Graph *graph, const Node *node, bool live_only)
{
    const Param *kernel = node_param(node, "kernel");
    if (!kernel)
        return 0;
    if (kernel->rank == 4 && live_only)
        return live_conv_macs(graph, node, kernel);
    return node->shape.h * node->shape.w * param_size(kernel);
}

const bool *graph_frozen_prefix(Ctx *ctx, const Graph *graph)
{
    bool *prefix = arena_array(ctx->arena, bool, graph->nodes.n);
    for (uint32_t i = 0; i < graph->nodes.n; i++) {
        const Node *node = &graph->nodes.at[i];
        prefix[i] = !node->trainable && !(LAYER_KINDS[node->kind].flags & LF_RANDOM);
        for (uint32_t k = 0; k < node->inputs.n; k++)
            prefix[i] &= prefix[node->inputs.at[k]];
    }
    return prefix;
}
