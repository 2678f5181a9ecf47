/* grt_train.c - training: epochs of batches, with all that is needed to go on bit for bit. */
#include "runtime/grt_int.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct Trainer {
    GrtRun *run;
    const GrtProgram *p;
    GrtDataset *train, *test; /* test NULL: none */
    GrtFeatures train_features, test_features;
    uint32_t *order; /* of the images in this epoch; NULL: as the files stand */
    int64_t epochs, n_batches;
    GrtProgress progress;
    GrtHistory history;
    char *checkpoint, *best, *report;
    GrtKeeper keeper; /* of the two writers */
    GrtWriter checkpoint_writer, best_writer;
    double start;
} Trainer;

typedef enum { GO_ON, INTERRUPTED, NOT_FINITE } Outcome;

/* ------------------------------------------------------------------ a batch */

/* Adam's step size with the corrections of its bias, in float32, as Keras computes it: at the first
 * steps 1 - beta_2^t has an error of 1e-5 there, which 30 steps of training make visible. */
static float adam_alpha(const GrtProgram *p, int64_t step)
{
    float mean = 1 - powf((float)p->beta_1, (float)step);
    float square = 1 - powf((float)p->beta_2, (float)step);
    return (float)p->learning_rate * sqrtf(square) / mean;
}

static void set_step(const Trainer *t, int64_t n_valid)
{
    const GrtProgram *p = t->p;
    float *hyper = grt_f32(t->run, p->io.hyper);
    int64_t *counters = grt_i64(t->run, p->io.counters);
    hyper[GRT_HYPER_LR] = (float)p->learning_rate;
    if (p->optimizer == 0)
        hyper[GRT_HYPER_ALPHA] = adam_alpha(p, t->progress.step + 1);
    counters[GRT_COUNTER_VALID] = n_valid;
    counters[GRT_COUNTER_SEED] = t->progress.seed;
    counters[GRT_COUNTER_STEP] = t->progress.step;
}

/* The next batch of the epoch; false when its loss is no finite number. */
static bool train_batch(Trainer *t)
{
    const GrtProgram *p = t->p;
    GrtRun *run = t->run;
    int64_t batch = p->phases[GRT_TRAIN].batch;
    int64_t left = t->train->n - t->progress.batch * batch, n = left < batch ? left : batch;
    const float *losses = grt_f32(run, p->io.train_loss);
    const float *correct = grt_f32(run, p->io.train_correct);
    double loss_sum = 0.0, correct_sum = 0.0;
    grt_features_take(&t->train_features, grt_f32(run, p->io.train_features),
                      grt_i32(run, p->io.train_labels), n, batch);
    set_step(t, n);
    grt_run_phase(run, GRT_TRAIN);
    for (int64_t i = 0; i < n; i++) {
        loss_sum += (double)losses[i];
        correct_sum += (double)correct[i];
    }
    t->progress.loss_sum += loss_sum;
    t->progress.correct_sum += correct_sum;
    t->progress.batch++;
    t->progress.step++;
    return isfinite(loss_sum);
}

/* ----------------------------------------------------------------- an epoch */

/* What is left of the epoch's batches. */
static Outcome train_pass(Trainer *t)
{
    GrtProgress *progress = &t->progress;
    int64_t batch = t->p->phases[GRT_TRAIN].batch;
    double start = grt_now();
    Outcome outcome = GO_ON;
    GrtBar bar;
    char label[64];
    snprintf(label, sizeof label, "Epoch %lld/%lld", (long long)progress->epoch + 1,
             (long long)t->epochs);
    if (t->order != NULL)
        grt_random_order(t->order, t->train->n, progress->seed, progress->epoch);
    grt_features_start(&t->train_features, t->order, progress->batch * batch);
    grt_bar_begin(&bar, label, t->n_batches, progress->batch);
    while (outcome == GO_ON && progress->batch < t->n_batches) {
        if (!train_batch(t))
            outcome = NOT_FINITE;
        else if (grt_signal_pending() && progress->batch < t->n_batches)
            outcome = INTERRUPTED;
        double seen =
            (double)(progress->batch * batch < t->train->n ? progress->batch * batch : t->train->n);
        grt_bar_update(&bar, progress->batch, progress->loss_sum / seen,
                       progress->correct_sum / seen);
    }
    grt_bar_end(&bar);
    progress->seconds += grt_now() - start;
    return outcome;
}

