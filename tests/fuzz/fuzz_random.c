/* fuzz_random.c - random numbers that depend on the seed and the run only. */
#include "compiler/base/base.h"
#include "tests/fuzz/fuzz.h"

/* SplitMix64 (Steele, Lea and Flood, 2014). */
uint64_t random_bits(Random *r)
{
    uint64_t z = r->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

Random random_stream(uint64_t seed, uint64_t run)
{
    Random r = {seed};
    r.state = random_bits(&r) + run;
    r.state = random_bits(&r);
    return r;
}

uint32_t random_below(Random *r, uint32_t n)
{
    return (uint32_t)(random_bits(r) % n);
}

bool random_chance(Random *r, double p)
{
    return (double)(random_bits(r) >> 11) * 0x1p-53 < p;
}

int64_t random_number(Random *r, int64_t min, int64_t max)
{
    uint64_t span = (uint64_t)max - (uint64_t)min;
    uint32_t way = random_below(r, 8);
    if (way == 0)
        return min;
    if (way == 1)
        return max;
    uint64_t limit = way < 6 ? 32 : UINT64_MAX >> random_below(r, 64);
    if (limit > span)
        limit = span;
    return (int64_t)((uint64_t)min +
                     (limit == UINT64_MAX ? random_bits(r) : random_bits(r) % (limit + 1)));
}
