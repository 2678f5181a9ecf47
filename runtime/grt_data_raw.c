/* grt_data_raw.c - data sets that are arrays already: CIFAR-10's binary batches and NumPy files. */
#include "runtime/grt_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ----------------------------------------------------------------- CIFAR-10 */

enum { CIFAR_SIDE = 32, CIFAR_PLANE = 1024, CIFAR_RECORD = 1 + 3 * CIFAR_PLANE };

/* Names from batches.meta.txt where it stands beside the batches, else the ten of the data set. */
static void cifar_classes(const char *folder, GrtClasses *classes)
{
    static const char *const usual[] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                        "dog",      "frog",       "horse", "ship", "truck"};
    size_t n;
    char *path = grt_format("%s/batches.meta.txt", folder);
    char *text = grt_read_whole(path, 1 << 16, &n), *rest = text;
    classes->names = grt_alloc(10, sizeof(char *));
    for (char *line; classes->n < 10 && (line = strsep(&rest, "\r\n")) != NULL;)
        if (*line != '\0')
            classes->names[classes->n++] = line;
    if (classes->n < 10)
        for (classes->n = 0; classes->n < 10; classes->n++)
            classes->names[classes->n] = grt_format("%s", usual[classes->n]);
    free(path);
}

/* The batch files that a path means: itself, or those of a folder. */
static int64_t cifar_files(const char *path, bool test, char *files[5])
{
    struct stat st;
    int64_t n = 0;
    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
        files[n++] = grt_format("%s", path);
        return n;
    }
    if (test) {
        files[n++] = grt_format("%s/test_batch.bin", path);
    } else {
        for (; n < 5; n++)
            files[n] = grt_format("%s/data_batch_%lld.bin", path, (long long)n + 1);
    }
    return n;
}

/* One record: a label and three planes of 32 x 32. */
static void cifar_record(const GrtProgram *program, GrtDataset *data, int64_t i,
                         const uint8_t *record, const char *path)
{
    uint8_t rgb[3 * CIFAR_PLANE];
    if (record[0] >= program->n_classes)
        grt_die(GRT_EXIT_DATA, "'%s' has the label %d, but there are %lld classes", path, record[0],
                (long long)program->n_classes);
    for (int p = 0; p < CIFAR_PLANE; p++)
        for (int c = 0; c < 3; c++)
            rgb[3 * p + c] = record[1 + c * CIFAR_PLANE + p];
    data->labels[i] = record[0];
    GrtPixels pixels = {rgb, CIFAR_SIDE, CIFAR_SIDE, 3};
    grt_data_put(program, data, i, &pixels);
}

void grt_data_cifar10(const GrtProgram *program, bool test, const char *path, GrtDataset *data)
{
    char *files[5], *bytes[5];
    size_t sizes[5];
    int64_t n_files = cifar_files(path, test, files), n = 0;
    cifar_classes(path, &data->classes);
    if (program->n_classes != data->classes.n)
        grt_data_wrong_classes(program, path, &data->classes);
    if (program->channels != 1 && program->channels != 3)
        grt_die(GRT_EXIT_DATA, "CIFAR-10 has 3 channels, the model's input has %lld",
                (long long)program->channels);
    for (int64_t f = 0; f < n_files; f++) {
        bytes[f] = grt_read_whole(files[f], (size_t)1 << 32, &sizes[f]);
        if (bytes[f] == NULL)
            grt_die(GRT_EXIT_FILE, "cannot read '%s': %s", files[f], strerror(errno));
        if (sizes[f] == 0 || sizes[f] % CIFAR_RECORD != 0)
            grt_die(GRT_EXIT_DATA, "'%s' is no CIFAR-10 batch: %zu bytes are no multiple of %d",
                    files[f], sizes[f], CIFAR_RECORD);
        n += (int64_t)(sizes[f] / CIFAR_RECORD);
    }
    grt_data_reserve(program, data, n);
    for (int64_t f = 0, i = 0; f < n_files; f++) {
        for (size_t at = 0; at < sizes[f]; at += CIFAR_RECORD)
            cifar_record(program, data, i++, (const uint8_t *)bytes[f] + at, files[f]);
        free(bytes[f]);
        free(files[f]);
    }
}

/* --------------------------------------------------------------------- NPY */

typedef struct Npy {
    const char *path;
    int fd;
    char kind; /* 'u' or 'i' */
    int elem_size;
    int rank;
    int64_t dims[4];
    int64_t n; /* elements */
    uint64_t offset;
} Npy;

/* Where the value of a key of the header's dictionary begins. */
static const char *npy_value(const Npy *npy, const char *header, const char *key)
{
    char quoted[32];
    snprintf(quoted, sizeof quoted, "'%s':", key);
    const char *at = strstr(header, quoted);
    if (at == NULL)
        grt_die(GRT_EXIT_DATA, "'%s' is no NumPy file: its header lacks %s", npy->path, key);
    at += strlen(quoted);
    return at + strspn(at, " ");
}

static void npy_shape(Npy *npy, const char *at)
{
    bool ok = *at++ == '(';
    npy->n = 1;
    while (ok && *(at += strspn(at, " ,")) != ')') {
        char *end;
        errno = 0;
        long long dim = strtoll(at, &end, 10);
        ok = end != at && errno == 0 && dim > 0 && npy->rank < 4 &&
             !__builtin_mul_overflow(npy->n, dim, &npy->n);
        if (ok)
            npy->dims[npy->rank++] = dim;
        at = end;
    }
    if (!ok || npy->rank == 0)
        grt_die(GRT_EXIT_DATA, "'%s' has no shape that can be used (1 to 4 dimensions, none 0)",
                npy->path);
}

