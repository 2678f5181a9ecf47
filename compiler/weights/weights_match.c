/* weights_match.c - which layer of a file goes to which layer of the Graph.
 *
 * Candidates, tried as a whole: the names as they are, each of the backbone's tables of other eras,
 * and, for backbones whose names are Keras's counters, the n-th layer of a base by the order of the
 * file's counters. The way that fits most layers, by name and shape, wins: a file with conv2d_1 ..
 * conv2d_94 shares 93 names with conv2d .. conv2d_93, all of them shifted by one, so names alone
 * may not decide. */
#include "compiler/base/base.h"
#include "compiler/weights/weights_match.h"

#include <ctype.h>
#include <stdlib.h>

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
    bool all = layer->arrays.n == node->params.n;
    const char *base = all ? strrchr(layer->arrays.at[index].name, '/') : NULL;
    bool counted = base && isdigit((unsigned char)base[1]);
    return all && counted ? &layer->arrays.at[index] : NULL;
}

static bool same_dims(const Param *p, const WeightArray *a)
{
    bool same = p->rank == a->rank;
    for (uint32_t i = 0; same && i < p->rank; i++)
        same = p->dims[i] == a->dims[i];
    return same;
}

LayerFit weights_fit(const WeightLayer *layer, const Node *node, uint32_t *which)
{
    LayerFit fit = FIT_WHOLE;
    for (uint32_t i = 0; i < node->params.n; i++) {
        const WeightArray *a = array_for(layer, node, i);
        if (a && same_dims(&node->params.at[i], a))
            continue;
        *which = i;
        if (a)
            return FIT_SHAPE_DIFFERS;
        fit = FIT_ARRAY_MISSING;
    }
    return fit;
}

void weights_take(Node *node, const WeightLayer *layer)
{
    for (uint32_t i = 0; i < node->params.n; i++)
        node->params.at[i].data = array_for(layer, node, i)->data;
    node->loaded = true;
}

/* ------------------------------------------------------------------- the ways */

static const char *renamed(const Rename *at, uint32_t n, const char *file_name)
{
    for (uint32_t i = 0; i < n; i++)
        if (!strcmp(at[i].file_name, file_name))
            return at[i].layer_name;
    return file_name;
}

static Node *node_named(const Match *m, const char *name)
{
    return strmap_get(m->by_name, name);
}

/* Splits conv2d_12 into its base's length and 12; a bare name counts as 0. */
static size_t split_counter(const char *name, int64_t *counter)
{
    size_t n = strlen(name);
    while (n > 0 && isdigit((unsigned char)name[n - 1]))
        n--;
    if (n < 2 || name[n - 1] != '_' || !name[n] || strlen(name + n) > 9) {
        *counter = 0;
        return strlen(name);
    }
    *counter = strtoll(name + n, NULL, 10);
    return n - 1;
}

/* batch_normalization_v1_3 is batch_normalization's. */
static bool same_base(const char *a, size_t na, const char *b, size_t nb)
{
    if (na > 3 && !strncmp(a + na - 3, "_v1", 3))
        na -= 3;
    return na == nb && !strncmp(a, b, nb);
}

typedef struct Counted {
    int64_t counter;
    uint32_t index;
} Counted;

static int by_counter(const void *pa, const void *pb)
{
    const Counted *a = pa, *b = pb;
    if (a->counter != b->counter)
        return a->counter < b->counter ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

/* The n-th layer of each base in the order of counters: from file to graph. */
static void way_by_counters(const Match *m, Node **to)
{
    Arena *arena = m->ctx->arena;
    const Graph *graph = m->graph;
    bool *done = arena_array(arena, bool, graph->nodes.n);
    for (uint32_t k = 0; k < graph->nodes.n; k++) {
        const Node *node = &graph->nodes.at[k];
        int64_t counter;
        size_t base = split_counter(node->name, &counter);
        if (done[k] || !node->params.n || node->part != PART_BACKBONE)
            continue;
        ARR(Counted) ours = {0};
        ARR(Counted) theirs = {0};
        for (uint32_t i = k; i < graph->nodes.n; i++) {
            const Node *other = &graph->nodes.at[i];
            size_t n = split_counter(other->name, &counter);
            if (other->part != PART_BACKBONE || !other->params.n ||
                !same_base(other->name, n, node->name, base))
                continue;
            done[i] = true;
            *arr_push(arena, &ours) = (Counted){counter, i};
        }
        for (uint32_t i = 0; i < m->file->layers.n; i++) {
            const char *name = m->file->layers.at[i].name;
            size_t n = split_counter(name, &counter);
            if (same_base(name, n, node->name, base))
                *arr_push(arena, &theirs) = (Counted){counter, i};
        }
        if (ours.n)
            qsort(ours.at, ours.n, sizeof *ours.at, by_counter);
        if (theirs.n)
            qsort(theirs.at, theirs.n, sizeof *theirs.at, by_counter);
        /* the graph's own counters keep their places in the file when a slice dropped some */
        for (uint32_t i = 0; i < ours.n; i++) {
            int64_t place = ours.at[i].counter;
            if (place < (int64_t)theirs.n)
                to[theirs.at[place].index] = &graph->nodes.at[ours.at[i].index];
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
static void try_way(Match *m, Node **to, const char *name)
{
    uint32_t n = score(m, to);
    if (!m->to || n > m->score) {
        m->to = to;
        m->score = n;
        m->way = name;
    }
}

static Node **way_by_names(const Match *m, const Rename *map, uint32_t n_map)
{
    Node **to = arena_array(m->ctx->arena, Node *, m->file->layers.n + 1);
    for (uint32_t i = 0; i < m->file->layers.n; i++) {
        const char *name = renamed(m->rename, m->n_rename, m->file->layers.at[i].name);
        to[i] = node_named(m, renamed(map, n_map, name));
    }
    return to;
}

void weights_match(Match *m)
{
    const Backbone *backbone = m->graph->backbone;
    m->by_name = strmap_create(m->ctx->arena);
    for (uint32_t i = 0; i < m->graph->nodes.n; i++)
        strmap_put(m->by_name, m->graph->nodes.at[i].name, &m->graph->nodes.at[i]);
    bool counters = backbone && backbone->counter_names;
    if (counters) {
        Node **to = way_by_names(m, NULL, 0);
        for (uint32_t i = 0; i < m->file->layers.n; i++)
            if (to[i] && to[i]->part == PART_BACKBONE)
                to[i] = NULL;
        way_by_counters(m, to);
        try_way(m, to, "counters");
    }
    try_way(m, way_by_names(m, NULL, 0), "");
    for (uint32_t k = 0; backbone && k < backbone->maps.n; k++) {
        const NameMap *map = &backbone->maps.at[k];
        try_way(m, way_by_names(m, map->names.at, map->names.n), map->era);
    }
}
