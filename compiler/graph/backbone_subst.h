/* backbone_subst.h - puts the values of a block's parameters in the place of `$name`. */
#ifndef GRAFT_BACKBONE_SUBST_H
#define GRAFT_BACKBONE_SUBST_H

#include "compiler/graph/backbone_expand.h"

/* One use of a block: its parameters' values, in the order of block->params. */
typedef struct BlockUse {
    const Block *block; /* NULL outside of blocks */
    YNode **values;
} BlockUse;

/* The tree with every `$name` and `${name}` of its values replaced. A scalar that is nothing but
 * `$name` becomes the value itself, with the value's place; inside of a longer text the value has
 * to be a scalar. Parts without `$` are shared with the original. NULL after an error. */
YNode *backbone_substitute(Ctx *ctx, const BlockUse *use, YNode *node);

#endif
