/* unit_winograd.c - convolution by Winograd against the direct sum, with strides too: both kernels
 * in the interpreter, on numbers of one sign, as activations behind a ReLU are. Features must not
 * hang on the batch. */
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
    {WINOGRAD_4_4, WINOGRAD_4_4, 13, 13, 12, 64, true, true},
    {WINOGRAD_4_4, WINOGRAD_4_4, 6, 9, 37, 20, false, false},
    {WINOGRAD_2_5, WINOGRAD_2_5, 13, 13, 16, 64, true, false},
    {WINOGRAD_2_5, WINOGRAD_2_5, 8, 7, 24, 20, false, true},
    {WINOGRAD_4_3, WINOGRAD_WHOLE_2, 5, 2, 16, 16, true, false}, /* another form along each axis */
};

static const KernelTarget TARGETS[] = {{16, 32}, {8, 16}, {4, 16}};

enum { BATCH = 6 };
/* rms, in standard deviations of the direct result */
static const double LIMIT = 5e-6;
static const double ORDER = 1e-6; /* of the same products, summed in another order */
static const double SPREAD = 1.2; /* of the error of few sums around the noise of a form */

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
    uint16_t *single = halves(arena, conv_panels(arena, matrix, rows, cols, panel),
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
    Kernel *kernel = winograd ? kernel_winograd(arena, target, form, &g, 1, &o, panel)
                              : kernel_conv(arena, target, &g, &o, panel);
    int64_t rows = (winograd ? kernel_winograd_positions(&form) : taps_of(&form)) * s->sc;
    const float *weights = winograd ? d->positions : d->weights;
    float *y = arena_array(arena, float, g.dh *g.dw *n * s->dc);
    void *args[] = {d->x, conv_panels(arena, weights, rows, s->dc, panel), y,
                    conv_panels(arena, d->bias, 1, s->dc, panel), d->residual};
    if (bfloat16) {
        args[0] = halves(arena, d->x, s->h * s->w * n * s->sc);
        args[1] = pair_panels(arena, weights, rows, s->dc, panel);
    }
    kir_eval(kernel, args, 0, kernel->n_tasks);
    return y;
}

/* Whether the first two samples alone give the bits that they have in `whole`. */
static bool alone_the_same(Arena *arena, KernelTarget target, const Shape4 *s, const Data *d,
                           const float *whole, bool bfloat16)
{
    ConvGeom g = geom_of(s, BATCH);
    int64_t pixels = g.dh * g.dw;
    Data two = *d;
    two.x = conv_first_samples(arena, d->x, s->h * s->w, BATCH, 2, s->sc);
    two.residual = conv_first_samples(arena, d->residual, pixels, BATCH, 2, s->dc);
    const float *alone = run(arena, target, s, &two, 2, true, bfloat16);
    return memcmp(alone, conv_first_samples(arena, whole, pixels, BATCH, 2, s->dc),
                  (size_t)(pixels * 2 * s->dc) * sizeof(float)) == 0;
}

/* Against the direct sum of float32: as near as that of bfloat16, times the noise of the form. */
static void test_bfloat16(Arena *arena, KernelTarget target, const Shape4 *s, const Data *d,
                          const float *exact)
{
    WinogradForm form = form_of(s);
    ConvGeom g = geom_of(s, BATCH);
    int64_t n = g.dh * g.dw * BATCH * s->dc;
    double direct = conv_distance(run(arena, target, s, d, BATCH, false, true), exact, n);
    const float *fast = run(arena, target, s, d, BATCH, true, true);
    double times = conv_distance(fast, exact, n) / direct;
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
    Data d = {.x = conv_numbers(arena, s->h * s->w * BATCH * s->sc, 1, true),
              .weights = conv_numbers(arena, taps_of(&form) * s->sc * s->dc, 0.1f, false),
              .bias = conv_numbers(arena, s->dc, 0.5f, false),
              .residual = conv_numbers(arena, pixels * BATCH * s->dc, 1, false)};
    d.positions = transformed(arena, &form, d.weights, s->sc, s->dc);
    const float *direct = run(arena, target, s, &d, BATCH, false, false);
    const float *fast = run(arena, target, s, &d, BATCH, true, false);
    double rms = conv_distance(fast, direct, pixels * BATCH * s->dc);
    ok(rms > 0 && rms < LIMIT, "%s by %s, (%d,%d,%d) -> %d, %d lanes: rms %.2g", form.h->name,
       form.w->name, (int)s->h, (int)s->w, (int)s->sc, (int)s->dc, target.lanes, rms);
    ok(alone_the_same(arena, target, s, &d, fast, false), "the same bits in a batch of two");
    if (s->sc % 2 == 0 && form.h->noise * form.w->noise > 0)
        test_bfloat16(arena, target, s, &d, direct);
    arena_destroy(arena);
}

