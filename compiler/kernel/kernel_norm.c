/* kernel_norm.c - batch normalisation. A task is one vector of channels; rows are pixels x samples.
 *
 * Training mode (Ioffe and Szegedy, 2015): statistics over the valid samples of the batch, the
 * biased variance, and moving = moving * momentum + batch * (1 - momentum), as Keras 3 has them. */
#include "compiler/base/base.h"
#include "compiler/kernel/kernel.h"
#include "compiler/kernel/kernel_tile.h"
#include "runtime/grt.h"

enum { COUNTERS = 8 };

typedef struct Norm {
    KB *kb;
    const NormGeom *g;
    int lanes, active;
    KVal col, valid, count; /* first channel; samples; rows as float vector */
    int x, dy, dx, y, mean, inv_std, gamma, beta, moving_mean, moving_var, dgamma, dbeta, counters;
    bool accumulate, grad, train;
} Norm;

static KVal row_index(const Norm *m, KVal pixel, KVal sample)
{
    KVal row = kb_imad(m->kb, pixel, m->g->n, sample);
    return kb_imad(m->kb, row, m->g->c, m->col);
}

static KVal channel(const Norm *m, int buf)
{
    return kb_load(m->kb, buf, m->col, m->lanes, m->active);
}

/* Opens the loops over the rows; *at is the index of the vector. Closed by rows_end. */
static void rows_begin(const Norm *m, KVal from, KVal to, KVal *at)
{
    KVal p = kb_for_n(m->kb, m->g->pixels);
    KVal s = kb_for(m->kb, from, to, 1);
    *at = row_index(m, p, s);
}

static void rows_end(const Norm *m)
{
    kb_end(m->kb);
    kb_end_n(m->kb, m->g->pixels);
}

static void norm_counts(Norm *m)
{
    KB *kb = m->kb;
    m->valid = kb_iload(kb, m->counters, kb_i(kb, GRT_COUNTER_VALID));
    m->count = kb_splat(kb, kb_itof(kb, kb_imulc(kb, m->valid, m->g->pixels)), m->lanes);
}

static void move_statistic(const Norm *m, int buf, KVal batch)
{
    KB *kb = m->kb;
    KVal old = kb_fop(kb, K_FMUL, channel(m, buf), kb_f(kb, m->g->momentum, m->lanes));
    KVal now = kb_fma(kb, batch, kb_f(kb, 1 - m->g->momentum, m->lanes), old);
    kb_store(kb, buf, m->col, now, m->active);
}

/* y = (x - mean) * scale + shift over all samples. */
static void norm_apply(const Norm *m, KVal mean, KVal inv_std)
{
    KB *kb = m->kb;
    KVal scale = m->g->scale ? kb_fop(kb, K_FMUL, channel(m, m->gamma), inv_std) : inv_std;
    KVal beta = m->g->center ? channel(m, m->beta) : kb_f(kb, 0, m->lanes);
    KVal at;
    rows_begin(m, kb_i(kb, 0), kb_i(kb, m->g->n), &at);
    KVal d = kb_fop(kb, K_FSUB, kb_load(kb, m->x, at, m->lanes, m->active), mean);
    kb_store(kb, m->y, at, kb_fma(kb, d, scale, beta), m->active);
    rows_end(m);
}

static KVal inverse_deviation(const Norm *m, KVal variance)
{
    KB *kb = m->kb;
    KVal sum = kb_fop(kb, K_FADD, variance, kb_f(kb, m->g->epsilon, m->lanes));
    return kb_fop(kb, K_FDIV, kb_f(kb, 1, m->lanes), kb_fun(kb, K_FSQRT, sum));
}

static void norm_train_body(Norm *m)
{
    KB *kb = m->kb;
    KVal zero = kb_i(kb, 0), at;
    norm_counts(m);
    KVal sum = kb_var(kb, kb_f(kb, 0, m->lanes)), square = kb_var(kb, kb_f(kb, 0, m->lanes));
    rows_begin(m, zero, m->valid, &at);
    kb_set(kb, sum,
           kb_fop(kb, K_FADD, kb_get(kb, sum), kb_load(kb, m->x, at, m->lanes, m->active)));
    rows_end(m);
    KVal mean = kb_fop(kb, K_FDIV, kb_get(kb, sum), m->count);
    rows_begin(m, zero, m->valid, &at);
    KVal d = kb_fop(kb, K_FSUB, kb_load(kb, m->x, at, m->lanes, m->active), mean);
    kb_set(kb, square, kb_fma(kb, d, d, kb_get(kb, square)));
    rows_end(m);
    KVal variance = kb_fop(kb, K_FDIV, kb_get(kb, square), m->count);
    KVal inv_std = inverse_deviation(m, variance);
    kb_store(kb, m->mean, m->col, mean, m->active);
    kb_store(kb, m->inv_std, m->col, inv_std, m->active);
    move_statistic(m, m->moving_mean, mean);
    move_statistic(m, m->moving_var, variance);
    norm_apply(m, mean, inv_std);
}

