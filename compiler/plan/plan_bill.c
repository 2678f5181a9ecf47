/* plan_bill.c - the bill of a Plan: memory, disk, multiply-adds, time; and the limit of memory. */
#include "compiler/base/base.h"
#include "compiler/plan/plan_bill.h"

#include <inttypes.h>
#include <stdlib.h>

enum { IMAGES_IF_UNKNOWN = 1000, BUFFERS_NAMED = 5 };

uint64_t plan_buffer_bytes(const PlanBuffer *buffer)
{
    return (uint64_t)buffer->n * kelem_size(buffer->elem);
}

uint64_t plan_phase_macs(const PlanPhase *phase)
{
    uint64_t macs = 0;
    for (uint32_t i = 0; i < phase->steps.n; i++)
        macs += phase->steps.at[i].macs;
    return macs;
}

uint64_t plan_peak(const Plan *plan, int phase, uint32_t *step)
{
    uint64_t peak = 0;
    *step = 0;
    for (uint32_t s = 0; s < plan->phases[phase].steps.n; s++) {
        uint64_t bytes = 0;
        for (uint32_t i = 0; i < plan->buffers.n; i++) {
            const PlanBuffer *b = &plan->buffers.at[i];
            if (b->kind == BUF_SCRATCH && b->phase == phase && b->first <= s && s <= b->last)
                bytes += plan_buffer_bytes(b);
        }
        if (bytes <= peak)
            continue;
        peak = bytes;
        *step = s;
    }
    return peak;
}

/* ------------------------------------------------------------------------ memory */

/* Where the block's state ends and what the phases share begins. */
static uint64_t state_end(const Plan *plan)
{
    uint64_t end = plan->block_bytes;
    for (uint32_t i = 0; i < plan->buffers.n; i++) {
        const PlanBuffer *b = &plan->buffers.at[i];
        if (b->kind == BUF_SCRATCH && b->offset < end)
            end = b->offset;
    }
    return end;
}

static uint64_t weight_bytes(const Plan *plan)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < plan->params.n; i++) {
        const GrtParam *p = &plan->params.at[i];
        bytes += plan_buffer_bytes(&plan->buffers.at[p->value]);
        for (uint32_t k = 0; k < p->n_slots; k++)
            bytes += plan_buffer_bytes(&plan->buffers.at[p->slot[k]]);
    }
    return bytes;
}

/* Bytes of the weights that a training step reads and writes at least: each once for the forward
 * pass, and with the optimizer's state read and written by the update. */
static uint64_t step_traffic(const Plan *plan)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < plan->params.n; i++) {
        const GrtParam *p = &plan->params.at[i];
        if (p->trainable)
            bytes += plan_buffer_bytes(&plan->buffers.at[p->value]) * (3 + 2 * p->n_slots);
    }
    return bytes;
}

static uint64_t cache_bytes(const Plan *plan, int64_t n)
{
    if (n <= 0)
        return 0;
    return GRT_CACHE_HEADER +
           (uint64_t)n * ((uint64_t)plan->feature_size * sizeof(float) + GRT_CACHE_ROW_HASH);
}

/* -------------------------------------------------------------------------- time */

static uint64_t runs(const PlanPhase *phase, int64_t n)
{
    return n <= 0 ? 0 : (uint64_t)div_up(n, phase->batch);
}

/* The slower of computing and of moving weights. */
static double seconds(uint64_t macs, uint64_t bytes)
{
    double compute = (double)macs / BILL_MACS_PER_SECOND;
    double move = (double)bytes / BILL_BYTES_PER_SECOND;
    return compute > move ? compute : move;
}

static void add_time(const Plan *plan, Bill *bill)
{
    const PlanPhase *prefix = &plan->phases[GRT_PREFIX], *train = &plan->phases[GRT_TRAIN],
                    *eval = &plan->phases[GRT_EVAL];
    uint64_t train_runs = runs(train, bill->n_train);
    uint64_t train_macs = train_runs * plan_phase_macs(train);
    uint64_t eval_macs = runs(eval, bill->n_test) * plan_phase_macs(eval);
    bill->features_macs =
        (runs(prefix, bill->n_train) + runs(prefix, bill->n_test)) * plan_phase_macs(prefix);
    bill->features_seconds = seconds(bill->features_macs, 0);
    bill->epoch_macs = train_macs + eval_macs;
    bill->epoch_seconds =
        seconds(train_macs, train_runs * step_traffic(plan)) + seconds(eval_macs, 0);
    if (bill->cache)
        return;
    bill->epoch_macs += bill->features_macs;
    bill->epoch_seconds += bill->features_seconds;
}

Bill plan_bill(const Plan *plan, int64_t n_train, int64_t n_test)
{
    const Spec *spec = plan->graph->spec;
    Bill bill = {.counted = n_train >= 0,
                 .n_train = n_train >= 0 ? n_train : IMAGES_IF_UNKNOWN,
                 .n_test = n_train >= 0 && n_test > 0 ? n_test : 0};
    uint64_t state = state_end(plan);
    bill.weights = weight_bytes(plan);
    bill.io = state - bill.weights;
    bill.scratch = plan->block_bytes - state;
    bill.block = plan->block_bytes;
    bill.constants = plan->rodata_bytes;
    bill.stream = plan->stream_bytes;
    bill.images = (uint64_t)(bill.n_train + bill.n_test) *
                  (uint64_t)(spec->height * spec->width * spec->channels);
    /* as the runtime decides where --cache is not given */
    if (plan_phase_macs(&plan->phases[GRT_PREFIX]) > 0 && spec->epochs > 1)
        bill.cache = cache_bytes(plan, bill.n_train) + cache_bytes(plan, bill.n_test);
    add_time(plan, &bill);
    return bill;
}

