/* lower_norm.h - a frozen BatchNormalization, for its own step and for a convolution that takes it
 * in: y = (x - mean) * scale + beta. */
#ifndef GRAFT_LOWER_NORM_H
#define GRAFT_LOWER_NORM_H

#include "compiler/plan/lower.h"

typedef struct NormValues {
    const float *gamma, *beta, *mean, *variance; /* a value a channel; gamma, beta NULL: none */
    double epsilon;
} NormValues;

NormValues norm_values(Lower *lw, const Node *node);
double norm_scale(const NormValues *norm, int64_t channel); /* gamma / sqrt(variance + epsilon) */

#endif
