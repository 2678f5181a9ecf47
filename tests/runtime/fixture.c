/* fixture.c - a compiled experiment written by hand, to test the runtime without the compiler.
 *
 * Softmax regression on images of 6 x 8 x 3 in 3 classes behind a frozen prefix that mixes pixels.
 * The batches of the phases differ from each other (5, 4 and 6) and the kernel lies in padded
 * panels. Macros choose the data format (FIXTURE_FORMAT), skipping of bad files (FIXTURE_SKIP) and
 * whether the prefix gives what enters the head (FIXTURE_PREFIX_HEAD). Environment:
 * FIXTURE_NAN_STEP=N makes the loss of step N NaN, FIXTURE_SLEEP_US=N makes each train step slow,
 * FIXTURE_ALLOCS prints the number of allocations before the second and the last step. */
#include "runtime/grt.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef FIXTURE_FORMAT
#define FIXTURE_FORMAT GRT_DATA_IMAGE_FOLDER
#endif
#ifndef FIXTURE_CLASSES
#define FIXTURE_CLASSES 3
#endif
#ifndef FIXTURE_SKIP
#define FIXTURE_SKIP 0
#endif
#ifndef FIXTURE_PREFIX_HEAD
#define FIXTURE_PREFIX_HEAD 0
#endif
#ifndef FIXTURE_NEEDS
#define FIXTURE_NEEDS ""
#endif
#ifndef FIXTURE_SPEC_HASH
#define FIXTURE_SPEC_HASH "0123456789abcdef"
#endif

enum {
    HEIGHT = 6,
    WIDTH = 8,
    CHANNELS = 3,
    FEATURES = HEIGHT * WIDTH * CHANNELS,
    CLASSES = FIXTURE_CLASSES,
    PANEL = 4,
    PANELS = (CLASSES + PANEL - 1) / PANEL,
    PREFIX_BATCH = 5,
    TRAIN_BATCH = 4,
    EVAL_BATCH = 6
};

#define BUFFERS(B)                                    \
    B(images, U8, PREFIX_BATCH *FEATURES)             \
    B(features_out, F32, PREFIX_BATCH *FEATURES)      \
    B(prefix_head_input, F32, PREFIX_BATCH *FEATURES) \
    B(train_features, F32, TRAIN_BATCH *FEATURES)     \
    B(train_labels, I32, TRAIN_BATCH)                 \
    B(train_loss, F32, TRAIN_BATCH)                   \
    B(train_correct, F32, TRAIN_BATCH)                \
    B(train_probs, F32, TRAIN_BATCH *CLASSES)         \
    B(eval_features, F32, EVAL_BATCH *FEATURES)       \
    B(eval_labels, I32, EVAL_BATCH)                   \
    B(eval_loss, F32, EVAL_BATCH)                     \
    B(eval_correct, F32, EVAL_BATCH)                  \
    B(eval_probs, F32, EVAL_BATCH *CLASSES)           \
    B(eval_head_input, F32, EVAL_BATCH *FEATURES)     \
    B(hyper, F32, 8)                                  \
    B(counters, I64, 8)                               \
    B(kernel, F32, FEATURES *PANELS *PANEL)           \
    B(kernel_m, F32, FEATURES *PANELS *PANEL)         \
    B(kernel_v, F32, FEATURES *PANELS *PANEL)         \
    B(bias, F32, CLASSES)                             \
    B(bias_m, F32, CLASSES)                           \
    B(bias_v, F32, CLASSES)                           \
    B(mean, F32, 3)

#define TYPE_F32 float
#define TYPE_U8 uint8_t
#define TYPE_I32 int32_t
#define TYPE_I64 int64_t

enum {
#define B(name, elem, n) B_##name,
    BUFFERS(B)
#undef B
        N_BUFFERS
};

typedef struct Block {
#define B(name, elem, n) _Alignas(64) TYPE_##elem name[n];
    BUFFERS(B)
#undef B
} Block;

static const GrtBuffer buffers[] = {
#define B(name, elem, n) {#name, GRT_##elem, GRT_BLOCK, offsetof(Block, name), n},
    BUFFERS(B)
#undef B
};