/* ------------------------------------------------------------------------- print */

static void line(Buf *out, const char *what, const char *value, const char *more)
{
    buf_printf(out, "  %-16s %11s  %s\n", what, value, more);
}

/* 0.2 ms, 95.3 s, 12.4 min */
static const char *duration(Arena *arena, double s)
{
    if (s < 0.1)
        return arena_printf(arena, "%.2f ms", s * 1e3);
    if (s < 120)
        return arena_printf(arena, "%.*f s", s < 10 ? 2 : 1, s);
    return s < 7200 ? arena_printf(arena, "%.1f min", s / 60)
                    : arena_printf(arena, "%.1f h", s / 3600);
}

static void print_head(const Plan *plan, const Bill *bill, Buf *out)
{
    Arena *arena = out->arena;
    buf_printf(out, "bill of %s: ", plan->graph->spec->name);
    if (bill->counted)
        buf_printf(out, "%s images to train with, %s to test\n", text_grouped(arena, bill->n_train),
                   text_grouped(arena, bill->n_test));
    else
        buf_printf(out, "the data is not counted, so for %s images\n",
                   text_grouped(arena, bill->n_train));
}

void plan_bill_print(const Plan *plan, const Bill *bill, Buf *out)
{
    Arena *arena = out->arena;
    print_head(plan, bill, out);
    line(out, "memory", text_bytes(arena, bill->block + bill->constants),
         arena_printf(arena, "known before the start, %" PRIu64 " bytes; of these:",
                      bill->block + bill->constants));
    line(out, "  weights", text_bytes(arena, bill->weights),
         "that are not frozen, with the optimizer's state");
    line(out, "  in and out", text_bytes(arena, bill->io), "images, features, labels, results");
    line(out, "  scratch", text_bytes(arena, bill->scratch), "shared by the phases");
    line(out, "  constants", text_bytes(arena, bill->constants), "in the program's file");
    line(out, "threads", text_bytes(arena, bill->stream),
         "in addition for each but the first, to compute features");
    line(out, "images", text_bytes(arena, bill->images), "decoded, in memory as well");
    line(out, "feature cache", text_bytes(arena, bill->cache),
         bill->cache ? arena_printf(arena, "on the disk, %" PRIu64 " bytes", bill->cache)
                     : "nothing to keep: nothing is frozen, or there is one epoch");
    line(out, "multiply-adds", text_rounded(arena, (int64_t)bill->epoch_macs), "an epoch");
    if (bill->cache)
        line(out, "", text_rounded(arena, (int64_t)bill->features_macs), "once, for the features");
    line(out, "time", duration(arena, bill->epoch_seconds), "an epoch");
    if (bill->cache)
        line(out, "", duration(arena, bill->features_seconds), "once, for the features");
    buf_printf(out,
               "The times are for a machine of %s multiply-adds and %.0f GB of memory traffic a "
               "second;\n`PROGRAM bench` measures yours.\n\n",
               text_rounded(arena, (int64_t)BILL_MACS_PER_SECOND), BILL_BYTES_PER_SECOND / 1e9);
}

/* ------------------------------------------------------------------------- limit */

static int by_bytes(const void *pa, const void *pb)
{
    const PlanBuffer *a = *(const PlanBuffer *const *)pa, *b = *(const PlanBuffer *const *)pb;
    uint64_t na = plan_buffer_bytes(a), nb = plan_buffer_bytes(b);
    if (na != nb)
        return na > nb ? -1 : 1;
    return strcmp(a->name, b->name);
}

void plan_check_memory(Ctx *ctx, const Plan *plan, uint64_t limit)
{
    uint64_t need = plan->block_bytes + plan->rodata_bytes;
    if (need <= limit)
        return;
    Arena *arena = ctx->arena;
    uint32_t n = plan->buffers.n;
    const PlanBuffer **sorted = arena_array(arena, const PlanBuffer *, n);
    for (uint32_t i = 0; i < n; i++)
        sorted[i] = &plan->buffers.at[i];
    qsort(sorted, n, sizeof(PlanBuffer *), by_bytes);
    Buf names = buf_create(arena);
    for (uint32_t i = 0; i < n && i < BUFFERS_NAMED; i++)
        buf_printf(&names, "%s%s %s", i ? ", " : "", sorted[i]->name,
                   text_bytes(arena, plan_buffer_bytes(sorted[i])));
    Diag *diag = diag_error(ctx, (Loc){0}, R_memory_limit,
                            "the program needs %s of memory, %" PRIu64
                            " bytes, and the limit is %s, %" PRIu64 " bytes",
                            text_bytes(arena, need), need, text_bytes(arena, limit), limit);
    diag_hint(ctx, diag, (Loc){0}, "the largest tensors are %s", names.at);
}
