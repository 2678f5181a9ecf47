/* kernel_winograd.c - convolutions with fewer products than the direct sum: along each axis by a
 * form of kernel_winograd_form.c.
 *
 * Weights come transformed, in panels, the positions standing where taps stand otherwise. A task
 * takes blocks of rows, a row being a sample of an output tile, and a share of the panels. It
 * transforms the block's input into memory of its own that stays in the L2 cache; then, a panel of
 * columns after the other, multiplies at each position and transforms back. Where products are of
 * pairs of bfloat16 the transforms stay in float32, and what comes out of them is rounded. */
#include "compiler/base/base.h"
#include "compiler/kernel/kernel.h"
#include "compiler/kernel/kernel_tile.h"
#include "compiler/kernel/kernel_winograd.h"

enum {
    LOCAL_BYTES = 400 * 1024, /* of a block's rows, transformed */
    MAX_BLOCK_ROWS = 64,
    MAX_GROUPS = 16, /* tasks */
    MAX_ODD_BLOCKS = 8,
    MAX_PANEL = 48,   /* columns of the widest panel */
    INPUT_SHARE = 32, /* a task's products take at least so many times its input's transform */
    MAX_NOISE = 5,    /* of products of bfloat16: a whole network's error grows by a third */
    STREAM_OPS = 10   /* what reading 64 bytes of weights costs, in vector operations */
};

