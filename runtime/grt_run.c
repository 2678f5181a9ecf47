/* grt_run.c - the program's block of memory and its steps, run on a fixed number of threads.
 *
 * Each step's tasks are divided into one contiguous range a thread. Tasks of a step write disjoint
 * elements, so results do not depend on the number of threads. Nothing is allocated after
 * grt_run_create. */
#include "runtime/grt_int.h"

#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum { IO_BYTES = 1 << 20, STACK_BYTES = 4 << 20 };

/* --------------------------------------------------------------------- threads */

#ifdef __clang__
/* clang's own OpenMP runtime is a shared library only, and programs link statically: so its objects
 * call gcc's libgomp by the names that gcc uses for `omp parallel` and `omp barrier`. */
void GOMP_parallel(void (*member)(void *), void *context, unsigned n_threads, unsigned flags);
void GOMP_barrier(void);
int omp_get_thread_num(void);
int omp_get_num_threads(void);
int omp_get_num_procs(void);
void omp_set_dynamic(int dynamic);
#else
#include <omp.h>
#endif

/* Kernels keep a task's own memory, up to half a megabyte, on the stack: makes sure that there is
 * room on this thread and on those to come, where the limits of the shell are small. */
static void make_stack_room(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < STACK_BYTES) {
        if (limit.rlim_max < STACK_BYTES)
            grt_die(GRT_EXIT_TRAINING, "the stack is limited to %d KiB, %d are needed (ulimit -Hs)",
                    (int)(limit.rlim_max >> 10), STACK_BYTES >> 10);
        limit.rlim_cur = STACK_BYTES;
        setrlimit(RLIMIT_STACK, &limit);
    }
    pthread_attr_t attr;
    size_t size = 0;
    if (pthread_getattr_default_np(&attr) != 0)
        return;
    if (pthread_attr_getstacksize(&attr, &size) == 0 && size < STACK_BYTES &&
        pthread_attr_setstacksize(&attr, STACK_BYTES) == 0)
        pthread_setattr_default_np(&attr);
    pthread_attr_destroy(&attr);
}

/* member(context) on each of n threads; returns when all of them have. */
static void team_run(int n_threads, void (*member)(void *), void *context)
{
    if (n_threads == 1) {
        member(context);
        return;
    }
#ifdef __clang__
    GOMP_parallel(member, context, (unsigned)n_threads, 0);
#else
#pragma omp parallel num_threads(n_threads)
    member(context);
#endif
}

/* Waits for the other members of the team. */
static void team_barrier(void)
{
#ifdef __clang__
    GOMP_barrier();
#else
#pragma omp barrier
#endif
}

/* ---------------------------------------------------------------------- memory */

static uint64_t elem_size(uint32_t elem)
{
    static const uint64_t sizes[] = {4, 1, 4, 8};
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

static void resolve_phase(GrtRun *run, int phase)
{
    const GrtPhase *ph = &run->program->phases[phase];
    size_t n_args = 0, at = 0;
    for (uint32_t s = 0; s < ph->n_steps; s++)
        n_args += ph->steps[s].n_args;
    run->args[phase] = grt_alloc(n_args, sizeof(void *));
    for (uint32_t s = 0; s < ph->n_steps; s++)
        for (uint32_t a = 0; a < ph->steps[s].n_args; a++) {
            if (ph->steps[s].args[a] >= run->program->n_buffers)
                grt_die(GRT_EXIT_BUG, "step %s has no such buffer", ph->steps[s].name);
            run->args[phase][at++] = run->buffers[ph->steps[s].args[a]];
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
    run->block = grt_map(program->block_bytes, "the program's block");
#ifdef MADV_HUGEPAGE
    madvise(run->block, program->block_bytes, MADV_HUGEPAGE); /* a wish, not a need */
#endif
    run->buffers = grt_alloc(program->n_buffers, sizeof(void *));
    for (uint32_t i = 0; i < program->n_buffers; i++)
        run->buffers[i] = place_buffer(run, &program->buffers[i]);
    for (int phase = 0; phase < GRT_N_PHASES; phase++)
        resolve_phase(run, phase);
    run->io_bytes = IO_BYTES;
    run->io_buffer = grt_alloc(1, IO_BYTES);
    make_stack_room();
    omp_set_dynamic(0);
    return run;
}

/* ----------------------------------------------------------------------- steps */

static inline int64_t range_start(int64_t n, int thread, int n_threads)
{
    return n * thread / n_threads;
}

typedef struct PhaseRun {
    const GrtRun *run;
    int phase;
    double *seconds; /* NULL, or where thread 0 adds the time of each step */
} PhaseRun;

/* The steps of a phase as one member of the team sees them. */
static void run_steps(void *context)
{
    const PhaseRun *pr = context;
    const GrtPhase *ph = &pr->run->program->phases[pr->phase];
    void *const *args = pr->run->args[pr->phase];
    int thread = omp_get_thread_num(), n_threads = omp_get_num_threads();
    double *seconds = thread == 0 ? pr->seconds : NULL;
    double start = seconds ? grt_now() : 0.0;
    for (uint32_t s = 0; s < ph->n_steps; s++) {
        const GrtStep *step = &ph->steps[s];
        int64_t first = range_start(step->n_tasks, thread, n_threads);
        int64_t last = range_start(step->n_tasks, thread + 1, n_threads);
        if (first < last)
            step->kernel(args, first, last);
        args += step->n_args;
        if (n_threads > 1)
            team_barrier();
        if (seconds) {
            double now = grt_now();
            seconds[s] += now - start;
            start = now;
        }
    }
}

void grt_run_timed(GrtRun *run, int phase, double *seconds)
{
    PhaseRun pr = {run, phase, seconds};
    team_run(run->n_threads, run_steps, &pr);
}

void grt_run_phase(GrtRun *run, int phase)
{
    grt_run_timed(run, phase, NULL);
}

int grt_cores_allowed(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
    return omp_get_num_procs();
}

typedef struct Loop {
    GrtTask task;
    void *context;
    int64_t n;
    int64_t next; /* of grt_parallel_dynamic: first element nobody has taken */
} Loop;

static void static_member(void *context)
{
    const Loop *loop = context;
    int thread = omp_get_thread_num(), n_threads = omp_get_num_threads();
    int64_t last = range_start(loop->n, thread + 1, n_threads);
    for (int64_t i = range_start(loop->n, thread, n_threads); i < last; i++)
        loop->task(loop->context, i);
}

void grt_parallel(int n_threads, GrtTask task, void *context, int64_t n)
{
    Loop loop = {task, context, n, 0};
    team_run(n_threads, static_member, &loop);
}

static void dynamic_member(void *context)
{
    enum { TAKE = 16 };
    Loop *loop = context;
    int64_t first;
    while ((first = __atomic_fetch_add(&loop->next, TAKE, __ATOMIC_RELAXED)) < loop->n)
        for (int64_t i = first; i < loop->n && i < first + TAKE; i++)
            loop->task(loop->context, i);
}

void grt_parallel_dynamic(int n_threads, GrtTask task, void *context, int64_t n)
{
    Loop loop = {task, context, n, 0};
    team_run(n_threads, dynamic_member, &loop);
}

uint64_t grt_phase_macs(const GrtPhase *phase)
{
    uint64_t macs = 0;
    for (uint32_t s = 0; s < phase->n_steps; s++)
        macs += phase->steps[s].macs;
    return macs;
}
