/* kernel_winograd_form.c - the forms, along one axis; an image takes one along each:
 *
 *     Y = A' [(G g G') * (B' d B)] A
 *
 * with G of the weights, B' of the input's pixels, A' of the products, each of its axis (A. Lavin,
 * S. Gray, "Fast algorithms for convolutional neural networks", 2016).
 *
 * F(4, 3), twice: an output of 4 x 4 pixels takes 36 products a pair of channels where 144
 * multiply-adds would be needed. The points of interpolation are 0, P, -P, Q, -Q and infinity. With
 * P = 5/8 and Q = 3/2 a sum over 64 channels has 0.4 times the error that the usual 1 and 2 give,
 * and twice that of the direct sum. F(2, 5) has the same points and so the same B'. F(4, 4) has
 * three pairs of points and infinity; with 1/4, 7/8 and 2, found by trial, its error is two thirds
 * of that which 0, 1/2, -1/2, 1, -1 and 2 give, and about that of F(4, 3).
 *
 * A window of 3 with a stride of 2 is one of 2 over the even pixels and one of 1 over the odd ones:
 * y0 = g0 d0 + g2 d2 + g1 d1, y1 = g0 d2 + g2 d4 + g1 d3. With m = (g0 + g2) d2 these are m +
 * g0 (d0 - d2) + g1 d1 and m + g2 (d4 - d2) + g1 d3: five products for six.
 *
 * The others are products of Toeplitz matrices with vectors, in which only the pixels of a whole
 * axis count and no padding. Two pixels, window of 3: y0 = g1 d0 + g2 d1, y1 = g0 d0 + g1 d1. With
 * m = g1 (d0 + d1) these are m + (g2 - g1) d1 and m + (g0 - g1) d0: three products for four. Six
 * pixels, window of 7: the same for halves of three pixels, and for those the six products of
 * Karatsuba's rule transposed: eighteen for thirty. */
#include "compiler/base/base.h"
#include "compiler/kernel/kernel_winograd.h"

static KVal fma_c(KB *kb, float c, KVal a, KVal b)
{
    return kb_fma(kb, kb_f(kb, c, kb_lanes(kb, a)), a, b);
}

static KVal times(KB *kb, float c, KVal a)
{
    return kb_fop(kb, K_FMUL, kb_f(kb, c, kb_lanes(kb, a)), a);
}

static KVal add(KB *kb, KVal a, KVal b)
{
    return kb_fop(kb, K_FADD, a, b);
}

static KVal sub(KB *kb, KVal a, KVal b)
{
    return kb_fop(kb, K_FSUB, a, b);
}

/* -------------------------------------------------------------- F(4, 3) and F(2, 5) */

#define P 0.625f
#define Q 1.5f

/* The rows of B' are the coefficients of the product of (x - q) over the other points q. */
static void input_6(KB *kb, const KVal *d, KVal *t)
{
    const float a2 = P * P, b2 = Q * Q;
    t[0] = fma_c(kb, a2 * b2, d[0], fma_c(kb, -(a2 + b2), d[2], d[4]));
    KVal even = fma_c(kb, -b2, d[2], d[4]), odd = fma_c(kb, -b2, d[1], d[3]);
    t[1] = fma_c(kb, P, odd, even);
    t[2] = fma_c(kb, -P, odd, even);
    even = fma_c(kb, -a2, d[2], d[4]);
    odd = fma_c(kb, -a2, d[1], d[3]);
    t[3] = fma_c(kb, Q, odd, even);
    t[4] = fma_c(kb, -Q, odd, even);
    t[5] = fma_c(kb, a2 * b2, d[1], fma_c(kb, -(a2 + b2), d[3], d[5]));
}

/* Row i of A' has the powers i of the points; infinity counts in the last. */
static void output_4(KB *kb, const KVal *m, KVal *y)
{
    KVal even_p = add(kb, m[1], m[2]), odd_p = sub(kb, m[1], m[2]);
    KVal even_q = add(kb, m[3], m[4]), odd_q = sub(kb, m[3], m[4]);
    y[0] = add(kb, add(kb, m[0], even_p), even_q);
    y[1] = fma_c(kb, Q, odd_q, times(kb, P, odd_p));
    y[2] = fma_c(kb, Q * Q, even_q, times(kb, P * P, even_p));
    y[3] = fma_c(kb, Q * Q * Q, odd_q, fma_c(kb, P * P * P, odd_p, m[5]));
}

