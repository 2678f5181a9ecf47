/* lower_param.c - parameters in memory: frozen ones in the read-only data, the others as state. */
#include "compiler/base/base.h"
#include "compiler/plan/lower.h"

#include <math.h>

/* Room behind a vector, so that a whole panel of it can be read. */
enum { VECTOR_SLACK = 64 };

/* Standard deviation of a normal distribution cut at two deviations: Keras divides by it. */
static const double TRUNCATED_DEVIATION = 0.87962566103423978;

static GrtInit start_of(const Param *param, float *scale)
{
    double in = (double)param->fan_in, out = (double)param->fan_out;
    switch (param->init) {
    case INIT_GLOROT_UNIFORM:
        *scale = (float)sqrt(6 / (in + out));
        return GRT_INIT_UNIFORM;
    case INIT_GLOROT_NORMAL:
        *scale = (float)(sqrt(2 / (in + out)) / TRUNCATED_DEVIATION);
        return GRT_INIT_TRUNCATED_NORMAL;
    case INIT_HE_UNIFORM:
        *scale = (float)sqrt(6 / in);
        return GRT_INIT_UNIFORM;
    case INIT_HE_NORMAL:
        *scale = (float)(sqrt(2 / in) / TRUNCATED_DEVIATION);
        return GRT_INIT_TRUNCATED_NORMAL;
    case INIT_RANDOM_NORMAL:
        *scale = 0.05f;
        return GRT_INIT_NORMAL;
    case INIT_ONES:
        return GRT_INIT_ONES;
    default:
        return GRT_INIT_ZEROS;
    }
}

/* SplitMix64 (Steele, Lea and Flood, 2014) of a counter. */
static uint64_t hash64(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static double unit(uint64_t key, uint64_t i)
{
    return ((double)(hash64(key + i) >> 11) + 0.5) * 0x1p-53;
}

/* Box and Muller (1958); with `cut`, drawn again beyond two deviations. */
static double normal(uint64_t key, uint64_t i, bool cut)
{
    for (uint64_t t = 0;; t++) {
        double u = unit(key, (i * 64 + t) * 2), v = unit(key, (i * 64 + t) * 2 + 1);
        double z = sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);
        if (!cut || (z >= -2 && z <= 2))
            return z;
    }
}

const float *lower_param_values(Lower *lw, const Node *node, const Param *param)
{
    static const float unread[1];
    if (param->data)
        return param->data;
    if (!lw->plan->valued)
        return unread;
    int64_t n = param_size(param);
    float *out = arena_array(lw->ctx->arena, float, n), scale = 1;
    GrtInit init = start_of(param, &scale);
    uint64_t key = hash64((uint64_t)lw->graph->spec->seed);
    for (const char *p = node->name; *p; p++)
        key = hash64(key ^ (unsigned char)*p);
    for (const char *p = param->name; *p; p++)
        key = hash64(key ^ (unsigned char)*p);
    for (int64_t i = 0; i < n; i++) {
        double v = init == GRT_INIT_ONES;
        if (init == GRT_INIT_UNIFORM)
            v = (2 * unit(key, (uint64_t)i) - 1) * scale;
        else if (init == GRT_INIT_NORMAL || init == GRT_INIT_TRUNCATED_NORMAL)
            v = normal(key, (uint64_t)i, init == GRT_INIT_TRUNCATED_NORMAL) * scale;
        out[i] = (float)v;
    }
    return out;
}

void lower_pack_panels(float *out, const float *in, int64_t rows, int64_t cols, int64_t panel)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < cols; c++)
            out[c / panel * rows * panel + r * panel + c % panel] = in[r * cols + c];
}

typedef struct Fill {
    const float *values;
    int64_t rows, cols, panel;
} Fill;

static void fill_param(float *data, void *arg)
{
    const Fill *f = arg;
    if (f->panel)
        lower_pack_panels(data, f->values, f->rows, f->cols, f->panel);
    else
        memcpy(data, f->values, (size_t)(f->rows * f->cols) * sizeof *data);
}

static void fill_plain(float *data, void *arg)
{
    const Fill *f = arg;
    memcpy(data, f->values, (size_t)(f->rows * f->cols) * sizeof *data);
}

static const char *join(Lower *lw, const char *a, const char *b, const char *c)
{
    return arena_printf(lw->ctx->arena, "%s/%s%s", a, b, c);
}

