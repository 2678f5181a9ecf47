/* grt_features.c - the features of a data set's images, in any order, from the prefix or the cache.
 *
 * The prefix has a batch size of its own: it runs ahead on the next samples of the order, in as
 * many streams as there are threads, and what it computed waits in io.features_out of each until
 * the train or eval phase asks for it. */
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

/* Images of the positions first .. first+n-1 into a stream, and black ones behind them. */
static void put_images(const GrtFeatures *features, int stream, int64_t first, int64_t n)
{
    const GrtProgram *p = features->run->program;
    size_t bytes = (size_t)grt_image_bytes(p);
    uint8_t *images = grt_stream_buffer(features->run, stream, p->io.images);
    for (int64_t i = 0; i < n; i++)
        memcpy(images + (size_t)i * bytes,
               features->data->pixels + (size_t)sample_at(features, first + i) * bytes, bytes);
    memset(images + (size_t)n * bytes, 0,
           ((size_t)p->phases[GRT_PREFIX].batch - (size_t)n) * bytes);
}

/* With a batch for each thread they run in streams. With fewer all threads share one: a stream
 * takes as long for some images as for a whole batch. */
int64_t grt_features_compute(GrtFeatures *features, int64_t first)
{
    GrtRun *run = features->run;
    int64_t batch = run->program->phases[GRT_PREFIX].batch, left = features->data->n - first;
    int streams = left > batch * (run->n_threads - 1) ? run->n_threads : 1;
    int64_t n = left < batch * streams ? left : batch * streams;
    for (int s = 0; s < streams; s++) {
        int64_t from = s * batch;
        put_images(features, s, first + from, n - from < batch ? n - from : batch);
    }
    if (streams > 1)
        grt_run_streams(run, NULL);
    else
        grt_run_phase(run, GRT_PREFIX);
    features->staged_first = first;
    features->staged_count = n;
    return n;
}

const float *grt_features_staged(const GrtFeatures *features, uint32_t buffer, int64_t row_size,
                                 int64_t i, int64_t *n)
{
    int64_t batch = features->run->program->phases[GRT_PREFIX].batch, row = i % batch;
    const float *rows = grt_stream_buffer(features->run, (int)(i / batch), buffer);
    int64_t in_stream = batch - row, staged = features->staged_count - i;
    *n = in_stream < staged ? in_stream : staged;
    return rows + row * row_size;
}

/* Rows 0 .. n-1 of out from the prefix. */
static void take_computed(GrtFeatures *features, float *out, int64_t n)
{
    const GrtProgram *p = features->run->program;
    size_t row = (size_t)p->feature_size;
    for (int64_t done = 0; done < n;) {
        int64_t at = features->next + done - features->staged_first, count;
        if (at >= features->staged_count) {
            grt_features_compute(features, features->next + done);
            at = 0;
        }
        const float *rows =
            grt_features_staged(features, p->io.features_out, p->feature_size, at, &count);
        count = count < n - done ? count : n - done;
        memcpy(out + (size_t)done * row, rows, (size_t)count * row * sizeof(float));
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
