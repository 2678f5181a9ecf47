/* lower_conv.c - Conv2D as plan steps. Frozen: folded, dead taps dropped. Else: product, bias and
 * activation; backward: gradient by the input, then by the weights into the optimizer. */
#include "compiler/base/base.h"
#include "compiler/layers/layer_rules.h"
#include "compiler/layers/lower_act.h"
#include "compiler/layers/lower_norm.h"
#include "compiler/layers/window.h"

static ConvGeom geom_of(const Lower *lw, const Node *node)
{
    const Fusion *f = &lw->fusion[node->id];
    Shape s = lw->graph->nodes.at[f->source].shape, d = node->shape;
    const LayerAttrs *a = &node->attrs;
    ConvGeom g = {.n = lw->batch,
                  .sh = s.h * f->up_h,
                  .sw = s.w * f->up_w,
                  .sc = s.c,
                  .dh = d.h,
                  .dw = d.w,
                  .dc = d.c,
                  .kh = a->kernel[0],
                  .kw = a->kernel[1],
                  .stride_h = a->strides[0],
                  .stride_w = a->strides[1],
                  .up_h = f->up_h,
                  .up_w = f->up_w,
                  .dst_stride = d.c};
    g.pad_t = f->pad_t + window_pad(g.sh, g.kh, g.stride_h, a->padding);
    g.pad_l = f->pad_l + window_pad(g.sw, g.kw, g.stride_w, a->padding);
    return g;
}

/* Taps lo .. hi-1 along one axis that some output position reaches. */
static void live_taps(int64_t dst, int64_t stride, int64_t pad, int64_t src, int64_t window,
                      int64_t *lo, int64_t *hi)
{
    *lo = window;
    *hi = 0;
    for (int64_t k = 0; k < window; k++) {
        for (int64_t o = 0; o < dst; o++) {
            int64_t at = o * stride - pad + k;
            if (at < 0 || at >= src)
                continue;
            *lo = k < *lo ? k : *lo;
            *hi = k + 1;
            break;
        }
    }
    if (*hi == 0) { /* an image of padding only: keep one tap */
        *lo = 0;
        *hi = 1;
    }
}

/* Multiply-adds a value above which it is copied to have bfloat16 in pairs. */
enum { EVEN_MACS = 64 };

typedef struct Folded {
    Arena *arena;
    const float *kernel, *bias; /* bias NULL: none */
    bool has_norm;
    NormValues norm;
    int64_t kh, kw, ci, co, panel;
    int64_t rows;      /* of a tap: ci, and one of zeros where an odd number was made even */
    bool pairs;        /* rows 2i and 2i+1 side by side */
    WinogradForm form; /* NULLs: the direct sum */
    int64_t h_lo, h_hi, w_lo, w_hi; /* live taps */
} Folded;

/* What each output channel's weights are multiplied with. */
static const double *channel_scales(const Folded *f)
{
    double *scales = arena_array(f->arena, double, f->co);
    for (int64_t c = 0; c < f->co; c++)
        scales[c] = f->has_norm ? norm_scale(&f->norm, c) : 1;
    return scales;
}

static int64_t place_in_panel(const Folded *f, int64_t rows, int64_t r, int64_t c)
{
    int64_t base = c / f->panel * rows * f->panel, col = c % f->panel;
    return f->pairs ? base + (r - r % 2) * f->panel + 2 * col + r % 2 : base + r * f->panel + col;
}

static void fill_kernel(float *out, void *arg)
{
    const Folded *f = arg;
    const double *scales = channel_scales(f);
    int64_t rows = (f->h_hi - f->h_lo) * (f->w_hi - f->w_lo) * f->rows, r = 0;
    for (int64_t h = f->h_lo; h < f->h_hi; h++) {
        for (int64_t w = f->w_lo; w < f->w_hi; w++) {
            for (int64_t i = 0; i < f->rows; i++, r++) {
                const float *in = f->kernel + ((h * f->kw + w) * f->ci + i) * f->co;
                for (int64_t c = 0; c < f->co; c++)
                    out[place_in_panel(f, rows, r, c)] = i < f->ci ? (float)(in[c] * scales[c]) : 0;
            }
        }
    }
}

