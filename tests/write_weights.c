/* write_weights.c - a test's tool: writes a weight file of made-up values in a given layout.
 *
 *   write_weights LAYOUT FILE [OPTION...] < LIST
 *
 * LIST has a line an array: LAYER ARRAY DIMS KEY, as in `conv1 conv1_W_1:0 7x7x3x64
 * conv1_conv/kernel`; the lines of a layer stand together. The values depend on KEY and DIMS alone,
 * so two files in which the same keys have other names hold the same numbers; all are multiples of
 * 2^-10 and small, and so the same in float16. Layouts:
 *
 *   legacy   Keras's HDF5: layer_names, weight_names
 *   whole    the same within model_weights, beside optimizer_weights, as model.save writes it
 *   keras3   Keras 3's .weights.h5: groups of any name, arrays 0, 1, ..., layers' names as
 * attributes torch    safetensors with PyTorch's names and order of dimensions (DIMS are Keras's)
 *
 * Options, of the HDF5 layouts: variable (names of variable length), split=N (lists of names in
 * parts of N), f16, f64, gzip (chunks), nameless (no layers' names, keras3). salt=N: other values.
 */
#include "compiler/base/base.h"

#include <hdf5.h>
#include <math.h>
#include <stdlib.h>

typedef struct Entry {
    char layer[128], array[128], key[128];
    int64_t dims[4], n;
    int rank;
} Entry;

typedef struct Options {
    bool variable, gzip, nameless;
    uint32_t split, salt;
    int bits;
} Options;

static _Noreturn void trouble(const char *what, const char *about)
{
    fprintf(stderr, "write_weights: %s: %s\n", about, what);
    exit(2);
}

static hid_t good(hid_t id, const char *what)
{
    if (id < 0)
        trouble("HDF5 failed", what);
    return id;
}

/* ---------------------------------------------------------------------- the list */

static Entry read_entry(const char *line)
{
    Entry e = {.n = 1};
    char dims[64];
    if (sscanf(line, "%127s %127s %63s %127s", e.layer, e.array, dims, e.key) != 4)
        trouble("not LAYER ARRAY DIMS KEY", line);
    for (char *at = dims; *at && e.rank < 4; at += *at == 'x')
        e.n *= e.dims[e.rank++] = strtoll(at, &at, 10);
    return e;
}

static Entry *read_list(uint32_t *n)
{
    static char line[1024];
    Entry *entries = NULL;
    for (*n = 0; fgets(line, sizeof line, stdin); ++*n) {
        entries = realloc(entries, (*n + 1) * sizeof *entries);
        if (!entries)
            trouble("out of memory", "list");
        entries[*n] = read_entry(line);
    }
    return entries;
}

/* Kernels keep the size of what goes through them; scales and variances are about 1. */
static float *values(const Entry *e, uint32_t salt)
{
    uint32_t state = 2166136261u + salt;
    for (const char *c = e->key; *c; c++)
        state = (state ^ (unsigned char)*c) * 16777619u;
    bool scale = strstr(e->key, "/gamma") || strstr(e->key, "/moving_variance");
    int64_t rows = e->n / e->dims[e->rank - 1];
    double size = e->rank > 1 ? sqrt(6.0 / (double)rows) : scale ? 0.4 : 0.2;
    float *out = malloc((size_t)e->n * sizeof *out);
    if (!out)
        trouble("out of memory", e->key);
    for (int64_t i = 0; i < e->n; i++) {
        state = state * 1664525u + 1013904223u;
        double unit = (double)(state >> 8) / (1 << 23) - 1;
        out[i] = (float)((round(unit * size * 1024) + (scale ? 1024 : 0)) / 1024);
        if (strcmp(e->key, "0") == 0)
            out[i] = 0;
    }
    return out;
}

/* -------------------------------------------------------------------------- HDF5 */

static void write_names(hid_t group, const char *key, const char *const *names, uint32_t n,
                        const Options *options)
{
    size_t longest = 1;
    for (uint32_t i = 0; i < n; i++)
        longest = strlen(names[i]) > longest ? strlen(names[i]) : longest;
    hsize_t count = n;
    hid_t space = H5Screate_simple(1, &count, NULL), type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, options->variable ? H5T_VARIABLE : longest);
    H5Tset_strpad(type, options->variable ? H5T_STR_NULLTERM : H5T_STR_NULLPAD);
    hid_t attr = good(H5Acreate2(group, key, type, space, H5P_DEFAULT, H5P_DEFAULT), key);
    char *fixed = calloc(n + 1, longest);
    for (uint32_t i = 0; fixed && i < n; i++)
        memcpy(fixed + i * longest, names[i], strlen(names[i]));
    good(H5Awrite(attr, type, options->variable ? (const void *)names : fixed), key);
    free(fixed);
    H5Aclose(attr);
    H5Tclose(type);
    H5Sclose(space);
}

