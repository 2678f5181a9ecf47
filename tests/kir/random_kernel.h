/* random_kernel.h - random valid kernels, with data to run them on: the printers to C and to LLVM
 * are compared with the interpreter on them. */
#ifndef GRAFT_RANDOM_KERNEL_H
#define GRAFT_RANDOM_KERNEL_H

#include "compiler/kernel/kir.h"

/* A kernel of its own for every seed: nested loops, conditions, vars, loads and stores with tails,
 * reductions, selects, functions of libm, local memory. Vectors have at most max_lanes lanes. Every
 * access is inside of its buffer, and tasks write disjoint elements. */
Kernel *random_kernel(Arena *arena, const char *name, uint64_t seed, int max_lanes);
/* A convolution by Winograd with products of bfloat16: of what the kernels of plans are made. */
Kernel *winograd_kernel(Arena *arena, const char *name, int lanes);
/* One array a buffer argument, filled from the seed: ordinary floats, and some zeros, infinities,
 * NaNs and denormals. */
void random_kernel_args(Arena *arena, const Kernel *kernel, uint64_t seed, void **args);
/* Takes out of them what swallows a long sum: infinities, NaNs, huge numbers. */
void random_kernel_tame(const Kernel *kernel, void *const *args);
/* Whether all written buffers are equal bit for bit (any NaN equals any NaN); prints the first
 * difference as a TAP comment. */
bool random_kernel_same(const Kernel *kernel, void *const *expected, void *const *got);

#endif