/* Strong definition in count_alloc.c, where that is linked. */
long fixture_allocs(void) __attribute__((weak));
static long allocs_second = -1, allocs_last = -1;

static long env_number(const char *name)
{
    const char *text = getenv(name);
    return text ? atol(text) : -1;
}

/* ------------------------------------------------------------------ kernels */

/* Samples first .. last-1: images to features. */
static void prefix_kernel(void *const *args, int64_t first, int64_t last)
{
    const uint8_t *images = args[0];
    float *features = args[1], *head_input = args[2];
    for (int64_t b = first; b < last; b++)
        for (int64_t i = 0; i < FEATURES; i++) {
            float a = (float)images[b * FEATURES + i] / 255.0f;
            float m = (float)images[b * FEATURES + i * 7 % FEATURES] / 255.0f;
            features[b * FEATURES + i] = a + 0.25f * m * a;
            head_input[b * FEATURES + i] = features[b * FEATURES + i];
        }
}

static float kernel_at(const float *kernel, int64_t r, int64_t c)
{
    return kernel[c / PANEL * FEATURES * PANEL + r * PANEL + c % PANEL];
}

static void softmax(const float *x, const float *kernel, const float *bias, float *probs)
{
    float max = -INFINITY, sum = 0.0f;
    for (int64_t c = 0; c < CLASSES; c++) {
        probs[c] = bias[c];
        for (int64_t r = 0; r < FEATURES; r++)
            probs[c] += x[r] * kernel_at(kernel, r, c);
        max = fmaxf(max, probs[c]);
    }
    for (int64_t c = 0; c < CLASSES; c++)
        sum += probs[c] = expf(probs[c] - max);
    for (int64_t c = 0; c < CLASSES; c++)
        probs[c] /= sum;
}

/* args: features, labels, kernel, bias, counters, probs, loss, correct. */
static void forward_kernel(void *const *args, int64_t first, int64_t last)
{
    const int32_t *labels = args[1];
    const int64_t *counters = args[4];
    float *probs = args[5], *loss = args[6], *correct = args[7];
    for (int64_t b = first; b < last; b++) {
        float *p = probs + b * CLASSES;
        int64_t best = 0;
        softmax((const float *)args[0] + b * FEATURES, args[2], args[3], p);
        for (int64_t c = 1; c < CLASSES; c++)
            best = p[c] > p[best] ? c : best;
        bool valid = b < counters[GRT_COUNTER_VALID];
        loss[b] = valid ? -logf(fmaxf(p[labels[b]], 1e-7f)) : 0.0f;
        correct[b] = valid && best == labels[b] ? 1.0f : 0.0f;
    }
}

static void train_forward_kernel(void *const *args, int64_t first, int64_t last)
{
    const int64_t *counters = args[4];
    int64_t step = counters[GRT_COUNTER_STEP];
    forward_kernel(args, first, last);
    if (first != 0)
        return;
    if (step == env_number("FIXTURE_NAN_STEP"))
        ((float *)args[6])[0] = NAN;
    long sleep = env_number("FIXTURE_SLEEP_US");
    if (sleep > 0)
        nanosleep(&(struct timespec){sleep / 1000000, sleep % 1000000 * 1000}, NULL);
    if (fixture_allocs != NULL)
        *(step == 1 ? &allocs_second : &allocs_last) = fixture_allocs();
}

static void adam(float *value, float *m, float *v, float gradient, float alpha)
{
    *m += (gradient - *m) * (1.0f - 0.9f);
    *v += (gradient * gradient - *v) * (1.0f - 0.999f);
    *value -= alpha * *m / (sqrtf(*v) + 1e-7f);
}

static float logit_gradient(const float *probs, const int32_t *labels, int64_t b, int64_t c,
                            int64_t valid)
{
    return b < valid ? (probs[b * CLASSES + c] - (labels[b] == c ? 1.0f : 0.0f)) / (float)valid
                     : 0.0f;
}

