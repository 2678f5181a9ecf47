/* kernel_winograd.c - convolutions of window 3 x 3 and stride 1 by Winograd's F(4 x 4, 3 x 3).
 *
 * An output of 4 x 4 pixels takes 36 products a pair of channels where 144 multiply-adds would be
 * needed (A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks", 2016):
 *
 *     Y = A' [(G g G') * (B' d B)] A
 *
 * Weights come transformed as G g G', in panels, the positions standing where taps stand otherwise.
 * The points of interpolation are 0, P, -P, Q, -Q and infinity. With P = 5/8 and Q = 3/2 a sum over
 * 64 channels has 0.4 times the error that the usual 1 and 2 give, and twice that of the direct
 * sum.
 *
 * A task takes blocks of rows, a row being a sample of an output tile. It transforms their input
 * into memory of its own that stays in the L2 cache; then, a panel of columns after the other,
 * multiplies at each position and transforms back. */
#include "compiler/base/base.h"
#include "compiler/kernel/kernel.h"
#include "compiler/kernel/kernel_tile.h"

enum {
    OUT = 4,                  /* pixels of an output tile along an axis */
    IN = 6,                   /* of the input tile; positions are its square */
    LOCAL_BYTES = 400 * 1024, /* of a block's rows, transformed */
    MAX_BLOCK_ROWS = 64,
    MAX_GROUPS = 16, /* tasks */
    MAX_PANEL = 48,  /* columns of the widest panel */
    VECTOR = 16, /* lanes that operations are counted in: the choice is the same on all machines */
    STREAM_OPS = 10 /* what reading 64 bytes of weights costs, in vector operations */
};

#define P 0.625f
#define Q 1.5f

typedef struct Winograd {
    KB *kb;
    ConvGeom g;
    ConvOptions o;
    int64_t panel;
    int64_t tiles_h, tiles_w; /* of the output */
    int64_t tiles, samples;   /* of a block; samples divides g.n, and is g.n when tiles > 1 */
    int64_t n_blocks;
    int64_t in_pitch, out_pitch; /* from position to position in the task's own memory */
    int lanes;
    int src, weights, dst, bias, residual, in, out;
} Winograd;

/* One vector of output channels. */
typedef struct Columns {
    KVal first; /* in dst */
    KVal from;  /* in the panel */
    int active; /* lanes */
} Columns;

/* A tile of the block: its place in the output, its first sample, its first row in the block. */
typedef struct Place {
    KVal y, x, sample, row;
    const Columns *cols; /* of the output; NULL: the input's transform */
} Place;

/* ---------------------------------------------------------------------- transforms */

static KVal fma_c(const Winograd *w, float c, KVal a, KVal b)
{
    return kb_fma(w->kb, kb_f(w->kb, c, w->lanes), a, b);
}

static KVal times(const Winograd *w, float c, KVal a)
{
    return kb_fop(w->kb, K_FMUL, kb_f(w->kb, c, w->lanes), a);
}

static KVal add(const Winograd *w, KVal a, KVal b)
{
    return kb_fop(w->kb, K_FADD, a, b);
}

static KVal sub(const Winograd *w, KVal a, KVal b)
{
    return kb_fop(w->kb, K_FSUB, a, b);
}

/* The rows of B' are the coefficients of the product of (x - q) over the other points q. */
static void input_axis(const Winograd *w, const KVal d[IN], KVal t[IN])
{
    const float a2 = P * P, b2 = Q * Q;
    t[0] = fma_c(w, a2 * b2, d[0], fma_c(w, -(a2 + b2), d[2], d[4]));
    KVal even = fma_c(w, -b2, d[2], d[4]), odd = fma_c(w, -b2, d[1], d[3]);
    t[1] = fma_c(w, P, odd, even);
    t[2] = fma_c(w, -P, odd, even);
    even = fma_c(w, -a2, d[2], d[4]);
    odd = fma_c(w, -a2, d[1], d[3]);
    t[3] = fma_c(w, Q, odd, even);
    t[4] = fma_c(w, -Q, odd, even);
    t[5] = fma_c(w, a2 * b2, d[1], fma_c(w, -(a2 + b2), d[3], d[5]));
}

