/* kernel_pool.c - maximum and mean of windows. A task is a run of output pixels; or, where they are
 * few, and where a gradient is scattered, which no two tasks may do to one place, a run of vectors
 * of (batch, channels). */
#include "compiler/base/base.h"
#include "compiler/kernel/kernel.h"
#include "compiler/kernel/kernel_tile.h"

enum { MIN_PIXELS = 8, MAX_TASKS = 32 };

typedef struct Pool {
    const PoolGeom *g;
    int x, y, taps; /* buffers; taps -1: not kept */
    bool grad, accumulate;
} Pool;

typedef struct Window {
    KVal h_lo, h_hi, w_lo, w_hi; /* live taps */
    KVal h0, w0;                 /* source position of tap (0, 0) */
    KVal dst;                    /* index of the output pixel */
} Window;

static Window window_of(KB *kb, const PoolGeom *g, KVal oh, KVal ow)
{
    KVal zero = kb_i(kb, 0);
    Window w;
    w.h0 = kb_iaddc(kb, kb_imulc(kb, oh, g->stride_h), -g->pad_t);
    w.w0 = kb_iaddc(kb, kb_imulc(kb, ow, g->stride_w), -g->pad_l);
    w.h_lo = kb_iop(kb, K_IMAX, zero, kb_iop(kb, K_ISUB, zero, w.h0));
    w.w_lo = kb_iop(kb, K_IMAX, zero, kb_iop(kb, K_ISUB, zero, w.w0));
    w.h_hi = kb_iop(kb, K_IMIN, kb_i(kb, g->kh), kb_iop(kb, K_ISUB, kb_i(kb, g->sh), w.h0));
    w.w_hi = kb_iop(kb, K_IMIN, kb_i(kb, g->kw), kb_iop(kb, K_ISUB, kb_i(kb, g->sw), w.w0));
    w.dst = kb_imad(kb, oh, g->dw, ow);
    return w;
}

static KVal source_index(KB *kb, const PoolGeom *g, const Window *w, KVal kh, KVal kw, KVal column)
{
    KVal row = kb_iadd(kb, w->h0, kh), col = kb_iadd(kb, w->w0, kw);
    return kb_imad(kb, kb_imad(kb, row, g->sw, col), g->nc, column);
}

static KVal window_count(KB *kb, const Window *w, int lanes)
{
    KVal h = kb_iop(kb, K_ISUB, w->h_hi, w->h_lo), v = kb_iop(kb, K_ISUB, w->w_hi, w->w_lo);
    return kb_splat(kb, kb_itof(kb, kb_iop(kb, K_IMUL, h, v)), lanes);
}

/* What is smaller than all values: the least float; 0 for a window that reaches padding of zeros.
 */
static KVal least(KB *kb, const PoolGeom *g, const Window *w, int lanes)
{
    KVal lowest = kb_f(kb, -3.402823466e38f, lanes);
    if (!g->zeros)
        return lowest;
    KVal lo = kb_iop(kb, K_IMAX, w->h_lo, w->w_lo);
    KVal missing = kb_iop(kb, K_IMAX, kb_iop(kb, K_ISUB, kb_i(kb, g->kh), w->h_hi),
                          kb_iop(kb, K_ISUB, kb_i(kb, g->kw), w->w_hi));
    KVal whole = kb_iop(kb, K_ILT, kb_iop(kb, K_IMAX, lo, missing), kb_i(kb, 1));
    return kb_fop(kb, K_FMUL, kb_splat(kb, kb_itof(kb, whole), lanes), lowest);
}

