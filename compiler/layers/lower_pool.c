/* lower_pool.c - pooling as plan steps; a global pooling is one window as large as the image. */
#include "compiler/base/base.h"
#include "compiler/layers/layer_rules.h"
#include "compiler/layers/window.h"
#include "compiler/plan/lower.h"

static PoolGeom geom_of(const Lower *lw, const Node *node, bool global, bool average)
{
    Shape s = lw->graph->nodes.at[lw->fusion[node->id].source].shape;
    const LayerAttrs *a = &node->attrs;
    PoolGeom g = {.sh = s.h, .sw = s.w, .nc = lw->batch * s.c, .average = average};
    if (global) {
        g.dh = g.dw = g.stride_h = g.stride_w = 1;
        g.kh = s.h;
        g.kw = s.w;
        return g;
    }
    g.dh = node->shape.h;
    g.dw = node->shape.w;
    g.kh = a->kernel[0];
    g.kw = a->kernel[1];
    g.stride_h = a->strides[0] ? a->strides[0] : g.kh;
    g.stride_w = a->strides[1] ? a->strides[1] : g.kw;
    const Fusion *f = &lw->fusion[node->id];
    g.pad_t = f->pad_t + window_pad(s.h, g.kh, g.stride_h, a->padding);
    g.pad_l = f->pad_l + window_pad(s.w, g.kw, g.stride_w, a->padding);
    g.zeros = f->zero_pad;
    return g;
}

static void pool_forward(Lower *lw, const Node *node, bool global, bool average)
{
    Arena *arena = lw->ctx->arena;
    PoolGeom g = geom_of(lw, node, global, average);
    bool keep = !average && !global && lw->phase == GRT_TRAIN && lw->needs_grad[node->id];
    BufId args[3] = {lower_value(lw, lw->fusion[node->id].source)}, n = 2;
    args[1] = lower_new_value(lw, node->id);
    if (keep) {
        const char *name = arena_printf(arena, "%s.taps", node->name);
        args[n++] = lw->state[node->id].saved[0] = lower_scratch(lw, name, lower_elems(lw, node));
    }
    lower_step(lw, node->name, kernel_pool(arena, lw->target, &g, keep), 0, n, args);
}

static void pool_backward(Lower *lw, const Node *node, bool global, bool average)
{
    PoolGeom g = geom_of(lw, node, global, average);
    bool accumulate;
    BufId args[3] = {lower_grad(lw, node->id)}, n = 2;
    args[1] = lower_grad_target(lw, node->inputs.at[0], &accumulate);
    if (!average)
        args[n++] = lw->state[node->id].saved[0];
    Kernel *k = kernel_pool_grad(lw->ctx->arena, lw->target, &g, accumulate);
    lower_step(lw, arena_printf(lw->ctx->arena, "%s.dx", node->name), k, 0, n, args);
}

void maxpool_forward(Lower *lw, const Node *node)
{
    pool_forward(lw, node, false, false);
}

void maxpool_backward(Lower *lw, const Node *node)
{
    pool_backward(lw, node, false, false);
}

void avgpool_forward(Lower *lw, const Node *node)
{
    pool_forward(lw, node, false, true);
}

void avgpool_backward(Lower *lw, const Node *node)
{
    pool_backward(lw, node, false, true);
}

void globalavgpool_forward(Lower *lw, const Node *node)
{
    pool_forward(lw, node, true, true);
}

void globalavgpool_backward(Lower *lw, const Node *node)
{
    pool_backward(lw, node, true, true);
}

void globalmaxpool_forward(Lower *lw, const Node *node)
{
    pool_forward(lw, node, true, false);
}

void globalmaxpool_backward(Lower *lw, const Node *node)
{
    NodeId in = node->inputs.at[0];
    Shape s = lw->graph->nodes.at[in].shape;
    bool accumulate;
    BufId dx = lower_grad_target(lw, in, &accumulate);
    Kernel *k =
        kernel_global_max_grad(lw->ctx->arena, lw->target, s.h * s.w, lw->batch * s.c, accumulate);
    lower_step_args(lw, arena_printf(lw->ctx->arena, "%s.dx", node->name), k, 0,
                    lower_value(lw, in), lower_value(lw, node->id), lower_grad(lw, node->id), dx);
}