/* Opens an array of integers in C order and checks that the file is as long as its shape says. */
static Npy npy_open(const char *path)
{
    Npy npy = {.path = path};
    struct stat st;
    unsigned char start[12];
    npy.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (npy.fd < 0 || fstat(npy.fd, &st) != 0)
        grt_die(GRT_EXIT_FILE, "cannot read '%s': %s", path, strerror(errno));
    if (st.st_size < 12 || !grt_read_at(npy.fd, start, sizeof start, 0) ||
        memcmp(start, "\x93NUMPY", 6) != 0 || start[6] < 1 || start[6] > 3)
        grt_die(GRT_EXIT_DATA, "'%s' is no NumPy file", path);
    uint64_t begin = start[6] == 1 ? 10 : 12;
    uint64_t n = start[8] | (uint64_t)start[9] << 8;
    if (start[6] > 1)
        n |= (uint64_t)start[10] << 16 | (uint64_t)start[11] << 24;
    char *header = grt_alloc(n < 65536 ? n + 1 : 1, 1);
    if (n >= 65536 || !grt_read_at(npy.fd, header, n, begin))
        grt_die(GRT_EXIT_DATA, "'%s' is a damaged NumPy file", path);
    npy.offset = begin + n;
    const char *type = npy_value(&npy, header, "descr");
    if (strncmp(npy_value(&npy, header, "fortran_order"), "False", 5) != 0)
        grt_die(GRT_EXIT_DATA, "'%s' is in Fortran order; save it in C order", path);
    npy_shape(&npy, npy_value(&npy, header, "shape"));
    bool ok = *type++ == '\'' && (*type == '<' || *type == '|');
    npy.kind = ok ? type[1] : '?';
    npy.elem_size = ok && type[2] && type[3] == '\'' ? type[2] - '0' : 0;
    if ((npy.kind != 'u' && npy.kind != 'i') ||
        (npy.elem_size != 1 && npy.elem_size != 2 && npy.elem_size != 4 && npy.elem_size != 8))
        grt_die(GRT_EXIT_DATA, "'%s' does not hold little-endian integers", path);
    uint64_t bytes;
    if (__builtin_mul_overflow((uint64_t)npy.n, (uint64_t)npy.elem_size, &bytes) ||
        bytes != (uint64_t)st.st_size - npy.offset)
        grt_die(GRT_EXIT_DATA, "'%s' is not as long as its shape says", path);
    free(header);
    return npy;
}

static void npy_read(const Npy *npy, void *out, uint64_t offset, size_t n)
{
    if (!grt_read_at(npy->fd, out, n, npy->offset + offset))
        grt_die(GRT_EXIT_FILE, "cannot read '%s': %s", npy->path, strerror(errno));
}

static int64_t npy_element(const Npy *npy, const unsigned char *at)
{
    uint64_t value = 0;
    for (int b = npy->elem_size - 1; b >= 0; b--)
        value = value << 8 | at[b];
    if (npy->kind == 'i' && npy->elem_size < 8 && at[npy->elem_size - 1] >> 7)
        value |= ~(uint64_t)0 << 8 * npy->elem_size;
    return (int64_t)value;
}

static void npy_labels(const GrtProgram *program, const char *path, GrtDataset *data)
{
    Npy npy = npy_open(path);
    if (npy.dims[0] != data->n || npy.n != data->n)
        grt_die(GRT_EXIT_DATA, "'%s' has %lld labels, but there are %lld images", path,
                (long long)npy.n, (long long)data->n);
    unsigned char *bytes = grt_alloc((size_t)npy.n, (size_t)npy.elem_size);
    npy_read(&npy, bytes, 0, (size_t)npy.n * (size_t)npy.elem_size);
    for (int64_t i = 0; i < npy.n; i++) {
        int64_t label = npy_element(&npy, bytes + i * npy.elem_size);
        if (label < 0 || label >= program->n_classes)
            grt_die(GRT_EXIT_DATA,
                    "'%s' has the label %lld (of image %lld), but the model has %lld classes, "
                    "0 to %lld",
                    path, (long long)label, (long long)i, (long long)program->n_classes,
                    (long long)program->n_classes - 1);
        data->labels[i] = (int32_t)label;
    }
    free(bytes);
    close(npy.fd);
}

void grt_data_npy(const GrtProgram *program, const char *path, GrtDataset *data)
{
    char *images = grt_format("%s/images.npy", path), *labels = grt_format("%s/labels.npy", path);
    Npy npy = npy_open(images);
    int64_t channels = npy.rank == 4 ? npy.dims[3] : 1;
    bool fits =
        channels == program->channels ||
        ((channels == 1 || channels == 3) && (program->channels == 1 || program->channels == 3));
    if (npy.kind != 'u' || npy.elem_size != 1 || npy.rank < 3 || !fits)
        grt_die(GRT_EXIT_DATA, "'%s' must be uint8 of shape (images, height, width, %lld)", images,
                (long long)program->channels);
    grt_data_reserve(program, data, npy.dims[0]);
    data->classes.n = program->n_classes;
    size_t bytes = (size_t)(npy.n / npy.dims[0]);
    uint8_t *one = grt_alloc(bytes, 1);
    for (int64_t i = 0; i < data->n; i++) {
        GrtPixels pixels = {one, npy.dims[1], npy.dims[2], (int)channels};
        npy_read(&npy, one, (uint64_t)i * bytes, bytes);
        grt_data_put(program, data, i, &pixels);
    }
    free(one);
    close(npy.fd);
    npy_labels(program, labels, data);
    free(images);
    free(labels);
}
