/* plan_print.c - the Plan as text: steps with their buffers, buffers with their lives and offsets.
 */
#include "compiler/base/base.h"
#include "compiler/plan/plan.h"

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

void plan_print(const Plan *plan, Buf *out)
{
    static const char *const kinds[] = {"scratch", "state", "rodata"};
    buf_printf(out,
               "plan: block %llu bytes, rodata %llu bytes, %u kernels, features %lld a sample\n",
               (unsigned long long)plan->block_bytes, (unsigned long long)plan->rodata_bytes,
               plan->kernels.n, (long long)plan->feature_size);
    for (int p = 0; p < GRT_N_PHASES; p++) {
        const PlanPhase *phase = &plan->phases[p];
        uint64_t macs = 0;
        for (uint32_t i = 0; i < phase->steps.n; i++)
            macs += phase->steps.at[i].macs;
        buf_printf(out, "\nphase %s: batch %lld, %u steps, %llu multiply-adds\n", phase->name,
                   (long long)phase->batch, phase->steps.n, (unsigned long long)macs);
        for (uint32_t i = 0; i < phase->steps.n; i++)
            print_step(plan, &phase->steps.at[i], i, out);
    }
    buf_puts(out, "\nbuffers\n");
    for (uint32_t i = 0; i < plan->buffers.n; i++) {
        const PlanBuffer *b = &plan->buffers.at[i];
        buf_printf(out, "  %-44s %-8s %10llu + %-10llu", b->name, kinds[b->kind],
                   (unsigned long long)b->offset, (unsigned long long)b->n * kelem_size(b->elem));
        if (b->kind == BUF_SCRATCH)
            buf_printf(out, " %s %u-%u", plan->phases[b->phase].name, b->first, b->last);
        buf_puts(out, "\n");
    }
}
