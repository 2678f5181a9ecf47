/* grt_team.c - a team of threads: OpenMP makes it, a barrier of our own keeps it together.
 *
 * Between two steps of a plan lie some ten microseconds of work. OpenMP's barrier spins for
 * milliseconds, which on a machine that others use as well takes the core from the very thread that
 * is waited for. This one spins for less than a step and then sleeps. */
#include "runtime/grt_int.h"

#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STACK_BYTES = 4 << 20, SPINS = 2000 };

#ifdef __clang__
/* clang's own OpenMP runtime is a shared library only, and programs link statically: so its objects
 * call gcc's libgomp by the name that gcc uses for `omp parallel`. */
void GOMP_parallel(void (*member)(void *), void *context, unsigned n_threads, unsigned flags);
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

/* Numbers below the normal ones count as zero, as in TensorFlow: processors calculate with them
 * many times slower, and the moments of weights without a gradient fade into them in some hundred
 * steps. Threads inherit this. */
static void flush_denormals(void)
{
#if defined __x86_64__
    enum { FLUSH_TO_ZERO = 0x8000, DENORMALS_ARE_ZERO = 0x0040 }; /* of MXCSR */
    __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | FLUSH_TO_ZERO | DENORMALS_ARE_ZERO);
#elif defined __aarch64__
    const uint64_t flush_to_zero = UINT64_C(1) << 24; /* of FPCR */
    uint64_t fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    __asm__ volatile("msr fpcr, %0" : : "r"(fpcr | flush_to_zero));
#endif
}

void grt_team_prepare(void)
{
    make_stack_room();
    flush_denormals();
    omp_set_dynamic(0);
}

int grt_cores_allowed(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
    return omp_get_num_procs();
}

/* ------------------------------------------------------------------------ team */

typedef struct Team {
    GrtMember member;
    void *context;
} Team;

static void run_member(void *arg)
{
    const Team *team = arg;
    team->member(team->context, omp_get_thread_num(), omp_get_num_threads());
}

void grt_team_run(int n_threads, GrtMember member, void *context)
{
    if (n_threads == 1) {
        member(context, 0, 1);
        return;
    }
    Team team = {member, context};
#ifdef __clang__
    GOMP_parallel(run_member, &team, (unsigned)n_threads, 0);
#else
#pragma omp parallel num_threads(n_threads)
    run_member(&team);
#endif
}

/* --------------------------------------------------------------------- barrier */

static void futex(uint32_t *word, int op, uint32_t value)
{
    syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static inline void pause_core(void)
{
#if defined __x86_64__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("yield");
#endif
}

void grt_barrier(GrtBarrier *b, int n_threads)
{
    if (n_threads == 1)
        return;
    uint32_t round = __atomic_load_n(&b->round, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&b->arrived, 1, __ATOMIC_ACQ_REL) == (uint32_t)n_threads) {
        __atomic_store_n(&b->arrived, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&b->round, round + 1, __ATOMIC_SEQ_CST);
        if (__atomic_load_n(&b->sleeping, __ATOMIC_SEQ_CST) > 0)
            futex(&b->round, FUTEX_WAKE, INT_MAX);
        return;
    }
    for (int i = 0; i < SPINS; i++) {
        if (__atomic_load_n(&b->round, __ATOMIC_ACQUIRE) != round)
            return;
        pause_core();
    }
    __atomic_add_fetch(&b->sleeping, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&b->round, __ATOMIC_SEQ_CST) == round)
        futex(&b->round, FUTEX_WAIT, round);
    __atomic_sub_fetch(&b->sleeping, 1, __ATOMIC_SEQ_CST);
}

/* ----------------------------------------------------------------------- loops */

typedef struct Loop {
    GrtTask task;
    void *context;
    int64_t n;
    int64_t next; /* of grt_parallel_dynamic: first element nobody has taken */
} Loop;

static void static_member(void *context, int thread, int n_threads)
{
    const Loop *loop = context;
    int64_t last = grt_range_start(loop->n, thread + 1, n_threads);
    for (int64_t i = grt_range_start(loop->n, thread, n_threads); i < last; i++)
        loop->task(loop->context, i);
}

void grt_parallel(int n_threads, GrtTask task, void *context, int64_t n)
{
    Loop loop = {task, context, n, 0};
    grt_team_run(n_threads, static_member, &loop);
}

static void dynamic_member(void *context, int thread, int n_threads)
{
    enum { TAKE = 16 };
    Loop *loop = context;
    int64_t first;
    (void)thread, (void)n_threads;
    while ((first = __atomic_fetch_add(&loop->next, TAKE, __ATOMIC_RELAXED)) < loop->n)
        for (int64_t i = first; i < loop->n && i < first + TAKE; i++)
            loop->task(loop->context, i);
}

void grt_parallel_dynamic(int n_threads, GrtTask task, void *context, int64_t n)
{
    Loop loop = {task, context, n, 0};
    grt_team_run(n_threads, dynamic_member, &loop);
}
