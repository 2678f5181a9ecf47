/* text.c - names that are nearly right, names that a pattern stands for, numbers for people. */
#include "compiler/base/base.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>

enum { NAME_MAX_COMPARED = 64 }; /* longer names are not looked at: nobody mistypes them by hand */

static int min3(int a, int b, int c)
{
    int least = a < b ? a : b;
    return least < c ? least : c;
}

/* Number of insertions, deletions, replacements and swaps of neighbours that turn a into b; a
 * letter in the other case counts nothing. Both at most NAME_MAX_COMPARED long. */
static int edit_distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    int rows[3][NAME_MAX_COMPARED + 1];
    int *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= n_b; j++)
        last[j] = before[j] = (int)j;
    for (size_t i = 1; i <= n_a; i++) {
        now[0] = (int)i;
        for (size_t j = 1; j <= n_b; j++) {
            int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
            now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
                y == tolower((unsigned char)a[i - 2]))
                now[j] = min3(now[j], before[j - 2] + 1, now[j]);
        }
        int *oldest = before;
        before = last;
        last = now;
        now = oldest;
    }
    return last[n_b];
}

/* One slip in a short name, one in three letters of a long one. Of equally near names the first. */
const char *nearest_name(const char *name, const char *const *names, size_t n_names)
{
    size_t length = strlen(name);
    if (length > NAME_MAX_COMPARED)
        return NULL;
    const char *best = NULL;
    int best_distance = length < 3 ? 2 : (int)(length + 2) / 3 + 1;
    for (size_t i = 0; i < n_names; i++) {
        size_t other = strlen(names[i]);
        if (other > NAME_MAX_COMPARED)
            continue;
        int distance = edit_distance(name, length, names[i], other);
        if (distance < best_distance && (size_t)distance < other) {
            best = names[i];
            best_distance = distance;
        }
    }
    return best;
}

/* Goes back to the last star when a letter does not fit: no recursion, at most |pattern| * |name|
 * steps. */
int text_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool glob_match(const char *pattern, const char *name)
{
    const char *star = NULL, *star_name = NULL;
    while (*name) {
        if (*pattern == '*') {
            star = ++pattern;
            star_name = name;
        } else if (*pattern == '?' || *pattern == *name) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star;
            name = ++star_name;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

const char *text_grouped(Arena *arena, int64_t n)
{
    char digits[32];
    int length = snprintf(digits, sizeof digits, "%" PRId64, n);
    Buf out = buf_create(arena);
    for (int i = 0; i < length; i++) {
        if (i && (length - i) % 3 == 0)
            buf_puts(&out, ",");
        buf_add(&out, &digits[i], 1);
    }
    return out.at;
}

/* n in the largest unit that it has a whole one of. */
static const char *in_units(Arena *arena, double n, double factor, const char *const *units)
{
    int i = 0;
    for (; n >= factor * 0.99995 && units[i + 1]; i++)
        n /= factor;
    return arena_printf(arena, i ? "%.1f %s" : "%.0f%s", n, units[i]);
}

const char *text_rounded(Arena *arena, int64_t n)
{
    static const char *const units[] = {"", "k", "M", "G", "T", "P", NULL};
    return in_units(arena, (double)n, 1000, units);
}

const char *text_bytes(Arena *arena, uint64_t n)
{
    static const char *const units[] = {" B", "KiB", "MiB", "GiB", "TiB", NULL};
    return in_units(arena, (double)n, 1024, units);
}

bool text_read_bytes(const char *text, uint64_t *out)
{
    static const char units[] = "KMGT";
    char *end;
    if (!isdigit((unsigned char)*text))
        return false;
    double value = strtod(text, &end);
    const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    for (const char *p = units; unit && p <= unit; p++)
        value *= 1024;
    end += unit != NULL;
    bool good = !*end || strcasecmp(end, "B") == 0 || (unit && strcasecmp(end, "iB") == 0) ||
                (unit && strcasecmp(end, "i") == 0);
    if (!good || !(value >= 1) || value >= 0x1p63)
        return false;
    *out = (uint64_t)value;
    return true;
}
