/* kernel.h - generators of kernels: each makes the kernel IR of one step for given static shapes.
 *
 * Layout, stated in plan.h: activations are HWNC, matrices lie in panels. `n` is the batch.
 * Argument order is the order of the buffers named in each comment. */
#ifndef GRAFT_KERNEL_H
#define GRAFT_KERNEL_H

#include "compiler/kernel/kir.h"

/* What generators need to know of the machine. */
typedef struct KernelTarget {
    int lanes;     /* float32 lanes of a vector register */
    int registers; /* vector registers */
} KernelTarget;

/* An activation applied to a value in registers; the words are layer.h's Activation. */
typedef struct KernelAct {
    int kind;             /* ACT_LINEAR, ACT_RELU, ACT_SIGMOID, ACT_TANH */
    float max_value;      /* of relu; 0: none */
    float negative_slope; /* of relu */
} KernelAct;

/* How the optimizer changes a weight (kernel_update.c). */
typedef struct KernelOptimizer {
    bool adam; /* else SGD */
    double beta_1, beta_2;
    float epsilon;
    float momentum;
    bool nesterov;
    int n_slots; /* 2 Adam, 1 SGD with momentum, 0 */
} KernelOptimizer;

/* A convolution as a matrix product over live taps; a Dense layer is the case 1 x 1 of one pixel.
 * src (sh, sw, n, sc) -> dst (dh, dw, n, dc). */
typedef struct ConvGeom {
    int64_t n;
    int64_t sh, sw, sc;
    int64_t dh, dw, dc;
    int64_t kh, kw; /* window */
    int64_t stride_h, stride_w;
    int64_t pad_t, pad_l;
    int64_t up_h, up_w; /* src is read through nearest upsampling by these factors: sh and sw
                           count upsampled rows and columns */
    int64_t dst_stride; /* channels a sample in dst, >= dc: part of a concatenation */
} ConvGeom;

typedef struct ConvOptions {
    bool transposed;                 /* gradient by the input: src is the output's gradient */
    bool bias, residual, accumulate; /* dst = act(product + bias + residual), or dst += product */
    KernelAct act;
    bool bfloat16; /* src and weights are bfloat16, sc even; rows 2i and 2i+1 of a panel of weights
                      lie side by side, column by column */
} ConvOptions;

/* Columns of a panel for a matrix with `cols` columns. */
int64_t kernel_panel(KernelTarget target, int64_t cols);
/* Elements of a matrix in panels. */
int64_t kernel_panel_size(int64_t rows, int64_t cols, int64_t panel);

/* src, weights (kh*kw*sc x dc, panels), dst[, bias][, residual] */
Kernel *kernel_conv(Arena *arena, KernelTarget target, const ConvGeom *geom,
                    const ConvOptions *options, int64_t panel);
/* The same with fewer products, by a form of Winograd's along each axis
 * (kernel_winograd_form.c); weights are (positions*sc x dc). macs: what the direct sum takes. */
typedef struct WinogradAxis WinogradAxis;
typedef struct WinogradForm {
    const WinogradAxis *h, *w;
    bool blocks; /* of kernel_depth_geom */
    bool bfloat16; /* products are of pairs of bfloat16, as kernel_conv's with that option */
} WinogradForm;
Kernel *kernel_winograd(Arena *arena, KernelTarget target, WinogradForm form, const ConvGeom *geom,
                        int64_t macs, const ConvOptions *options, int64_t panel);
/* The form that is expected to be fastest; false: none is faster than kernel_conv, which takes the
 * time of `macs` multiply-adds, of bfloat16 or float32. The time of a form of kernel_depth_geom
 * includes kernel_space_to_depth; products of bfloat16 are of sc, or one more where it is odd. */
