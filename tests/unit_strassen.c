/* unit_strassen.c - convolution by Strassen's rule against the direct sum: both kernels in the
 * interpreter, on numbers of one sign, as activations behind a ReLU are. Features must not hang on
 * the batch. */
#include "compiler/base/base.h"
#include "compiler/kernel/kernel.h"
#include "compiler/layers/layer.h"
#include "tests/kir/conv_numbers.h"
#include "tests/tap.h"

typedef struct Case {
    int64_t h, w, sc, dc; /* of the output, but for sc */
    int64_t stride;
    bool residual;
} Case;

static const Case CASES[] = {
    {4, 4, 64, 64, 1, true},    /* whole panels */
    {2, 2, 1024, 32, 1, false}, /* rows that lie a way of the cache apart; two blocks */
    {3, 2, 96, 96, 1, true},    /* a cut panel of each half */
    {1, 2, 32, 160, 1, false},  /* one block, whose panels are shared */
    {8, 7, 160, 32, 1, true},   /* more blocks */
    {4, 4, 64, 64, 2, true},    /* every other pixel */
    {3, 2, 512, 96, 3, false},
};

static const KernelTarget TARGETS[] = {{16, 32}, {8, 16}, {4, 16}};

enum { BATCH = 6 };
static const double LIMIT = 5e-6; /* rms, in standard deviations of the direct result */

/* The source ends with the last pixel that is read, and one more column. */
static ConvGeom geom_of(const Case *c, int64_t n)
{
    return (ConvGeom){.n = n,
                      .sh = (c->h - 1) * c->stride + 1,
                      .sw = (c->w - 1) * c->stride + c->stride,
                      .sc = c->sc,
                      .dh = c->h,
                      .dw = c->w,
                      .dc = c->dc,
                      .kh = 1,
                      .kw = 1,
                      .stride_h = c->stride,
                      .stride_w = c->stride,
                      .up_h = 1,
                      .up_w = 1,
                      .dst_stride = c->dc};
}

/* (sc x dc) to the positions, each (sc/2 x dc/2). */
static float *combined(Arena *arena, const float *weights, int64_t sc, int64_t dc)
{
    int64_t rows = sc / 2, cols = dc / 2;
    float *out = arena_array(arena, float, STRASSEN_POSITIONS *rows *cols);
    for (int64_t i = 0; i < rows * cols; i++) {
        const float *at = weights + i / cols * dc + i % cols;
        double positions[STRASSEN_POSITIONS];
        kernel_strassen_weights((double[]){at[0], at[cols], at[rows * dc], at[rows * dc + cols]},
                                positions);
        for (int64_t p = 0; p < STRASSEN_POSITIONS; p++)
            out[p * rows * cols + i] = (float)positions[p];
    }
    return out;
}

/* What both kernels are given; x and residual are (pixels, BATCH, channels). */
typedef struct Data {
    float *x, *weights, *positions, *bias, *residual;
} Data;

static float *run(Arena *arena, KernelTarget target, const Case *c, const Data *d, int64_t n,
                  bool strassen)
{
    ConvGeom g = geom_of(c, n);
    ConvOptions o = {.bias = true, .residual = c->residual, .act = {.kind = ACT_RELU}};
    int64_t cols = strassen ? c->dc / 2 : c->dc, panel = kernel_panel(target, cols);
    int64_t rows = strassen ? STRASSEN_POSITIONS * c->sc / 2 : c->sc;
    Kernel *kernel = (strassen ? kernel_strassen : kernel_conv)(arena, target, &g, &o, panel);
    float *weights = conv_panels(arena, strassen ? d->positions : d->weights, rows, cols, panel);
    float *y = arena_array(arena, float, g.dh *g.dw *n * c->dc);
    void *args[] = {d->x, weights, y, conv_panels(arena, d->bias, 1, c->dc, panel), d->residual};
    kir_eval(kernel, args, 0, kernel->n_tasks);
    return y;
}

static void test_case(const Case *c, KernelTarget target)
{
    Arena *arena = arena_create();
    ConvGeom g = geom_of(c, BATCH);
    int64_t pixels = c->h * c->w, n = pixels * BATCH * c->dc;
    Data d = {.x = conv_numbers(arena, g.sh * g.sw * BATCH * c->sc, 1, true),
              .weights = conv_numbers(arena, c->sc * c->dc, 0.1f, false),
              .bias = conv_numbers(arena, c->dc, 0.5f, false),
              .residual = conv_numbers(arena, n, 1, false)};
    d.positions = combined(arena, d.weights, c->sc, c->dc);
    const float *direct = run(arena, target, c, &d, BATCH, false);
    const float *fast = run(arena, target, c, &d, BATCH, true);
    double rms = conv_distance(fast, direct, n);
    Data two = d;
    two.x = conv_first_samples(arena, d.x, g.sh * g.sw, BATCH, 2, c->sc);
    two.residual = conv_first_samples(arena, d.residual, pixels, BATCH, 2, c->dc);
    const float *alone = run(arena, target, c, &two, 2, true);
    bool same = memcmp(alone, conv_first_samples(arena, fast, pixels, BATCH, 2, c->dc),
                       (size_t)(pixels * 2 * c->dc) * sizeof(float)) == 0;
    ok(rms > 0 && rms < LIMIT, "(%d,%d,%d) -> %d, stride %d, %d lanes: rms %.2g", (int)c->h,
       (int)c->w, (int)c->sc, (int)c->dc, (int)c->stride, target.lanes, rms);
    ok(same, "the same bits in a batch of two");
    arena_destroy(arena);
}

static void test_choice(void)
{
    ConvGeom g = geom_of(&(Case){4, 4, 512, 128, 1, false}, 32);
    ok(kernel_strassen_pays(&g), "many rows pay");
    g.n = 1;
    ok(!kernel_strassen_pays(&g), "few rows do not");
    g.n = 32;
    g.sc = 32;
    ok(!kernel_strassen_pays(&g), "nor do few channels");
    g = geom_of(&(Case){4, 4, 512, 160, 1, false}, 32);
    ok(!kernel_strassen_pays(&g), "nor halves that fill no panels");
    g = geom_of(&(Case){5, 5, 512, 128, 1, false}, 32);
    ok(!kernel_strassen_pays(&g), "an odd number of pixels has no halves");
    g = geom_of(&(Case){4, 4, 8192, 512, 1, false}, 32);
    ok(!kernel_strassen_pays(&g), "8192 channels do not fit on the stack");
    g = geom_of(&(Case){4, 4, 512, 128, 1, false}, 32);
    g.kh = 3;
    ok(!kernel_strassen_pays(&g), "none for a window");
}

int main(void)
{
    for (size_t i = 0; i < COUNT_OF(CASES); i++)
        for (size_t t = 0; t < COUNT_OF(TARGETS); t++)
            test_case(&CASES[i], TARGETS[t]);
    test_choice();
    points_end();
    return 0;
}
