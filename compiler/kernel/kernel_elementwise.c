/* kernel_elementwise.c - activations and their gradients, sums, copies, dropout: flat arrays. */
#include "compiler/base/base.h"
#include "compiler/kernel/kernel.h"
#include "compiler/kernel/kernel_tile.h"
#include "compiler/layers/layer.h"
#include "runtime/grt.h"

static int lanes_of(const KB *kb, KVal v)
{
    return kb_lanes(kb, v);
}

static KVal relu(KB *kb, KernelAct act, KVal x)
{
    int lanes = lanes_of(kb, x);
    KVal zero = kb_f(kb, 0, lanes);
    KVal y = kb_fop(kb, K_FMAX, zero, x); /* zero first: NaN stays NaN */
    if (act.max_value > 0)
        y = kb_fop(kb, K_FMIN, kb_f(kb, act.max_value, lanes), y);
    if (act.negative_slope != 0) {
        KVal below = kb_fop(kb, K_FLT, x, zero);
        y = kb_select(kb, below, kb_fop(kb, K_FMUL, x, kb_f(kb, act.negative_slope, lanes)), y);
    }
    return y;
}

KVal kernel_act_apply(KB *kb, KernelAct act, KVal x)
{
    int lanes = lanes_of(kb, x);
    switch (act.kind) {
    case ACT_RELU:
        return relu(kb, act, x);
    case ACT_SIGMOID: {
        KVal one = kb_f(kb, 1, lanes);
        KVal minus = kb_fop(kb, K_FSUB, kb_f(kb, 0, lanes), x);
        KVal down = kb_fop(kb, K_FADD, one, kb_fun(kb, K_FEXP, minus));
        return kb_fop(kb, K_FDIV, one, down);
    }
    case ACT_TANH:
        return kb_fun(kb, K_FTANH, x);
    default:
        return x;
    }
}

/* dy * act'(x), from y = act(x). */
static KVal act_grad(KB *kb, KernelAct act, KVal y, KVal dy)
{
    int lanes = lanes_of(kb, y);
    KVal zero = kb_f(kb, 0, lanes), one = kb_f(kb, 1, lanes);
    switch (act.kind) {
    case ACT_RELU: {
        KVal slope = kb_fop(kb, K_FMUL, dy, kb_f(kb, act.negative_slope, lanes));
        KVal low = act.negative_slope != 0 ? slope : zero;
        KVal d = kb_select(kb, kb_fop(kb, K_FLT, zero, y), dy, low);
        if (act.max_value > 0)
            d = kb_select(kb, kb_fop(kb, K_FLT, y, kb_f(kb, act.max_value, lanes)), d, zero);
        return d;
    }
    case ACT_SIGMOID: {
        KVal slope = kb_fop(kb, K_FMUL, y, kb_fop(kb, K_FSUB, one, y));
        return kb_fop(kb, K_FMUL, dy, slope);
    }
    case ACT_TANH: {
        KVal slope = kb_fop(kb, K_FSUB, one, kb_fop(kb, K_FMUL, y, y));
        return kb_fop(kb, K_FMUL, dy, slope);
    }
    default:
        return dy;
    }
}

typedef struct Flat {
    int a, b, out;
    KernelAct act;
    bool accumulate;
    double rate;
    KVal key;
} Flat;

static void put(KB *kb, const Flat *f, KVal index, KVal value, int lanes, int active)
{
    if (f->accumulate)
        value = kb_fop(kb, K_FADD, kb_load(kb, f->out, index, lanes, active), value);
    kb_store(kb, f->out, index, value, active);
}

static void act_vector(KB *kb, KVal index, int lanes, int active, void *arg)
{
    Flat *f = arg;
    put(kb, f, index, kernel_act_apply(kb, f->act, kb_load(kb, f->a, index, lanes, active)), lanes,
        active);
}

static void act_grad_vector(KB *kb, KVal index, int lanes, int active, void *arg)
{
    Flat *f = arg;
    KVal y = kb_load(kb, f->a, index, lanes, active);
    KVal dy = kb_load(kb, f->b, index, lanes, active);
    put(kb, f, index, act_grad(kb, f->act, y, dy), lanes, active);
}

static void add_vector(KB *kb, KVal index, int lanes, int active, void *arg)
{
    Flat *f = arg;
    KVal a = kb_load(kb, f->a, index, lanes, active);
    KVal b = kb_load(kb, f->b, index, lanes, active);
    put(kb, f, index, kernel_act_apply(kb, f->act, kb_fop(kb, K_FADD, a, b)), lanes, active);
}

Kernel *kernel_act(Arena *arena, KernelTarget target, int64_t n, KernelAct act)
{
    int64_t each, tasks = flat_tasks(n, target.lanes, &each);
    KB *kb = kb_begin(arena, "activation", tasks);
    kb_title(kb, "activation of %lld values", (long long)n);
    Flat f = {.act = act};
    f.a = kb_buffer(kb, "x", KE_F32, n, false);
    f.out = kb_buffer(kb, "y", KE_F32, n, true);
    flat_loop(kb, n, each, target.lanes, act_vector, &f);
    return kb_finish(kb);
}

Kernel *kernel_act_grad(Arena *arena, KernelTarget target, int64_t n, KernelAct act, bool in_place,
                        bool accumulate)
{
    int64_t each, tasks = flat_tasks(n, target.lanes, &each);
    KB *kb = kb_begin(arena, "activation_grad", tasks);
    kb_title(kb, "gradient of the activation of %lld values", (long long)n);
    Flat f = {.act = act, .accumulate = accumulate};
    f.a = kb_buffer(kb, "y", KE_F32, n, false);
    f.b = kb_buffer(kb, "dy", KE_F32, n, in_place);
    f.out = in_place ? f.b : kb_buffer(kb, "dx", KE_F32, n, true);
    flat_loop(kb, n, each, target.lanes, act_grad_vector, &f);
    return kb_finish(kb);
}

