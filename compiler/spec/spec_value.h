/* spec_value.h - reads one value of a spec or of a layer, and says what it has to be.
 *
 * All readers: true and *out set, or an error at the node and false; a node that was reported
 * before gives false without another error. key is the name that the message uses. */
#ifndef GRAFT_SPEC_VALUE_H
#define GRAFT_SPEC_VALUE_H

#include "compiler/spec/ytree.h"

bool value_int(Ctx *ctx, const YNode *node, const char *key, double min, double max, int64_t *out);
bool value_float(Ctx *ctx, const YNode *node, const char *key, double min, double max,
                 double *out);
bool value_bool(Ctx *ctx, const YNode *node, const char *key, bool *out);
/* Index of one of the words (NULL-terminated). */
bool value_word(Ctx *ctx, const YNode *node, const char *key, const char *const *words, int *out);
/* A text that is not empty; what: "a text", "the name of a layer". */
bool value_string(Ctx *ctx, const YNode *node, const char *key, const char *what,
                  const char **out);
/* Whether the text can be the name of a layer: not empty, no blanks, none of / * ? */
bool value_layer_name(Ctx *ctx, const YNode *node, const char **out);

/* "'key' has to be WHAT, not VALUE" at the node. */
Diag *value_error(Ctx *ctx, const YNode *node, Rule rule, const char *key,
                  const char *what);
/* "unknown WHAT 'NAME'" with the nearest of the names, or all of them, as a hint. */
void value_unknown(Ctx *ctx, Loc loc, Rule rule, const char *what, const char *name,
                   const char *const *names, size_t n_names);
/* "a number from 1 to 5", "a number, at least 1": what a range allows. */
const char *value_range(Ctx *ctx, const char *what, double min, double max);
/* "one of a, b, c" */
const char *value_words(Ctx *ctx, const char *const *words);
/* Keys beginning with x- are the user's own. */
bool value_is_private(const YNode *key);

#endif
