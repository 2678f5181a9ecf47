/* kernel_conv.c - convolution as a matrix product over the live taps of every output pixel.
 *
 * The register tile is R samples x V vectors of output channels. In HWNC the samples of a pixel lie
 * side by side, so a tile's rows are R consecutive samples at one pixel; a 1 x 1 convolution of
 * stride 1 is one product over all pixels at once. Taps outside of the image are not in the loops:
 * their bounds are computed from the pixel. The sum over taps and channels runs in one order
 * whatever the tile, so a sample's result does not depend on the batch it stands in. */
#include "compiler/base/base.h"
#include "compiler/kernel/kernel.h"
#include "compiler/kernel/kernel_tile.h"
#include "compiler/layers/layer.h"

enum {
    BLOCK_BYTES =
        64 * 1024,   /* a panel's share of one pass over the sums, well inside of the L2 cache */
    MAX_GROUPS = 16, /* tasks a kernel is cut into, at most about twice this */
    VALUES_PER_WEIGHT = 4
};

typedef struct Conv {
    KB *kb;
    ConvGeom g;
    ConvOptions o;
    int64_t panel, rows, pixels; /* rows of one product, products */
    int lanes, tile_rows;
    int64_t k_block; /* channels of one pass; g.sc when there is one */
    int src, weights, dst, bias, residual;
} Conv;

/* A pass: which channels, and what happens before and after the sum. */
typedef struct Pass {
    KVal k0;
    int64_t k_n;
    bool load_sum; /* start from what dst holds */
    bool finish;   /* residual and activation */
} Pass;

/* A run of columns that one panel covers. */
typedef struct Columns {
    KVal panel, first; /* panel's number; its first column */
    int vectors;
    int last_active; /* lanes of the last vector */
} Columns;

static int active_lanes(const Conv *c, const Columns *cols, int v)
{
    return v == cols->vectors - 1 ? cols->last_active : c->lanes;
}

/* Bounds of the taps along one axis for the output position d, and the source position of tap 0. */
typedef struct Taps {
    KVal lo, hi, base;
    int64_t step;
} Taps;

static Taps taps_of(const Conv *c, KVal d, int64_t window, int64_t stride, int64_t pad, int64_t src)
{
    KB *kb = c->kb;
    Taps t = {.step = 1};
    if (c->o.transposed) {
        t.step = stride;
        t.base = kb_iaddc(kb, d, pad);
        KVal phase = kb_iremc(kb, t.base, stride);
        t.lo = kb_iop(kb, K_IMAX, phase, kb_iaddc(kb, t.base, -(src - 1) * stride));
        t.hi = kb_iop(kb, K_IMIN, kb_i(kb, window), kb_iaddc(kb, t.base, 1));
    } else {
        KVal origin = kb_iaddc(kb, kb_imulc(kb, d, stride), -pad);
        t.base = origin;
        t.lo = kb_iop(kb, K_IMAX, kb_i(kb, 0), kb_iop(kb, K_ISUB, kb_i(kb, 0), origin));
        t.hi = kb_iop(kb, K_IMIN, kb_i(kb, window), kb_iop(kb, K_ISUB, kb_i(kb, src), origin));
    }
    return t;
}

static KVal tap_source(const Conv *c, const Taps *t, KVal tap, int64_t stride, int64_t up)
{
    KB *kb = c->kb;
    if (c->o.transposed)
        return kb_idivc(kb, kb_iop(kb, K_ISUB, t->base, tap), stride);
    return kb_idivc(kb, kb_iadd(kb, t->base, tap), up);
}

/* All taps of the window lie inside of the image, for every output pixel. */
static bool always_inside(const Conv *c)
{
    const ConvGeom *g = &c->g;
    if (c->o.transposed)
        return g->kh == 1 && g->kw == 1 && g->stride_h == 1 && g->stride_w == 1;
    return g->pad_t == 0 && g->pad_l == 0 && (g->dh - 1) * g->stride_h + g->kh <= g->sh &&
           (g->dw - 1) * g->stride_w + g->kw <= g->sw;
}