static void print_epoch(const Trainer *t, const GrtEpoch *e)
{
    fprintf(stderr, "Epoch %lld/%lld %.1f s loss %.4f accuracy %.4f", (long long)e->epoch,
            (long long)t->epochs, e->seconds, e->loss, e->accuracy);
    if (e->has_val)
        fprintf(stderr, " val_loss %.4f val_accuracy %.4f", e->val_loss, e->val_accuracy);
    fputc('\n', stderr);
}

/* By accuracy on the test data, then by their loss; without test data by the training loss. */
static bool is_better(const GrtProgress *progress, const GrtEpoch *e)
{
    if (progress->best_epoch == 0)
        return true;
    if (!e->has_val)
        return e->loss < progress->best_loss;
    return e->val_accuracy > progress->best_accuracy ||
           (e->val_accuracy == progress->best_accuracy && e->val_loss < progress->best_loss);
}

/* Writes a checkpoint; it is on the disk somewhat later. */
static void keep_checkpoint(Trainer *t, GrtWriter *writer, const char *path, bool with_slots)
{
    bool written = grt_checkpoint_put(t->run, writer, path, &t->progress, &t->train->classes,
                                      with_slots);
    if (written) {
        grt_keeper_give(&t->keeper, writer);
        return;
    }
    grt_keeper_wait(&t->keeper);
    grt_die_write(writer);
}

/* Notes a finished epoch and writes its files. The checkpoint comes last: whatever happens before
 * it, resuming does the epoch again. */
static void finish_epoch(Trainer *t, const GrtEpoch *e)
{
    GrtProgress *progress = &t->progress;
    bool better = is_better(progress, e);
    progress->epoch++;
    progress->batch = 0;
    progress->loss_sum = progress->correct_sum = progress->seconds = 0.0;
    if (better) {
        progress->best_epoch = e->epoch;
        progress->best_accuracy = e->has_val ? e->val_accuracy : e->accuracy;
        progress->best_loss = e->has_val ? e->val_loss : e->loss;
    }
    print_epoch(t, e);
    grt_keeper_wait(&t->keeper); /* for what the epoch before wrote */
    grt_history_epoch(&t->history, e);
    grt_history_write(&t->history);
    if (better)
        keep_checkpoint(t, &t->best_writer, t->best, false);
    keep_checkpoint(t, &t->checkpoint_writer, t->checkpoint, true);
}

static Outcome train_epoch(Trainer *t)
{
    GrtProgress *progress = &t->progress;
    GrtEpoch e = {.epoch = progress->epoch + 1};
    Outcome outcome = train_pass(t);
    if (outcome != GO_ON)
        return outcome;
    e.loss = progress->loss_sum / (double)t->train->n;
    e.accuracy = progress->correct_sum / (double)t->train->n;
    e.seconds = progress->seconds;
    if (t->test != NULL) {
        GrtMetrics metrics;
        grt_features_start(&t->test_features, NULL, 0);
        if (!grt_evaluate(&t->test_features, "Evaluating", &metrics))
            return INTERRUPTED;
        if (!isfinite(metrics.loss))
            return NOT_FINITE;
        e.has_val = true;
        e.val_loss = metrics.loss;
        e.val_accuracy = metrics.accuracy;
        e.val_seconds = metrics.seconds;
    }
    finish_epoch(t, &e);
    return grt_signal_pending() && progress->epoch < t->epochs ? INTERRUPTED : GO_ON;
}

/* ------------------------------------------------------------------ the end */

