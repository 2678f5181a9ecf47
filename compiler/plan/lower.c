/* lower.c - the services that layers use to become plan steps: buffers, gradients, steps. */
#include "compiler/base/base.h"
#include "compiler/plan/lower.h"

static BufId new_buffer(Lower *lw, const char *name, BufKind kind, KElem elem, int64_t n)
{
    Plan *plan = lw->plan;
    PlanBuffer *b = arr_push(lw->ctx->arena, &plan->buffers);
    *b = (PlanBuffer){
        .name = name, .kind = kind, .elem = elem, .n = n, .phase = lw->phase, .first = UINT32_MAX};
    return plan->buffers.n - 1;
}

BufId lower_scratch(Lower *lw, const char *name, int64_t n)
{
    return new_buffer(lw, name, BUF_SCRATCH, KE_F32, n);
}

BufId lower_state(Lower *lw, const char *name, KElem elem, int64_t n)
{
    return new_buffer(lw, name, BUF_STATE, elem, n);
}

BufId lower_rodata_bfloat16(Lower *lw, const char *name, int64_t n, RodataFill fill, void *arg)
{
    BufId id = lower_rodata(lw, name, n, fill, arg);
    PlanBuffer *b = &lw->plan->buffers.at[id];
    if (b->elem == KE_BF16)
        return id;
    b->elem = KE_BF16;
    if (!lw->plan->valued)
        return id;
    uint16_t *data = arena_array(lw->ctx->arena, uint16_t, n);
    for (int64_t i = 0; i < n; i++)
        data[i] = kir_to_bfloat16(((const float *)b->data)[i]);
    b->data = data;
    return id;
}

BufId lower_rodata(Lower *lw, const char *name, int64_t n, RodataFill fill, void *arg)
{
    BufId *known = strmap_get(lw->rodata, name);
    if (known)
        return *known;
    BufId *id = arena_new(lw->ctx->arena, BufId);
    *id = new_buffer(lw, name, BUF_RODATA, KE_F32, n);
    if (lw->plan->valued) {
        float *data = arena_array(lw->ctx->arena, float, n);
        fill(data, arg);
        lw->plan->buffers.at[*id].data = data;
    }
    strmap_put(lw->rodata, name, id);
    return *id;
}

Shape lower_shape(const Lower *lw, NodeId node)
{
    Shape s = lw->graph->nodes.at[node].shape;
    const Fusion *f = &lw->fusion[node];
    if (f->inside)
        return s;
    s.h = div_up(s.h, f->live_h);
    s.w = div_up(s.w, f->live_w);
    return s;
}

BufId lower_value(Lower *lw, NodeId node)
{
    if (lw->value[node] == BUF_NONE)
        bug("value of %s asked before it is computed", lw->graph->nodes.at[node].name);
    return lw->value[node];
}

/* Pairs of channels are what products of bfloat16 take: an odd number stays float32. */
static KElem value_elem(const Lower *lw, const Node *node)
{
    return lw->phase == GRT_PREFIX && lw->bfloat16 && node->shape.c % 2 == 0 ? KE_BF16 : KE_F32;
}

BufId lower_new_value(Lower *lw, NodeId id)
{
    const Node *node = &lw->graph->nodes.at[id];
    check_bug(lw->value[id] == BUF_NONE);
    if (lw->phase == GRT_PREFIX && id == lw->direct)
        lw->value[id] = lw->plan->io.features_out;
    else
        lw->value[id] =
            new_buffer(lw, node->name, BUF_SCRATCH, value_elem(lw, node), lower_elems(lw, node));
    return lw->value[id];
}