/* A convolution with strides; batch and destination are as geom_of makes them. */
typedef struct Strided {
    int64_t h, w, sc, dc, kh, kw, stride_h, stride_w, pad_t, pad_l, dh, dw;
    WinogradAxisId along_h, along_w; /* over blocks of pixels, unless they have strides */
} Strided;

static const Strided STRIDED[] = {
    {32, 32, 3, 64, 7, 7, 2, 2, 3, 3, 16, 16, WINOGRAD_4_4, WINOGRAD_4_4}, /* ResNet's first */
    {15, 11, 3, 20, 7, 7, 2, 2, 2, 2, 7, 5, WINOGRAD_4_4, WINOGRAD_4_4},   /* odd sizes */
    {13, 12, 5, 16, 8, 3, 2, 1, 0, 1, 3, 12, WINOGRAD_4_4, WINOGRAD_4_3},  /* one stride */
    {19, 16, 18, 33, 11, 6, 4, 2, 2, 2, 4, 8, WINOGRAD_4_4, WINOGRAD_4_3}, /* two strides */
    {9, 9, 4, 16, 5, 5, 2, 2, -1, -2, 2, 2, WINOGRAD_4_3, WINOGRAD_4_3},   /* none at the edge */
    {13, 13, 32, 48, 3, 3, 2, 2, 0, 0, 6, 6, WINOGRAD_STRIDED, WINOGRAD_STRIDED},
    {14, 11, 19, 20, 3, 3, 2, 2, 1, 1, 7, 6, WINOGRAD_STRIDED, WINOGRAD_STRIDED},
    {8, 9, 16, 16, 3, 3, 1, 2, 1, 0, 8, 4, WINOGRAD_4_3, WINOGRAD_STRIDED},
};

static ConvGeom strided_geom(const Strided *s, int64_t n)
{
    return (ConvGeom){.n = n,
                      .sh = s->h,
                      .sw = s->w,
                      .sc = s->sc,
                      .dh = s->dh,
                      .dw = s->dw,
                      .dc = s->dc,
                      .kh = s->kh,
                      .kw = s->kw,
                      .stride_h = s->stride_h,
                      .stride_w = s->stride_w,
                      .pad_t = s->pad_t,
                      .pad_l = s->pad_l,
                      .up_h = 1,
                      .up_w = 1,
                      .dst_stride = s->dc};
}

/* Weights of g for kernel_depth_geom(g), row-major: each tap goes to the block and to the channel
 * of the pixel that it falls on. */
static float *depth_weights(Arena *arena, const ConvGeom *g, const float *weights)
{
    ConvGeom d = kernel_depth_geom(g);
    float *out = arena_array(arena, float, d.kh *d.kw *d.sc *d.dc);
    for (int64_t y = 0; y < g->kh; y++) {
        for (int64_t x = 0; x < g->kw; x++) {
            int64_t by = y - g->pad_t + d.pad_t * g->stride_h;
            int64_t bx = x - g->pad_l + d.pad_l * g->stride_w;
            int64_t block = by / g->stride_h * d.kw + bx / g->stride_w;
            int64_t pixel = by % g->stride_h * g->stride_w + bx % g->stride_w;
            memcpy(out + (block * d.sc + pixel * g->sc) * g->dc,
                   weights + (y * g->kw + x) * g->sc * g->dc,
                   (size_t)(g->sc * g->dc) * sizeof(float));
        }
    }
    return out;
}

static float *product(Arena *arena, KernelTarget target, const ConvGeom *g, const float *x,
                      const float *weights, const WinogradForm *form)
{
    ConvOptions o = {.act = {.kind = ACT_LINEAR}};
    int64_t panel = kernel_panel(target, g->dc), rows = g->kh * g->kw * g->sc;
    if (form) {
        weights = transformed(arena, form, weights, g->sc, g->dc);
        rows = kernel_winograd_positions(form) * g->sc;
    }
    float *y = arena_array(arena, float, g->dh * g->dw * g->n * g->dc);
    Kernel *kernel = form ? kernel_winograd(arena, target, *form, g, 1, &o, panel)
                          : kernel_conv(arena, target, g, &o, panel);
    void *args[] = {(void *)x, conv_panels(arena, weights, rows, g->dc, panel), y};
    kir_eval(kernel, args, 0, kernel->n_tasks);
    return y;
}

