/* grt_file.c - whole files: written so that they appear complete or not at all, and read. */
#include "runtime/grt_int.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static bool writer_fail(GrtWriter *writer)
{
    if (writer->error == 0)
        writer->error = errno ? errno : EIO;
    return false;
}

/* Opens the temporary file and locks it, so that two programs never write the same one. The file
 * that was locked must still be the one of this name: another program may have renamed it
 * meanwhile. */
static int open_temp(const char *path)
{
    for (;;) {
        struct stat locked, named;
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0)
            return -1;
        if (flock(fd, LOCK_EX | LOCK_NB) != 0 || fstat(fd, &locked) != 0) {
            int error = errno;
            close(fd);
            errno = error == EWOULDBLOCK ? EBUSY : error;
            return -1;
        }
        if (stat(path, &named) == 0 && named.st_ino == locked.st_ino &&
            named.st_dev == locked.st_dev)
            return fd;
        close(fd);
    }
}

bool grt_writer_open(GrtWriter *writer, const char *path, void *buffer, size_t capacity)
{
    writer->fd = -1;
    writer->error = 0;
    writer->buffer = buffer;
    writer->buffered = 0;
    writer->capacity = capacity;
    if (strlen(path) + 5 > sizeof writer->path) {
        errno = ENAMETOOLONG;
        snprintf(writer->path, sizeof writer->path, "%.60s...", path);
        return writer_fail(writer);
    }
    strcpy(writer->path, path);
    stpcpy(stpcpy(writer->temp, path), ".tmp");
    writer->fd = open_temp(writer->temp);
    if (writer->fd < 0)
        return writer_fail(writer);
    if (ftruncate(writer->fd, 0) != 0) {
        writer_fail(writer);
        grt_writer_abort(writer);
        return false;
    }
    return true;
}

static bool write_all(GrtWriter *writer, const unsigned char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t done = write(writer->fd, bytes, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            errno = done == 0 ? ENOSPC : errno;
            return writer_fail(writer);
        }
        bytes += done;
        n -= (size_t)done;
    }
    return true;
}

bool grt_writer_flush(GrtWriter *writer)
{
    size_t n = writer->buffered;
    writer->buffered = 0;
    if (writer->error)
        return false;
    return write_all(writer, writer->buffer, n);
}

bool grt_writer_put(GrtWriter *writer, const void *bytes, size_t n)
{
    if (writer->error)
        return false;
    if (writer->buffer == NULL || n >= writer->capacity)
        return (writer->buffered == 0 || grt_writer_flush(writer)) && write_all(writer, bytes, n);
    if (writer->buffered + n > writer->capacity && !grt_writer_flush(writer))
        return false;
    memcpy(writer->buffer + writer->buffered, bytes, n);
    writer->buffered += n;
    return true;
}

/* Makes the renaming last: a folder that cannot be synced (some file systems) is no failure. */
static void sync_folder(const char *path)
{
    char copy[4096];
    snprintf(copy, sizeof copy, "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

bool grt_writer_commit(GrtWriter *writer)
{
    if (writer->error == 0 && writer->buffered > 0)
        grt_writer_flush(writer);
    if (writer->error == 0 && fsync(writer->fd) != 0)
        writer_fail(writer);
    if (writer->error == 0 && rename(writer->temp, writer->path) != 0)
        writer_fail(writer);
    if (writer->error) {
        grt_writer_abort(writer);
        return false;
    }
    int fd = writer->fd;
    writer->fd = -1;
    sync_folder(writer->path);
    return close(fd) == 0 || writer_fail(writer);
}

void grt_writer_abort(GrtWriter *writer)
{
    if (writer->fd >= 0) {
        unlink(writer->temp);
        close(writer->fd);
        writer->fd = -1;
    }
}

void grt_die_write(const GrtWriter *writer)
{
    if (writer->error == EBUSY)
        grt_die(GRT_EXIT_FILE, "cannot write '%s': another program is writing it", writer->path);
    grt_die(GRT_EXIT_FILE, "cannot write '%s': %s (what was there before is unchanged)",
            writer->path, strerror(writer->error));
}

void grt_write_whole(const char *path, const void *bytes, size_t n)
{
    GrtWriter writer;
    if (!grt_writer_open(&writer, path, NULL, 0))
        grt_die_write(&writer);
    grt_writer_put(&writer, bytes, n);
    if (!grt_writer_commit(&writer))
        grt_die_write(&writer);
}

bool grt_read_at(int fd, void *bytes, size_t n, uint64_t offset)
{
    unsigned char *at = bytes;
    while (n > 0) {
        ssize_t done = pread(fd, at, n, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0) {
            errno = done == 0 ? ENODATA : errno;
            return false;
        }
        at += done;
        n -= (size_t)done;
        offset += (size_t)done;
    }
    return true;
}

char *grt_read_whole(const char *path, size_t max, size_t *n)
{
    struct stat st;
    char *text = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &st) != 0)
        goto failed;
    errno = S_ISDIR(st.st_mode) ? EISDIR : !S_ISREG(st.st_mode) ? EINVAL : 0;
    if (errno == 0 && (uint64_t)st.st_size > max)
        errno = EFBIG;
    if (errno != 0)
        goto failed;
    *n = (size_t)st.st_size;
    text = malloc(*n + 1);
    if (text == NULL || !grt_read_at(fd, text, *n, 0))
        goto failed;
    text[*n] = '\0';
    close(fd);
    return text;
failed:;
    int error = errno;
    free(text);
    close(fd);
    errno = error;
    return NULL;
}

bool grt_make_dirs(const char *path)
{
    char copy[4096];
    struct stat st;
    if (strlen(path) >= sizeof copy) {
        errno = ENAMETOOLONG;
        return false;
    }
    strcpy(copy, path);
    for (char *at = copy + 1; *copy && *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            return false;
        *at = '/';
    }
    if (mkdir(copy, 0777) == 0)
        return true;
    if (errno != EEXIST || stat(copy, &st) != 0)
        return false;
    errno = ENOTDIR;
    return S_ISDIR(st.st_mode);
}
