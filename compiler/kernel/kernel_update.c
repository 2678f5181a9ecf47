/* kernel_update.c - optimizers, applied to a vector of weights whose gradient is in registers.
 *
 * Adam as Keras writes it (Kingma and Ba, 2015, section 2, with epsilon outside of the corrected
 * root): m += (g - m) (1 - beta_1);  v += (g g - v) (1 - beta_2);  w -= alpha m / (sqrt(v) +
 * epsilon) alpha holds the bias corrections and comes from the runtime (GRT_HYPER_ALPHA). SGD: w -=
 * lr g; with momentum u = momentum u - lr g; w += u, or w += momentum u - lr g (Nesterov). */
#include "compiler/base/base.h"
#include "compiler/kernel/kernel.h"
#include "compiler/kernel/kernel_tile.h"
#include "runtime/grt.h"

enum { HYPER_N = 8 };

/* consts: Adam alpha, 1 - beta_1, 1 - beta_2, epsilon; SGD lr, momentum */
UpdateArgs kernel_update_buffers(KB *kb, int64_t n, const KernelOptimizer *optimizer)
{
    UpdateArgs args = {.slots = {-1, -1}};
    args.weights = kb_buffer(kb, "w", KE_F32, n, true);
    args.hyper = kb_buffer(kb, "hyper", KE_F32, HYPER_N, false);
    static const char *const adam_names[] = {"m", "v"};
    for (int s = 0; s < optimizer->n_slots; s++)
        args.slots[s] =
            kb_buffer(kb, optimizer->adam ? adam_names[s] : "momentum", KE_F32, n, true);
    return args;
}

static KVal hyper(KB *kb, UpdateArgs args, int which, int lanes)
{
    return kb_splat(kb, kb_load(kb, args.hyper, kb_i(kb, which), 1, 1), lanes);
}

UpdateConsts kernel_update_consts(KB *kb, UpdateArgs args, const KernelOptimizer *optimizer,
                                  int lanes)
{
    UpdateConsts c = {{0}};
    if (optimizer->adam) {
        c.v[0] = hyper(kb, args, GRT_HYPER_ALPHA, lanes);
        c.v[1] = kb_f(kb, (float)(1.0 - optimizer->beta_1), lanes);
        c.v[2] = kb_f(kb, (float)(1.0 - optimizer->beta_2), lanes);
        c.v[3] = kb_f(kb, optimizer->epsilon, lanes);
    } else {
        c.v[0] = hyper(kb, args, GRT_HYPER_LR, lanes);
        c.v[1] = kb_f(kb, optimizer->momentum, lanes);
    }
    return c;
}

static KVal adam_step(KB *kb, UpdateArgs args, const UpdateConsts *c, KVal index, KVal g, int lanes,
                      int active)
{
    KVal m = kb_load(kb, args.slots[0], index, lanes, active);
    KVal v = kb_load(kb, args.slots[1], index, lanes, active);
    m = kb_fma(kb, kb_fop(kb, K_FSUB, g, m), c->v[1], m);
    v = kb_fma(kb, kb_fop(kb, K_FSUB, kb_fop(kb, K_FMUL, g, g), v), c->v[2], v);
    kb_store(kb, args.slots[0], index, m, active);
    kb_store(kb, args.slots[1], index, v, active);
    KVal down = kb_fop(kb, K_FADD, kb_fun(kb, K_FSQRT, v), c->v[3]);
    return kb_fop(kb, K_FDIV, kb_fop(kb, K_FMUL, m, c->v[0]), down);
}

/* What is subtracted from the weight. */
static KVal sgd_step(KB *kb, UpdateArgs args, const UpdateConsts *c,
                     const KernelOptimizer *optimizer, KVal index, KVal g, int lanes, int active)
{
    KVal step = kb_fop(kb, K_FMUL, g, c->v[0]);
    if (optimizer->n_slots == 0)
        return step;
    KVal u = kb_load(kb, args.slots[0], index, lanes, active);
    u = kb_fop(kb, K_FSUB, kb_fop(kb, K_FMUL, u, c->v[1]), step);
    kb_store(kb, args.slots[0], index, u, active);
    if (optimizer->nesterov)
        return kb_fop(kb, K_FSUB, step, kb_fop(kb, K_FMUL, u, c->v[1]));
    return kb_fop(kb, K_FSUB, kb_f(kb, 0, lanes), u);
}