static void output_2(KB *kb, const KVal *m, KVal *y)
{
    KVal even = add(kb, add(kb, m[1], m[2]), add(kb, m[3], m[4]));
    y[0] = add(kb, m[0], even);
    KVal odd_p = sub(kb, m[1], m[2]), odd_q = sub(kb, m[3], m[4]);
    y[1] = fma_c(kb, Q, odd_q, fma_c(kb, P, odd_p, m[5]));
}

/* of a point: 1, p, p^2, ... over the product of its distances to the other points */
#define ROW_3(p, d) 1 / (double)(d), (p) / (double)(d), (p) * (p) / (double)(d)
#define ROW_5(p, d) ROW_3(p, d), (p) * (p) * (p) / (double)(d), (p) * (p) * (p) * (p) / (double)(d)
#define D_0 (P * P * Q * Q)
#define D_P (2 * P * P * (P * P - Q * Q))
#define D_Q (2 * Q * Q * (Q * Q - P * P))
/* clang-format off */
static const double WEIGHTS_4_3[6 * 3] = {
    ROW_3(0, D_0), ROW_3(P, D_P), ROW_3(-P, D_P), ROW_3(Q, D_Q), ROW_3(-Q, D_Q), 0, 0, 1};
static const double WEIGHTS_2_5[6 * 5] = {
    ROW_5(0, D_0), ROW_5(P, D_P), ROW_5(-P, D_P), ROW_5(Q, D_Q), ROW_5(-Q, D_Q), 0, 0, 0, 0, 1};
/* clang-format on */

/* -------------------------------------------------------------------------- F(4, 4) */

#define S 0.25f
#define T 0.875f
#define U 2.0f

/* At p and -p, where the other points are a, -a, b and -b. */
static void input_pair(KB *kb, float p, float a, float b, const KVal *d, KVal *t)
{
    const float product = a * a * b * b, sum = a * a + b * b;
    KVal even = fma_c(kb, product, d[0], fma_c(kb, -sum, d[2], d[4]));
    KVal odd = fma_c(kb, product, d[1], fma_c(kb, -sum, d[3], d[5]));
    t[0] = fma_c(kb, p, even, odd);
    t[1] = fma_c(kb, -p, even, odd);
}

static void input_7(KB *kb, const KVal *d, KVal *t)
{
    const float s2 = S * S, t2 = T * T, u2 = U * U;
    input_pair(kb, S, T, U, d, t);
    input_pair(kb, T, S, U, d, t + 2);
    input_pair(kb, U, S, T, d, t + 4);
    KVal high = fma_c(kb, -(s2 + t2 + u2), d[4], d[6]);
    t[6] = fma_c(kb, -s2 * t2 * u2, d[0], fma_c(kb, s2 * t2 + s2 * u2 + t2 * u2, d[2], high));
}

/* s + S^i a + T^i b + U^i c; s may be none. */
static KVal powers(KB *kb, int i, KVal s, KVal a, KVal b, KVal c)
{
    float ps = 1, pt = 1, pu = 1;
    for (; i > 0; i--) {
        ps *= S;
        pt *= T;
        pu *= U;
    }
    KVal first = s == KVAL_NONE ? times(kb, ps, a) : fma_c(kb, ps, a, s);
    return fma_c(kb, pu, c, fma_c(kb, pt, b, first));
}

static void output_4_of_7(KB *kb, const KVal *m, KVal *y)
{
    KVal even[3], odd[3];
    for (int i = 0; i < 3; i++) {
        even[i] = add(kb, m[2 * i], m[2 * i + 1]);
        odd[i] = sub(kb, m[2 * i], m[2 * i + 1]);
    }
    y[0] = add(kb, add(kb, even[0], even[1]), even[2]);
    y[1] = powers(kb, 1, KVAL_NONE, odd[0], odd[1], odd[2]);
    y[2] = powers(kb, 2, KVAL_NONE, even[0], even[1], even[2]);
    y[3] = powers(kb, 3, m[6], odd[0], odd[1], odd[2]);
}

#define ROW_4(p, d) ROW_3(p, d), (p) * (p) * (p) / (double)(d)
#define D_OF(p, a, b) (2 * (p) * ((p) * (p) - (a) * (a)) * ((p) * (p) - (b) * (b)))
/* clang-format off */
static const double WEIGHTS_4_4[7 * 4] = {
    ROW_4(S, D_OF(S, T, U)), ROW_4(-S, D_OF(-S, T, U)),
    ROW_4(T, D_OF(T, S, U)), ROW_4(-T, D_OF(-T, S, U)),
    ROW_4(U, D_OF(U, S, T)), ROW_4(-U, D_OF(-U, S, T)),
    0, 0, 0, 1};
