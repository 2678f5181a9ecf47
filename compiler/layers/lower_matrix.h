/* lower_matrix.h - what Conv2D and Dense share. */
#ifndef GRAFT_LOWER_MATRIX_H
#define GRAFT_LOWER_MATRIX_H

#include "compiler/plan/lower.h"

/* Live multiply-adds of a batch. */
uint64_t lower_macs(const ConvGeom *geom);
/* A layer with a kernel matrix that is no folded convolution: a step, and in training one that
 * keeps a Dense layer's input for its update. */
void lower_matrix_forward(Lower *lw, const Node *node, const ConvGeom *geom);
/* Backward of a layer with a kernel matrix: gradient by the input, updates of kernel and bias. */
void lower_matrix_backward(Lower *lw, const Node *node, const ConvGeom *geom);

#endif
