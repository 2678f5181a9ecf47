/* layer.c - expands layer.def into the table of layer kinds. */
#include "compiler/base/base.h"
#include "compiler/layers/layer_rules.h"

#include <ctype.h>

const char *const ACTIVATION_WORDS[] = {
    [ACT_LINEAR] = "linear", [ACT_RELU] = "relu",       [ACT_SIGMOID] = "sigmoid",
    [ACT_TANH] = "tanh",     [ACT_SOFTMAX] = "softmax", [ACT_COUNT] = NULL,
};
const char *const INITIALIZER_WORDS[] = {
    [INIT_ZEROS] = "zeros",
    [INIT_ONES] = "ones",
    [INIT_GLOROT_UNIFORM] = "glorot_uniform",
    [INIT_GLOROT_NORMAL] = "glorot_normal",
    [INIT_HE_UNIFORM] = "he_uniform",
    [INIT_HE_NORMAL] = "he_normal",
    [INIT_RANDOM_NORMAL] = "random_normal",
    [INIT_COUNT] = NULL,
};
static const char *const PADDING_WORDS[] = {[PAD_VALID] = "valid", [PAD_SAME] = "same", NULL};
static const char *const INTERPOLATION_WORDS[] = {
    [INTERP_NEAREST] = "nearest", [INTERP_BILINEAR] = "bilinear", NULL,
};

/* Words of an argument, by its type and, for AT_WORD, its field. */
#define WORDS_AT_INT(field) NULL
#define WORDS_AT_FLOAT(field) NULL
#define WORDS_AT_BOOL(field) NULL
#define WORDS_AT_PAIR(field) NULL
#define WORDS_AT_PADS(field) NULL
#define WORDS_AT_WORD(field) WORDS_OF_##field
#define WORDS_OF_activation ACTIVATION_WORDS
#define WORDS_OF_kernel_init INITIALIZER_WORDS
#define WORDS_OF_bias_init INITIALIZER_WORDS
#define WORDS_OF_padding PADDING_WORDS
#define WORDS_OF_interpolation INTERPOLATION_WORDS

/* One array of arguments a kind: each LAYER row ends the array before it and begins its own. */
static const AttrDesc before_the_first[] __attribute__((unused)) = {
#define LAYER(id, ...)                                                                             \
    }                                                                                              \
    ;                                                                                              \
    static const AttrDesc id##_attrs[] = {
#define ATTR(id, key, field, type, required, preset, min, max, doc)                                \
    {key, type, required, preset, min, max, offsetof(LayerAttrs, field), WORDS_##type(field), doc},
#include "compiler/layers/layer.def"
#undef LAYER
#undef ATTR
};

const LayerDesc LAYER_KINDS[LAYER_COUNT] = {
#define LAYER(id, name, min_inputs, max_inputs, flags, doc)                                        \
    [LAYER_##id] = {name,       doc,       min_inputs,  max_inputs,   flags, id##_attrs,           \
                    COUNT_OF(id##_attrs), id##_shape, id##_params, id##_forward, id##_backward},
#define ATTR(...)
#include "compiler/layers/layer.def"
#undef LAYER
#undef ATTR
};

LayerKind layer_by_name(const char *name)
{
    for (LayerKind kind = 0; kind < LAYER_COUNT; kind++)
        if (strcmp(LAYER_KINDS[kind].name, name) == 0)
            return kind;
    return LAYER_COUNT;
}

const AttrDesc *layer_attr(const LayerDesc *desc, const char *key)
{
    for (uint32_t i = 0; i < desc->n_attrs; i++)
        if (strcmp(desc->attrs[i].key, key) == 0)
            return &desc->attrs[i];
    return NULL;
}

/* Keras's rule: an underscore before a capital that follows a small letter or begins a word. */
const char *layer_auto_name(Arena *arena, LayerKind kind)
{
    const char *name = LAYER_KINDS[kind].name;
    Buf out = buf_create(arena);
    for (const char *c = name; *c; c++) {
        bool capital = isupper((unsigned char)*c);
        if (c > name && capital &&
            (islower((unsigned char)c[-1]) || islower((unsigned char)c[1])))
            buf_puts(&out, "_");
        buf_printf(&out, "%c", tolower((unsigned char)*c));
    }
    return out.at;
}
