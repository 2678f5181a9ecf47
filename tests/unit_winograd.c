/* unit_winograd.c - convolution by Winograd against the direct sum: both kernels in the
 * interpreter, on numbers of one sign, as activations behind a ReLU are. Features must not hang on
 * the batch. */
#include "compiler/base/base.h"
#include "compiler/kernel/kernel.h"
#include "compiler/kernel/kernel_winograd.h"
#include "compiler/layers/layer.h"
#include "compiler/plan/lower.h"
#include "tests/tap.h"

#include <math.h>

typedef struct Shape4 {
    int form;
    int64_t h, w, sc, dc, pad;
    bool residual;
} Shape4;

static const Shape4 SHAPES[] = {
    {WINOGRAD_F4, 8, 8, 32, 32, 1, true},       /* whole tiles */
    {WINOGRAD_F4, 13, 11, 20, 37, 1, false},    /* cut tiles, channels of no whole vector */
    {WINOGRAD_F4, 9, 14, 16, 96, 0, false},     /* no padding */
    {WINOGRAD_F4, 4, 4, 128, 16, 1, true},      /* one tile, its samples split */
    {WINOGRAD_F4, 1, 3, 17, 17, 1, false},      /* smaller than a tile */
    {WINOGRAD_WHOLE_2, 2, 2, 32, 160, 1, true}, /* panels shared among the tasks */
    {WINOGRAD_WHOLE_2, 2, 2, 19, 37, 1, false},
};

static const KernelTarget TARGETS[] = {{16, 32}, {8, 16}, {4, 16}};

enum { BATCH = 6 };
static const double LIMIT = 5e-6; /* rms, in standard deviations of the direct result */

static uint64_t state = 1;

/* Uniform in -1 .. 1 (xorshift64, G. Marsaglia 2003). */
static float uniform(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (float)((double)(state >> 11) / 0x1p52 - 1.0);
}

static float *numbers(Arena *arena, int64_t n, float scale, bool positive)
{
    float *out = arena_array(arena, float, n);
    for (int64_t i = 0; i < n; i++) {
        float v = uniform() * scale;
        out[i] = positive && v < 0 ? 0 : v;
    }
    return out;
}

/* (9*sc x dc), row-major, to the positions in the same order. */
static float *transformed(Arena *arena, const WinogradForm *form, const float *weights, int64_t sc,
                          int64_t dc)
{
    int n = kernel_winograd_positions(form);
    float *out = arena_array(arena, float, n *sc *dc);
    for (int64_t i = 0; i < sc * dc; i++) {
        double window[9], positions[WINOGRAD_MAX_POSITIONS];
        for (int t = 0; t < 9; t++)
            window[t] = weights[t * sc * dc + i];
        kernel_winograd_weights(form, window, positions);
        for (int p = 0; p < n; p++)
            out[p * sc * dc + i] = (float)positions[p];
    }
    return out;
}

static float *panels(Arena *arena, const float *matrix, int64_t rows, int64_t cols, int64_t panel)
{
    float *out = arena_array(arena, float, kernel_panel_size(rows, cols, panel));
    lower_pack_panels(out, matrix, rows, cols, panel);
    return out;
}

/* What both kernels are given; x and residual are (pixels, BATCH, channels). */
typedef struct Data {
    float *x, *weights, *positions, *bias, *residual;
} Data;

static float *run(Arena *arena, KernelTarget target, const Shape4 *s, const Data *d, int64_t n,
                  bool winograd)
{
    ConvGeom g = {.n = n,
                  .sh = s->h,
                  .sw = s->w,
                  .sc = s->sc,
                  .dc = s->dc,
                  .kh = 3,
                  .kw = 3,
                  .stride_h = 1,
                  .stride_w = 1,
                  .pad_t = s->pad,
                  .pad_l = s->pad,
                  .up_h = 1,
                  .up_w = 1,
                  .dst_stride = s->dc};
    g.dh = s->h + 2 * s->pad - 2;
    g.dw = s->w + 2 * s->pad - 2;
    ConvOptions o = {.bias = true, .residual = s->residual, .act = {.kind = ACT_RELU}};
    int64_t panel = kernel_panel(target, s->dc);
    const WinogradForm *form = &WINOGRAD_FORMS[s->form];
    Kernel *kernel = winograd ? kernel_winograd(arena, target, form, &g, &o, panel)
                              : kernel_conv(arena, target, &g, &o, panel);
    int64_t rows = (winograd ? kernel_winograd_positions(form) : 9) * s->sc;
    float *weights = panels(arena, winograd ? d->positions : d->weights, rows, s->dc, panel);
    float *y = arena_array(arena, float, g.dh *g.dw *n * s->dc);
    void *args[] = {d->x, weights, y, panels(arena, d->bias, 1, s->dc, panel), d->residual};
    kir_eval(kernel, args, 0, kernel->n_tasks);
    return y;
}

