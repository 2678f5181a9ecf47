/* lower_act.h - activations as layers share them. */
#ifndef GRAFT_LOWER_ACT_H
#define GRAFT_LOWER_ACT_H

#include "compiler/plan/lower.h"

/* The activation of a node's arguments, for the epilogue of its step; softmax counts as linear. */
KernelAct lower_act(const Node *node);
/* dy *= act'(y) for the activation argument of a layer with weights, on the gradient of its output.
 */
void lower_act_backward_in_place(Lower *lw, const Node *node);
/* The activation argument is a softmax that is not the loss's: the product goes to a buffer of its
 * own (lower_product_value gives it, or the value of `last`), and the softmax is a step behind it.
 */
BufId lower_product_value(Lower *lw, const Node *node, NodeId last);
void lower_product_softmax(Lower *lw, const Node *node, BufId product);
void lower_softmax_backward(Lower *lw, const Node *node);

#endif