/* The whole list, or with split=N the attributes key0, key1, ... */
static void write_list(hid_t group, const char *key, const char *const *names, uint32_t n,
                       const Options *options)
{
    char part[64];
    if (!options->split || n <= options->split) {
        write_names(group, key, names, n, options);
        return;
    }
    for (uint32_t i = 0; i * options->split < n; i++) {
        uint32_t first = i * options->split, rest = n - first;
        snprintf(part, sizeof part, "%s%u", key, i);
        write_names(group, part, names + first, rest < options->split ? rest : options->split,
                    options);
    }
}

static hid_t stored_type(int bits)
{
    hid_t type = H5Tcopy(bits == 64 ? H5T_IEEE_F64LE : H5T_IEEE_F32LE);
    if (bits == 16 && (H5Tset_fields(type, 15, 10, 5, 0, 10) < 0 || H5Tset_size(type, 2) < 0 ||
                       H5Tset_ebias(type, 15) < 0))
        trouble("no such type", "float16");
    return type;
}

static void write_array(hid_t group, const char *name, const Entry *e, const Options *options)
{
    hsize_t dims[4], chunk[4];
    for (int i = 0; i < e->rank; i++) {
        dims[i] = (hsize_t)e->dims[i];
        chunk[i] = (dims[i] + 1) / 2;
    }
    hid_t space = H5Screate_simple(e->rank, dims, NULL), type = stored_type(options->bits);
    hid_t links = H5Pcreate(H5P_LINK_CREATE), create = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    if (options->gzip && (H5Pset_chunk(create, e->rank, chunk) < 0 || H5Pset_shuffle(create) < 0 ||
                          H5Pset_deflate(create, 6) < 0))
        trouble("no compression", name);
    hid_t set = good(H5Dcreate2(group, name, type, space, links, create, H5P_DEFAULT), name);
    float *data = values(e, options->salt);
    good(H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), name);
    free(data);
    H5Dclose(set);
    H5Pclose(create);
    H5Pclose(links);
    H5Tclose(type);
    H5Sclose(space);
}

/* Entries of the layer that begins at first. */
static uint32_t layer_size(const Entry *entries, uint32_t n, uint32_t first)
{
    uint32_t end = first;
    while (end < n && strcmp(entries[end].layer, entries[first].layer) == 0)
        end++;
    return end - first;
}

static void write_legacy(hid_t root, const Entry *entries, uint32_t n, const Options *options)
{
    const char **layers = calloc(n + 1, sizeof *layers), **arrays = calloc(n + 1, sizeof *arrays);
    uint32_t n_layers = 0;
    if (!layers || !arrays)
        trouble("out of memory", "names");
    for (uint32_t i = 0, size; i < n; i += size) {
        size = layer_size(entries, n, i);
        layers[n_layers++] = entries[i].layer;
        hid_t group = good(
            H5Gcreate2(root, entries[i].layer, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), "group");
        for (uint32_t k = 0; k < size; k++) {
            arrays[k] = entries[i + k].array;
            write_array(group, arrays[k], &entries[i + k], options);
        }
        write_list(group, "weight_names", arrays, size, options);
        H5Gclose(group);
    }
    write_list(root, "layer_names", layers, n_layers, options);
    free(layers);
    free(arrays);
}

static void write_keras3(hid_t root, const Entry *entries, uint32_t n, const Options *options)
{
    Options named = *options;
    named.split = 0;
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    for (uint32_t i = 0, size; i < n; i += size) {
        char text[64];
        const char *layer = entries[i].layer;
        size = layer_size(entries, n, i);
        snprintf(text, sizeof text, "layers/group_%u/vars", i);
        hid_t vars = good(H5Gcreate2(root, text, links, H5P_DEFAULT, H5P_DEFAULT), text);
        for (uint32_t k = 0; k < size; k++) {
            snprintf(text, sizeof text, "%u", k);
            write_array(vars, text, &entries[i + k], options);
        }
        if (!options->nameless)
            write_names(vars, "name", &layer, 1, &named);
        H5Gclose(vars);
    }
    H5Pclose(links);
}

