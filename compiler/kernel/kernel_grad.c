/* kernel_grad.c - gradient of a convolution's weights, tile by tile into the optimizer.
 *
 * A tile is R input channels (rows of the kernel matrix) of one tap x V vectors of output channels;
 * its sum runs over every output pixel that the tap reaches and every sample. The finished tile
 * goes to the optimizer from registers: the gradient is never stored. */
#include "compiler/base/base.h"
#include "compiler/kernel/kernel.h"
#include "compiler/kernel/kernel_tile.h"

typedef struct Grad {
    KB *kb;
    ConvGeom g;
    const KernelOptimizer *optimizer;
    int64_t panel;
    int lanes, tile_rows, x, dy;
    UpdateArgs args;
    UpdateConsts consts;
} Grad;

/* Output positions o that tap k reaches along one axis: lo <= o < hi with 0 <= o*stride - pad + k <
 * src. */
static void reached(KB *kb, KVal k, int64_t stride, int64_t pad, int64_t src, int64_t dst, KVal *lo,
                    KVal *hi)
{
    /* ceil((pad - k) / stride) and ceil((src + pad - k) / stride), numerators kept positive */
    KVal first = kb_iop(kb, K_IMAX, kb_i(kb, 0), kb_iop(kb, K_ISUB, kb_i(kb, pad), k));
    KVal end = kb_iop(kb, K_IMAX, kb_i(kb, 0), kb_iop(kb, K_ISUB, kb_i(kb, src + pad), k));
    *lo = kb_idivc(kb, kb_iaddc(kb, first, stride - 1), stride);
    *hi = kb_iop(kb, K_IMIN, kb_i(kb, dst), kb_idivc(kb, kb_iaddc(kb, end, stride - 1), stride));
}

static void grad_sum(const Grad *c, const Tile *tile, KVal tap, KVal ci, KVal col)
{
    KB *kb = c->kb;
    const ConvGeom *g = &c->g;
    int64_t pixels = g->dh * g->dw, taps = g->kh * g->kw;
    bool plain = pixels == 1 && taps == 1;
    KVal oh = kb_i(kb, 0), ow = oh, ih = oh, iw = oh;
    if (!plain) {
        KVal lo, hi, kh = kb_idivc(kb, tap, g->kw), kw = kb_iremc(kb, tap, g->kw);
        reached(kb, kh, g->stride_h, g->pad_t, g->sh, g->dh, &lo, &hi);
        oh = kb_for(kb, lo, hi, 1);
        ih = kb_iadd(kb, kb_iaddc(kb, kb_imulc(kb, oh, g->stride_h), -g->pad_t), kh);
        reached(kb, kw, g->stride_w, g->pad_l, g->sw, g->dw, &lo, &hi);
        ow = kb_for(kb, lo, hi, 1);
        iw = kb_iadd(kb, kb_iaddc(kb, kb_imulc(kb, ow, g->stride_w), -g->pad_l), kw);
    }
    KVal x0 = kb_imad(kb, kb_imad(kb, ih, g->sw, iw), g->n * g->sc, ci);
    KVal y0 = kb_imad(kb, kb_imad(kb, oh, g->dw, ow), g->n * g->dc, col);
    int64_t unroll = g->n % 2 ? 1 : 2;
    KVal n = kb_for(kb, kb_i(kb, 0), kb_i(kb, g->n), unroll);
    for (int64_t u = 0; u < unroll; u++)
        tile_fma(kb, tile, c->x, kb_iaddc(kb, kb_imad(kb, n, g->sc, x0), u * g->sc), 1, c->dy,
                 kb_iaddc(kb, kb_imad(kb, n, g->dc, y0), u * g->dc));
    kb_end(kb);
    if (!plain) {
        kb_end(kb);
        kb_end(kb);
    }
}

/* Rows row .. row+rows-1 of the tap's share of the kernel matrix. */
static void grad_tile(const Grad *c, KVal panel, KVal tap, KVal ci, int rows, int vectors,
                      int last_active)
{
    KB *kb = c->kb;
    Tile tile = tile_zeros(kb, rows, vectors, c->lanes);
    tile.last_active = last_active;
    grad_sum(c, &tile, tap, ci, kb_imulc(kb, panel, c->panel));
    int64_t matrix_rows = c->g.kh * c->g.kw * c->g.sc;
    KVal row = kb_imad(kb, tap, c->g.sc, ci);
    KVal w = kb_imad(kb, row, c->panel, kb_imulc(kb, panel, matrix_rows * c->panel));
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++)
            kernel_update_apply(kb, c->args, &c->consts, c->optimizer,
                                kb_iaddc(kb, w, r * c->panel + v * c->lanes),
                                kb_get(kb, tile_at(&tile, r, v)), c->lanes, c->lanes);
}

/* Row tiles lo .. hi-1 of all taps, for one panel; a tap has `per_tap` tiles, the last may be
 * narrow. */
static void grad_rows(const Grad *c, KVal panel, KVal lo, KVal hi, int vectors, int last_active)
{
    KB *kb = c->kb;
    int64_t full = c->g.sc / c->tile_rows, rest = c->g.sc % c->tile_rows,
            per_tap = full + (rest ? 1 : 0);
    KVal t = kb_for(kb, lo, hi, 1);
    KVal tap = kb_idivc(kb, t, per_tap), in_tap = kb_iremc(kb, t, per_tap);
    KVal ci = kb_imulc(kb, in_tap, c->tile_rows);
    if (full > 0) {
        if (rest)
            kb_if(kb, kb_iop(kb, K_ILT, in_tap, kb_i(kb, full)));
        grad_tile(c, panel, tap, ci, c->tile_rows, vectors, last_active);
        if (rest)
            kb_end(kb);
    }
    if (rest) {
        if (full)
            kb_if(kb, kb_iop(kb, K_IEQ, in_tap, kb_i(kb, full)));
        grad_tile(c, panel, tap, ci, (int)rest, vectors, last_active);
        if (full)
            kb_end(kb);
    }
    kb_end(kb);
}

