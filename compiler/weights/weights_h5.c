/* weights_h5.c - reads Keras's legacy HDF5 weights: a file of save_weights, or a whole model's. The
 * only file that includes <hdf5.h>.
 *
 * The root (or its group model_weights) has the attribute layer_names; each layer's group has
 * weight_names. Long lists are split over layer_names0, layer_names1, ... A model inside of a model
 * is one group whose weight names begin with the inner layers' names. */
#include "compiler/base/base.h"
#include "compiler/weights/weights_file.h"

#include <hdf5.h>
#include <stdlib.h>

enum { MAX_NAME = 1024, MAX_NAMES = 1 << 20 };
#define MAX_ELEMENTS (INT64_C(1) << 33)

typedef struct H5 {
    Ctx *ctx;
    const char *path;
    WeightFile *file;
} H5;

_Noreturn static void damaged(const H5 *h, const char *what)
{
    fatal(h->ctx, EXIT_WEIGHTS, "%s: %s", h->path, what);
}

typedef ARR(const char *) Names;

/* Appends the strings of one attribute, of fixed or variable length. */
static void read_names(const H5 *h, hid_t attr, Names *names)
{
    hid_t space = H5Aget_space(attr), type = H5Aget_type(attr);
    hssize_t n = H5Sget_simple_extent_npoints(space);
    /* an empty list has no strings, so no type of strings either */
    if (n < 0 || n > MAX_NAMES || (n > 0 && H5Tget_class(type) != H5T_STRING))
        damaged(h, "a list of names is no list of names");
    size_t size = H5Tget_size(type);
    if (n == 0) {
        H5Tclose(type);
        H5Sclose(space);
        return;
    }
    if (H5Tis_variable_str(type) > 0) {
        char **text = arena_array(h->ctx->arena, char *, n + 1);
        if (H5Aread(attr, type, text) < 0)
            damaged(h, "a list of names cannot be read");
        for (hssize_t i = 0; i < n; i++)
            *arr_push(h->ctx->arena, names) = arena_strdup(h->ctx->arena, text[i] ? text[i] : "");
        H5Dvlen_reclaim(type, space, H5P_DEFAULT, text);
    } else {
        if (size == 0 || size > MAX_NAME)
            damaged(h, "a list of names has names of impossible length");
        char *text = arena_alloc(h->ctx->arena, size * (size_t)n + 1);
        if (H5Aread(attr, type, text) < 0)
            damaged(h, "a list of names cannot be read");
        for (hssize_t i = 0; i < n; i++) {
            const char *one = text + size * (size_t)i;
            *arr_push(h->ctx->arena, names) = arena_strndup(h->ctx->arena, one, strnlen(one, size));
        }
    }
    H5Tclose(type);
    H5Sclose(space);
}

/* The attribute `name`, or its parts name0, name1, ...; false when there is neither. */
static bool read_list(const H5 *h, hid_t group, const char *name, Names *names)
{
    bool found = false;
    for (int part = -1; part < MAX_NAMES; part++) {
        const char *key = part < 0 ? name : arena_printf(h->ctx->arena, "%s%d", name, part);
        if (H5Aexists(group, key) <= 0) {
            if (part < 0)
                continue;
            break;
        }
        hid_t attr = H5Aopen(group, key, H5P_DEFAULT);
        if (attr < 0)
            damaged(h, "an attribute cannot be read");
        read_names(h, attr, names);
        H5Aclose(attr);
        found = true;
        if (part < 0)
            break;
    }
    return found;
}

