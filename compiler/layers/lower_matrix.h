/* lower_matrix.h - what Conv2D and Dense share. */
#ifndef GRAFT_LOWER_MATRIX_H
#define GRAFT_LOWER_MATRIX_H

#include "compiler/plan/lower.h"

/* A layer with a kernel matrix that is no folded convolution, as one step. */
void lower_matrix_forward(Lower *lw, const Node *node, const ConvGeom *geom, uint64_t macs);
/* Backward of a layer with a kernel matrix: gradient by the input, updates of kernel and bias. */
void lower_matrix_backward(Lower *lw, const Node *node, const ConvGeom *geom, uint64_t macs);

#endif
