/* grt_data.c - data sets in memory: lists of image files, decoded before anything else starts. */
#include "runtime/grt_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

enum { ERRORS_SHOWN = 20 };
#define MAX_FILE_BYTES ((size_t)1 << 30)

/* ------------------------------------------------------------------- lists */

typedef struct Names {
    char **at;
    int64_t n, cap;
} Names;

static void names_add(Names *names, char *name)
{
    if (names->n == names->cap) {
        names->cap = names->cap ? 2 * names->cap : 64;
        names->at = realloc(names->at, (size_t)names->cap * sizeof(char *));
        if (names->at == NULL)
            grt_die(GRT_EXIT_TRAINING, "out of memory (%lld names)", (long long)names->cap);
    }
    names->at[names->n++] = name;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_image_name(const char *name)
{
    static const char *const endings[] = {GRT_IMAGE_ENDINGS};
    size_t n = strlen(name);
    for (size_t i = 0; i < GRT_COUNT_OF(endings); i++) {
        size_t k = strlen(endings[i]);
        if (n > k && strcasecmp(name + n - k, endings[i]) == 0)
            return true;
    }
    return false;
}

/* Names in a folder, sorted by bytes: its sub-folders, or its image files. Hidden ones do not
 * exist; everything else is counted in *n_ignored. */
static Names list_folder(const char *path, bool folders, int64_t *n_ignored)
{
    Names names = {0};
    struct dirent *entry;
    DIR *folder = opendir(path);
    if (folder == NULL)
        grt_die(GRT_EXIT_FILE, "cannot read the folder '%s': %s", path, strerror(errno));
    for (errno = 0; (entry = readdir(folder)) != NULL; errno = 0) {
        struct stat st;
        if (entry->d_name[0] == '.')
            continue;
        bool there = fstatat(dirfd(folder), entry->d_name, &st, 0) == 0;
        bool wanted = folders ? there && S_ISDIR(st.st_mode)
                              : is_image_name(entry->d_name) && !(there && S_ISDIR(st.st_mode));
        if (wanted)
            names_add(&names, grt_format("%s", entry->d_name));
        else
            ++*n_ignored;
    }
    if (errno != 0)
        grt_die(GRT_EXIT_FILE, "cannot read the folder '%s': %s", path, strerror(errno));
    closedir(folder);
    if (names.n > 0)
        qsort(names.at, (size_t)names.n, sizeof(char *), compare_names);
    return names;
}

/* ----------------------------------------------------------------- classes */

static void add_class_list(GrtText *text, const GrtClasses *classes)
{
    for (int64_t i = 0; i < classes->n && i < 20; i++)
        grt_text_printf(text, "%s%s", i ? ", " : "", classes->names[i]);
    if (classes->n > 20)
        grt_text_puts(text, ", ...");
}

void grt_data_wrong_classes(const GrtProgram *program, const char *path, const GrtClasses *classes)
{
    GrtText list = {0};
    grt_text_puts(&list, "");
    add_class_list(&list, classes);
    grt_die(GRT_EXIT_DATA, "the model has %lld classes, but '%s' has %lld%s%s",
            (long long)program->n_classes, path, (long long)classes->n, list.n ? ": " : "",
            list.at);
}

void grt_data_same_classes(const GrtClasses *a, const char *a_what, const GrtClasses *b,
                           const char *b_what)
{
    if (a->names == NULL || b->names == NULL)
        return;
    for (int64_t i = 0; i < a->n && i < b->n; i++)
        if (strcmp(a->names[i], b->names[i]) != 0)
            grt_die(GRT_EXIT_DATA, "class %lld is '%s' in %s, but '%s' in %s", (long long)i,
                    a->names[i], a_what, b->names[i], b_what);
}

/* ------------------------------------------------------------------ pixels */

void grt_data_reserve(const GrtProgram *program, GrtDataset *data, int64_t n)
{
    uint64_t bytes;
    if (n > INT32_MAX ||
        __builtin_mul_overflow((uint64_t)n, (uint64_t)grt_image_bytes(program), &bytes))
        grt_die(GRT_EXIT_DATA, "%lld images are too many", (long long)n);
    data->n = n;
    data->pixels = grt_map(bytes, "the images");
    data->labels = grt_alloc((size_t)n, sizeof(int32_t));
}

void grt_data_put(const GrtProgram *program, GrtDataset *data, int64_t i, const GrtPixels *pixels)
{
    uint8_t *out = data->pixels + i * grt_image_bytes(program);
    const uint8_t *at = pixels->at;
    uint8_t *converted = NULL;
    int64_t n = pixels->height * pixels->width;
    if (pixels->channels != program->channels) {
        at = converted = grt_alloc((size_t)n, (size_t)program->channels);
        grt_convert_channels(pixels->at, pixels->channels, converted, program->channels, n);
    }
    if (pixels->height == program->height && pixels->width == program->width)
        memcpy(out, at, (size_t)grt_image_bytes(program));
    else
        grt_resize(at, pixels->height, pixels->width, program->channels, out, program->height,
                   program->width);
    free(converted);
}

/* ---------------------------------------------------------------- decoding */

typedef struct Decode {
    const GrtProgram *program;
    GrtDataset *data;
    char **why; /* by image: NULL, or what is wrong with it */
    GrtBar bar;
    bool drawing; /* a thread is at the bar */
    int64_t done;
} Decode;

static void decode_one(void *context, int64_t i)
{
    Decode *d = context;
    char why[GRT_WHY];
    size_t n;
    GrtPixels pixels;
    if (grt_signal_pending())
        return;
    char *bytes = grt_read_whole(d->data->paths[i], MAX_FILE_BYTES, &n);
    if (bytes == NULL) {
        d->why[i] = grt_format("%s", strerror(errno));
    } else if (!grt_decode((const uint8_t *)bytes, n, (int)d->program->channels, &pixels, why)) {
        d->why[i] = grt_format("%s", why);
    } else {
        grt_data_put(d->program, d->data, i, &pixels);
        free(pixels.at);
    }
    free(bytes);
    int64_t done = __atomic_add_fetch(&d->done, 1, __ATOMIC_RELAXED);
    if (done % 64 == 0 && d->bar.terminal &&
        !__atomic_test_and_set(&d->drawing, __ATOMIC_ACQUIRE)) {
        grt_bar_update(&d->bar, done, 0.0, -1.0);
        __atomic_clear(&d->drawing, __ATOMIC_RELEASE);
    }
}

/* Takes the images that could not be decoded out of the data set, or ends the program. */
static void drop_bad(const GrtProgram *program, GrtDataset *data, char **why)
{
    int64_t n_bad = 0, kept = 0, bytes = grt_image_bytes(program);
    for (int64_t i = 0; i < data->n; i++)
        n_bad += why[i] != NULL;
    if (n_bad == 0)
        return;
    for (int64_t i = 0, shown = 0; i < data->n && shown < ERRORS_SHOWN; i++)
        if (why[i] != NULL) {
            (program->skip_bad_files ? grt_note : grt_error)("%s: %s", data->paths[i], why[i]);
            shown++;
        }
    if (n_bad > ERRORS_SHOWN)
        grt_note("... and %lld more", (long long)(n_bad - ERRORS_SHOWN));
    if (!program->skip_bad_files)
        grt_die(GRT_EXIT_DATA,
                "%lld of %lld files cannot be decoded; mend or remove them, or write "
                "`on_error: skip` under `data:` in the spec",
                (long long)n_bad, (long long)data->n);
    for (int64_t i = 0; i < data->n; i++) {
        if (why[i] != NULL)
            continue;
        if (kept != i)
            memcpy(data->pixels + kept * bytes, data->pixels + i * bytes, (size_t)bytes);
        data->labels[kept] = data->labels[i];
        data->paths[kept++] = data->paths[i];
    }
    data->n = kept;
    data->n_skipped = n_bad;
}

/* Decodes data->paths into pixels. */
static void decode_files(const GrtProgram *program, int n_threads, GrtDataset *data)
{
    Decode d = {.program = program, .data = data};
    if (program->channels != 1 && program->channels != 3)
        grt_die(GRT_EXIT_DATA, "image files have 1 or 3 channels, the model's input has %lld",
                (long long)program->channels);
    d.why = grt_alloc((size_t)data->n, sizeof(char *));
    grt_bar_begin(&d.bar, "Decoding", data->n, 0);
    grt_parallel_dynamic(n_threads, decode_one, &d, data->n);
    grt_bar_end(&d.bar);
    if (grt_signal_pending())
        exit(GRT_EXIT_SIGNAL + grt_signal_pending());
    drop_bad(program, data, d.why);
    for (int64_t i = 0; i < d.data->n + d.data->n_skipped; i++)
        free(d.why[i]);
    free(d.why);
}

static void open_image_folder(const GrtProgram *program, int n_threads, const char *path,
                              GrtDataset *data)
{
    int64_t n_ignored = 0;
    Names files = {0};
    Names classes = list_folder(path, true, &n_ignored);
    data->classes = (GrtClasses){classes.at, classes.n};
    if (classes.n != program->n_classes)
        grt_data_wrong_classes(program, path, &data->classes);
    int64_t *ends = grt_alloc((size_t)classes.n, sizeof *ends);
    for (int64_t c = 0; c < classes.n; c++) {
        char *folder = grt_format("%s/%s", path, classes.at[c]);
        Names in_class = list_folder(folder, false, &n_ignored);
        if (in_class.n == 0)
            grt_note("class '%s' has no images in '%s'", classes.at[c], path);
        for (int64_t i = 0; i < in_class.n; i++) {
            names_add(&files, grt_format("%s/%s", folder, in_class.at[i]));
            free(in_class.at[i]);
        }
        free(in_class.at);
        free(folder);
        ends[c] = files.n;
    }
    if (n_ignored > 0)
        grt_note("%lld entries of '%s' are no JPEG or PNG files and are ignored",
                 (long long)n_ignored, path);
    grt_data_reserve(program, data, files.n);
    data->paths = files.at;
    for (int64_t i = 0, c = 0; i < files.n; i++) {
        while (i >= ends[c])
            c++;
        data->labels[i] = (int32_t)c;
    }
    free(ends);
    decode_files(program, n_threads, data);
}

static void hash_data(const GrtProgram *program, GrtDataset *data)
{
    uint64_t shape[] = {(uint64_t)data->n, (uint64_t)program->height, (uint64_t)program->width,
                        (uint64_t)program->channels};
    uint64_t seed = grt_hash(shape, sizeof shape, 0);
    data->hash = grt_hash(data->pixels, (size_t)(data->n * grt_image_bytes(program)), seed);
}

GrtDataset *grt_data_open(const GrtProgram *program, int n_threads, const char *what,
                          const char *path)
{
    GrtDataset *data = grt_alloc(1, sizeof *data);
    double start = grt_now();
    struct stat st;
    if (stat(path, &st) != 0)
        grt_die(GRT_EXIT_FILE, "cannot read the %s data '%s': %s", what, path, strerror(errno));
    switch (program->data_format) {
    case GRT_DATA_IMAGE_FOLDER:
        open_image_folder(program, n_threads, path, data);
        break;
    case GRT_DATA_CIFAR10:
        grt_data_cifar10(program, strcmp(what, "test") == 0, path, data);
        break;
    case GRT_DATA_NPY:
        grt_data_npy(program, path, data);
        break;
    default:
        grt_die(GRT_EXIT_BUG, "unknown data format %u", program->data_format);
    }
    if (data->n == 0)
        grt_die(GRT_EXIT_DATA, "'%s' has no images", path);
    hash_data(program, data);
    fprintf(stderr, "%s: %lld images of %lld classes from %s (%.1f s)", what, (long long)data->n,
            (long long)data->classes.n, path, grt_now() - start);
    if (data->n_skipped > 0)
        fprintf(stderr, ", %lld skipped", (long long)data->n_skipped);
    fputc('\n', stderr);
    return data;
}

GrtDataset *grt_data_files(const GrtProgram *program, int n_threads, char **files, int64_t n_files)
{
    GrtDataset *data = grt_alloc(1, sizeof *data);
    grt_data_reserve(program, data, n_files);
    data->paths = grt_alloc((size_t)n_files, sizeof(char *));
    memcpy(data->paths, files, (size_t)n_files * sizeof(char *));
    decode_files(program, n_threads, data);
    return data;
}
