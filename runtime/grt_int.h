/* grt_int.h - what the runtime's files share; every one of them includes it first. */
#ifndef GRT_INT_H
#define GRT_INT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "runtime/grt.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define GRT_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define GRT_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define GRT_NONE UINT32_MAX

/* Exit codes of every program. */
enum {
    GRT_EXIT_OK = 0,
    GRT_EXIT_DATA = 1, /* the data do not fit the spec */
    GRT_EXIT_USAGE = 2,
    GRT_EXIT_FILE = 3,     /* a file cannot be read or written */
    GRT_EXIT_WEIGHTS = 4,  /* the checkpoint does not fit */
    GRT_EXIT_TRAINING = 5, /* NaN, out of memory, a processor that lacks something */
    GRT_EXIT_BUG = 70,
    GRT_EXIT_SIGNAL = 128 /* plus the signal */
};

/* --------------------------------------------------------------- grt_util.c */

/* `error: ...` on stderr, then exit. */
_Noreturn void grt_die(int exit_code, const char *fmt, ...) GRT_PRINTF(2, 3);
void grt_error(const char *fmt, ...) GRT_PRINTF(1, 2); /* the line alone */
void grt_note(const char *fmt, ...) GRT_PRINTF(1, 2);  /* `note: ...` */
/* Zeroed; out of memory ends the program with GRT_EXIT_TRAINING. */
void *grt_alloc(size_t n, size_t size);
char *grt_format(const char *fmt, ...) GRT_PRINTF(1, 2);
/* Zeroed pages of their own, aligned to 64 bytes and more. what names them in the error. */
void *grt_map(uint64_t bytes, const char *what);
double grt_now(void); /* seconds of a clock that never goes back */
/* The name nearest to a mistyped one, NULL when none is near. */
const char *grt_nearest(const char *name, const char *const *names, size_t n);
/* Whole text is a decimal integer within the bounds. */
bool grt_parse_int(const char *text, int64_t min, int64_t max, int64_t *out);

/* --------------------------------------------------------------- grt_text.c */

/* Growing text, always NUL-terminated once something was added. */
typedef struct GrtText {
    char *at;
    size_t n, cap;
} GrtText;
void grt_text_reserve(GrtText *text, size_t more);
void grt_text_add(GrtText *text, const char *bytes, size_t n);
void grt_text_puts(GrtText *text, const char *string);
void grt_text_printf(GrtText *text, const char *fmt, ...) GRT_PRINTF(2, 3);
void grt_text_json(GrtText *text, const char *string); /* quoted and escaped */
void grt_text_number(GrtText *text, double value);     /* JSON number, null when not finite */
void grt_text_html(GrtText *text, const char *string);

/* --------------------------------------------------------------- grt_file.c */

/* A file that appears whole or not at all: bytes go to PATH.tmp, which commit syncs and renames.
 * After the first failure every call fails; errno of the failure is in `error`. */
typedef struct GrtWriter {
    int fd;
    int error;
    char path[4096], temp[4096];
    unsigned char *buffer; /* lent by the caller or NULL */
    size_t buffered, capacity;
} GrtWriter;
bool grt_writer_open(GrtWriter *writer, const char *path, void *buffer, size_t capacity);
bool grt_writer_put(GrtWriter *writer, const void *bytes, size_t n);
bool grt_writer_flush(GrtWriter *writer); /* what is buffered goes out; commit does it too */
bool grt_writer_commit(GrtWriter *writer);
void grt_writer_abort(GrtWriter *writer);
/* The whole file at once; ends the program with GRT_EXIT_FILE on failure. */
void grt_write_whole(const char *path, const void *bytes, size_t n);
_Noreturn void grt_die_write(const GrtWriter *writer);
/* Whole file, NUL-terminated, malloc'ed; NULL with errno set. Regular files up to max bytes. */
char *grt_read_whole(const char *path, size_t max, size_t *n);
bool grt_read_at(int fd, void *bytes, size_t n, uint64_t offset); /* all of them or false, errno */
bool grt_make_dirs(const char *path);                             /* like mkdir -p; errno */

/* ------------------------------------------------------------- grt_keeper.c */

