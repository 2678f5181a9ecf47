/* kernel_strassen.c - 1 x 1 convolutions with seven products instead of eight, by Winograd's
 * variant of Strassen's rule (V. Strassen, "Gaussian elimination is not optimal", 1969; S.
 * Winograd, "On multiplication of 2 x 2 matrices", 1971).
 *
 * The product A B = C is halved along its rows, its sum and its columns. With
 *
 *     S1 = A21 + A22   S2 = S1 - A11    S3 = A11 - A21   S4 = A12 - S2
 *     T1 = B12 - B11   T2 = B22 - T1    T3 = B22 - B12   T4 = T2 - B21
 *
 * each quarter of C is a sum of products of which two or more share parts (STEPS). Rows are pixels
 * of samples, pixel by pixel: with an even number of pixels a row and its partner in the other half
 * are two pixels of one sample, so that a sample's result does not depend on its batch.
 *
 * Weights come combined, in panels, in the order of the steps. A task takes blocks of rows and a
 * share of the panels. It forms the block's S in memory of its own that stays in the L2 cache, and
 * copies the other factors there, too, where a stride leaves out pixels; else these are read where
 * they lie. Then, a panel of columns after the other and in it a tile of rows after the other, it
 * takes the steps, between which sums stay in the L1 cache. */
#include "compiler/base/base.h"
#include "compiler/kernel/kernel.h"
#include "compiler/kernel/kernel_tile.h"

enum {
    LOCAL_BYTES = 400 * 1024, /* of a block's factors */
    MAX_GROUPS = 16,          /* tasks */
    N_SUMS = 3,               /* of a tile that are kept from step to step */
    INPUT_OPS = 8,            /* operations on vectors that form S, but for stores */
    OUTPUT_OPS = 17,          /* on sums, more than the direct product has */
    STREAM_OPS = 4 /* what reading 64 bytes of weights costs, most of it behind products */
};

typedef enum { S1, S2, S3, S4, N_S, A11 = N_S, A12, A22, N_FACTORS } Factor;
enum { NONE = -1 };

/* sum = sums[start] or 0; sum += factor * weights; sums[save] = sum; sum += sums[add]; the sum is
 * the quarter of C in rows' half `half_m`, columns' half `half_n`. */
typedef struct Step {
    Factor factor;
    double weights[4]; /* of B11, B12, B21, B22 */
    int start, save, add;
    int half_m, half_n; /* NONE: no result */
} Step;

/* P5 and P1 are kept, and U2 = P1 + S2 T2, U3 = U2 + S3 T3. */
static const Step STEPS[STRASSEN_POSITIONS] = {
    {S1, {-1, 1, 0, 0}, NONE, 2, NONE, NONE, NONE}, /* P5 = S1 T1 */
    {A11, {1, 0, 0, 0}, NONE, 0, NONE, NONE, NONE}, /* P1 = A11 B11 */
    {A12, {0, 0, 1, 0}, 0, NONE, NONE, 0, 0},       /* C11 = P1 + A12 B21 */
    {S2, {1, -1, 0, 1}, 0, 0, NONE, NONE, NONE},    /* U2 */
    {S3, {0, -1, 0, 1}, 0, 1, 2, 1, 1},             /* U3; C22 = U3 + P5 */
    {A22, {-1, 1, 1, -1}, 1, NONE, NONE, 1, 0},     /* C21 = U3 - A22 T4 */
    {S4, {0, 0, 0, 1}, 0, NONE, 2, 0, 1},           /* C12 = U2 + S4 B22 + P5 */
};

typedef struct Strassen {
    KB *kb;
    ConvGeom g;
    ConvOptions o;
    int64_t panel;
    int64_t rows, sums, cols;    /* half of all rows, of the channels, of the columns */
    int64_t each, n_blocks;      /* tiles of a block */
    Split panels;                /* among the tasks of a block */
    int formed;                  /* factors in the task's own memory */
    int64_t row_pitch, in_pitch; /* there: from row to row, from factor to factor */
    int64_t out_pitch;           /* from sum to sum */
    int lanes, tile_rows;
    int src, weights, dst, bias, residual, in, out;
} Strassen;

/* A tile of both halves: its first row, also in the block; its columns. */
typedef struct Place {
    KVal row, local, panel;
    int rows, vectors;
} Place;

/* --------------------------------------------------------------------- input */

/* The first element that the output's row reads. */
static KVal source(const Strassen *s, KVal row)
{
    KB *kb = s->kb;
    const ConvGeom *g = &s->g;
    if (s->formed == N_S)
        return kb_imulc(kb, row, g->sc);
    KVal pixel = kb_idivc(kb, row, g->n), sample = kb_iremc(kb, row, g->n);
    KVal y = kb_imulc(kb, kb_idivc(kb, pixel, g->dw), g->stride_h);
    KVal x = kb_imulc(kb, kb_iremc(kb, pixel, g->dw), g->stride_w);
    return kb_imulc(kb, kb_imad(kb, kb_imad(kb, y, g->sw, x), g->n, sample), g->sc);
}

