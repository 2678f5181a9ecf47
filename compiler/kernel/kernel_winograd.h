/* kernel_winograd.h - forms of Winograd's convolution along an axis: what is multiplied instead of
 * pixels and weights. */
#ifndef GRAFT_KERNEL_WINOGRAD_H
#define GRAFT_KERNEL_WINOGRAD_H

#include "compiler/kernel/kernel.h"

typedef enum {
    WINOGRAD_ONE,     /* a window of one: nothing to save */
    WINOGRAD_4_3,     /* F(4, 3): tiles of 4 outputs, window of 3 */
    WINOGRAD_4_4,     /* F(4, 4) */
    WINOGRAD_2_5,     /* F(2, 5) */
    WINOGRAD_STRIDED, /* window of 3, stride of 2: tiles of 2 outputs */
    WINOGRAD_WHOLE_2, /* an axis of 2 pixels, window of 3 */
    WINOGRAD_WHOLE_6, /* an axis of 6 pixels, window of 7 */
    N_WINOGRAD_AXES
} WinogradAxisId;

enum { WINOGRAD_MAX_AXIS = 18 }; /* pixels, positions */

struct WinogradAxis {
    const char *name;
    int window, stride;
    int out, in, positions; /* pixels of an output tile; pixels of its input; products */
    bool whole; /* the tile is the whole axis, and the padding of window / 2 counts as zero */
    int64_t input_ops, output_ops; /* vector operations */
    double noise; /* error of products of bfloat16, in that of the direct sum's; 0: not measured */
    void (*input)(KB *kb, const KVal *pixels, KVal *positions);
    void (*output)(KB *kb, const KVal *positions, KVal *pixels);
    const double *weights; /* (positions x window) */
};
extern const WinogradAxis WINOGRAD_AXES[N_WINOGRAD_AXES];

#endif
