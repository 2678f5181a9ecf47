/* kernel_move.c - data that changes place: images in, rows of features, padding, channels, space to
 * depth, upsampling. */
#include "compiler/base/base.h"
#include "compiler/kernel/kernel.h"
#include "compiler/kernel/kernel_tile.h"

typedef struct Move {
    int x, y;
    KVal x_base, y_base; /* added to the index of each side */
    bool accumulate;
    KVal weight; /* of bilinear sums, KVAL_NONE: 1 */
} Move;

static void move_vector(KB *kb, KVal index, int lanes, int active, void *arg)
{
    Move *m = arg;
    KVal at = kb_iadd(kb, m->y_base, index);
    KVal v = kb_load(kb, m->x, kb_iadd(kb, m->x_base, index), lanes, active);
    if (m->accumulate)
        v = kb_fop(kb, K_FADD, kb_load(kb, m->y, at, lanes, active), v);
    kb_store(kb, m->y, at, v, active);
}

static void zero_vector(KB *kb, KVal index, int lanes, int active, void *arg)
{
    Move *m = arg;
    kb_store(kb, m->y, kb_iadd(kb, m->y_base, index), kb_f(kb, 0, lanes), active);
}

static void move_row(KB *kb, Move *m, KVal x_base, KVal y_base, int64_t n, int lanes)
{
    m->x_base = x_base;
    m->y_base = y_base;
    vector_loop(kb, kb_i(kb, 0), n, lanes, move_vector, m);
}

typedef struct Preprocess {
    const PreprocessOptions *options;
    int64_t c;
    int x, row, y; /* row: of one image, divided */
    KVal from;
} Preprocess;

static void divide_vector(KB *kb, KVal index, int lanes, int active, void *arg)
{
    const Preprocess *p = arg;
    KVal v = kb_load(kb, p->x, kb_iadd(kb, p->from, index), lanes, active);
    if (p->options->divisor != 0)
        v = kb_fop(kb, K_FDIV, v, kb_f(kb, p->options->divisor, lanes));
    kb_store(kb, p->row, index, v, active);
}

/* The channels of a pixel to their places. */
static void place_pixel(KB *kb, const Preprocess *p, KVal from, KVal to)
{
    const PreprocessOptions *o = p->options;
    for (int64_t k = 0; k < p->c; k++) {
        KVal v = kb_load(kb, p->row, kb_iaddc(kb, from, o->source[k]), 1, 1);
        v = kb_fop(kb, K_FADD, v, kb_f(kb, o->shift[k], 1));
        if (o->scale[k] != 1)
            v = kb_fop(kb, K_FDIV, v, kb_f(kb, o->scale[k], 1));
        kb_store(kb, p->y, kb_iaddc(kb, to, k), v, 1);
    }
}

Kernel *kernel_preprocess(Arena *arena, KernelTarget target, int64_t n, int64_t h, int64_t w,
                          int64_t c, const PreprocessOptions *options)
{
    Preprocess p = {.options = options, .c = c};
    KB *kb = kb_begin(arena, "preprocess", h);
    kb_title(kb, "images (%lld,%lld,%lld,%lld) to HWNC", (long long)n, (long long)h, (long long)w,
             (long long)c);
    p.x = kb_buffer(kb, "images", KE_U8, n * h * w * c, false);
    p.y = kb_buffer(kb, "y", KE_F32, n * h * w * c, true);
    p.row = kb_local(kb, "row", KE_F32, w * c);
    KVal row = kb_task(kb);
    KVal i = kb_for_n(kb, n);
    p.from = kb_imulc(kb, kb_imad(kb, i, h, row), w * c);
    vector_loop(kb, kb_i(kb, 0), w * c, target.lanes, divide_vector, &p);
    KVal col = kb_for_n(kb, w);
    place_pixel(kb, &p, kb_imulc(kb, col, c),
                kb_imulc(kb, kb_imad(kb, kb_imad(kb, row, w, col), n, i), c));
    kb_end_n(kb, w);
    kb_end_n(kb, n);
    return kb_finish(kb);
}