/* One vector of channels of a row and its partner. */
static void form(const Strassen *s, KVal top, KVal bottom, KVal local, KVal channel)
{
    KB *kb = s->kb;
    int lanes = s->lanes;
    KVal f[N_FACTORS], right = kb_iaddc(kb, channel, s->sums);
    f[A11] = kb_load(kb, s->src, kb_iadd(kb, top, channel), lanes, lanes);
    f[A12] = kb_load(kb, s->src, kb_iadd(kb, top, right), lanes, lanes);
    f[A22] = kb_load(kb, s->src, kb_iadd(kb, bottom, right), lanes, lanes);
    KVal a21 = kb_load(kb, s->src, kb_iadd(kb, bottom, channel), lanes, lanes);
    f[S1] = kb_fop(kb, K_FADD, a21, f[A22]);
    f[S2] = kb_fop(kb, K_FSUB, f[S1], f[A11]);
    f[S3] = kb_fop(kb, K_FSUB, f[A11], a21);
    f[S4] = kb_fop(kb, K_FSUB, f[A12], f[S2]);
    KVal to = kb_imad(kb, local, s->row_pitch, channel);
    for (int i = 0; i < s->formed; i++)
        kb_store(kb, s->in, kb_iaddc(kb, to, i * s->in_pitch), f[i], lanes);
}

/* The factors of the rows of the tiles lo .. hi-1. */
static void block_input(const Strassen *s, KVal lo, KVal hi)
{
    KB *kb = s->kb;
    KVal first = kb_imulc(kb, lo, s->tile_rows);
    KVal end = kb_iop(kb, K_IMIN, kb_imulc(kb, hi, s->tile_rows), kb_i(kb, s->rows));
    KVal row = kb_for(kb, first, end, 1), local = kb_iop(kb, K_ISUB, row, first);
    KVal top = source(s, row), bottom = source(s, kb_iaddc(kb, row, s->rows));
    KVal channel = kb_for(kb, kb_i(kb, 0), kb_i(kb, s->sums), s->lanes);
    form(s, top, bottom, local, channel);
    kb_end(kb);
    kb_end(kb);
}

/* ------------------------------------------------------------------- product */

static void add_products(const Strassen *s, const Tile *tile, const Place *at, int position)
{
    KB *kb = s->kb;
    Factor factor = STEPS[position].factor;
    int64_t pitch = s->row_pitch;
    int buf = s->in;
    KVal a = kb_iaddc(kb, kb_imulc(kb, at->local, pitch), factor * s->in_pitch);
    if ((int)factor >= s->formed) {
        pitch = s->g.sc;
        buf = s->src;
        a = kb_iaddc(kb, at->row, factor == A22 ? s->rows : 0);
        a = kb_iaddc(kb, kb_imulc(kb, a, pitch), factor == A11 ? 0 : s->sums);
    }
    KVal b = kb_iaddc(kb, kb_imulc(kb, at->panel, STRASSEN_POSITIONS), position);
    b = kb_imulc(kb, b, s->sums * s->panel);
    KVal k = kb_for(kb, kb_i(kb, 0), kb_i(kb, s->sums), 1);
    tile_fma(kb, tile, buf, kb_iadd(kb, a, k), pitch, s->weights, kb_imad(kb, k, s->panel, b));
    kb_end(kb);
}

static void store_quarter(const Strassen *s, const Tile *tile, const Place *at, int half_m,
                          int half_n)
{
    KB *kb = s->kb;
    TileResult result = {.options = &s->o,
                         .dst = s->dst,
                         .bias = s->bias,
                         .residual = s->residual,
                         .row = kb_iaddc(kb, at->row, half_m * s->rows),
                         .col = kb_iaddc(kb, kb_imulc(kb, at->panel, s->panel), half_n * s->cols),
                         .dst_pitch = s->g.dst_stride,
                         .residual_pitch = s->g.dc,
                         .last_active = s->lanes};
    tile_result(kb, tile, &result);
}

static void step(const Strassen *s, const Place *at, int position)
{
    KB *kb = s->kb;
    const Step *step = &STEPS[position];
    Tile tile = tile_zeros(kb, at->rows, at->vectors, s->lanes);
    if (step->start != NONE)
        tile_add(kb, &tile, s->out, kb_i(kb, step->start * s->out_pitch), s->panel);
    add_products(s, &tile, at, position);
    if (step->save != NONE)
        tile_store(kb, &tile, s->out, kb_i(kb, step->save * s->out_pitch), s->panel);
    if (step->add != NONE)
        tile_add(kb, &tile, s->out, kb_i(kb, step->add * s->out_pitch), s->panel);
    if (step->half_m != NONE)
        store_quarter(s, &tile, at, step->half_m, step->half_n);
}

