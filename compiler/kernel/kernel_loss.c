/* kernel_loss.c - softmax, and its cross-entropy with integer labels. A task is one sample. */
#include "compiler/base/base.h"
#include "compiler/kernel/kernel.h"
#include "compiler/kernel/kernel_tile.h"
#include "runtime/grt.h"

enum { COUNTERS = 8 };
static const float LOWEST = -3.402823466e38f;

typedef struct Row {
    int64_t c;
    int in, out, labels;
    KVal base, var, max, scale, label_f, label_at; /* what each body needs, see there */
    KVal dot;
} Row;

/* Lanes beyond the row hold `fill`. */
static KVal row_load(KB *kb, int buf, KVal at, int lanes, int active, float fill)
{
    KVal v = kb_load(kb, buf, at, lanes, active);
    if (active == lanes)
        return v;
    KVal inside = kb_fop(kb, K_FLT, kb_iota(kb, lanes), kb_f(kb, (float)active, lanes));
    return kb_select(kb, inside, v, kb_f(kb, fill, lanes));
}

static void max_body(KB *kb, KVal i, int lanes, int active, void *arg)
{
    Row *r = arg;
    KVal v = row_load(kb, r->in, kb_iadd(kb, r->base, i), lanes, active, LOWEST);
    kb_set(kb, r->var, kb_fop(kb, K_FMAX, v, kb_get(kb, r->var)));
}

static void exp_sum_body(KB *kb, KVal i, int lanes, int active, void *arg)
{
    Row *r = arg;
    KVal at = kb_iadd(kb, r->base, i);
    KVal v = row_load(kb, r->in, at, lanes, active, LOWEST);
    KVal e = kb_fun(kb, K_FEXP, kb_fop(kb, K_FSUB, v, kb_splat(kb, r->max, lanes)));
    kb_store(kb, r->out, at, e, active);
    kb_set(kb, r->var, kb_fop(kb, K_FADD, kb_get(kb, r->var), e));
}

static void scale_body(KB *kb, KVal i, int lanes, int active, void *arg)
{
    Row *r = arg;
    KVal at = kb_iadd(kb, r->base, i);
    KVal v = kb_load(kb, r->out, at, lanes, active);
    kb_store(kb, r->out, at, kb_fop(kb, K_FDIV, v, kb_splat(kb, r->scale, lanes)), active);
}

/* out = exp(in - max); *max and *sum of the row. */
static void row_exponentials(KB *kb, Row *r, int lanes, KVal *sum)
{
    r->var = kb_var(kb, kb_f(kb, LOWEST, lanes));
    vector_loop(kb, kb_i(kb, 0), r->c, lanes, max_body, r);
    r->max = kb_fun(kb, K_RMAX, kb_get(kb, r->var));
    r->var = kb_var(kb, kb_f(kb, 0, lanes));
    vector_loop(kb, kb_i(kb, 0), r->c, lanes, exp_sum_body, r);
    *sum = kb_fun(kb, K_RSUM, kb_get(kb, r->var));
}

Kernel *kernel_softmax(Arena *arena, KernelTarget target, int64_t n, int64_t c)
{
    KB *kb = kb_begin(arena, "softmax", n);
    kb_title(kb, "softmax of %lld rows of %lld", (long long)n, (long long)c);
    Row r = {.c = c};
    r.in = kb_buffer(kb, "x", KE_F32, n * c, false);
    r.out = kb_buffer(kb, "probs", KE_F32, n * c, true);
    r.base = kb_imulc(kb, kb_task(kb), c);
    row_exponentials(kb, &r, target.lanes, &r.scale);
    vector_loop(kb, kb_i(kb, 0), c, target.lanes, scale_body, &r);
    return kb_finish(kb);
}

/* ------------------------------------------------------------------ gradient */

typedef struct SoftmaxGrad {
    int probs, dy, dx;
    KVal base, var, dot;
    bool accumulate;
} SoftmaxGrad;

static void dot_body(KB *kb, KVal i, int lanes, int active, void *arg)
{
    SoftmaxGrad *g = arg;
    KVal at = kb_iadd(kb, g->base, i);
    KVal p = kb_load(kb, g->probs, at, lanes, active), d = kb_load(kb, g->dy, at, lanes, active);
    kb_set(kb, g->var, kb_fma(kb, p, d, kb_get(kb, g->var)));
}

static void softmax_grad_body(KB *kb, KVal i, int lanes, int active, void *arg)
{
    SoftmaxGrad *g = arg;
    KVal at = kb_iadd(kb, g->base, i);
    KVal p = kb_load(kb, g->probs, at, lanes, active), d = kb_load(kb, g->dy, at, lanes, active);
    KVal v = kb_fop(kb, K_FMUL, p, kb_fop(kb, K_FSUB, d, kb_splat(kb, g->dot, lanes)));
    if (g->accumulate)
        v = kb_fop(kb, K_FADD, kb_load(kb, g->dx, at, lanes, active), v);
    kb_store(kb, g->dx, at, v, active);
}

