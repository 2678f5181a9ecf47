/* grt_bench.c - the command bench: the time of every step, on random images. */
#include "runtime/grt_int.h"

#include <stdlib.h>

enum { WARM_UP = 3, DEFAULT_REPEAT = 20 };

/* Random pixels, the same in every stream. */
static void fill_images(GrtRun *run, int stream)
{
    const GrtProgram *p = run->program;
    uint8_t *images = grt_stream_buffer(run, stream, p->io.images);
    int64_t n = p->phases[GRT_PREFIX].batch * grt_image_bytes(p);
    for (int64_t i = 0; i < n; i += 16) {
        uint32_t counter[4] = {(uint32_t)i, 0, 0, 0}, words[4];
        grt_philox(counter, 1, words);
        memcpy(images + i, words, n - i < 16 ? (size_t)(n - i) : 16);
    }
}

/* Images, their features for the other phases, and labels. */
static void fill_inputs(GrtRun *run)
{
    const GrtProgram *p = run->program;
    for (int s = 0; s < run->n_threads; s++)
        fill_images(run, s);
    grt_run_phase(run, GRT_PREFIX);
    const float *features = grt_f32(run, p->io.features_out);
    const uint32_t to[] = {p->io.train_features, p->io.eval_features};
    const uint32_t labels[] = {p->io.train_labels, p->io.eval_labels};
    for (int i = 0; i < 2; i++) {
        int64_t batch = p->phases[i == 0 ? GRT_TRAIN : GRT_EVAL].batch;
        for (int64_t b = 0; b < batch; b++) {
            memcpy(grt_f32(run, to[i]) + b * p->feature_size,
                   features + b % p->phases[GRT_PREFIX].batch * p->feature_size,
                   (size_t)p->feature_size * sizeof(float));
            grt_i32(run, labels[i])[b] = (int32_t)(b % p->n_classes);
        }
    }
    grt_f32(run, p->io.hyper)[GRT_HYPER_LR] = (float)p->learning_rate;
    grt_f32(run, p->io.hyper)[GRT_HYPER_ALPHA] = (float)p->learning_rate;
    grt_i64(run, p->io.counters)[GRT_COUNTER_SEED] = p->seed;
}

/* Batches that are computed side by side: the prefix's, as when there are many images. */
static int streams_of(const GrtRun *run, int phase)
{
    return phase == GRT_PREFIX ? run->n_threads : 1;
}

static void run_once(GrtRun *run, int phase, double *seconds)
{
    if (streams_of(run, phase) > 1)
        grt_run_streams(run, seconds);
    else
        grt_run_timed(run, phase, seconds);
}

/* Mean seconds of each step (of the first stream) into seconds; returns the mean of the whole
 * phase. */
static double time_phase(GrtRun *run, int phase, int64_t repeat, double *seconds)
{
    const GrtPhase *ph = &run->program->phases[phase];
    grt_i64(run, run->program->io.counters)[GRT_COUNTER_VALID] = ph->batch;
    for (int i = 0; i < WARM_UP; i++)
        run_once(run, phase, NULL);
    double start = grt_now();
    for (int64_t i = 0; i < repeat && !grt_signal_pending(); i++)
        run_once(run, phase, seconds);
    double total = (grt_now() - start) / (double)repeat;
    for (uint32_t s = 0; s < ph->n_steps; s++)
        seconds[s] /= (double)repeat;
    return total;
}

/* What was measured of a phase. */
typedef struct Timing {
    const GrtPhase *phase;
    int streams;
    double total;          /* seconds of a run, in all streams */
    const double *seconds; /* of each step in one of them */
    double peak;           /* GMAC/s of all threads; 0: not known */
} Timing;

static double rate(uint64_t macs, double seconds)
{
    return seconds > 0.0 ? (double)macs / seconds / 1e9 : 0.0;
}

/* GMAC/s of all streams, of a step that takes one of them so long. */
static double step_rate(const Timing *t, uint32_t step)
{
    return rate(t->phase->steps[step].macs * (uint64_t)t->streams, t->seconds[step]);
}

static double phase_rate(const Timing *t)
{
    return rate(grt_phase_macs(t->phase) * (uint64_t)t->streams, t->total);
}

/* Of the peak, in percent; 0 when that is not known. */
static double percent(const Timing *t, double gmacs)
{
    return t->peak > 0.0 ? 100.0 * gmacs / t->peak : 0.0;
}