static Kernel *rows_kernel(Arena *arena, KernelTarget target, int64_t pixels, int64_t n, int64_t c,
                           int64_t row_size, int64_t row_offset, bool unpack, bool accumulate)
{
    KB *kb = kb_begin(arena, unpack ? "unpack_rows" : "pack_rows", pixels);
    kb_title(kb, "%lld pixels of (%lld,%lld) %s rows of %lld", (long long)pixels, (long long)n,
             (long long)c, unpack ? "from" : "to", (long long)row_size);
    int first =
        kb_buffer(kb, unpack ? "rows" : "x", KE_F32, unpack ? n * row_size : pixels * n * c, false);
    int second =
        kb_buffer(kb, unpack ? "x" : "rows", KE_F32, unpack ? pixels * n * c : n * row_size, true);
    Move m = {.x = first, .y = second, .accumulate = accumulate};
    KVal p = kb_task(kb);
    KVal i = kb_for_n(kb, n);
    KVal image = kb_imulc(kb, kb_imad(kb, p, n, i), c);
    KVal in_row = kb_imad(kb, p, c, kb_i(kb, row_offset));
    KVal row = kb_imad(kb, i, row_size, in_row);
    move_row(kb, &m, unpack ? row : image, unpack ? image : row, c, target.lanes);
    kb_end_n(kb, n);
    return kb_finish(kb);
}

Kernel *kernel_pack_rows(Arena *arena, KernelTarget target, int64_t pixels, int64_t n, int64_t c,
                         int64_t row_size, int64_t row_offset, bool accumulate)
{
    return rows_kernel(arena, target, pixels, n, c, row_size, row_offset, false, accumulate);
}

Kernel *kernel_unpack_rows(Arena *arena, KernelTarget target, int64_t pixels, int64_t n, int64_t c,
                           int64_t row_size, int64_t row_offset, bool accumulate)
{
    return rows_kernel(arena, target, pixels, n, c, row_size, row_offset, true, accumulate);
}

/* ------------------------------------------------------------------ padding */

static Kernel *pad_kernel(Arena *arena, KernelTarget target, int64_t h, int64_t w, int64_t nc,
                          const int64_t pads[4], bool grad, bool accumulate)
{
    int64_t ph = h + pads[0] + pads[1], pw = w + pads[2] + pads[3];
    KB *kb = kb_begin(arena, grad ? "pad_grad" : "pad", grad ? h : ph);
    kb_title(kb, "zero padding (%lld,%lld) to (%lld,%lld)%s", (long long)h, (long long)w,
             (long long)ph, (long long)pw, grad ? ", gradient" : "");
    int first = kb_buffer(kb, grad ? "dy" : "x", KE_F32, (grad ? ph * pw : h * w) * nc, false);
    int second = kb_buffer(kb, grad ? "dx" : "y", KE_F32, (grad ? h * w : ph * pw) * nc, true);
    Move m = {.x = first, .y = second, .accumulate = accumulate};
    KVal row = kb_task(kb);
    if (grad) {
        KVal from = kb_iaddc(kb, kb_imulc(kb, kb_iaddc(kb, row, pads[0]), pw * nc), pads[2] * nc);
        move_row(kb, &m, from, kb_imulc(kb, row, w * nc), w * nc, target.lanes);
        return kb_finish(kb);
    }
    KVal out = kb_imulc(kb, row, pw * nc);
    KVal inner = kb_iaddc(kb, row, -pads[0]);
    m.y_base = out;
    vector_loop(kb, kb_i(kb, 0), pw * nc, target.lanes, zero_vector, &m);
    KVal below = kb_iop(kb, K_ILT, inner, kb_i(kb, h));
    KVal above = kb_iop(kb, K_ILT, kb_i(kb, -1), inner);
    kb_if(kb, kb_iop(kb, K_IAND, below, above));
    move_row(kb, &m, kb_imulc(kb, inner, w * nc), kb_iaddc(kb, out, pads[2] * nc), w * nc,
             target.lanes);
    kb_end(kb);
    return kb_finish(kb);
}

Kernel *kernel_pad(Arena *arena, KernelTarget target, int64_t h, int64_t w, int64_t nc,
                   const int64_t pads[4])
{
    return pad_kernel(arena, target, h, w, nc, pads, false, false);
}

Kernel *kernel_pad_grad(Arena *arena, KernelTarget target, int64_t h, int64_t w, int64_t nc,
                        const int64_t pads[4], bool accumulate)
{
    return pad_kernel(arena, target, h, w, nc, pads, true, accumulate);
}

/* ----------------------------------------------------------------- channels */