/* The live taps of a pair of channels, row-major. */
static void window_of(const Folded *f, int64_t i, int64_t c, double scale, double *window)
{
    for (int64_t h = f->h_lo; h < f->h_hi; h++)
        for (int64_t w = f->w_lo; w < f->w_hi; w++)
            *window++ = f->kernel[((h * f->kw + w) * f->ci + i) * f->co + c] * scale;
}

static void fill_winograd(float *out, void *arg)
{
    const Folded *f = arg;
    const double *scales = channel_scales(f);
    int64_t n = kernel_winograd_positions(&f->form);
    double window[WINOGRAD_MAX_WINDOW], positions[WINOGRAD_MAX_POSITIONS];
    for (int64_t i = 0; i < f->ci; i++) {
        for (int64_t c = 0; c < f->co; c++) {
            window_of(f, i, c, scales[c], window);
            kernel_winograd_weights(&f->form, window, positions);
            for (int64_t p = 0; p < n; p++)
                out[place_in_panel(f, n * f->rows, p * f->rows + i, c)] = (float)positions[p];
        }
    }
}

static void fill_bias(float *out, void *arg)
{
    const Folded *f = arg;
    const double *scales = channel_scales(f);
    for (int64_t c = 0; c < f->co; c++) {
        double b = f->bias ? f->bias[c] : 0;
        if (f->has_norm)
            b = (b - f->norm.mean[c]) * scales[c] + (f->norm.beta ? f->norm.beta[c] : 0);
        out[c] = (float)b;
    }
}

static Folded fold(Lower *lw, const Node *node, const Node *norm, const ConvGeom *g)
{
    Folded f = {.arena = lw->ctx->arena,
                .kernel = lower_values(lw, node, "kernel"),
                .bias = lower_values(lw, node, "bias"),
                .has_norm = norm != NULL,
                .kh = g->kh,
                .kw = g->kw,
                .ci = g->sc,
                .rows = g->sc,
                .co = g->dc,
                .panel = kernel_panel(lw->target, g->dc)};
    if (norm)
        f.norm = norm_values(lw, norm);
    live_taps(g->dh, g->stride_h, g->pad_t, g->sh, g->kh, &f.h_lo, &f.h_hi);
    live_taps(g->dw, g->stride_w, g->pad_l, g->sw, g->kw, &f.w_lo, &f.w_hi);
    return f;
}

/* Folded weights for the kernel that is chosen. */
static BufId folded_weights(Lower *lw, const Node *node, const ConvGeom *g, Folded *f)
{
    Arena *arena = lw->ctx->arena;
    int64_t taps = f->form.h ? kernel_winograd_positions(&f->form) : g->kh * g->kw;
    int64_t size = kernel_panel_size(taps * g->sc, g->dc, f->panel);
    const char *name =
        arena_printf(arena, "%s/kernel.%s", node->name, f->form.h ? "winograd" : "folded");
    return (f->pairs ? lower_rodata_bfloat16
                     : lower_rodata)(lw, name, size, f->form.h ? fill_winograd : fill_kernel, f);
}

/* Values with an odd number of channels, as pairs of bfloat16 take them. */
static BufId even_channels(Lower *lw, const Node *node, ConvGeom *g, BufId source)
{
    Arena *arena = lw->ctx->arena;
    int64_t rows = g->sh / g->up_h * (g->sw / g->up_w) * g->n;
    BufId even =
        lower_scratch(lw, arena_printf(arena, "%s/input.even", node->name), rows * (g->sc + 1));
    lw->plan->buffers.at[even].elem = KE_BF16;
    Kernel *kernel = kernel_even_channels(arena, lw->target, rows, g->sc);
    lower_step_args(lw, arena_printf(arena, "%s.even", node->name), kernel, 0, source, even);
    g->sc++;
    return even;
}