static WeightArray read_array(const H5 *h, hid_t group, const char *layer, const char *name)
{
    hid_t set = H5Dopen2(group, name, H5P_DEFAULT);
    if (set < 0)
        fatal(h->ctx, EXIT_WEIGHTS, "%s: layer '%s' names the array '%s', which is not there",
              h->path, layer, name);
    hid_t space = H5Dget_space(set), type = H5Dget_type(set);
    int rank = H5Sget_simple_extent_ndims(space);
    hsize_t dims[8] = {0};
    if (rank < 0 || rank > 8 || H5Sget_simple_extent_dims(space, dims, NULL) < 0 ||
        (H5Tget_class(type) != H5T_FLOAT && H5Tget_class(type) != H5T_INTEGER))
        fatal(h->ctx, EXIT_WEIGHTS, "%s: array '%s' of layer '%s' is not an array of numbers",
              h->path, name, layer);
    WeightArray a = {.name = arena_strdup(h->ctx->arena, name), .rank = (uint32_t)rank};
    int64_t n = 1;
    for (int i = 0; i < rank; i++) {
        a.dims[i] = (int64_t)dims[i];
        if (dims[i] > (hsize_t)MAX_ELEMENTS || (n *= a.dims[i]) > MAX_ELEMENTS)
            damaged(h, "an array is impossibly large");
    }
    hsize_t stored = H5Dget_storage_size(set);
    if (n > 0 && stored == 0)
        fatal(h->ctx, EXIT_WEIGHTS, "%s: array '%s' of layer '%s' has no data", h->path, name,
              layer);
    float *data = arena_array(h->ctx->arena, float, n ? n : 1);
    if (n > 0 && H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        fatal(h->ctx, EXIT_WEIGHTS,
              "%s: array '%s' of layer '%s' cannot be read: the file is damaged or cut short",
              h->path, name, layer);
    a.data = data;
    H5Tclose(type);
    H5Sclose(space);
    H5Dclose(set);
    return a;
}

/* Name of the layer that an array of the group belongs to: an inner model's arrays begin with their
 * layer's name; 2016's files and plain layers have one component, or the layer's own name. */
static const char *owner(const H5 *h, const char *layer, const char *array, bool inner)
{
    const char *slash = strrchr(array, '/');
    if (!slash || !inner)
        return layer;
    const char *head = arena_strndup(h->ctx->arena, array, (size_t)(slash - array));
    const char *last = strrchr(head, '/');
    return last ? last + 1 : head;
}

/* A group holds an inner model when its arrays belong to more than one folder. */
static bool is_inner_model(const Names *arrays)
{
    const char *first = NULL;
    size_t length = 0;
    for (uint32_t i = 0; i < arrays->n; i++) {
        const char *slash = strrchr(arrays->at[i], '/');
        size_t n = slash ? (size_t)(slash - arrays->at[i]) : 0;
        if (first && (n != length || memcmp(first, arrays->at[i], n)))
            return true;
        first = arrays->at[i];
        length = n;
    }
    return false;
}

static void read_layer(const H5 *h, hid_t root, const char *name)
{
    hid_t group = H5Gopen2(root, name, H5P_DEFAULT);
    Names arrays = {0};
    if (group < 0)
        fatal(h->ctx, EXIT_WEIGHTS, "%s: layer '%s' is listed but not there", h->path, name);
    if (!read_list(h, group, "weight_names", &arrays))
        fatal(h->ctx, EXIT_WEIGHTS, "%s: layer '%s' has no list of weights", h->path, name);
    bool inner = is_inner_model(&arrays);
    for (uint32_t i = 0; i < arrays.n; i++) {
        WeightArray a = read_array(h, group, name, arrays.at[i]);
        weights_file_add(h->ctx, h->file, owner(h, name, arrays.at[i], inner), a);
    }
    H5Gclose(group);
}

void weights_h5_read(Ctx *ctx, const char *path, WeightFile *file)
{
    H5 h = {.ctx = ctx, .path = path, .file = file};
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    hid_t id = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (id < 0)
        damaged(&h, "not a readable HDF5 file: damaged or cut short");
    hid_t root = id;
    if (H5Aexists(id, "layer_names") <= 0 && H5Aexists(id, "layer_names0") <= 0) {
        bool whole = H5Lexists(id, "model_weights", H5P_DEFAULT) > 0;
        root = whole ? H5Gopen2(id, "model_weights", H5P_DEFAULT) : id;
        if (!whole && (H5Lexists(id, "layers", H5P_DEFAULT) > 0 ||
                       H5Lexists(id, "_layer_checkpoint_dependencies", H5P_DEFAULT) > 0))
            damaged(&h, "a Keras 3 .weights.h5 file; save the legacy layout instead: "
                        "model.save('model.h5')");
        if (root < 0)
            damaged(&h, "its group model_weights cannot be read");
    }
    Names layers = {0};
    if (!read_list(&h, root, "layer_names", &layers))
        damaged(&h, "an HDF5 file, but without the layer_names of Keras's weights");
    for (uint32_t i = 0; i < layers.n; i++)
        read_layer(&h, root, layers.at[i]);
    H5Fclose(id);
}