/* Row i of A' has the powers i of the points; infinity counts in the last. */
static void output_axis(const Winograd *w, const KVal m[IN], KVal y[OUT])
{
    KVal even_p = add(w, m[1], m[2]), odd_p = sub(w, m[1], m[2]);
    KVal even_q = add(w, m[3], m[4]), odd_q = sub(w, m[3], m[4]);
    y[0] = add(w, add(w, m[0], even_p), even_q);
    y[1] = fma_c(w, Q, odd_q, times(w, P, odd_p));
    y[2] = fma_c(w, Q * Q, even_q, times(w, P * P, even_p));
    y[3] = fma_c(w, Q * Q * Q, odd_q, fma_c(w, P * P * P, odd_p, m[5]));
}

void kernel_winograd_weights(const double window[9], double positions[WINOGRAD_POSITIONS])
{
/* of a point: 1, p, p^2, over the product of its distances to the other points */
#define ROW(p, d)                                                   \
    {                                                               \
        1 / (double)(d), (p) / (double)(d), (p) * (p) / (double)(d) \
    }
#define D_P (2 * P * P * (P * P - Q * Q))
#define D_Q (2 * Q * Q * (Q * Q - P * P))
    static const double g[IN][3] = {ROW(0, P * P * Q * Q), ROW(P, D_P),  ROW(-P, D_P),
                                    ROW(Q, D_Q),           ROW(-Q, D_Q), {0, 0, 1}};
#undef ROW
#undef D_P
#undef D_Q
    for (int i = 0; i < IN; i++) {
        for (int j = 0; j < IN; j++) {
            double sum = 0;
            for (int h = 0; h < 3; h++)
                for (int v = 0; v < 3; v++)
                    sum += g[i][h] * window[h * 3 + v] * g[j][v];
            positions[i * IN + j] = sum;
        }
    }
}

/* ------------------------------------------------------------------ conditions */

/* 0 <= first and first + n <= hi */
static KVal within(KB *kb, KVal first, int64_t n, int64_t hi)
{
    KVal from = kb_iop(kb, K_ILT, kb_i(kb, -1), first);
    return kb_iop(kb, K_IAND, from, kb_iop(kb, K_ILT, kb_iaddc(kb, first, n - 1), kb_i(kb, hi)));
}

/* Calls body for a tile, once with all pixels known to be inside of the image and once, where that
 * can be, with a test of each. */
typedef void (*TileBody)(const Winograd *w, const Place *at, bool guarded);

static void tile_cases(const Winograd *w, const Place *at, bool always, KVal inside, TileBody body)
{
    KB *kb = w->kb;
    if (always) {
        body(w, at, false);
        return;
    }
    kb_if(kb, inside);
    body(w, at, false);
    kb_end(kb);
    kb_if(kb, kb_iop(kb, K_IEQ, inside, kb_i(kb, 0)));
    body(w, at, true);
    kb_end(kb);
}

/* -------------------------------------------------------------------- input */

