/* grt_bench.c - the command bench: the time of every step, on random images. */
#include "runtime/grt_int.h"

#include <stdlib.h>

enum { WARM_UP = 3, DEFAULT_REPEAT = 20 };

/* Random pixels, their features for the other phases, and labels. */
static void fill_inputs(GrtRun *run)
{
    const GrtProgram *p = run->program;
    uint8_t *images = run->buffers[p->io.images];
    int64_t n = p->phases[GRT_PREFIX].batch * grt_image_bytes(p);
    for (int64_t i = 0; i < n; i += 16) {
        uint32_t counter[4] = {(uint32_t)i, 0, 0, 0}, words[4];
        grt_philox(counter, 1, words);
        memcpy(images + i, words, n - i < 16 ? (size_t)(n - i) : 16);
    }
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

/* Mean seconds of each step into seconds; returns the mean of the whole phase. */
static double time_phase(GrtRun *run, int phase, int64_t repeat, double *seconds)
{
    const GrtPhase *ph = &run->program->phases[phase];
    double total = 0.0;
    grt_i64(run, run->program->io.counters)[GRT_COUNTER_VALID] = ph->batch;
    for (int i = 0; i < WARM_UP; i++)
        grt_run_phase(run, phase);
    for (int64_t i = 0; i < repeat && !grt_signal_pending(); i++)
        grt_run_timed(run, phase, seconds);
    for (uint32_t s = 0; s < ph->n_steps; s++) {
        seconds[s] /= (double)repeat;
        total += seconds[s];
    }
    return total;
}

static double rate(uint64_t macs, double seconds)
{
    return seconds > 0.0 ? (double)macs / seconds / 1e9 : 0.0;
}

/* Of the peak, in percent; 0 when that is not known. */
static double share(uint64_t macs, double seconds, double peak)
{
    return peak > 0.0 ? 100.0 * rate(macs, seconds) / peak : 0.0;
}

static void print_phase(const GrtPhase *ph, double total, const double *seconds, double peak)
{
    printf("%s: batch of %u, %.3f ms, %.4f ms an image, %.1f GMAC/s, %.0f %% of the peak\n",
           ph->name, ph->batch, total * 1e3, total * 1e3 / ph->batch,
           rate(grt_phase_macs(ph), total), share(grt_phase_macs(ph), total, peak));
    if (ph->n_steps > 0)
        printf("  %-44s %9s %6s %8s %8s\n", "step", "ms", "share", "GMAC/s", "of peak");
    for (uint32_t s = 0; s < ph->n_steps; s++) {
        printf("  %-44s %9.4f %5.1f%%", ph->steps[s].name, seconds[s] * 1e3,
               total > 0.0 ? 100.0 * seconds[s] / total : 0.0);
        if (ph->steps[s].macs)
            printf(" %8.1f %7.0f%%", rate(ph->steps[s].macs, seconds[s]),
                   share(ph->steps[s].macs, seconds[s], peak));
        puts("");
    }
}

static void add_phase(GrtText *text, const GrtPhase *ph, double total, const double *seconds,
                      double peak)
{
    grt_text_puts(text, "{\"name\":");
    grt_text_json(text, ph->name);
    grt_text_printf(text,
                    ",\"batch\":%u,\"ms\":%.6g,\"gmacs_per_second\":%.6g,"
                    "\"percent_of_peak\":%.4g,\"steps\":[",
                    ph->batch, total * 1e3, rate(grt_phase_macs(ph), total),
                    share(grt_phase_macs(ph), total, peak));
    for (uint32_t s = 0; s < ph->n_steps; s++) {
        const GrtStep *step = &ph->steps[s];
        grt_text_puts(text, s ? ",{\"name\":" : "{\"name\":");
        grt_text_json(text, step->name);
        grt_text_printf(text,
                        ",\"ms\":%.6g,\"macs\":%llu,\"gmacs_per_second\":%.6g,"
                        "\"percent_of_peak\":%.4g}",
                        seconds[s] * 1e3, (unsigned long long)step->macs,
                        rate(step->macs, seconds[s]), share(step->macs, seconds[s], peak));
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
        double total = time_phase(run, phase, repeat, seconds);
        if (grt_signal_pending())
            return GRT_EXIT_SIGNAL + grt_signal_pending();
        if (!options->json)
            print_phase(ph, total, seconds, peak);
        grt_text_puts(&text, phase ? "," : "");
        add_phase(&text, ph, total, seconds, peak);
        free(seconds);
    }
    grt_text_puts(&text, "]}");
    if (options->json)
        puts(text.at);
    free(text.at);
    return GRT_EXIT_OK;
}
