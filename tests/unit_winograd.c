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
    WinogradAxisId along_h, along_w;
    int64_t h, w, sc, dc;
    bool padded, residual;
} Shape4;

static const Shape4 SHAPES[] = {
    {WINOGRAD_4_3, WINOGRAD_4_3, 8, 8, 32, 32, true, true},    /* whole tiles */
    {WINOGRAD_4_3, WINOGRAD_4_3, 13, 11, 20, 37, true, false}, /* cut tiles, no whole vectors */
    {WINOGRAD_4_3, WINOGRAD_4_3, 9, 14, 16, 96, false, false}, /* no padding */
    {WINOGRAD_4_3, WINOGRAD_4_3, 4, 4, 128, 16, true, true},   /* one tile, its samples split */
    {WINOGRAD_4_3, WINOGRAD_4_3, 1, 3, 17, 17, true, false},   /* smaller than a tile */
    {WINOGRAD_WHOLE_2, WINOGRAD_WHOLE_2, 2, 2, 32, 160, true, true}, /* tasks share panels */
    {WINOGRAD_WHOLE_2, WINOGRAD_WHOLE_2, 2, 2, 19, 37, true, false},
    {WINOGRAD_ONE, WINOGRAD_WHOLE_6, 6, 6, 32, 40, true, true},
    {WINOGRAD_WHOLE_6, WINOGRAD_ONE, 6, 5, 21, 48, true, false},
    {WINOGRAD_2_5, WINOGRAD_2_5, 13, 13, 16, 64, true, false},
    {WINOGRAD_2_5, WINOGRAD_2_5, 8, 7, 24, 20, false, true},
    {WINOGRAD_4_3, WINOGRAD_WHOLE_2, 5, 2, 16, 16, true, false}, /* another form along each axis */
};

static const KernelTarget TARGETS[] = {{16, 32}, {8, 16}, {4, 16}};

enum { BATCH = 6 };
static const double LIMIT = 5e-6; /* rms, in standard deviations of the direct result */
static const double SPREAD = 1.2; /* of the error of few sums around the noise of a form */

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

static WinogradForm form_of(const Shape4 *s)
{
    return (WinogradForm){.h = &WINOGRAD_AXES[s->along_h], .w = &WINOGRAD_AXES[s->along_w]};
}

static int64_t taps_of(const WinogradForm *form)
{
    return (int64_t)form->h->window * form->w->window;
}

