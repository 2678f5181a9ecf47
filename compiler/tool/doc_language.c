/* doc_language.c - what the reference of the language says: the tables of keys, of layers and of
 * rules, with the backbones. */
#include "compiler/base/base.h"
#include "compiler/spec/spec.h"
#include "compiler/tool/doc.h"

#include <inttypes.h>

static const char EXAMPLE[] =
    "graft: 1                                  # version of the language\n"
    "name: flowers\n"
    "data: {train: photos/train, test: photos/test}\n"
    "input: {shape: [96, 96, 3], preprocessing: caffe}\n"
    "backbone:\n"
    "  name: ResNet50\n"
    "  weights: resnet50_notop.h5\n"
    "  slice: conv3_block4_out                 # the last layer that is kept\n"
    "  frozen: all\n"
    "head:\n"
    "  - GlobalAveragePooling2D\n"
    "  - Dense: {units: 5, activation: softmax}\n"
    "training:\n"
    "  loss: categorical_crossentropy\n"
    "  optimizer: {Adam: {learning_rate: 0.001}}\n"
    "  epochs: 10\n";

static const char *const RULES_OF_WRITING[] = {
    "A spec is a mapping in YAML 1.2: `true` and `false` alone are booleans, `1e-4` is a number, a "
    "number that is meant as a text is quoted. Aliases, anchors, tags, merge keys and several "
    "documents in a file are refused.",
    "Unknown and duplicate keys are errors. Keys that begin with `x-` are yours and are ignored.",
    "Paths are relative to the file that they are written in; in a `--set` of the command line "
    "they "
    "are relative to the working directory.",
    "With `extends` a spec builds on others: mappings merge, lists replace, `null` removes what is "
    "inherited, and another optimizer replaces the inherited one with all of its arguments.",
    "An entry of a list of layers is `Kind` or `Kind: {argument: value}`. Kinds, arguments and "
    "defaults are Keras's. Every layer takes a `name`; without one it gets the name that Keras "
    "would "
    "give it.",
};

static void add_key(Ctx *ctx, DocEntries *entries, const KeyDesc *key)
{
    *arr_push(ctx->arena, entries) = (DocEntry){.name = key->path,
                                                .value = schema_describe(ctx, key),
                                                .preset = key->preset,
                                                .required = key->required,
                                                .text = schema_doc(ctx, key)};
}

/* All rows below the key. */
static void add_keys_below(Ctx *ctx, DocEntries *entries, const KeyDesc *above)
{
    size_t n = strlen(above->path);
    for (size_t i = 0; i < N_SPEC_KEYS; i++)
        if (strncmp(SPEC_KEYS[i].path, above->path, n) == 0 && SPEC_KEYS[i].path[n] == '.')
            add_key(ctx, entries, &SPEC_KEYS[i]);
}

/* The top's own values, then a section for each of its mappings. */
static void put_keys(Ctx *ctx, const DocFormat *format, Buf *out)
{
    const KeyDesc *key;
    DocEntries top = {0};
    for (size_t at = 0; (key = schema_next("", &at));) {
        if (key->type == KT_MAP)
            continue;
        add_key(ctx, &top, key);
        add_keys_below(ctx, &top, key);
    }
    format->subheading(out, "The top of a spec");
    format->entries(out, &top);
    for (size_t at = 0; (key = schema_next("", &at));) {
        if (key->type != KT_MAP)
            continue;
        DocEntries entries = {0};
        add_keys_below(ctx, &entries, key);
        format->subheading(out, key->path);
        format->paragraph(
            out, arena_printf(ctx->arena, "%s%s", key->doc, key->required ? " Required." : ""));
        format->entries(out, &entries);
    }
}

