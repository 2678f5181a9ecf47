/* grt_evaluate.c - the commands that use a trained model: evaluate, predict, features, export. */
#include "runtime/grt_int.h"

#include <math.h>
#include <stdlib.h>

/* Runs the eval phase on the next n samples. */
static void eval_batch(GrtFeatures *features, int64_t n)
{
    GrtRun *run = features->run;
    const GrtProgram *p = run->program;
    int64_t *counters = grt_i64(run, p->io.counters);
    grt_features_take(features, grt_f32(run, p->io.eval_features), grt_i32(run, p->io.eval_labels),
                      n, p->phases[GRT_EVAL].batch);
    counters[GRT_COUNTER_VALID] = n;
    grt_run_phase(run, GRT_EVAL);
}

bool grt_evaluate(GrtFeatures *features, const char *label, GrtMetrics *metrics)
{
    GrtRun *run = features->run;
    const GrtProgram *p = run->program;
    int64_t n = features->data->n, batch = p->phases[GRT_EVAL].batch, done = 0;
    const float *losses = grt_f32(run, p->io.eval_loss);
    const float *correct = grt_f32(run, p->io.eval_correct);
    double loss_sum = 0.0, correct_sum = 0.0, start = grt_now();
    GrtBar bar;
    grt_bar_begin(&bar, label, (n + batch - 1) / batch, 0);
    while (done < n && !grt_signal_pending()) {
        int64_t count = n - done < batch ? n - done : batch;
        eval_batch(features, count);
        for (int64_t i = 0; i < count; i++) {
            loss_sum += (double)losses[i];
            correct_sum += (double)correct[i];
        }
        done += count;
        grt_bar_update(&bar, (done + batch - 1) / batch, loss_sum / (double)done,
                       correct_sum / (double)done);
    }
    grt_bar_end(&bar);
    metrics->loss = loss_sum / (double)n;
    metrics->accuracy = correct_sum / (double)n;
    metrics->seconds = grt_now() - start;
    return done == n;
}

int grt_command_evaluate(GrtRun *run, const GrtOptions *options)
{
    const GrtProgram *p = run->program;
    const char *test = options->test ? options->test : p->test_path;
    GrtProgress progress;
    GrtClasses classes;
    GrtMetrics metrics;
    if (test == NULL)
        grt_die(GRT_EXIT_USAGE, "the spec names no test data: give --test PATH");
    grt_param_init(run, p->seed);
    grt_checkpoint_default(run, options->checkpoint, &progress, &classes);
    GrtDataset *data = grt_data_open(p, run->n_threads, "test", test);
    grt_data_same_classes(&classes, "the checkpoint", &data->classes, "the test data");
    GrtFeatures features = {.run = run, .data = data};
    if (!grt_evaluate(&features, "Evaluating", &metrics))
        return GRT_EXIT_SIGNAL + grt_signal_pending();
    if (!isfinite(metrics.loss))
        grt_die(GRT_EXIT_TRAINING, "the loss is no finite number: these weights are broken");
    if (options->json) {
        GrtText text = {0};
        grt_text_printf(&text, "{\"images\":%lld,\"loss\":", (long long)data->n);
        grt_text_number(&text, metrics.loss);
        grt_text_puts(&text, ",\"accuracy\":");
        grt_text_number(&text, metrics.accuracy);
        grt_text_printf(&text, ",\"seconds\":%.6g}", metrics.seconds);
        puts(text.at);
    } else {
        printf("loss: %.4f accuracy: %.4f\n", metrics.loss, metrics.accuracy);
    }
    return GRT_EXIT_OK;
}

/* ----------------------------------------------------------------- predict */

static void print_prediction(const GrtProgram *p, const GrtClasses *classes, const char *path,
                             const float *probs, bool json, GrtText *text)
{
    char number[32];
    int64_t best = 0;
    for (int64_t c = 1; c < p->n_classes; c++)
        if (probs[c] > probs[best])
            best = c;
    snprintf(number, sizeof number, "%lld", (long long)best);
    const char *name = classes->names ? classes->names[best] : number;
    if (!json) {
        printf("%s\t%lld\t%s\t%.6f\n", path, (long long)best, name, (double)probs[best]);
        return;
    }
    text->n = 0;
    grt_text_puts(text, "{\"path\":");
    grt_text_json(text, path);
    grt_text_printf(text, ",\"class\":%lld,\"name\":", (long long)best);
    grt_text_json(text, name);
    grt_text_puts(text, ",\"probability\":");
    grt_text_number(text, (double)probs[best]);
    grt_text_puts(text, ",\"probabilities\":[");
    for (int64_t c = 0; c < p->n_classes; c++) {
        grt_text_puts(text, c ? "," : "");
        grt_text_number(text, (double)probs[c]);
    }
    grt_text_puts(text, "]}");
    puts(text->at);
}

/* What every command on single files starts with. */
static GrtDataset *open_files(GrtRun *run, const GrtOptions *options, GrtClasses *classes)
{
    GrtProgress progress;
    if (options->n_files == 0)
        grt_die(GRT_EXIT_USAGE, "%s: give the image files", options->command);
    grt_param_init(run, run->program->seed);
    grt_checkpoint_default(run, options->checkpoint, &progress, classes);
    return grt_data_files(run->program, run->n_threads, options->files, options->n_files);
}