/* One vector of channels at `channel` of one sample: 36 pixels to 36 positions. */
static void input_vector(const Winograd *w, const Place *at, KVal sample, KVal channel, int active,
                         bool guarded)
{
    KB *kb = w->kb;
    const ConvGeom *g = &w->g;
    KVal y0 = kb_iaddc(kb, kb_imulc(kb, at->y, OUT), -g->pad_t);
    KVal x0 = kb_iaddc(kb, kb_imulc(kb, at->x, OUT), -g->pad_l);
    KVal from = kb_imad(kb, kb_iadd(kb, at->sample, sample), g->sc, channel);
    int64_t pixel = g->n * g->sc;
    from = kb_imad(kb, kb_imad(kb, y0, g->sw, x0), pixel, from);
    KVal mid[IN][IN];
    for (int j = 0; j < IN; j++) {
        KVal d[IN];
        for (int i = 0; i < IN; i++) {
            KVal index = kb_iaddc(kb, from, (i * g->sw + j) * pixel);
            if (!guarded) {
                d[i] = kb_load(kb, w->src, index, w->lanes, active);
                continue;
            }
            KVal var = kb_var(kb, kb_f(kb, 0, w->lanes));
            kb_if(kb, kb_iop(kb, K_IAND, within(kb, kb_iaddc(kb, y0, i), 1, g->sh),
                             within(kb, kb_iaddc(kb, x0, j), 1, g->sw)));
            kb_set(kb, var, kb_load(kb, w->src, index, w->lanes, active));
            kb_end(kb);
            d[i] = kb_get(kb, var);
        }
        KVal t[IN];
        input_axis(w, d, t);
        for (int i = 0; i < IN; i++)
            mid[i][j] = t[i];
    }
    KVal to = kb_imad(kb, kb_iadd(kb, at->row, sample), g->sc, channel);
    for (int i = 0; i < IN; i++) {
        KVal t[IN];
        input_axis(w, mid[i], t);
        for (int j = 0; j < IN; j++)
            kb_store(kb, w->in, kb_iaddc(kb, to, (i * IN + j) * w->in_pitch), t[j], active);
    }
}

static void input_tile(const Winograd *w, const Place *at, bool guarded)
{
    KB *kb = w->kb;
    int64_t whole = w->g.sc / w->lanes, rest = w->g.sc % w->lanes;
    KVal s = kb_for_n(kb, w->samples);
    if (whole > 0) {
        KVal v = kb_for_n(kb, whole);
        input_vector(w, at, s, kb_imulc(kb, v, w->lanes), w->lanes, guarded);
        kb_end_n(kb, whole);
    }
    if (rest > 0)
        input_vector(w, at, s, kb_i(kb, whole * w->lanes), (int)rest, guarded);
    kb_end_n(kb, w->samples);
}

/* ------------------------------------------------------------------- product */

/* rows x vectors sums at a position, over all channels. */
static void product_tile(const Winograd *w, KVal position, KVal row0, int rows, KVal panel,
                         int vectors)
{
    KB *kb = w->kb;
    Tile tile = {.rows = rows, .vectors = vectors, .lanes = w->lanes};
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++)
            tile_at(&tile, r, v) = kb_var(kb, kb_f(kb, 0, w->lanes));
    KVal a = kb_imad(kb, position, w->in_pitch, kb_imulc(kb, row0, w->g.sc));
    KVal b = kb_imulc(kb, kb_imad(kb, panel, WINOGRAD_POSITIONS, position), w->g.sc * w->panel);
    KVal k = kb_for(kb, kb_i(kb, 0), kb_i(kb, w->g.sc), 1);
    tile_fma(kb, &tile, w->in, kb_iadd(kb, a, k), w->g.sc, w->weights, kb_imad(kb, k, w->panel, b));
    kb_end(kb);
    KVal to = kb_imad(kb, position, w->out_pitch, kb_imulc(kb, row0, w->panel));
    for (int r = 0; r < rows; r++)
        for (int v = 0; v < vectors; v++)
            kb_store(kb, w->out, kb_iaddc(kb, to, r * w->panel + v * w->lanes),
                     kb_get(kb, tile_at(&tile, r, v)), w->lanes);
}

static void product_panel(const Winograd *w, KernelTarget target, KVal panel, int vectors)
{
    KB *kb = w->kb;
    int64_t rows = w->tiles * w->samples;
    int tile_rows = tile_choose_rows(target, rows, vectors, w->g.sc * (int64_t)sizeof(float));
    int64_t full = rows / tile_rows, rest = rows % tile_rows;
    KVal position = kb_for(kb, kb_i(kb, 0), kb_i(kb, WINOGRAD_POSITIONS), 1);
    KVal t = kb_for_n(kb, full);
    product_tile(w, position, kb_imulc(kb, t, tile_rows), tile_rows, panel, vectors);
    kb_end_n(kb, full);
    if (rest)
        product_tile(w, position, kb_i(kb, full * tile_rows), (int)rest, panel, vectors);
    kb_end(kb);
}