bool kernel_winograd_form(const ConvGeom *geom, int64_t macs, bool bfloat16, WinogradForm *form);
/* A window of weights (row-major) to the positions that kernel_winograd multiplies with. */
enum { WINOGRAD_MAX_POSITIONS = 49, WINOGRAD_MAX_WINDOW = 25 };
int64_t kernel_winograd_positions(const WinogradForm *form);
void kernel_winograd_weights(const WinogradForm *form, const double *window, double *positions);
/* The same for a window of 1 x 1 and an even number of pixels, with seven products instead of eight
 * (kernel_strassen.c); weights are (STRASSEN_POSITIONS*sc/2 x dc/2). */
enum { STRASSEN_POSITIONS = 7 };
Kernel *kernel_strassen(Arena *arena, KernelTarget target, const ConvGeom *geom,
                        const ConvOptions *options, int64_t panel);
/* Whether that is possible, and expected to be faster than kernel_conv. */
bool kernel_strassen_pays(const ConvGeom *geom);
/* A weight of each quarter (of the upper rows left and right, of the lower rows left and right) to
 * those that kernel_strassen multiplies with. */
void kernel_strassen_weights(const double quarters[4], double positions[STRASSEN_POSITIONS]);
/* Gradient of the weights, consumed by the optimizer while in registers; geom is the forward one.
 * src, dst gradient, weights, hyper[, slots...] */
Kernel *kernel_conv_update(Arena *arena, KernelTarget target, const ConvGeom *geom, int64_t panel,
                           const KernelOptimizer *optimizer);
/* The same of a Dense layer; src comes from kernel_dense_tiles. */
Kernel *kernel_dense_update(Arena *arena, KernelTarget target, const ConvGeom *geom, int64_t panel,
                            const KernelOptimizer *optimizer);
/* (n, sc) -> copies of it in tiles of some columns, each (n, columns): x, tiles */
Kernel *kernel_dense_tiles(Arena *arena, KernelTarget target, const ConvGeom *geom, int64_t panel);
int64_t kernel_dense_copies(const ConvGeom *geom);
/* Gradient of a Dense layer's input, as parts of a sum: weights, dy as (dc, n) in panels of
 * `panel_n`, parts, each (sc, n) in such panels. */
Kernel *kernel_dense_input(Arena *arena, KernelTarget target, const ConvGeom *geom, int64_t panel,
                           int64_t panel_n);
int64_t kernel_dense_parts(const ConvGeom *geom, int64_t panel);
/* Their sum as rows: parts, dx (n, sc) */
Kernel *kernel_dense_rows(Arena *arena, const ConvGeom *geom, int64_t panel, int64_t panel_n);
bool kernel_dense_fits(const ConvGeom *geom); /* and these are faster than the general ones */
/* (kh*kw*ci x co) in panels of `panel` -> (kh*kw*co x ci) in panels of `panel_t`: weights, out */
Kernel *kernel_transpose_weights(Arena *arena, KernelTarget target, int64_t taps, int64_t ci,
                                 int64_t co, int64_t panel, int64_t panel_t);
/* Sum over rows of (rows, c), then the optimizer: gradient, bias, hyper[, slots...] */
Kernel *kernel_bias_update(Arena *arena, KernelTarget target, int64_t rows, int64_t c,
                           const KernelOptimizer *optimizer);
/* The optimizer on `n` weights whose gradient is in memory: gradient, weights, hyper[, slots...] */
Kernel *kernel_update(Arena *arena, KernelTarget target, int64_t n,
                      const KernelOptimizer *optimizer);

/* Gradient g of one vector of weights at `index` (kernel_update.c). */
typedef struct UpdateArgs {
    int weights, hyper, slots[2];
} UpdateArgs;
UpdateArgs kernel_update_buffers(KB *kb, int64_t n, const KernelOptimizer *optimizer);
/* What stays in registers through a kernel: made once, before the loops. */
typedef struct UpdateConsts {
    KVal v[8];
} UpdateConsts;
UpdateConsts kernel_update_consts(KB *kb, UpdateArgs args, const KernelOptimizer *optimizer,
                                  int lanes);
void kernel_update_apply(KB *kb, UpdateArgs args, const UpdateConsts *consts,
                         const KernelOptimizer *optimizer, KVal index, KVal gradient, int lanes,
                         int active);

