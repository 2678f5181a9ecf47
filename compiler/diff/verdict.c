/* verdict.c - what of a run of one spec still holds under another: the checkpoint, the feature
 * cache, the kernels. The rules are those of runtime/grt_checkpoint.c and runtime/grt_cache.c. */
#include "compiler/base/base.h"
#include "compiler/diff/graph_diff.h"

const char *const HOLDS_WORDS[] = {
    [HOLDS] = "valid", [HOLDS_PERHAPS] = "unsure", [HOLDS_NOT] = "invalid"};

/* ----------------------------------------------------------------------- checkpoint */

static bool has_param(const Plan *plan, const GrtParam *param)
{
    for (uint32_t i = 0; i < plan->params.n; i++) {
        const GrtParam *p = &plan->params.at[i];
        if (strcmp(p->layer, param->layer) == 0 && strcmp(p->name, param->name) == 0)
            return p->rank == param->rank && memcmp(p->dims, param->dims, sizeof p->dims) == 0;
    }
    return false;
}

/* A program takes checkpoints of its own spec only; as `weights:` they are matched by name. */
Verdict checkpoint_verdict(Ctx *ctx, const DiffSide *a, const DiffSide *b)
{
    uint32_t n = b->plan->params.n, fit = 0;
    for (uint32_t i = 0; i < n; i++)
        fit += has_param(a->plan, &b->plan->params.at[i]);
    if (strcmp(a->spec->hash, b->spec->hash) == 0 && fit == n && n == a->plan->params.n)
        return (Verdict){HOLDS, NULL};
    const char *as_weights =
        fit == n ? "as `weights` all parameters fit"
        : fit    ? arena_printf(ctx->arena, "as `weights` %u of %u parameters fit", fit, n)
                 : "no parameter fits";
    return (Verdict){HOLDS_NOT, arena_printf(ctx->arena,
                                             "--resume and evaluate want the same spec "
                                             "to the letter; %s",
                                             as_weights)};
}

/* -------------------------------------------------------------------- feature cache */

/* A layer whose weights are folded into constants with arguments that are in no kernel (epsilon);
 * NULL when there is none that differs. The prefixes have the same steps. */
static const Node *other_constants(Ctx *ctx, const Graph *a, const Graph *b, bool *any)
{
    const bool *in_a = graph_frozen_prefix(ctx, a), *in_b = graph_frozen_prefix(ctx, b);
    uint32_t i = 0, j = 0;
    *any = false;
    for (;; i++, j++) {
        while (i < a->nodes.n && !(in_a[i] && a->nodes.at[i].params.n))
            i++;
        while (j < b->nodes.n && !(in_b[j] && b->nodes.at[j].params.n))
            j++;
        if (i == a->nodes.n || j == b->nodes.n)
            return j < b->nodes.n ? &b->nodes.at[j] : i < a->nodes.n ? &a->nodes.at[i] : NULL;
        *any = true;
        if (!layers_alike(&a->nodes.at[i], &b->nodes.at[j]))
            return &b->nodes.at[j];
    }
}

static bool maybe_random(const Spec *spec)
{
    const WeightsSpec *w = &spec->backbone_weights;
    return w->random || w->allow_missing_any || w->allow_missing.n;
}

/* The constants of the same steps: where they come from. Weight files are not read. */
static Verdict weights_verdict(const DiffSide *a, const DiffSide *b, const Changes *changes)
{
    const Spec *x = a->spec, *y = b->spec;
    bool all_random = y->backbone_weights.random && !y->weights.path;
    if (x->backbone_weights.random != y->backbone_weights.random)
        return (Verdict){HOLDS_NOT, "its weights come from elsewhere"};
    if (changes_find(changes, "backbone.weights") || changes_find(changes, "weights") ||
        changes_find(changes, "backbone.weights.rename") || changes_find(changes, "weights.rename"))
        return (Verdict){HOLDS_PERHAPS, "valid only if both weight files give the same values"};
    if (x->seed != y->seed && all_random)
        return (Verdict){HOLDS_NOT, "its random weights come from another seed"};
    if (x->seed != y->seed && (maybe_random(x) || maybe_random(y)))
        return (Verdict){HOLDS_PERHAPS, "valid unless a frozen layer starts from the seed"};
    return (Verdict){HOLDS, all_random
                                ? "for the same images"
                                : "for the same images, while the weight file stays as it is"};
}

/* By the hash of the prefix's steps, as in the program, and by where its constants come from. */
Verdict cache_verdict(Ctx *ctx, const DiffSide *a, const DiffSide *b, const Changes *changes)
{
    bool constants;
    Sizes x = sizes_of(a->graph, a->plan), y = sizes_of(b->graph, b->plan);
    if (!x.prefix_macs)
        return (Verdict){HOLDS_NOT, "there was none: nothing costly was frozen"};
    if (!y.prefix_macs)
        return (Verdict){HOLDS_NOT, "there is none any more: nothing costly is frozen"};
    if (strcmp(a->plan->prefix_hash, b->plan->prefix_hash) != 0)
        return (Verdict){HOLDS_NOT, "the frozen part computes something else"};
    const Node *other = other_constants(ctx, a->graph, b->graph, &constants);
    if (other)
        return (Verdict){HOLDS_NOT,
                         arena_printf(ctx->arena, "the arguments of %s differ", other->name)};
    return constants ? weights_verdict(a, b, changes) : (Verdict){HOLDS, "for the same images"};
}

/* -------------------------------------------------------------------------- kernels */

Kept kernels_kept(const Plan *a, const Plan *b)
{
    Kept kept = {.added = b->kernels.n, .gone = a->kernels.n};
    for (uint32_t i = 0; i < b->kernels.n; i++) {
        for (uint32_t k = 0; k < a->kernels.n; k++) {
            if (a->kernels.at[k]->hash != b->kernels.at[i]->hash)
                continue;
            kept = (Kept){kept.kept + 1, kept.added - 1, kept.gone - 1};
            break;
        }
    }
    return kept;
}
