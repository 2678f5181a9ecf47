/* tap.h - for tests written in C: the points of one program, in TAP. */
#ifndef GRAFT_TESTS_TAP_H
#define GRAFT_TESTS_TAP_H

#include "compiler/base/base.h"

static int n_points;

static inline void ok(bool passed, const char *fmt, ...) PRINTF_LIKE(2, 3);
static inline void ok(bool passed, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    printf("%s %d - ", passed ? "ok" : "not ok", ++n_points);
    vprintf(fmt, args);
    putchar('\n');
    va_end(args);
}

/* The two texts are equal; NULL is equal to none. */
static inline void equal(const char *got, const char *expected, const char *name)
{
    bool same = got && strcmp(got, expected) == 0;
    ok(same, "%s", name);
    if (!same)
        printf("# got      %s\n# expected %s\n", got ? got : "(null)", expected);
}

/* The plan, behind the last point. */
static inline void points_end(void)
{
    printf("1..%d\n", n_points);
}

#endif
