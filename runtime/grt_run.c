/* grt_run.c - the program's block of memory and its steps, run on a fixed number of threads.
 *
 * Each step's tasks are divided into one contiguous range a thread. Tasks of a step write disjoint
 * elements, so results do not depend on the number of threads. The prefix can also run in streams:
 * each thread has a batch of its own, waits for nobody, and finds its values in its own cache.
 * Nothing is allocated after grt_run_create. */
#include "runtime/grt_int.h"

#include <sys/mman.h>

enum { IO_BYTES = 1 << 20 };

/* ---------------------------------------------------------------------- memory */

static uint64_t elem_size(uint32_t elem)
{
    static const uint64_t sizes[] = {4, 1, 4, 8, 2};
    return elem < GRT_COUNT_OF(sizes) ? sizes[elem] : 0;
}

/* Where a buffer lies; what does not fit its block is a mistake of the compiler's. */
static void *place_buffer(const GrtRun *run, const GrtBuffer *buffer)
{
    const GrtProgram *p = run->program;
    bool rodata = buffer->place == GRT_RODATA;
    uint64_t limit = rodata ? p->rodata_bytes : p->block_bytes;
    uint64_t size = elem_size(buffer->elem);
    if (size == 0 || buffer->offset > limit || buffer->n > (limit - buffer->offset) / size)
        grt_die(GRT_EXIT_BUG, "buffer %s does not lie in its block", buffer->name);
    /* steps never write what is in rodata */
    return rodata ? (void *)(uintptr_t)(p->rodata + buffer->offset) : run->block + buffer->offset;
}

void *grt_stream_buffer(const GrtRun *run, int stream, uint32_t buffer)
{
    const GrtProgram *p = run->program;
    const GrtBuffer *b = &p->buffers[buffer];
    uint64_t from = b->offset - p->stream_offset; /* huge where it begins before */
    if (from > p->stream_bytes || b->n * elem_size(b->elem) > p->stream_bytes - from)
        grt_die(GRT_EXIT_BUG, "buffer %s does not lie in a stream", b->name);
    return run->streams[stream].memory + from;
}

/* The arguments of a phase's steps; those of the prefix in streams but the first lie there. */
static void **resolve_args(const GrtRun *run, int phase, int stream)
{
    const GrtProgram *p = run->program;
    const GrtPhase *ph = &p->phases[phase];
    size_t n_args = 0, at = 0;
    for (uint32_t s = 0; s < ph->n_steps; s++)
        n_args += ph->steps[s].n_args;
    void **args = grt_alloc(n_args, sizeof(void *));
    for (uint32_t s = 0; s < ph->n_steps; s++)
        for (uint32_t a = 0; a < ph->steps[s].n_args; a++) {
            uint32_t buffer = ph->steps[s].args[a];
            if (buffer >= p->n_buffers)
                grt_die(GRT_EXIT_BUG, "step %s has no such buffer", ph->steps[s].name);
            bool own = stream > 0 && p->buffers[buffer].place != GRT_RODATA;
            args[at++] = own ? grt_stream_buffer(run, stream, buffer) : run->buffers[buffer];
        }
    return args;
}

static void *map_block(uint64_t bytes)
{
    void *block = grt_map(bytes, "the program's block");
#ifdef MADV_HUGEPAGE
    madvise(block, bytes, MADV_HUGEPAGE); /* a wish, not a need */
#endif
    return block;
}

static void create_streams(GrtRun *run)
{
    run->streams = grt_alloc((size_t)run->n_threads, sizeof *run->streams);
    run->streams[0] = (GrtStream){.memory = run->block + run->program->stream_offset,
                                  .args = run->args[GRT_PREFIX]};
    for (int i = 1; i < run->n_threads; i++) {
        run->streams[i].memory = map_block(run->program->stream_bytes);
        run->streams[i].args = resolve_args(run, GRT_PREFIX, i);
    }
}

GrtRun *grt_run_create(const GrtProgram *program, int n_threads)
{
    GrtRun *run = grt_alloc(1, sizeof *run);
    if (program->abi != GRT_ABI)
        grt_die(GRT_EXIT_BUG, "the program is of ABI %u, its runtime of ABI %u", program->abi,
                GRT_ABI);
    run->program = program;
    run->n_threads = n_threads;
    run->block = map_block(program->block_bytes);
    run->buffers = grt_alloc(program->n_buffers, sizeof(void *));
    for (uint32_t i = 0; i < program->n_buffers; i++)
        run->buffers[i] = place_buffer(run, &program->buffers[i]);
    for (int phase = 0; phase < GRT_N_PHASES; phase++)
        run->args[phase] = resolve_args(run, phase, 0);
    create_streams(run);
    run->io_bytes = IO_BYTES;
    run->io_buffer = grt_alloc(1, IO_BYTES);
    grt_team_prepare();
    return run;
}

/* ----------------------------------------------------------------------- steps */

typedef struct PhaseRun {
    const GrtPhase *phase;
    void *const *args;
    double *seconds; /* NULL, or where thread 0 adds the time of each step */
    GrtBarrier barrier;
} PhaseRun;

/* Steps of one task are thread 0's: between two of them nobody has to wait. */
static bool stays_with_one(const GrtPhase *ph, uint32_t step)
{
    return ph->steps[step].n_tasks == 1 && step + 1 < ph->n_steps &&
           ph->steps[step + 1].n_tasks == 1;
}

/* The steps of a phase as one member of the team sees them. */
static void run_steps(void *context, int thread, int n_threads)
{
    PhaseRun *pr = context;
    const GrtPhase *ph = pr->phase;
    void *const *args = pr->args;
    double *seconds = thread == 0 ? pr->seconds : NULL;
    double start = seconds ? grt_now() : 0.0;
    for (uint32_t s = 0; s < ph->n_steps; s++) {
        const GrtStep *step = &ph->steps[s];
        bool alone = step->n_tasks == 1;
        int64_t first = alone ? thread : grt_range_start(step->n_tasks, thread, n_threads);
        int64_t last = alone ? 1 : grt_range_start(step->n_tasks, thread + 1, n_threads);
        if (first < last)
            step->kernel(args, first, last);
        args += step->n_args;
        if (!stays_with_one(ph, s))
            grt_barrier(&pr->barrier, n_threads);
        if (seconds) {
            double now = grt_now();
            seconds[s] += now - start;
            start = now;
        }
    }
}

void grt_run_timed(GrtRun *run, int phase, double *seconds)
{
    PhaseRun pr = {
        .phase = &run->program->phases[phase], .args = run->args[phase], .seconds = seconds};
    grt_team_run(run->n_threads, run_steps, &pr);
}

void grt_run_phase(GrtRun *run, int phase)
{
    grt_run_timed(run, phase, NULL);
}

typedef struct StreamsRun {
    const GrtRun *run;
    double *seconds;
} StreamsRun;

static void run_stream(void *context, int thread, int n_threads)
{
    const StreamsRun *sr = context;
    PhaseRun pr = {.phase = &sr->run->program->phases[GRT_PREFIX],
                   .args = sr->run->streams[thread].args,
                   .seconds = thread == 0 ? sr->seconds : NULL};
    (void)n_threads;
    run_steps(&pr, 0, 1);
}

void grt_run_streams(GrtRun *run, double *seconds)
{
    StreamsRun sr = {run, seconds};
    grt_team_run(run->n_threads, run_stream, &sr);
}

uint64_t grt_phase_macs(const GrtPhase *phase)
{
    uint64_t macs = 0;
    for (uint32_t s = 0; s < phase->n_steps; s++)
        macs += phase->steps[s].macs;
    return macs;
}
