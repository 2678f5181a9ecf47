/* plan_print.c - the Plan as text: steps with their buffers, buffers with their offsets and lives.
 */
#include "compiler/base/base.h"
#include "compiler/plan/plan_bill.h"

const char *const PLAN_BUFFER_KINDS[] = {
    [BUF_SCRATCH] = "scratch", [BUF_STATE] = "state", [BUF_RODATA] = "rodata"};

enum { LIFE_WIDTH = 48 };

static void print_step(const Plan *plan, const PlanStep *step, uint32_t index, Buf *out)
{
    const Kernel *k = step->kernel;
    buf_printf(out, "  %3u %-36s %-20s tasks %-4lld", index, step->name, k->name,
               (long long)k->n_tasks);
    if (step->macs)
        buf_printf(out, " macs %-12llu", (unsigned long long)step->macs);
    for (uint32_t i = 0; i < k->n_buffers && !k->buffers[i].local; i++)
        buf_printf(out, " %s%s", k->buffers[i].written ? ">" : "",
                   plan->buffers.at[step->args[i]].name);
    buf_puts(out, "\n");
}

const char *plan_prefix_end(const Plan *plan, NodeId reader)
{
    const Node *node = &plan->graph->nodes.at[reader];
    bool reads = false;
    for (uint32_t k = 0; k < node->inputs.n; k++)
        reads |= plan->prefix[node->inputs.at[k]];
    if (plan->prefix[reader] || !reads)
        return NULL;
    if (node->trainable)
        return "trains";
    return LAYER_KINDS[node->kind].flags & LF_RANDOM ? "is random in training"
                                                     : "reads other values as well";
}

static void print_prefix_ends(const Plan *plan, Buf *out)
{
    for (NodeId i = 0; plan->prefix && i < plan->graph->nodes.n; i++) {
        const char *why = plan_prefix_end(plan, i);
        if (why)
            buf_printf(out, "  ends before %s, which %s\n", plan->graph->nodes.at[i].name, why);
    }
}

/* Each kernel once, with its tile and how much of the processor that lets one expect. */
static void print_kernels(const Plan *plan, Buf *out)
{
    buf_puts(out,
             "\nkernels: share of the peak of `PROGRAM bench` that is expected; what they do\n");
    for (uint32_t i = 0; i < plan->kernels.n; i++) {
        const Kernel *k = plan->kernels.at[i];
        buf_printf(out, "  %-20s ", k->name);
        buf_puts(out, k->share > 0 ? "" : "      ");
        if (k->share > 0)
            buf_printf(out, "%4.0f %%", 100 * k->share);
        buf_printf(out, "  %s\n", k->title);
    }
}

static void print_buffer(const PlanBuffer *b, Buf *out)
{
    buf_printf(out, "  %-44s %10llu + %-10llu", b->name, (unsigned long long)b->offset,
               (unsigned long long)plan_buffer_bytes(b));
}

/* A column a step, or one for several; `#` where the buffer lives. */
static void print_life(const PlanBuffer *b, uint32_t n_steps, Buf *out)
{
    uint32_t width = n_steps < LIFE_WIDTH ? n_steps : LIFE_WIDTH;
    buf_puts(out, " |");
    for (uint32_t i = 0; i < width; i++) {
        uint32_t from = i * n_steps / width, end = (i + 1) * n_steps / width;
        buf_puts(out, b->first < end && b->last >= from ? "#" : ".");
    }
    buf_printf(out, "| %u-%u", b->first, b->last);
}

static void print_scratch(const Plan *plan, int p, Buf *out)
{
    const PlanPhase *phase = &plan->phases[p];
    uint32_t step;
    uint64_t peak = plan_peak(plan, p, &step);
    if (!peak)
        return;
    buf_printf(out, "\nscratch of %s: offset + bytes, life in steps; peak %llu bytes at step %u\n",
               phase->name, (unsigned long long)peak, step);
    for (uint32_t i = 0; i < plan->buffers.n; i++) {
        const PlanBuffer *b = &plan->buffers.at[i];
        if (b->kind != BUF_SCRATCH || b->phase != p)
            continue;
        print_buffer(b, out);
        print_life(b, phase->steps.n, out);
        buf_puts(out, "\n");
    }
}

static void print_lasting(const Plan *plan, BufKind kind, const char *title, Buf *out)
{
    bool any = false;
    for (uint32_t i = 0; i < plan->buffers.n; i++) {
        const PlanBuffer *b = &plan->buffers.at[i];
        if (b->kind != kind)
            continue;
        if (!any)
            buf_printf(out, "\n%s: offset + bytes\n", title);
        any = true;
        print_buffer(b, out);
        while (out->at[out->n - 1] == ' ')
            out->at[--out->n] = '\0';
        buf_puts(out, "\n");
    }
}

void plan_print(const Plan *plan, Buf *out)
{
    buf_printf(out,
               "plan: block %llu bytes, rodata %llu bytes, %u kernels, features %lld a sample\n",
               (unsigned long long)plan->block_bytes, (unsigned long long)plan->rodata_bytes,
               plan->kernels.n, (long long)plan->feature_size);
    for (int p = 0; p < GRT_N_PHASES; p++) {
        const PlanPhase *phase = &plan->phases[p];
        buf_printf(out, "\nphase %s: batch %lld, %u steps, %llu multiply-adds\n", phase->name,
                   (long long)phase->batch, phase->steps.n,
                   (unsigned long long)plan_phase_macs(phase));
        if (p == GRT_PREFIX)
            print_prefix_ends(plan, out);
        for (uint32_t i = 0; i < phase->steps.n; i++)
            print_step(plan, &phase->steps.at[i], i, out);
    }
    print_kernels(plan, out);
    for (int p = 0; p < GRT_N_PHASES; p++)
        print_scratch(plan, p, out);
    print_lasting(plan, BUF_STATE, "state, which lives through the whole run", out);
    print_lasting(plan, BUF_RODATA, "rodata, constants in the program", out);
}
