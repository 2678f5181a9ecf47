/* doc_dictionary.c - the words of the language, once each, as the dictionaries of fuzzers have
 * them. */
#include "compiler/base/base.h"
#include "compiler/tool/doc.h"

typedef struct Dictionary {
    Buf *out;
    StrMap *seen;
} Dictionary;

static void add(Dictionary *d, const char *word)
{
    if (!word || !*word || !strmap_put(d->seen, word, d))
        return;
    buf_json_string(d->out, word);
    buf_puts(d->out, "\n");
}

static void add_all(Dictionary *d, const char *const *words)
{
    for (; words && *words; words++)
        add(d, *words);
}

void doc_dictionary(Ctx *ctx, Buf *out)
{
    Dictionary d = {out, strmap_create(ctx->arena)};
    buf_puts(
        out,
        "# graft.dict - words of the language for fuzzers; printed by `graftc docs graft.dict`.\n");
    for (size_t i = 0; i < N_SPEC_KEYS; i++) {
        const KeyDesc *key = &SPEC_KEYS[i];
        add(&d, schema_name(key));
        add(&d, key->preset);
        add_all(&d, key->words);
    }
    for (LayerKind kind = 0; kind < LAYER_COUNT; kind++) {
        const LayerDesc *layer = &LAYER_KINDS[kind];
        add(&d, layer->name);
        for (uint32_t i = 0; i < layer->n_attrs; i++) {
            add(&d, layer->attrs[i].key);
            add(&d, layer->attrs[i].preset);
            add_all(&d, layer->attrs[i].words);
        }
    }
    add_all(&d, backbone_names());
}
