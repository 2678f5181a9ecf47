/* kernel_cache.c - a file for each object: a header that says what it is, then its bytes. */
#include "compiler/base/base.h"
#include "compiler/emit/kernel_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

typedef struct Header {
    char magic[8];
    KernelKey key;
    uint64_t n, checksum; /* of the bytes behind the header */
} Header;

static Header make_header(const KernelKey *key, const char *bytes, size_t n)
{
    return (Header){.magic = "graftko", .key = *key, .n = n, .checksum = XXH3_64bits(bytes, n)};
}

KernelKey kernel_cache_key(const Buf *from)
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(from->at, from->n));
    KernelKey key;
    memcpy(key.bytes, canonical.digest, sizeof key.bytes);
    return key;
}

static const char *path_of(Ctx *ctx, const char *folder, const KernelKey *key)
{
    Buf path = buf_create(ctx->arena);
    buf_printf(&path, "%s/", folder);
    for (size_t i = 0; i < sizeof key->bytes; i++)
        buf_printf(&path, "%02x", key->bytes[i]);
    buf_puts(&path, ".o");
    return path.at;
}

bool kernel_cache_get(Ctx *ctx, const char *folder, const KernelKey *key, Buf *object)
{
    const char *path = path_of(ctx, folder, key);
    const SourceFile *file = file_read(ctx, path);
    if (!file || file->length < sizeof(Header))
        return false;
    const char *bytes = file->text + sizeof(Header);
    size_t n = file->length - sizeof(Header);
    Header header = make_header(key, bytes, n);
    if (memcmp(file->text, &header, sizeof header) != 0)
        return false;
    utimensat(AT_FDCWD, path, NULL, 0); /* it was used: kernel_cache_trim goes by that */
    *object = buf_create(ctx->arena);
    buf_add(object, bytes, n);
    return true;
}

void kernel_cache_put(Ctx *ctx, const char *folder, const KernelKey *key, const Buf *object)
{
    Header header = make_header(key, object->at, object->n);
    Buf file = buf_create(ctx->arena);
    buf_add(&file, &header, sizeof header);
    buf_add(&file, object->at, object->n);
    const char *path = path_of(ctx, folder, key);
    if (!file_write_unsynced(path, file.at, file.n, 0666) && errno == ENOENT &&
        file_make_folders(ctx, folder))
        file_write_unsynced(path, file.at, file.n, 0666);
}

/* ------------------------------------------------------------------------- size */

typedef struct Entry {
    const char *name;
    uint64_t size;
    struct timespec used;
} Entry;

/* The one that was not used for longer stands first. */
static int compare_use(const void *a, const void *b)
{
    const Entry *x = a, *y = b;
    if (x->used.tv_sec != y->used.tv_sec)
        return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
    if (x->used.tv_nsec != y->used.tv_nsec)
        return x->used.tv_nsec < y->used.tv_nsec ? -1 : 1;
    return strcmp(x->name, y->name);
}

void kernel_cache_trim(Ctx *ctx, const char *path, uint64_t max)
{
    DIR *folder = opendir(path);
    if (!folder)
        return;
    ARR(Entry) entries = {0};
    uint64_t sum = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        struct stat st;
        if (fstatat(dirfd(folder), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(st.st_mode))
            continue;
        *arr_push(ctx->arena, &entries) =
            (Entry){arena_strdup(ctx->arena, entry->d_name), (uint64_t)st.st_size, st.st_mtim};
        sum += (uint64_t)st.st_size;
    }
    if (sum > max)
        qsort(entries.at, entries.n, sizeof *entries.at, compare_use);
    for (uint32_t i = 0; i < entries.n && sum > max; i++)
        if (unlinkat(dirfd(folder), entries.at[i].name, 0) == 0)
            sum -= entries.at[i].size;
    closedir(folder);
}