static void tile_steps(const Strassen *s, KVal lo, KVal t, int rows, KVal panel, int vectors)
{
    KB *kb = s->kb;
    Place at = {.row = kb_imulc(kb, t, s->tile_rows),
                .local = kb_imulc(kb, kb_iop(kb, K_ISUB, t, lo), s->tile_rows),
                .panel = panel,
                .rows = rows,
                .vectors = vectors};
    for (int i = 0; i < STRASSEN_POSITIONS; i++)
        step(s, &at, i);
}

/* A panel of the block of tiles lo .. hi-1; the tile behind the whole ones has the rest of the
 * rows. */
static void block_panel(const Strassen *s, KVal lo, KVal hi, KVal panel, int vectors)
{
    KB *kb = s->kb;
    int64_t full = s->rows / s->tile_rows, rest = s->rows % s->tile_rows;
    if (full > 0) {
        KVal t = kb_for(kb, lo, kb_iop(kb, K_IMIN, hi, kb_i(kb, full)), 1);
        tile_steps(s, lo, t, s->tile_rows, panel, vectors);
        kb_end(kb);
    }
    if (rest > 0) {
        kb_if(kb, kb_iop(kb, K_ILT, kb_i(kb, full), hi));
        tile_steps(s, lo, kb_i(kb, full), (int)rest, panel, vectors);
        kb_end(kb);
    }
}

/* Panels panel_lo .. panel_hi-1 of a block; the last of all may be narrow. */
static void block_panels(const Strassen *s, KVal lo, KVal hi, KVal panel_lo, KVal panel_hi)
{
    KB *kb = s->kb;
    int64_t full = s->cols / s->panel, rest = s->cols % s->panel;
    if (full > 0) {
        KVal panel = kb_for(kb, panel_lo, kb_iop(kb, K_IMIN, panel_hi, kb_i(kb, full)), 1);
        block_panel(s, lo, hi, panel, (int)(s->panel / s->lanes));
        kb_end(kb);
    }
    if (rest > 0) {
        kb_if(kb, kb_iop(kb, K_ILT, kb_i(kb, full), panel_hi));
        block_panel(s, lo, hi, kb_i(kb, full), (int)(rest / s->lanes));
        kb_end(kb);
    }
}

/* -------------------------------------------------------------------- choices */

/* Factors that are put into the task's own memory. */
static int formed_factors(ConvGeom geom)
{
    return conv_as_product(&geom) ? N_S : N_FACTORS;
}

/* What one row of a block takes of the task's own memory. */
static int64_t row_bytes(int formed, int64_t sums)
{
    return (int64_t)sizeof(float) * formed * (sums + VECTOR);
}

/* Tiles of a block: as many as fit LOCAL_BYTES, in an even number of blocks of like size. */
static void choose_blocks(Strassen *s)
{
    int64_t tiles = div_up(s->rows, s->tile_rows);
    int64_t most = LOCAL_BYTES / (row_bytes(s->formed, s->sums) * s->tile_rows);
    check_bug(most >= 1);
    int64_t blocks = div_up(tiles, most);
    if (blocks % 2 && blocks < tiles)
        blocks++;
    s->each = div_up(tiles, blocks);
    s->n_blocks = div_up(tiles, s->each);
    s->in_pitch = s->each * s->tile_rows * s->row_pitch;
    s->out_pitch = s->tile_rows * s->panel;
}

static bool fits(const ConvGeom *g)
{
    return g->kh == 1 && g->kw == 1 && g->pad_t == 0 && g->pad_l == 0 && g->up_h == 1 &&
           g->up_w == 1 && (g->dh - 1) * g->stride_h < g->sh && (g->dw - 1) * g->stride_w < g->sw &&
           g->dh * g->dw % 2 == 0 && g->sc % (2 * VECTOR) == 0 && g->dc % (2 * VECTOR) == 0 &&
           row_bytes(formed_factors(*g), g->sc / 2) * TILE_MAX_ROWS <= LOCAL_BYTES;
}

/* With the columns that a cut panel wastes. */
static int64_t whole_panels(int64_t cols)
{
    KernelTarget wide = {VECTOR, 32};
    return kernel_panel_size(1, cols, kernel_panel(wide, cols));
}

