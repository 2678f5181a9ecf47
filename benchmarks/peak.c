/* peak.c - how many GFLOP/s of float32 multiply-adds one core does: sums in registers alone. */
#include <stdio.h>
#include <time.h>

#ifdef __AVX512F__
enum { BYTES = 64, SUMS = 24 };
#else
enum { BYTES = 32, SUMS = 12 };
#endif
typedef float Vector __attribute__((vector_size(BYTES)));

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(void)
{
    enum { LOOPS = 20000000, TRIES = 5 };
    Vector sums[SUMS] = {{0}}, a, b;
    double best = 1e9;
    for (int i = 0; i < BYTES / 4; i++) {
        a[i] = 0.5f;
        b[i] = 1.0f;
    }
    for (int try = 0; try < TRIES; try++) {
        double start = now();
        for (int n = 0; n < LOOPS; n++) {
            __asm__ volatile("" : "+x"(a), "+x"(b)); /* not known to be the same each time */
#pragma GCC unroll 24
            for (int s = 0; s < SUMS; s++)
                sums[s] = sums[s] * a + b;
        }
        double seconds = now() - start;
        best = seconds < best ? seconds : best;
    }
    float total = 0.0f;
    for (int s = 0; s < SUMS; s++)
        total += sums[s][0];
    printf("%.1f %g\n", 2.0 * LOOPS * SUMS * (BYTES / 4) / best * 1e-9, (double)total);
    return 0;
}
