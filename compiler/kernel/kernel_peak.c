/* kernel_peak.c - as many multiply-adds as the processor can do: what `bench` holds steps against.
 */
#include "compiler/base/base.h"
#include "compiler/kernel/kernel.h"

enum {
    TASKS = 32,
    TURNS = 1024,
    CHAINS = 12 /* independent sums: two units, each with a latency of
                   4 cycles or more, and registers to spare */
};

Kernel *kernel_peak(Arena *arena, KernelTarget target, uint64_t *macs)
{
    int lanes = target.lanes;
    *macs = (uint64_t)TASKS * TURNS * CHAINS * (uint64_t)lanes;
    KB *kb = kb_begin(arena, "peak", TASKS);
    kb_title(kb, "%d multiply-adds of %d lanes a task, in registers", TURNS * CHAINS, lanes);
    int x = kb_buffer(kb, "x", KE_F32, (int64_t)CHAINS * lanes, false);
    int y = kb_buffer(kb, "y", KE_F32, (int64_t)TASKS * lanes, true);
    KVal factor = kb_load(kb, x, kb_i(kb, 0), lanes, lanes), sums[CHAINS];
    for (int i = 0; i < CHAINS; i++)
        sums[i] = kb_var(kb, kb_load(kb, x, kb_i(kb, (int64_t)i * lanes), lanes, lanes));
    KVal turn = kb_for(kb, kb_i(kb, 0), kb_i(kb, TURNS), 1);
    (void)turn;
    for (int i = 0; i < CHAINS; i++)
        kb_set(kb, sums[i], kb_fma(kb, factor, factor, kb_get(kb, sums[i])));
    kb_end(kb);
    KVal sum = kb_get(kb, sums[0]);
    for (int i = 1; i < CHAINS; i++)
        sum = kb_fop(kb, K_FADD, sum, kb_get(kb, sums[i]));
    kb_store(kb, y, kb_imulc(kb, kb_task(kb), lanes), sum, lanes);
    return kb_finish(kb);
}