static int64_t stored_size(const ParamRef *ref)
{
    if (ref->panel)
        return kernel_panel_size(ref->rows, ref->cols, ref->panel);
    return (ref->rows * ref->cols + VECTOR_SLACK + 15) / 16 * 16;
}

/* Registers all parameters of a node that is not frozen, in the node's order. */
static void register_params(Lower *lw, const Node *node)
{
    Plan *plan = lw->plan;
    lw->state[node->id].first_param = plan->params.n;
    for (uint32_t i = 0; i < node->params.n; i++) {
        const Param *p = &node->params.at[i];
        GrtParam *g = arr_push(lw->ctx->arena, &plan->params);
        *g = (GrtParam){
            .layer = node->name, .name = p->name, .rank = p->rank, .trainable = !p->statistic};
        memcpy(g->dims, p->dims, sizeof g->dims);
        g->cols = p->dims[p->rank - 1];
        g->rows = param_size(p) / g->cols;
        g->panel = p->rank > 1 ? kernel_panel(lw->target, g->cols) : 0;
        g->n_slots = p->statistic ? 0 : (uint32_t)lw->optimizer.n_slots;
        g->init = start_of(p, &g->init_scale);
        ParamRef ref = {.rows = g->rows, .cols = g->cols, .panel = g->panel};
        int64_t size = stored_size(&ref);
        uint32_t index = plan->params.n - 1;
        BufId value = lower_state(lw, join(lw, node->name, p->name, ""), KE_F32, size), slots[2],
              data = BUF_NONE;
        for (uint32_t s = 0; s < 2; s++)
            slots[s] =
                s < g->n_slots
                    ? lower_state(lw, join(lw, node->name, p->name, s ? ".v" : ".m"), KE_F32, size)
                    : BUF_NONE;
        bool loaded = p->data || (!plan->valued && node->loaded);
        if (loaded) {
            Fill f = {.values = p->data, .rows = g->rows, .cols = g->cols};
            data = lower_rodata(lw, join(lw, node->name, p->name, ".start"), param_size(p),
                                fill_plain, &f);
        }
        g = &plan->params.at[index];
        g->value = value;
        memcpy(g->slot, slots, sizeof slots);
        if (loaded)
            g->init = GRT_INIT_DATA;
        *arr_push(lw->ctx->arena, &plan->param_data) = data;
    }
}

static ParamRef frozen_param(Lower *lw, const Node *node, const Param *param)
{
    ParamRef ref = {.cols = param->dims[param->rank - 1], .slot = {BUF_NONE, BUF_NONE}};
    ref.rows = param_size(param) / ref.cols;
    ref.panel = param->rank > 1 ? kernel_panel(lw->target, ref.cols) : 0;
    Fill f = {.values = lower_param_values(lw, node, param),
              .rows = ref.rows,
              .cols = ref.cols,
              .panel = ref.panel};
    ref.value =
        lower_rodata(lw, join(lw, node->name, param->name, ""), stored_size(&ref), fill_param, &f);
    return ref;
}

const float *lower_values(Lower *lw, const Node *node, const char *name)
{
    const Param *param = node_param(node, name);
    return param ? lower_param_values(lw, node, param) : NULL;
}

ParamRef lower_param(Lower *lw, const Node *node, const char *name)
{
    const Param *param = node_param(node, name);
    if (!param)
        bug("layer %s has no %s", node->name, name);
    if (!node->trainable)
        return frozen_param(lw, node, param);
    if (lw->state[node->id].first_param == UINT32_MAX)
        register_params(lw, node);
    uint32_t i = lw->state[node->id].first_param + (uint32_t)(param - node->params.at);
    const GrtParam *g = &lw->plan->params.at[i];
    return (ParamRef){.value = g->value,
                      .slot = {g->slot[0], g->slot[1]},
                      .rows = g->rows,
                      .cols = g->cols,
                      .panel = g->panel,
                      .trainable = g->trainable};
}

uint32_t lower_update_args(const Lower *lw, const ParamRef *param, BufId *args)
{
    uint32_t n = 0;
    args[n++] = param->value;
    args[n++] = lw->plan->io.hyper;
    for (int s = 0; s < lw->optimizer.n_slots; s++)
        args[n++] = param->slot[s];
    return n;
}
