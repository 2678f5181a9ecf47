/* lower_matrix.c - layers with a kernel matrix that trains, or that a gradient passes. Forward:
 * product, bias and activation; backward: gradient by the input, then by the weights into the
 * optimizer. */
#include "compiler/base/base.h"
#include "compiler/layers/lower_matrix.h"
#include "compiler/layers/lower_act.h"
#include "compiler/layers/window.h"

uint64_t lower_macs(const ConvGeom *g)
{
    WindowAxis h = {g->kh, g->stride_h, g->pad_t, g->sh, g->dh};
    WindowAxis w = {g->kw, g->stride_w, g->pad_l, g->sw, g->dw};
    return (uint64_t)(window_live_taps(&h) * window_live_taps(&w) * g->sc * g->dc * g->n);
}

/* A Dense layer's input as its update takes it, made while it is still in the cache. */
static void keep_tiles(Lower *lw, const Node *node, const ConvGeom *g, BufId x, int64_t panel)
{
    Arena *arena = lw->ctx->arena;
    BufId tiles = lower_scratch(lw, arena_printf(arena, "%s/input.tiles", node->name),
                                kernel_dense_copies(g) * g->n * g->sc);
    Kernel *kernel = kernel_dense_tiles(arena, lw->target, g, panel);
    lower_step_args(lw, arena_printf(arena, "%s.tiles", node->name), kernel, 0, x, tiles);
    lw->state[node->id].saved[0] = tiles;
}

void lower_matrix_forward(Lower *lw, const Node *node, const ConvGeom *g)
{
    ParamRef w = lower_param(lw, node, "kernel");
    ConvOptions o = {.bias = node->attrs.use_bias, .act = lower_act(node)};
    BufId args[4], n = 0;
    args[n++] = lower_value(lw, node->inputs.at[0]);
    args[n++] = w.value;
    args[n++] = lower_product_value(lw, node, node->id);
    if (o.bias)
        args[n++] = lower_param(lw, node, "bias").value;
    Kernel *kernel = kernel_conv(lw->ctx->arena, lw->target, g, &o, w.panel);
    lower_step(lw, node->name, kernel, lower_macs(g), n, args);
    if (lw->phase == GRT_TRAIN && node->trainable && kernel_dense_fits(g))
        keep_tiles(lw, node, g, args[0], w.panel);
    lower_product_softmax(lw, node, args[2]);
}

static void dense_backward_input(Lower *lw, const Node *node, const ConvGeom *g, const ParamRef *w,
                                 BufId dy, BufId dx)
{
    Arena *arena = lw->ctx->arena;
    int64_t panel_n = kernel_panel(lw->target, g->n);
    BufId dy_t = lower_scratch(lw, arena_printf(arena, "%s/dy.transposed", node->name),
                               kernel_panel_size(g->dc, g->n, panel_n));
    BufId parts =
        lower_scratch(lw, arena_printf(arena, "%s/dx.parts", node->name),
                      kernel_dense_parts(g, w->panel) * kernel_panel_size(g->sc, g->n, panel_n));
    Kernel *turn = kernel_transpose_weights(arena, lw->target, 1, g->n, g->dc, g->dc, panel_n);
    lower_step_args(lw, arena_printf(arena, "%s.dy", node->name), turn, 0, dy, dy_t);
    Kernel *kernel = kernel_dense_input(arena, lw->target, g, w->panel, panel_n);
    lower_step_args(lw, arena_printf(arena, "%s.dx", node->name), kernel, lower_macs(g), w->value,
                    dy_t, parts);
    lower_step_args(lw, arena_printf(arena, "%s.dx.rows", node->name),
                    kernel_dense_rows(arena, g, w->panel, panel_n), 0, parts, dx);
}

static void backward_input(Lower *lw, const Node *node, ConvGeom g, const ParamRef *w, BufId dy)
{
    Arena *arena = lw->ctx->arena;
    ConvOptions o = {.transposed = true};
    BufId dx = lower_grad_target(lw, node->inputs.at[0], &o.accumulate);
    if (kernel_dense_fits(&g) && !o.accumulate) {
        dense_backward_input(lw, node, &g, w, dy, dx);
        return;
    }
    int64_t panel_t = kernel_panel(lw->target, g.sc), taps = g.kh * g.kw;
    BufId wt = lower_scratch(lw, arena_printf(arena, "%s/kernel.transposed", node->name),
                             kernel_panel_size(taps * g.dc, g.sc, panel_t));
    Kernel *turn = kernel_transpose_weights(arena, lw->target, taps, g.sc, g.dc, w->panel, panel_t);
    lower_step_args(lw, arena_printf(arena, "%s.transpose", node->name), turn, 0, w->value, wt);
    ConvGeom t = g;
    t.sh = g.dh, t.sw = g.dw, t.sc = g.dc;
    t.dh = g.sh, t.dw = g.sw, t.dc = t.dst_stride = g.sc;
    Kernel *kernel = kernel_conv(arena, lw->target, &t, &o, panel_t);
    lower_step_args(lw, arena_printf(arena, "%s.dx", node->name), kernel, lower_macs(&g), dy, wt,
                    dx);
}

void lower_matrix_backward(Lower *lw, const Node *node, const ConvGeom *g)
{
    Arena *arena = lw->ctx->arena;
    lower_softmax_backward(lw, node);
    lower_act_backward_in_place(lw, node);
    BufId dy = lower_grad(lw, node->id);
    ParamRef w = lower_param(lw, node, "kernel");
    if (lower_wants_grad(lw, node->inputs.at[0]))
        backward_input(lw, node, *g, &w, dy);
    if (!node->trainable)
        return;
    BufId args[8] = {lower_value(lw, node->inputs.at[0]), dy};
    uint32_t n = 2 + lower_update_args(lw, &w, args + 2);
    bool dense = kernel_dense_fits(g);
    if (dense)
        args[0] = lw->state[node->id].saved[0];
    Kernel *kernel = (dense ? kernel_dense_update : kernel_conv_update)(arena, lw->target, g,
                                                                        w.panel, &lw->optimizer);
    lower_step(lw, arena_printf(arena, "%s.dw", node->name), kernel, lower_macs(g), n, args);
    if (!node->attrs.use_bias)
        return;
    ParamRef b = lower_param(lw, node, "bias");
    args[0] = dy;
    n = 1 + lower_update_args(lw, &b, args + 1);
    kernel = kernel_bias_update(arena, lw->target, g->n * g->dh * g->dw, g->dc, &lw->optimizer);
    lower_step(lw, arena_printf(arena, "%s.db", node->name), kernel, 0, n, args);
}