/* Adds the products of one tap: channels k0 .. k0+k_n-1. */
static void tile_products(const Conv *c, const Tile *tile, KVal src, KVal weights, const Pass *pass)
{
    KB *kb = c->kb;
    int64_t each = c->o.bfloat16 ? 2 : 1, steps = pass->k_n / each;
    int64_t unroll = steps <= 4 ? steps : steps % 2 ? 1 : 2;
    bool loop = steps > unroll;
    KVal k = loop ? kb_for(kb, kb_i(kb, 0), kb_i(kb, pass->k_n), unroll * each) : kb_i(kb, 0);
    KVal x0 = kb_iadd(kb, src, k);
    KVal w0 = kb_imad(kb, k, c->panel, weights);
    for (int64_t u = 0; u < unroll; u++)
        (c->o.bfloat16 ? tile_dot2 : tile_fma)(kb, tile, c->src, kb_iaddc(kb, x0, u * each),
                                               c->g.sc, c->weights,
                                               kb_iaddc(kb, w0, u * each * c->panel));
    if (loop)
        kb_end(kb);
}

/* Sum over the live taps of the output pixel (dh, dw) for samples from row0 on. */
static void tile_sum(const Conv *c, const Tile *tile, KVal dh, KVal dw, KVal row0, KVal panel,
                     const Pass *pass)
{
    KB *kb = c->kb;
    const ConvGeom *g = &c->g;
    KVal wbase = kb_imulc(kb, panel, g->kh * g->kw * g->sc * c->panel);
    wbase = kb_imad(kb, pass->k0, c->panel, wbase);
    KVal xrow = kb_iadd(kb, kb_imulc(kb, row0, g->sc), pass->k0);
    if (c->pixels == 1 && g->kh == 1 && g->kw == 1 && always_inside(c)) {
        tile_products(c, tile, xrow, wbase, pass);
        return;
    }
    Taps th = taps_of(c, dh, g->kh, g->stride_h, g->pad_t, g->sh);
    Taps tw = taps_of(c, dw, g->kw, g->stride_w, g->pad_l, g->sw);
    if (always_inside(c)) {
        th.lo = tw.lo = kb_i(kb, 0);
        th.hi = kb_i(kb, g->kh);
        tw.hi = kb_i(kb, g->kw);
    }
    bool loop_h = g->kh > 1 || !always_inside(c), loop_w = g->kw > 1 || !always_inside(c);
    KVal kh = loop_h ? kb_for(kb, th.lo, th.hi, th.step) : kb_i(kb, 0);
    KVal sh = tap_source(c, &th, kh, g->stride_h, g->up_h);
    KVal kw = loop_w ? kb_for(kb, tw.lo, tw.hi, tw.step) : kb_i(kb, 0);
    KVal sw = tap_source(c, &tw, kw, g->stride_w, g->up_w);
    KVal pixel = kb_imad(kb, sh, g->sw / g->up_w, sw);
    KVal tap = kb_imad(kb, kh, g->kw, kw);
    tile_products(c, tile, kb_imad(kb, pixel, g->n * g->sc, xrow),
                  kb_imad(kb, tap, g->sc * c->panel, wbase), pass);
    if (loop_w)
        kb_end(kb);
    if (loop_h)
        kb_end(kb);
}

/* One register tile: sum, bias, residual and activation, store. */
static void conv_tile(const Conv *c, const Columns *cols, KVal dh, KVal dw, KVal row0,
                      int tile_rows, const Pass *pass)
{
    KB *kb = c->kb;
    const ConvGeom *g = &c->g;
    KVal pixel = kb_imad(kb, dh, g->dw, dw);
    KVal row = kb_imad(kb, pixel, g->n, row0);
    KVal out = kb_imad(kb, row, g->dst_stride, cols->first);
    Tile tile = {.rows = tile_rows, .vectors = cols->vectors, .lanes = c->lanes};
    for (int v = 0; v < tile.vectors; v++) {
        int active = active_lanes(c, cols, v);
        for (int r = 0; r < tile_rows; r++) {
            KVal at = kb_iaddc(kb, out, r * g->dst_stride + v * c->lanes);
            KVal s = pass->load_sum || c->o.accumulate ? kb_load(kb, c->dst, at, c->lanes, active)
                                                       : kb_f(kb, 0, c->lanes);
            tile_at(&tile, r, v) = kb_var(kb, s);
        }
    }
    tile_sum(c, &tile, dh, dw, row0, cols->panel, pass);
    ConvOptions sum = {0};
    tile_result(kb, &tile,
                &(TileResult){.options = pass->finish ? &c->o : &sum,
                              .dst = c->dst,
                              .bias = c->bias,
                              .residual = c->residual,
                              .row = row,
                              .col = cols->first,
                              .dst_pitch = g->dst_stride,
                              .residual_pitch = g->dc,
                              .last_active = cols->last_active});
}

