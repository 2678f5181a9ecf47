/* grt_safetensors.c - reads the headers of safetensors files and trusts nothing in them.
 *
 * Layout: length of the header (8 bytes, little-endian), the header (JSON: name -> dtype, shape,
 * data_offsets), the data. */
#include "runtime/grt_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_HEADER ((uint64_t)16 << 20)

static int dtype_size(const char *dtype)
{
    static const struct {
        const char *name;
        int size;
    } types[] = {{"F32", 4}, {"F64", 8}, {"F16", 2}, {"BF16", 2}, {"I64", 8},
                 {"I32", 4}, {"I16", 2}, {"I8", 1},  {"U64", 8},  {"U32", 4},
                 {"U16", 2}, {"U8", 1},  {"BOOL", 1}};
    for (size_t i = 0; i < GRT_COUNT_OF(types); i++)
        if (strcmp(types[i].name, dtype) == 0)
            return types[i].size;
    return 0;
}

/* One tensor's entry. NULL when it is sound, else what is wrong. *is_float: it is F32. */
static const char *read_tensor(const GrtJson *entry, uint64_t data_bytes, GrtTensor *tensor,
                               bool *is_float)
{
    const GrtJson *dtype = grt_json_get(entry, "dtype"), *shape = grt_json_get(entry, "shape");
    const GrtJson *offsets = grt_json_get(entry, "data_offsets");
    int64_t begin, end, size, limit = (int64_t)data_bytes;
    if (dtype == NULL || dtype->type != GRT_JSON_STRING || (size = dtype_size(dtype->string)) == 0)
        return "a tensor's dtype is missing or unknown";
    if (shape == NULL || shape->type != GRT_JSON_ARRAY)
        return "a tensor has no shape";
    for (const GrtJson *dim = shape->child; dim != NULL; dim = dim->next) {
        int64_t value;
        if (tensor->rank == GRT_COUNT_OF(tensor->dims) ||
            !grt_json_int(dim, 0, INT64_MAX, &value) || __builtin_mul_overflow(size, value, &size))
            return "a tensor's shape is wrong";
        tensor->dims[tensor->rank++] = value;
    }
    if (offsets == NULL || offsets->type != GRT_JSON_ARRAY || offsets->child == NULL ||
        offsets->child->next == NULL || offsets->child->next->next != NULL ||
        !grt_json_int(offsets->child, 0, limit, &begin) ||
        !grt_json_int(offsets->child->next, begin, limit, &end))
        return "a tensor's data lie outside of the file";
    if (end - begin != size)
        return "a tensor's shape and data differ in size";
    tensor->offset = (uint64_t)begin;
    tensor->bytes = (uint64_t)size;
    *is_float = strcmp(dtype->string, "F32") == 0;
    return NULL;
}

/* All tensors of a header. tensors has room for every member. */
static const char *read_header(const GrtJson *root, uint64_t data_bytes, GrtTensor *tensors,
                               size_t *n_tensors)
{
    if (root == NULL || root->type != GRT_JSON_OBJECT)
        return "its header is no JSON object";
    for (const GrtJson *entry = root->child; entry != NULL; entry = entry->next) {
        GrtTensor tensor = {0};
        bool is_float = false;
        if (strcmp(entry->key, "__metadata__") == 0) {
            for (const GrtJson *m = entry->child; m != NULL; m = m->next)
                if (entry->type != GRT_JSON_OBJECT || m->type != GRT_JSON_STRING)
                    return "its metadata are no strings";
            continue;
        }
        const char *why = read_tensor(entry, data_bytes, &tensor, &is_float);
        if (why != NULL)
            return why;
        if (is_float) {
            tensor.name = (char *)(uintptr_t)entry->key;
            tensors[(*n_tensors)++] = tensor;
        }
    }
    return NULL;
}

static size_t count_members(const GrtJson *root)
{
    size_t n = 0;
    for (const GrtJson *m = root ? root->child : NULL; m != NULL; m = m->next)
        n++;
    return n;
}

const char *grt_tensors_check(const char *header, size_t n, uint64_t data_bytes)
{
    size_t n_tensors = 0;
    GrtJson *root = grt_json_parse(header, n);
    GrtTensor *tensors = grt_alloc(count_members(root), sizeof *tensors);
    const char *why = read_header(root, data_bytes, tensors, &n_tensors);
    free(tensors);
    grt_json_free(root);
    return why;
}

GrtTensorFile *grt_tensors_open(const char *path)
{
    GrtTensorFile *file = grt_alloc(1, sizeof *file);
    struct stat st;
    unsigned char start[8];
    uint64_t n = 0;
    file->path = path;
    file->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (file->fd < 0 || fstat(file->fd, &st) != 0)
        grt_die(GRT_EXIT_FILE, "cannot read '%s': %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        grt_die(GRT_EXIT_FILE, "cannot read '%s': not a regular file", path);
    if (st.st_size < 8 || !grt_read_at(file->fd, start, 8, 0))
        grt_die(GRT_EXIT_WEIGHTS, "'%s' is no safetensors file: it is too short", path);
    for (int i = 7; i >= 0; i--)
        n = n << 8 | start[i];
    if (n > MAX_HEADER || n > (uint64_t)st.st_size - 8)
        grt_die(GRT_EXIT_WEIGHTS, "'%s' is no safetensors file, or cut off", path);
    char *text = grt_alloc((size_t)n + 1, 1);
    if (!grt_read_at(file->fd, text, (size_t)n, 8))
        grt_die(GRT_EXIT_FILE, "cannot read '%s': %s", path, strerror(errno));
    file->header = grt_json_parse(text, (size_t)n);
    free(text);
    file->tensors = grt_alloc(count_members(file->header), sizeof *file->tensors);
    const char *why =
        read_header(file->header, (uint64_t)st.st_size - 8 - n, file->tensors, &file->n_tensors);
    if (why != NULL)
        grt_die(GRT_EXIT_WEIGHTS, "'%s' is a damaged safetensors file: %s", path, why);
    file->metadata = grt_json_get(file->header, "__metadata__");
    for (size_t i = 0; i < file->n_tensors; i++)
        file->tensors[i].offset += 8 + n;
    return file;
}

void grt_tensors_close(GrtTensorFile *file)
{
    close(file->fd);
    grt_json_free(file->header);
    free(file->tensors);
    free(file);
}

const GrtTensor *grt_tensors_find(const GrtTensorFile *file, const char *name)
{
    for (size_t i = 0; i < file->n_tensors; i++)
        if (strcmp(file->tensors[i].name, name) == 0)
            return &file->tensors[i];
    return NULL;
}

const char *grt_tensors_meta(const GrtTensorFile *file, const char *key)
{
    const GrtJson *value = grt_json_get(file->metadata, key);
    return value ? value->string : NULL;
}