static void put_dx(const Norm *m, KVal at, KVal value)
{
    KB *kb = m->kb;
    if (m->accumulate)
        value = kb_fop(kb, K_FADD, kb_load(kb, m->dx, at, m->lanes, m->active), value);
    kb_store(kb, m->dx, at, value, m->active);
}

/* dx = gamma * inv_std * (dy - mean(dy) - xhat * mean(dy * xhat)); samples that are not valid get
 * 0. */
static void norm_dx(const Norm *m, KVal mean, KVal inv_std, KVal sum_dy, KVal sum_dyx)
{
    KB *kb = m->kb;
    KVal at, a = kb_fop(kb, K_FDIV, sum_dy, m->count), b = kb_fop(kb, K_FDIV, sum_dyx, m->count);
    KVal scale = m->g->scale ? kb_fop(kb, K_FMUL, channel(m, m->gamma), inv_std) : inv_std;
    rows_begin(m, kb_i(kb, 0), m->valid, &at);
    KVal x = kb_fop(kb, K_FSUB, kb_load(kb, m->x, at, m->lanes, m->active), mean);
    KVal xhat = kb_fop(kb, K_FMUL, x, inv_std);
    KVal d = kb_fop(kb, K_FSUB, kb_load(kb, m->dy, at, m->lanes, m->active), a);
    d = kb_fop(kb, K_FSUB, d, kb_fop(kb, K_FMUL, xhat, b));
    put_dx(m, at, kb_fop(kb, K_FMUL, d, scale));
    rows_end(m);
    if (m->accumulate)
        return;
    rows_begin(m, m->valid, kb_i(kb, m->g->n), &at);
    kb_store(kb, m->dx, at, kb_f(kb, 0, m->lanes), m->active);
    rows_end(m);
}

static void norm_grad_body(Norm *m)
{
    KB *kb = m->kb;
    KVal at;
    norm_counts(m);
    KVal mean = channel(m, m->mean), inv_std = channel(m, m->inv_std);
    KVal dy_sum = kb_var(kb, kb_f(kb, 0, m->lanes)), dyx_sum = kb_var(kb, kb_f(kb, 0, m->lanes));
    rows_begin(m, kb_i(kb, 0), m->valid, &at);
    KVal dy = kb_load(kb, m->dy, at, m->lanes, m->active);
    KVal x = kb_fop(kb, K_FSUB, kb_load(kb, m->x, at, m->lanes, m->active), mean);
    kb_set(kb, dy_sum, kb_fop(kb, K_FADD, kb_get(kb, dy_sum), dy));
    kb_set(kb, dyx_sum, kb_fma(kb, dy, kb_fop(kb, K_FMUL, x, inv_std), kb_get(kb, dyx_sum)));
    rows_end(m);
    KVal sum_dy = kb_get(kb, dy_sum), sum_dyx = kb_get(kb, dyx_sum);
    kb_store(kb, m->dgamma, m->col, sum_dyx, m->active);
    kb_store(kb, m->dbeta, m->col, sum_dy, m->active);
    if (m->dx >= 0)
        norm_dx(m, mean, inv_std, sum_dy, sum_dyx);
}

static void norm_vector(KB *kb, KVal index, int lanes, int active, void *arg)
{
    Norm *m = arg;
    m->kb = kb;
    m->lanes = lanes;
    m->active = active;
    m->col = index;
    if (m->grad)
        norm_grad_body(m);
    else if (m->train)
        norm_train_body(m);
    else
        norm_apply(m, channel(m, m->moving_mean), inverse_deviation(m, channel(m, m->moving_var)));
}

static Kernel *norm_finish(KB *kb, Norm *m, KernelTarget target)
{
    int64_t each = (int64_t)target.lanes;
    flat_loop(kb, m->g->c, each, target.lanes, norm_vector, m);
    return kb_finish(kb);
}

static KB *norm_begin(Arena *arena, KernelTarget target, const NormGeom *g, const char *name,
                      const char *what)
{
    KB *kb = kb_begin(arena, name, div_up(g->c, target.lanes));
    kb_title(kb, "batch normalisation, %s, %lld pixels of (%lld,%lld)", what, (long long)g->pixels,
             (long long)g->n, (long long)g->c);
    return kb;
}

/* The last arguments of the forward kernels: gamma and beta, where the layer has them. */
static void scale_and_center(KB *kb, Norm *m)
{
    const NormGeom *g = m->g;
    if (g->scale)
        m->gamma = kb_buffer(kb, "gamma", KE_F32, g->c, false);
    if (g->center)
        m->beta = kb_buffer(kb, "beta", KE_F32, g->c, false);
}

Kernel *kernel_norm_train(Arena *arena, KernelTarget target, const NormGeom *g)
{
    KB *kb = norm_begin(arena, target, g, "norm_train", "training");
    int64_t n = g->pixels * g->n * g->c;
    Norm m = {.g = g, .train = true};
    m.x = kb_buffer(kb, "x", KE_F32, n, false);
    m.counters = kb_buffer(kb, "counters", KE_I64, COUNTERS, false);
    m.moving_mean = kb_buffer(kb, "moving_mean", KE_F32, g->c, true);
    m.moving_var = kb_buffer(kb, "moving_variance", KE_F32, g->c, true);
    m.mean = kb_buffer(kb, "mean", KE_F32, g->c, true);
    m.inv_std = kb_buffer(kb, "inv_std", KE_F32, g->c, true);
    m.y = kb_buffer(kb, "y", KE_F32, n, true);
    scale_and_center(kb, &m);
    return norm_finish(kb, &m, target);
}