static void print_phase(const Timing *t)
{
    const GrtPhase *ph = t->phase;
    printf("%s: ", ph->name);
    if (t->streams > 1)
        printf("%d batches of %u side by side", t->streams, ph->batch);
    else
        printf("batch of %u", ph->batch);
    printf(", %.3f ms, %.4f ms an image, %.1f GMAC/s, %.0f %% of the peak\n", t->total * 1e3,
           t->total * 1e3 / (ph->batch * t->streams), phase_rate(t), percent(t, phase_rate(t)));
    if (ph->n_steps > 0)
        printf("  %-44s %9s %6s %8s %8s\n", "step", "ms", "share", "GMAC/s", "of peak");
    for (uint32_t s = 0; s < ph->n_steps; s++) {
        printf("  %-44s %9.4f %5.1f%%", ph->steps[s].name, t->seconds[s] * 1e3,
               t->total > 0.0 ? 100.0 * t->seconds[s] / t->total : 0.0);
        if (ph->steps[s].macs)
            printf(" %8.1f %7.0f%%", step_rate(t, s), percent(t, step_rate(t, s)));
        puts("");
    }
}

static void add_phase(GrtText *text, const Timing *t)
{
    const GrtPhase *ph = t->phase;
    grt_text_puts(text, "{\"name\":");
    grt_text_json(text, ph->name);
    grt_text_printf(text,
                    ",\"batch\":%u,\"streams\":%d,\"ms\":%.6g,\"gmacs_per_second\":%.6g,"
                    "\"percent_of_peak\":%.4g,\"steps\":[",
                    ph->batch, t->streams, t->total * 1e3, phase_rate(t),
                    percent(t, phase_rate(t)));
    for (uint32_t s = 0; s < ph->n_steps; s++) {
        const GrtStep *step = &ph->steps[s];
        grt_text_puts(text, s ? ",{\"name\":" : "{\"name\":");
        grt_text_json(text, step->name);
        grt_text_printf(text,
                        ",\"ms\":%.6g,\"macs\":%llu,\"gmacs_per_second\":%.6g,"
                        "\"percent_of_peak\":%.4g}",
                        t->seconds[s] * 1e3, (unsigned long long)step->macs, step_rate(t, s),
                        percent(t, step_rate(t, s)));
    }
    grt_text_puts(text, "]}");
}

/* float32 multiply-adds, in billions a second, of all threads when nothing else is done; 0 when the
 * program has no such step. */
static double measure_peak(GrtRun *run, int64_t repeat)
{
    const GrtPhase *ph = &run->program->phases[GRT_PEAK];
    double *seconds = grt_alloc(ph->n_steps, sizeof *seconds);
    double total = time_phase(run, GRT_PEAK, repeat, seconds);
    free(seconds);
    return rate(grt_phase_macs(ph), total);
}

int grt_command_bench(GrtRun *run, const GrtOptions *options)
{
    const GrtProgram *p = run->program;
    int64_t repeat = options->repeat > 0 ? options->repeat : DEFAULT_REPEAT;
    GrtText text = {0};
    grt_param_init(run, p->seed);
    fill_inputs(run);
    grt_text_printf(&text, "{\"name\":");
    grt_text_json(&text, p->name);
    double peak = measure_peak(run, repeat);
    grt_text_printf(&text,
                    ",\"threads\":%d,\"repeat\":%lld,\"peak_gmacs_per_second\":%.6g,\"phases\":[",
                    run->n_threads, (long long)repeat, peak);
    if (!options->json && peak > 0.0)
        printf("peak: %.1f GMAC/s in float32, %d threads\n", peak, run->n_threads);
    for (int phase = 0; phase < GRT_PEAK; phase++) {
        const GrtPhase *ph = &p->phases[phase];
        double *seconds = grt_alloc(ph->n_steps, sizeof *seconds);
        Timing t = {ph, streams_of(run, phase), time_phase(run, phase, repeat, seconds), seconds,
                    peak};
        if (grt_signal_pending())
            return GRT_EXIT_SIGNAL + grt_signal_pending();
        if (!options->json)
            print_phase(&t);
        grt_text_puts(&text, phase ? "," : "");
        add_phase(&text, &t);
        free(seconds);
    }
    grt_text_puts(&text, "]}");
    if (options->json)
        puts(text.at);
    free(text.at);
    return GRT_EXIT_OK;
}
