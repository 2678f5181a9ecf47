/* kernel_dense_input.c - the gradient of a Dense layer's input.
 *
 * It is computed with the samples in the lanes: so the weights, of which there are many, are read
 * as they lie, and only dy and the result are transposed.
 *
 * Each half of the tasks takes a half of the weights' columns, and so reads the weights that it
 * changes in the layer's update: cores need not share a cache, and what another has read costs much
 * to write. The parts of the sum meet where they become rows. */
#include "compiler/base/base.h"
#include "compiler/kernel/kernel.h"
#include "compiler/kernel/kernel_tile.h"

typedef struct DenseInput {
    KB *kb;
    int64_t ci, co, panel, panel_n; /* columns of a panel of the weights, samples of one of dy */
    int64_t each;                   /* panels of weights of a part */
    int64_t size;                   /* of a part of dx */
    int lanes, vectors, rows;
    int w, dy, dx;
    KVal part;
} DenseInput;

int64_t kernel_dense_parts(const ConvGeom *g, int64_t panel)
{
    bool small = tasks_for(g->n * g->sc * g->dc / VECTOR, COLUMN_TASKS) == 1;
    return small || g->dc <= panel ? 1 : CORE_PARTS;
}

/* Products with the panels lo .. hi-1 of the weights, `cols` columns of each. */
static void add_panels(const DenseInput *d, const Tile *tile, KVal samples, KVal ci, KVal lo,
                       KVal hi, int64_t cols)
{
    KB *kb = d->kb;
    KVal p = kb_for(kb, lo, hi, 1);
    KVal k = kb_for(kb, kb_i(kb, 0), kb_i(kb, cols), 1);
    KVal row = kb_imad(kb, p, d->ci, ci);
    KVal col = kb_iadd(kb, kb_imulc(kb, p, d->panel), k);
    tile_fma(kb, tile, d->w, kb_imad(kb, row, d->panel, k), d->panel, d->dy,
             kb_imulc(kb, kb_imad(kb, samples, d->co, col), d->panel_n));
    kb_end(kb);
    kb_end(kb);
}

/* `rows` input channels from ci on, of one panel of samples. */
static void input_tile(const DenseInput *d, KVal samples, KVal ci, int rows)
{
    KB *kb = d->kb;
    Tile tile = tile_zeros(kb, rows, d->vectors, d->lanes);
    int64_t full = d->co / d->panel, rest = d->co % d->panel;
    KVal lo = kb_imulc(kb, d->part, d->each), hi = kb_iaddc(kb, lo, d->each);
    if (full > 0)
        add_panels(d, &tile, samples, ci, lo, kb_iop(kb, K_IMIN, hi, kb_i(kb, full)), d->panel);
    if (rest > 0) {
        KVal last = kb_iop(kb, K_IMAX, lo, kb_i(kb, full));
        add_panels(d, &tile, samples, ci, last, kb_iop(kb, K_IMIN, hi, kb_i(kb, full + 1)), rest);
    }
    KVal to = kb_imulc(kb, kb_imad(kb, samples, d->ci, ci), d->panel_n);
    to = kb_iadd(kb, to, kb_imulc(kb, d->part, d->size));
    tile_store(kb, &tile, d->dx, to, d->panel_n);
}

