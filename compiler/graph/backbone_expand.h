/* backbone_expand.h - from `blocks:` and `layers:` of a backbone file to a flat list of layers. */
#ifndef GRAFT_BACKBONE_EXPAND_H
#define GRAFT_BACKBONE_EXPAND_H

#include "compiler/graph/graph.h"

/* In `from:`, what enters the block, or outside of blocks the backbone. No layer may have this
 * name; in the expanded list it stands for the backbone's input. */
#define BACKBONE_IN "in"

/* A block of the file: layers with named parameters. */
typedef struct BlockParam {
    const char *name;
    YNode *preset; /* NULL: every use has to give it */
} BlockParam;
typedef struct Block {
    const char *name;
    Loc loc;
    ARR(BlockParam) params;
    const YNode *layers; /* a sequence */
    bool used;
    bool open; /* being expanded */
} Block;
typedef ARR(Block *) Blocks;

/* Reads `blocks:`; node may be NULL. Mistakes go to ctx. */
void backbone_read_blocks(Ctx *ctx, const YNode *node, Blocks *out);

/* Appends the layers of `layers:`, blocks unrolled. Every layer of out has a name and names every
 * input in `from`: BACKBONE_IN or a layer before it. Mistakes go to ctx; then out is incomplete. */
void backbone_expand(Ctx *ctx, const Blocks *blocks, const YNode *layers, LayerSpecs *out);

#endif