Kernel *kernel_softmax_grad(Arena *arena, KernelTarget target, int64_t n, int64_t c,
                            bool accumulate)
{
    KB *kb = kb_begin(arena, "softmax_grad", n);
    kb_title(kb, "gradient of the softmax of %lld rows of %lld", (long long)n, (long long)c);
    SoftmaxGrad g = {.accumulate = accumulate};
    g.probs = kb_buffer(kb, "probs", KE_F32, n * c, false);
    g.dy = kb_buffer(kb, "dprobs", KE_F32, n * c, false);
    g.dx = kb_buffer(kb, "dx", KE_F32, n * c, true);
    g.base = kb_imulc(kb, kb_task(kb), c);
    g.var = kb_var(kb, kb_f(kb, 0, target.lanes));
    vector_loop(kb, kb_i(kb, 0), c, target.lanes, dot_body, &g);
    g.dot = kb_fun(kb, K_RSUM, kb_get(kb, g.var));
    vector_loop(kb, kb_i(kb, 0), c, target.lanes, softmax_grad_body, &g);
    return kb_finish(kb);
}

/* ------------------------------------------------------------- cross-entropy */

/* Smallest negated place of the maximum: the first one is Keras's argmax. */
static void first_max_body(KB *kb, KVal i, int lanes, int active, void *arg)
{
    Row *r = arg;
    KVal v = row_load(kb, r->in, kb_iadd(kb, r->base, i), lanes, active, LOWEST);
    KVal place = kb_fop(kb, K_FADD, kb_iota(kb, lanes), kb_splat(kb, kb_itof(kb, i), lanes));
    KVal minus = kb_fop(kb, K_FSUB, kb_f(kb, 0, lanes), place);
    KVal is = kb_fop(kb, K_FEQ, v, kb_splat(kb, r->max, lanes));
    KVal best = kb_select(kb, is, minus, kb_f(kb, LOWEST, lanes));
    kb_set(kb, r->var, kb_fop(kb, K_FMAX, best, kb_get(kb, r->var)));
}

/* dlogits = (softmax - one hot) * scale; label_at counts from the row's start. */
static void dlogits_body(KB *kb, KVal i, int lanes, int active, void *arg)
{
    Row *r = arg;
    KVal at = kb_iadd(kb, r->base, i);
    KVal p =
        kb_fop(kb, K_FDIV, kb_load(kb, r->out, at, lanes, active), kb_splat(kb, r->dot, lanes));
    KVal place = kb_fop(kb, K_FADD, kb_iota(kb, lanes), kb_splat(kb, kb_itof(kb, i), lanes));
    KVal hit = kb_fop(kb, K_FEQ, place, kb_splat(kb, r->label_f, lanes));
    KVal hot = kb_select(kb, hit, kb_f(kb, 1, lanes), kb_f(kb, 0, lanes));
    KVal d = kb_fop(kb, K_FSUB, p, hot);
    kb_store(kb, r->out, at, kb_fop(kb, K_FMUL, d, kb_splat(kb, r->scale, lanes)), active);
}

Kernel *kernel_crossentropy(Arena *arena, KernelTarget target, int64_t n, int64_t c, bool train)
{
    int lanes = target.lanes;
    KB *kb = kb_begin(arena, train ? "crossentropy_train" : "crossentropy_eval", n);
    kb_title(kb, "cross-entropy of the softmax of %lld rows of %lld", (long long)n, (long long)c);
    Row r = {.c = c};
    r.in = kb_buffer(kb, "logits", KE_F32, n * c, false);
    r.labels = kb_buffer(kb, "labels", KE_I32, n, false);
    int counters = kb_buffer(kb, "counters", KE_I64, COUNTERS, false);
    int loss = kb_buffer(kb, "loss", KE_F32, n, true),
        correct = kb_buffer(kb, "correct", KE_F32, n, true);
    r.out = kb_buffer(kb, train ? "dlogits" : "probs", KE_F32, n * c, true);
    KVal task = kb_task(kb), one = kb_f(kb, 1, 1), sum;
    r.base = kb_imulc(kb, task, c);
    KVal valid_n = kb_iload(kb, counters, kb_i(kb, GRT_COUNTER_VALID));
    KVal valid = kb_itof(kb, kb_iop(kb, K_ILT, task, valid_n));
    KVal label = kb_iload(kb, r.labels, task);
    label = kb_iop(kb, K_IMAX, kb_i(kb, 0), kb_iop(kb, K_IMIN, label, kb_i(kb, c - 1)));
    r.label_f = kb_itof(kb, label);
    row_exponentials(kb, &r, lanes, &sum);
    KVal logit = kb_load(kb, r.in, kb_iadd(kb, r.base, label), 1, 1);
    KVal l = kb_fop(kb, K_FSUB, kb_fun(kb, K_FLOG, sum), kb_fop(kb, K_FSUB, logit, r.max));
    KVal none = kb_f(kb, 0, 1);
    KVal is_valid = kb_fop(kb, K_FEQ, valid, one);
    kb_store(kb, loss, task, kb_select(kb, is_valid, l, none), 1);
    r.var = kb_var(kb, kb_f(kb, LOWEST, lanes));
    vector_loop(kb, kb_i(kb, 0), c, lanes, first_max_body, &r);
    KVal place = kb_fop(kb, K_FSUB, none, kb_fun(kb, K_RMAX, kb_get(kb, r.var)));
    KVal right = kb_select(kb, kb_fop(kb, K_FEQ, place, r.label_f), valid, none);
    kb_store(kb, correct, task, right, 1);
    if (train) {
        r.dot = sum;
        r.scale = kb_fop(kb, K_FDIV, valid, kb_itof(kb, valid_n));
        vector_loop(kb, kb_i(kb, 0), c, lanes, dlogits_body, &r);
    } else {
        r.scale = sum;
        vector_loop(kb, kb_i(kb, 0), c, lanes, scale_body, &r);
    }
    return kb_finish(kb);
}