bool kernel_strassen_pays(const ConvGeom *g)
{
    if (!fits(g))
        return false;
    int64_t rows = g->n * g->dh * g->dw, sums = g->sc / 2, cols = g->dc / 2;
    int64_t weights = g->sc * g->dc, products = STRASSEN_POSITIONS * sums;
    int64_t direct = rows * g->sc * whole_panels(g->dc) + weights * STREAM_OPS;
    int64_t row =
        products * whole_panels(cols) + (INPUT_OPS + formed_factors(*g)) * sums + OUTPUT_OPS * cols;
    return rows / 2 * row + products * cols * STREAM_OPS < direct / 25 * 24;
}

void kernel_strassen_weights(const double quarters[4], double positions[STRASSEN_POSITIONS])
{
    for (int i = 0; i < STRASSEN_POSITIONS; i++) {
        positions[i] = 0;
        for (int q = 0; q < 4; q++)
            positions[i] += STEPS[i].weights[q] * quarters[q];
    }
}

/* Multiply-adds of the direct product over vector operations that are done. */
static double expected_share(const Strassen *s)
{
    double products = (double)(STRASSEN_POSITIONS * s->sums * s->cols) /
                      tile_share(s->rows, s->tile_rows, s->cols, s->panel, s->lanes);
    int64_t input = (INPUT_OPS + s->formed) * s->sums * s->panels.groups;
    double around = (double)(input + OUTPUT_OPS * s->cols);
    return (double)(8 * s->sums * s->cols) / (products + around);
}

/* ------------------------------------------------------------------- the kernel */

static Strassen choose(KernelTarget target, const ConvGeom *g, const ConvOptions *options,
                       int64_t panel)
{
    check_bug(fits(g));
    Strassen s = {.g = *g,
                  .o = *options,
                  .panel = panel,
                  .lanes = target.lanes,
                  .rows = g->n * g->dh * g->dw / 2,
                  .sums = g->sc / 2,
                  .cols = g->dc / 2,
                  .formed = formed_factors(*g)};
    s.row_pitch = s.sums + VECTOR;
    int64_t pitch = s.formed == N_FACTORS ? s.row_pitch : g->sc;
    s.tile_rows = tile_choose_rows(target, s.rows, (int)(panel / target.lanes),
                                   pitch * (int64_t)sizeof(float));
    choose_blocks(&s);
    s.panels = split_even(div_up(s.cols, panel), s.n_blocks == 1 ? 2 : 1);
    return s;
}

static void add_buffers(Strassen *s)
{
    KB *kb = s->kb;
    const ConvGeom *g = &s->g;
    int64_t rows = 2 * s->rows, weights = STRASSEN_POSITIONS * s->sums;
    s->src = kb_buffer(kb, "x", KE_F32, g->sh * g->sw * g->n * g->sc, false);
    s->weights = kb_buffer(kb, "w", KE_F32, kernel_panel_size(weights, s->cols, s->panel), false);
    s->dst = kb_buffer(kb, "y", KE_F32, rows * g->dst_stride, true);
    if (s->o.bias)
        s->bias = kb_buffer(kb, "bias", KE_F32, kernel_panel_size(1, g->dc, s->panel), false);
    if (s->o.residual)
        s->residual = kb_buffer(kb, "residual", KE_F32, rows * g->dc, false);
    s->in = kb_local(kb, "in", KE_F32, s->formed * s->in_pitch);
    s->out = kb_local(kb, "out", KE_F32, N_SUMS * s->out_pitch);
}

Kernel *kernel_strassen(Arena *arena, KernelTarget target, const ConvGeom *g,
                        const ConvOptions *options, int64_t panel)
{
    Strassen s = choose(target, g, options, panel);
    Split split = split_even(s.n_blocks, MAX_GROUPS);
    KB *kb = s.kb = kb_begin(arena, "strassen", split.groups * s.panels.groups);
    kb_share(kb, expected_share(&s));
    kb_title(kb,
             "convolution (%lld,%lld,%lld,%lld) -> (%lld,%lld,%lld,%lld), window 1x1, Strassen, "
             "tile %dx%d, blocks of %lld rows",
             (long long)g->sh, (long long)g->sw, (long long)g->n, (long long)g->sc,
             (long long)g->dh, (long long)g->dw, (long long)g->n, (long long)g->dc, s.tile_rows,
             (int)(panel / s.lanes), (long long)(2 * s.each * s.tile_rows));
    add_buffers(&s);
    KVal task = kb_task(kb), blocks = kb_idivc(kb, task, s.panels.groups),
         panels = kb_iremc(kb, task, s.panels.groups);
    KVal block = kb_for(kb, split_lo(kb, split, blocks), split_hi(kb, split, blocks), 1);
    KVal lo = kb_imulc(kb, block, s.each), hi = kb_iaddc(kb, lo, s.each);
    block_input(&s, lo, hi);
    block_panels(&s, lo, hi, split_lo(kb, s.panels, panels), split_hi(kb, s.panels, panels));
    kb_end(kb);
    return kb_finish(kb);
}
