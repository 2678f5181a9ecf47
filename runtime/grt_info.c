/* grt_info.c - the command info: what the program is, without running it. */
#include "runtime/grt_int.h"

#include <stdlib.h>

static const char *const FORMATS[] = {"image_folder", "cifar10", "npy"};

/* Weights of the layer that parameter i begins; *trainable: those the optimizer changes. *next is
 * the parameter after the layer. */
static int64_t layer_weights(const GrtProgram *p, uint32_t i, int64_t *trainable, uint32_t *next)
{
    int64_t n = 0;
    const char *layer = p->params[i].layer;
    *trainable = 0;
    for (; i < p->n_params && strcmp(p->params[i].layer, layer) == 0; i++) {
        n += grt_param_size(&p->params[i]);
        *trainable += p->params[i].trainable ? grt_param_size(&p->params[i]) : 0;
    }
    *next = i;
    return n;
}

static void info_text(const GrtProgram *p)
{
    printf("%s\n", p->name);
    printf("  version         %s\n  target          %s\n", p->version, p->target);
    if (*p->needs)
        printf("  needs           %s\n", p->needs);
    printf("  spec            %s\n  frozen prefix   %s\n", p->spec_hash, p->prefix_hash);
    printf("  input           %lld x %lld x %lld, %s\n", (long long)p->height, (long long)p->width,
           (long long)p->channels, FORMATS[p->data_format % GRT_COUNT_OF(FORMATS)]);
    printf("  classes         %lld\n", (long long)p->n_classes);
    printf("  features        %lld floats an image, %lld enter the head\n",
           (long long)p->feature_size, (long long)p->head_input_size);
    printf("  parameters      %llu, %llu trainable\n", (unsigned long long)p->n_weights,
           (unsigned long long)p->n_trainable_weights);
    printf("  multiply-adds   %llu an image\n", (unsigned long long)p->macs_image);
    printf("  memory          %.1f MB block, %.1f MB constants, %.1f MB a thread but the first\n",
           (double)p->block_bytes / 1e6, (double)p->rodata_bytes / 1e6,
           (double)p->stream_bytes / 1e6);
    printf("  training        %lld epochs, batches of %lld, seed %lld\n", (long long)p->epochs,
           (long long)p->batch_size, (long long)p->seed);
    if (p->n_params > 0)
        printf("\n%-40s %12s %12s\n", "layer not frozen", "parameters", "trainable");
    for (uint32_t i = 0, next; i < p->n_params; i = next) {
        int64_t trainable, n = layer_weights(p, i, &trainable, &next);
        printf("%-40s %12lld %12lld\n", p->params[i].layer, (long long)n, (long long)trainable);
    }
    for (int phase = 0; phase < GRT_PEAK; phase++) {
        const GrtPhase *ph = &p->phases[phase];
        printf("\n%s: batches of %u, %.3f GMAC a batch, %u steps\n", ph->name, ph->batch,
               (double)grt_phase_macs(ph) / 1e9, ph->n_steps);
        for (uint32_t s = 0; s < ph->n_steps; s++)
            printf("  %3u %-52s %8lld tasks %10.3f MMAC\n", s, ph->steps[s].name,
                   (long long)ph->steps[s].n_tasks, (double)ph->steps[s].macs / 1e6);
    }
}

static void json_string(GrtText *text, const char *key, const char *value)
{
    grt_text_printf(text, "\"%s\":", key);
    grt_text_json(text, value);
    grt_text_puts(text, ",");
}

static void json_int(GrtText *text, const char *key, uint64_t value)
{
    grt_text_printf(text, "\"%s\":%llu,", key, (unsigned long long)value);
}

static void json_layers(GrtText *text, const GrtProgram *p)
{
    grt_text_puts(text, "\"layers\":[");
    for (uint32_t i = 0, next; i < p->n_params; i = next) {
        int64_t trainable, n = layer_weights(p, i, &trainable, &next);
        grt_text_puts(text, i ? ",{" : "{");
        json_string(text, "name", p->params[i].layer);
        grt_text_printf(text, "\"params\":%lld,\"trainable_params\":%lld}", (long long)n,
                        (long long)trainable);
    }
    grt_text_puts(text, "],");
}

static void json_phases(GrtText *text, const GrtProgram *p)
{
    grt_text_puts(text, "\"phases\":[");
    for (int phase = 0; phase < GRT_PEAK; phase++) {
        const GrtPhase *ph = &p->phases[phase];
        grt_text_puts(text, phase ? ",{" : "{");
        json_string(text, "name", ph->name);
        json_int(text, "batch", ph->batch);
        json_int(text, "macs", grt_phase_macs(ph));
        grt_text_puts(text, "\"steps\":[");
        for (uint32_t s = 0; s < ph->n_steps; s++) {
            grt_text_puts(text, s ? ",{" : "{");
            json_string(text, "name", ph->steps[s].name);
            json_int(text, "tasks", (uint64_t)ph->steps[s].n_tasks);
            grt_text_printf(text, "\"macs\":%llu}", (unsigned long long)ph->steps[s].macs);
        }
        grt_text_puts(text, "]}");
    }
    grt_text_puts(text, "]}");
}

int grt_command_info(const GrtProgram *p, const GrtOptions *options)
{
    GrtText text = {0};
    if (!options->json) {
        info_text(p);
        return GRT_EXIT_OK;
    }
    grt_text_puts(&text, "{");
    json_string(&text, "name", p->name);
    json_string(&text, "version", p->version);
    json_string(&text, "target", p->target);
    json_string(&text, "needs", p->needs);
    json_string(&text, "spec_hash", p->spec_hash);
    json_string(&text, "prefix_hash", p->prefix_hash);
    json_string(&text, "data_format", FORMATS[p->data_format % GRT_COUNT_OF(FORMATS)]);
    grt_text_printf(&text, "\"input_shape\":[%lld,%lld,%lld],", (long long)p->height,
                    (long long)p->width, (long long)p->channels);
    json_int(&text, "classes", (uint64_t)p->n_classes);
    json_int(&text, "feature_size", (uint64_t)p->feature_size);
    json_int(&text, "head_input_size", (uint64_t)p->head_input_size);
    json_int(&text, "total_params", p->n_weights);
    json_int(&text, "trainable_params", p->n_trainable_weights);
    json_int(&text, "macs", p->macs_image);
    json_int(&text, "block_bytes", p->block_bytes);
    json_int(&text, "stream_bytes", p->stream_bytes);
    json_int(&text, "rodata_bytes", p->rodata_bytes);
    json_int(&text, "epochs", (uint64_t)p->epochs);
    json_int(&text, "batch_size", (uint64_t)p->batch_size);
    grt_text_printf(&text, "\"seed\":%lld,", (long long)p->seed);
    json_layers(&text, p);
    json_phases(&text, p);
    puts(text.at);
    free(text.at);
    return GRT_EXIT_OK;
}
