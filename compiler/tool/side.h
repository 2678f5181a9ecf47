/* side.h - specs that are compared: each compiled as far as its sizes, in a compilation of its own.
 */
#ifndef GRAFT_SIDE_H
#define GRAFT_SIDE_H

#include "compiler/diff/graph_diff.h"
#include "compiler/tool/command.h"

typedef struct SideRequest {
    const Args *args;         /* --set and --target; NULL: none */
    const char *path, *label; /* label NULL: the path */
    const FileSource *source; /* NULL: the file system */
    bool alone;               /* files that it names may be gone: then without graph and plan */
} SideRequest;

/* `own` is a fresh compilation, which has to outlive the side. Mistakes are printed to stderr;
 * where there are none, notes are not. The exit code. */
int side_load(Ctx *own, const SideRequest *request, DiffSide *side);

#endif
