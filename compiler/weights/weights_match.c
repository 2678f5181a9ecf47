/* weights_match.c - which layer of a file goes to which layer of the Graph.
 *
 * Candidates, tried as a whole: the names as they are, each of the backbone's tables of other eras,
 * and, for backbones whose names are Keras's counters, the counters less what they begin with. What
 * the spec renames goes before all of them. The way that fits most layers, by name and shape, wins:
 * a file with conv2d_1 .. conv2d_94 shares 93 names with conv2d .. conv2d_93, all of them shifted
 * by one, so names alone may not decide. */
#include "compiler/base/base.h"
#include "compiler/weights/weights_match.h"

#include <ctype.h>

/* The part of a parameter's name in a file that says what it is. */
static const char *const WORDS[][5] = {
    {"kernel", "W", "weight", NULL, NULL},
    {"bias", "b", NULL, NULL, NULL},
    {"gamma", "weight", NULL, NULL, NULL},
    {"beta", "bias", NULL, NULL, NULL},
    {"moving_mean", "running_mean", NULL, NULL, NULL},
    {"moving_variance", "running_std", "running_var", "running_variance", NULL},
};

/* "res2a_branch2a_W_1:0" ends in the word W: a component, perhaps with a counter and ":0". */
static bool ends_in_word(const char *name, const char *word)
{
    size_t n = strcspn(name, ":"), length = strlen(word);
    while (n > 0 && isdigit((unsigned char)name[n - 1]))
        n--;
    if (n > 0 && n < strlen(name) && name[n - 1] == '_' && isdigit((unsigned char)name[n]))
        n--;
    else
        n = strcspn(name, ":");
    if (n < length || strncmp(name + n - length, word, length) != 0)
        return false;
    char before = n > length ? name[n - length - 1] : '/';
    return before == '/' || before == '_' || before == '.';
}

/* The array that is the node's parameter, NULL when there is none. Arrays that are only counted (0,
 * 1, ...) are the parameters in their order, when there are as many. */
static const WeightArray *array_for(const WeightLayer *layer, const Node *node, uint32_t index)
{
    const char *param = node->params.at[index].name;
    for (size_t row = 0; row < COUNT_OF(WORDS); row++) {
        if (strcmp(WORDS[row][0], param) != 0)
            continue;
        for (size_t w = 0; WORDS[row][w]; w++)
            for (uint32_t i = 0; i < layer->arrays.n; i++)
                if (ends_in_word(layer->arrays.at[i].name, WORDS[row][w]))
                    return &layer->arrays.at[i];
    }
    if (layer->arrays.n != node->params.n ||
        !isdigit((unsigned char)layer->arrays.at[index].name[0]))
        return NULL;
    return &layer->arrays.at[index];
}

static bool same_dims(const Param *p, const WeightArray *a)
{
    bool same = p->rank == a->rank;
    for (uint32_t i = 0; same && i < p->rank; i++)
        same = p->dims[i] == a->dims[i];
    return same;
}

/* PyTorch's layers that normalisation follows have no bias, which is one of zeros. */
static bool has_zero_bias(const WeightLayer *layer, const Param *param)
{
    bool turned = false;
    for (uint32_t i = 0; i < layer->arrays.n; i++)
        turned |= layer->arrays.at[i].turned;
    return turned && strcmp(param->name, "bias") == 0;
}

LayerFit weights_fit(const WeightLayer *layer, const Node *node, uint32_t *which)
{
    LayerFit fit = FIT_WHOLE;
    for (uint32_t i = 0; i < node->params.n; i++) {
        const WeightArray *a = array_for(layer, node, i);
        const Param *p = &node->params.at[i];
        if (a ? same_dims(p, a) : has_zero_bias(layer, p))
            continue;
        *which = i;
        if (a)
            return FIT_SHAPE_DIFFERS;
        fit = FIT_ARRAY_MISSING;
    }
    return fit;
}