Kernel *kernel_norm_grad(Arena *arena, KernelTarget target, const NormGeom *g, bool want_dx,
                         bool accumulate)
{
    KB *kb = norm_begin(arena, target, g, "norm_grad", "gradient");
    int64_t n = g->pixels * g->n * g->c;
    Norm m = {.g = g, .grad = true, .accumulate = accumulate, .dx = -1};
    m.x = kb_buffer(kb, "x", KE_F32, n, false);
    m.dy = kb_buffer(kb, "dy", KE_F32, n, false);
    m.counters = kb_buffer(kb, "counters", KE_I64, COUNTERS, false);
    m.mean = kb_buffer(kb, "mean", KE_F32, g->c, false);
    m.inv_std = kb_buffer(kb, "inv_std", KE_F32, g->c, false);
    m.dgamma = kb_buffer(kb, "dgamma", KE_F32, g->c, true);
    m.dbeta = kb_buffer(kb, "dbeta", KE_F32, g->c, true);
    if (g->scale && want_dx)
        m.gamma = kb_buffer(kb, "gamma", KE_F32, g->c, false);
    if (want_dx)
        m.dx = kb_buffer(kb, "dx", KE_F32, n, true);
    return norm_finish(kb, &m, target);
}

Kernel *kernel_norm_eval(Arena *arena, KernelTarget target, const NormGeom *g)
{
    KB *kb = norm_begin(arena, target, g, "norm_eval", "inference");
    int64_t n = g->pixels * g->n * g->c;
    Norm m = {.g = g};
    m.x = kb_buffer(kb, "x", KE_F32, n, false);
    m.moving_mean = kb_buffer(kb, "moving_mean", KE_F32, g->c, false);
    m.moving_var = kb_buffer(kb, "moving_variance", KE_F32, g->c, false);
    m.y = kb_buffer(kb, "y", KE_F32, n, true);
    scale_and_center(kb, &m);
    return norm_finish(kb, &m, target);
}

/* --------------------------------------------------- frozen, not folded: y = x * scale + shift */

typedef struct Affine {
    int64_t c;
    int x, scale, shift, y;
    KernelAct act;
    bool accumulate, grad;
    Split rows;
} Affine;

static void affine_vector(KB *kb, KVal index, int lanes, int active, void *arg)
{
    const Affine *a = arg;
    KVal scale = kb_load(kb, a->scale, index, lanes, active), shift = scale;
    if (!a->grad)
        shift = kb_load(kb, a->shift, index, lanes, active);
    KVal task = kb_task(kb);
    KVal lo = split_lo(kb, a->rows, task), hi = split_hi(kb, a->rows, task);
    KVal r = kb_for(kb, lo, hi, 1);
    KVal at = kb_imad(kb, r, a->c, index);
    KVal v = kb_load(kb, a->x, at, lanes, active);
    v = a->grad ? kb_fop(kb, K_FMUL, v, scale)
                : kernel_act_apply(kb, a->act, kb_fma(kb, v, scale, shift));
    if (a->accumulate)
        v = kb_fop(kb, K_FADD, kb_load(kb, a->y, at, lanes, active), v);
    kb_store(kb, a->y, at, v, active);
    kb_end(kb);
}

static Kernel *affine_kernel(Arena *arena, KernelTarget target, int64_t rows, Affine a)
{
    a.rows = split_even(rows, 16);
    KB *kb = kb_begin(arena, a.grad ? "affine_grad" : "affine", a.rows.groups);
    kb_title(kb, "scale%s of %lld rows of %lld channels",
             a.grad ? " of the gradient" : " and shift", (long long)rows, (long long)a.c);
    a.x = kb_buffer(kb, a.grad ? "dy" : "x", KE_F32, rows * a.c, false);
    a.scale = kb_buffer(kb, "scale", KE_F32, a.c, false);
    if (!a.grad)
        a.shift = kb_buffer(kb, "shift", KE_F32, a.c, false);
    a.y = kb_buffer(kb, a.grad ? "dx" : "y", KE_F32, rows * a.c, true);
    vector_loop(kb, kb_i(kb, 0), a.c, target.lanes, affine_vector, &a);
    return kb_finish(kb);
}

Kernel *kernel_affine(Arena *arena, KernelTarget target, int64_t rows, int64_t c, KernelAct act)
{
    return affine_kernel(arena, target, rows, (Affine){.c = c, .act = act});
}

Kernel *kernel_affine_grad(Arena *arena, KernelTarget target, int64_t rows, int64_t c,
                           bool accumulate)
{
    return affine_kernel(arena, target, rows,
                         (Affine){.c = c, .grad = true, .accumulate = accumulate});
}
