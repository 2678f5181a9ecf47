/* conv_numbers.h - numbers for a convolution in two ways, and how far the results are apart. */
#ifndef GRAFT_CONV_NUMBERS_H
#define GRAFT_CONV_NUMBERS_H

#include "compiler/base/base.h"

/* Uniform in -scale .. scale, or with zeros for what is negative; the next of one sequence. */
float *conv_numbers(Arena *arena, int64_t n, float scale, bool positive);
/* (rows x cols), row-major, in panels. */
float *conv_panels(Arena *arena, const float *matrix, int64_t rows, int64_t cols, int64_t panel);
/* Samples 0 .. n-1 of (pixels, batch, c). */
float *conv_first_samples(Arena *arena, const float *x, int64_t pixels, int64_t batch, int64_t n,
                          int64_t c);
/* Root of the mean squared difference, in standard deviations of b. */
double conv_distance(const float *a, const float *b, int64_t n);

#endif
