/* layer_rules.h - the four rules of every layer kind, declared from layer.def.
 *
 * <id>_shape and <id>_params stand in rules.c, <id>_forward and <id>_backward in lower_*.c; layer.c
 * puts them into LAYER_KINDS. What they promise is written at LayerDesc in layer.h. */
#ifndef GRAFT_LAYER_RULES_H
#define GRAFT_LAYER_RULES_H

#include "compiler/layers/layer.h"

#define ATTR(...)
#define LAYER(id, ...)                                                       \
    bool id##_shape(Ctx *ctx, const struct Graph *graph, struct Node *node); \
    void id##_params(Ctx *ctx, struct Graph *graph, struct Node *node);      \
    void id##_forward(struct Lower *lower, const struct Node *node);         \
    void id##_backward(struct Lower *lower, const struct Node *node);
#include "compiler/layers/layer.def"
#undef LAYER
#undef ATTR

#endif
