/* conv_numbers.c - numbers for a convolution in two ways, and how far the results are apart. */
#include "tests/kir/conv_numbers.h"
#include "compiler/kernel/kernel.h"
#include "compiler/plan/lower.h"

#include <math.h>

static uint64_t state = 1;

/* Uniform in -1 .. 1 (xorshift64, G. Marsaglia 2003). */
static float uniform(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (float)((double)(state >> 11) / 0x1p52 - 1.0);
}

float *conv_numbers(Arena *arena, int64_t n, float scale, bool positive)
{
    float *out = arena_array(arena, float, n);
    for (int64_t i = 0; i < n; i++) {
        float v = uniform() * scale;
        out[i] = positive && v < 0 ? 0 : v;
    }
    return out;
}

float *conv_panels(Arena *arena, const float *matrix, int64_t rows, int64_t cols, int64_t panel)
{
    float *out = arena_array(arena, float, kernel_panel_size(rows, cols, panel));
    lower_pack_panels(out, matrix, rows, cols, panel);
    return out;
}

float *conv_first_samples(Arena *arena, const float *x, int64_t pixels, int64_t batch, int64_t n,
                          int64_t c)
{
    float *out = arena_array(arena, float, pixels *n *c);
    for (int64_t p = 0; p < pixels; p++)
        memcpy(out + p * n * c, x + p * batch * c, (size_t)(n * c) * sizeof(float));
    return out;
}

double conv_distance(const float *a, const float *b, int64_t n)
{
    double sum = 0, squares = 0, differences = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += b[i];
        squares += (double)b[i] * b[i];
        differences += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    }
    double mean = sum / (double)n;
    return sqrt(differences / (double)n) / sqrt(squares / (double)n - mean * mean);
}