typedef struct Winograd {
    KB *kb;
    const WinogradAxis *h, *w;
    int64_t positions;
    bool bfloat16; /* products */
    ConvGeom g;
    ConvOptions o;
    int64_t panel;
    int64_t tiles_h, tiles_w; /* of the output */
    int64_t tiles, samples;   /* of a block; samples divides g.n, and is g.n when tiles > 1 */
    int64_t n_blocks;
    Split panels;                /* among the tasks of a block */
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

/* First pixel that a tile at `tile` reads, along an axis with padding `pad`. */
static KVal first_pixel(KB *kb, const WinogradAxis *axis, KVal tile, int64_t pad)
{
    KVal at = kb_imulc(kb, tile, (int64_t)axis->out * axis->stride);
    return axis->whole ? at : kb_iaddc(kb, at, -pad);
}

/* The vector at `index` of the input; zero where, of the pixel (y, x), nothing is. */
static KVal input_pixel(const Winograd *w, KVal index, KVal y, KVal x, int active, bool guarded)
{
    KB *kb = w->kb;
    if (!guarded)
        return kb_load(kb, w->src, index, w->lanes, active);
    KVal var = kb_var(kb, kb_f(kb, 0, w->lanes));
    kb_if(kb, kb_iop(kb, K_IAND, within(kb, y, 1, w->g.sh), within(kb, x, 1, w->g.sw)));
    kb_set(kb, var, kb_load(kb, w->src, index, w->lanes, active));
    kb_end(kb);
    return kb_get(kb, var);
}

/* One vector of channels at `channel` of one sample: pixels to positions. */
static void input_vector(const Winograd *w, const Place *at, KVal sample, KVal channel, int active,
                         bool guarded)
{
    KB *kb = w->kb;
    const ConvGeom *g = &w->g;
    const WinogradAxis *h = w->h, *v = w->w;
    KVal y0 = first_pixel(kb, h, at->y, g->pad_t), x0 = first_pixel(kb, v, at->x, g->pad_l);
    KVal from = kb_imad(kb, kb_iadd(kb, at->sample, sample), g->sc, channel);
    int64_t pixel = g->n * g->sc;
    from = kb_imad(kb, kb_imad(kb, y0, g->sw, x0), pixel, from);
    KVal mid[WINOGRAD_MAX_AXIS][WINOGRAD_MAX_AXIS], d[WINOGRAD_MAX_AXIS], t[WINOGRAD_MAX_AXIS];
    for (int j = 0; j < v->in; j++) {
        for (int i = 0; i < h->in; i++)
            d[i] = input_pixel(w, kb_iaddc(kb, from, (i * g->sw + j) * pixel), kb_iaddc(kb, y0, i),
                               kb_iaddc(kb, x0, j), active, guarded);
        h->input(kb, d, t);
        for (int i = 0; i < h->positions; i++)
            mid[i][j] = t[i];
    }
    KVal to = kb_imad(kb, kb_iadd(kb, at->row, sample), g->sc, channel);
    for (int i = 0; i < h->positions; i++) {
        v->input(kb, mid[i], t);
        for (int j = 0; j < v->positions; j++)
            kb_store(kb, w->in, kb_iaddc(kb, to, (i * v->positions + j) * w->in_pitch), t[j],
                     active);
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

static KElem product_elem(bool bfloat16)
{
    return bfloat16 ? KE_BF16 : KE_F32;
}

/* Products that a lane sums at once. */
static int64_t at_once(bool bfloat16)
{
    return bfloat16 ? 2 : 1;
}

/* rows x vectors sums at a position, over all channels. */
static void product_tile(const Winograd *w, KVal position, KVal row0, int rows, KVal panel,
                         int vectors)
{
    KB *kb = w->kb;
    Tile tile = tile_zeros(kb, rows, vectors, w->lanes);
    KVal a = kb_imad(kb, position, w->in_pitch, kb_imulc(kb, row0, w->g.sc));
    KVal b = kb_imulc(kb, kb_imad(kb, panel, w->positions, position), w->g.sc * w->panel);
    KVal k = kb_for(kb, kb_i(kb, 0), kb_i(kb, w->g.sc), at_once(w->bfloat16));
    (w->bfloat16 ? tile_dot2 : tile_fma)(kb, &tile, w->in, kb_iadd(kb, a, k), w->g.sc, w->weights,
                                         kb_imad(kb, k, w->panel, b));
    kb_end(kb);
    KVal to = kb_imad(kb, position, w->out_pitch, kb_imulc(kb, row0, w->panel));
    tile_store(kb, &tile, w->out, to, w->panel);
}

static int product_rows(const Winograd *w, KernelTarget target, int vectors)
{
    return tile_choose_rows(target, w->tiles * w->samples, vectors,
                            w->g.sc * (int64_t)kelem_size(product_elem(w->bfloat16)));
}

static void product_panel(const Winograd *w, KernelTarget target, KVal panel, int vectors)
{
    KB *kb = w->kb;
    int64_t rows = w->tiles * w->samples;
    int tile_rows = product_rows(w, target, vectors);
    int64_t full = rows / tile_rows, rest = rows % tile_rows;
    KVal position = kb_for(kb, kb_i(kb, 0), kb_i(kb, w->positions), 1);
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

/* Positions to pixels of one sample. */
static void output_vector(const Winograd *w, const Place *at, KVal s, bool guarded)
{
    KB *kb = w->kb;
    const Columns *cols = at->cols;
    const ConvGeom *g = &w->g;
    const WinogradAxis *h = w->h, *v = w->w;
    KVal from = kb_imad(kb, kb_iadd(kb, at->row, s), w->panel, cols->from);
    KVal y0 = kb_imulc(kb, at->y, h->out), x0 = kb_imulc(kb, at->x, v->out);
    KVal sample = kb_iadd(kb, at->sample, s);
    KVal mid[WINOGRAD_MAX_AXIS][WINOGRAD_MAX_AXIS], m[WINOGRAD_MAX_AXIS], y[WINOGRAD_MAX_AXIS];
    for (int j = 0; j < v->positions; j++) {
        for (int i = 0; i < h->positions; i++)
            m[i] = kb_load(kb, w->out, kb_iaddc(kb, from, (i * v->positions + j) * w->out_pitch),
                           w->lanes, w->lanes);
        h->output(kb, m, y);
        for (int i = 0; i < h->out; i++)
            mid[i][j] = y[i];
    }
    for (int i = 0; i < h->out; i++) {
        v->output(kb, mid[i], y);
        KVal pixel = kb_imad(kb, kb_iaddc(kb, y0, i), g->dw, x0);
        for (int j = 0; j < v->out; j++) {
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

/* All tiles read pixels of the image alone. */
static bool reads_inside(const WinogradAxis *axis, int64_t tiles, int64_t pad, int64_t src)
{
    return axis->whole || (pad == 0 && (tiles - 1) * axis->out * axis->stride + axis->in <= src);
}

static void block_input(const Winograd *w, KVal block)
{
    KB *kb = w->kb;
    const ConvGeom *g = &w->g;
    bool always = reads_inside(w->h, w->tiles_h, g->pad_t, g->sh) &&
                  reads_inside(w->w, w->tiles_w, g->pad_l, g->sw);
    KVal i = kb_for_n(kb, w->tiles);
    Place at = place_of(w, block, i, NULL);
    KVal y = first_pixel(kb, w->h, at.y, g->pad_t), x = first_pixel(kb, w->w, at.x, g->pad_l);
    KVal inside =
        kb_iop(kb, K_IAND, within(kb, y, w->h->in, g->sh), within(kb, x, w->w->in, g->sw));
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
    int oh = w->h->out, ow = w->w->out;
    KVal inside = kb_iop(kb, K_IAND, within(kb, kb_imulc(kb, at.y, oh), oh, g->dh),
                         within(kb, kb_imulc(kb, at.x, ow), ow, g->dw));
    tile_cases(w, &at, g->dh % oh == 0 && g->dw % ow == 0, inside, output_tile);
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

/* Panels lo .. hi-1 of a block; the last of all may be narrow. */
static void block_body(const Winograd *w, KernelTarget target, KVal block, KVal lo, KVal hi)
{
    KB *kb = w->kb;
    int64_t full = w->g.dc / w->panel, rest = w->g.dc % w->panel;
    block_input(w, block);
    if (full > 0) {
        KVal panel = kb_for(kb, lo, kb_iop(kb, K_IMIN, hi, kb_i(kb, full)), 1);
        block_panel(w, target, block, panel, (int)(w->panel / w->lanes), w->lanes);
        kb_end(kb);
    }
    if (rest > 0) {
        int vectors = (int)div_up(rest, w->lanes);
        kb_if(kb, kb_iop(kb, K_ILT, kb_i(kb, full), hi));
        block_panel(w, target, block, kb_i(kb, full), vectors,
                    (int)(rest - (vectors - 1) * w->lanes));
        kb_end(kb);
    }
}

/* ------------------------------------------------------------------- the kernel */

/* What one row of a block takes of the task's own memory. */
static int64_t row_bytes(const WinogradForm *form, int64_t channels, int64_t panel)
{
    int64_t in = channels * (int64_t)kelem_size(product_elem(form->bfloat16));
    return kernel_winograd_positions(form) * (in + panel * (int64_t)sizeof(float));
}

/* Vector operations of the transforms of a tile, loads and stores included. */
static int64_t input_ops(const WinogradAxis *h, const WinogradAxis *w)
{
    return h->in * w->in + w->in * h->input_ops + h->positions * w->input_ops +
           h->positions * w->positions;
}

static int64_t output_ops(const WinogradAxis *h, const WinogradAxis *w)
{
    return h->positions * w->positions + w->positions * h->output_ops + h->out * w->output_ops +
           h->out * w->out;
}

/* Rows of a block: as many as fit LOCAL_BYTES, whole tiles or an even part of one's samples. Blocks
 * have tiles alike, so that few are computed twice. */
static void choose_block(Winograd *w, const WinogradForm *form)
{
    const ConvGeom *g = &w->g;
    int64_t rows = LOCAL_BYTES / row_bytes(form, g->sc, w->panel);
    rows = rows > MAX_BLOCK_ROWS ? MAX_BLOCK_ROWS : rows;
    check_bug(rows >= 1);
    int64_t total = w->tiles_h * w->tiles_w;
    w->tiles = 1;
    w->samples = g->n;
    if (rows >= 2 * g->n) {
        w->tiles = div_up(total, div_up(total, rows / g->n));
    } else {
        while (w->samples > rows || g->n % w->samples != 0)
            w->samples--;
    }
    w->n_blocks = div_up(total, w->tiles) * (g->n / w->samples);
    w->in_pitch = w->tiles * w->samples * g->sc + w->lanes * at_once(w->bfloat16);
    w->out_pitch = w->tiles * w->samples * w->panel + w->lanes;
}

/* Each of a block's tasks transforms the whole input: there are several where there are few blocks
 * and that costs little, and where else two cores would share an odd number. */
static void share_panels(Winograd *w)
{
    int64_t panels = div_up(w->g.dc, w->panel), most = MAX_GROUPS / w->n_blocks;
    int64_t products = w->positions * w->g.dc;
    int64_t groups = products / (INPUT_SHARE * input_ops(w->h, w->w));
    groups = groups < most ? groups : most;
    int64_t least = w->n_blocks % 2 && w->n_blocks < MAX_ODD_BLOCKS ? 2 : 1;
    w->panels = split_even(panels, groups < least ? least : groups);
}

/* Vector operations of so many products, their weights being read once. */
static int64_t product_ops(int64_t products, int64_t weights, bool bfloat16)
{
    return (products + weights * STREAM_OPS) / (VECTOR * at_once(bfloat16));
}

static bool axis_fits(const WinogradAxis *axis, int64_t window, int64_t stride, int64_t src,
                      int64_t dst, int64_t pad)
{
    bool whole = src == axis->in && dst == axis->out && pad == axis->window / 2;
    return axis->window == window && axis->stride == stride && (whole || !axis->whole);
}

static bool fits(const WinogradForm *f, const ConvGeom *g)
{
    return g->kh * g->kw <= WINOGRAD_MAX_WINDOW &&
           kernel_winograd_positions(f) <= WINOGRAD_MAX_POSITIONS && g->up_h == 1 && g->up_w == 1 &&
           g->dc >= VECTOR && g->sc % at_once(f->bfloat16) == 0 &&
           row_bytes(f, g->sc, MAX_PANEL) <= LOCAL_BYTES &&
           axis_fits(f->h, g->kh, g->stride_h, g->sh, g->dh, g->pad_t) &&
           axis_fits(f->w, g->kw, g->stride_w, g->sw, g->dw, g->pad_l);
}

/* The errors of both axes are multiplied. */
static bool exact_enough(const WinogradForm *f)
{
    double noise = f->h->noise * f->w->noise;
    return !f->bfloat16 || (noise > 0 && noise <= MAX_NOISE);
}

static int64_t tiles_along(const WinogradAxis *axis, int64_t dst)
{
    return div_up(dst, axis->out);
}

/* Lanes of the vectors that hold so many channels. */
static int64_t whole_lanes(int64_t channels)
{
    return div_up(channels, VECTOR) * VECTOR;
}

/* Vector operations of a convolution by a form; the products of a position are stored as well. */
static int64_t form_ops(const WinogradForm *f, const ConvGeom *g)
{
    int64_t tiles = tiles_along(f->h, g->dh) * tiles_along(f->w, g->dw);
    int64_t positions = kernel_winograd_positions(f), weights = positions * g->sc * g->dc;
    int64_t rows = tiles * g->n, transforms = input_ops(f->h, f->w) * whole_lanes(g->sc) +
                                              (positions + output_ops(f->h, f->w)) * g->dc;
    return product_ops(rows * weights, weights, f->bfloat16) + rows * transforms / VECTOR;
}

/* The same with the loads and stores of kernel_space_to_depth, where there are strides that the
 * form does not have, else of an even number of channels where products are of pairs; INT64_MAX:
 * the form is of no use. */
static int64_t ops_with_move(WinogradForm *f, const ConvGeom *g)
{
    ConvGeom d = kernel_depth_geom(g), whole = *g;
    whole.sc += g->sc % at_once(f->bfloat16);
    f->blocks = !fits(f, &whole);
    if (!f->blocks)
        return form_ops(f, &whole);
    int64_t move = 2 * g->n * g->sh * g->sw * whole_lanes(g->sc) / VECTOR;
    return fits(f, &d) ? form_ops(f, &d) + move : INT64_MAX;
}

bool kernel_winograd_form(const ConvGeom *g, int64_t macs, bool bfloat16, WinogradForm *form)
{
    int64_t direct = product_ops(macs, g->kh * g->kw * g->sc * g->dc, bfloat16);
    int64_t least = direct / 5 * 4;
    bool found = false;
    for (int i = 0; i < 2 * N_WINOGRAD_AXES * N_WINOGRAD_AXES; i++) {
        WinogradForm f = {.h = &WINOGRAD_AXES[i / 2 / N_WINOGRAD_AXES],
                          .w = &WINOGRAD_AXES[i / 2 % N_WINOGRAD_AXES],
                          .bfloat16 = i % 2};
        if ((f.bfloat16 && !bfloat16) || !exact_enough(&f))
            continue;
        int64_t ops = ops_with_move(&f, g);
        if (ops >= least)
            continue;
        least = ops;
        *form = f;
        found = true;
    }
    return found;
}

/* `macs`, those of the direct sum, over vector operations that are done. */
static double expected_share(const Winograd *w, KernelTarget target, int64_t macs)
{
    const ConvGeom *g = &w->g;
    int64_t rows = w->tiles * w->samples;
    int tile_rows = product_rows(w, target, (int)(w->panel / w->lanes));
    double products =
        (double)(w->positions * g->sc * g->dc) /
        (tile_share(rows, tile_rows, g->dc, w->panel, w->lanes) * (double)at_once(w->bfloat16));
    double transforms = (double)(input_ops(w->h, w->w) * whole_lanes(g->sc) * w->panels.groups +
                                 output_ops(w->h, w->w) * g->dc);
    return (double)macs / ((products + transforms) * (double)(w->n_blocks * rows));
}

Kernel *kernel_winograd(Arena *arena, KernelTarget target, WinogradForm form, const ConvGeom *geom,
                        int64_t macs, const ConvOptions *options, int64_t panel)
{
    Winograd w = {.h = form.h,
                  .w = form.w,
                  .positions = kernel_winograd_positions(&form),
                  .bfloat16 = form.bfloat16,
                  .g = *geom,
                  .o = *options,
                  .panel = panel,
                  .lanes = target.lanes,
                  .tiles_h = tiles_along(form.h, geom->dh),
                  .tiles_w = tiles_along(form.w, geom->dw)};
    choose_block(&w, &form);
    check_bug(!form.bfloat16 || geom->sc % 2 == 0);
    KElem elem = product_elem(form.bfloat16);
    share_panels(&w);
    Split split = split_even(w.n_blocks, MAX_GROUPS / w.panels.groups);
    KB *kb = w.kb = kb_begin(arena, "winograd", split.groups * w.panels.groups);
    kb_share(kb, expected_share(&w, target, macs));
    kb_title(
        kb,
        "convolution (%lld,%lld,%lld,%lld) -> (%lld,%lld,%lld,%lld), window %lldx%lld, Winograd "
        "%s by %s%s, blocks of %lld rows",
        (long long)geom->sh, (long long)geom->sw, (long long)geom->n, (long long)geom->sc,
        (long long)geom->dh, (long long)geom->dw, (long long)geom->n, (long long)geom->dc,
        (long long)geom->kh, (long long)geom->kw, form.h->name, form.w->name,
        form.bfloat16 ? " in bfloat16" : "", (long long)(w.tiles * w.samples));
    w.src = kb_buffer(kb, "x", elem, geom->sh * geom->sw * geom->n * geom->sc, false);
    w.weights =
        kb_buffer(kb, "w", elem, kernel_panel_size(w.positions * geom->sc, geom->dc, panel), false);
    w.dst = kb_buffer(kb, "y", KE_F32, geom->dh * geom->dw * geom->n * geom->dst_stride, true);
    if (options->bias)
        w.bias = kb_buffer(kb, "bias", KE_F32, kernel_panel_size(1, geom->dc, panel), false);
    if (options->residual)
        w.residual =
            kb_buffer(kb, "residual", KE_F32, geom->dh * geom->dw * geom->n * geom->dc, false);
    w.in = kb_local(kb, "in", elem, w.positions * w.in_pitch);
    w.out = kb_local(kb, "out", KE_F32, w.positions * w.out_pitch);
    KVal task = kb_task(kb), blocks = kb_idivc(kb, task, w.panels.groups),
         panels = kb_iremc(kb, task, w.panels.groups);
    KVal block = kb_for(kb, split_lo(kb, split, blocks), split_hi(kb, split, blocks), 1);
    block_body(&w, target, block, split_lo(kb, w.panels, panels), split_hi(kb, w.panels, panels));
    kb_end(kb);
    return kb_finish(kb);
}