static void pool_forward(KB *kb, const Pool *p, const Window *w, KVal column, int lanes, int active)
{
    const PoolGeom *g = p->g;
    KVal start = g->average ? kb_f(kb, 0, lanes) : least(kb, g, w, lanes);
    KVal best = kb_var(kb, start), tap_of = kb_var(kb, kb_f(kb, -1, lanes));
    KVal kh = kb_for(kb, w->h_lo, w->h_hi, 1);
    KVal kw = kb_for(kb, w->w_lo, w->w_hi, 1);
    KVal v = kb_load(kb, p->x, source_index(kb, g, w, kh, kw, column), lanes, active);
    KVal old = kb_get(kb, best);
    if (g->average) {
        kb_set(kb, best, kb_fop(kb, K_FADD, old, v));
    } else {
        if (p->taps >= 0) {
            KVal tap = kb_splat(kb, kb_itof(kb, kb_imad(kb, kh, g->kw, kw)), lanes);
            kb_set(kb, tap_of, kb_select(kb, kb_fop(kb, K_FLT, old, v), tap, kb_get(kb, tap_of)));
        }
        kb_set(kb, best, kb_fop(kb, K_FMAX, old, v));
    }
    kb_end(kb);
    kb_end(kb);
    KVal y = kb_get(kb, best), at = kb_imad(kb, w->dst, g->nc, column);
    if (g->average)
        y = kb_fop(kb, K_FDIV, y, window_count(kb, w, lanes));
    kb_store(kb, p->y, at, y, active);
    if (p->taps >= 0)
        kb_store(kb, p->taps, at, kb_get(kb, tap_of), active);
}

static void pool_backward(KB *kb, const Pool *p, const Window *w, KVal column, int lanes,
                          int active)
{
    const PoolGeom *g = p->g;
    KVal at = kb_imad(kb, w->dst, g->nc, column);
    KVal dy = kb_load(kb, p->x, at, lanes, active), chosen = dy;
    if (g->average)
        dy = kb_fop(kb, K_FDIV, dy, window_count(kb, w, lanes));
    else
        chosen = kb_load(kb, p->taps, at, lanes, active);
    KVal kh = kb_for(kb, w->h_lo, w->h_hi, 1);
    KVal kw = kb_for(kb, w->w_lo, w->w_hi, 1);
    KVal share = dy;
    if (!g->average) {
        KVal tap = kb_splat(kb, kb_itof(kb, kb_imad(kb, kh, g->kw, kw)), lanes);
        share = kb_select(kb, kb_fop(kb, K_FEQ, chosen, tap), dy, kb_f(kb, 0, lanes));
    }
    KVal to = source_index(kb, g, w, kh, kw, column);
    KVal sum = kb_fop(kb, K_FADD, kb_load(kb, p->y, to, lanes, active), share);
    kb_store(kb, p->y, to, sum, active);
    kb_end(kb);
    kb_end(kb);
}

static void pool_vector(KB *kb, KVal index, int lanes, int active, void *arg)
{
    const Pool *p = arg;
    const PoolGeom *g = p->g;
    if (p->grad && !p->accumulate) {
        KVal s = kb_for_n(kb, g->sh * g->sw);
        kb_store(kb, p->y, kb_imad(kb, s, g->nc, index), kb_f(kb, 0, lanes), active);
        kb_end_n(kb, g->sh * g->sw);
    }
    KVal oh = kb_for_n(kb, g->dh);
    KVal ow = kb_for_n(kb, g->dw);
    Window w = window_of(kb, g, oh, ow);
    (p->grad ? pool_backward : pool_forward)(kb, p, &w, index, lanes, active);
    kb_end_n(kb, g->dw);
    kb_end_n(kb, g->dh);
}

/* A vector of one output pixel. */
typedef struct Pixel {
    const Pool *pool;
    Window window;
} Pixel;

static void pixel_vector(KB *kb, KVal index, int lanes, int active, void *arg)
{
    const Pixel *pixel = arg;
    pool_forward(kb, pixel->pool, &pixel->window, index, lanes, active);
}

static void pool_pixels(KB *kb, const Pool *p, Split split, int lanes)
{
    const PoolGeom *g = p->g;
    KVal task = kb_task(kb);
    KVal at = kb_for(kb, split_lo(kb, split, task), split_hi(kb, split, task), 1);
    Pixel pixel = {p, window_of(kb, g, kb_idivc(kb, at, g->dw), kb_iremc(kb, at, g->dw))};
    vector_loop(kb, kb_i(kb, 0), g->nc, lanes, pixel_vector, &pixel);
    kb_end(kb);
}

