/* lower_fuse.c - what a frozen convolution takes in: padding and nearest upsampling before it,
 * batch normalisation, a residual sum and an activation behind it; and MaxPooling2D the padding
 * before it. Only inside of the prefix, where
 * no gradient passes, and only where nobody else reads the values in between. */
#include "compiler/base/base.h"
#include "compiler/plan/lower.h"

typedef struct Fuse {
    const Graph *graph;
    const bool *prefix;
    Fusion *fusion;
    uint32_t *n_users;
    NodeId *user; /* the last user of each node */
} Fuse;

/* The one user of a node inside of the prefix, NODE_NONE when the value is seen elsewhere too. */
static NodeId sole_user(const Fuse *f, NodeId id)
{
    if (id == f->graph->head_input || f->n_users[id] != 1 || !f->prefix[f->user[id]])
        return NODE_NONE;
    return f->user[id];
}

static bool is_foldable_act(const Node *n)
{
    return n->kind == LAYER_relu ||
           (n->kind == LAYER_activation && n->attrs.activation != ACT_SOFTMAX);
}

static void fuse_behind(Fuse *f, NodeId conv)
{
    const Graph *g = f->graph;
    Fusion *c = &f->fusion[conv];
    if (g->nodes.at[conv].attrs.activation != ACT_LINEAR)
        return;
    NodeId next = sole_user(f, c->last);
    if (next != NODE_NONE && g->nodes.at[next].kind == LAYER_batchnorm) {
        c->norm = c->last = next;
        next = sole_user(f, c->last);
    }
    if (next != NODE_NONE && g->nodes.at[next].kind == LAYER_add &&
        g->nodes.at[next].inputs.n == 2) {
        const Node *add = &g->nodes.at[next];
        NodeId other = add->inputs.at[0] == c->last ? add->inputs.at[1] : add->inputs.at[0];
        if (other != c->last && other < c->last) {
            c->residual = other;
            c->add = c->last = next;
            next = sole_user(f, c->last);
        } else {
            return;
        }
    }
    if (next != NODE_NONE && is_foldable_act(&g->nodes.at[next]))
        c->act = c->last = next;
}

/* ZeroPadding2D before a convolution or a pooling. */
static void fuse_padding(Fuse *f, NodeId id)
{
    const Graph *g = f->graph;
    Fusion *fusion = &f->fusion[id];
    NodeId in = fusion->source;
    const Node *n = &g->nodes.at[in];
    bool same = g->nodes.at[id].attrs.padding == PAD_SAME;
    if (n->kind != LAYER_zeropad || !f->prefix[in] || sole_user(f, in) != id || same)
        return;
    fusion->zero_pad = true;
    fusion->pad_t = n->attrs.pads[0];
    fusion->pad_l = n->attrs.pads[2];
    fusion->source = n->inputs.at[0];
    f->fusion[in].inside = true;
}

static void fuse_upsampling(Fuse *f, NodeId conv)
{
    const Graph *g = f->graph;
    Fusion *c = &f->fusion[conv];
    NodeId in = c->source;
    const Node *n;
    for (n = &g->nodes.at[in];
         n->kind == LAYER_upsampling && n->attrs.interpolation == INTERP_NEAREST && f->prefix[in] &&
         sole_user(f, in) != NODE_NONE;
         n = &g->nodes.at[in]) {
        c->up_h *= n->attrs.kernel[0];
        c->up_w *= n->attrs.kernel[1];
        f->fusion[in].inside = true;
        in = n->inputs.at[0];
    }
    c->source = in;
}

/* The nodes between the convolution and the end of the chain are computed by its step. */
static void mark_chain(Fuse *f, NodeId conv)
{
    const Fusion *c = &f->fusion[conv];
    const NodeId chain[] = {conv, c->norm, c->add, c->act};
    for (size_t i = 0; i < COUNT_OF(chain); i++)
        if (chain[i] != NODE_NONE && chain[i] != c->last)
            f->fusion[chain[i]].inside = true;
    f->fusion[c->last].root = conv;
}

const Fusion *lower_fuse(Ctx *ctx, const Graph *graph, const bool *prefix)
{
    uint32_t n = graph->nodes.n;
    Fuse f = {.graph = graph, .prefix = prefix};
    f.fusion = arena_array(ctx->arena, Fusion, n);
    f.n_users = arena_array(ctx->arena, uint32_t, n);
    f.user = arena_array(ctx->arena, NodeId, n);
    for (NodeId i = 0; i < n; i++) {
        const Node *node = &graph->nodes.at[i];
        f.fusion[i] = (Fusion){.root = NODE_NONE,
                               .norm = NODE_NONE,
                               .add = NODE_NONE,
                               .residual = NODE_NONE,
                               .act = NODE_NONE,
                               .last = i,
                               .source = NODE_NONE,
                               .up_h = 1,
                               .up_w = 1};
        for (uint32_t k = 0; k < node->inputs.n; k++) {
            f.n_users[node->inputs.at[k]]++;
            f.user[node->inputs.at[k]] = i;
        }
    }
    for (NodeId i = 0; i < n; i++) {
        const Node *node = &graph->nodes.at[i];
        if (node->inputs.n > 0)
            f.fusion[i].source = node->inputs.at[0];
        if (!prefix[i] || (node->kind != LAYER_conv2d && node->kind != LAYER_maxpool))
            continue;
        fuse_padding(&f, i);
        if (node->kind != LAYER_conv2d)
            continue;
        fuse_upsampling(&f, i);
        fuse_behind(&f, i);
        mark_chain(&f, i);
    }
    lower_live(graph, prefix, f.fusion);
    return f.fusion;
}
