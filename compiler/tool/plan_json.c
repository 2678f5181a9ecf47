/* plan_json.c - the Plan and its bill as JSON. */
#include "compiler/base/base.h"
#include "compiler/tool/json_write.h"
#include "compiler/tool/plan_json.h"

#include <inttypes.h>

static void number(Json *j, const char *key, uint64_t n)
{
    json_raw(j, key, arena_printf(j->out->arena, "%" PRIu64, n));
}

static void write_bill(Json *j, const Bill *bill)
{
    json_open(j, "bill", "{");
    number(j, "train_images", (uint64_t)bill->n_train);
    number(j, "test_images", (uint64_t)bill->n_test);
    json_raw(j, "images_counted", bill->counted ? "true" : "false");
    number(j, "memory_bytes", bill->block + bill->constants);
    number(j, "weight_bytes", bill->weights);
    number(j, "io_bytes", bill->io);
    number(j, "scratch_bytes", bill->scratch);
    number(j, "stream_bytes", bill->stream);
    number(j, "constant_bytes", bill->constants);
    number(j, "image_bytes", bill->images);
    number(j, "cache_bytes", bill->cache);
    number(j, "feature_macs", bill->features_macs);
    number(j, "epoch_macs", bill->epoch_macs);
    json_number(j, "feature_seconds", bill->features_seconds);
    json_number(j, "epoch_seconds", bill->epoch_seconds);
    json_number(j, "assumed_macs_per_second", BILL_MACS_PER_SECOND);
    json_number(j, "assumed_bytes_per_second", BILL_BYTES_PER_SECOND);
    json_close(j, "}");
}

/* Names of the buffers that a step writes, or of those that it only reads. */
static void write_args(Json *j, const Plan *plan, const PlanStep *step, bool written)
{
    json_open(j, written ? "writes" : "reads", "[");
    for (uint32_t i = 0; i < step->kernel->n_buffers && !step->kernel->buffers[i].local; i++)
        if (step->kernel->buffers[i].written == written)
            json_string(j, NULL, plan->buffers.at[step->args[i]].name);
    json_close(j, "]");
}

/* Layers that read what the prefix computes and are not of it. */
static void write_prefix_ends(Json *j, const Plan *plan)
{
    json_open(j, "ends", "[");
    for (NodeId i = 0; i < plan->graph->nodes.n; i++) {
        const char *why = plan_prefix_end(plan, i);
        if (!why)
            continue;
        json_open(j, NULL, "{");
        json_string(j, "before", plan->graph->nodes.at[i].name);
        json_string(j, "which", why);
        json_close(j, "}");
    }
    json_close(j, "]");
}

static void write_phase(Json *j, const Plan *plan, int p)
{
    const PlanPhase *phase = &plan->phases[p];
    uint32_t peak_step;
    uint64_t peak = plan_peak(plan, p, &peak_step);
    json_open(j, NULL, "{");
    json_string(j, "name", phase->name);
    number(j, "batch", (uint64_t)phase->batch);
    number(j, "macs", plan_phase_macs(phase));
    number(j, "peak_bytes", peak);
    number(j, "peak_step", peak_step);
    if (p == GRT_PREFIX)
        write_prefix_ends(j, plan);
    json_open(j, "steps", "[");
    for (uint32_t i = 0; i < phase->steps.n; i++) {
        const PlanStep *step = &phase->steps.at[i];
        json_open(j, NULL, "{");
        json_string(j, "name", step->name);
        json_string(j, "kernel", step->kernel->name);
        number(j, "tasks", (uint64_t)step->kernel->n_tasks);
        number(j, "macs", step->macs);
        json_string(j, "does", step->kernel->title);
        number(j, "expected_percent_of_peak", (uint64_t)(100 * step->kernel->share + 0.5));
        write_args(j, plan, step, false);
        write_args(j, plan, step, true);
        json_close(j, "}");
    }
    json_close(j, "]");
    json_close(j, "}");
}

static void write_buffer(Json *j, const Plan *plan, const PlanBuffer *b)
{
    json_open(j, NULL, "{");
    json_string(j, "name", b->name);
    json_string(j, "kind", PLAN_BUFFER_KINDS[b->kind]);
    number(j, "bytes", plan_buffer_bytes(b));
    number(j, "offset", b->offset);
    if (b->kind == BUF_SCRATCH) {
        json_string(j, "phase", plan->phases[b->phase].name);
        number(j, "first_step", b->first);
        number(j, "last_step", b->last);
    }
    json_close(j, "}");
}

void plan_json(const Plan *plan, const Bill *bill, Buf *out)
{
    Json j = {.out = out};
    json_open(&j, NULL, "{");
    json_string(&j, "name", plan->graph->spec->name);
    json_string(&j, "target", plan->target.cpu);
    write_bill(&j, bill);
    json_open(&j, "phases", "[");
    for (int p = 0; p < GRT_N_PHASES; p++)
        write_phase(&j, plan, p);
    json_close(&j, "]");
    json_open(&j, "buffers", "[");
    for (uint32_t i = 0; i < plan->buffers.n; i++)
        write_buffer(&j, plan, &plan->buffers.at[i]);
    json_close(&j, "]");
    json_close(&j, "}");
    buf_puts(out, "\n");
}
