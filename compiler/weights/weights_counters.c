/* weights_counters.c - layers that Keras named by counting: conv2d, conv2d_1, ...
 *
 * Keras counts all layers of a class that a session makes, so the counters of a file begin
 * anywhere: at conv2d, at conv2d_1 (the first versions of Keras), or at conv2d_95 (the second net
 * of a session). Their differences are always the same. */
#include "compiler/base/base.h"
#include "compiler/weights/weights_match.h"

#include <ctype.h>
#include <stdlib.h>

enum { MAX_SHIFTS = 1000 };

typedef struct Counted {
    int64_t counter;
    uint32_t index; /* of the node, or of the file's layer */
} Counted;
typedef ARR(Counted) Counts;

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

static int by_counter(const void *pa, const void *pb)
{
    const Counted *a = pa, *b = pb;
    if (a->counter != b->counter)
        return a->counter < b->counter ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

/* The file's layer with this counter, NULL none. */
static const WeightLayer *layer_at(const Match *m, const Counts *theirs, int64_t counter,
                                   uint32_t *index)
{
    uint32_t low = 0, high = theirs->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (theirs->at[middle].counter < counter)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == theirs->n || theirs->at[low].counter != counter)
        return NULL;
    *index = theirs->at[low].index;
    return &m->file->layers.at[*index];
}

/* Layers that fit whole when the file's counters are ours and `shift` more. */
static uint32_t n_fit(const Match *m, const Counts *ours, const Counts *theirs, int64_t shift)
{
    uint32_t n = 0, index, which;
    for (uint32_t i = 0; i < ours->n; i++) {
        const WeightLayer *layer = layer_at(m, theirs, ours->at[i].counter + shift, &index);
        n += layer &&
             weights_fit(layer, &m->graph->nodes.at[ours->at[i].index], &which) == FIT_WHOLE;
    }
    return n;
}

/* The shift under which most layers fit: that which gives the file's first counter to 0, those of a
 * file that lacks its first layers, then any under which our first layer has one. */
static int64_t best_shift(const Match *m, const Counts *ours, const Counts *theirs)
{
    int64_t best = theirs->at[0].counter;
    uint32_t most = n_fit(m, ours, theirs, best);
    for (uint32_t k = 0; k < theirs->n + 2 && k < MAX_SHIFTS && most < ours->n; k++) {
        int64_t shift = k < 2 ? k : theirs->at[k - 2].counter - ours->at[0].counter;
        uint32_t n = n_fit(m, ours, theirs, shift);
        if (n > most) {
            most = n;
            best = shift;
        }
    }
    return best;
}

/* Nodes of the backbone with weights whose base is that of nodes.at[first], the first of them. */
static Counts our_counts(const Match *m, uint32_t first, size_t base, bool *done)
{
    const Node *node = &m->graph->nodes.at[first];
    Counts ours = {0};
    for (uint32_t i = first; i < m->graph->nodes.n; i++) {
        const Node *other = &m->graph->nodes.at[i];
        int64_t counter;
        size_t n = split_counter(other->name, &counter);
        if (other->part != PART_BACKBONE || !other->params.n ||
            !same_base(other->name, n, node->name, base))
            continue;
        done[i] = true;
        *arr_push(m->ctx->arena, &ours) = (Counted){counter, i};
    }
    qsort(ours.at, ours.n, sizeof *ours.at, by_counter);
    return ours;
}

static Counts their_counts(const Match *m, const char *name, size_t base)
{
    Counts theirs = {0};
    for (uint32_t i = 0; i < m->file->layers.n; i++) {
        int64_t counter;
        const char *other = m->file->layers.at[i].name;
        size_t n = split_counter(other, &counter);
        if (!m->by_spec[i] && same_base(other, n, name, base))
            *arr_push(m->ctx->arena, &theirs) = (Counted){counter, i};
    }
    if (theirs.n)
        qsort(theirs.at, theirs.n, sizeof *theirs.at, by_counter);
    return theirs;
}

void weights_by_counters(const Match *m, Node **to)
{
    const Graph *graph = m->graph;
    bool *done = arena_array(m->ctx->arena, bool, graph->nodes.n);
    for (uint32_t i = 0; i < m->file->layers.n; i++)
        if (to[i] && to[i]->part == PART_BACKBONE && !m->by_spec[i])
            to[i] = NULL;
    for (uint32_t k = 0; k < graph->nodes.n; k++) {
        const Node *node = &graph->nodes.at[k];
        int64_t counter;
        size_t base = split_counter(node->name, &counter);
        if (done[k] || !node->params.n || node->part != PART_BACKBONE)
            continue;
        Counts ours = our_counts(m, k, base, done);
        Counts theirs = their_counts(m, node->name, base);
        int64_t shift = theirs.n ? best_shift(m, &ours, &theirs) : 0;
        for (uint32_t i = 0; i < ours.n; i++) {
            uint32_t index;
            if (layer_at(m, &theirs, ours.at[i].counter + shift, &index))
                to[index] = &graph->nodes.at[ours.at[i].index];
        }
    }
}
