/* plan_memory.c - offsets: state first, what the prefix reads and writes of it last, then the
 * scratch of the phases, which share one region; within a phase buffers whose lives do not meet
 * share memory. Lowest fitting offset, largest buffers first. So what a run of the prefix uses is
 * one piece of the block. */
#include "compiler/base/base.h"
#include "compiler/plan/plan.h"

#include <stdlib.h>

enum {
    ALIGNMENT = 64,
    GUARD = 64, /* vector loads may touch a little more than the last element */
    LARGE = 64 * 1024,
    STAGGER = 13 * ALIGNMENT /* behind large buffers */
};

/* Large buffers are often whole pages: if they followed each other they would begin at the same
 * place of one, and a load from one would wait for a store to another. */
static uint64_t buffer_bytes(const PlanBuffer *b)
{
    uint64_t bytes = (uint64_t)b->n * kelem_size(b->elem);
    if (b->kind != BUF_RODATA && bytes >= LARGE)
        bytes += STAGGER;
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static bool lives_meet(const PlanBuffer *a, const PlanBuffer *b)
{
    return a->phase == b->phase && a->first <= b->last && b->first <= a->last;
}

/* State that the prefix reads or writes. */
static bool is_prefix_state(const Plan *plan, BufId id)
{
    const GrtIo *io = &plan->io;
    return id == io->images || id == io->features_out || id == io->prefix_head_input;
}

/* The state that is the prefix's, or the other, from `at` on; returns its end. */
static uint64_t place_state(Plan *plan, bool of_prefix, uint64_t at)
{
    for (uint32_t i = 0; i < plan->buffers.n; i++) {
        PlanBuffer *b = &plan->buffers.at[i];
        if (b->kind != BUF_STATE || is_prefix_state(plan, i) != of_prefix)
            continue;
        b->offset = at;
        at += buffer_bytes(b);
    }
    return at;
}

static int by_size(const void *pa, const void *pb)
{
    const PlanBuffer *a = *(PlanBuffer *const *)pa, *b = *(PlanBuffer *const *)pb;
    if (a->n != b->n)
        return a->n > b->n ? -1 : 1;
    return a < b ? -1 : a > b;
}

/* Lowest offset at or above `base` where `b` meets none of the placed buffers. */
static uint64_t lowest_place(PlanBuffer *const *placed, uint32_t n, const PlanBuffer *b,
                             uint64_t base)
{
    uint64_t at = base, size = buffer_bytes(b);
    for (bool moved = true; moved;) {
        moved = false;
        for (uint32_t i = 0; i < n; i++) {
            const PlanBuffer *o = placed[i];
            if (lives_meet(o, b) && at < o->offset + buffer_bytes(o) && o->offset < at + size) {
                at = o->offset + buffer_bytes(o);
                moved = true;
            }
        }
    }
    return at;
}

void plan_layout(Ctx *ctx, Plan *plan)
{
    uint64_t rodata = 0, stream = place_state(plan, false, 0),
             state = place_state(plan, true, stream);
    PlanBuffer **scratch = arena_array(ctx->arena, PlanBuffer *, plan->buffers.n);
    uint32_t n = 0;
    for (uint32_t i = 0; i < plan->buffers.n; i++) {
        PlanBuffer *b = &plan->buffers.at[i];
        if (b->kind == BUF_RODATA) {
            b->offset = rodata;
            rodata += buffer_bytes(b);
        } else if (b->kind == BUF_SCRATCH) {
            check_bug(b->first != UINT32_MAX);
            scratch[n++] = b;
        }
    }
    qsort(scratch, n, sizeof *scratch, by_size);
    uint64_t end = state, prefix_end = state;
    for (uint32_t i = 0; i < n; i++) {
        PlanBuffer *b = scratch[i];
        b->offset = lowest_place(scratch, i, b, state);
        uint64_t b_end = b->offset + buffer_bytes(b);
        end = b_end > end ? b_end : end;
        prefix_end = b->phase == GRT_PREFIX && b_end > prefix_end ? b_end : prefix_end;
    }
    plan->block_bytes = end + GUARD;
    plan->stream_offset = stream;
    plan->stream_bytes = prefix_end + GUARD - stream;
    plan->rodata_bytes = rodata + GUARD;
    for (uint32_t i = 0; i < plan->params.n; i++)
        if (plan->param_data.at[i] != BUF_NONE)
            plan->params.at[i].init_offset = plan->buffers.at[plan->param_data.at[i]].offset;
}

static void verify_step(const Plan *plan, int phase, uint32_t index)
{
    const PlanStep *step = &plan->phases[phase].steps.at[index];
    const Kernel *k = step->kernel;
    for (uint32_t i = 0; i < k->n_buffers && !k->buffers[i].local; i++) {
        const PlanBuffer *b = &plan->buffers.at[step->args[i]];
        if (b->elem != k->buffers[i].elem || b->n < k->buffers[i].n)
            bug("step %s: buffer %s (%lld) does not fit argument %s (%lld) of %s", step->name,
                b->name, (long long)b->n, k->buffers[i].name, (long long)k->buffers[i].n, k->name);
        if (k->buffers[i].written && b->kind == BUF_RODATA)
            bug("step %s writes the constant %s", step->name, b->name);
        if (b->kind == BUF_SCRATCH && (b->phase != phase || index < b->first || index > b->last))
            bug("step %s uses %s outside of its life", step->name, b->name);
        if (phase == GRT_PREFIX && b->kind == BUF_STATE && !is_prefix_state(plan, step->args[i]))
            bug("step %s uses %s, which streams do not have", step->name, b->name);
        for (uint32_t j = 0; j < i; j++)
            if (step->args[j] == step->args[i] && (k->buffers[i].written || k->buffers[j].written))
                bug("step %s: %s is two arguments, one written", step->name, b->name);
    }
}

void plan_verify(const Plan *plan)
{
    for (uint32_t i = 0; i < plan->buffers.n; i++) {
        const PlanBuffer *a = &plan->buffers.at[i];
        uint64_t limit = a->kind == BUF_RODATA ? plan->rodata_bytes : plan->block_bytes;
        check_bug(a->offset % ALIGNMENT == 0 && a->offset + buffer_bytes(a) <= limit);
        for (uint32_t j = 0; j < i; j++) {
            const PlanBuffer *b = &plan->buffers.at[j];
            bool same_place = (a->kind == BUF_RODATA) == (b->kind == BUF_RODATA);
            bool both_scratch = a->kind == BUF_SCRATCH && b->kind == BUF_SCRATCH;
            if (!same_place || (both_scratch && !lives_meet(a, b)))
                continue;
            if (a->offset < b->offset + buffer_bytes(b) && b->offset < a->offset + buffer_bytes(a))
                bug("buffers %s and %s overlap", a->name, b->name);
        }
    }
    for (int p = 0; p < GRT_N_PHASES; p++)
        for (uint32_t i = 0; i < plan->phases[p].steps.n; i++)
            verify_step(plan, p, i);
}
