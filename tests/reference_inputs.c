/* reference_inputs.c - a test's tool: makes the inputs of tests/long/reference.tap that are too big
 * for the repository.
 *
 *   reference_inputs head OUT.safetensors ROWS UNITS...
 *       start weights of the Dense layers `dense`, `dense_1`, ... behind ROWS inputs, by the
 * formula of head_weights() in make_reference.py reference_inputs cifar PIXELS.npy LABELS OUT.bin
 * [N] CIFAR-10's binary form of the first N rows of PIXELS (float32, 32 x 32 x 3 each); the first
 *       word of each line of LABELS is the label */
#include "compiler/base/base.h"

#include <math.h>
#include <stdlib.h>

enum { PLANE = 32 * 32, MAX_LAYERS = 8 };

static _Noreturn void trouble(const char *path, const char *what)
{
    fprintf(stderr, "reference_inputs: %s: %s\n", path, what);
    exit(2);
}

static FILE *open_file(const char *path, const char *mode)
{
    FILE *file = fopen(path, mode);
    if (!file)
        trouble(path, "cannot be opened");
    return file;
}

static void close_written(FILE *file, const char *path)
{
    if (ferror(file) || fclose(file) != 0)
        trouble(path, "cannot be written");
}

/* ------------------------------------------------------------------------ head */

/* A 32-bit mixer (C. Wellons, "lowbias32"). */
static uint32_t hash32(uint32_t x)
{
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;
    return x ^ (x >> 16);
}

/* Uniform in glorot_uniform's range: every operation is exact in float32 but the last product. */
static void write_kernel(FILE *out, uint32_t layer, uint32_t rows, uint32_t cols)
{
    float limit = (float)sqrt(6.0 / ((double)rows + (double)cols));
    for (uint32_t i = 0; i < rows * cols; i++) {
        uint32_t bits = hash32(i + layer * 0x01000000u) >> 8;
        float value = ((float)bits / 0x1p23f - 1.0f) * limit;
        fwrite(&value, sizeof value, 1, out);
    }
}

static void write_head(const char *path, uint32_t n_layers, const uint32_t *sizes)
{
    FILE *out = open_file(path, "wb");
    char header[256 * MAX_LAYERS];
    size_t n = 0;
    uint64_t offset = 0;
    for (uint32_t i = 0; i < n_layers; i++) {
        char name[24] = "dense";
        if (i > 0)
            snprintf(name, sizeof name, "dense_%u", i);
        uint64_t kernel = offset + 4ull * sizes[i] * sizes[i + 1],
                 bias = kernel + 4ull * sizes[i + 1];
        n += (size_t)snprintf(header + n, sizeof header - n,
                              "%c\"%s/kernel\":{\"dtype\":\"F32\",\"shape\":[%u,%u],"
                              "\"data_offsets\":[%llu,%llu]},\"%s/bias\":{\"dtype\":\"F32\","
                              "\"shape\":[%u],\"data_offsets\":[%llu,%llu]}",
                              i == 0 ? '{' : ',', name, sizes[i], sizes[i + 1],
                              (unsigned long long)offset, (unsigned long long)kernel, name,
                              sizes[i + 1], (unsigned long long)kernel, (unsigned long long)bias);
        offset = bias;
    }
    header[n++] = '}';
    while (n % 8 != 0)
        header[n++] = ' ';
    uint64_t length = n;
    fwrite(&length, sizeof length, 1, out);
    fwrite(header, 1, n, out);
    for (uint32_t i = 0; i < n_layers; i++) {
        write_kernel(out, i, sizes[i], sizes[i + 1]);
        for (uint32_t c = 0; c < sizes[i + 1]; c++)
            fwrite(&(float){0}, sizeof(float), 1, out);
    }
    close_written(out, path);
}

/* ----------------------------------------------------------------------- cifar */

static FILE *open_npy(const char *path)
{
    FILE *file = open_file(path, "rb");
    unsigned char head[10];
    if (fread(head, 1, sizeof head, file) != sizeof head || memcmp(head, "\x93NUMPY\x01", 7) != 0)
        trouble(path, "is not a version 1 .npy file");
    if (fseek(file, 10 + head[8] + 256 * head[9], SEEK_SET) != 0)
        trouble(path, "is cut short");
    return file;
}

static void write_cifar(const char *npy, const char *label_path, const char *path, long n)
{
    FILE *pixels = open_npy(npy), *labels = open_file(label_path, "r"),
         *out = open_file(path, "wb");
    float row[PLANE * 3];
    char line[256];
    for (long i = 0; i < n && fgets(line, sizeof line, labels); i++) {
        if (fread(row, sizeof row, 1, pixels) != 1)
            trouble(npy, "has fewer rows than there are labels");
        fputc((int)strtol(line, NULL, 10), out);
        for (int channel = 0; channel < 3; channel++) {
            for (int p = 0; p < PLANE; p++)
                fputc((int)lrintf(row[p * 3 + channel]), out);
        }
    }
    fclose(pixels);
    fclose(labels);
    close_written(out, path);
}

int main(int argc, char **argv)
{
    if (argc >= 5 && argc <= 4 + MAX_LAYERS && strcmp(argv[1], "head") == 0) {
        uint32_t sizes[MAX_LAYERS + 1];
        for (int i = 3; i < argc; i++)
            sizes[i - 3] = (uint32_t)strtoul(argv[i], NULL, 10);
        write_head(argv[2], (uint32_t)(argc - 4), sizes);
        return 0;
    }
    if ((argc == 5 || argc == 6) && strcmp(argv[1], "cifar") == 0) {
        write_cifar(argv[2], argv[3], argv[4], argc == 6 ? strtol(argv[5], NULL, 10) : 1 << 30);
        return 0;
    }
    trouble(argc > 1 ? argv[1] : "",
            "is not `head OUT ROWS UNITS...` or `cifar NPY LABELS OUT [N]`");
}
