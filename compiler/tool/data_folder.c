/* data_folder.c - classes and images of a folder, by their names. */
#include "compiler/base/base.h"
#include "compiler/tool/data_folder.h"
#include "runtime/grt.h"

#include <dirent.h>
#include <stdlib.h>
#include <strings.h>

static bool is_image_name(const char *name)
{
    static const char *const endings[] = {GRT_IMAGE_ENDINGS};
    size_t n = strlen(name);
    for (size_t i = 0; i < COUNT_OF(endings); i++) {
        size_t k = strlen(endings[i]);
        if (name[0] != '.' && n > k && strcasecmp(name + n - k, endings[i]) == 0)
            return true;
    }
    return false;
}

typedef ARR(const char *) Paths;

/* Paths of the images in a folder, sorted. */
static Paths list_images(Ctx *ctx, const char *path)
{
    Paths paths = {0};
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));)
        if (is_image_name(entry->d_name) && entry->d_type != DT_DIR)
            *arr_push(ctx->arena, &paths) = arena_printf(ctx->arena, "%s/%s", path, entry->d_name);
    if (folder)
        closedir(folder);
    if (paths.n)
        qsort(paths.at, paths.n, sizeof *paths.at, text_compare);
    return paths;
}

bool data_folder_read(Ctx *ctx, const char *path, uint32_t n_seen, DataFolder *out)
{
    uint32_t n = 0;
    const char *const *names = folder_names(ctx, path, &n);
    *out = (DataFolder){.n_images = 0};
    for (uint32_t i = 0; names && i < n; i++) {
        Paths images = list_images(ctx, arena_printf(ctx->arena, "%s/%s", path, names[i]));
        *arr_push(ctx->arena, &out->classes) = (DataClass){names[i], images.n};
        out->n_images += images.n;
        uint32_t step = n_seen && images.n > n_seen ? images.n / n_seen : 1;
        for (uint32_t k = 0; k < n_seen && k * step < images.n; k++) {
            ImageHead head;
            if (image_head_read(images.at[k * step], &head))
                *arr_push(ctx->arena, &out->seen) = head;
        }
    }
    return names != NULL;
}
