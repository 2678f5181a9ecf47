/* grt_util.c - messages, memory, time, numbers and near misses. */
#include "runtime/grt_int.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static void say(const char *level, const char *colour, const char *fmt, va_list args)
{
    bool coloured = isatty(STDERR_FILENO) && getenv("NO_COLOR") == NULL;
    fflush(stdout);
    fprintf(stderr, "%s%s:%s ", coloured ? colour : "", level, coloured ? "\033[0m" : "");
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
}

void grt_die(int exit_code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(exit_code == GRT_EXIT_BUG ? "internal error" : "error", "\033[1;31m", fmt, args);
    va_end(args);
    exit(exit_code);
}

void grt_error(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say("error", "\033[1;31m", fmt, args);
    va_end(args);
}

void grt_note(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say("note", "\033[1m", fmt, args);
    va_end(args);
}

void *grt_alloc(size_t n, size_t size)
{
    void *at = calloc(n ? n : 1, size ? size : 1);
    if (at == NULL)
        grt_die(GRT_EXIT_TRAINING, "out of memory (%zu x %zu bytes)", n, size);
    return at;
}

char *grt_format(const char *fmt, ...)
{
    char *text;
    va_list args;
    va_start(args, fmt);
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    if (n < 0)
        grt_die(GRT_EXIT_TRAINING, "out of memory");
    return text;
}

void *grt_map(uint64_t bytes, const char *what)
{
    void *at =
        mmap(NULL, bytes ? bytes : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        grt_die(GRT_EXIT_TRAINING, "out of memory: %.1f MB for %s: %s", (double)bytes / 1e6, what,
                strerror(errno));
    return at;
}

double grt_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Levenshtein distance of two names of at most 63 bytes; longer ones are far from everything. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t n_a = strlen(a), n_b = strlen(b), row[64];
    if (n_a > 63 || n_b > 63)
        return SIZE_MAX;
    for (size_t j = 0; j <= n_b; j++)
        row[j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            size_t above = row[j];
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            best = above + 1 < best ? above + 1 : best;
            row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = above;
        }
    }
    return row[n_b];
}

const char *grt_nearest(const char *name, const char *const *names, size_t n)
{
    const char *best = NULL;
    size_t best_distance = strlen(name) / 3 + 2; /* farther than this is no likely slip */
    for (size_t i = 0; i < n; i++) {
        size_t distance = edit_distance(name, names[i]);
        if (distance < best_distance) {
            best = names[i];
            best_distance = distance;
        }
    }
    return best;
}

bool grt_parse_int(const char *text, int64_t min, int64_t max, int64_t *out)
{
    char *end;
    if ((*text < '0' || *text > '9') && *text != '-')
        return false;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value < min || value > max)
        return false;
    *out = value;
    return true;
}
