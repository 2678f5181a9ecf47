/* spec_tree.h - the tree of a spec before it is read: what it extends, and --set. */
#ifndef GRAFT_SPEC_TREE_H
#define GRAFT_SPEC_TREE_H

#include "compiler/spec/spec.h"

/* The tree of the file over those of the files that it extends; *file: the file itself; the others
 * are added to sources. NULL when there is none. fatal(EXIT_FILE) when the file cannot be read. */
YNode *spec_tree(Ctx *ctx, const char *path, const SourceFile **file, SpecSources *sources);
/* What `over` makes of `base` (NULL: nothing was there) as the value of the key `path` of a spec:
 * mappings merge, everything else replaces, null removes (NULL). Nodes are shared. */
YNode *spec_merge(Ctx *ctx, const char *path, YNode *base, YNode *over);
/* Applies --set options to the tree. */
void spec_set(Ctx *ctx, YNode *tree, const SetOption *sets, uint32_t n_sets);
/* `word` for a mapping: {word: null}, or of weights {file: word}; NULL when that is not the way. */
YNode *spec_long_form(Ctx *ctx, const char *path, YNode *node, const char *key);

#endif
