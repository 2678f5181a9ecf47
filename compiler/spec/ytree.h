/* ytree.h - the tree of a YAML file, with the place of every key and value.
 *
 * Made from libyaml's events by ytree.c, the only file that includes <yaml.h>. Aliases, anchors,
 * tags, merge keys, duplicate keys, several documents and nesting deeper than YTREE_MAX_DEPTH are
 * reported as errors at their place. */
#ifndef GRAFT_YTREE_H
#define GRAFT_YTREE_H

#include "compiler/base/base.h"

enum { YTREE_MAX_DEPTH = 32, YTREE_MAX_NODES = 1 << 20 };

typedef enum { Y_SCALAR, Y_MAP, Y_SEQ } YKind;
typedef struct YNode YNode;

typedef struct YPair {
    YNode *key; /* a scalar */
    YNode *value;
} YPair;

struct YNode {
    YKind kind;
    Loc loc;
    const char *text; /* of a scalar */
    bool quoted;      /* a quoted scalar is always a string */
    bool broken;      /* reported: a scalar's value is not known, a map lacks pairs */
    ARR(YPair) pairs; /* of a map, in the order of the file */
    ARR(YNode *) items; /* of a sequence */
};

/* NULL when there is no tree. After aliases, anchors, tags, merge keys and duplicate keys there is
 * one, so that the rest can be checked, too: errors are in ctx->n_errors. */
YNode *ytree_parse(Ctx *ctx, const SourceFile *file);
/* The value that stands in file->text from offset on (of `--set path=value`), without the check for
 * emptiness: nothing is null. Same errors, places counted in the whole text. */
YNode *ytree_parse_value(Ctx *ctx, const SourceFile *file, size_t offset);
/* Empty map, with this place. */
YNode *ytree_new_map(Ctx *ctx, Loc loc);
/* Value of a key of a map or NULL. */
YNode *ytree_get(const YNode *map, const char *key);
/* Plain null, ~ or nothing at all. */
bool ytree_is_null(const YNode *node);
/* YAML 1.2 core: plain true/false only; plain integers; plain numbers incl. 1e-4. */
bool ytree_bool(const YNode *node, bool *out);
bool ytree_int(const YNode *node, int64_t *out);
bool ytree_float(const YNode *node, double *out);
/* What a node is, in an error message: `the number 3`, `a list`, `nothing`. */
const char *ytree_describe(Ctx *ctx, const YNode *node);
/* Text dump: block YAML, canonical (for emit --kind=tree). */
void ytree_print(const YNode *node, Buf *out);
/* A string as a scalar that reads back as the same string: plain where that is safe. */
void ytree_print_string(const char *text, Buf *out);

#endif