/* Results are on stdout: a full disk or a closed pipe must not look like success. */
static int flush_results(void)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        grt_die(GRT_EXIT_FILE, "cannot write the results");
    return GRT_EXIT_OK;
}

int grt_command_predict(GrtRun *run, const GrtOptions *options)
{
    const GrtProgram *p = run->program;
    GrtClasses classes;
    GrtText text = {0};
    GrtDataset *data = open_files(run, options, &classes);
    GrtFeatures features = {.run = run, .data = data};
    const float *probs = grt_f32(run, p->io.eval_probs);
    int64_t batch = p->phases[GRT_EVAL].batch;
    for (int64_t first = 0; first < data->n; first += batch) {
        int64_t n = data->n - first < batch ? data->n - first : batch;
        eval_batch(&features, n);
        for (int64_t i = 0; i < n; i++)
            print_prediction(p, &classes, data->paths[first + i], probs + i * p->n_classes,
                             options->json, &text);
        if (grt_signal_pending())
            return GRT_EXIT_SIGNAL + grt_signal_pending();
    }
    return flush_results();
}

/* ---------------------------------------------------------------- features */

static void npy_header(const GrtProgram *p, int64_t rows, GrtText *text)
{
    char start[10] = "\x93NUMPY\x01";
    GrtText dict = {0};
    grt_text_printf(&dict, "{'descr': '<f4', 'fortran_order': False, 'shape': (%lld,",
                    (long long)rows);
    if (p->head_input_rank == 3)
        grt_text_printf(&dict, " %lld, %lld, %lld", (long long)p->head_input_dims[0],
                        (long long)p->head_input_dims[1], (long long)p->head_input_dims[2]);
    else
        grt_text_printf(&dict, " %lld", (long long)p->head_input_size);
    grt_text_puts(&dict, "), }");
    while ((sizeof start + dict.n + 1) % 64 != 0)
        grt_text_puts(&dict, " ");
    grt_text_puts(&dict, "\n");
    start[8] = (char)(dict.n & 255);
    start[9] = (char)(dict.n >> 8);
    grt_text_add(text, start, sizeof start);
    grt_text_add(text, dict.at, dict.n);
    free(dict.at);
}

/* What enters the head, for the samples from `first` on, into the writer; returns of how many. */
static int64_t put_head_input(GrtFeatures *features, int64_t first, GrtWriter *writer)
{
    GrtRun *run = features->run;
    const GrtProgram *p = run->program;
    size_t row_bytes = (size_t)p->head_input_size * sizeof(float);
    if (p->io.prefix_head_input == GRT_NONE) {
        int64_t left = features->data->n - first, batch = p->phases[GRT_EVAL].batch;
        int64_t n = left < batch ? left : batch;
        eval_batch(features, n);
        grt_writer_put(writer, run->buffers[p->io.eval_head_input], (size_t)n * row_bytes);
        return n;
    }
    int64_t staged = grt_features_compute(features, first);
    for (int64_t at = 0, n; at < staged; at += n) {
        const float *rows = grt_features_staged(features, p->io.prefix_head_input,
                                                p->head_input_size, at, &n);
        grt_writer_put(writer, rows, (size_t)n * row_bytes);
    }
    return staged;
}

int grt_command_features(GrtRun *run, const GrtOptions *options)
{
    const GrtProgram *p = run->program;
    GrtClasses classes;
    GrtText header = {0};
    GrtWriter writer;
    if (options->out == NULL)
        grt_die(GRT_EXIT_USAGE, "features: give the file to write with --out OUT.npy");
    GrtDataset *data = open_files(run, options, &classes);
    GrtFeatures features = {.run = run, .data = data};
    npy_header(p, data->n, &header);
    if (!grt_writer_open(&writer, options->out, run->io_buffer, run->io_bytes))
        grt_die_write(&writer);
    grt_writer_put(&writer, header.at, header.n);
    for (int64_t first = 0; first < data->n && !grt_signal_pending();)
        first += put_head_input(&features, first, &writer);
    if (grt_signal_pending()) {
        grt_writer_abort(&writer);
        return GRT_EXIT_SIGNAL + grt_signal_pending();
    }
    if (!grt_writer_commit(&writer))
        grt_die_write(&writer);
    fprintf(stderr, "%lld rows in %s\n", (long long)data->n, options->out);
    return GRT_EXIT_OK;
}

int grt_command_export(GrtRun *run, const GrtOptions *options)
{
    GrtClasses classes;
    GrtProgress progress;
    if (options->out == NULL)
        grt_die(GRT_EXIT_USAGE, "export: give the file to write with --out FILE.safetensors");
    grt_param_init(run, run->program->seed);
    grt_checkpoint_default(run, options->checkpoint, &progress, &classes);
    grt_checkpoint_write(run, options->out, &progress, &classes, false);
    fprintf(stderr, "%u tensors in %s\n", run->program->n_params, options->out);
    return GRT_EXIT_OK;
}
