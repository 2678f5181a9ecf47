/* grt_cache.c - features kept in a file: a frozen prefix is computed once an image, not once an
 * epoch.
 *
 * The file is named by what decides its content, so every program with the same prefix and data
 * shares it. Layout, little-endian: CacheHeader, n rows of row_bytes, n hashes of rows (8 bytes
 * each). Rows are read with pread when they are needed and checked against their hash: nothing of a
 * damaged file is ever used. */
#include "runtime/grt_int.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const char CACHE_MAGIC[8] = "GRTFEAT1";

typedef struct CacheHeader {
    char magic[8];
    char prefix_hash[16];
    uint64_t data_hash;
    uint64_t n, row_bytes;
    uint64_t hash_of_hashes;
    uint64_t hash; /* of the fields before it */
} CacheHeader;
_Static_assert(sizeof(CacheHeader) == GRT_CACHE_HEADER, "graftc plan counts on it");

struct GrtCache {
    int fd;
    char *path;
    int64_t n;
    uint64_t row_bytes;
    uint64_t *hashes;
    /* of the read under way */
    const uint32_t *order;
    int64_t first;
    float *out;
    int64_t bad; /* a sample that did not match, -1 none */
};

uint64_t grt_hash(const void *bytes, size_t n, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes, n, seed);
}

static CacheHeader make_header(const GrtFeatures *features)
{
    const GrtProgram *p = features->run->program;
    CacheHeader header = {0};
    memcpy(header.magic, CACHE_MAGIC, sizeof header.magic);
    memcpy(header.prefix_hash, p->prefix_hash, strnlen(p->prefix_hash, 16));
    header.data_hash = features->data->hash;
    header.n = (uint64_t)features->data->n;
    header.row_bytes = (uint64_t)p->feature_size * sizeof(float);
    return header;
}

static void seal_header(CacheHeader *header, const uint64_t *hashes)
{
    header->hash_of_hashes = grt_hash(hashes, (size_t)header->n * sizeof *hashes, 0);
    header->hash = grt_hash(header, offsetof(CacheHeader, hash), 0);
}

static uint64_t file_bytes(const CacheHeader *header)
{
    return sizeof *header + header->n * (header->row_bytes + GRT_CACHE_ROW_HASH);
}

/* ------------------------------------------------------------------ reading */

/* NULL: there is no file, or none that can be trusted (then a note says so). */
static GrtCache *cache_open(const GrtFeatures *features, const char *path)
{
    CacheHeader want = make_header(features), have;
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    uint64_t *hashes = grt_alloc((size_t)want.n, sizeof *hashes);
    uint64_t hashes_at = sizeof want + want.n * want.row_bytes;
    bool ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
              (uint64_t)st.st_size == file_bytes(&want) && grt_read_at(fd, &have, sizeof have, 0) &&
              grt_read_at(fd, hashes, (size_t)want.n * sizeof *hashes, hashes_at);
    if (ok) {
        seal_header(&want, hashes);
        ok = memcmp(&want, &have, sizeof have) == 0;
    }
    if (!ok) {
        grt_note("the feature cache '%s' is damaged and is not used", path);
        free(hashes);
        close(fd);
        return NULL;
    }
    GrtCache *cache = grt_alloc(1, sizeof *cache);
    cache->fd = fd;
    cache->path = grt_format("%s", path);
    cache->n = features->data->n;
    cache->row_bytes = want.row_bytes;
    cache->hashes = hashes;
    return cache;
}

static void read_row(void *context, int64_t i)
{
    GrtCache *cache = context;
    int64_t sample = cache->order ? (int64_t)cache->order[cache->first + i] : cache->first + i;
    char *row = (char *)cache->out + (uint64_t)i * cache->row_bytes;
    uint64_t offset = sizeof(CacheHeader) + (uint64_t)sample * cache->row_bytes;
    if (!grt_read_at(cache->fd, row, cache->row_bytes, offset) ||
        grt_hash(row, cache->row_bytes, 0) != cache->hashes[sample])
        __atomic_store_n(&cache->bad, sample, __ATOMIC_RELAXED);
}

bool grt_cache_rows(GrtCache *cache, int n_threads, const uint32_t *order, int64_t first, int64_t n,
                    float *out)
{
    cache->order = order;
    cache->first = first;
    cache->out = out;
    cache->bad = -1;
    grt_parallel(n_threads, read_row, cache, n);
    if (cache->bad < 0)
        return true;
    grt_note("the feature cache '%s' is damaged (image %lld): it is removed, and features are "
             "computed from here on",
             cache->path, (long long)cache->bad);
    unlink(cache->path);
    close(cache->fd);
    return false;
}

/* ------------------------------------------------------------------ filling */

/* The staged features into the writer, and the hash of each. false: a write failed. */
static bool put_staged(const GrtFeatures *features, GrtWriter *writer, uint64_t *hashes)
{
    const GrtProgram *p = features->run->program;
    size_t row_bytes = (size_t)p->feature_size * sizeof(float);
    bool ok = true;
    for (int64_t at = 0, n; ok && at < features->staged_count; at += n) {
        const float *rows =
            grt_features_staged(features, p->io.features_out, p->feature_size, at, &n);
        for (int64_t i = 0; i < n; i++)
            hashes[at + i] = grt_hash(rows + i * p->feature_size, row_bytes, 0);
        ok = grt_writer_put(writer, rows, (size_t)n * row_bytes);
    }
    return ok;
}

