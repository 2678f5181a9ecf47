/* run_kernels.c - runs what make_kernels.c wrote, on the processor that it was made for.
 *
 *   run_kernels STEPS.BIN
 *
 * Compiled with table.c and kernels.o. Says for each run that differs from the interpreter's where,
 * and how many there were; exit code 1 when any differs. */
#include "libm.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    const char *name;
    void (*run)(void *const *args, int64_t first, int64_t last);
} Row;
extern const Row table[];

enum { MAX_ARGS = 64, ALIGN = 64 };

typedef struct {
    int64_t kind, size, n, written;
} Shape;

static bool read_bytes(FILE *file, void *bytes, size_t n)
{
    return n == 0 || fread(bytes, n, 1, file) == 1;
}

static void *read_buffer(FILE *file, const Shape *shape)
{
    size_t n = (size_t)(shape->n * shape->size);
    void *bytes = aligned_alloc(ALIGN, (n / ALIGN + 1) * ALIGN);
    if (!bytes || !read_bytes(file, bytes, n)) {
        fputs("the file of steps is cut off\n", stderr);
        exit(2);
    }
    return bytes;
}

/* Any NaN is one as good as another. */
static bool both_nan(const Shape *shape, const char *a, const char *b)
{
    uint32_t x = 0, y = 0;
    float f, g;
    if (shape->kind == 'i')
        return false;
    memcpy((char *)&x + 4 - shape->size, a, (size_t)shape->size);
    memcpy((char *)&y + 4 - shape->size, b, (size_t)shape->size);
    memcpy(&f, &x, sizeof f);
    memcpy(&g, &y, sizeof g);
    return isnan(f) && isnan(g);
}

static bool same_buffer(const char *name, int64_t b, const Shape *shape, const char *want,
                        const char *have)
{
    for (int64_t i = 0; i < shape->n; i++, want += shape->size, have += shape->size) {
        if (memcmp(want, have, (size_t)shape->size) == 0 || both_nan(shape, want, have))
            continue;
        printf("%s: argument %" PRId64 ", element %" PRId64, name, b, i);
        if (shape->kind == 'f') {
            float w, h;
            memcpy(&w, want, sizeof w);
            memcpy(&h, have, sizeof h);
            printf(": %.9g, not %.9g", (double)h, (double)w);
        }
        printf("\n");
        return false;
    }
    return true;
}

/* Second half of the tasks first: their order must not matter. */
static bool run_step(FILE *file, const int64_t head[3])
{
    const Row *row = &table[head[0]];
    Shape shapes[MAX_ARGS];
    void *args[MAX_ARGS];
    bool same = true;
    for (int64_t b = 0; b < head[2]; b++) {
        if (!read_bytes(file, &shapes[b], sizeof shapes[b]))
            exit(2);
        args[b] = read_buffer(file, &shapes[b]);
    }
    row->run(args, head[1] / 2, head[1]);
    row->run(args, 0, head[1] / 2);
    for (int64_t b = 0; b < head[2]; b++) {
        if (shapes[b].written) {
            char *want = read_buffer(file, &shapes[b]);
            same = same_buffer(row->name, b, &shapes[b], want, args[b]) && same;
            free(want);
        }
        free(args[b]);
    }
    return same;
}

int main(int argc, char **argv)
{
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    int64_t head[3];
    int n = 0, n_same = 0;
    if (!file)
        return 2;
    for (; read_bytes(file, head, sizeof head); n++)
        n_same += run_step(file, head);
    fclose(file);
    printf("%d of %d runs of kernels are the interpreter's\n", n_same, n);
    return n > 0 && n_same == n ? 0 : 1;
}