Kernel *kernel_conv_update(Arena *arena, KernelTarget target, const ConvGeom *geom, int64_t panel,
                           const KernelOptimizer *optimizer)
{
    int lanes = target.lanes, vectors = (int)(panel / lanes);
    Grad c = {.g = *geom, .optimizer = optimizer, .panel = panel, .lanes = lanes};
    conv_as_product(&c.g);
    c.tile_rows = tile_choose_rows(target, geom->sc, vectors, (int64_t)sizeof(float));
    int64_t full = geom->dc / panel, rest = geom->dc % panel, panels = full + (rest ? 1 : 0);
    int64_t per_tap = div_up(geom->sc, c.tile_rows), tiles = per_tap * geom->kh * geom->kw;
    Split by_panel = split_even(panels, 16),
          by_tile = split_even(tiles, div_up(16, by_panel.groups));
    KB *kb = c.kb = kb_begin(arena, "conv_update", by_panel.groups * by_tile.groups);
    kb_title(kb, "weight gradient and optimizer, %lldx%lldx%lld -> %lld, tile %dx%d",
             (long long)geom->kh, (long long)geom->kw, (long long)geom->sc, (long long)geom->dc,
             c.tile_rows, vectors);
    c.x = kb_buffer(kb, "x", KE_F32, geom->sh * geom->sw * geom->n * geom->sc, false);
    c.dy = kb_buffer(kb, "dy", KE_F32, geom->dh * geom->dw * geom->n * geom->dc, false);
    c.args = kernel_update_buffers(
        kb, kernel_panel_size(geom->kh * geom->kw * geom->sc, geom->dc, panel), optimizer);
    c.consts = kernel_update_consts(kb, c.args, optimizer, lanes);
    KVal task = kb_task(kb), pg = kb_idivc(kb, task, by_tile.groups),
         tg = kb_iremc(kb, task, by_tile.groups);
    KVal panel_lo = split_lo(kb, by_panel, pg), panel_hi = split_hi(kb, by_panel, pg);
    KVal tile_lo = split_lo(kb, by_tile, tg), tile_hi = split_hi(kb, by_tile, tg);
    if (full > 0) {
        KVal p =
            kb_for(kb, panel_lo, rest ? kb_iop(kb, K_IMIN, panel_hi, kb_i(kb, full)) : panel_hi, 1);
        grad_rows(&c, p, tile_lo, tile_hi, vectors, lanes);
        kb_end(kb);
    }
    if (rest) {
        int v = (int)div_up(rest, lanes);
        kb_if(kb, kb_iop(kb, K_ILT, kb_i(kb, full), panel_hi));
        grad_rows(&c, kb_i(kb, full), tile_lo, tile_hi, v, (int)(rest - (v - 1) * lanes));
        kb_end(kb);
    }
    return kb_finish(kb);
}

/* One task a panel of the result, or some where panels are few. */
Kernel *kernel_transpose_weights(Arena *arena, KernelTarget target, int64_t taps, int64_t ci,
                                 int64_t co, int64_t panel, int64_t panel_t)
{
    (void)target;
    int64_t panels_t = div_up(ci, panel_t);
    int64_t each = co % TRANSPOSED_AT_ONCE || panel % TRANSPOSED_AT_ONCE ? 1 : TRANSPOSED_AT_ONCE;
    bool small = tasks_for(taps * ci * co, 2) == 1;
    Split split = split_even(taps * co / each, panels_t >= 8 || small ? 1 : 8);
    KB *kb = kb_begin(arena, "transpose_weights", panels_t * split.groups);
    kb_title(kb, "%lld taps of %lld x %lld weights, transposed", (long long)taps, (long long)ci,
             (long long)co);
    int w = kb_buffer(kb, "w", KE_F32, kernel_panel_size(taps * ci, co, panel), false);
    int out = kb_buffer(kb, "wt", KE_F32, kernel_panel_size(taps * co, ci, panel_t), true);
    KVal task = kb_task(kb), pt = kb_idivc(kb, task, split.groups),
         group = kb_iremc(kb, task, split.groups);
    KVal row = kb_for(kb, split_lo(kb, split, group), split_hi(kb, split, group), 1);
    row = kb_imulc(kb, row, each);
    KVal tap = kb_idivc(kb, row, co), c = kb_iremc(kb, row, co);
    KVal src = kb_iadd(kb, kb_imulc(kb, kb_idivc(kb, c, panel), taps * ci * panel),
                       kb_iremc(kb, c, panel));
    src = kb_imad(kb, tap, ci * panel, src);
    KVal dst = kb_imad(kb, kb_imad(kb, pt, taps * co, row), panel_t, kb_i(kb, 0));
    KVal ci0 = kb_imulc(kb, pt, panel_t);
    KVal n = kb_iop(kb, K_IMIN, kb_i(kb, panel_t), kb_iop(kb, K_ISUB, kb_i(kb, ci), ci0));
    KVal j = kb_for(kb, kb_i(kb, 0), n, 1);
    KVal from = kb_imad(kb, kb_iadd(kb, ci0, j), panel, src), to = kb_iadd(kb, dst, j);
    for (int64_t u = 0; u < each; u++)
        kb_store(kb, out, kb_iaddc(kb, to, u * panel_t),
                 kb_load(kb, w, kb_iaddc(kb, from, u), 1, 1), 1);
    kb_end(kb);
    kb_end(kb);
    return kb_finish(kb);
}
