/* diff_print.h - differences for people: as text, as Markdown, and the lines that git compares. */
#ifndef GRAFT_DIFF_PRINT_H
#define GRAFT_DIFF_PRINT_H

#include "compiler/diff/graph_diff.h"

/* What is the same is left out. colour: for a terminal. */
void diff_print_text(Ctx *ctx, const Diff *diff, bool colour, Buf *out);
/* Tables for the comment of a pull request. */
void diff_print_md(Ctx *ctx, const Diff *diff, Buf *out);
/* A value as people read it; of a path that is written like another: where it leads. */
const char *change_text(Ctx *ctx, const SpecValue *value, const SpecValue *other);
/* Names in the order of the model, long runs shortened. */
void print_names(const NodeList *nodes, uint32_t limit, Buf *out);
/* One side alone, a line a value, a layer and a size: no line changes without its meaning. */
void side_print(const DiffSide *side, Buf *out);

#endif
