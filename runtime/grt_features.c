/* grt_features.c - the features of a data set's images, in any order, from the prefix or the cache.
 *
 * The prefix has a batch size of its own: it runs ahead on the next samples of the order, and what
 * it computed waits in io.features_out until the train or eval phase asks for it. */
#include "runtime/grt_int.h"

void grt_features_start(GrtFeatures *features, const uint32_t *order, int64_t position)
{
    features->order = order;
    features->next = position;
    features->staged_first = position;
    features->staged_count = 0;
}

static inline int64_t sample_at(const GrtFeatures *features, int64_t position)
{
    return features->order ? (int64_t)features->order[position] : position;
}

void grt_features_compute(GrtFeatures *features, int64_t first, int64_t n)
{
    GrtRun *run = features->run;
    const GrtProgram *p = run->program;
    size_t bytes = (size_t)grt_image_bytes(p);
    uint8_t *images = run->buffers[p->io.images];
    for (int64_t i = 0; i < n; i++)
        memcpy(images + (size_t)i * bytes,
               features->data->pixels + (size_t)sample_at(features, first + i) * bytes, bytes);
    memset(images + (size_t)n * bytes, 0,
           ((size_t)p->phases[GRT_PREFIX].batch - (size_t)n) * bytes);
    grt_run_phase(run, GRT_PREFIX);
    features->staged_first = first;
    features->staged_count = n;
}

/* Rows 0 .. n-1 of out from the prefix. */
static void take_computed(GrtFeatures *features, float *out, int64_t n)
{
    GrtRun *run = features->run;
    const GrtProgram *p = run->program;
    const float *staged = grt_f32(run, p->io.features_out);
    size_t row = (size_t)p->feature_size;
    int64_t batch = p->phases[GRT_PREFIX].batch;
    for (int64_t done = 0; done < n;) {
        int64_t at = features->next + done - features->staged_first;
        if (at >= features->staged_count) {
            int64_t left = features->data->n - (features->next + done);
            grt_features_compute(features, features->next + done, left < batch ? left : batch);
            at = 0;
        }
        int64_t count = features->staged_count - at;
        count = count < n - done ? count : n - done;
        memcpy(out + (size_t)done * row, staged + (size_t)at * row,
               (size_t)count * row * sizeof(float));
        done += count;
    }
}

void grt_features_take(GrtFeatures *features, float *out, int32_t *labels, int64_t n, int64_t batch)
{
    size_t row = (size_t)features->run->program->feature_size;
    if (features->cache != NULL && !grt_cache_rows(features->cache, features->run->n_threads,
                                                   features->order, features->next, n, out)) {
        features->cache = NULL; /* damaged: from here on computed */
        grt_features_start(features, features->order, features->next);
    }
    if (features->cache == NULL)
        take_computed(features, out, n);
    memset(out + (size_t)n * row, 0, (size_t)(batch - n) * row * sizeof(float));
    for (int64_t i = 0; labels != NULL && i < batch; i++)
        labels[i] = i < n ? features->data->labels[sample_at(features, features->next + i)] : 0;
    features->next += n;
}