/* Samples 0 .. n-1 of (pixels, BATCH, c). */
static float *first_samples(Arena *arena, const float *x, int64_t pixels, int64_t n, int64_t c)
{
    float *out = arena_array(arena, float, pixels *n *c);
    for (int64_t p = 0; p < pixels; p++)
        memcpy(out + p * n * c, x + p * BATCH * c, (size_t)(n * c) * sizeof(float));
    return out;
}

/* Root of the mean squared difference, in standard deviations of b. */
static double distance(const float *a, const float *b, int64_t n)
{
    double sum = 0, squares = 0, differences = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += b[i];
        squares += (double)b[i] * b[i];
        differences += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
    }
    double mean = sum / (double)n;
    return sqrt(differences / (double)n) / sqrt(squares / (double)n - mean * mean);
}

static void test_shape(const Shape4 *s, KernelTarget target)
{
    Arena *arena = arena_create();
    int64_t oh = s->h + 2 * s->pad - 2, ow = s->w + 2 * s->pad - 2;
    Data d = {.x = numbers(arena, s->h * s->w * BATCH * s->sc, 1, true),
              .weights = numbers(arena, 9 * s->sc * s->dc, 0.1f, false),
              .bias = numbers(arena, s->dc, 0.5f, false),
              .residual = numbers(arena, oh * ow * BATCH * s->dc, 1, false)};
    d.positions = transformed(arena, &WINOGRAD_FORMS[s->form], d.weights, s->sc, s->dc);
    const float *direct = run(arena, target, s, &d, BATCH, false);
    const float *fast = run(arena, target, s, &d, BATCH, true);
    double rms = distance(fast, direct, oh * ow * BATCH * s->dc);
    Data two = d;
    two.x = first_samples(arena, d.x, s->h * s->w, 2, s->sc);
    two.residual = first_samples(arena, d.residual, oh * ow, 2, s->dc);
    const float *alone = run(arena, target, s, &two, 2, true);
    bool same = memcmp(alone, first_samples(arena, fast, oh * ow, 2, s->dc),
                       (size_t)(oh * ow * 2 * s->dc) * sizeof(float)) == 0;
    ok(rms > 0 && rms < LIMIT, "%s, (%d,%d,%d) -> %d, %d lanes: rms %.2g",
       WINOGRAD_FORMS[s->form].name, (int)s->h, (int)s->w, (int)s->sc, (int)s->dc, target.lanes,
       rms);
    ok(same, "the same bits in a batch of two");
    arena_destroy(arena);
}

int main(void)
{
    for (size_t i = 0; i < COUNT_OF(SHAPES); i++)
        for (size_t t = 0; t < COUNT_OF(TARGETS); t++)
            test_shape(&SHAPES[i], TARGETS[t]);
    ConvGeom g = {.n = 8,
                  .sh = 16,
                  .sw = 16,
                  .sc = 2048,
                  .dh = 16,
                  .dw = 16,
                  .dc = 64,
                  .kh = 3,
                  .kw = 3,
                  .stride_h = 1,
                  .stride_w = 1,
                  .pad_t = 1,
                  .pad_l = 1,
                  .up_h = 1,
                  .up_w = 1,
                  .dst_stride = 64};
    ok(kernel_winograd_form(&g, g.n * 256 * 9 * g.sc * g.dc) == &WINOGRAD_FORMS[WINOGRAD_F4],
       "2048 channels pay");
    g.sc = 4096;
    ok(!kernel_winograd_form(&g, g.n * 256 * 9 * g.sc * g.dc), "4096 do not fit on the stack");
    g.sc = 256;
    g.dc = g.dst_stride = 256;
    g.sh = g.sw = g.dh = g.dw = 2;
    ok(kernel_winograd_form(&g, g.n * 16 * g.sc * g.dc) == &WINOGRAD_FORMS[WINOGRAD_WHOLE_2],
       "2 x 2 pixels have their own form");
    points_end();
    return 0;
}