static void explain_not_finite(const Trainer *t)
{
    grt_error("the loss is no finite number in epoch %lld, batch %lld of %lld",
              (long long)t->progress.epoch + 1, (long long)t->progress.batch,
              (long long)t->n_batches);
    fprintf(
        stderr,
        "  Build again with a lower learning rate (it is %g), for example with\n"
        "  --set training.optimizer.%s.learning_rate=%g, and see whether input.preprocessing is\n"
        "  what the backbone's weights were trained with.\n",
        t->p->learning_rate, t->p->optimizer == 0 ? "Adam" : "SGD", t->p->learning_rate / 10.0);
    if (t->progress.epoch > 0)
        fprintf(stderr, "  The last good checkpoint is kept: %s (epoch %lld)\n", t->checkpoint,
                (long long)t->progress.epoch);
}

/* Closes the history, writes the report; returns the exit code. */
static int finish(Trainer *t, Outcome outcome)
{
    static const char *const reasons[] = {"finished", "interrupted", "not finite"};
    GrtReport report = {t->run, &t->history, &t->progress, t->train, t->test, reasons[outcome]};
    grt_keeper_stop(&t->keeper);
    if (outcome == INTERRUPTED) {
        if (t->progress.best_epoch == 0 && unlink(t->best) != 0 && errno != ENOENT)
            grt_die(GRT_EXIT_FILE, "cannot remove '%s': %s", t->best, strerror(errno));
        grt_checkpoint_write(t->run, t->checkpoint, &t->progress, &t->train->classes, true);
        fprintf(stderr, "stopped in epoch %lld after batch %lld; go on with --resume\n",
                (long long)t->progress.epoch + 1, (long long)t->progress.batch);
    }
    grt_history_end(&t->history, reasons[outcome], &t->progress, grt_now() - t->start);
    grt_history_write(&t->history);
    grt_report_write(&report, t->report);
    if (outcome == NOT_FINITE) {
        explain_not_finite(t);
        return GRT_EXIT_TRAINING;
    }
    if (outcome == INTERRUPTED)
        return GRT_EXIT_SIGNAL + grt_signal_pending();
    if (t->history.n > 0) {
        const GrtEpoch *e = &t->history.epochs[t->history.n - 1];
        printf("loss: %.4f accuracy: %.4f", e->loss, e->accuracy);
        if (e->has_val)
            printf(" val_loss: %.4f val_accuracy: %.4f", e->val_loss, e->val_accuracy);
        printf("\n");
    }
    return GRT_EXIT_OK;
}

/* ---------------------------------------------------------------- the start */

/* Continues from the checkpoint, as far as it goes. */
static void resume(Trainer *t, const GrtOptions *options, GrtClasses *classes)
{
    if (access(t->checkpoint, F_OK) != 0)
        grt_die(GRT_EXIT_FILE, "there is nothing to resume: cannot read '%s': %s", t->checkpoint,
                strerror(errno));
    grt_checkpoint_read(t->run, t->checkpoint, true, &t->progress, classes);
    if (options->has_seed && options->seed != t->progress.seed)
        grt_die(GRT_EXIT_USAGE, "--seed %lld, but '%s' was trained with seed %lld",
                (long long)options->seed, t->checkpoint, (long long)t->progress.seed);
}

/* Data that changed under a training that goes on. */
static void check_same_data(Trainer *t)
{
    GrtProgress *progress = &t->progress;
    bool same = progress->data_hash == t->train->hash && progress->n_images == t->train->n;
    if (!same && progress->batch > 0)
        grt_die(GRT_EXIT_DATA,
                "'%s' was stopped within an epoch on other images (%lld, now %lld): "
                "it can only go on with the same",
                t->checkpoint, (long long)progress->n_images, (long long)t->train->n);
    if (!same)
        grt_note("the training images are not those of the epochs before");
    if (progress->batch > t->n_batches)
        grt_die(GRT_EXIT_WEIGHTS, "'%s' is damaged: batch %lld of %lld", t->checkpoint,
                (long long)progress->batch, (long long)t->n_batches);
}