void kernel_update_apply(KB *kb, UpdateArgs args, const UpdateConsts *consts,
                         const KernelOptimizer *optimizer, KVal index, KVal gradient, int lanes,
                         int active)
{
    KVal w = kb_load(kb, args.weights, index, lanes, active);
    KVal step = optimizer->adam
                    ? adam_step(kb, args, consts, index, gradient, lanes, active)
                    : sgd_step(kb, args, consts, optimizer, index, gradient, lanes, active);
    kb_store(kb, args.weights, index, kb_fop(kb, K_FSUB, w, step), active);
}

/* ------------------------------------------------------------ gradient in memory */

typedef struct Flat {
    const KernelOptimizer *optimizer;
    UpdateArgs args;
    UpdateConsts consts;
    int gradient;
} Flat;

static void update_vector(KB *kb, KVal index, int lanes, int active, void *arg)
{
    Flat *f = arg;
    KVal g = kb_load(kb, f->gradient, index, lanes, active);
    kernel_update_apply(kb, f->args, &f->consts, f->optimizer, index, g, lanes, active);
}

Kernel *kernel_update(Arena *arena, KernelTarget target, int64_t n,
                      const KernelOptimizer *optimizer)
{
    int64_t each, tasks = flat_tasks(n, target.lanes, &each);
    KB *kb = kb_begin(arena, "update", tasks);
    kb_title(kb, "optimizer on %lld weights", (long long)n);
    Flat f = {.optimizer = optimizer};
    f.gradient = kb_buffer(kb, "g", KE_F32, n, false);
    f.args = kernel_update_buffers(kb, n, optimizer);
    f.consts = kernel_update_consts(kb, f.args, optimizer, target.lanes);
    flat_loop(kb, n, each, target.lanes, update_vector, &f);
    return kb_finish(kb);
}

Kernel *kernel_bias_update(Arena *arena, KernelTarget target, int64_t rows, int64_t c,
                           const KernelOptimizer *optimizer)
{
    int lanes = target.lanes;
    int64_t vectors = div_up(c, lanes);
    Split split = split_even(vectors, tasks_for((rows + 16) * vectors, vectors));
    KB *kb = kb_begin(arena, "bias_update", split.groups);
    kb_title(kb, "sum of (%lld,%lld) over rows, optimizer on the bias", (long long)rows,
             (long long)c);
    int g = kb_buffer(kb, "dy", KE_F32, rows * c, false);
    UpdateArgs args = kernel_update_buffers(kb, vectors * lanes, optimizer);
    UpdateConsts consts = kernel_update_consts(kb, args, optimizer, lanes);
    KVal task = kb_task(kb);
    KVal v = kb_for(kb, split_lo(kb, split, task), split_hi(kb, split, task), 1);
    KVal col = kb_imulc(kb, v, lanes);
    int rest = (int)(c % lanes);
    for (int part = 0; part < (rest ? 2 : 1); part++) {
        bool last = part == 1;
        if (rest && last && vectors == 1)
            break;
        int active = last || (rest && vectors == 1) ? rest : lanes;
        if (rest && vectors > 1)
            kb_if(kb, kb_iop(kb, last ? K_IEQ : K_ILT, v, kb_i(kb, vectors - 1)));
        KVal sum = kb_var(kb, kb_f(kb, 0, lanes));
        KVal r = kb_for_n(kb, rows);
        kb_set(kb, sum,
               kb_fop(kb, K_FADD, kb_get(kb, sum),
                      kb_load(kb, g, kb_imad(kb, r, c, col), lanes, active)));
        kb_end_n(kb, rows);
        kernel_update_apply(kb, args, &consts, optimizer, col, kb_get(kb, sum), lanes, active);
        if (rest && vectors > 1)
            kb_end(kb);
    }
    kb_end(kb);
    return kb_finish(kb);
}