/* (taps*sc x dc), row-major, to the positions in the same order. */
static float *transformed(Arena *arena, const WinogradForm *form, const float *weights, int64_t sc,
                          int64_t dc)
{
    int64_t n = kernel_winograd_positions(form), taps = taps_of(form);
    float *out = arena_array(arena, float, n *sc *dc);
    for (int64_t i = 0; i < sc * dc; i++) {
        double window[WINOGRAD_MAX_WINDOW], positions[WINOGRAD_MAX_POSITIONS];
        for (int64_t t = 0; t < taps; t++)
            window[t] = weights[t * sc * dc + i];
        kernel_winograd_weights(form, window, positions);
        for (int64_t p = 0; p < n; p++)
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

/* Numbers as bfloat16. */
static uint16_t *halves(Arena *arena, const float *x, int64_t n)
{
    uint16_t *out = arena_array(arena, uint16_t, n);
    for (int64_t i = 0; i < n; i++)
        out[i] = kir_to_bfloat16(x[i]);
    return out;
}

/* Panels of bfloat16, two rows side by side. */
static uint16_t *pair_panels(Arena *arena, const float *matrix, int64_t rows, int64_t cols,
                             int64_t panel)
{
    uint16_t *single = halves(arena, panels(arena, matrix, rows, cols, panel),
                              kernel_panel_size(rows, cols, panel));
    uint16_t *out = arena_array(arena, uint16_t, kernel_panel_size(rows, cols, panel));
    for (int64_t i = 0; i < kernel_panel_size(rows, cols, panel); i++) {
        int64_t row = i / panel, column = i % panel;
        out[(row - row % 2) * panel + 2 * column + row % 2] = single[i];
    }
    return out;
}

/* What both kernels are given; x and residual are (pixels, BATCH, channels). */
typedef struct Data {
    float *x, *weights, *positions, *bias, *residual;
} Data;

static ConvGeom geom_of(const Shape4 *s, int64_t n)
{
    WinogradForm form = form_of(s);
    ConvGeom g = {.n = n,
                  .sh = s->h,
                  .sw = s->w,
                  .sc = s->sc,
                  .dc = s->dc,
                  .kh = form.h->window,
                  .kw = form.w->window,
                  .stride_h = 1,
                  .stride_w = 1,
                  .pad_t = s->padded ? form.h->window / 2 : 0,
                  .pad_l = s->padded ? form.w->window / 2 : 0,
                  .up_h = 1,
                  .up_w = 1,
                  .dst_stride = s->dc};
    g.dh = g.sh + 2 * g.pad_t - g.kh + 1;
    g.dw = g.sw + 2 * g.pad_l - g.kw + 1;
    return g;
}

static float *run(Arena *arena, KernelTarget target, const Shape4 *s, const Data *d, int64_t n,
                  bool winograd, bool bfloat16)
{
    ConvGeom g = geom_of(s, n);
    ConvOptions o = {
        .bias = true, .residual = s->residual, .act = {.kind = ACT_RELU}, .bfloat16 = bfloat16};
    int64_t panel = kernel_panel(target, s->dc);
    WinogradForm form = form_of(s);
    form.bfloat16 = bfloat16;
    Kernel *kernel = winograd ? kernel_winograd(arena, target, form, &g, &o, panel)
                              : kernel_conv(arena, target, &g, &o, panel);
    int64_t rows = (winograd ? kernel_winograd_positions(&form) : taps_of(&form)) * s->sc;
    const float *weights = winograd ? d->positions : d->weights;
    float *y = arena_array(arena, float, g.dh *g.dw *n * s->dc);
    void *args[] = {d->x, panels(arena, weights, rows, s->dc, panel), y,
                    panels(arena, d->bias, 1, s->dc, panel), d->residual};
    if (bfloat16) {
        args[0] = halves(arena, d->x, s->h * s->w * n * s->sc);
        args[1] = pair_panels(arena, weights, rows, s->dc, panel);
    }
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

/* Whether the first two samples alone give the bits that they have in `whole`. */
static bool alone_the_same(Arena *arena, KernelTarget target, const Shape4 *s, const Data *d,
                           const float *whole, bool bfloat16)
{
    ConvGeom g = geom_of(s, BATCH);
    int64_t pixels = g.dh * g.dw;
    Data two = *d;
    two.x = first_samples(arena, d->x, s->h * s->w, 2, s->sc);
    two.residual = first_samples(arena, d->residual, pixels, 2, s->dc);
    const float *alone = run(arena, target, s, &two, 2, true, bfloat16);
    return memcmp(alone, first_samples(arena, whole, pixels, 2, s->dc),
                  (size_t)(pixels * 2 * s->dc) * sizeof(float)) == 0;
}

/* Against the direct sum of float32: as near as that of bfloat16, times the noise of the form. */
static void test_bfloat16(Arena *arena, KernelTarget target, const Shape4 *s, const Data *d,
                          const float *exact)
{
    WinogradForm form = form_of(s);
    ConvGeom g = geom_of(s, BATCH);
    int64_t n = g.dh * g.dw * BATCH * s->dc;
    double direct = distance(run(arena, target, s, d, BATCH, false, true), exact, n);
    const float *fast = run(arena, target, s, d, BATCH, true, true);
    double times = distance(fast, exact, n) / direct;
    ok(times > 0 && times < SPREAD * form.h->noise * form.w->noise,
       "in bfloat16: %.2f times the rms of the direct sum, %.2g", times, direct);
    ok(alone_the_same(arena, target, s, d, fast, true), "the same bits in a batch of two");
}

static void test_shape(const Shape4 *s, KernelTarget target)
{
    Arena *arena = arena_create();
    WinogradForm form = form_of(s);
    ConvGeom g = geom_of(s, BATCH);
    int64_t pixels = g.dh * g.dw;
    Data d = {.x = numbers(arena, s->h * s->w * BATCH * s->sc, 1, true),
              .weights = numbers(arena, taps_of(&form) * s->sc * s->dc, 0.1f, false),
              .bias = numbers(arena, s->dc, 0.5f, false),
              .residual = numbers(arena, pixels * BATCH * s->dc, 1, false)};
    d.positions = transformed(arena, &form, d.weights, s->sc, s->dc);
    const float *direct = run(arena, target, s, &d, BATCH, false, false);
    const float *fast = run(arena, target, s, &d, BATCH, true, false);
    double rms = distance(fast, direct, pixels * BATCH * s->dc);
    ok(rms > 0 && rms < LIMIT, "%s by %s, (%d,%d,%d) -> %d, %d lanes: rms %.2g", form.h->name,
       form.w->name, (int)s->h, (int)s->w, (int)s->sc, (int)s->dc, target.lanes, rms);
    ok(alone_the_same(arena, target, s, &d, fast, false), "the same bits in a batch of two");
    if (s->sc % 2 == 0)
        test_bfloat16(arena, target, s, &d, direct);
    arena_destroy(arena);
}

/* Whether the convolution would be computed so. */
static bool chosen(const ConvGeom *g, int64_t macs, bool bfloat16, WinogradAxisId along_h,
                   WinogradAxisId along_w)
{
    WinogradForm form;
    return kernel_winograd_form(g, macs, bfloat16, &form) && form.bfloat16 == bfloat16 &&
           form.h == &WINOGRAD_AXES[along_h] && form.w == &WINOGRAD_AXES[along_w];
}

static void test_choice(void)
{
    WinogradForm form;
    ConvGeom g = geom_of(&(Shape4){WINOGRAD_4_3, WINOGRAD_4_3, 16, 16, 2048, 64, true, false}, 8);
    ok(chosen(&g, g.n * 256 * 9 * g.sc * g.dc, false, WINOGRAD_4_3, WINOGRAD_4_3),
       "2048 channels pay");
    g.sc = 4096;
    ok(!kernel_winograd_form(&g, g.n * 256 * 9 * g.sc * g.dc, false, &form),
       "4096 do not fit on the stack");
    ok(chosen(&g, g.n * 256 * 9 * g.sc * g.dc, true, WINOGRAD_4_3, WINOGRAD_4_3),
       "as bfloat16 they do");
    g = geom_of(&(Shape4){WINOGRAD_WHOLE_2, WINOGRAD_WHOLE_2, 2, 2, 256, 256, true, false}, 8);
    ok(chosen(&g, g.n * 16 * g.sc * g.dc, false, WINOGRAD_WHOLE_2, WINOGRAD_WHOLE_2),
       "2 x 2 pixels have their own form");
    g.stride_h = 2;
    ok(!kernel_winograd_form(&g, g.n * 16 * g.sc * g.dc, false, &form), "none for a stride of 2");
}

int main(void)
{
    for (size_t i = 0; i < COUNT_OF(SHAPES); i++)
        for (size_t t = 0; t < COUNT_OF(TARGETS); t++)
            test_shape(&SHAPES[i], TARGETS[t]);
    test_choice();
    points_end();
    return 0;
}