/* Computes all features into the writer. false: a write failed or a signal came. */
static bool fill_rows(GrtFeatures *features, GrtWriter *writer, uint64_t *hashes)
{
    int64_t n = features->data->n;
    GrtBar bar;
    bool ok = true;
    grt_bar_begin(&bar, "Features", n, 0);
    grt_features_start(features, NULL, 0);
    for (int64_t first = 0; ok && first < n;) {
        int64_t count = grt_features_compute(features, first);
        ok = put_staged(features, writer, hashes + first) && !grt_signal_pending();
        first += count;
        grt_bar_update(&bar, first, 0.0, -1.0);
    }
    grt_bar_end(&bar);
    return ok;
}

/* false: not written; errno says why, 0 after a signal. */
static bool fill_file(GrtFeatures *features, const char *path, GrtCacheFill *fill)
{
    CacheHeader header = make_header(features);
    GrtWriter writer;
    double start = grt_now();
    uint64_t *hashes = grt_alloc((size_t)header.n, sizeof *hashes);
    bool ok = grt_writer_open(&writer, path, features->run->io_buffer, features->run->io_bytes) &&
              grt_writer_put(&writer, &header, sizeof header) &&
              fill_rows(features, &writer, hashes) &&
              grt_writer_put(&writer, hashes, (size_t)header.n * sizeof *hashes);
    seal_header(&header, hashes);
    free(hashes);
    /* what is buffered must be out before the header, which makes the file valid, replaces its
     * draft */
    ok = ok && grt_writer_flush(&writer);
    if (ok && pwrite(writer.fd, &header, sizeof header, 0) != sizeof header) {
        writer.error = errno;
        ok = false;
    }
    ok = ok && grt_writer_commit(&writer);
    if (!ok) {
        grt_writer_abort(&writer);
        errno = writer.error;
        return false;
    }
    fill->images = (int64_t)header.n;
    fill->bytes = (int64_t)file_bytes(&header);
    fill->seconds = grt_now() - start;
    return true;
}

/* ---------------------------------------------------------------- deciding */

static char *default_folder(void)
{
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (xdg != NULL && xdg[0] == '/')
        return grt_format("%s/graft", xdg);
    if (home != NULL && home[0] == '/')
        return grt_format("%s/.cache/graft", home);
    return NULL;
}

/* Why filling the cache is not worth it or not possible, as a malloc'ed text; NULL when it is. */
static char *reason_against(const GrtFeatures *features, GrtCacheMode mode, const char *folder,
                            int64_t epochs)
{
    CacheHeader header = make_header(features);
    struct statvfs disk;
    if (mode == GRT_CACHE_AUTO && epochs < 2)
        return grt_format("each image is seen once");
    if (!grt_make_dirs(folder))
        return grt_format("cannot make the folder '%s': %s", folder, strerror(errno));
    if (statvfs(folder, &disk) != 0)
        return grt_format("cannot use '%s': %s", folder, strerror(errno));
    uint64_t room = (uint64_t)disk.f_bavail * disk.f_frsize, need = file_bytes(&header);
    if (room < need + need / 16)
        return grt_format("%.1f MB are needed in '%s', %.1f MB are free", (double)need / 1e6,
                          folder, (double)room / 1e6);
    return NULL;
}

/* The cache cannot be made: the program ends if it was asked for, else goes on without. */
static void go_without(GrtCacheMode mode, const char *what, const char *why)
{
    if (mode == GRT_CACHE_ON)
        grt_die(GRT_EXIT_FILE, "no feature cache for the %s data: %s", what, why);
    grt_note("no feature cache for the %s data: %s", what, why);
}

void grt_cache_attach(GrtFeatures *features, GrtCacheMode mode, const char *folder, int64_t epochs,
                      const char *what, GrtCacheFill *fill)
{
    const GrtProgram *p = features->run->program;
    char *own = NULL;
    *fill = (GrtCacheFill){0};
    if (mode == GRT_CACHE_OFF)
        return;
    if (mode == GRT_CACHE_AUTO && grt_phase_macs(&p->phases[GRT_PREFIX]) == 0)
        return; /* nothing is frozen: there is nothing to keep */
    if (folder == NULL && (folder = own = default_folder()) == NULL) {
        go_without(mode, what, "neither XDG_CACHE_HOME nor HOME is set");
        return;
    }
    char *path = grt_format("%s/features-%.16s-%016llx.bin", folder, p->prefix_hash,
                            (unsigned long long)features->data->hash);
    features->cache = cache_open(features, path);
    if (features->cache == NULL) {
        char *against = reason_against(features, mode, folder, epochs);
        if (against == NULL && fill_file(features, path, fill))
            features->cache = cache_open(features, path);
        else if (against == NULL && !grt_signal_pending())
            against =
                grt_format("cannot write '%s': %s", path,
                           errno == EBUSY ? "another program is writing it" : strerror(errno));
        if (against != NULL)
            go_without(mode, what, against);
        free(against);
    }
    if (fill->images > 0)
        fprintf(stderr, "features of the %s data: %.1f s, %.1f MB in %s\n", what, fill->seconds,
                (double)fill->bytes / 1e6, path);
    else if (features->cache != NULL)
        fprintf(stderr, "features of the %s data: from %s\n", what, path);
    free(path);
    free(own);
}