/* Rows of the kernel. args: features, labels, probs, counters, hyper, kernel, m, v. */
static void update_kernel(void *const *args, int64_t first, int64_t last)
{
    const float *x = args[0], *probs = args[2], *hyper = args[4];
    const int64_t *counters = args[3];
    for (int64_t r = first; r < last; r++)
        for (int64_t c = 0; c < CLASSES; c++) {
            int64_t at = c / PANEL * FEATURES * PANEL + r * PANEL + c % PANEL;
            float gradient = 0.0f;
            for (int64_t b = 0; b < TRAIN_BATCH; b++)
                gradient += x[b * FEATURES + r] *
                            logit_gradient(probs, args[1], b, c, counters[GRT_COUNTER_VALID]);
            adam((float *)args[5] + at, (float *)args[6] + at, (float *)args[7] + at, gradient,
                 hyper[GRT_HYPER_ALPHA]);
        }
}

/* args: features, labels, probs, counters, hyper, bias, m, v, mean. One task. */
static void update_bias_kernel(void *const *args, int64_t first, int64_t last)
{
    const float *x = args[0], *hyper = args[4];
    const int64_t *counters = args[3];
    float *mean = args[8];
    (void)first;
    (void)last;
    for (int64_t c = 0; c < CLASSES; c++) {
        float gradient = 0.0f;
        for (int64_t b = 0; b < TRAIN_BATCH; b++)
            gradient += logit_gradient(args[2], args[1], b, c, counters[GRT_COUNTER_VALID]);
        adam((float *)args[5] + c, (float *)args[6] + c, (float *)args[7] + c, gradient,
             hyper[GRT_HYPER_ALPHA]);
    }
    for (int64_t i = 0; i < 3; i++) /* depends on seed and step, as dropout does */
        mean[i] = 0.9f * mean[i] + 0.1f * x[i] +
                  (float)(counters[GRT_COUNTER_SEED] * 31 + counters[GRT_COUNTER_STEP]) * 1e-6f;
}

static void copy_kernel(void *const *args, int64_t first, int64_t last)
{
    memcpy((float *)args[1] + first * FEATURES, (const float *)args[0] + first * FEATURES,
           (size_t)((last - first) * FEATURES) * sizeof(float));
}

/* ------------------------------------------------------------------- tables */

static const uint32_t prefix_args[] = {B_images, B_features_out, B_prefix_head_input};
static const uint32_t forward_args[] = {B_train_features, B_train_labels, B_kernel,
                                        B_bias,           B_counters,     B_train_probs,
                                        B_train_loss,     B_train_correct};
static const uint32_t update_args[] = {B_train_features, B_train_labels, B_train_probs, B_counters,
                                       B_hyper,          B_kernel,       B_kernel_m,    B_kernel_v};
static const uint32_t bias_args[] = {B_train_features, B_train_labels, B_train_probs,
                                     B_counters,       B_hyper,        B_bias,
                                     B_bias_m,         B_bias_v,       B_mean};
static const uint32_t eval_args[] = {B_eval_features, B_eval_labels, B_kernel,    B_bias,
                                     B_counters,      B_eval_probs,  B_eval_loss, B_eval_correct};
static const uint32_t copy_args[] = {B_eval_features, B_eval_head_input};

static const GrtStep prefix_steps[] = {
    {"mix pixels", prefix_kernel, PREFIX_BATCH, 3, prefix_args, PREFIX_BATCH *FEATURES}};
static const GrtStep train_steps[] = {
    {"dense forward", train_forward_kernel, TRAIN_BATCH, 8, forward_args,
     (uint64_t)TRAIN_BATCH *FEATURES *CLASSES},
    {"dense update", update_kernel, FEATURES, 8, update_args,
     (uint64_t)TRAIN_BATCH *FEATURES *CLASSES},
    {"dense update bias", update_bias_kernel, 1, 9, bias_args, 0}};
static const GrtStep eval_steps[] = {{"dense forward", forward_kernel, EVAL_BATCH, 8, eval_args,
                                      (uint64_t)EVAL_BATCH *FEATURES *CLASSES},
                                     {"head input", copy_kernel, EVAL_BATCH, 2, copy_args, 0}};