Kernel *kernel_channels(Arena *arena, KernelTarget target, int64_t rows, int64_t c, int64_t stride,
                        int64_t offset, bool extract, bool accumulate)
{
    Split split = split_even(rows, 16);
    KB *kb = kb_begin(arena, extract ? "take_channels" : "put_channels", split.groups);
    kb_title(kb, "%lld channels %s %lld at %lld, %lld rows", (long long)c,
             extract ? "from" : "into", (long long)stride, (long long)offset, (long long)rows);
    int first = kb_buffer(kb, "x", KE_F32, rows * (extract ? stride : c), false);
    int second = kb_buffer(kb, "y", KE_F32, rows * (extract ? c : stride), true);
    Move m = {.x = first, .y = second, .accumulate = accumulate};
    KVal task = kb_task(kb);
    KVal lo = split_lo(kb, split, task), hi = split_hi(kb, split, task);
    KVal r = kb_for(kb, lo, hi, 1);
    KVal narrow = kb_imulc(kb, r, c);
    KVal wide = kb_iaddc(kb, kb_imulc(kb, r, stride), offset);
    move_row(kb, &m, extract ? wide : narrow, extract ? narrow : wide, c, target.lanes);
    kb_end(kb);
    return kb_finish(kb);
}

Kernel *kernel_pixels(Arena *arena, KernelTarget target, int64_t h, int64_t w, int64_t nc,
                      int64_t every_h, int64_t every_w)
{
    int64_t dh = div_up(h, every_h), dw = div_up(w, every_w);
    KB *kb = kb_begin(arena, "pixels", dh);
    kb_title(kb, "(%lld,%lld) of (%lld,%lld) pixels of %lld values", (long long)dh, (long long)dw,
             (long long)h, (long long)w, (long long)nc);
    Move m = {.x = kb_buffer(kb, "x", KE_F32, h * w * nc, false),
              .y = kb_buffer(kb, "y", KE_F32, dh * dw * nc, true)};
    KVal row = kb_task(kb), col = kb_for_n(kb, dw);
    KVal from = kb_imad(kb, kb_imulc(kb, row, every_h), w, kb_imulc(kb, col, every_w));
    KVal to = kb_imad(kb, row, dw, col);
    move_row(kb, &m, kb_imulc(kb, from, nc), kb_imulc(kb, to, nc), nc, target.lanes);
    kb_end_n(kb, dw);
    return kb_finish(kb);
}

Kernel *kernel_even_channels(Arena *arena, KernelTarget target, int64_t rows, int64_t c)
{
    Split split = split_even(rows, 16);
    KB *kb = kb_begin(arena, "even_channels", split.groups);
    kb_title(kb, "%lld rows of %lld channels and a zero", (long long)rows, (long long)c);
    Move m = {.x = kb_buffer(kb, "x", KE_F32, rows * c, false),
              .y = kb_buffer(kb, "y", KE_F32, rows * (c + 1), true)};
    KVal task = kb_task(kb);
    KVal r = kb_for(kb, split_lo(kb, split, task), split_hi(kb, split, task), 1);
    KVal to = kb_imulc(kb, r, c + 1);
    move_row(kb, &m, kb_imulc(kb, r, c), to, c, target.lanes);
    kb_store(kb, m.y, kb_iaddc(kb, to, c), kb_f(kb, 0, 1), 1);
    kb_end(kb);
    return kb_finish(kb);
}

/* ----------------------------------------------------------- space to depth */

/* Zeros before a window whose distance from the image's edge is then a multiple of the stride. */
static int64_t lead_of(int64_t pad, int64_t stride)
{
    return ((-pad) % stride + stride) % stride;
}

ConvGeom kernel_depth_geom(const ConvGeom *g)
{
    ConvGeom d = *g;
    int64_t lead_h = lead_of(g->pad_t, g->stride_h), lead_w = lead_of(g->pad_l, g->stride_w);
    d.sh = div_up(g->sh, g->stride_h);
    d.sw = div_up(g->sw, g->stride_w);
    d.sc = g->sc * g->stride_h * g->stride_w;
    d.kh = div_up(g->kh + lead_h, g->stride_h);
    d.kw = div_up(g->kw + lead_w, g->stride_w);
    d.pad_t = (g->pad_t + lead_h) / g->stride_h;
    d.pad_l = (g->pad_l + lead_w) / g->stride_w;
    d.stride_h = d.stride_w = 1;
    return d;
}

/* Pixel (row, col) of sample i to `to`; zeros where the image does not go so far. */
static void depth_piece(KB *kb, const ConvGeom *g, Move *m, KVal row, KVal col, KVal i, KVal to,
                        int lanes)
{
    bool whole = g->sh % g->stride_h == 0 && g->sw % g->stride_w == 0;
    KVal from = kb_imulc(kb, kb_imad(kb, kb_imad(kb, row, g->sw, col), g->n, i), g->sc);
    KVal inside = kb_iop(kb, K_IAND, kb_iop(kb, K_ILT, row, kb_i(kb, g->sh)),
                         kb_iop(kb, K_ILT, col, kb_i(kb, g->sw)));
    if (!whole)
        kb_if(kb, inside);
    move_row(kb, m, from, to, g->sc, lanes);
    if (whole)
        return;
    kb_end(kb);
    kb_if(kb, kb_iop(kb, K_IEQ, inside, kb_i(kb, 0)));
    vector_loop(kb, kb_i(kb, 0), g->sc, lanes, zero_vector, m);
    kb_end(kb);
}