/* A frozen convolution with all that is fused to it: one step. */
static void forward_frozen(Lower *lw, const Node *node)
{
    const Fusion *f = &lw->fusion[node->id];
    const Graph *graph = lw->graph;
    ConvGeom g = geom_of(lw, node);
    Folded folded = fold(lw, node, f->norm == NODE_NONE ? NULL : &graph->nodes.at[f->norm], &g);
    g.kh = folded.h_hi - folded.h_lo;
    g.kw = folded.w_hi - folded.w_lo;
    g.pad_t -= folded.h_lo;
    g.pad_l -= folded.w_lo;
    ConvOptions o = {.bias = folded.bias || folded.has_norm, .residual = f->residual != NODE_NONE};
    o.act = lower_act(f->act == NODE_NONE ? node : &graph->nodes.at[f->act]);
    Arena *arena = lw->ctx->arena;
    int64_t macs = node_macs(graph, node, true) * lw->batch;
    BufId args[5], n = 0, source = lower_value(lw, f->source);
    if (lw->bfloat16 && g.sc % 2 && macs > EVEN_MACS * g.n * g.sh * g.sw * g.sc) {
        source = even_channels(lw, node, &g, source);
        folded.rows = g.sc;
    }
    o.bfloat16 = lw->plan->buffers.at[source].elem == KE_BF16;
    bool fast = kernel_winograd_form(&g, macs, o.bfloat16, &folded.form);
    folded.pairs = fast ? folded.form.bfloat16 : o.bfloat16;
    args[n++] = source;
    args[n++] = folded_weights(lw, node, &g, &folded);
    args[n++] = lower_product_value(lw, node, f->last);
    if (o.bias)
        args[n++] = lower_rodata(lw, arena_printf(arena, "%s/bias.folded", node->name),
                                 kernel_panel_size(1, g.dc, folded.panel), fill_bias, &folded);
    if (o.residual)
        args[n++] = lower_value(lw, f->residual);
    Kernel *kernel = fast ? kernel_winograd(arena, lw->target, folded.form, &g, &o, folded.panel)
                          : kernel_conv(arena, lw->target, &g, &o, folded.panel);
    lower_step(lw, node->name, kernel, (uint64_t)macs, n, args);
    lower_product_softmax(lw, node, args[2]);
}

void lower_matrix_forward(Lower *lw, const Node *node, const ConvGeom *g, uint64_t macs)
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
    lower_step(lw, node->name, kernel, macs, n, args);
    lower_product_softmax(lw, node, args[2]);
}

/* Live multiply-adds of a batch. */
static uint64_t batch_macs(const Lower *lw, const Node *node)
{
    return (uint64_t)(node_macs(lw->graph, node, true) * lw->batch);
}

void conv2d_forward(Lower *lw, const Node *node)
{
    if (lw->prefix[node->id]) {
        forward_frozen(lw, node);
        return;
    }
    ConvGeom g = geom_of(lw, node);
    lower_matrix_forward(lw, node, &g, batch_macs(lw, node));
}

/* Of (rows x cols) in panels of `panel` columns: (cols x rows) in panels of `panel_t`. */
static void transpose(Lower *lw, const char *step, int64_t rows, int64_t cols, int64_t panel,
                      int64_t panel_t, BufId from, BufId to)
{
    Kernel *turn =
        kernel_transpose_weights(lw->ctx->arena, lw->target, 1, rows, cols, panel, panel_t);
    lower_step_args(lw, step, turn, 0, from, to);
}

