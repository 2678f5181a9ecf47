/* grt_checkpoint.c - the state of a training as one safetensors file, written whole.
 *
 * Tensors are float32 in Keras's order, named layer/parameter; the optimizer's state stands beside
 * as optimizer/m/layer/parameter. The metadata say of which spec they are and how far training
 * came. */
#include "runtime/grt_int.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHUNK = 4096 }; /* elements converted at a time */

/* Part 0 is the value of a parameter, part 1 and 2 are its optimizer state. */
static uint32_t part_buffer(const GrtParam *param, uint32_t part)
{
    return part == 0 ? param->value : param->slot[part - 1];
}

static void tensor_name(const GrtProgram *p, const GrtParam *param, uint32_t part, char *name,
                        size_t n)
{
    static const char *const adam[] = {"m", "v"}, *const sgd[] = {"momentum", "velocity"};
    if (part == 0)
        snprintf(name, n, "%s/%s", param->layer, param->name);
    else
        snprintf(name, n, "optimizer/%s/%s/%s", (p->optimizer == 0 ? adam : sgd)[part - 1],
                 param->layer, param->name);
}

/* ----------------------------------------------------------------- writing */

static void meta_string(GrtText *text, const char *key, const char *value)
{
    grt_text_json(text, key);
    grt_text_puts(text, ":");
    grt_text_json(text, value);
    grt_text_puts(text, ",");
}

static void meta_int(GrtText *text, const char *key, int64_t value)
{
    grt_text_printf(text, "\"%s\":\"%lld\",", key, (long long)value);
}

/* Hexadecimal, so that it reads back as the same number. */
static void meta_double(GrtText *text, const char *key, double value)
{
    grt_text_printf(text, "\"%s\":\"%a\",", key, value);
}

static void add_metadata(GrtText *text, const GrtProgram *p, const GrtProgress *progress,
                         const GrtClasses *classes)
{
    grt_text_puts(text, "{\"__metadata__\":{");
    meta_string(text, "name", p->name);
    meta_string(text, "version", p->version);
    meta_string(text, "spec_hash", p->spec_hash);
    meta_int(text, "epoch", progress->epoch);
    meta_int(text, "batch", progress->batch);
    meta_int(text, "step", progress->step);
    meta_int(text, "seed", progress->seed);
    meta_int(text, "images", progress->n_images);
    grt_text_printf(text, "\"data_hash\":\"%016llx\",", (unsigned long long)progress->data_hash);
    meta_double(text, "loss_sum", progress->loss_sum);
    meta_double(text, "correct_sum", progress->correct_sum);
    meta_double(text, "seconds", progress->seconds);
    meta_int(text, "best_epoch", progress->best_epoch);
    meta_double(text, "best_accuracy", progress->best_accuracy);
    meta_double(text, "best_loss", progress->best_loss);
    for (int64_t i = 0; classes->names != NULL && i < classes->n; i++) {
        grt_text_printf(text, "\"class.%lld\":", (long long)i);
        grt_text_json(text, classes->names[i]);
        grt_text_puts(text, ",");
    }
    grt_text_printf(text, "\"classes\":\"%lld\"}", (long long)(classes->names ? classes->n : 0));
}

static void add_tensors(GrtText *text, const GrtProgram *p, bool with_slots)
{
    uint64_t at = 0;
    for (uint32_t part = 0; part < (with_slots ? 3u : 1u); part++)
        for (uint32_t i = 0; i < p->n_params; i++) {
            const GrtParam *param = &p->params[i];
            char name[512];
            if (part > param->n_slots)
                continue;
            tensor_name(p, param, part, name, sizeof name);
            uint64_t bytes = (uint64_t)grt_param_size(param) * sizeof(float);
            grt_text_puts(text, ",");
            grt_text_json(text, name);
            grt_text_puts(text, ":{\"dtype\":\"F32\",\"shape\":[");
            for (uint32_t d = 0; d < param->rank; d++)
                grt_text_printf(text, "%s%lld", d ? "," : "", (long long)param->dims[d]);
            grt_text_printf(text, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)at,
                            (unsigned long long)(at + bytes));
            at += bytes;
        }
    grt_text_puts(text, "}");
}