bool weights_take(Ctx *ctx, Node *node, const WeightLayer *layer)
{
    bool zero = false;
    for (uint32_t i = 0; i < node->params.n; i++) {
        const WeightArray *a = array_for(layer, node, i);
        Param *p = &node->params.at[i];
        p->data = a ? a->data : arena_array(ctx->arena, float, param_size(p));
        zero |= !a;
    }
    node->loaded = true;
    return zero;
}

/* ------------------------------------------------------------------- the ways */

/* What the map makes of a name, NULL when it does not speak of it. */
static const char *mapped(const Rename *at, uint32_t n, const char *file_name)
{
    for (uint32_t i = 0; i < n; i++)
        if (!strcmp(at[i].file_name, file_name))
            return at[i].layer_name;
    return NULL;
}

/* The node of this name in the file: as the spec renames it, else as the map does, else as it is.
 */
static Node *node_named(const Match *m, const Rename *map, uint32_t n_map, const char *file_name)
{
    const char *name = mapped(m->rename, m->n_rename, file_name);
    if (!name)
        name = mapped(map, n_map, file_name);
    return strmap_get(m->by_name, name ? name : file_name);
}

/* Each node gets one layer of the file: the one that the spec renames, else the first. */
static void settle(const Match *m, Node **to)
{
    bool *taken = arena_array(m->ctx->arena, bool, m->graph->nodes.n + 1);
    for (int by_spec = 1; by_spec >= 0; by_spec--) {
        for (uint32_t i = 0; i < m->file->layers.n; i++) {
            if (!to[i] || m->by_spec[i] != by_spec)
                continue;
            if (taken[to[i]->id])
                to[i] = NULL;
            else
                taken[to[i]->id] = true;
        }
    }
}

static uint32_t score(const Match *m, Node *const *to)
{
    uint32_t n = 0, which;
    for (uint32_t i = 0; i < m->file->layers.n; i++)
        n += to[i] && to[i]->params.n &&
             weights_fit(&m->file->layers.at[i], to[i], &which) == FIT_WHOLE;
    return n;
}

/* Takes the way when it fits more layers than the best so far. */
static void try_way(Match *m, Node **to, const char *name, const char *note)
{
    settle(m, to);
    uint32_t n = score(m, to);
    if (!m->to || n > m->score) {
        m->to = to;
        m->score = n;
        m->way = name;
        m->note = note;
    }
}

static Node **way_by_names(const Match *m, const Rename *map, uint32_t n_map)
{
    Node **to = arena_array(m->ctx->arena, Node *, m->file->layers.n + 1);
    for (uint32_t i = 0; i < m->file->layers.n; i++) {
        const WeightLayer *layer = &m->file->layers.at[i];
        to[i] = node_named(m, map, n_map, layer->name);
        if (!to[i] && layer->inner)
            to[i] = node_named(m, map, n_map, layer->inner);
    }
    return to;
}

void weights_match(Match *m)
{
    const Backbone *backbone = m->graph->backbone;
    m->by_name = strmap_create(m->ctx->arena);
    for (uint32_t i = 0; i < m->graph->nodes.n; i++)
        strmap_put(m->by_name, m->graph->nodes.at[i].name, &m->graph->nodes.at[i]);
    m->by_spec = arena_array(m->ctx->arena, bool, m->file->layers.n + 1);
    for (uint32_t i = 0; i < m->file->layers.n; i++)
        m->by_spec[i] = mapped(m->rename, m->n_rename, m->file->layers.at[i].name) != NULL;
    if (backbone && backbone->counter_names) {
        Node **to = way_by_names(m, NULL, 0);
        weights_by_counters(m, to);
        try_way(m, to, "counters", NULL);
    }
    try_way(m, way_by_names(m, NULL, 0), "", NULL);
    for (uint32_t k = 0; backbone && k < backbone->maps.n; k++) {
        const NameMap *map = &backbone->maps.at[k];
        try_way(m, way_by_names(m, map->names.at, map->names.n), map->era, map->note);
    }
}