Kernel *kernel_space_to_depth(Arena *arena, KernelTarget target, const ConvGeom *g)
{
    ConvGeom d = kernel_depth_geom(g);
    KB *kb = kb_begin(arena, "space_to_depth", d.sh);
    kb_title(kb, "blocks of %lldx%lld pixels of (%lld,%lld,%lld,%lld) to channels",
             (long long)g->stride_h, (long long)g->stride_w, (long long)g->sh, (long long)g->sw,
             (long long)g->n, (long long)g->sc);
    Move m = {.x = kb_buffer(kb, "x", KE_F32, g->sh * g->sw * g->n * g->sc, false),
              .y = kb_buffer(kb, "y", KE_F32, d.sh * d.sw * d.n * d.sc, true)};
    KVal row = kb_task(kb);
    KVal col = kb_for_n(kb, d.sw);
    KVal i = kb_for_n(kb, d.n);
    KVal to = kb_imulc(kb, kb_imad(kb, kb_imad(kb, row, d.sw, col), d.n, i), d.sc);
    for (int64_t a = 0; a < g->stride_h; a++)
        for (int64_t b = 0; b < g->stride_w; b++)
            depth_piece(kb, g, &m, kb_iaddc(kb, kb_imulc(kb, row, g->stride_h), a),
                        kb_iaddc(kb, kb_imulc(kb, col, g->stride_w), b), i,
                        kb_iaddc(kb, to, (a * g->stride_w + b) * g->sc), target.lanes);
    kb_end_n(kb, d.n);
    kb_end_n(kb, d.sw);
    return kb_finish(kb);
}

/* --------------------------------------------------------------- upsampling */

/* Along one axis the output o = q * factor + phase reads lo and hi with weight `frac` for hi:
 * half-pixel centres, clamped at the borders (Keras's UpSampling2D, tf.image.resize). */
typedef struct Phase {
    KVal lo, hi;
    float frac;
} Phase;

static Phase phase_of(KB *kb, KVal q, int64_t phase, int64_t factor, int64_t n, bool bilinear)
{
    Phase p = {.lo = q, .hi = q};
    double at = ((double)phase + 0.5) / (double)factor - 0.5;
    if (!bilinear || at == 0)
        return p;
    KVal zero = kb_i(kb, 0), end = kb_i(kb, n - 1);
    p.lo = at < 0 ? kb_iop(kb, K_IMAX, zero, kb_iaddc(kb, q, -1)) : q;
    p.hi = at < 0 ? q : kb_iop(kb, K_IMIN, end, kb_iaddc(kb, q, 1));
    p.frac = (float)(at < 0 ? at + 1 : at);
    return p;
}

typedef struct Up {
    KB *kb;
    int x, y, lanes, active;
    int64_t w, fw, nc;
    KVal column; /* the vector's place in a pixel */
} Up;

static KVal up_load(const Up *u, int buf, KVal row, int64_t width, KVal col)
{
    KVal at = kb_imad(u->kb, kb_imad(u->kb, row, width, col), u->nc, u->column);
    return kb_load(u->kb, buf, at, u->lanes, u->active);
}

static KVal up_blend(const Up *u, KVal a, KVal b, float frac)
{
    KVal d = kb_fop(u->kb, K_FSUB, b, a);
    return kb_fma(u->kb, d, kb_f(u->kb, frac, u->lanes), a);
}

static KVal up_line(const Up *u, KVal row, Phase pw)
{
    KVal a = up_load(u, u->x, row, u->w, pw.lo);
    return pw.frac == 0 ? a : up_blend(u, a, up_load(u, u->x, row, u->w, pw.hi), pw.frac);
}

static void up_forward(const Up *u, Phase ph, Phase pw, KVal row, KVal col)
{
    KB *kb = u->kb;
    KVal v = up_line(u, ph.lo, pw);
    if (ph.frac != 0)
        v = up_blend(u, v, up_line(u, ph.hi, pw), ph.frac);
    KVal at = kb_imad(kb, kb_imad(kb, row, u->w * u->fw, col), u->nc, u->column);
    kb_store(kb, u->y, at, v, u->active);
}