static void dense_backward_input(Lower *lw, const Node *node, const ConvGeom *g, const ParamRef *w,
                                 BufId dy, BufId dx, uint64_t macs)
{
    Arena *arena = lw->ctx->arena;
    int64_t panel_n = kernel_panel(lw->target, g->n);
    BufId dy_t = lower_scratch(lw, arena_printf(arena, "%s/dy.transposed", node->name),
                               kernel_panel_size(g->dc, g->n, panel_n));
    BufId dx_t = lower_scratch(lw, arena_printf(arena, "%s/dx.transposed", node->name),
                               kernel_panel_size(g->sc, g->n, panel_n));
    transpose(lw, arena_printf(arena, "%s.dy", node->name), g->n, g->dc, g->dc, panel_n, dy, dy_t);
    Kernel *kernel = kernel_dense_input(arena, lw->target, g, w->panel, panel_n);
    lower_step_args(lw, arena_printf(arena, "%s.dx", node->name), kernel, macs, w->value, dy_t,
                    dx_t);
    transpose(lw, arena_printf(arena, "%s.dx.rows", node->name), g->sc, g->n, panel_n, g->sc, dx_t,
              dx);
}

static void backward_input(Lower *lw, const Node *node, ConvGeom g, const ParamRef *w, BufId dy,
                           uint64_t macs)
{
    Arena *arena = lw->ctx->arena;
    ConvOptions o = {.transposed = true};
    BufId dx = lower_grad_target(lw, node->inputs.at[0], &o.accumulate);
    if (kernel_dense_fits(&g) && !o.accumulate) {
        dense_backward_input(lw, node, &g, w, dy, dx, macs);
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
    lower_step_args(lw, arena_printf(arena, "%s.dx", node->name), kernel, macs, dy, wt, dx);
}

/* A Dense layer's input as kernel_dense_update takes it. */
static BufId dense_tiles(Lower *lw, const Node *node, const ConvGeom *g, BufId x, int64_t panel)
{
    Arena *arena = lw->ctx->arena;
    BufId tiles =
        lower_scratch(lw, arena_printf(arena, "%s/input.tiles", node->name), g->n * g->sc);
    Kernel *kernel = kernel_dense_tiles(arena, lw->target, g, panel);
    lower_step_args(lw, arena_printf(arena, "%s.tiles", node->name), kernel, 0, x, tiles);
    return tiles;
}

void lower_matrix_backward(Lower *lw, const Node *node, const ConvGeom *g, uint64_t macs)
{
    Arena *arena = lw->ctx->arena;
    lower_softmax_backward(lw, node);
    lower_act_backward_in_place(lw, node);
    BufId dy = lower_grad(lw, node->id);
    ParamRef w = lower_param(lw, node, "kernel");
    if (lower_wants_grad(lw, node->inputs.at[0]))
        backward_input(lw, node, *g, &w, dy, macs);
    if (!node->trainable)
        return;
    BufId args[8] = {lower_value(lw, node->inputs.at[0]), dy};
    uint32_t n = 2 + lower_update_args(lw, &w, args + 2);
    bool dense = kernel_dense_fits(g);
    if (dense)
        args[0] = dense_tiles(lw, node, g, args[0], w.panel);
    Kernel *kernel = (dense ? kernel_dense_update : kernel_conv_update)(arena, lw->target, g,
                                                                        w.panel, &lw->optimizer);
    lower_step(lw, arena_printf(arena, "%s.dw", node->name), kernel, macs, n, args);
    if (!node->attrs.use_bias)
        return;
    ParamRef b = lower_param(lw, node, "bias");
    args[0] = dy;
    n = 1 + lower_update_args(lw, &b, args + 1);
    kernel = kernel_bias_update(arena, lw->target, g->n * g->dh * g->dw, g->dc, &lw->optimizer);
    lower_step(lw, arena_printf(arena, "%s.db", node->name), kernel, 0, n, args);
}

void conv2d_backward(Lower *lw, const Node *node)
{
    ConvGeom g = geom_of(lw, node);
    lower_matrix_backward(lw, node, &g, batch_macs(lw, node));
}
