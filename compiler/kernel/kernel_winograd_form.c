/* kernel_winograd_form.c - the forms:
 *
 *     Y = A' [(G g G') * (B' d B)] A
 *
 * with G of the weights, B' of the input's pixels, A' of the products, A, B and G standing for one
 * axis (A. Lavin, S. Gray, "Fast algorithms for convolutional neural networks", 2016).
 *
 * F(4x4, 3x3): an output of 4 x 4 pixels takes 36 products a pair of channels where 144
 * multiply-adds would be needed. The points of interpolation are 0, P, -P, Q, -Q and infinity. With
 * P = 5/8 and Q = 3/2 a sum over 64 channels has 0.4 times the error that the usual 1 and 2 give,
 * and twice that of the direct sum.
 *
 * A whole image of 2 x 2 pixels, padded by one: along an axis y0 = g1 d0 + g2 d1 and y1 = g0 d0 +
 * g1 d1. With m = g1 (d0 + d1) these are m + (g2 - g1) d1 and m + (g0 - g1) d0: three products
 * where there would be four, nine of sixteen along both. */
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

/* ---------------------------------------------------------------------- F(4, 3) */

#define P 0.625f
#define Q 1.5f

/* The rows of B' are the coefficients of the product of (x - q) over the other points q. */
static void input_f4(KB *kb, const KVal *d, KVal *t)
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
static void output_f4(KB *kb, const KVal *m, KVal *y)
{
    KVal even_p = add(kb, m[1], m[2]), odd_p = sub(kb, m[1], m[2]);
    KVal even_q = add(kb, m[3], m[4]), odd_q = sub(kb, m[3], m[4]);
    y[0] = add(kb, add(kb, m[0], even_p), even_q);
    y[1] = fma_c(kb, Q, odd_q, times(kb, P, odd_p));
    y[2] = fma_c(kb, Q * Q, even_q, times(kb, P * P, even_p));
    y[3] = fma_c(kb, Q * Q * Q, odd_q, fma_c(kb, P * P * P, odd_p, m[5]));
}

/* of a point: 1, p, p^2, over the product of its distances to the other points */
#define ROW(p, d)                                                   \
    {                                                               \
        1 / (double)(d), (p) / (double)(d), (p) * (p) / (double)(d) \
    }
#define D_P (2 * P * P * (P * P - Q * Q))
#define D_Q (2 * Q * Q * (Q * Q - P * P))
static const double WEIGHTS_F4[6][3] = {ROW(0, P *P *Q *Q), ROW(P, D_P),  ROW(-P, D_P),
                                        ROW(Q, D_Q),        ROW(-Q, D_Q), {0, 0, 1}};

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

static const double WEIGHTS_WHOLE_2[3][3] = {{0, 1, 0}, {0, -1, 1}, {1, -1, 0}};

/* ---------------------------------------------------------------------- the table */

const WinogradForm WINOGRAD_FORMS[N_WINOGRAD_FORMS] = {
    [WINOGRAD_F4] = {.name = "Winograd F(4x4,3x3)",
                     .out = 4,
                     .in = 6,
                     .positions = 6,
                     .input_ops = 2 * 36 + 144,
                     .output_ops = 36 + 144 + 16,
                     .input = input_f4,
                     .output = output_f4,
                     .weights = WEIGHTS_F4},
    [WINOGRAD_WHOLE_2] = {.name = "9 products for 2x2 pixels",
                          .out = 2,
                          .in = 2,
                          .positions = 3,
                          .whole = true,
                          .input_ops = 4 + 5 + 9,
                          .output_ops = 9 + 10 + 4,
                          .input = input_whole_2,
                          .output = output_whole_2,
                          .weights = WEIGHTS_WHOLE_2},
};

int kernel_winograd_positions(const WinogradForm *form)
{
    return form->positions * form->positions;
}

void kernel_winograd_weights(const WinogradForm *form, const double window[9],
                             double positions[WINOGRAD_MAX_POSITIONS])
{
    const double(*g)[3] = form->weights;
    for (int i = 0; i < form->positions; i++) {
        for (int j = 0; j < form->positions; j++) {
            double sum = 0;
            for (int h = 0; h < 3; h++)
                for (int v = 0; v < 3; v++)
                    sum += g[i][h] * window[h * 3 + v] * g[j][v];
            positions[i * form->positions + j] = sum;
        }
    }
}