/* Row tiles tile_lo .. tile_hi-1 of a pixel; the one behind the whole ones has the rest. */
static void conv_rows(const Conv *c, const Columns *cols, KVal dh, KVal dw, KVal tile_lo,
                      KVal tile_hi, const Pass *pass)
{
    KB *kb = c->kb;
    int64_t full = c->rows / c->tile_rows, rest = c->rows % c->tile_rows;
    if (full > 0) {
        KVal hi = kb_iop(kb, K_IMIN, tile_hi, kb_i(kb, full));
        KVal t = kb_for(kb, tile_lo, hi, 1);
        conv_tile(c, cols, dh, dw, kb_imulc(kb, t, c->tile_rows), c->tile_rows, pass);
        kb_end(kb);
    }
    if (rest) {
        kb_if(kb, kb_iop(kb, K_ILT, kb_i(kb, full), tile_hi));
        conv_tile(c, cols, dh, dw, kb_i(kb, full * c->tile_rows), (int)rest, pass);
        kb_end(kb);
    }
}

/* The pixels lo .. hi-1, or, when there is one product, its row tiles lo .. hi-1. */
static void conv_span(const Conv *c, const Columns *cols, KVal lo, KVal hi, const Pass *pass)
{
    KB *kb = c->kb;
    KVal zero = kb_i(kb, 0);
    if (c->pixels == 1) {
        conv_rows(c, cols, zero, zero, lo, hi, pass);
        return;
    }
    KVal p = kb_for(kb, lo, hi, 1);
    int64_t tiles = div_up(c->rows, c->tile_rows);
    conv_rows(c, cols, kb_idivc(kb, p, c->g.dw), kb_iremc(kb, p, c->g.dw), zero, kb_i(kb, tiles),
              pass);
    kb_end(kb);
}

/* Full panels lo .. hi-1, then the narrower last panel if it is the task's. */
static void conv_panels(const Conv *c, KVal panel_lo, KVal panel_hi, KVal span_lo, KVal span_hi,
                        const Pass *pass)
{
    KB *kb = c->kb;
    int64_t full = c->g.dc / c->panel, rest = c->g.dc % c->panel;
    if (full > 0) {
        KVal hi = rest ? kb_iop(kb, K_IMIN, panel_hi, kb_i(kb, full)) : panel_hi;
        KVal p = kb_for(kb, panel_lo, hi, 1);
        Columns cols = {p, kb_imulc(kb, p, c->panel), (int)(c->panel / c->lanes), c->lanes};
        conv_span(c, &cols, span_lo, span_hi, pass);
        kb_end(kb);
    }
    if (rest) {
        int vectors = (int)div_up(rest, c->lanes);
        Columns cols = {kb_i(kb, full), kb_i(kb, full * c->panel), vectors,
                        (int)(rest - (vectors - 1) * c->lanes)};
        kb_if(kb, kb_iop(kb, K_ILT, kb_i(kb, full), panel_hi));
        conv_span(c, &cols, span_lo, span_hi, pass);
        kb_end(kb);
    }
}

static void conv_body(const Conv *c, KVal panel_lo, KVal panel_hi, KVal span_lo, KVal span_hi)
{
    KB *kb = c->kb;
    int64_t blocks = div_up(c->g.sc, c->k_block);
    if (blocks == 1) {
        Pass all = {.k0 = kb_i(kb, 0), .k_n = c->g.sc, .finish = true};
        conv_panels(c, panel_lo, panel_hi, span_lo, span_hi, &all);
        return;
    }
    Pass first = {.k0 = kb_i(kb, 0), .k_n = c->k_block};
    conv_panels(c, panel_lo, panel_hi, span_lo, span_hi, &first);
    if (blocks > 2) {
        KVal b = kb_for(kb, kb_i(kb, 1), kb_i(kb, blocks - 1), 1);
        Pass middle = {.k0 = kb_imulc(kb, b, c->k_block), .k_n = c->k_block, .load_sum = true};
        conv_panels(c, panel_lo, panel_hi, span_lo, span_hi, &middle);
        kb_end(kb);
    }
    int64_t k0 = (blocks - 1) * c->k_block;
    Pass last = {.k0 = kb_i(kb, k0), .k_n = c->g.sc - k0, .load_sum = true, .finish = true};
    conv_panels(c, panel_lo, panel_hi, span_lo, span_hi, &last);
}

/* How the work is cut. Tasks side by side run on the same core: where there are far more values
 * than weights they share the pixels, which then stay in that core's cache from layer to layer,
 * else the weights, which are read once. */
typedef struct Tasks {
    Split by_panel, by_span;
    bool span_first;
} Tasks;

