/* count_alloc.c - counts the calls of malloc, calloc and realloc of a whole program (glibc). Not
 * for sanitizers, which replace these functions themselves. */
#include <stddef.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void *realloc(void *old, size_t size);
long fixture_allocs(void);

static long n_allocs;

static void count(void)
{
    __atomic_fetch_add(&n_allocs, 1, __ATOMIC_RELAXED);
}

void *malloc(size_t size)
{
    count();
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    count();
    return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
    count();
    return __libc_realloc(old, size);
}

long fixture_allocs(void)
{
    return __atomic_load_n(&n_allocs, __ATOMIC_RELAXED);
}