/* Into run->header, padded so that the data begin at a multiple of 8. */
static void make_header(GrtRun *run, const GrtProgress *progress, const GrtClasses *classes,
                        bool with_slots)
{
    GrtText *text = &run->header;
    text->n = 0;
    add_metadata(text, run->program, progress, classes);
    add_tensors(text, run->program, with_slots);
    while (text->n % 8 != 0)
        grt_text_puts(text, " ");
}

void grt_checkpoint_prepare(GrtRun *run, const GrtClasses *classes)
{
    GrtProgress start = {0};
    make_header(run, &start, classes, true);
    grt_text_reserve(&run->header, 1024); /* numbers grow longer */
}

static void put_tensor(GrtRun *run, GrtWriter *writer, const GrtParam *param, uint32_t part)
{
    float values[CHUNK];
    int64_t size = grt_param_size(param);
    for (int64_t first = 0; first < size; first += CHUNK) {
        int64_t n = size - first < CHUNK ? size - first : CHUNK;
        grt_param_fetch(param, grt_f32(run, part_buffer(param, part)), first, n, values);
        grt_writer_put(writer, values, (size_t)n * sizeof(float));
    }
}

bool grt_checkpoint_put(GrtRun *run, GrtWriter *writer, const char *path,
                        const GrtProgress *progress, const GrtClasses *classes, bool with_slots)
{
    const GrtProgram *p = run->program;
    GrtText *text = &run->header;
    unsigned char length[8];
    make_header(run, progress, classes, with_slots);
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)((uint64_t)text->n >> 8 * i);
    if (!grt_writer_open(writer, path, run->io_buffer, run->io_bytes))
        return false;
    grt_writer_put(writer, length, sizeof length);
    grt_writer_put(writer, text->at, text->n);
    for (uint32_t part = 0; part < (with_slots ? 3u : 1u); part++)
        for (uint32_t i = 0; i < p->n_params; i++)
            if (part <= p->params[i].n_slots)
                put_tensor(run, writer, &p->params[i], part);
    if (grt_writer_flush(writer))
        return true;
    grt_writer_abort(writer);
    return false;
}

void grt_checkpoint_write(GrtRun *run, const char *path, const GrtProgress *progress,
                          const GrtClasses *classes, bool with_slots)
{
    GrtWriter writer;
    if (!grt_checkpoint_put(run, &writer, path, progress, classes, with_slots) ||
        !grt_writer_commit(&writer))
        grt_die_write(&writer);
}

/* ----------------------------------------------------------------- reading */

static const char *need_meta(const GrtTensorFile *file, const char *key)
{
    const char *value = grt_tensors_meta(file, key);
    if (value == NULL)
        grt_die(GRT_EXIT_WEIGHTS, "'%s' is no checkpoint of such a program: it does not say its %s",
                file->path, key);
    return value;
}

static int64_t meta_to_int(const GrtTensorFile *file, const char *key)
{
    int64_t value;
    const char *text = need_meta(file, key);
    if (!grt_parse_int(text, INT64_MIN, INT64_MAX, &value))
        grt_die(GRT_EXIT_WEIGHTS, "'%s' is damaged: %s is '%s'", file->path, key, text);
    return value;
}

static double meta_to_double(const GrtTensorFile *file, const char *key)
{
    char *end;
    const char *text = need_meta(file, key);
    double value = strtod(text, &end);
    if (end == text || *end != '\0')
        grt_die(GRT_EXIT_WEIGHTS, "'%s' is damaged: %s is '%s'", file->path, key, text);
    return value;
}

static void read_progress(const GrtTensorFile *file, GrtProgress *progress)
{
    progress->epoch = meta_to_int(file, "epoch");
    progress->batch = meta_to_int(file, "batch");
    progress->step = meta_to_int(file, "step");
    progress->seed = meta_to_int(file, "seed");
    progress->n_images = meta_to_int(file, "images");
    progress->data_hash = strtoull(need_meta(file, "data_hash"), NULL, 16);
    progress->loss_sum = meta_to_double(file, "loss_sum");
    progress->correct_sum = meta_to_double(file, "correct_sum");
    progress->seconds = meta_to_double(file, "seconds");
    progress->best_epoch = meta_to_int(file, "best_epoch");
    progress->best_accuracy = meta_to_double(file, "best_accuracy");
    progress->best_loss = meta_to_double(file, "best_loss");
    if (progress->epoch < 0 || progress->batch < 0 || progress->step < 0)
        grt_die(GRT_EXIT_WEIGHTS, "'%s' is damaged: it counts below zero", file->path);
}

