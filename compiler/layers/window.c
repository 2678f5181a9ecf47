/* window.c - which cells a window meets. */
#include "compiler/layers/window.h"

int64_t window_live_taps(const WindowAxis *axis)
{
    int64_t live = 0;
    for (int64_t tap = 0; tap < axis->window; tap++) {
        /* Positions `at` with 0 <= at * stride - before < size. */
        int64_t before = axis->pad - tap, last = axis->size - 1 + before;
        if (last < 0)
            continue;
        int64_t from = before > 0 ? div_up(before, axis->stride) : 0;
        int64_t end = last / axis->stride + 1;
        if (end > axis->count)
            end = axis->count;
        live += end > from ? end - from : 0;
    }
    return live;
}