/* -------------------------------------------------------------------- output */

/* One vector of columns at one output pixel: bias, residual, activation, store. */
static void finish_pixel(const Winograd *w, KVal pixel, KVal sample, const Columns *cols,
                         KVal value)
{
    KB *kb = w->kb;
    const ConvGeom *g = &w->g;
    KVal row = kb_imad(kb, pixel, g->n, sample);
    KVal bias = w->o.bias ? kb_load(kb, w->bias, cols->first, w->lanes, w->lanes) : KVAL_NONE;
    KVal res = w->o.residual ? kb_imad(kb, row, g->dc, cols->first) : KVAL_NONE;
    value = tile_finish(kb, &w->o, value, bias, w->residual, res, cols->active);
    kb_store(kb, w->dst, kb_imad(kb, row, g->dst_stride, cols->first), value, cols->active);
}

/* 36 positions to 16 pixels of one sample. */
static void output_vector(const Winograd *w, const Place *at, KVal s, bool guarded)
{
    KB *kb = w->kb;
    const Columns *cols = at->cols;
    const ConvGeom *g = &w->g;
    KVal from = kb_imad(kb, kb_iadd(kb, at->row, s), w->panel, cols->from);
    KVal y0 = kb_imulc(kb, at->y, OUT), x0 = kb_imulc(kb, at->x, OUT);
    KVal sample = kb_iadd(kb, at->sample, s);
    KVal mid[OUT][IN];
    for (int j = 0; j < IN; j++) {
        KVal m[IN], y[OUT];
        for (int i = 0; i < IN; i++)
            m[i] = kb_load(kb, w->out, kb_iaddc(kb, from, (i * IN + j) * w->out_pitch), w->lanes,
                           w->lanes);
        output_axis(w, m, y);
        for (int i = 0; i < OUT; i++)
            mid[i][j] = y[i];
    }
    for (int i = 0; i < OUT; i++) {
        KVal y[OUT];
        output_axis(w, mid[i], y);
        KVal pixel = kb_imad(kb, kb_iaddc(kb, y0, i), g->dw, x0);
        for (int j = 0; j < OUT; j++) {
            if (guarded)
                kb_if(kb, kb_iop(kb, K_IAND, within(kb, kb_iaddc(kb, y0, i), 1, g->dh),
                                 within(kb, kb_iaddc(kb, x0, j), 1, g->dw)));
            finish_pixel(w, kb_iaddc(kb, pixel, j), sample, cols, y[j]);
            if (guarded)
                kb_end(kb);
        }
    }
}

static void output_tile(const Winograd *w, const Place *at, bool guarded)
{
    KVal s = kb_for_n(w->kb, w->samples);
    output_vector(w, at, s, guarded);
    kb_end_n(w->kb, w->samples);
}

/* -------------------------------------------------------------------- blocks */

static Place place_of(const Winograd *w, KVal block, KVal i, const Columns *cols)
{
    KB *kb = w->kb;
    int64_t total = w->tiles_h * w->tiles_w, groups = w->g.n / w->samples;
    KVal tile = kb_idivc(kb, block, groups);
    if (w->tiles > 1) /* the last block may compute its last tile more than once */
        tile = kb_iop(kb, K_IMIN, kb_imad(kb, block, w->tiles, i), kb_i(kb, total - 1));
    return (Place){.y = kb_idivc(kb, tile, w->tiles_w),
                   .x = kb_iremc(kb, tile, w->tiles_w),
                   .sample = kb_imulc(kb, kb_iremc(kb, block, groups), w->samples),
                   .row = kb_imulc(kb, i, w->samples),
                   .cols = cols};
}