static Tasks cut(const Conv *c, int64_t panels)
{
    const ConvGeom *g = &c->g;
    int64_t weights = g->kh * g->kw * g->sc * g->dc, outputs = g->dh * g->dw * g->dc;
    int64_t values = g->n * (g->sh * g->sw * g->sc + outputs * (1 + c->o.residual));
    int64_t spans = c->pixels > 1 ? c->pixels : div_up(c->rows, c->tile_rows);
    Tasks t = {.span_first = values > VALUES_PER_WEIGHT * weights};
    int64_t most = tasks_for(g->n * g->dh * g->dw * weights / VECTOR, MAX_GROUPS);
    Split *first = t.span_first ? &t.by_span : &t.by_panel;
    Split *second = t.span_first ? &t.by_panel : &t.by_span;
    *first = split_even(t.span_first ? spans : panels, most);
    *second = split_even(t.span_first ? panels : spans, div_up(most, first->groups));
    return t;
}

static void describe(const Conv *c, bool span_first)
{
    const ConvGeom *g = &c->g;
    int vectors = (int)(c->panel / c->lanes);
    kb_share(c->kb, tile_share(c->rows, c->tile_rows, g->dc, c->panel, c->lanes) *
                        (c->o.bfloat16 ? 2 : 1));
    kb_title(c->kb,
             "%s (%lld,%lld,%lld,%lld) -> (%lld,%lld,%lld,%lld), window %lldx%lld, tile %dx%d, "
             "%lld channels at a time, cores split %s",
             c->o.transposed ? "input gradient" : "convolution", (long long)g->sh, (long long)g->sw,
             (long long)g->n, (long long)g->sc, (long long)g->dh, (long long)g->dw, (long long)g->n,
             (long long)g->dc, (long long)g->kh, (long long)g->kw, c->tile_rows, vectors,
             (long long)c->k_block, span_first ? "pixels" : "weights");
}

Kernel *kernel_conv(Arena *arena, KernelTarget target, const ConvGeom *geom,
                    const ConvOptions *options, int64_t panel)
{
    Conv c = {.g = *geom, .o = *options, .panel = panel, .lanes = target.lanes};
    bool one_product = conv_as_product(&c.g);
    c.rows = c.g.n;
    c.pixels = c.g.dh * c.g.dw;
    int vectors = (int)(panel / target.lanes);
    KElem elem = options->bfloat16 ? KE_BF16 : KE_F32;
    c.tile_rows = tile_choose_rows(target, c.rows, vectors, c.g.sc * (int64_t)kelem_size(elem));
    c.k_block = c.g.sc;
    check_bug(!options->bfloat16 || geom->sc % 2 == 0);
    if (one_product && !options->bfloat16 && geom->sc * panel * 4 > BLOCK_BYTES * 4)
        c.k_block = BLOCK_BYTES / (panel * 4);

    int64_t panels = div_up(geom->dc, panel);
    Tasks tasks = cut(&c, panels);
    KB *kb = c.kb = kb_begin(arena, options->transposed ? "conv_grad" : "conv",
                             tasks.by_panel.groups * tasks.by_span.groups);
    describe(&c, tasks.span_first);
    c.src = kb_buffer(kb, "x", elem,
                      geom->sh / geom->up_h * (geom->sw / geom->up_w) * geom->n * geom->sc, false);
    c.weights = kb_buffer(
        kb, "w", elem, kernel_panel_size(geom->kh * geom->kw * geom->sc, geom->dc, panel), false);
    c.dst = kb_buffer(kb, "y", KE_F32, geom->dh * geom->dw * geom->n * geom->dst_stride, true);
    if (options->bias)
        c.bias = kb_buffer(kb, "bias", KE_F32, panels * panel, false);
    if (options->residual)
        c.residual =
            kb_buffer(kb, "residual", KE_F32, geom->dh * geom->dw * geom->n * geom->dc, false);
    KVal task = kb_task(kb), pg, sg;
    if (tasks.span_first) {
        sg = kb_idivc(kb, task, tasks.by_panel.groups);
        pg = kb_iremc(kb, task, tasks.by_panel.groups);
    } else {
        pg = kb_idivc(kb, task, tasks.by_span.groups);
        sg = kb_iremc(kb, task, tasks.by_span.groups);
    }
    conv_body(&c, split_lo(kb, tasks.by_panel, pg), split_hi(kb, tasks.by_panel, pg),
              split_lo(kb, tasks.by_span, sg), split_hi(kb, tasks.by_span, sg));
    return kb_finish(kb);
}
