/* weights_h5.c - reads Keras's HDF5 weights, of two layouts. The only file that includes <hdf5.h>.
 *
 * Legacy, of save_weights or of a whole model: the root (or its group model_weights) has the
 * attribute layer_names; each layer's group has weight_names. Long lists are split over
 * layer_names0, layer_names1, ... A model inside of a model is one group whose weight names begin
 * with the inner layers' names.
 *
 * Keras 3's .weights.h5: a layer is a group with a group `vars`, whose arrays are 0, 1, ... and
 * whose attribute `name` is the layer's name; the groups themselves are counted by class. A model
 * inside of a model is a group with layers in it. */
#include "compiler/base/base.h"
#include "compiler/weights/weights_file.h"

#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    MAX_NAME = 1024,
    MAX_NAMES = 1 << 20,
    MAX_DEPTH = 32,
    MAX_GROUPS = 1 << 16,
    TRIAL_SECONDS = 20
};
#define MAX_ELEMENTS (INT64_C(1) << 33)

typedef struct H5 {
    Ctx *ctx;
    const char *path;
    WeightFile *file;
    uint32_t n_groups; /* seen so far in a .weights.h5 */
    bool trial;        /* names and shapes only */
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

static const float *read_floats(const H5 *h, hid_t set, const char *layer, const char *name,
                                int64_t n)
{
    if (h->trial)
        return NULL;
    float *data = arena_array(h->ctx->arena, float, n ? n : 1);
    if (n > 0 && H5Dget_storage_size(set) == 0)
        fatal(h->ctx, EXIT_WEIGHTS, "%s: array '%s' of layer '%s' has no data", h->path, name,
              layer);
    if (n > 0 && H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        fatal(h->ctx, EXIT_WEIGHTS,
              "%s: array '%s' of layer '%s' cannot be read: the file is damaged or cut short",
              h->path, name, layer);
    return data;
}

/* Adds an array of the group to the layer of that name. Whole numbers are no weights, but counters
 * and seeds, and are passed over. */
static void read_array(const H5 *h, hid_t group, const char *layer, const char *inner,
                       const char *name)
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
        if (dims[i] > 0 && (hsize_t)n > (hsize_t)MAX_ELEMENTS / dims[i])
            damaged(h, "an array is impossibly large");
        a.dims[i] = (int64_t)dims[i];
        n *= a.dims[i];
    }
    if (H5Tget_class(type) == H5T_FLOAT) {
        a.data = read_floats(h, set, layer, name, n);
        weights_file_add(h->ctx, h->file, layer, inner, a);
    }
    H5Tclose(type);
    H5Sclose(space);
    H5Dclose(set);
}

/* The last folder in an array's name, NULL when it has none: "net/stem/kernel:0" is stem's. */
static const char *folder(const H5 *h, const char *array)
{
    const char *slash = strrchr(array, '/');
    if (!slash)
        return NULL;
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
    /* with one folder of another name it is a model of one layer, or Keras 2 counted the name on */
    bool inner = is_inner_model(&arrays);
    for (uint32_t i = 0; i < arrays.n; i++) {
        const char *own = folder(h, arrays.at[i]);
        if (own && inner)
            read_array(h, group, own, NULL, arrays.at[i]);
        else
            read_array(h, group, name, own && strcmp(own, name) ? own : NULL, arrays.at[i]);
    }
    H5Gclose(group);
}

static void read_legacy(const H5 *h, hid_t root)
{
    Names layers = {0};
    if (!read_list(h, root, "layer_names", &layers))
        damaged(h, "an HDF5 file, but without the layer_names of Keras's weights");
    for (uint32_t i = 0; i < layers.n; i++)
        read_layer(h, root, layers.at[i]);
}

/* ------------------------------------------------------------- Keras 3's .weights.h5 */

/* The arrays 0, 1, ... of a group `vars`. */
static void read_vars(const H5 *h, hid_t vars)
{
    Names name = {0};
    for (int i = 0; i < MAX_NAMES; i++) {
        const char *array = arena_printf(h->ctx->arena, "%d", i);
        if (H5Lexists(vars, array, H5P_DEFAULT) <= 0)
            return;
        if (!name.n && (!read_list(h, vars, "name", &name) || !name.n))
            damaged(h, "a .weights.h5 file without the names of its layers, as early versions of "
                       "Keras 3 wrote it; save the whole model instead: model.save('model.h5')");
        read_array(h, vars, name.at[0], NULL, array);
    }
}

/* The group's own layer and those of the groups in it. Hard links only: nothing outside is read. */
static void read_groups(H5 *h, hid_t group, uint32_t depth)
{
    H5G_info_t info;
    if (++h->n_groups > MAX_GROUPS || depth > MAX_DEPTH || H5Gget_info(group, &info) < 0)
        damaged(h, "its groups are damaged or too many");
    for (hsize_t i = 0; i < info.nlinks; i++) {
        char name[MAX_NAME];
        H5L_info_t link;
        ssize_t n = H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name,
                                       H5P_DEFAULT);
        if (n < 0 || n >= MAX_NAME || H5Lget_info(group, name, &link, H5P_DEFAULT) < 0)
            damaged(h, "its groups are damaged");
        if (link.type != H5L_TYPE_HARD || (depth == 0 && strcmp(name, "optimizer") == 0))
            continue;
        hid_t id = H5Oopen(group, name, H5P_DEFAULT);
        if (id < 0)
            damaged(h, "its groups are damaged");
        if (H5Iget_type(id) == H5I_GROUP) {
            if (strcmp(name, "vars") == 0)
                read_vars(h, id);
            else
                read_groups(h, id, depth + 1);
        }
        H5Oclose(id);
    }
}

static void read_file(H5 *h)
{
    hid_t id = H5Fopen(h->path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (id < 0)
        damaged(h, "not a readable HDF5 file: damaged or cut short");
    bool legacy = H5Aexists(id, "layer_names") > 0 || H5Aexists(id, "layer_names0") > 0;
    if (!legacy && H5Lexists(id, "model_weights", H5P_DEFAULT) > 0) {
        hid_t root = H5Gopen2(id, "model_weights", H5P_DEFAULT);
        if (root < 0)
            damaged(h, "its group model_weights cannot be read");
        read_legacy(h, root);
        H5Gclose(root);
    } else if (!legacy && (H5Lexists(id, "layers", H5P_DEFAULT) > 0 ||
                           H5Lexists(id, "_layer_checkpoint_dependencies", H5P_DEFAULT) > 0)) {
        read_groups(h, id, 0);
    } else {
        read_legacy(h, id);
    }
    H5Fclose(id);
}

/* The child's part of the trial: what goes wrong in a way that is known, the parent finds, too. */
_Noreturn static void try_file(H5 *h)
{
    struct rlimit no_core = {0};
    int null = open("/dev/null", O_WRONLY);
    if (null >= 0)
        dup2(null, STDERR_FILENO);
    setrlimit(RLIMIT_CORE, &no_core);
    alarm(TRIAL_SECONDS);
    h->trial = true;
    if (setjmp(h->ctx->landing) == 0)
        read_file(h);
    _exit(0);
}

/* libhdf5 itself crashes or hangs on some damaged files, on their lists of names above all: a child
 * reads those first. */
static void survive_trial(H5 *h)
{
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        try_file(h);
    if (child < 0)
        return; /* no process to be had: go on without */
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        damaged(h, "damaged: the library for HDF5 cannot read its names");
}

void weights_h5_read(Ctx *ctx, const char *path, WeightFile *file)
{
    H5 h = {.ctx = ctx, .path = path, .file = file};
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    survive_trial(&h);
    read_file(&h);
}