/* ------------------------------------------------- kernel_elementwise.c: n elements, flat */

KVal kernel_act_apply(KB *kb, KernelAct act, KVal value);
/* x, y: y = act(x) */
Kernel *kernel_act(Arena *arena, KernelTarget target, int64_t n, KernelAct act);
/* y, dy, dx: dx (+)= dy * act'(y); in place (dy, y only; dx is dy) when `in_place` */
Kernel *kernel_act_grad(Arena *arena, KernelTarget target, int64_t n, KernelAct act, bool in_place,
                        bool accumulate);
/* The same in place on (rows, c), c being whole vectors; a task has some columns: y, dy */
Kernel *kernel_act_grad_rows(Arena *arena, KernelTarget target, int64_t rows, int64_t c,
                             KernelAct act);
/* a, b, y: y = act(a + b) */
Kernel *kernel_add(Arena *arena, KernelTarget target, int64_t n, KernelAct act);
/* x, y: y (+)= x */
Kernel *kernel_copy(Arena *arena, KernelTarget target, int64_t n, bool accumulate);
/* x, counters, y: inverted dropout; the random numbers hang on seed, step, layer and element only
 */
Kernel *kernel_dropout(Arena *arena, KernelTarget target, int64_t n, double rate, int64_t layer,
                       bool accumulate);

/* ------------------------------------------------------------------ kernel_move.c */

typedef struct PreprocessOptions {
    float shift[3], scale[3]; /* out[c] = (pixel[source[c]] / divisor + shift[c]) / scale[c] */
    float divisor;            /* 0: none */
    int source[3];
} PreprocessOptions;
/* images u8 (n, h, w, c), out (h, w, n, c) */
Kernel *kernel_preprocess(Arena *arena, KernelTarget target, int64_t n, int64_t h, int64_t w,
                          int64_t c, const PreprocessOptions *options);
/* (pixels, n, c) -> rows (n, row_size) at row_offset: x, rows; and back: rows, x */
Kernel *kernel_pack_rows(Arena *arena, KernelTarget target, int64_t pixels, int64_t n, int64_t c,
                         int64_t row_size, int64_t row_offset, bool accumulate);
Kernel *kernel_unpack_rows(Arena *arena, KernelTarget target, int64_t pixels, int64_t n, int64_t c,
                           int64_t row_size, int64_t row_offset, bool accumulate);
/* x (h, w, nc), y: rows of zeros around */
Kernel *kernel_pad(Arena *arena, KernelTarget target, int64_t h, int64_t w, int64_t nc,
                   const int64_t pads[4]);
Kernel *kernel_pad_grad(Arena *arena, KernelTarget target, int64_t h, int64_t w, int64_t nc,
                        const int64_t pads[4], bool accumulate);
/* x (rows, c) into y (rows, stride) at offset; back with `extract`: y, x */
Kernel *kernel_channels(Arena *arena, KernelTarget target, int64_t rows, int64_t c, int64_t stride,
                        int64_t offset, bool extract, bool accumulate);
/* Every so many rows and columns: x (h, w, nc), y (h / every_h, w / every_w, nc), rounded up */
Kernel *kernel_pixels(Arena *arena, KernelTarget target, int64_t h, int64_t w, int64_t nc,
                      int64_t every_h, int64_t every_w);
/* x (rows, c), y (rows, c + 1), the last of each row being zero */
Kernel *kernel_even_channels(Arena *arena, KernelTarget target, int64_t rows, int64_t c);
/* A convolution with strides is one of stride 1 over an image whose blocks of stride_h x stride_w
 * pixels are pixels (space to depth). Channel (a * stride_w + b) * sc + c of a block is channel c
 * of its pixel (a, b); padding becomes a multiple of the stride, with zeros before the window, and
 * the window one too, with zeros behind. */