/* Commits files in a thread of its own, in the order in which they were given. */
typedef struct GrtKeeper {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    GrtWriter *writers[2]; /* under way and next, n of them; the caller's, until a wait */
    int n;
    bool stop;
    GrtWriter *failed; /* the first that could not be committed; NULL none */
} GrtKeeper;
void grt_keeper_start(GrtKeeper *keeper);
void grt_keeper_give(GrtKeeper *keeper, GrtWriter *writer); /* flushed already */
/* Until all that was given is on the disk. When that failed the program ends. */
void grt_keeper_wait(GrtKeeper *keeper);
void grt_keeper_stop(GrtKeeper *keeper); /* waits, and ends the thread */

/* --------------------------------------------------------------- grt_json.c */

typedef enum {
    GRT_JSON_NULL,
    GRT_JSON_BOOL,
    GRT_JSON_NUMBER,
    GRT_JSON_STRING,
    GRT_JSON_ARRAY,
    GRT_JSON_OBJECT
} GrtJsonType;
typedef struct GrtJson {
    GrtJsonType type;
    const char *key;    /* inside of an object */
    const char *string; /* unescaped, no NUL inside */
    double number;      /* also 0 or 1 of a boolean */
    struct GrtJson *child, *next;
} GrtJson;
/* Strict RFC 8259, at most 16 deep and 65536 members wide, no duplicate keys, no NUL characters.
 * NULL when it is no such text. Free with grt_json_free. */
GrtJson *grt_json_parse(const char *text, size_t n);
void grt_json_free(GrtJson *json);
const GrtJson *grt_json_get(const GrtJson *object, const char *key); /* or NULL */
bool grt_json_int(const GrtJson *json, int64_t min, int64_t max, int64_t *out);

/* ---------------------------------------------------------- grt_processor.c */

/* Ends the program with GRT_EXIT_TRAINING when this processor lacks what the program needs. */
void grt_processor_check(const GrtProgram *program);

/* ------------------------------------------------------------- grt_random.c */

/* Philox4x32-10: four random words from a 128-bit counter and a 64-bit key. */
void grt_philox(const uint32_t counter[4], uint64_t key, uint32_t out[4]);
/* Values of elements first .. first+n-1 of parameter number `param`, for init UNIFORM, NORMAL and
 * TRUNCATED_NORMAL. Depends on nothing but the arguments. */
void grt_random_fill(float *out, int64_t first, int64_t n, uint32_t init, float scale, int64_t seed,
                     uint32_t param);
/* A permutation of 0 .. n-1 that depends on seed and epoch only. */
void grt_random_order(uint32_t *order, int64_t n, int64_t seed, int64_t epoch);

/* ---------------------------------------------------------------- grt_run.c */

/* A place where one thread runs the prefix by itself. */
typedef struct GrtStream {
    unsigned char *memory; /* stream_bytes, laid out as that part of the block */
    void **args;           /* of all steps of the prefix */
} GrtStream;
/* The program in memory: its block, and for each step its arguments. */
typedef struct GrtRun {
    const GrtProgram *program;
    unsigned char *block;
    void **buffers;            /* by buffer: where it lies */
    void **args[GRT_N_PHASES]; /* of all steps of a phase, one step after the other */
    int n_threads;
    GrtStream *streams; /* one a thread; the first is the block's own part */
    void *io_buffer; /* for GrtWriter and conversions, io_bytes long */
    size_t io_bytes;
    GrtText header; /* of checkpoints, kept so that it is allocated once */
} GrtRun;
GrtRun *grt_run_create(const GrtProgram *program, int n_threads);
void grt_run_phase(GrtRun *run, int phase);
/* The same; adds the seconds of each step to seconds[step]. */
void grt_run_timed(GrtRun *run, int phase, double *seconds);
/* Runs the prefix in all streams side by side; seconds as above, of the first, or NULL. */
void grt_run_streams(GrtRun *run, double *seconds);
/* Where a buffer of the prefix (images, features_out or prefix_head_input) lies in a stream. */
void *grt_stream_buffer(const GrtRun *run, int stream, uint32_t buffer);

/* --------------------------------------------------------------------- grt_team.c */

/* Once, before the first team: room on the stacks; denormal numbers count as zero. */
void grt_team_prepare(void);
int grt_cores_allowed(void);
/* member(context, thread, n_threads) on each of n threads; returns when all of them have. */
typedef void (*GrtMember)(void *context, int thread, int n_threads);
void grt_team_run(int n_threads, GrtMember member, void *context);
/* All zero at first; one member waits here for the others. */
typedef struct GrtBarrier {
    uint32_t arrived, round, sleeping;
} GrtBarrier;
void grt_barrier(GrtBarrier *barrier, int n_threads);
/* First of the elements of n that the thread has, when each has a contiguous range. */
static inline int64_t grt_range_start(int64_t n, int thread, int n_threads)
{
    return n * thread / n_threads;
}
/* task(context, i) for 0 <= i < n on all threads, each in one contiguous range; or, one by one as
 * threads become free. */