static void up_scatter(const Up *u, KVal row, KVal col, float weight, KVal dy)
{
    KB *kb = u->kb;
    if (weight == 0)
        return;
    KVal at = kb_imad(kb, kb_imad(kb, row, u->w, col), u->nc, u->column);
    KVal old = kb_load(kb, u->y, at, u->lanes, u->active);
    KVal sum = kb_fma(kb, dy, kb_f(kb, weight, u->lanes), old);
    kb_store(kb, u->y, at, sum, u->active);
}

static void up_backward(const Up *u, Phase ph, Phase pw, KVal row, KVal col)
{
    KVal dy = up_load(u, u->x, row, u->w * u->fw, col);
    up_scatter(u, ph.lo, pw.lo, (1 - ph.frac) * (1 - pw.frac), dy);
    up_scatter(u, ph.lo, pw.hi, (1 - ph.frac) * pw.frac, dy);
    up_scatter(u, ph.hi, pw.lo, ph.frac * (1 - pw.frac), dy);
    up_scatter(u, ph.hi, pw.hi, ph.frac * pw.frac, dy);
}

typedef struct UpBody {
    Up up;
    int64_t h, fh;
    bool bilinear, grad, accumulate;
} UpBody;

/* One vector of (n, c) at every pixel. */
static void up_vector(KB *kb, KVal index, int lanes, int active, void *arg)
{
    UpBody *b = arg;
    Up *u = &b->up;
    u->column = index;
    u->lanes = lanes;
    u->active = active;
    if (b->grad && !b->accumulate) {
        KVal p = kb_for_n(kb, b->h * u->w);
        kb_store(kb, u->y, kb_imad(kb, p, u->nc, index), kb_f(kb, 0, lanes), active);
        kb_end_n(kb, b->h * u->w);
    }
    KVal qh = kb_for_n(kb, b->h);
    KVal qw = kb_for_n(kb, u->w);
    for (int64_t i = 0; i < b->fh; i++) {
        for (int64_t j = 0; j < u->fw; j++) {
            Phase ph = phase_of(kb, qh, i, b->fh, b->h, b->bilinear);
            Phase pw = phase_of(kb, qw, j, u->fw, u->w, b->bilinear);
            KVal row = kb_iaddc(kb, kb_imulc(kb, qh, b->fh), i);
            KVal col = kb_iaddc(kb, kb_imulc(kb, qw, u->fw), j);
            (b->grad ? up_backward : up_forward)(u, ph, pw, row, col);
        }
    }
    kb_end_n(kb, u->w);
    kb_end_n(kb, b->h);
}

static Kernel *up_kernel(Arena *arena, KernelTarget target, UpBody body, int64_t h, int64_t w)
{
    Up *u = &body.up;
    int64_t vectors = div_up(u->nc, target.lanes);
    Split split = split_even(vectors, 32);
    int64_t each = split.each * target.lanes;
    KB *kb = u->kb = kb_begin(arena, body.grad ? "upsample_grad" : "upsample", split.groups);
    kb_title(kb, "upsampling (%lld,%lld) by %lldx%lld, %s%s", (long long)h, (long long)w,
             (long long)body.fh, (long long)u->fw, body.bilinear ? "bilinear" : "nearest",
             body.grad ? ", gradient" : "");
    int64_t small = h * w * u->nc, big = small * body.fh * u->fw;
    u->x = kb_buffer(kb, body.grad ? "dy" : "x", KE_F32, body.grad ? big : small, false);
    u->y = kb_buffer(kb, body.grad ? "dx" : "y", KE_F32, body.grad ? small : big, true);
    flat_loop(kb, u->nc, each, target.lanes, up_vector, &body);
    return kb_finish(kb);
}

Kernel *kernel_upsample(Arena *arena, KernelTarget target, int64_t h, int64_t w, int64_t nc,
                        int64_t fh, int64_t fw, bool bilinear)
{
    UpBody body = {.up = {.w = w, .fw = fw, .nc = nc}, .h = h, .fh = fh, .bilinear = bilinear};
    return up_kernel(arena, target, body, h, w);
}

Kernel *kernel_upsample_grad(Arena *arena, KernelTarget target, int64_t h, int64_t w, int64_t nc,
                             int64_t fh, int64_t fw, bool bilinear, bool accumulate)
{
    UpBody body = {.up = {.w = w, .fw = fw, .nc = nc},
                   .h = h,
                   .fh = fh,
                   .bilinear = bilinear,
                   .grad = true,
                   .accumulate = accumulate};
    return up_kernel(arena, target, body, h, w);
}
