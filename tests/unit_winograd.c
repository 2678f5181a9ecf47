/* unit_winograd.c - convolution by Winograd against the direct sum: both kernels in the
 * interpreter, on numbers of one sign, as activations behind a ReLU are. Features must not hang on
 * the batch. */
#include "compiler/base/base.h"
#include "compiler/kernel/kernel.h"
#include "compiler/kernel/kernel_winograd.h"
#include "compiler/layers/layer.h"
#include "tests/kir/conv_numbers.h"
#include "tests/tap.h"

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

static WinogradForm form_of(const Shape4 *s)
{
    return (WinogradForm){&WINOGRAD_AXES[s->along_h], &WINOGRAD_AXES[s->along_w]};
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
                  bool winograd)
{
    ConvGeom g = geom_of(s, n);
    ConvOptions o = {.bias = true, .residual = s->residual, .act = {.kind = ACT_RELU}};
    int64_t panel = kernel_panel(target, s->dc);
    WinogradForm form = form_of(s);
    Kernel *kernel = winograd ? kernel_winograd(arena, target, form, &g, &o, panel)
                              : kernel_conv(arena, target, &g, &o, panel);
    int64_t rows = (winograd ? kernel_winograd_positions(&form) : taps_of(&form)) * s->sc;
    float *weights = conv_panels(arena, winograd ? d->positions : d->weights, rows, s->dc, panel);
    float *y = arena_array(arena, float, g.dh *g.dw *n * s->dc);
    void *args[] = {d->x, weights, y, conv_panels(arena, d->bias, 1, s->dc, panel), d->residual};
    kir_eval(kernel, args, 0, kernel->n_tasks);
    return y;
}

static void test_shape(const Shape4 *s, KernelTarget target)
{
    Arena *arena = arena_create();
    WinogradForm form = form_of(s);
    ConvGeom g = geom_of(s, BATCH);
    int64_t pixels = g.dh * g.dw;
    Data d = {.x = conv_numbers(arena, s->h * s->w * BATCH * s->sc, 1, true),
              .weights = conv_numbers(arena, taps_of(&form) * s->sc * s->dc, 0.1f, false),
              .bias = conv_numbers(arena, s->dc, 0.5f, false),
              .residual = conv_numbers(arena, pixels * BATCH * s->dc, 1, false)};
    d.positions = transformed(arena, &form, d.weights, s->sc, s->dc);
    const float *direct = run(arena, target, s, &d, BATCH, false);
    const float *fast = run(arena, target, s, &d, BATCH, true);
    double rms = conv_distance(fast, direct, pixels * BATCH * s->dc);
    Data two = d;
    two.x = conv_first_samples(arena, d.x, s->h * s->w, BATCH, 2, s->sc);
    two.residual = conv_first_samples(arena, d.residual, pixels, BATCH, 2, s->dc);
    const float *alone = run(arena, target, s, &two, 2, true);
    bool same = memcmp(alone, conv_first_samples(arena, fast, pixels, BATCH, 2, s->dc),
                       (size_t)(pixels * 2 * s->dc) * sizeof(float)) == 0;
    ok(rms > 0 && rms < LIMIT, "%s by %s, (%d,%d,%d) -> %d, %d lanes: rms %.2g", form.h->name,
       form.w->name, (int)s->h, (int)s->w, (int)s->sc, (int)s->dc, target.lanes, rms);
    ok(same, "the same bits in a batch of two");
    arena_destroy(arena);
}

/* Whether the convolution would be computed so. */
static bool chosen(const ConvGeom *g, int64_t macs, WinogradAxisId along_h, WinogradAxisId along_w)
{
    WinogradForm form;
    return kernel_winograd_form(g, macs, &form) && form.h == &WINOGRAD_AXES[along_h] &&
           form.w == &WINOGRAD_AXES[along_w];
}

static void test_choice(void)
{
    WinogradForm form;
    ConvGeom g = geom_of(&(Shape4){WINOGRAD_4_3, WINOGRAD_4_3, 16, 16, 2048, 64, true, false}, 8);
    ok(chosen(&g, g.n * 256 * 9 * g.sc * g.dc, WINOGRAD_4_3, WINOGRAD_4_3), "2048 channels pay");
    g.sc = 4096;
    ok(!kernel_winograd_form(&g, g.n * 256 * 9 * g.sc * g.dc, &form),
       "4096 do not fit on the stack");
    g = geom_of(&(Shape4){WINOGRAD_WHOLE_2, WINOGRAD_WHOLE_2, 2, 2, 256, 256, true, false}, 8);
    ok(chosen(&g, g.n * 16 * g.sc * g.dc, WINOGRAD_WHOLE_2, WINOGRAD_WHOLE_2),
       "2 x 2 pixels have their own form");
    g.stride_h = 2;
    ok(!kernel_winograd_form(&g, g.n * 16 * g.sc * g.dc, &form), "none for a stride of 2");
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
