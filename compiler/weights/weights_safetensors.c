/* weights_safetensors.c - reads safetensors: 8 bytes of length, a JSON header, the data. Tensors
 * are called layer/array, or layer.array by PyTorch, whose weights are turned to Keras's order;
 * those of optimizers are passed over. */
#include "compiler/base/base.h"
#include "compiler/weights/weights_file.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

enum { MAX_HEADER = 100 << 20 };
#define MAX_ELEMENTS (INT64_C(1) << 33)

typedef struct Tensors {
    Ctx *ctx;
    const char *path;
    FILE *in;
    uint64_t data, size; /* where the data begin, and how much there is */
} Tensors;

static float from_half(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 1023,
             bits;
    float out;
    if (exponent == 0) {
        out = (float)fraction * 0x1p-24f;
        return sign ? -out : out;
    }
    bits = sign | (exponent == 31 ? 255u << 23 : (exponent + 112) << 23) | fraction << 13;
    memcpy(&out, &bits, sizeof out);
    return out;
}

static float from_bfloat(uint16_t b)
{
    uint32_t bits = (uint32_t)b << 16;
    float out;
    memcpy(&out, &bits, sizeof out);
    return out;
}

static size_t element_size(const char *type)
{
    return !strcmp(type, "F32") ? 4 : !strcmp(type, "F16") || !strcmp(type, "BF16") ? 2 : 0;
}

/* Bytes begin .. end-1 of the data as n floats. */
static const float *read_data(const Tensors *t, const char *name, const char *type, uint64_t begin,
                              int64_t n)
{
    float *out = arena_array(t->ctx->arena, float, n ? n : 1);
    size_t size = element_size(type);
    void *raw = size == 4 ? (void *)out : arena_alloc(t->ctx->arena, (size_t)n * size + 1);
    if (fseeko(t->in, (off_t)(t->data + begin), SEEK_SET) != 0 ||
        fread(raw, size, (size_t)n, t->in) != (size_t)n)
        fatal(t->ctx, EXIT_WEIGHTS, "%s: tensor '%s' cannot be read", t->path, name);
    const uint16_t *half = raw;
    for (int64_t i = 0; size == 2 && i < n; i++)
        out[i] = type[0] == 'B' ? from_bfloat(half[i]) : from_half(half[i]);
    return out;
}

/* PyTorch's OIHW to HWIO, its (out, in) to (in, out). */
static void turn(Ctx *ctx, WeightArray *a)
{
    int64_t outer = a->dims[0], inner = a->dims[1], window = 1;
    for (uint32_t i = 2; i < a->rank; i++)
        window *= a->dims[i];
    float *out = arena_array(ctx->arena, float, outer *inner *window + 1);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++)
            for (int64_t w = 0; w < window; w++)
                out[(w * inner + i) * outer + o] = a->data[(o * inner + i) * window + w];
    memmove(a->dims, a->dims + 2, (a->rank - 2) * sizeof *a->dims);
    a->dims[a->rank - 2] = inner;
    a->dims[a->rank - 1] = outer;
    a->data = out;
    a->turned = true;
}

static void read_tensor(const Tensors *t, const char *name, const json_t *entry, WeightFile *file)
{
    const json_t *shape = json_object_get(entry, "shape"),
                 *place = json_object_get(entry, "data_offsets");
    const char *type = json_string_value(json_object_get(entry, "dtype"));
    const char *split = strrchr(name, '/');
    bool torch = !split;
    split = split ? split : strrchr(name, '.');
    /* PyTorch's normalisations count their batches: no weight */
    if (!strncmp(name, "optimizer/", 10) || !split || !strcmp(split, ".num_batches_tracked"))
        return;
    if (!type || !json_is_array(shape) || json_array_size(shape) > 8 || json_array_size(place) != 2)
        fatal(t->ctx, EXIT_WEIGHTS, "%s: tensor '%s' is badly described", t->path, name);
    if (!element_size(type))
        fatal(t->ctx, EXIT_WEIGHTS, "%s: tensor '%s' is of type %s; F32, F16 and BF16 are read",
              t->path, name, type);
    WeightArray a = {.name = arena_strdup(t->ctx->arena, split + 1),
                     .rank = (uint32_t)json_array_size(shape)};
    int64_t n = 1;
    for (uint32_t i = 0; i < a.rank; i++) {
        a.dims[i] = json_integer_value(json_array_get(shape, i));
        if (a.dims[i] < 0 || a.dims[i] > MAX_ELEMENTS / (n ? n : 1))
            fatal(t->ctx, EXIT_WEIGHTS, "%s: tensor '%s' has an impossible shape", t->path, name);
        n *= a.dims[i];
    }
    json_int_t begin = json_integer_value(json_array_get(place, 0)),
               end = json_integer_value(json_array_get(place, 1));
    if (begin < 0 || end < begin || (uint64_t)end > t->size ||
        (uint64_t)(end - begin) != (uint64_t)n * element_size(type))
        fatal(t->ctx, EXIT_WEIGHTS,
              "%s: tensor '%s' lies outside of the file or has another size than its shape",
              t->path, name);
    a.data = read_data(t, name, type, (uint64_t)begin, n);
    if (torch && !strcmp(a.name, "weight") && a.rank >= 2)
        turn(t->ctx, &a);
    weights_file_add(t->ctx, file, arena_strndup(t->ctx->arena, name, (size_t)(split - name)), NULL,
                     a);
}

/* The header, parsed; opens nothing else. */
static json_t *read_header(Tensors *t)
{
    unsigned char length[8];
    uint64_t n = 0;
    if (fseeko(t->in, 0, SEEK_END) != 0)
        fatal(t->ctx, EXIT_FILE, "cannot read the weights '%s': %s", t->path, strerror(errno));
    uint64_t size = (uint64_t)ftello(t->in);
    rewind(t->in);
    if (fread(length, 1, 8, t->in) != 8)
        fatal(t->ctx, EXIT_WEIGHTS, "%s: cut short", t->path);
    for (int i = 7; i >= 0; i--)
        n = n << 8 | length[i];
    if (n > MAX_HEADER || n + 8 > size)
        fatal(t->ctx, EXIT_WEIGHTS, "%s: damaged or cut short: its header does not fit", t->path);
    char *text = arena_alloc(t->ctx->arena, n + 1);
    if (fread(text, 1, n, t->in) != n)
        fatal(t->ctx, EXIT_WEIGHTS, "%s: cut short", t->path);
    t->data = n + 8;
    t->size = size - t->data;
    json_error_t error;
    json_t *header = json_loadb(text, n, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(header))
        fatal(t->ctx, EXIT_WEIGHTS, "%s: damaged header: %s", t->path,
              header ? "not an object" : error.text);
    return header;
}

void weights_safetensors_read(Ctx *ctx, const char *path, WeightFile *file)
{
    Tensors t = {.ctx = ctx, .path = path, .in = fopen(path, "rb")};
    if (!t.in)
        fatal(ctx, EXIT_FILE, "cannot read the weights '%s': %s", path, strerror(errno));
    json_t *header = read_header(&t), *entry;
    const char *name;
    json_object_foreach(header, name, entry)
    {
        if (strcmp(name, "__metadata__") != 0)
            read_tensor(&t, name, entry, file);
    }
    json_decref(header);
    fclose(t.in);
}