static Kernel *pool_kernel(Arena *arena, KernelTarget target, Pool p, bool taps)
{
    const PoolGeom *g = p.g;
    int64_t vectors = div_up(g->nc, target.lanes);
    bool by_pixel = !p.grad && g->dh * g->dw >= MIN_PIXELS;
    Split split = split_even(by_pixel ? g->dh * g->dw : vectors, MAX_TASKS);
    KB *kb = kb_begin(arena, p.grad ? "pool_grad" : "pool", split.groups);
    kb_title(kb, "%s pooling%s (%lld,%lld) -> (%lld,%lld), window %lldx%lld",
             g->average ? "average" : "max", p.grad ? " gradient" : "", (long long)g->sh,
             (long long)g->sw, (long long)g->dh, (long long)g->dw, (long long)g->kh,
             (long long)g->kw);
    int64_t src = g->sh * g->sw * g->nc, dst = g->dh * g->dw * g->nc;
    p.x = kb_buffer(kb, p.grad ? "dy" : "x", KE_F32, p.grad ? dst : src, false);
    p.y = kb_buffer(kb, p.grad ? "dx" : "y", KE_F32, p.grad ? src : dst, true);
    p.taps = taps ? kb_buffer(kb, "taps", KE_F32, dst, !p.grad) : -1;
    if (by_pixel)
        pool_pixels(kb, &p, split, target.lanes);
    else
        flat_loop(kb, g->nc, split.each * target.lanes, target.lanes, pool_vector, &p);
    return kb_finish(kb);
}

Kernel *kernel_pool(Arena *arena, KernelTarget target, const PoolGeom *geom, bool keep_taps)
{
    return pool_kernel(arena, target, (Pool){.g = geom}, keep_taps);
}

Kernel *kernel_pool_grad(Arena *arena, KernelTarget target, const PoolGeom *geom, bool accumulate)
{
    return pool_kernel(arena, target, (Pool){.g = geom, .grad = true, .accumulate = accumulate},
                       !geom->average);
}

/* --------------------------------------------- global maximum: ties share the gradient */

typedef struct GlobalMax {
    int64_t pixels, nc;
    int x, y, dy, dx;
    bool accumulate;
} GlobalMax;

static void global_max_grad_vector(KB *kb, KVal index, int lanes, int active, void *arg)
{
    const GlobalMax *m = arg;
    KVal one = kb_f(kb, 1, lanes), zero = kb_f(kb, 0, lanes);
    KVal y = kb_load(kb, m->y, index, lanes, active);
    KVal ties = kb_var(kb, zero);
    KVal p = kb_for_n(kb, m->pixels);
    KVal x = kb_load(kb, m->x, kb_imad(kb, p, m->nc, index), lanes, active);
    KVal is = kb_select(kb, kb_fop(kb, K_FEQ, x, y), one, zero);
    kb_set(kb, ties, kb_fop(kb, K_FADD, kb_get(kb, ties), is));
    kb_end_n(kb, m->pixels);
    KVal count = kb_fop(kb, K_FMAX, one, kb_get(kb, ties));
    KVal share = kb_fop(kb, K_FDIV, kb_load(kb, m->dy, index, lanes, active), count);
    p = kb_for_n(kb, m->pixels);
    KVal at = kb_imad(kb, p, m->nc, index);
    x = kb_load(kb, m->x, at, lanes, active);
    KVal d = kb_select(kb, kb_fop(kb, K_FEQ, x, y), share, zero);
    if (m->accumulate)
        d = kb_fop(kb, K_FADD, kb_load(kb, m->dx, at, lanes, active), d);
    kb_store(kb, m->dx, at, d, active);
    kb_end_n(kb, m->pixels);
}

Kernel *kernel_global_max_grad(Arena *arena, KernelTarget target, int64_t pixels, int64_t nc,
                               bool accumulate)
{
    int64_t vectors = div_up(nc, target.lanes);
    Split split = split_even(vectors, 32);
    KB *kb = kb_begin(arena, "global_max_grad", split.groups);
    kb_title(kb, "gradient of the maximum over %lld pixels", (long long)pixels);
    GlobalMax m = {.pixels = pixels, .nc = nc, .accumulate = accumulate};
    m.x = kb_buffer(kb, "x", KE_F32, pixels * nc, false);
    m.y = kb_buffer(kb, "y", KE_F32, nc, false);
    m.dy = kb_buffer(kb, "dy", KE_F32, nc, false);
    m.dx = kb_buffer(kb, "dx", KE_F32, pixels * nc, true);
    flat_loop(kb, nc, split.each * target.lanes, target.lanes, global_max_grad_vector, &m);
    return kb_finish(kb);
}
