/* file.c - whole files in and out, and paths written in files. */
#include "compiler/base/base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_FILE_MAX = 64 << 20 }; /* bytes; a spec has a few thousand */

/* All of an open file up to TEXT_FILE_MAX bytes. -1 with errno set on failure. */
static ssize_t read_up_to(Ctx *ctx, int fd, size_t size, char **text)
{
    *text = arena_alloc(ctx->arena, size + 1);
    size_t n = 0;
    while (n < size) {
        ssize_t got = read(fd, *text + n, size - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break; /* it was cut meanwhile */
        n += (size_t)got;
    }
    (*text)[n] = '\0';
    return (ssize_t)n;
}

/* A path of ctx->source's that is in no folder of the file system. */
static bool is_elsewhere(const Ctx *ctx, const char *path)
{
    const FileSource *source = ctx->source;
    return source && source->prefix && strncmp(path, source->prefix, strlen(source->prefix)) == 0;
}

const char *file_place(Ctx *ctx, const char *path)
{
    if (!is_elsewhere(ctx, path))
        return path;
    const char *rest = path + strlen(ctx->source->prefix);
    return arena_printf(ctx->arena, "%s/%s", ctx->source->folder, rest);
}

const char *file_real(Ctx *ctx, const char *path)
{
    if (is_elsewhere(ctx, path))
        return path_absolute(ctx->arena, path);
    char *real = realpath(path, NULL);
    const char *out = real ? arena_strdup(ctx->arena, real) : NULL;
    free(real);
    return out;
}

const SourceFile *file_read(Ctx *ctx, const char *path)
{
    const SourceFile *other;
    if (ctx->source && ctx->source->read(ctx, ctx->source, path, &other))
        return other;
    /* O_NONBLOCK: a named pipe must not make us wait; it is refused below */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return NULL;
    struct stat status;
    char *text = NULL;
    ssize_t n = -1;
    if (fstat(fd, &status) == 0) {
        if (S_ISDIR(status.st_mode))
            errno = EISDIR;
        else if (!S_ISREG(status.st_mode))
            errno = EINVAL;
        else if (status.st_size > TEXT_FILE_MAX)
            errno = EFBIG;
        else
            n = read_up_to(ctx, fd, (size_t)status.st_size, &text);
    }
    int error = errno;
    close(fd);
    errno = error;
    if (n < 0)
        return NULL;
    SourceFile *file = arena_new(ctx->arena, SourceFile);
    *file = (SourceFile){arena_strdup(ctx->arena, path), text, (size_t)n};
    return file;
}

static bool write_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t put = write(fd, bytes, n < (size_t)1 << 30 ? n : (size_t)1 << 30);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        bytes += put;
        n -= (size_t)put;
    }
    return true;
}

/* Length of the folder's part of a path, with the slash; 0 when there is none. */
static size_t folder_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* After a rename the folder itself must reach the disk. Where a file system cannot do that, the
 * file is there all the same: no failure. */
static void sync_folder(const char *path)
{
    size_t n = folder_length(path);
    char *folder = n ? strndup(path, n) : strdup(".");
    if (!folder)
        return;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(folder);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

static bool write_file(const char *path, const void *bytes, size_t n, int mode, bool sync)
{
    char *temp;
    if (asprintf(&temp, "%s.tmp.XXXXXX", path) < 0)
        return false;
    int fd = mkostemp(temp, O_CLOEXEC);
    if (fd < 0) {
        int error = errno;
        free(temp);
        errno = error;
        return false;
    }
    mode_t mask = umask(0);
    umask(mask);
    bool ok = write_all(fd, bytes, n) && fchmod(fd, (mode_t)mode & ~mask) == 0 &&
              (!sync || fsync(fd) == 0);
    int error = errno;
    if (close(fd) != 0 && ok) {
        ok = false;
        error = errno;
    }
    if (ok && rename(temp, path) != 0) {
        ok = false;
        error = errno;
    }
    if (!ok)
        unlink(temp);
    free(temp);
    if (ok && sync)
        sync_folder(path);
    if (!ok)
        errno = error;
    return ok;
}

bool file_write_whole(const char *path, const void *bytes, size_t n, int mode)
{
    return write_file(path, bytes, n, mode, true);
}

bool file_write_unsynced(const char *path, const void *bytes, size_t n, int mode)
{
    return write_file(path, bytes, n, mode, false);
}

bool file_make_folders(Ctx *ctx, const char *path)
{
    char *copy = arena_strdup(ctx->arena, path);
    for (char *slash = copy + 1;; slash++) {
        if (*slash && *slash != '/')
            continue;
        char was = *slash;
        *slash = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            return false;
        *slash = was;
        if (!was)
            return true;
    }
}

void file_stamp(Buf *out, const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0)
        buf_printf(out, "%s %lld %lld.%09ld\n", path, (long long)st.st_size,
                   (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    else
        buf_printf(out, "%s -\n", path);
}

const char *const *folder_names(Ctx *ctx, const char *path, uint32_t *n)
{
    ARR(const char *) names = {0};
    DIR *folder = opendir(path);
    if (!folder)
        return NULL;
    for (struct dirent *entry; (entry = readdir(folder));) {
        struct stat status;
        if (entry->d_name[0] == '.' || entry->d_type == DT_REG)
            continue;
        if (entry->d_type != DT_DIR &&
            (fstatat(dirfd(folder), entry->d_name, &status, 0) != 0 || !S_ISDIR(status.st_mode)))
            continue;
        *arr_push(ctx->arena, &names) = arena_strdup(ctx->arena, entry->d_name);
    }
    closedir(folder);
    *n = names.n;
    if (!names.n)
        *arr_push(ctx->arena, &names) = NULL;
    else
        qsort(names.at, names.n, sizeof *names.at, text_compare);
    return names.at;
}

const char *path_beside(Arena *arena, const char *base_file, const char *path)
{
    if (path[0] == '/')
        return arena_strdup(arena, path);
    size_t n = folder_length(base_file);
    return arena_printf(arena, "%.*s%s", (int)n, base_file, path);
}