static void block_input(const Winograd *w, KVal block)
{
    KB *kb = w->kb;
    const ConvGeom *g = &w->g;
    bool always = g->pad_t == 0 && g->pad_l == 0 && (w->tiles_h - 1) * OUT + IN <= g->sh &&
                  (w->tiles_w - 1) * OUT + IN <= g->sw;
    KVal i = kb_for_n(kb, w->tiles);
    Place at = place_of(w, block, i, NULL);
    KVal inside =
        kb_iop(kb, K_IAND, within(kb, kb_iaddc(kb, kb_imulc(kb, at.y, OUT), -g->pad_t), IN, g->sh),
               within(kb, kb_iaddc(kb, kb_imulc(kb, at.x, OUT), -g->pad_l), IN, g->sw));
    tile_cases(w, &at, always, inside, input_tile);
    kb_end_n(kb, w->tiles);
}

/* One vector of columns of all tiles of the block. */
static void block_output(const Winograd *w, KVal block, const Columns *cols)
{
    KB *kb = w->kb;
    const ConvGeom *g = &w->g;
    KVal i = kb_for_n(kb, w->tiles);
    Place at = place_of(w, block, i, cols);
    KVal inside = kb_iop(kb, K_IAND, within(kb, kb_imulc(kb, at.y, OUT), OUT, g->dh),
                         within(kb, kb_imulc(kb, at.x, OUT), OUT, g->dw));
    tile_cases(w, &at, g->dh % OUT == 0 && g->dw % OUT == 0, inside, output_tile);
    kb_end_n(kb, w->tiles);
}

/* A panel: products at all positions, then what they give. The last vector has `active` lanes. */
static void block_panel(const Winograd *w, KernelTarget target, KVal block, KVal panel, int vectors,
                        int active)
{
    KB *kb = w->kb;
    product_panel(w, target, panel, vectors);
    int whole = active == w->lanes ? vectors : vectors - 1;
    KVal first = kb_imulc(kb, panel, w->panel);
    if (whole > 0) {
        KVal from = kb_imulc(kb, kb_for_n(kb, whole), w->lanes);
        block_output(w, block, &(Columns){kb_iadd(kb, first, from), from, w->lanes});
        kb_end_n(kb, whole);
    }
    if (whole < vectors) {
        KVal from = kb_i(kb, (int64_t)whole * w->lanes);
        block_output(w, block, &(Columns){kb_iadd(kb, first, from), from, active});
    }
}

static void block_body(const Winograd *w, KernelTarget target, KVal block)
{
    KB *kb = w->kb;
    int64_t full = w->g.dc / w->panel, rest = w->g.dc % w->panel;
    block_input(w, block);
    if (full > 0) {
        KVal panel = kb_for_n(kb, full);
        block_panel(w, target, block, panel, (int)(w->panel / w->lanes), w->lanes);
        kb_end_n(kb, full);
    }
    if (rest > 0) {
        int vectors = (int)((rest + w->lanes - 1) / w->lanes);
        block_panel(w, target, block, kb_i(kb, full), vectors,
                    (int)(rest - (vectors - 1) * w->lanes));
    }
}

/* ------------------------------------------------------------------- the kernel */

/* What one row of a block takes of the task's own memory. */
static int64_t row_bytes(int64_t channels, int64_t panel)
{
    return WINOGRAD_POSITIONS * (int64_t)sizeof(float) * (channels + panel);
}