/* The same over blocks of pixels. */
static float *block_product(Arena *arena, KernelTarget target, const ConvGeom *g, const float *x,
                            const float *weights, const WinogradForm *form)
{
    ConvGeom d = kernel_depth_geom(g);
    float *blocks = arena_array(arena, float, d.sh *d.sw *d.n *d.sc);
    memset(blocks, 0xff, (size_t)(d.sh * d.sw * d.n * d.sc) * sizeof(float));
    Kernel *move = kernel_space_to_depth(arena, target, g);
    kir_eval(move, (void *[]){(void *)x, blocks}, 0, move->n_tasks);
    return product(arena, target, &d, blocks, depth_weights(arena, g, weights), form);
}

static void test_strided(const Strided *s, KernelTarget target)
{
    Arena *arena = arena_create();
    ConvGeom g = strided_geom(s, BATCH), two = strided_geom(s, 2);
    WinogradForm form = {.h = &WINOGRAD_AXES[s->along_h], .w = &WINOGRAD_AXES[s->along_w]};
    bool blocks = form.h->stride != s->stride_h || form.w->stride != s->stride_w;
    const float *x = conv_numbers(arena, g.sh * g.sw * BATCH * g.sc, 1, true);
    const float *weights = conv_numbers(arena, g.kh * g.kw * g.sc * g.dc, 0.1f, false);
    int64_t n = g.dh * g.dw * BATCH * g.dc;
    const float *direct = product(arena, target, &g, x, weights, NULL);
    double moved = conv_distance(block_product(arena, target, &g, x, weights, NULL), direct, n);
    const float *fast = (blocks ? block_product : product)(arena, target, &g, x, weights, &form);
    const float *first = conv_first_samples(arena, x, g.sh * g.sw, BATCH, 2, g.sc);
    const float *alone =
        (blocks ? block_product : product)(arena, target, &two, first, weights, &form);
    double rms = conv_distance(fast, direct, n);
    ok(moved < ORDER, "strides %dx%d, (%d,%d,%d) -> %d, %d lanes: the same as by blocks, rms %.2g",
       (int)g.stride_h, (int)g.stride_w, (int)s->h, (int)s->w, (int)s->sc, (int)s->dc, target.lanes,
       moved);
    ok(rms > 0 && rms < LIMIT, "%s by %s: rms %.2g", form.h->name, form.w->name, rms);
    ok(memcmp(alone, conv_first_samples(arena, fast, g.dh * g.dw, BATCH, 2, g.dc),
              (size_t)(g.dh * g.dw * 2 * g.dc) * sizeof(float)) == 0,
       "the same bits in a batch of two");
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
    ok(!kernel_winograd_form(&g, g.n * 16 * g.sc * g.dc, false, &form), "none for a stride of 2 there");
    g = strided_geom(&STRIDED[5], 8);
    g.sc = 288;
    g.dc = g.dst_stride = 384;
    ok(chosen(&g, g.n * 36 * 9 * g.sc * g.dc, false, WINOGRAD_STRIDED, WINOGRAD_STRIDED),
       "3 x 3 of stride 2 has its own form");
    g = strided_geom(&STRIDED[0], 8);
    int64_t macs = g.n * 256 * 49 * g.sc * g.dc;
    ok(chosen(&g, macs, false, WINOGRAD_4_4, WINOGRAD_4_4), "7 x 7 of stride 2 is 4 x 4 over blocks");
    ok(!kernel_winograd_form(&g, macs, true, &form), "not where products take half of the time");
}

int main(void)
{
    for (size_t i = 0; i < COUNT_OF(SHAPES); i++)
        for (size_t t = 0; t < COUNT_OF(TARGETS); t++)
            test_shape(&SHAPES[i], TARGETS[t]);
    for (size_t i = 0; i < COUNT_OF(STRIDED); i++)
        for (size_t t = 0; t < COUNT_OF(TARGETS); t++)
            test_strided(&STRIDED[i], TARGETS[t]);
    test_choice();
    points_end();
    return 0;
}