typedef void (*GrtTask)(void *context, int64_t i);
void grt_parallel(int n_threads, GrtTask task, void *context, int64_t n);
void grt_parallel_dynamic(int n_threads, GrtTask task, void *context, int64_t n);

static inline float *grt_f32(const GrtRun *run, uint32_t buffer)
{
    return run->buffers[buffer];
}
static inline int32_t *grt_i32(const GrtRun *run, uint32_t buffer)
{
    return run->buffers[buffer];
}
static inline int64_t *grt_i64(const GrtRun *run, uint32_t buffer)
{
    return run->buffers[buffer];
}
static inline int64_t grt_image_bytes(const GrtProgram *p)
{
    return p->height * p->width * p->channels;
}
uint64_t grt_phase_macs(const GrtPhase *phase);

/* -------------------------------------------------------------- grt_param.c */

static inline int64_t grt_param_size(const GrtParam *param)
{
    return param->rows * param->cols;
}
/* Sets every parameter to its initial values and the optimizer's state to 0. */
void grt_param_init(GrtRun *run, int64_t seed);
/* Canonical elements first .. first+n-1 into, or out of, a buffer of the parameter's layout. */
void grt_param_store(const GrtParam *param, float *memory, int64_t first, int64_t n,
                     const float *canonical);
void grt_param_fetch(const GrtParam *param, const float *memory, int64_t first, int64_t n,
                     float *canonical);

/* -------------------------------------------------------------- grt_image.c, grt_resize.c */

enum { GRT_WHY = 256 }; /* size of a reason's text */
typedef struct GrtPixels {
    uint8_t *at; /* height x width x channels, malloc'ed */
    int64_t height, width;
    int channels;
} GrtPixels;
/* JPEG or PNG, told apart by their first bytes, to 1 or 3 channels. false: why says what is. */
bool grt_decode(const uint8_t *bytes, size_t n, int channels, GrtPixels *out, char why[GRT_WHY]);
/* Bilinear, half-pixel centres, no antialiasing, rounded to nearest: what tf.image.resize does. */
void grt_resize(const uint8_t *in, int64_t in_h, int64_t in_w, int64_t channels, uint8_t *out,
                int64_t out_h, int64_t out_w);
/* 1 <-> 3 channels (or the same number): n pixels. */
void grt_convert_channels(const uint8_t *in, int64_t in_c, uint8_t *out, int64_t out_c, int64_t n);

/* --------------------------------------------------------------- grt_data.c, grt_data_raw.c */

typedef struct GrtClasses {
    char **names; /* NULL: not known */
    int64_t n;
} GrtClasses;
/* All images decoded, in the order of the files. */
typedef struct GrtDataset {
    int64_t n;
    uint8_t *pixels; /* n x height x width x channels */
    int32_t *labels;
    char **paths; /* of image files, else NULL */
    GrtClasses classes;
    int64_t n_skipped; /* undecodable */
    uint64_t hash;     /* of pixels and shape */
} GrtDataset;
/* Reads a data set in the program's format. what is "train" or "test". Mistakes end the program. */
GrtDataset *grt_data_open(const GrtProgram *program, int n_threads, const char *what,
                          const char *path);
/* Single image files, labels 0. */
GrtDataset *grt_data_files(const GrtProgram *program, int n_threads, char **files, int64_t n_files);
/* Ends the program with GRT_EXIT_DATA unless the names are the same (or one side has none). */
void grt_data_same_classes(const GrtClasses *a, const char *a_what, const GrtClasses *b,
                           const char *b_what);
void grt_data_cifar10(const GrtProgram *program, bool test, const char *path, GrtDataset *data);
void grt_data_npy(const GrtProgram *program, const char *path, GrtDataset *data);
/* One image of any size and 1 or 3 channels into the place of image i. */
void grt_data_put(const GrtProgram *program, GrtDataset *data, int64_t i, const GrtPixels *pixels);
/* Pages for n images and their labels. */
void grt_data_reserve(const GrtProgram *program, GrtDataset *data, int64_t n);
_Noreturn void grt_data_wrong_classes(const GrtProgram *program, const char *path,
                                      const GrtClasses *classes);

