/* spec_diff.c - two lists of values side by side: keys by their path, layers by name and likeness.
 */
#include "compiler/base/base.h"
#include "compiler/diff/spec_diff.h"

#include <sys/stat.h>

/* ---------------------------------------------------------------------------- paths */

static bool same_content(const char *a, const char *b)
{
    char left[16384], right[16384];
    FILE *x = fopen(a, "rb"), *y = fopen(b, "rb");
    bool same = x && y;
    while (same) {
        size_t n = fread(left, 1, sizeof left, x);
        same = fread(right, 1, sizeof right, y) == n && memcmp(left, right, n) == 0;
        if (n < sizeof left)
            break;
    }
    same = same && !ferror(x) && !ferror(y);
    if (x)
        fclose(x);
    if (y)
        fclose(y);
    return same;
}

/* The paths lead to the same. What is not there is judged by how it is written. */
static bool same_place(Ctx *ctx, const SpecValue *a, const SpecValue *b)
{
    struct stat x, y;
    if (strcmp(path_absolute(ctx->arena, a->file), path_absolute(ctx->arena, b->file)) == 0)
        return true;
    if (stat(a->file, &x) != 0 || stat(b->file, &y) != 0)
        return strcmp(a->text, b->text) == 0;
    if (x.st_dev == y.st_dev && x.st_ino == y.st_ino)
        return true;
    return S_ISREG(x.st_mode) && S_ISREG(y.st_mode) && x.st_size == y.st_size &&
           same_content(a->file, b->file);
}

static bool same_value(Ctx *ctx, const SpecValue *a, const SpecValue *b)
{
    if (a->file && b->file)
        return same_place(ctx, a, b);
    return !a->file == !b->file && strcmp(a->text, b->text) == 0;
}

/* ----------------------------------------------------------------- lists of layers */

/* One entry of a list: its values stand together, the entry itself first. */
typedef struct Item {
    const SpecValue *values;
    uint32_t n;
} Item;
typedef ARR(Item) Items;

static Items items_of(Ctx *ctx, const SpecValues *values, const KeyDesc *list)
{
    Items items = {0};
    for (uint32_t i = 0; i < values->n; i++) {
        const SpecValue *value = &values->at[i];
        if (value->list != list)
            continue;
        if (!value->name)
            *arr_push(ctx->arena, &items) = (Item){value, 0};
        items.at[items.n - 1].n++;
    }
    return items;
}

static const SpecValue *item_value(const Item *item, const char *name)
{
    for (uint32_t i = 1; i < item->n; i++)
        if (strcmp(item->values[i].name, name) == 0)
            return &item->values[i];
    return NULL;
}

/* Letters of the kind, with which the entry's text begins. */
static size_t kind_length(const Item *item)
{
    return strcspn(item->values->text, ":");
}

static bool same_kind(const Item *a, const Item *b)
{
    size_t n = kind_length(a);
    return n == kind_length(b) && memcmp(a->values->text, b->values->text, n) == 0;
}

/* How well two entries go together; 0: not at all. A name counts more than anything else; under
 * another name only the very same layer is still the layer. */
static uint32_t likeness(const Item *a, const Item *b)
{
    enum { NAMED = 1000, EQUAL = 100, KIND = 10 };
    if (!same_kind(a, b))
        return 0;
    const SpecValue *x = item_value(a, "name"), *y = item_value(b, "name");
    if (x && y && strcmp(x->text, y->text) == 0)
        return NAMED;
    uint32_t equal = 0, n = a->n - 1 - (x != NULL); /* a kind has the same arguments everywhere */
    for (uint32_t i = 1; i < a->n; i++) {
        if (&a->values[i] != x)
            equal += strcmp(a->values[i].text, item_value(b, a->values[i].name)->text) == 0;
    }
    if (x || y)
        return equal == n ? KIND : 0;
    return KIND + (equal == n ? EQUAL : KIND * equal / n);
}

/* The best way to lay the lists beside each other: best[i][j] is the sum of likenesses that the
 * entries from i and from j on can reach. */
static uint32_t *best_sums(Ctx *ctx, const Items *a, const Items *b)
{
    size_t width = b->n + 1;
    uint32_t *best = arena_array(ctx->arena, uint32_t, (a->n + 1) * width);
    for (uint32_t i = a->n; i-- > 0;) {
        for (uint32_t j = b->n; j-- > 0;) {
            uint32_t *cell = &best[i * width + j], like = likeness(&a->at[i], &b->at[j]);
            uint32_t pair = like ? like + cell[width + 1] : 0;
            *cell = cell[width] > cell[1] ? cell[width] : cell[1];
            *cell = pair > *cell ? pair : *cell;
        }
    }
    return best;
}

static void add_change(Ctx *ctx, Changes *out, const SpecValue *a, const SpecValue *b)
{
    *arr_push(ctx->arena, out) = (Change){b ? b->path : a->path, a, b};
}

static void diff_items(Ctx *ctx, const Item *a, const Item *b, Changes *out)
{
    for (uint32_t i = 1; i < a->n; i++)
        if (!item_value(b, a->values[i].name))
            add_change(ctx, out, &a->values[i], NULL);
    for (uint32_t i = 1; i < b->n; i++) {
        const SpecValue *was = item_value(a, b->values[i].name);
        if (!was || strcmp(was->text, b->values[i].text) != 0)
            add_change(ctx, out, was, &b->values[i]);
    }
}

static void diff_lists(Ctx *ctx, const Items *a, const Items *b, Changes *out)
{
    const uint32_t *best = best_sums(ctx, a, b);
    size_t width = b->n + 1;
    uint32_t i = 0, j = 0;
    while (i < a->n || j < b->n) {
        const uint32_t *cell = &best[i * width + j];
        uint32_t like = i < a->n && j < b->n ? likeness(&a->at[i], &b->at[j]) : 0;
        if (like && *cell == like + cell[width + 1])
            diff_items(ctx, &a->at[i++], &b->at[j++], out);
        else if (i < a->n && (j == b->n || *cell == cell[width]))
            add_change(ctx, out, a->at[i++].values, NULL);
        else
            add_change(ctx, out, NULL, b->at[j++].values);
    }
}

/* ----------------------------------------------------------------------- all values */

static const SpecValue *find_value(const SpecValues *values, const char *path)
{
    for (uint32_t i = 0; i < values->n; i++)
        if (!values->at[i].list && strcmp(values->at[i].path, path) == 0)
            return &values->at[i];
    return NULL;
}

static void diff_key(Ctx *ctx, const KeyDesc *key, const SpecValues *a, const SpecValues *b,
                     Changes *out)
{
    if (key->type == KT_LAYERS) {
        Items x = items_of(ctx, a, key), y = items_of(ctx, b, key);
        diff_lists(ctx, &x, &y, out);
        return;
    }
    const SpecValue *x = find_value(a, key->path), *y = find_value(b, key->path);
    if ((x || y) && !(x && y && same_value(ctx, x, y)))
        add_change(ctx, out, x, y);
}

Changes spec_diff(Ctx *ctx, const SpecValues *a, const SpecValues *b)
{
    Changes out = {0};
    for (size_t i = 0; i < N_SPEC_KEYS; i++)
        diff_key(ctx, &SPEC_KEYS[i], a, b, &out);
    return out;
}

const Change *changes_find(const Changes *changes, const char *path)
{
    for (uint32_t i = 0; i < changes->n; i++)
        if (strcmp(changes->at[i].path, path) == 0)
            return &changes->at[i];
    return NULL;
}