static void open_data(Trainer *t, const GrtOptions *options, const GrtClasses *old_classes)
{
    const GrtProgram *p = t->p;
    const char *train = options->train ? options->train : p->train_path;
    const char *test = options->test ? options->test : p->test_path;
    if (train == NULL)
        grt_die(GRT_EXIT_USAGE, "the spec names no training data: give --train PATH");
    t->train = grt_data_open(p, t->run->n_threads, "train", train);
    if (test != NULL) {
        t->test = grt_data_open(p, t->run->n_threads, "test", test);
        grt_data_same_classes(&t->train->classes, "the training data", &t->test->classes,
                              "the test data");
    }
    grt_data_same_classes(old_classes, "the checkpoint", &t->train->classes, "the training data");
    int64_t batch = p->phases[GRT_TRAIN].batch;
    t->n_batches = (t->train->n + batch - 1) / batch;
    if (options->resume)
        check_same_data(t);
    t->progress.n_images = t->train->n;
    t->progress.data_hash = t->train->hash;
    t->order = p->shuffle ? grt_alloc((size_t)t->train->n, sizeof(uint32_t)) : NULL;
}

/* Folder, history and feature caches; false when a signal came. */
static bool open_output(Trainer *t, const GrtOptions *options, const char *out)
{
    GrtCacheMode mode = GRT_CACHE_AUTO;
    const char *folder = NULL;
    GrtCacheFill fill;
    char *spec = grt_format("%s/spec.yaml", out);
    int64_t left = t->epochs - t->progress.epoch;
    if (options->cache != NULL && strcmp(options->cache, "off") == 0)
        mode = GRT_CACHE_OFF;
    else if (options->cache != NULL && strcmp(options->cache, "auto") != 0) {
        mode = GRT_CACHE_ON;
        folder = options->cache;
    }
    grt_write_whole(spec, t->p->spec_text, strlen(t->p->spec_text));
    free(spec);
    int64_t capacity = t->epochs > t->progress.epoch ? t->epochs : t->progress.epoch;
    grt_history_open(&t->history, out, options->resume, t->progress.epoch, capacity);
    t->train_features = (GrtFeatures){.run = t->run, .data = t->train};
    t->test_features = (GrtFeatures){.run = t->run, .data = t->test};
    if (left > 0)
        grt_cache_attach(&t->train_features, mode, folder, left, "train", &fill);
    else
        fill.images = 0;
    grt_history_features(&t->history, &fill);
    if (left > 0 && t->test != NULL && !grt_signal_pending()) {
        grt_cache_attach(&t->test_features, mode, folder, left, "test", &fill);
        grt_history_features(&t->history, &fill);
    }
    return !grt_signal_pending();
}

int grt_command_train(GrtRun *run, const GrtOptions *options)
{
    Trainer *t = grt_alloc(1, sizeof *t);
    GrtClasses old_classes = {0};
    Outcome outcome = GO_ON;
    t->start = grt_now();
    t->run = run;
    t->p = run->program;
    t->epochs = options->epochs > 0 ? options->epochs : t->p->epochs;
    char *out = options->out ? grt_format("%s", options->out) : grt_format("runs/%s", t->p->name);
    t->checkpoint = grt_format("%s/checkpoint.safetensors", out);
    t->best = grt_format("%s/best.safetensors", out);
    t->report = grt_format("%s/report.html", out);
    t->progress.seed = options->has_seed ? options->seed : t->p->seed;
    grt_param_init(run, t->progress.seed);
    if (options->resume)
        resume(t, options, &old_classes);
    open_data(t, options, &old_classes);
    if (!grt_make_dirs(out))
        grt_die(GRT_EXIT_FILE, "cannot make the folder '%s': %s", out, strerror(errno));
    grt_checkpoint_prepare(run, &t->train->classes);
    if (!open_output(t, options, out))
        return GRT_EXIT_SIGNAL + grt_signal_pending();
    if (t->progress.epoch >= t->epochs)
        grt_note("all %lld epochs are done; --epochs N with a larger N goes on",
                 (long long)t->progress.epoch);
    grt_keeper_start(&t->keeper);
    while (outcome == GO_ON && t->progress.epoch < t->epochs)
        outcome = train_epoch(t);
    free(out);
    return finish(t, outcome);
}