Kernel *kernel_dense_input(Arena *arena, KernelTarget target, const ConvGeom *g, int64_t panel,
                           int64_t panel_n)
{
    int64_t parts = kernel_dense_parts(g, panel);
    DenseInput d = {.ci = g->sc,
                    .co = g->dc,
                    .panel = panel,
                    .panel_n = panel_n,
                    .each = div_up(div_up(g->dc, panel), parts),
                    .size = kernel_panel_size(g->sc, g->n, panel_n),
                    .lanes = target.lanes,
                    .vectors = (int)(panel_n / target.lanes)};
    d.rows = tile_choose_rows(target, d.ci, d.vectors, panel * (int64_t)sizeof(float));
    int64_t full = d.ci / d.rows, rest = d.ci % d.rows, panels = div_up(g->n, panel_n);
    Split split = split_even(full + (rest > 0),
                             tasks_for(g->n * g->sc * g->dc / VECTOR, 2 * COLUMN_TASKS / parts));
    KB *kb = d.kb = kb_begin(arena, "dense_input", parts * split.groups);
    kb_share(kb, tile_share(d.ci, d.rows, g->n, panel_n, d.lanes));
    kb_title(kb, "input gradient, %lld x %lld -> %lld, tile %dx%d%s", (long long)g->n,
             (long long)d.co, (long long)d.ci, d.rows, d.vectors,
             parts > 1 ? ", a part of the sum for each half of the cores" : "");
    d.w = kb_buffer(kb, "w", KE_F32, kernel_panel_size(d.ci, d.co, panel), false);
    d.dy = kb_buffer(kb, "dy", KE_F32, kernel_panel_size(d.co, g->n, panel_n), false);
    d.dx = kb_buffer(kb, "dx", KE_F32, parts * d.size, true);
    KVal task = kb_task(kb), group = kb_iremc(kb, task, split.groups);
    d.part = kb_idivc(kb, task, split.groups);
    KVal samples = kb_for_n(kb, panels), hi = split_hi(kb, split, group);
    KVal t = kb_for(kb, split_lo(kb, split, group), kb_iop(kb, K_IMIN, hi, kb_i(kb, full)), 1);
    input_tile(&d, samples, kb_imulc(kb, t, d.rows), d.rows);
    kb_end(kb);
    if (rest > 0) {
        kb_if(kb, kb_iop(kb, K_ILT, kb_i(kb, full), hi));
        input_tile(&d, samples, kb_i(kb, full * d.rows), (int)rest);
        kb_end(kb);
    }
    kb_end_n(kb, panels);
    return kb_finish(kb);
}

/* ---------------------------------------------------------------------- rows */

typedef struct Rows {
    KB *kb;
    int64_t ci, panel_n, parts, size;
    int parts_buf, dx;
    KVal lo, hi; /* the task's channels */
} Rows;

/* `n` samples from `sample` on, which stand in one panel. */
static void some_rows(const Rows *r, KVal sample, int n)
{
    KB *kb = r->kb;
    KVal c = kb_for(kb, r->lo, r->hi, 1);
    KVal row = kb_imad(kb, kb_idivc(kb, sample, r->panel_n), r->ci, c);
    KVal from = kb_imad(kb, row, r->panel_n, kb_iremc(kb, sample, r->panel_n));
    KVal to = kb_imad(kb, sample, r->ci, c);
    for (int i = 0; i < n; i++) {
        KVal sum = kb_load(kb, r->parts_buf, kb_iaddc(kb, from, i), 1, 1);
        for (int64_t p = 1; p < r->parts; p++)
            sum = kb_fop(kb, K_FADD, sum,
                         kb_load(kb, r->parts_buf, kb_iaddc(kb, from, p * r->size + i), 1, 1));
        kb_store(kb, r->dx, kb_iaddc(kb, to, i * r->ci), sum, 1);
    }
    kb_end(kb);
}

/* A task has some channels of all samples: those that it reads in the update of the layer before.
 */
Kernel *kernel_dense_rows(Arena *arena, const ConvGeom *g, int64_t panel, int64_t panel_n)
{
    Rows r = {.ci = g->sc,
              .panel_n = panel_n,
              .parts = kernel_dense_parts(g, panel),
              .size = kernel_panel_size(g->sc, g->n, panel_n)};
    Split split = split_even(g->sc, tasks_for(g->n * g->sc, COLUMN_TASKS));
    KB *kb = r.kb = kb_begin(arena, "dense_rows", split.groups);
    kb_title(kb, "gradient of (%lld,%lld) to rows%s", (long long)g->n, (long long)g->sc,
             r.parts > 1 ? ", sum of its parts" : "");
    r.parts_buf = kb_buffer(kb, "parts", KE_F32, r.parts * r.size, false);
    r.dx = kb_buffer(kb, "dx", KE_F32, g->n * g->sc, true);
    KVal task = kb_task(kb);
    r.lo = split_lo(kb, split, task);
    r.hi = split_hi(kb, split, task);
    int64_t whole = g->n / TRANSPOSED_AT_ONCE, rest = g->n % TRANSPOSED_AT_ONCE;
    KVal block = kb_for_n(kb, whole);
    some_rows(&r, kb_imulc(kb, block, TRANSPOSED_AT_ONCE), TRANSPOSED_AT_ONCE);
    kb_end_n(kb, whole);
    if (rest > 0)
        some_rows(&r, kb_i(kb, whole * TRANSPOSED_AT_ONCE), (int)rest);
    return kb_finish(kb);
}