/* -------------------------------------------------------------- grt_cache.c, grt_features.c */

typedef struct GrtCache GrtCache;
/* Where features of a data set come from: computed by the prefix, or read from the cache. Gives
 * them out in the order of `order`, each sample the same bits either way. */
typedef struct GrtFeatures {
    GrtRun *run;
    const GrtDataset *data;
    GrtCache *cache;                    /* NULL: computed */
    const uint32_t *order;              /* NULL: order of the files */
    int64_t next;                       /* position of the sample to give out next */
    int64_t staged_first, staged_count; /* positions whose features lie in the streams */
} GrtFeatures;
void grt_features_start(GrtFeatures *features, const uint32_t *order, int64_t position);
/* The next n samples into rows 0 .. n-1; rows n .. batch-1 become 0. labels may be NULL. */
void grt_features_take(GrtFeatures *features, float *out, int32_t *labels, int64_t n,
                       int64_t batch);
/* Runs the prefix on samples from position `first` of the order on: of a batch, or of one a thread
 * where there are so many. Returns of how many; their features stay staged until the next call. */
int64_t grt_features_compute(GrtFeatures *features, int64_t first);
/* What the prefix wrote for the i-th staged sample into a buffer with rows of row_size: its row,
 * and behind it those of others, *n in all. */
const float *grt_features_staged(const GrtFeatures *features, uint32_t buffer, int64_t row_size,
                                 int64_t i, int64_t *n);

typedef enum { GRT_CACHE_OFF, GRT_CACHE_AUTO, GRT_CACHE_ON } GrtCacheMode;
typedef struct GrtCacheFill { /* a pass that filled the cache; images 0: there was none */
    int64_t images, bytes;
    double seconds;
} GrtCacheFill;
/* Opens the data set's feature file in folder (NULL: the user's cache folder), or fills it. epochs:
 * how many times it would be read. features->cache stays NULL when it is not used. */
void grt_cache_attach(GrtFeatures *features, GrtCacheMode mode, const char *folder, int64_t epochs,
                      const char *what, GrtCacheFill *fill);
/* Row of a sample; false (and a note, and the file is gone) when it is damaged. */
bool grt_cache_rows(GrtCache *cache, int n_threads, const uint32_t *order, int64_t first, int64_t n,
                    float *out);
uint64_t grt_hash(const void *bytes, size_t n, uint64_t seed);

/* -------------------------------------------------------- grt_safetensors.c */

typedef struct GrtTensor {
    char *name;
    uint32_t rank;
    int64_t dims[8];
    uint64_t offset, bytes; /* in the file */
} GrtTensor;
typedef struct GrtTensorFile {
    int fd;
    const char *path;
    GrtJson *header;
    const GrtJson *metadata; /* object of strings or NULL */
    GrtTensor *tensors;      /* float32 ones */
    size_t n_tensors;
} GrtTensorFile;
/* Ends the program: GRT_EXIT_FILE when it cannot be read, GRT_EXIT_WEIGHTS when it is none. */
GrtTensorFile *grt_tensors_open(const char *path);
void grt_tensors_close(GrtTensorFile *file);
const GrtTensor *grt_tensors_find(const GrtTensorFile *file, const char *name);
const char *grt_tensors_meta(const GrtTensorFile *file, const char *key); /* or NULL */
/* Why bytes are no safetensors header of a file with data_bytes of data, or NULL when they are. */
const char *grt_tensors_check(const char *header, size_t n, uint64_t data_bytes);

/* --------------------------------------------------------- grt_checkpoint.c */

/* How far a training has come. */
typedef struct GrtProgress {
    int64_t epoch; /* finished */
    int64_t batch; /* of the epoch under way, done */
    int64_t step;  /* optimizer steps */
    int64_t seed;
    int64_t n_images;
    uint64_t data_hash;                    /* of the training images */
    double loss_sum, correct_sum, seconds; /* of the epoch under way */
    int64_t best_epoch;                    /* 0: none yet */
    double best_accuracy, best_loss; /* of the best epoch, on the test data where there are any */
} GrtProgress;
/* Tensors in canonical order, with or without the optimizer's state. Failure ends the program. */
void grt_checkpoint_write(GrtRun *run, const char *path, const GrtProgress *progress,
                          const GrtClasses *classes, bool with_slots);