/* clang-format on */

/* ------------------------------------------------------------------ a window of 1 */

static void pass_on(KB *kb, const KVal *from, KVal *to)
{
    (void)kb;
    to[0] = from[0];
}

static const double WEIGHTS_ONE[1] = {1};

/* ---------------------------------------------------------------- 2 pixels in all */

static void input_whole_2(KB *kb, const KVal *d, KVal *t)
{
    t[0] = add(kb, d[0], d[1]);
    t[1] = d[1];
    t[2] = d[0];
}

static void output_whole_2(KB *kb, const KVal *m, KVal *y)
{
    y[0] = add(kb, m[0], m[1]);
    y[1] = add(kb, m[0], m[2]);
}

/* clang-format off */
static const double WEIGHTS_WHOLE_2[3 * 3] = {
    0, 1, 0,
    0, -1, 1,
    1, -1, 0};
/* clang-format on */

/* ----------------------------------------------- 2 outputs of a window of 3, stride 2 */

static void input_strided(KB *kb, const KVal *d, KVal *t)
{
    t[0] = sub(kb, d[0], d[2]);
    t[1] = d[2];
    t[2] = sub(kb, d[4], d[2]);
    t[3] = d[1];
    t[4] = d[3];
}

static void output_strided(KB *kb, const KVal *m, KVal *y)
{
    y[0] = add(kb, add(kb, m[0], m[1]), m[3]);
    y[1] = add(kb, add(kb, m[2], m[1]), m[4]);
}

/* clang-format off */
static const double WEIGHTS_STRIDED[5 * 3] = {
    1, 0, 0,
    1, 0, 1,
    0, 0, 1,
    0, 1, 0,
    0, 1, 0};
/* clang-format on */

/* ---------------------------------------------------------------- 6 pixels in all */

/* Of three pixels: themselves and their sums in pairs. */
static void input_3(KB *kb, const KVal d[3], KVal t[6])
{
    for (int i = 0; i < 3; i++)
        t[i] = d[i];
    t[3] = add(kb, d[0], d[1]);
    t[4] = add(kb, d[0], d[2]);
    t[5] = add(kb, d[1], d[2]);
}

static void output_3(KB *kb, const KVal m[6], KVal y[3])
{
    y[0] = add(kb, add(kb, m[2], m[4]), m[5]);
    y[1] = add(kb, add(kb, m[1], m[3]), m[5]);
    y[2] = add(kb, add(kb, m[0], m[3]), m[4]);
}

static void input_whole_6(KB *kb, const KVal *d, KVal *t)
{
    KVal sums[3];
    for (int i = 0; i < 3; i++)
        sums[i] = add(kb, d[i], d[3 + i]);
    input_3(kb, sums, t);
    input_3(kb, d + 3, t + 6);
    input_3(kb, d, t + 12);
}

static void output_whole_6(KB *kb, const KVal *m, KVal *y)
{
    KVal parts[3][3];
    for (int i = 0; i < 3; i++)
        output_3(kb, m + 6 * i, parts[i]);
    for (int i = 0; i < 3; i++) {
        y[i] = add(kb, parts[0][i], parts[1][i]);
        y[3 + i] = add(kb, parts[0][i], parts[2][i]);
    }
}

/* Weights with the diagonals z0 .. z4 of a 3 x 3 matrix, z2 the main one: z0 - z1 - z2, z2 - z1 -
 * z3, z4 - z2 - z3, z1, z2, z3. The middle matrix has z = g1 .. g5; the right one g4, g5, g6, 0, 0;
 * the left one 0, 0, g0, g1, g2; of these two the middle one is taken away. */
/* clang-format off */
static const double WEIGHTS_WHOLE_6[18 * 7] = {
    0,  1, -1, -1,  0,  0,  0,
    0,  0, -1,  1, -1,  0,  0,
    0,  0,  0, -1, -1,  1,  0,
    0,  0,  1,  0,  0,  0,  0,
    0,  0,  0,  1,  0,  0,  0,
    0,  0,  0,  0,  1,  0,  0,

    0, -1,  1,  1,  1, -1, -1,
    0,  0,  1, -1,  1, -1,  1,
    0,  0,  0,  1,  1, -1, -1,
    0,  0, -1,  0,  0,  1,  0,
    0,  0,  0, -1,  0,  0,  1,
    0,  0,  0,  0, -1,  0,  0,

   -1, -1,  1,  1,  0,  0,  0,
    1, -1,  1, -1,  1,  0,  0,
   -1, -1,  1,  1,  1, -1,  0,
    0,  0, -1,  0,  0,  0,  0,
    1,  0,  0, -1,  0,  0,  0,
    0,  1,  0,  0, -1,  0,  0};