ConvGeom kernel_depth_geom(const ConvGeom *geom);
/* x (sh, sw, n, sc) of geom, y: such blocks, with zeros for pixels outside of the image */
Kernel *kernel_space_to_depth(Arena *arena, KernelTarget target, const ConvGeom *geom);
/* x (h, w, nc), y (h*fh, w*fw, nc) */
Kernel *kernel_upsample(Arena *arena, KernelTarget target, int64_t h, int64_t w, int64_t nc,
                        int64_t fh, int64_t fw, bool bilinear);
Kernel *kernel_upsample_grad(Arena *arena, KernelTarget target, int64_t h, int64_t w, int64_t nc,
                             int64_t fh, int64_t fw, bool bilinear, bool accumulate);

/* ------------------------------------------------------------------ kernel_peak.c */

/* x (all zero, read once), y: products of float32 in registers alone; macs: how many. Their time is
 * the least that so many can take. */
Kernel *kernel_peak(Arena *arena, KernelTarget target, uint64_t *macs);

/* ------------------------------------------------------------------ kernel_pool.c */

typedef struct PoolGeom {
    int64_t sh, sw, dh, dw, nc;
    int64_t kh, kw, stride_h, stride_w, pad_t, pad_l;
    bool average;
    bool zeros; /* forward, maximum: what lies outside of the image is 0 and counts */
} PoolGeom;
/* x, y[, taps]: with `taps` the number of the first largest tap is kept for the backward pass */
Kernel *kernel_pool(Arena *arena, KernelTarget target, const PoolGeom *geom, bool keep_taps);
/* dy, dx[, taps] */
Kernel *kernel_pool_grad(Arena *arena, KernelTarget target, const PoolGeom *geom, bool accumulate);
/* Maximum over all pixels; equal maxima share the gradient, as TensorFlow's reduce_max: x, y, dy,
 * dx */
Kernel *kernel_global_max_grad(Arena *arena, KernelTarget target, int64_t pixels, int64_t nc,
                               bool accumulate);

/* ------------------------------------------------------------------ kernel_norm.c */

/* x (rows, c), scale, shift, y: y = x * scale + shift, one of each a channel */
Kernel *kernel_affine(Arena *arena, KernelTarget target, int64_t rows, int64_t c, KernelAct act);
/* dy, scale, dx: dx (+)= dy * scale */
Kernel *kernel_affine_grad(Arena *arena, KernelTarget target, int64_t rows, int64_t c,
                           bool accumulate);

typedef struct NormGeom {
    int64_t pixels, n, c;
    float epsilon, momentum;
    bool scale, center;
} NormGeom;
/* Training mode, over the counters' valid samples: x, counters, moving_mean, moving_variance, mean
 * (out), inv_std (out), y[, gamma][, beta] */
Kernel *kernel_norm_train(Arena *arena, KernelTarget target, const NormGeom *geom);
/* x, dy, counters, mean, inv_std, dgamma, dbeta (out)[, gamma][, dx]: the sums over the valid
 * samples that gamma's and beta's updates need, and dx unless NULL is wanted */
Kernel *kernel_norm_grad(Arena *arena, KernelTarget target, const NormGeom *geom, bool want_dx,
                         bool accumulate);
/* Inference with parameters in memory: x, moving_mean, moving_variance, y[, gamma][, beta] */
Kernel *kernel_norm_eval(Arena *arena, KernelTarget target, const NormGeom *geom);

/* ------------------------------------------------------------------ kernel_loss.c */

/* logits (n, c), probs */
Kernel *kernel_softmax(Arena *arena, KernelTarget target, int64_t n, int64_t c);
/* probs, dprobs, dx */
Kernel *kernel_softmax_grad(Arena *arena, KernelTarget target, int64_t n, int64_t c,
                            bool accumulate);
/* Cross-entropy of the softmax: logits, labels, counters, loss, correct, then dlogits (train: mean
 * over the valid samples) or probs (eval) */
Kernel *kernel_crossentropy(Arena *arena, KernelTarget target, int64_t n, int64_t c, bool train);

#endif
