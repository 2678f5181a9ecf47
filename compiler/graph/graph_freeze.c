/* graph_freeze.c - which layers train: the head always, the backbone as `frozen` says.
 *
 * Rules apply in order to the backbone's layers in Keras's order. What no rule speaks of is the
 * opposite of the first rule: with `- unfreeze_last: 3` the rest stays frozen, with
 * `- freeze: "*_bn"` the rest trains. */
#include "compiler/base/base.h"
#include "compiler/graph/graph_freeze.h"

#include <inttypes.h>

typedef ARR(const char *) Names;

static bool rule_unfreezes(const FreezeRule *rule)
{
    return rule->kind == RULE_UNFREEZE || rule->kind == RULE_UNFREEZE_FROM ||
           rule->kind == RULE_UNFREEZE_LAST;
}

static bool has_weights(const Node *node)
{
    return node->params.n > 0;
}

/* Marks the layers of the backbone that the rule covers in hit; returns how many there are. */
static uint32_t cover_names(const Graph *graph, const FreezeRule *rule, bool *hit)
{
    uint32_t n = 0;
    bool named = false; /* the layer of freeze_until or unfreeze_from was passed */
    bool single = rule->kind == RULE_FREEZE_UNTIL || rule->kind == RULE_UNFREEZE_FROM;
    for (uint32_t i = 0; i < graph->nodes.n; i++) {
        const Node *node = &graph->nodes.at[i];
        if (node->part != PART_BACKBONE)
            continue;
        bool this_one =
            single ? strcmp(rule->pattern, node->name) == 0 : glob_match(rule->pattern, node->name);
        if (rule->kind == RULE_FREEZE_UNTIL)
            hit[i] = !named;
        else if (rule->kind == RULE_UNFREEZE_FROM)
            hit[i] = named || this_one;
        else
            hit[i] = this_one;
        named |= this_one;
        n += hit[i];
    }
    return named ? n : 0;
}

/* The last rule->last layers that have weights. */
static uint32_t cover_last(const Graph *graph, const FreezeRule *rule, bool *hit)
{
    int64_t n = 0;
    for (uint32_t i = graph->nodes.n; i-- > 0 && n < rule->last;) {
        const Node *node = &graph->nodes.at[i];
        hit[i] = node->part == PART_BACKBONE && has_weights(node);
        n += hit[i];
    }
    return (uint32_t)n;
}

/* Why the rule matched nothing, as far as it can be said. */
static void hint_unmatched(Ctx *ctx, Diag *diag, const Graph *graph, const FreezeRule *rule)
{
    Names names = {0};
    for (uint32_t i = 0; i < graph->nodes.n; i++) {
        const Node *node = &graph->nodes.at[i];
        if (node->part == PART_BACKBONE) {
            *arr_push(ctx->arena, &names) = node->name;
        } else if (glob_match(rule->pattern, node->name)) {
            diag_hint(ctx, diag, node->loc, "'%s' does not belong to the backbone%s", node->name,
                      node->part == PART_HEAD ? "; the head always trains" : "");
            return;
        }
    }
    for (uint32_t i = 0; i < graph->backbone->layers.n; i++) {
        const char *name = graph->backbone->layers.at[i].name;
        if (glob_match(rule->pattern, name)) {
            diag_hint(ctx, diag, graph->spec->slice_loc, "'%s' is not kept by the slice at '%s'",
                      name, graph->spec->slice ? graph->spec->slice : names.at[names.n - 1]);
            return;
        }
    }
    const char *near = nearest_name(rule->pattern, names.at, names.n);
    if (near && !strpbrk(rule->pattern, "*?"))
        diag_hint(ctx, diag, (Loc){0}, "did you mean '%s'?", near);
}

static void unmatched(Ctx *ctx, const Graph *graph, const FreezeRule *rule)
{
    if (rule->kind == RULE_UNFREEZE_LAST) {
        diag_error(ctx, rule->loc, R_unmatched_rule,
                   "no layer of the backbone has weights to unfreeze");
        return;
    }
    Diag *diag = diag_error(ctx, rule->loc, R_unmatched_rule, "%s: no layer of %s matches '%s'",
                            RULE_WORDS[rule->kind], graph->backbone->name, rule->pattern);
    hint_unmatched(ctx, diag, graph, rule);
}

static void apply_rule(Ctx *ctx, Graph *graph, const FreezeRule *rule)
{
    bool *hit = arena_array(ctx->arena, bool, graph->nodes.n);
    uint32_t n = rule->kind == RULE_UNFREEZE_LAST ? cover_last(graph, rule, hit)
                                                  : cover_names(graph, rule, hit);
    if (!n) {
        unmatched(ctx, graph, rule);
        return;
    }
    if (rule->kind == RULE_UNFREEZE_LAST && n < rule->last) {
        diag_error(ctx, rule->loc, R_unmatched_rule,
                   "unfreeze_last: %" PRId64 ", but only %u layers of the backbone have weights",
                   rule->last, n);
        return;
    }
    bool any_weights = false;
    for (uint32_t i = 0; i < graph->nodes.n; i++) {
        Node *node = &graph->nodes.at[i];
        if (!hit[i] || !has_weights(node))
            continue;
        node->trainable = rule_unfreezes(rule);
        any_weights = true;
    }
    if (!any_weights)
        diag_warning(ctx, rule->loc, R_rule_without_effect,
                     "%s: none of the layers that '%s' matches has weights", RULE_WORDS[rule->kind],
                     rule->pattern);
}

void graph_freeze(Ctx *ctx, Graph *graph)
{
    const Spec *spec = graph->spec;
    bool train = spec->frozen == FROZEN_NONE;
    if (spec->frozen == FROZEN_RULES && spec->rules.n)
        train = !rule_unfreezes(&spec->rules.at[0]);
    for (uint32_t i = 0; i < graph->nodes.n; i++) {
        Node *node = &graph->nodes.at[i];
        node->trainable = has_weights(node) && (node->part != PART_BACKBONE || train);
    }
    if (spec->frozen != FROZEN_RULES || !graph->backbone)
        return;
    for (uint32_t i = 0; i < spec->rules.n; i++)
        apply_rule(ctx, graph, &spec->rules.at[i]);
}