/* clang-format on */

/* ---------------------------------------------------------------------- the table
 *
 * The noise is measured on 64 to 256 channels of independent normal numbers behind a ReLU. There
 * the direct sum of bfloat16 is off by 0.24 % (rms, in standard deviations of the result), F(4, 3)
 * along one axis by 0.50 %, along both by 0.98 %, F(2, 5) by 0.52 % and 1.1 %, two pixels along
 * both axes by 0.57 %, six pixels along one by 0.62 %. Its points are the best for F(4, 3) here,
 * too: with 1 and 2 it is off by 2.2 %. */

const WinogradAxis WINOGRAD_AXES[N_WINOGRAD_AXES] = {
    [WINOGRAD_ONE] = {.name = "1",
                      .window = 1,
                      .stride = 1,
                      .noise = 1,
                      .out = 1,
                      .in = 1,
                      .positions = 1,
                      .input = pass_on,
                      .output = pass_on,
                      .weights = WEIGHTS_ONE},
    [WINOGRAD_4_3] = {.name = "F(4,3)",
                      .window = 3,
                      .stride = 1,
                      .out = 4,
                      .in = 6,
                      .positions = 6,
                      .input_ops = 12,
                      .output_ops = 12,
                      .noise = 2.1,
                      .input = input_6,
                      .output = output_4,
                      .weights = WEIGHTS_4_3},
    [WINOGRAD_4_4] = {.name = "F(4,4)",
                      .window = 4,
                      .stride = 1,
                      .out = 4,
                      .in = 7,
                      .positions = 7,
                      .input_ops = 21,
                      .output_ops = 17,
                      .input = input_7,
                      .output = output_4_of_7,
                      .weights = WEIGHTS_4_4},
    [WINOGRAD_2_5] = {.name = "F(2,5)",
                      .window = 5,
                      .stride = 1,
                      .out = 2,
                      .in = 6,
                      .positions = 6,
                      .input_ops = 12,
                      .output_ops = 9,
                      .noise = 2.1,
                      .input = input_6,
                      .output = output_2,
                      .weights = WEIGHTS_2_5},
    [WINOGRAD_WHOLE_2] = {.name = "3 for 2 pixels",
                          .window = 3,
                          .stride = 1,
                          .out = 2,
                          .in = 2,
                          .positions = 3,
                          .whole = true,
                          .input_ops = 1,
                          .output_ops = 2,
                          .noise = 1.6,
                          .input = input_whole_2,
                          .output = output_whole_2,
                          .weights = WEIGHTS_WHOLE_2},
    [WINOGRAD_STRIDED] = {.name = "5 for 2 of stride 2",
                          .window = 3,
                          .stride = 2,
                          .out = 2,
                          .in = 5,
                          .positions = 5,
                          .input_ops = 2,
                          .output_ops = 4,
                          .input = input_strided,
                          .output = output_strided,
                          .weights = WEIGHTS_STRIDED},
    [WINOGRAD_WHOLE_6] = {.name = "18 for 6 pixels",
                          .window = 7,
                          .stride = 1,
                          .out = 6,
                          .in = 6,
                          .positions = 18,
                          .whole = true,
                          .input_ops = 12,
                          .output_ops = 24,
                          .noise = 2.6,
                          .input = input_whole_6,
                          .output = output_whole_6,
                          .weights = WEIGHTS_WHOLE_6},
};

int64_t kernel_winograd_positions(const WinogradForm *form)
{
    return (int64_t)form->h->positions * form->w->positions;
}

void kernel_winograd_weights(const WinogradForm *form, const double *window, double *positions)
{
    const WinogradAxis *h = form->h, *w = form->w;
    for (int i = 0; i < h->positions; i++) {
        for (int j = 0; j < w->positions; j++) {
            double sum = 0;
            for (int y = 0; y < h->window; y++)
                for (int x = 0; x < w->window; x++)
                    sum += h->weights[i * h->window + y] * window[y * w->window + x] *
                           w->weights[j * w->window + x];
            positions[i * w->positions + j] = sum;
        }
    }
}
