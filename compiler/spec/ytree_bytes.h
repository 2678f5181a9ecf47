/* ytree_bytes.h - the bytes under a YAML tree: what may stand in a file, and places in it. */
#ifndef GRAFT_YTREE_BYTES_H
#define GRAFT_YTREE_BYTES_H

#include "compiler/spec/ytree.h"

/* Where the lines of a file begin. */
typedef struct Lines {
    const SourceFile *file;
    const size_t *starts; /* n + 1 offsets: the first behind a byte order mark, the last the length */
    size_t n;
} Lines;

/* NULL after an error: invalid UTF-8, NUL, control characters, or line ends other than LF and CR LF
 * (libyaml would count them, editors do not). */
const Lines *lines_check(Ctx *ctx, const SourceFile *file);
/* line and column from 0, the column in characters, as libyaml counts. */
Loc lines_place(const Lines *lines, size_t line, size_t column);
/* Byte at a place; '\n' at the end of a line and of the file. */
char lines_byte(const Lines *lines, Loc loc);
/* Innermost bracket before a place that is still open there; line 0 when there is none. */
Loc lines_last_open(const Lines *lines, Loc before, char *bracket);
/* Whether the bracket at this place is closed by its like, with all inside of it balanced. */
bool lines_is_closed(const Lines *lines, Loc open);
/* First line that a version control system marks a conflict with; line 0 when there is none. */
Loc lines_conflict(const Lines *lines);

#endif
