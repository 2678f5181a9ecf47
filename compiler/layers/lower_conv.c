/* lower_conv.c - Conv2D as plan steps: frozen ones folded, without dead taps, by the fastest
 * kernel; the others as lower_matrix.c has them. */
#include "compiler/base/base.h"
#include "compiler/layers/layer_rules.h"
#include "compiler/layers/lower_act.h"
#include "compiler/layers/lower_matrix.h"
#include "compiler/layers/lower_norm.h"
#include "compiler/layers/window.h"

static ConvGeom geom_of(const Lower *lw, const Node *node)
{
    const Fusion *f = &lw->fusion[node->id], *from = &lw->fusion[f->source],
                 *to = &lw->fusion[f->last];
    Shape whole = lw->graph->nodes.at[f->source].shape;
    Shape s = lower_shape(lw, f->source), d = lower_shape(lw, f->last);
    const LayerAttrs *a = &node->attrs;
    int64_t pad_t = window_pad(whole.h * f->up_h, a->kernel[0], a->strides[0], a->padding);
    int64_t pad_l = window_pad(whole.w * f->up_w, a->kernel[1], a->strides[1], a->padding);
    /* Strides count the pixels that are stored: where only the first is, more than there are. */
    return (ConvGeom){.n = lw->batch,
                      .sh = s.h * f->up_h,
                      .sw = s.w * f->up_w,
                      .sc = s.c,
                      .dh = d.h,
                      .dw = d.w,
                      .dc = d.c,
                      .kh = a->kernel[0],
                      .kw = a->kernel[1],
                      .stride_h = div_up(a->strides[0] * to->live_h, from->live_h),
                      .stride_w = div_up(a->strides[1] * to->live_w, from->live_w),
                      .pad_t = f->pad_t + pad_t,
                      .pad_l = f->pad_l + pad_l,
                      .up_h = f->up_h,
                      .up_w = f->up_w,
                      .dst_stride = d.c};
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
    int64_t rows;      /* of a tap: the kernel's channels, which is ci unless these were changed */
    bool pairs;        /* rows 2i and 2i+1 side by side */
    WinogradForm form; /* NULLs: none */
    bool strassen;     /* neither: the direct sum */
    int64_t h_lo, h_hi, w_lo, w_hi; /* live taps */
    int64_t block_h, block_w;       /* pixels that became channels of one; 1 x 1: none did */
    int64_t lead_h, lead_w;         /* zeros before the window because of that */
    int64_t window_h, window_w;
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

/* The weight of a pair of channels at a live tap; outside of these: 0. */
static double weight_at(const Folded *f, int64_t h, int64_t w, int64_t i, int64_t c)
{
    h += f->h_lo;
    w += f->w_lo;
    bool live = h >= f->h_lo && h < f->h_hi && w >= f->w_lo && w < f->w_hi;
    return live ? f->kernel[((h * f->kw + w) * f->ci + i) * f->co + c] : 0;
}

/* The window of a pair of channels, row-major; of a channel that is one of a block's pixels, the
 * taps that fall on this pixel. */
static void window_of(const Folded *f, int64_t i, int64_t c, double scale, double *window)
{
    int64_t pixel = i / f->ci, a = pixel / f->block_w, b = pixel % f->block_w;
    for (int64_t h = 0; h < f->window_h; h++)
        for (int64_t w = 0; w < f->window_w; w++)
            *window++ = scale * weight_at(f, h * f->block_h + a - f->lead_h,
                                          w * f->block_w + b - f->lead_w, i % f->ci, c);
}

static void fill_winograd(float *out, void *arg)
{
    const Folded *f = arg;
    const double *scales = channel_scales(f);
    int64_t n = kernel_winograd_positions(&f->form);
    double window[WINOGRAD_MAX_WINDOW], positions[WINOGRAD_MAX_POSITIONS];
    for (int64_t i = 0; i < f->rows; i++) {
        for (int64_t c = 0; c < f->co; c++) {
            window_of(f, i, c, scales[c], window);
            kernel_winograd_weights(&f->form, window, positions);
            for (int64_t p = 0; p < n; p++)
                out[place_in_panel(f, n * f->rows, p * f->rows + i, c)] = (float)positions[p];
        }
    }
}

static void fill_strassen(float *out, void *arg)
{
    const Folded *f = arg;
    const double *scales = channel_scales(f);
    int64_t n = STRASSEN_POSITIONS, rows = f->ci / 2, cols = f->co / 2;
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t c = 0; c < cols; c++) {
            double quarters[4], positions[STRASSEN_POSITIONS];
            for (int q = 0; q < 4; q++) {
                int64_t to = c + q % 2 * cols;
                quarters[q] = scales[to] * weight_at(f, 0, 0, i + q / 2 * rows, to);
            }
            kernel_strassen_weights(quarters, positions);
            for (int64_t p = 0; p < n; p++)
                out[place_in_panel(f, n * rows, p * rows + i, c)] = (float)positions[p];
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
                .panel = kernel_panel(lw->target, g->dc),
                .block_h = 1,
                .block_w = 1};
    if (norm)
        f.norm = norm_values(lw, norm);
    live_taps(g->dh, g->stride_h, g->pad_t, g->sh, g->kh, &f.h_lo, &f.h_hi);
    live_taps(g->dw, g->stride_w, g->pad_l, g->sw, g->kw, &f.w_lo, &f.w_hi);
    f.window_h = f.h_hi - f.h_lo;
    f.window_w = f.w_hi - f.w_lo;
    return f;
}