/* The same but for grt_writer_commit; false when it failed. */
bool grt_checkpoint_put(GrtRun *run, GrtWriter *writer, const char *path,
                        const GrtProgress *progress, const GrtClasses *classes, bool with_slots);
/* Allocates what writing needs, so that nothing is allocated between the epochs. */
void grt_checkpoint_prepare(GrtRun *run, const GrtClasses *classes);
/* Refuses (GRT_EXIT_WEIGHTS) what is of another spec or does not fit. */
void grt_checkpoint_read(GrtRun *run, const char *path, bool with_slots, GrtProgress *progress,
                         GrtClasses *classes);
/* What evaluate, predict and so on use: `given`, or the best or last of runs/NAME, or initial
 * weights. */
void grt_checkpoint_default(GrtRun *run, const char *given, GrtProgress *progress,
                            GrtClasses *classes);

/* -------------------------------------------------------------- grt_train.c and what it uses */

typedef struct GrtOptions {
    const char *command;
    const char *train, *test, *out, *cache, *checkpoint;
    int64_t epochs, seed, threads, repeat; /* -1: not given; seed: see has_seed */
    bool has_seed, resume, json;
    char **files;
    int64_t n_files;
} GrtOptions;

typedef struct GrtEpoch {
    int64_t epoch; /* from 1 */
    double loss, accuracy, val_loss, val_accuracy, seconds, val_seconds;
    bool has_val;
} GrtEpoch;
typedef struct GrtHistory {
    GrtEpoch *epochs;
    int64_t n, cap;
    GrtText lines, csv; /* history.jsonl and history.csv as they stand */
    char *lines_path, *csv_path;
} GrtHistory;
/* resume: keeps what out/history.jsonl says of the first `kept` epochs. capacity: epochs in all. */
void grt_history_open(GrtHistory *history, const char *out, bool resume, int64_t kept,
                      int64_t capacity);
void grt_history_epoch(GrtHistory *history, const GrtEpoch *epoch);
void grt_history_features(GrtHistory *history, const GrtCacheFill *fill);
void grt_history_end(GrtHistory *history, const char *reason, const GrtProgress *progress,
                     double seconds);
void grt_history_write(GrtHistory *history);

/* What the terminal shows while something long goes on. */
typedef struct GrtBar {
    bool terminal, colour, drawn;
    const char *label;
    int64_t total, from;
    double start, last;
} GrtBar;
void grt_bar_begin(GrtBar *bar, const char *label, int64_t total, int64_t from);
/* accuracy < 0: no figures are shown. */
void grt_bar_update(GrtBar *bar, int64_t done, double loss, double accuracy);
void grt_bar_end(GrtBar *bar);

typedef struct GrtMetrics {
    double loss, accuracy, seconds;
} GrtMetrics;
/* The model on a whole data set; false when a signal came before its end. */
bool grt_evaluate(GrtFeatures *features, const char *label, GrtMetrics *metrics);

/* report.html. reason: how the training ended. */
typedef struct GrtReport {
    const GrtRun *run;
    const GrtHistory *history;
    const GrtProgress *progress;
    const GrtDataset *train, *test; /* test may be NULL */
    const char *reason;
} GrtReport;
void grt_report_write(const GrtReport *report, const char *path);

/* grt_signal.c: SIGINT and SIGTERM. The first is remembered, the second ends the program. */
void grt_signal_install(void);
int grt_signal_pending(void); /* its number, 0: none */

/* Commands: each returns the exit code. */
int grt_command_train(GrtRun *run, const GrtOptions *options);
int grt_command_evaluate(GrtRun *run, const GrtOptions *options);
int grt_command_predict(GrtRun *run, const GrtOptions *options);
int grt_command_features(GrtRun *run, const GrtOptions *options);
int grt_command_export(GrtRun *run, const GrtOptions *options);
int grt_command_info(const GrtProgram *program, const GrtOptions *options);
int grt_command_bench(GrtRun *run, const GrtOptions *options);

/* grt_options.c. Usage mistakes, --help and --version end the program. */
typedef enum {
    GRT_TRAIN_COMMAND,
    GRT_EVALUATE_COMMAND,
    GRT_PREDICT_COMMAND,
    GRT_FEATURES_COMMAND,
    GRT_INFO_COMMAND,
    GRT_BENCH_COMMAND,
    GRT_EXPORT_COMMAND,
    GRT_N_COMMANDS
} GrtCommand;
GrtCommand grt_options_parse(const GrtProgram *program, int argc, char **argv, GrtOptions *options);

#endif
