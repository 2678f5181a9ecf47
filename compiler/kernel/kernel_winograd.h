/* kernel_winograd.h - forms of Winograd's convolution: what is multiplied instead of pixels and
 * weights. */
#ifndef GRAFT_KERNEL_WINOGRAD_H
#define GRAFT_KERNEL_WINOGRAD_H

#include "compiler/kernel/kernel.h"

enum { WINOGRAD_F4, WINOGRAD_WHOLE_2, N_WINOGRAD_FORMS, WINOGRAD_MAX_IN = 6 };

/* A form works along both axes of the image in turn; the numbers are those of one axis. */
struct WinogradForm {
    const char *name;
    int out, in, positions; /* pixels of an output tile; pixels of its input; products */
    bool whole;             /* the input is the image, whose padding of one pixel counts as zero */
    int64_t input_ops, output_ops; /* of both axes: vector operations for a tile, loads and stores
                                      included */
    void (*input)(KB *kb, const KVal *pixels, KVal *positions);
    void (*output)(KB *kb, const KVal *positions, KVal *pixels);
    const double (*weights)[3]; /* by position */
};
extern const WinogradForm WINOGRAD_FORMS[N_WINOGRAD_FORMS];

#endif
