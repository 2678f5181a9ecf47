/* spec_diff.h - what differs between two resolved specs, value by value. */
#ifndef GRAFT_SPEC_DIFF_H
#define GRAFT_SPEC_DIFF_H

#include "compiler/spec/spec.h"

/* A value that is not the same, or an entry of a list that is on one side only. */
typedef struct Change {
    const char *path;       /* as --set takes it: b's, or a's where b has none */
    const SpecValue *a, *b; /* NULL: not there */
} Change;
typedef ARR(Change) Changes;

/* What it takes to make b of a, in the order of the table of keys. Layers of a list are matched by
 * name and likeness, so that one that is put between others is one change. Paths are the same when
 * they lead to the same file, or to files of the same content; where one of them is not there, when
 * they are written the same. */
Changes spec_diff(Ctx *ctx, const SpecValues *a, const SpecValues *b);
/* The change of this path; NULL when there is none. */
const Change *changes_find(const Changes *changes, const char *path);

#endif
