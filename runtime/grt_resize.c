/* grt_resize.c - bilinear resizing of 8-bit images, and greyscale to RGB and back. */
#include "runtime/grt_int.h"

#include <math.h>
#include <stdlib.h>

/* Between which two lines of the input a line of the output lies, and how far from the first. */
typedef struct Tap {
    int64_t low, high;
    float weight; /* of high */
} Tap;

/* Centres of pixels lie at .5. All in float32, as TensorFlow's CPU kernel computes it, so that the
 * pixels are the same. */
static Tap *make_taps(int64_t n_in, int64_t n_out)
{
    Tap *taps = grt_alloc((size_t)n_out, sizeof *taps);
    float scale = (float)n_in / (float)n_out;
    for (int64_t i = 0; i < n_out; i++) {
        float at = ((float)i + 0.5f) * scale - 0.5f;
        float below = floorf(at);
        int64_t low = (int64_t)below, high = (int64_t)ceilf(at);
        taps[i].low = low > 0 ? low : 0;
        taps[i].high = high < n_in - 1 ? high : n_in - 1;
        taps[i].weight = at - below;
    }
    return taps;
}

void grt_resize(const uint8_t *in, int64_t in_h, int64_t in_w, int64_t channels, uint8_t *out,
                int64_t out_h, int64_t out_w)
{
    Tap *ys = make_taps(in_h, out_h), *xs = make_taps(in_w, out_w);
    for (int64_t y = 0; y < out_h; y++) {
        const uint8_t *top = in + ys[y].low * in_w * channels;
        const uint8_t *bottom = in + ys[y].high * in_w * channels;
        for (int64_t x = 0; x < out_w; x++)
            for (int64_t c = 0; c < channels; c++) {
                int64_t l = xs[x].low * channels + c, h = xs[x].high * channels + c;
                float a = (float)top[l] + ((float)top[h] - (float)top[l]) * xs[x].weight;
                float b = (float)bottom[l] + ((float)bottom[h] - (float)bottom[l]) * xs[x].weight;
                *out++ = (uint8_t)lrintf(a + (b - a) * ys[y].weight);
            }
    }
    free(ys);
    free(xs);
}

void grt_convert_channels(const uint8_t *in, int64_t in_c, uint8_t *out, int64_t out_c, int64_t n)
{
    if (in_c == out_c) {
        memcpy(out, in, (size_t)(n * in_c));
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        if (in_c == 1) {
            out[3 * i] = out[3 * i + 1] = out[3 * i + 2] = in[i];
        } else { /* ITU-R 601 luma in 16-bit fixed point */
            const uint8_t *rgb = in + 3 * i;
            out[i] = (uint8_t)((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 32768u) >> 16);
        }
    }
}