static void read_classes(const GrtTensorFile *file, const GrtProgram *p, GrtClasses *classes)
{
    int64_t n = meta_to_int(file, "classes");
    *classes = (GrtClasses){0};
    if (n == 0)
        return;
    if (n != p->n_classes)
        grt_die(GRT_EXIT_WEIGHTS, "'%s' names %lld classes, the model has %lld", file->path,
                (long long)n, (long long)p->n_classes);
    classes->n = n;
    classes->names = grt_alloc((size_t)n, sizeof(char *));
    for (int64_t i = 0; i < n; i++) {
        char key[40];
        snprintf(key, sizeof key, "class.%lld", (long long)i);
        classes->names[i] = grt_format("%s", need_meta(file, key));
    }
}

static void read_tensor(GrtRun *run, const GrtTensorFile *file, const GrtParam *param,
                        uint32_t part)
{
    char name[512];
    float values[CHUNK];
    tensor_name(run->program, param, part, name, sizeof name);
    const GrtTensor *tensor = grt_tensors_find(file, name);
    if (tensor == NULL)
        grt_die(GRT_EXIT_WEIGHTS, "'%s' does not fit: it has no %s", file->path, name);
    bool same = tensor->rank == param->rank;
    for (uint32_t d = 0; same && d < param->rank; d++)
        same = tensor->dims[d] == param->dims[d];
    if (!same)
        grt_die(GRT_EXIT_WEIGHTS, "'%s' does not fit: %s has another shape", file->path, name);
    int64_t size = grt_param_size(param);
    for (int64_t first = 0; first < size; first += CHUNK) {
        int64_t n = size - first < CHUNK ? size - first : CHUNK;
        if (!grt_read_at(file->fd, values, (size_t)n * sizeof(float),
                         tensor->offset + (uint64_t)first * sizeof(float)))
            grt_die(GRT_EXIT_FILE, "cannot read '%s': %s", file->path, strerror(errno));
        grt_param_store(param, grt_f32(run, part_buffer(param, part)), first, n, values);
    }
}

void grt_checkpoint_read(GrtRun *run, const char *path, bool with_slots, GrtProgress *progress,
                         GrtClasses *classes)
{
    const GrtProgram *p = run->program;
    GrtTensorFile *file = grt_tensors_open(path);
    const char *spec_hash = need_meta(file, "spec_hash");
    if (strcmp(spec_hash, p->spec_hash) != 0)
        grt_die(GRT_EXIT_WEIGHTS, "'%s' is of another spec: its hash is %s, this program's is %s",
                path, spec_hash, p->spec_hash);
    read_progress(file, progress);
    read_classes(file, p, classes);
    for (uint32_t i = 0; i < p->n_params; i++)
        for (uint32_t part = 0; part <= (with_slots ? p->params[i].n_slots : 0); part++)
            read_tensor(run, file, &p->params[i], part);
    grt_tensors_close(file);
}

void grt_checkpoint_default(GrtRun *run, const char *given, GrtProgress *progress,
                            GrtClasses *classes)
{
    static const char *const names[] = {"best.safetensors", "checkpoint.safetensors"};
    const GrtProgram *p = run->program;
    *classes = (GrtClasses){0};
    *progress = (GrtProgress){.seed = p->seed};
    if (given != NULL) {
        grt_checkpoint_read(run, given, false, progress, classes);
        return;
    }
    for (size_t i = 0; i < GRT_COUNT_OF(names); i++) {
        char *path = grt_format("runs/%s/%s", p->name, names[i]);
        bool there = access(path, F_OK) == 0;
        if (there) {
            fprintf(stderr, "weights: %s\n", path);
            grt_checkpoint_read(run, path, false, progress, classes);
        }
        free(path);
        if (there)
            return;
    }
    if (p->n_params > 0)
        grt_note("runs/%s has no checkpoint: these are the initial weights (train first, or give "
                 "--checkpoint FILE)",
                 p->name);
}