void lower_alias(Lower *lw, NodeId node, NodeId input)
{
    if (lw->phase == GRT_PREFIX && node == lw->direct) {
        int64_t n = lower_elems(lw, &lw->graph->nodes.at[node]);
        BufId from = lower_value(lw, input), to = lower_new_value(lw, node);
        Kernel *copy = kernel_copy(lw->ctx->arena, lw->target, n, false);
        lower_step_args(lw, lw->graph->nodes.at[node].name, copy, 0, from, to);
        return;
    }
    lw->value[node] = lower_value(lw, input);
}

bool lower_wants_grad(const Lower *lw, NodeId node)
{
    return lw->needs_grad[node];
}

BufId lower_grad(Lower *lw, NodeId node)
{
    return lw->grad[node];
}

BufId lower_grad_target(Lower *lw, NodeId node, bool *accumulate)
{
    const Node *n = &lw->graph->nodes.at[node];
    check_bug(lw->needs_grad[node]);
    *accumulate = lw->grad[node] != BUF_NONE;
    if (!*accumulate)
        lw->grad[node] =
            lower_scratch(lw, arena_printf(lw->ctx->arena, "d(%s)", n->name), lower_elems(lw, n));
    return lw->grad[node];
}

static bool same_kernel(const Kernel *a, const Kernel *b)
{
    return a->hash == b->hash && a->n_tasks == b->n_tasks && a->insts.n == b->insts.n &&
           a->n_buffers == b->n_buffers;
}

/* The kernel, or an equal one that is there already; names are made unique. */
static const Kernel *share_kernel(Lower *lw, Kernel *kernel)
{
    Plan *plan = lw->plan;
    uint32_t same_name = 0;
    for (uint32_t i = 0; i < plan->kernels.n; i++) {
        if (same_kernel(plan->kernels.at[i], kernel))
            return plan->kernels.at[i];
        size_t length = strlen(kernel->name);
        const char *other = plan->kernels.at[i]->name;
        if (!strncmp(other, kernel->name, length) &&
            (other[length] == '\0' || other[length] == '_'))
            same_name++;
    }
    kernel->name = arena_printf(lw->ctx->arena, "%s_%u", kernel->name, same_name);
    for (uint32_t i = 0; i < plan->kernels.n; i++)
        check_bug(strcmp(plan->kernels.at[i]->name, kernel->name) != 0);
    *arr_push(lw->ctx->arena, &plan->kernels) = kernel;
    return kernel;
}

static void fit_elements(Lower *lw, Kernel *kernel, uint32_t n_args, const BufId *args)
{
    for (uint32_t i = 0; i < n_args; i++) {
        KElem elem = lw->plan->buffers.at[args[i]].elem;
        if (elem == KE_BF16 && kernel->buffers[i].elem == KE_F32)
            kernel_retype(lw->ctx->arena, kernel, i, elem);
    }
}

static uint32_t n_arguments(const Kernel *kernel)
{
    uint32_t n = 0;
    while (n < kernel->n_buffers && !kernel->buffers[n].local)
        n++;
    return n;
}

void lower_step(Lower *lw, const char *name, Kernel *kernel, uint64_t macs, uint32_t n_args,
                const BufId *args)
{
    PlanPhase *phase = &lw->plan->phases[lw->phase];
    if (n_args != n_arguments(kernel))
        bug("step %s: %u arguments for kernel %s, which takes %u", name, n_args, kernel->name,
            n_arguments(kernel));
    fit_elements(lw, kernel, n_args, args);
    uint32_t index = phase->steps.n;
    PlanStep *step = arr_push(lw->ctx->arena, &phase->steps);
    *step = (PlanStep){.name = name, .kernel = share_kernel(lw, kernel), .macs = macs};
    for (uint32_t i = 0; i < n_args; i++) {
        step->args[i] = args[i];
        PlanBuffer *b = &lw->plan->buffers.at[args[i]];
        check_bug(args[i] != BUF_NONE);
        if (b->kind != BUF_SCRATCH)
            continue;
        check_bug(b->phase == lw->phase);
        if (b->first == UINT32_MAX)
            b->first = index;
        b->last = index;
    }
}
