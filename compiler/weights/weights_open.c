/* weights_open.c - opens a weight file by what its first bytes say it is. */
#include "compiler/base/base.h"
#include "compiler/weights/weights_file.h"

#include <errno.h>

void weights_file_add(Ctx *ctx, WeightFile *file, const char *layer, const char *inner,
                      WeightArray array)
{
    WeightLayer *l = file->layers.n ? &file->layers.at[file->layers.n - 1] : NULL;
    for (uint32_t i = 0; (!l || strcmp(l->name, layer) != 0) && i < file->layers.n; i++)
        l = &file->layers.at[i];
    if (!l || strcmp(l->name, layer) != 0) {
        l = arr_push(ctx->arena, &file->layers);
        *l = (WeightLayer){.name = arena_strdup(ctx->arena, layer), .inner = inner};
    }
    *arr_push(ctx->arena, &l->arrays) = array;
}

const WeightFile *weights_open(Ctx *ctx, const char *path)
{
    static const unsigned char h5[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
    unsigned char head[16] = {0};
    FILE *in = fopen(path, "rb");
    if (!in)
        fatal(ctx, EXIT_FILE, "cannot read the weights '%s': %s", path, strerror(errno));
    size_t n = fread(head, 1, sizeof head, in);
    bool failed = ferror(in) != 0;
    int error = errno;
    fclose(in);
    if (failed)
        fatal(ctx, EXIT_FILE, "cannot read the weights '%s': %s", path, strerror(error));
    WeightFile *file = arena_new(ctx->arena, WeightFile);
    file->path = path;
    if (n >= sizeof h5 && !memcmp(head, h5, sizeof h5))
        weights_h5_read(ctx, path, file);
    else if (n > 8 && head[8] == '{')
        weights_safetensors_read(ctx, path, file);
    else if (n > 4 && !memcmp(head, "PK\3\4", 4))
        fatal(
            ctx, EXIT_WEIGHTS,
            "%s: a zip archive; of a .keras file unpack model.weights.h5, PyTorch's files save as "
            "safetensors",
            path);
    else
        fatal(ctx, EXIT_WEIGHTS, "%s: neither HDF5 nor safetensors", path);
    return file;
}
