/* grt_param.c - parameters in memory: initial values, and Keras's order to panels and back. */
#include "runtime/grt_int.h"

/* Where canonical element (r, c) lies in memory. */
static inline int64_t place(const GrtParam *param, int64_t r, int64_t c)
{
    if (param->panel == 0)
        return r * param->cols + c;
    return c / param->panel * param->rows * param->panel + r * param->panel + c % param->panel;
}

/* Elements of a canonical row from column c on that lie side by side in memory, too; n at most. */
static inline int64_t run_length(const GrtParam *param, int64_t c, int64_t n)
{
    int64_t run = param->cols - c;
    if (param->panel > 0 && param->panel - c % param->panel < run)
        run = param->panel - c % param->panel;
    return run < n ? run : n;
}

void grt_param_store(const GrtParam *param, float *memory, int64_t first, int64_t n,
                     const float *canonical)
{
    for (int64_t i = 0, run; i < n; i += run) {
        int64_t r = (first + i) / param->cols, c = (first + i) % param->cols;
        run = run_length(param, c, n - i);
        memcpy(memory + place(param, r, c), canonical + i, (size_t)run * sizeof(float));
    }
}

void grt_param_fetch(const GrtParam *param, const float *memory, int64_t first, int64_t n,
                     float *canonical)
{
    for (int64_t i = 0, run; i < n; i += run) {
        int64_t r = (first + i) / param->cols, c = (first + i) % param->cols;
        run = run_length(param, c, n - i);
        memcpy(canonical + i, memory + place(param, r, c), (size_t)run * sizeof(float));
    }
}

/* The layout of a parameter must fit its buffers: else the compiler is wrong. */
static void check_layout(const GrtRun *run, const GrtParam *param)
{
    const GrtProgram *p = run->program;
    int64_t size = param->rows > 0 && param->cols > 0 ? 1 : 0;
    for (uint32_t i = 0; i < param->rank && i < 4; i++)
        size *= param->dims[i];
    int64_t need = grt_param_size(param);
    bool fits = size == need && need > 0 && param->rank <= 4 && param->n_slots <= 2;
    if (param->panel > 0)
        need = (param->cols + param->panel - 1) / param->panel * param->panel * param->rows;
    for (uint32_t i = 0; fits && i <= param->n_slots; i++) {
        uint32_t buffer = i == 0 ? param->value : param->slot[i - 1];
        fits = buffer < p->n_buffers && p->buffers[buffer].elem == GRT_F32 &&
               p->buffers[buffer].place == GRT_BLOCK && p->buffers[buffer].n >= (uint64_t)need;
    }
    if (fits && param->init == GRT_INIT_DATA)
        fits = param->init_offset + (uint64_t)size * sizeof(float) <= p->rodata_bytes;
    if (!fits)
        grt_die(GRT_EXIT_BUG, "parameter %s/%s does not fit its buffers", param->layer,
                param->name);
}

typedef struct InitTask {
    const GrtRun *run;
    int64_t seed;
    uint32_t param;
} InitTask;

enum { CHUNK = 4096 }; /* elements of one task */

static void init_chunk(void *context, int64_t chunk)
{
    const InitTask *task = context;
    const GrtParam *param = &task->run->program->params[task->param];
    float values[CHUNK];
    int64_t first = chunk * CHUNK, n = grt_param_size(param) - first;
    n = n < CHUNK ? n : CHUNK;
    switch (param->init) {
    case GRT_INIT_ZEROS:
    case GRT_INIT_ONES:
        for (int64_t i = 0; i < n; i++)
            values[i] = param->init == GRT_INIT_ONES ? 1.0f : 0.0f;
        break;
    case GRT_INIT_DATA:
        memcpy(values,
               task->run->program->rodata + param->init_offset + (size_t)first * sizeof(float),
               (size_t)n * sizeof(float));
        break;
    default:
        grt_random_fill(values, first, n, param->init, param->init_scale, task->seed, task->param);
    }
    grt_param_store(param, grt_f32(task->run, param->value), first, n, values);
}

void grt_param_init(GrtRun *run, int64_t seed)
{
    const GrtProgram *p = run->program;
    for (uint32_t i = 0; i < p->n_params; i++) {
        const GrtParam *param = &p->params[i];
        InitTask task = {run, seed, i};
        check_layout(run, param);
        grt_parallel(run->n_threads, init_chunk, &task,
                     (grt_param_size(param) + CHUNK - 1) / CHUNK);
        for (uint32_t s = 0; s < param->n_slots; s++)
            memset(grt_f32(run, param->slot[s]), 0, p->buffers[param->slot[s]].n * sizeof(float));
    }
}