static const float mean_start[16] __attribute__((aligned(64))) = {0.5f, -0.5f, 0.25f};

static const GrtParam params[] = {
    {.layer = "dense",
     .name = "kernel",
     .rank = 2,
     .dims = {FEATURES, CLASSES},
     .rows = FEATURES,
     .cols = CLASSES,
     .panel = PANEL,
     .value = B_kernel,
     .slot = {B_kernel_m, B_kernel_v},
     .n_slots = 2,
     .init = GRT_INIT_UNIFORM,
     .init_scale = 0.2f,
     .trainable = 1},
    {.layer = "dense",
     .name = "bias",
     .rank = 1,
     .dims = {CLASSES},
     .rows = 1,
     .cols = CLASSES,
     .value = B_bias,
     .slot = {B_bias_m, B_bias_v},
     .n_slots = 2,
     .init = GRT_INIT_ZEROS,
     .trainable = 1},
    {.layer = "norm",
     .name = "moving_mean",
     .rank = 1,
     .dims = {3},
     .rows = 1,
     .cols = 3,
     .value = B_mean,
     .slot = {UINT32_MAX, UINT32_MAX},
     .init = GRT_INIT_DATA},
};

const GrtProgram grt_program = {
    .abi = GRT_ABI,
    .name = "fixture",
    .version = "0.0",
    .target = "by hand",
    .needs = FIXTURE_NEEDS,
    .spec_hash = FIXTURE_SPEC_HASH,
    .prefix_hash = "fedcba9876543210",
    .spec_text = "graft: 1\nname: fixture # <by hand>\n",
    .weights_report = "nothing was loaded\n",
    .data_format = FIXTURE_FORMAT,
    .skip_bad_files = FIXTURE_SKIP,
    .height = HEIGHT,
    .width = WIDTH,
    .channels = CHANNELS,
    .n_classes = CLASSES,
    .feature_size = FEATURES,
    .head_input_size = FEATURES,
    .head_input_rank = 3,
    .head_input_dims = {HEIGHT, WIDTH, CHANNELS},
    .batch_size = TRAIN_BATCH,
    .validation_batch_size = EVAL_BATCH,
    .epochs = 4,
    .seed = 42,
    .shuffle = 1,
    .learning_rate = 0.01,
    .beta_1 = 0.9,
    .beta_2 = 0.999,
    .phases = {{"prefix", prefix_steps, 1, PREFIX_BATCH},
               {"train", train_steps, 3, TRAIN_BATCH},
               {"eval", eval_steps, 2, EVAL_BATCH},
               {"peak", NULL, 0, 1}},
    .buffers = buffers,
    .n_buffers = N_BUFFERS,
    .params = params,
    .n_params = 3,
    .io = {.images = B_images,
           .features_out = B_features_out,
           .train_features = B_train_features,
           .train_labels = B_train_labels,
           .train_loss = B_train_loss,
           .train_correct = B_train_correct,
           .eval_features = B_eval_features,
           .eval_labels = B_eval_labels,
           .eval_loss = B_eval_loss,
           .eval_correct = B_eval_correct,
           .eval_probs = B_eval_probs,
           .eval_head_input = FIXTURE_PREFIX_HEAD ? UINT32_MAX : B_eval_head_input,
           .prefix_head_input = FIXTURE_PREFIX_HEAD ? B_prefix_head_input : UINT32_MAX,
           .hyper = B_hyper,
           .counters = B_counters},
    .block_bytes = sizeof(Block),
    .stream_offset = offsetof(Block, images),
    .stream_bytes = offsetof(Block, train_features),
    .rodata = (const unsigned char *)mean_start,
    .rodata_bytes = sizeof mean_start,
    .n_weights = FEATURES * CLASSES + CLASSES + 3,
    .n_trainable_weights = FEATURES * CLASSES + CLASSES,
    .macs_image = FEATURES * (CLASSES + 1),
};

__attribute__((destructor)) static void print_allocs(void)
{
    if (getenv("FIXTURE_ALLOCS") != NULL)
        fprintf(stderr, "allocations: %ld %ld\n", allocs_second, allocs_last);
}