static void write_h5(const char *layout, const char *path, const Entry *entries, uint32_t n,
                     const Options *options)
{
    hid_t file = good(H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), path), root = file;
    const char *groups[] = {"model_weights", "optimizer_weights"};
    bool whole = !strcmp(layout, "whole");
    for (int i = whole; i >= 0 && whole; i--) {
        if (root != file)
            H5Gclose(root);
        root = good(H5Gcreate2(file, groups[i], H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), groups[i]);
        if (i)
            write_array(root, "adam/learning_rate", &(Entry){.n = 1, .rank = 1, .dims = {1}},
                        options);
    }
    if (!strcmp(layout, "keras3"))
        write_keras3(root, entries, n, options);
    else if (whole || !strcmp(layout, "legacy"))
        write_legacy(root, entries, n, options);
    else
        trouble("no such layout", layout);
    if (root != file)
        H5Gclose(root);
    good(H5Fclose(file), path);
}

/* --------------------------------------------------------------------- safetensors */

/* The array's name at PyTorch's; gamma is a weight as well. */
static const char *torch_name(const char *array)
{
    static const char *const names[][2] = {
        {"kernel", "weight"},
        {"gamma", "weight"},
        {"bias", "bias"},
        {"beta", "bias"},
        {"moving_mean", "running_mean"},
        {"moving_variance", "running_var"},
    };
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (strcmp(names[i][0], array) == 0)
            return names[i][1];
    trouble("no name of PyTorch's", array);
}

/* HWIO to OIHW, (in, out) to (out, in): the last dimension comes first, then the one before it. */
static void write_turned(FILE *out, const Entry *e, const float *data)
{
    int64_t outer = e->dims[e->rank - 1], inner = e->rank > 1 ? e->dims[e->rank - 2] : 1;
    int64_t window = e->n / outer / inner;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++)
            for (int64_t w = 0; w < window; w++)
                fwrite(&data[(w * inner + i) * outer + o], sizeof *data, 1, out);
}

static void write_torch(const char *path, const Entry *entries, uint32_t n, uint32_t salt)
{
    char *header = NULL;
    size_t size = 0, at = 0;
    FILE *text = open_memstream(&header, &size), *out = fopen(path, "wb");
    if (!text || !out)
        trouble("cannot be written", path);
    fputs("{\"__metadata__\":{\"format\":\"pt\"}", text);
    for (uint32_t i = 0; i < n; i++) {
        const Entry *e = &entries[i];
        fprintf(text, ",\"%s.%s\":{\"dtype\":\"F32\",\"shape\":[", e->layer, torch_name(e->array));
        for (int k = 0; k < e->rank; k++) {
            int from = k < 2 ? e->rank - 1 - k : k - 2;
            fprintf(text, "%s%lld", k ? "," : "", (long long)e->dims[from]);
        }
        fprintf(text, "],\"data_offsets\":[%zu,%zu]}", at, at + (size_t)e->n * sizeof(float));
        at += (size_t)e->n * sizeof(float);
        if (strcmp(e->array, "moving_mean") == 0) {
            fprintf(text,
                    ",\"%s.num_batches_tracked\":{\"dtype\":\"I64\",\"shape\":[],"
                    "\"data_offsets\":[0,8]}",
                    e->layer);
        }
    }
    fputs("}", text);
    fclose(text);
    uint64_t length = size;
    fwrite(&length, sizeof length, 1, out);
    fwrite(header, 1, size, out);
    for (uint32_t i = 0; i < n; i++) {
        float *data = values(&entries[i], salt);
        write_turned(out, &entries[i], data);
        free(data);
    }
    free(header);
    if (fclose(out) != 0)
        trouble("cannot be written", path);
}

int main(int argc, char **argv)
{
    Options options = {.bits = 32};
    if (argc < 3)
        trouble("write_weights LAYOUT FILE [OPTION...]", "usage");
    for (int i = 3; i < argc; i++) {
        options.variable |= !strcmp(argv[i], "variable");
        options.gzip |= !strcmp(argv[i], "gzip");
        options.nameless |= !strcmp(argv[i], "nameless");
        if (argv[i][0] == 'f')
            options.bits = atoi(argv[i] + 1);
        if (!strncmp(argv[i], "split=", 6))
            options.split = (uint32_t)atoi(argv[i] + 6);
        if (!strncmp(argv[i], "salt=", 5))
            options.salt = (uint32_t)atoi(argv[i] + 5);
    }
    uint32_t n;
    Entry *entries = read_list(&n);
    if (!strcmp(argv[1], "torch"))
        write_torch(argv[2], entries, n, options.salt);
    else
        write_h5(argv[1], argv[2], entries, n, &options);
    free(entries);
    return 0;
}