/* Rows of a block: as many as fit LOCAL_BYTES, whole tiles or an even part of one's samples. */
static void choose_block(Winograd *w)
{
    const ConvGeom *g = &w->g;
    int64_t rows = LOCAL_BYTES / row_bytes(g->sc, w->panel);
    rows = rows > MAX_BLOCK_ROWS ? MAX_BLOCK_ROWS : rows;
    check_bug(rows >= 1);
    int64_t total = w->tiles_h * w->tiles_w;
    w->tiles = 1;
    w->samples = g->n;
    if (rows >= 2 * g->n) {
        w->tiles = rows / g->n < total ? rows / g->n : total;
    } else {
        while (w->samples > rows || g->n % w->samples != 0)
            w->samples--;
    }
    w->n_blocks = (total + w->tiles - 1) / w->tiles * (g->n / w->samples);
    w->in_pitch = w->tiles * w->samples * g->sc + w->lanes;
    w->out_pitch = w->tiles * w->samples * w->panel + w->lanes;
}

static int64_t stream_ops(int64_t floats)
{
    return floats / VECTOR * STREAM_OPS;
}

bool kernel_winograd_pays(const ConvGeom *g, int64_t macs)
{
    if (g->kh != 3 || g->kw != 3 || g->stride_h != 1 || g->stride_w != 1 || g->up_h != 1 ||
        g->up_w != 1 || g->sc < VECTOR || g->dc < VECTOR ||
        row_bytes(g->sc, MAX_PANEL) > LOCAL_BYTES)
        return false;
    int64_t tiles = (g->dh + OUT - 1) / OUT * ((g->dw + OUT - 1) / OUT) * g->n;
    int64_t input = 2 * WINOGRAD_POSITIONS + 144, output = WINOGRAD_POSITIONS + 144 + OUT * OUT;
    int64_t direct = macs / VECTOR + stream_ops(9 * g->sc * g->dc);
    int64_t fast =
        tiles * (WINOGRAD_POSITIONS * g->sc * g->dc + input * g->sc + output * g->dc) / VECTOR +
        stream_ops(WINOGRAD_POSITIONS * g->sc * g->dc);
    return fast * 5 < direct * 4;
}

Kernel *kernel_winograd(Arena *arena, KernelTarget target, const ConvGeom *geom,
                        const ConvOptions *options, int64_t panel)
{
    Winograd w = {.g = *geom, .o = *options, .panel = panel, .lanes = target.lanes};
    w.tiles_h = (geom->dh + OUT - 1) / OUT;
    w.tiles_w = (geom->dw + OUT - 1) / OUT;
    choose_block(&w);
    Split split = split_even(w.n_blocks, MAX_GROUPS);
    KB *kb = w.kb = kb_begin(arena, "winograd", split.groups);
    kb_title(kb,
             "convolution (%lld,%lld,%lld,%lld) -> (%lld,%lld,%lld,%lld), Winograd F(4x4,3x3), "
             "blocks of %lld rows",
             (long long)geom->sh, (long long)geom->sw, (long long)geom->n, (long long)geom->sc,
             (long long)geom->dh, (long long)geom->dw, (long long)geom->n, (long long)geom->dc,
             (long long)(w.tiles * w.samples));
    w.src = kb_buffer(kb, "x", KE_F32, geom->sh * geom->sw * geom->n * geom->sc, false);
    w.weights = kb_buffer(kb, "w", KE_F32,
                          kernel_panel_size(WINOGRAD_POSITIONS * geom->sc, geom->dc, panel), false);
    w.dst = kb_buffer(kb, "y", KE_F32, geom->dh * geom->dw * geom->n * geom->dst_stride, true);
    if (options->bias)
        w.bias = kb_buffer(kb, "bias", KE_F32, kernel_panel_size(1, geom->dc, panel), false);
    if (options->residual)
        w.residual =
            kb_buffer(kb, "residual", KE_F32, geom->dh * geom->dw * geom->n * geom->dc, false);
    w.in = kb_local(kb, "in", WINOGRAD_POSITIONS * w.in_pitch);
    w.out = kb_local(kb, "out", WINOGRAD_POSITIONS * w.out_pitch);
    KVal task = kb_task(kb);
    KVal block = kb_for(kb, split_lo(kb, split, task), split_hi(kb, split, task), 1);
    block_body(&w, target, block);
    kb_end(kb);
    return kb_finish(kb);
}