/* Folded weights for the kernel that is chosen. */
static BufId folded_weights(Lower *lw, const Node *node, const ConvGeom *g, Folded *f)
{
    Arena *arena = lw->ctx->arena;
    int64_t rows = g->kh * g->kw * g->sc, cols = g->dc;
    const char *name = "folded";
    void (*fill)(float *, void *) = fill_kernel;
    if (f->form.h) {
        name = "winograd";
        fill = fill_winograd;
        rows = kernel_winograd_positions(&f->form) * g->sc;
    } else if (f->strassen) {
        name = "strassen";
        fill = fill_strassen;
        rows = STRASSEN_POSITIONS * (g->sc / 2);
        cols = g->dc / 2;
    }
    return (f->pairs ? lower_rodata_bfloat16
                     : lower_rodata)(lw, arena_printf(arena, "%s/kernel.%s", node->name, name),
                                     kernel_panel_size(rows, cols, f->panel), fill, f);
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

/* Values whose blocks of stride_h x stride_w pixels are pixels; g becomes that of stride 1. */
static BufId blocks_of_pixels(Lower *lw, const Node *node, ConvGeom *g, BufId source, Folded *f)
{
    Arena *arena = lw->ctx->arena;
    ConvGeom d = kernel_depth_geom(g);
    f->block_h = g->stride_h;
    f->block_w = g->stride_w;
    f->lead_h = d.pad_t * g->stride_h - g->pad_t;
    f->lead_w = d.pad_l * g->stride_w - g->pad_l;
    BufId blocks = lower_scratch(lw, arena_printf(arena, "%s/input.blocks", node->name),
                                 d.sh * d.sw * d.n * d.sc);
    lw->plan->buffers.at[blocks].elem = lw->plan->buffers.at[source].elem;
    Kernel *kernel = kernel_space_to_depth(arena, lw->target, g);
    lower_step_args(lw, arena_printf(arena, "%s.blocks", node->name), kernel, 0, source, blocks);
    *g = d;
    f->window_h = d.kh;
    f->window_w = d.kw;
    f->rows = d.sc;
    return blocks;
}

/* Makes the source what the fastest kernel reads: fills f's form, or chooses seven products, or
 * leaves the direct sum. Products of pairs are of an even number of channels. */
static BufId choose_form(Lower *lw, const Node *node, ConvGeom *g, int64_t macs, BufId source,
                         Folded *f)
{
    bool make_even = lw->bfloat16 && g->sc % 2 && macs > EVEN_MACS * g->n * g->sh * g->sw * g->sc;
    f->pairs = make_even || lw->plan->buffers.at[source].elem == KE_BF16;
    int64_t direct = f->pairs ? macs / g->sc * (g->sc + make_even) : macs;
    bool winograd = kernel_winograd_form(g, direct, f->pairs, &f->form);
    if (winograd)
        f->pairs = f->form.bfloat16;
    if (f->form.blocks)
        return blocks_of_pixels(lw, node, g, source, f);
    f->strassen = !winograd && !f->pairs && kernel_strassen_pays(g);
    if (f->strassen)
        f->panel = kernel_panel(lw->target, g->dc / 2);
    if (!f->pairs || g->sc % 2 == 0)
        return source;
    f->rows = g->sc + 1;
    return even_channels(lw, node, g, source);
}

static Kernel *frozen_kernel(const Lower *lw, const ConvGeom *g, const ConvOptions *o, int64_t macs,
                             const Folded *f)
{
    Arena *arena = lw->ctx->arena;
    if (f->form.h)
        return kernel_winograd(arena, lw->target, f->form, g, macs, o, f->panel);
    return (f->strassen ? kernel_strassen : kernel_conv)(arena, lw->target, g, o, f->panel);
}

/* What is added to a convolution's sums: of the pixels of that value, those that this computes. */
static BufId residual_pixels(Lower *lw, const Node *node, const ConvGeom *g)
{
    const Fusion *f = &lw->fusion[node->id], *from = &lw->fusion[f->residual],
                 *to = &lw->fusion[f->last];
    BufId whole = lower_value(lw, f->residual);
    int64_t every_h = div_up(to->live_h, from->live_h), every_w = div_up(to->live_w, from->live_w);
    if (every_h == 1 && every_w == 1)
        return whole;
    Arena *arena = lw->ctx->arena;
    Shape s = lower_shape(lw, f->residual);
    BufId pixels = lower_scratch(lw, arena_printf(arena, "%s/residual", node->name),
                                 g->n * g->dh * g->dw * g->dc);
    lw->plan->buffers.at[pixels].elem = lw->plan->buffers.at[whole].elem;
    Kernel *kernel = kernel_pixels(arena, lw->target, s.h, s.w, g->n * g->dc, every_h, every_w);
    lower_step_args(lw, arena_printf(arena, "%s.residual", node->name), kernel, 0, whole, pixels);
    return pixels;
}

/* A frozen convolution with all that is fused to it: one step, and one that turns the source to
 * what this reads where that is faster. */
static void forward_frozen(Lower *lw, const Node *node)
{
    const Fusion *f = &lw->fusion[node->id];
    const Graph *graph = lw->graph;
    ConvGeom g = geom_of(lw, node);
    Folded folded = fold(lw, node, f->norm == NODE_NONE ? NULL : &graph->nodes.at[f->norm], &g);
    g.kh = folded.window_h;
    g.kw = folded.window_w;
    g.pad_t -= folded.h_lo;
    g.pad_l -= folded.w_lo;
    ConvOptions o = {.bias = folded.bias || folded.has_norm, .residual = f->residual != NODE_NONE};
    o.act = lower_act(f->act == NODE_NONE ? node : &graph->nodes.at[f->act]);
    Arena *arena = lw->ctx->arena;
    int64_t macs = (int64_t)lower_macs(&g);
    BufId args[5], n = 0;
    args[n++] = choose_form(lw, node, &g, macs, lower_value(lw, f->source), &folded);
    o.bfloat16 = folded.pairs;
    args[n++] = folded_weights(lw, node, &g, &folded);
    args[n++] = lower_product_value(lw, node, f->last);
    if (o.bias)
        args[n++] = lower_rodata(lw, arena_printf(arena, "%s/bias.folded", node->name),
                                 kernel_panel_size(1, g.dc, folded.panel), fill_bias, &folded);
    if (o.residual)
        args[n++] = residual_pixels(lw, node, &g);
    Kernel *kernel = frozen_kernel(lw, &g, &o, macs, &folded);
    lower_step(lw, node->name, kernel, (uint64_t)macs, n, args);
    lower_product_softmax(lw, node, args[2]);
}

void conv2d_forward(Lower *lw, const Node *node)
{
    if (lw->prefix[node->id]) {
        forward_frozen(lw, node);
        return;
    }
    ConvGeom g = geom_of(lw, node);
    lower_matrix_forward(lw, node, &g);
}

void conv2d_backward(Lower *lw, const Node *node)
{
    ConvGeom g = geom_of(lw, node);
    lower_matrix_backward(lw, node, &g);
}
