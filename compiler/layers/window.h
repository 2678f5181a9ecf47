/* window.h - how a window of a convolution or a pooling steps over one axis: Keras's arithmetic. */
#ifndef GRAFT_WINDOW_H
#define GRAFT_WINDOW_H

#include "compiler/layers/layer.h"

/* Positions of a window of `window` cells, `stride` apart, on `size` cells; 0 or less: it does not
 * fit. */
static inline int64_t window_count(int64_t size, int64_t window, int64_t stride, int padding)
{
    if (padding == PAD_SAME)
        return div_up(size, stride);
    return size < window ? 0 : (size - window) / stride + 1;
}

/* Cells of padding before the first; behind the last stands the same or one more. */
static inline int64_t window_pad(int64_t size, int64_t window, int64_t stride, int padding)
{
    if (padding != PAD_SAME)
        return 0;
    int64_t total = (window_count(size, window, stride, padding) - 1) * stride + window - size;
    return total > 0 ? total / 2 : 0;
}

/* A window along one axis of an image. */
typedef struct WindowAxis {
    int64_t window, stride, pad; /* pad: cells of zeros before the first real one */
    int64_t size, count;         /* real cells; positions of the window */
} WindowAxis;
/* Pairs of a window's position and one of its cells that meet a real cell of the image. */
int64_t window_live_taps(const WindowAxis *axis);

#endif