static void put_layer(Ctx *ctx, const DocFormat *format, Buf *out, LayerKind kind)
{
    const LayerDesc *layer = &LAYER_KINDS[kind];
    bool in_lists = schema_takes_layer(schema_find("head"), kind);
    DocEntries entries = {0};
    for (uint32_t i = 0; i < layer->n_attrs; i++) {
        const AttrDesc *attr = &layer->attrs[i];
        *arr_push(ctx->arena, &entries) = (DocEntry){.name = attr->key,
                                                     .value = schema_describe_attr(ctx, attr),
                                                     .preset = attr->preset,
                                                     .required = attr->required,
                                                     .text = attr->doc};
    }
    format->subheading(out, layer->name);
    format->paragraph(
        out,
        in_lists ? layer->doc : arena_printf(ctx->arena, "%s In backbone files only.", layer->doc));
    format->entries(out, &entries);
}

static void put_backbones(Ctx *ctx, const DocFormat *format, Buf *out)
{
    DocEntries entries = {0};
    for (const char *const *name = backbone_names(); *name; name++) {
        const Backbone *backbone = backbone_read(ctx, *name, NULL, (Loc){0});
        check_bug(backbone);
        const char *text =
            arena_printf(ctx->arena,
                         "%u layers; images from %" PRId64 " x %" PRId64 "; weights of ImageNet "
                         "expect preprocessing `%s`.",
                         backbone->layers.n, backbone->min_height, backbone->min_width,
                         backbone->preprocessing ? backbone->preprocessing : "none");
        *arr_push(ctx->arena, &entries) = (DocEntry){.name = *name, .text = text};
    }
    format->heading(out, "Backbones");
    format->paragraph(out, "These are built in; `graftc layers NAME` lists the layers of one.");
    format->entries(out, &entries);
}

static void put_rules(Ctx *ctx, const DocFormat *format, Buf *out)
{
    DocEntries entries = {0};
    for (Rule rule = 0; rule < R_COUNT; rule++) {
        const RuleDesc *desc = &RULES[rule];
        *arr_push(ctx->arena, &entries) = (DocEntry){
            .name = desc->name,
            .text = arena_printf(ctx->arena, "%s%s%s %s",
                                 desc->level == DIAG_ERROR ? "" : diag_level_name(desc->level),
                                 desc->level == DIAG_ERROR ? "" : ": ", desc->line, desc->help)};
    }
    format->heading(out, "Diagnostics");
    format->paragraph(out,
                      "Each message ends in the name of its rule, in brackets. They are errors, "
                      "but for the warnings and notes at the end of this list; `graftc check "
                      "--strict` makes the warnings errors.");
    format->paragraph(out, "The comment `# graftc: allow RULE` at the end of a line says that a "
                           "warning or a note about this line is known, and it is not shown.");
    format->entries(out, &entries);
}

void doc_language(Ctx *ctx, const DocFormat *format, Buf *out)
{
    format->title(out, "graft-spec", 5, "the language of Graft's specs");
    format->heading(out, "Description");
    format->paragraph(out,
                      "A spec is one file, NAME.graft.yaml, that describes a transfer-learning "
                      "experiment: the data, the backbone and what of it is kept and trained, "
                      "the head that is grafted onto it, and the training. `graftc build` turns "
                      "it into a program.");
    format->paragraph(out, "This reference is made from the compiler's own tables, which `graftc "
                           "explain` and `graftc schema` print as well.");
    format->heading(out, "Example");
    format->code(out, EXAMPLE);
    format->heading(out, "Writing specs");
    for (size_t i = 0; i < COUNT_OF(RULES_OF_WRITING); i++)
        format->paragraph(out, RULES_OF_WRITING[i]);
    format->heading(out, "Keys");
    format->paragraph(out, arena_printf(ctx->arena,
                                        "Keys are there since version %s of the language, "
                                        "unless they say otherwise. Dots stand between a "
                                        "mapping and what is in it.",
                                        SPEC_KEYS[0].since));
    put_keys(ctx, format, out);
    format->heading(out, "Layers");
    for (LayerKind kind = 0; kind < LAYER_COUNT; kind++)
        if (LAYER_KINDS[kind].max_inputs)
            put_layer(ctx, format, out, kind);
    put_backbones(ctx, format, out);
    put_rules(ctx, format, out);
    format->heading(out, "See also");
    format->paragraph(out, "`graftc(1)`");
}