Kernel *kernel_act_grad_rows(Arena *arena, KernelTarget target, int64_t rows, int64_t c,
                             KernelAct act)
{
    int lanes = target.lanes;
    check_bug(c % lanes == 0);
    Split split = split_even(c / lanes, tasks_for(rows * c, COLUMN_TASKS));
    KB *kb = kb_begin(arena, "activation_grad", split.groups);
    kb_title(kb, "gradient of the activation of (%lld,%lld), cores split columns", (long long)rows,
             (long long)c);
    Flat f = {.act = act};
    f.a = kb_buffer(kb, "y", KE_F32, rows * c, false);
    f.out = f.b = kb_buffer(kb, "dy", KE_F32, rows * c, true);
    KVal task = kb_task(kb), row = kb_for_n(kb, rows);
    KVal v = kb_for(kb, split_lo(kb, split, task), split_hi(kb, split, task), 1);
    act_grad_vector(kb, kb_imad(kb, row, c, kb_imulc(kb, v, lanes)), lanes, lanes, &f);
    kb_end(kb);
    kb_end_n(kb, rows);
    return kb_finish(kb);
}

Kernel *kernel_add(Arena *arena, KernelTarget target, int64_t n, KernelAct act)
{
    int64_t each, tasks = flat_tasks(n, target.lanes, &each);
    KB *kb = kb_begin(arena, "add", tasks);
    kb_title(kb, "sum of two times %lld values", (long long)n);
    Flat f = {.act = act};
    f.a = kb_buffer(kb, "a", KE_F32, n, false);
    f.b = kb_buffer(kb, "b", KE_F32, n, false);
    f.out = kb_buffer(kb, "y", KE_F32, n, true);
    flat_loop(kb, n, each, target.lanes, add_vector, &f);
    return kb_finish(kb);
}

Kernel *kernel_copy(Arena *arena, KernelTarget target, int64_t n, bool accumulate)
{
    int64_t each, tasks = flat_tasks(n, target.lanes, &each);
    KB *kb = kb_begin(arena, accumulate ? "accumulate" : "copy", tasks);
    kb_title(kb, "%s of %lld values", accumulate ? "adding" : "copy", (long long)n);
    Flat f = {.accumulate = accumulate};
    f.a = kb_buffer(kb, "x", KE_F32, n, false);
    f.out = kb_buffer(kb, "y", KE_F32, n, true);
    flat_loop(kb, n, each, target.lanes, act_vector, &f);
    return kb_finish(kb);
}

/* ------------------------------------------------------------------ dropout */

/* SplitMix64's finaliser (Steele, Lea and Flood, 2014). */
static KVal mix(KB *kb, KVal z)
{
    KVal s = kb_iop(kb, K_IXOR, z, kb_iop(kb, K_ISHR, z, kb_i(kb, 30)));
    z = kb_iop(kb, K_IMUL, s, kb_i(kb, (int64_t)0xbf58476d1ce4e5b9u));
    s = kb_iop(kb, K_IXOR, z, kb_iop(kb, K_ISHR, z, kb_i(kb, 27)));
    z = kb_iop(kb, K_IMUL, s, kb_i(kb, (int64_t)0x94d049bb133111ebu));
    return kb_iop(kb, K_IXOR, z, kb_iop(kb, K_ISHR, z, kb_i(kb, 31)));
}

/* kept when a number of 24 random bits is at least rate * 2^24 */
static void dropout_element(KB *kb, KVal index, int lanes, int active, void *arg)
{
    Flat *f = arg;
    (void)lanes;
    (void)active;
    KVal count = kb_imulc(kb, kb_iaddc(kb, index, 1), (int64_t)0x9e3779b97f4a7c15u);
    KVal bits = kb_iop(kb, K_ISHR, mix(kb, kb_iadd(kb, f->key, count)), kb_i(kb, 40));
    KVal limit = kb_i(kb, (int64_t)(f->rate * (1 << 24)));
    KVal dropped = kb_itof(kb, kb_iop(kb, K_ILT, bits, limit));
    KVal keep = kb_fop(kb, K_FSUB, kb_f(kb, 1, 1), dropped);
    KVal scale = kb_fop(kb, K_FMUL, keep, kb_f(kb, (float)(1 / (1 - f->rate)), 1));
    put(kb, f, index, kb_fop(kb, K_FMUL, kb_load(kb, f->a, index, 1, 1), scale), 1, 1);
}

Kernel *kernel_dropout(Arena *arena, KernelTarget target, int64_t n, double rate, int64_t layer,
                       bool accumulate)
{
    (void)target;
    int64_t each, tasks = flat_tasks(n, 1, &each);
    KB *kb = kb_begin(arena, "dropout", tasks);
    kb_title(kb, "dropout of %lld values, rate %g", (long long)n, rate);
    Flat f = {.rate = rate, .accumulate = accumulate};
    f.a = kb_buffer(kb, "x", KE_F32, n, false);
    int counters = kb_buffer(kb, "counters", KE_I64, 8, false);
    f.out = kb_buffer(kb, "y", KE_F32, n, true);
    KVal seed = kb_iload(kb, counters, kb_i(kb, GRT_COUNTER_SEED));
    KVal step = kb_iload(kb, counters, kb_i(kb, GRT_COUNTER_STEP));
    KVal run = kb_iadd(kb, mix(kb, seed), step);
    f.key = mix(kb, kb_iaddc(kb, kb_imulc(kb, run, (int64_t)0x9e3779b97f4a7c15u), layer));
    flat_loop(kb, n, each, 1, dropout_element, &f);
    return kb_finish(kb);
}
