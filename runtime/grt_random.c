/* grt_random.c - random numbers by counter: the same for any number of threads and any order.
 *
 * The generator is Philox4x32-10 of J. Salmon, M. Moraes, R. Dror and D. Shaw, "Parallel random
 * numbers: as easy as 1, 2, 3", SC 2011. Its key is the seed; the counter says what the number is
 * for: word 0 and 1: index of the element (or of four of them), word 2: which parameter or epoch,
 * word 3: purpose, and how often it was tried. */
#include "runtime/grt_int.h"

#include <math.h>

enum { FOR_UNIFORM = 1, FOR_NORMAL = 2, FOR_ORDER = 3 };

void grt_philox(const uint32_t counter[4], uint64_t key, uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* Two independent normal numbers from two words each (Box and Muller). */
static void normal_pair(const uint32_t words[4], double out[2])
{
    uint64_t a = (uint64_t)words[0] << 21 ^ words[1] >> 11; /* 53 bits */
    uint64_t b = (uint64_t)words[2] << 21 ^ words[3] >> 11;
    double radius = sqrt(-2.0 * log(((double)a + 1.0) * 0x1p-53)); /* never log(0) */
    double angle = 2.0 * 3.14159265358979323846 * ((double)b * 0x1p-53);
    out[0] = radius * cos(angle);
    out[1] = radius * sin(angle);
}

/* The normal number of an element; beyond `limit` it is drawn again. */
static double normal_of(int64_t element, uint64_t key, uint32_t param, double limit)
{
    for (uint32_t attempt = 0;; attempt++) {
        uint32_t counter[4] = {(uint32_t)element, (uint32_t)(element >> 32), param,
                               FOR_NORMAL | attempt << 8};
        uint32_t words[4];
        double pair[2];
        grt_philox(counter, key, words);
        normal_pair(words, pair);
        for (int i = 0; i < 2; i++)
            if (fabs(pair[i]) <= limit)
                return pair[i];
    }
}

void grt_random_fill(float *out, int64_t first, int64_t n, uint32_t init, float scale, int64_t seed,
                     uint32_t param)
{
    uint64_t key = (uint64_t)seed;
    if (init != GRT_INIT_UNIFORM) {
        double limit = init == GRT_INIT_TRUNCATED_NORMAL ? 2.0 : INFINITY;
        for (int64_t i = 0; i < n; i++)
            out[i] = (float)(normal_of(first + i, key, param, limit) * (double)scale);
        return;
    }
    uint32_t words[4] = {0};
    for (int64_t i = 0; i < n; i++) {
        int64_t element = first + i, group = element / 4;
        if (i == 0 || element % 4 == 0) {
            uint32_t counter[4] = {(uint32_t)group, (uint32_t)(group >> 32), param, FOR_UNIFORM};
            grt_philox(counter, key, words);
        }
        double u = (double)(words[element % 4] >> 8) * 0x1p-24; /* 0 <= u < 1 */
        out[i] = (float)((2.0 * u - 1.0) * (double)scale);
    }
}

void grt_random_order(uint32_t *order, int64_t n, int64_t seed, int64_t epoch)
{
    for (int64_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
    for (int64_t i = n - 1; i > 0; i--) {
        uint32_t counter[4] = {(uint32_t)i, (uint32_t)(i >> 32), (uint32_t)epoch, FOR_ORDER};
        uint32_t words[4];
        grt_philox(counter, (uint64_t)seed, words);
        uint64_t random = (uint64_t)words[0] << 32 | words[1];
        int64_t j = (int64_t)((unsigned __int128)random * (uint64_t)(i + 1) >> 64);
        uint32_t swap = order[i];
        order[i] = order[j];
        order[j] = swap;
    }
}
