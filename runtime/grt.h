/* grt.h - where the compiler and the runtime meet: the tables of one compiled experiment.
 *
 * The object that graftc emits exports one symbol, grt_program. The runtime includes nothing of the
 * compiler's. All memory of a program is one block of block_bytes, laid out by the compiler, and the
 * read-only data inside of the program. Pointers in these tables are to constant data. */
#ifndef GRT_H
#define GRT_H

#include <stddef.h>
#include <stdint.h>

#define GRT_ABI 4u

/* Runs tasks first .. last-1. args: one pointer a buffer of the step. */
typedef void (*GrtKernel)(void *const *args, int64_t first, int64_t last);

typedef enum { GRT_F32, GRT_U8, GRT_I32, GRT_I64, GRT_BF16 } GrtElem;
typedef enum { GRT_BLOCK, GRT_RODATA } GrtPlace;

typedef struct {
    const char *name;
    uint32_t elem;   /* GrtElem */
    uint32_t place;  /* GrtPlace */
    uint64_t offset; /* in the block or in rodata; multiple of 64 */
    uint64_t n;      /* elements */
} GrtBuffer;

typedef struct {
    const char *name;    /* layer and what is done */
    GrtKernel kernel;
    int64_t n_tasks;
    uint32_t n_args;
    const uint32_t *args; /* buffer indices */
    uint64_t macs;        /* multiply-adds of the step, live taps only */
} GrtStep;

typedef struct {
    const char *name;
    const GrtStep *steps;
    uint32_t n_steps;
    uint32_t batch; /* samples of one run */
} GrtPhase;

/* Phases. prefix: images -> features, for `batch` images at a time; every sample is computed
 * independently of the others in its batch, and several threads can run it side by side, each on a
 * copy of its part of the block (stream_offset). train: features + labels -> forward, loss, backward,
 * update. eval: features (+ labels) -> probs, loss, correct. When nothing of the model is frozen the
 * prefix only converts and preprocesses the images. Either batch may differ from the others. peak:
 * multiply-adds in registers, for the command bench to compare with; no steps: it does not. */
enum { GRT_PREFIX, GRT_TRAIN, GRT_EVAL, GRT_PEAK, GRT_N_PHASES };

/* Buffers the runtime reads and writes, by index into buffers[]. */
typedef struct {
    uint32_t images;         /* u8 (prefix.batch, height, width, channels), written by the runtime */
    uint32_t features_out;   /* f32 (prefix.batch, feature_size), result of the prefix */
    uint32_t train_features; /* f32 (train.batch, feature_size) */
    uint32_t train_labels;   /* i32 (train.batch) */
    uint32_t train_loss;     /* f32 (train.batch): loss of each sample, 0 for samples >= n_valid */
    uint32_t train_correct;  /* f32 (train.batch): 1 where the prediction is right, 0 for samples >= n_valid */
    uint32_t eval_features, eval_labels, eval_loss, eval_correct;
    uint32_t eval_probs;     /* f32 (eval.batch, n_classes) */
    uint32_t eval_head_input;/* f32 (eval.batch, head_input_size): what enters the head, NHWC */
    uint32_t prefix_head_input; /* f32 (prefix.batch, head_input_size), written by the prefix when what
                                   enters the head is a function of the image alone; else UINT32_MAX,
                                   and eval_head_input has it. Exactly one of the two is there. */
    uint32_t hyper;          /* f32 (8): see GRT_HYPER_* */
    uint32_t counters;       /* i64 (8): see GRT_COUNTER_* */
} GrtIo;

/* hyper: set by the runtime before each run of train */
enum {
    GRT_HYPER_LR,      /* learning rate */
    GRT_HYPER_ALPHA,   /* Adam: lr * sqrt(1 - beta_2^t) / (1 - beta_1^t), t from 1 */
};
/* counters: set before each run of train or eval */
enum {
    GRT_COUNTER_VALID, /* samples of this batch that are real, 1 <= n <= batch */
    GRT_COUNTER_SEED,
    GRT_COUNTER_STEP,  /* optimizer steps done before this one, from 0 */
};

typedef enum {
    GRT_INIT_ZEROS, GRT_INIT_ONES, GRT_INIT_UNIFORM, GRT_INIT_NORMAL, GRT_INIT_TRUNCATED_NORMAL,
    GRT_INIT_DATA
} GrtInit;

/* A parameter that is not frozen (weights and moving statistics). Canonical order is Keras's:
 * rows x cols, row-major (Conv2D HWIO: rows = height*width*in, cols = out). In memory, panel > 0:
 * element (r, c) is at (c / panel) * rows * panel + r * panel + c % panel, columns padded to a
 * multiple of panel (padding stays 0); panel == 0: r * cols + c. */
typedef struct {
    const char *layer, *name;
    uint32_t rank;
    int64_t dims[4];
    int64_t rows, cols, panel;
    uint32_t value;        /* buffer in the block */
    uint32_t slot[2];      /* optimizer state of the same layout (Adam: m, v), UINT32_MAX none */
    uint32_t n_slots;
    uint32_t init;         /* GrtInit */
    float init_scale;      /* half width of UNIFORM, standard deviation of NORMAL and TRUNCATED_NORMAL */
    uint64_t init_offset;  /* GRT_INIT_DATA: canonical float32 values in rodata */
    uint32_t trainable;    /* 0: moving statistic */
} GrtParam;

typedef enum { GRT_DATA_IMAGE_FOLDER, GRT_DATA_CIFAR10, GRT_DATA_NPY } GrtDataFormat;

typedef struct {
    uint32_t abi;
    const char *name, *version, *target;
    const char *needs;         /* features of the processor, by the names of grt_processor.def, with
                                  blanks between; "" none */
    const char *spec_hash;     /* 16 hex digits */
    const char *prefix_hash;   /* of everything that decides the features, 16 hex digits */
    const char *spec_text;     /* resolved spec, canonical YAML */
    const char *weights_report;/* what was loaded from where, text */

    /* data */
    uint32_t data_format;      /* GrtDataFormat */
    const char *train_path, *test_path; /* NULL when not given */
    uint32_t skip_bad_files;   /* data.on_error: skip */
    int64_t height, width, channels;
    int64_t n_classes;
    int64_t feature_size;      /* floats a sample that the prefix hands on */
    int64_t head_input_size;
    uint32_t head_input_rank;  /* 1: (size), 3: dims */
    int64_t head_input_dims[3];

    /* training */
    int64_t batch_size, validation_batch_size, epochs, seed;
    uint32_t shuffle;
    uint32_t optimizer;        /* 0 Adam, 1 SGD */
    double learning_rate, beta_1, beta_2;

    /* code and memory */
    GrtPhase phases[GRT_N_PHASES];
    const GrtBuffer *buffers;
    uint32_t n_buffers;
    const GrtParam *params;
    uint32_t n_params;
    GrtIo io;
    uint64_t block_bytes;
    uint64_t stream_offset, stream_bytes; /* of the block: all of it that the prefix uses, and the
                                             prefix alone while it runs */
    const unsigned char *rodata;
    uint64_t rodata_bytes;

    /* counts for info */
    uint64_t n_weights, n_trainable_weights, macs_image;
} GrtProgram;

/* The feature cache's file: a header, then by image a row of features and its hash. In bytes. */
enum { GRT_CACHE_HEADER = 64, GRT_CACHE_ROW_HASH = 8 };

/* What the names of images end in, capitals or not. */
#define GRT_IMAGE_ENDINGS ".jpg", ".jpeg", ".png"

extern const GrtProgram grt_program;

#endif
