/* emit_rodata.c - the constants of the Plan as one file: frozen weights, packed as kernels read
 * them. */
#include "compiler/base/base.h"
#include "compiler/emit/emit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct Output {
    Ctx *ctx;
    const char *path;
    FILE *file;
    bool made;   /* the file is ours to remove */
    uint64_t at; /* bytes written */
} Output;

static _Noreturn void failed(Output *out)
{
    int error = errno;
    if (out->file)
        fclose(out->file);
    if (out->made)
        unlink(out->path);
    fatal(out->ctx, EXIT_FILE, "cannot write %s: %s", out->path, strerror(error));
}

static void write_bytes(Output *out, const void *bytes, uint64_t n)
{
    if (n > 0 && fwrite(bytes, 1, n, out->file) != n)
        failed(out);
    out->at += n;
}

static void write_zeros_to(Output *out, uint64_t offset)
{
    static const char zeros[4096];
    while (out->at < offset) {
        uint64_t left = offset - out->at;
        write_bytes(out, zeros, left < sizeof zeros ? left : sizeof zeros);
    }
}

static int compare_offsets(const void *a, const void *b)
{
    const PlanBuffer *x = *(const PlanBuffer *const *)a, *y = *(const PlanBuffer *const *)b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

void emit_rodata(Ctx *ctx, const Plan *plan, const char *path)
{
    ARR(const PlanBuffer *) buffers = {0};
    for (uint32_t b = 0; b < plan->buffers.n; b++)
        if (plan->buffers.at[b].kind == BUF_RODATA && plan->buffers.at[b].n > 0)
            *arr_push(ctx->arena, &buffers) = &plan->buffers.at[b];
    if (buffers.n > 0)
        qsort(buffers.at, buffers.n, sizeof *buffers.at, compare_offsets);
    Output out = {.ctx = ctx, .path = path, .file = fopen(path, "wb")};
    out.made = out.file != NULL;
    if (!out.file)
        failed(&out);
    for (uint32_t b = 0; b < buffers.n; b++) {
        const PlanBuffer *buffer = buffers.at[b];
        if (buffer->offset < out.at)
            bug("read-only data of %s overlaps what stands before it", buffer->name);
        write_zeros_to(&out, buffer->offset);
        write_bytes(&out, buffer->data, (uint64_t)buffer->n * kelem_size(buffer->elem));
    }
    if (out.at > plan->rodata_bytes)
        bug("read-only data of the plan takes %" PRIu64 " bytes, not %" PRIu64, out.at,
            plan->rodata_bytes);
    write_zeros_to(&out, plan->rodata_bytes);
    FILE *file = out.file;
    out.file = NULL;
    if (fclose(file) != 0)
        failed(&out);
}
