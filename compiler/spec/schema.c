/* schema.c - the one table of the language's keys. */
#include "compiler/base/base.h"
#include "compiler/spec/spec.h"
#include "compiler/spec/spec_value.h"

#define AT(field) offsetof(Spec, field)
#define NO NO_OFFSET
#define MAX_STEP 1e9 /* epochs, seeds and the like: far from what an int64 or a double can hold */
#define LEAST_RATE 1e-12

static const char *const FORMATS[] = {
    [DATA_IMAGE_FOLDER] = "image_folder", [DATA_CIFAR10] = "cifar10", [DATA_NPY] = "npy", NULL};
static const char *const ON_ERROR[] = {[ON_ERROR_STOP] = "stop", [ON_ERROR_SKIP] = "skip", NULL};
static const char *const PREPROCESSING[] = {
    [PRE_RESCALE] = "rescale", [PRE_TF] = "tf",     [PRE_CAFFE] = "caffe",
    [PRE_TORCH] = "torch",     [PRE_NONE] = "none", NULL};
static const char *const PRECISION[] = {
    [PREC_FLOAT32] = "float32", [PREC_BFLOAT16] = "bfloat16", NULL};
static const char *const LOSSES[] = {[LOSS_CATEGORICAL_CROSSENTROPY] = "categorical_crossentropy",
                                     [LOSS_SPARSE_CATEGORICAL_CROSSENTROPY] =
                                         "sparse_categorical_crossentropy",
                                     NULL};
static const char *const OPTIMIZERS[] = {[OPT_ADAM] = "Adam", [OPT_SGD] = "SGD", NULL};
static const char *const METRICS[] = {"accuracy", NULL};
static const char *const FROZEN[] = {
    [FROZEN_ALL] = "all", [FROZEN_NONE] = "none", [FROZEN_RULES] = NULL};
const char *const RULE_WORDS[N_RULE_KINDS] = {
    [RULE_FREEZE] = "freeze",
    [RULE_UNFREEZE] = "unfreeze",
    [RULE_FREEZE_UNTIL] = "freeze_until",
    [RULE_UNFREEZE_FROM] = "unfreeze_from",
    [RULE_UNFREEZE_LAST] = "unfreeze_last",
};
static const char *const UPSAMPLING[] = {"UpSampling2D", NULL};

/* path, type, required, default, least, largest, words, place in Spec, its Loc, one line, since */
const KeyDesc SPEC_KEYS[] = {
    {"graft", KT_INT, true, "", 1, 1, NULL, AT(version), NO, "Version of the language.", "1"},
    {"extends", KT_EXTENDS, false, "", 0, 0, NULL, NO, NO,
     "Specs that this one changes, a path or a list: mappings merge, lists replace, null removes.",
     "1"},
    {"name", KT_STRING, false, "", 0, 0, NULL, AT(name), AT(name_loc),
     "Name of the experiment and of its folder under runs/; by default the file's.", "1"},

    {"data", KT_MAP, false, "", 0, 0, NULL, NO, AT(data_loc), "The images and their classes.", "1"},
    {"data.format", KT_WORD, false, "image_folder", 0, 0, FORMATS, AT(format), NO,
     "How they are stored: one folder a class, CIFAR-10's binary batches, or arrays.", "1"},
    {"data.train", KT_PATH, false, "", 0, 0, NULL, AT(train), NO,
     "What to train on; the program's --train replaces it.", "1"},
    {"data.test", KT_PATH, false, "", 0, 0, NULL, AT(test), NO,
     "What to evaluate on; the program's --test replaces it.", "1"},
    {"data.on_error", KT_WORD, false, "stop", 0, 0, ON_ERROR, AT(on_error), NO,
     "A file that cannot be decoded stops the run, or is skipped and counted.", "1"},

    {"input", KT_MAP, true, "", 0, 0, NULL, NO, NO, "What enters the model.", "1"},
    {"input.shape", KT_SHAPE, true, "", 1, 4096, NULL, NO, AT(shape_loc),
     "Height, width and channels (1 or 3) of an image.", "1"},
    {"input.preprocessing", KT_WORD, false, "rescale", 0, 0, PREPROCESSING, AT(preprocessing),
     AT(preprocessing_loc), "Keras's modes; rescale is x / 255.", "1"},

    {"upsampling", KT_LAYERS, false, "", 0, 0, UPSAMPLING, AT(upsampling), NO,
     "Layers between the images and the backbone.", "1"},

    {"backbone", KT_MAP, false, "", 0, 0, NULL, NO, NO, "The net that the head is grafted onto.",
     "1"},
    {"backbone.name", KT_STRING, true, "", 0, 0, NULL, AT(backbone), AT(backbone_loc),
     "A backbone of Graft's (see `graftc backbones`) or the path of a file of one's own.", "1"},
    {"backbone.weights", KT_WEIGHTS, true, "", 0, 0, NULL, AT(backbone_weights), NO,
     "Its weights: a file, or `random`.", "1"},
    {"backbone.weights.file", KT_PATH, true, "", 0, 0, NULL, NO, NO,
     "A weight file (HDF5 of Keras, safetensors), or `random`.", "1"},
    {"backbone.weights.allow_missing", KT_ALLOW_MISSING, false, "false", 0, 0, NULL, NO, NO,
     "Layers that may stay without weights: true for all, or a list of names and patterns.", "1"},
    {"backbone.weights.rename", KT_RENAME, false, "", 0, 0, NULL, NO, NO,
     "Layers that the file names otherwise: {name in the file: layer}.", "1"},
    {"backbone.slice", KT_STRING, false, "", 0, 0, NULL, AT(slice), AT(slice_loc),
     "The last layer that is kept; by default all are.", "1"},
    {"backbone.frozen", KT_FROZEN, false, "all", 0, 0, FROZEN, NO, NO,
     "Which layers do not train: all, none, or a list of rules, applied in order.", "1"},
    {"backbone.frozen.freeze", KT_STRING, false, "", 0, 0, NULL, NO, NO,
     "Rule: freezes the layers of this name or pattern (* and ?).", "1"},
    {"backbone.frozen.unfreeze", KT_STRING, false, "", 0, 0, NULL, NO, NO,
     "Rule: lets the layers of this name or pattern train.", "1"},
    {"backbone.frozen.freeze_until", KT_STRING, false, "", 0, 0, NULL, NO, NO,
     "Rule: freezes all up to and with this layer.", "1"},
    {"backbone.frozen.unfreeze_from", KT_STRING, false, "", 0, 0, NULL, NO, NO,
     "Rule: lets this layer and all behind it train.", "1"},
    {"backbone.frozen.unfreeze_last", KT_INT, false, "", 1, 100000, NULL, NO, NO,
     "Rule: lets the last N layers that have weights train.", "1"},
    {"backbone.precision", KT_WORD, false, "float32", 0, 0, PRECISION, AT(precision), NO,
     "Numbers that its frozen prefix is computed in; bfloat16 is faster, with some three digits.", "1"},

    {"head", KT_LAYERS, true, "", 0, 0, NULL, AT(head), AT(head_loc),
     "The layers that are trained; the last is Dense with a unit for each class.", "1"},

    {"weights", KT_WEIGHTS, false, "", 0, 0, NULL, AT(weights), NO,
     "Weights of the whole model, by name, over those of the backbone's own file.", "1"},
    {"weights.file", KT_PATH, true, "", 0, 0, NULL, NO, NO,
     "A weight file (HDF5 of Keras, safetensors).", "1"},
    {"weights.allow_missing", KT_ALLOW_MISSING, false, "false", 0, 0, NULL, NO, NO,
     "Layers that may stay without weights: true for all, or a list of names and patterns.", "1"},
    {"weights.rename", KT_RENAME, false, "", 0, 0, NULL, NO, NO,
     "Layers that the file names otherwise: {name in the file: layer}.", "1"},

    {"training", KT_MAP, true, "", 0, 0, NULL, NO, NO, "How the model is trained.", "1"},
    {"training.loss", KT_WORD, true, "", 0, 0, LOSSES, AT(loss), AT(loss_loc),
     "What is made small; both words mean the same here, classes are numbers.", "1"},
    {"training.metrics", KT_METRICS, false, "[accuracy]", 0, 0, METRICS, AT(metric_accuracy), NO,
     "What is reported beside the loss.", "1"},
    {"training.optimizer", KT_OPTIMIZER, false, "Adam", 0, 0, OPTIMIZERS, AT(optimizer),
     AT(optimizer_loc), "A word, or one optimizer with its arguments.", "1"},
    {"training.optimizer.Adam", KT_MAP, false, "", 0, 0, NULL, NO, NO, "Adam, as Keras has it.",
     "1"},
    {"training.optimizer.Adam.learning_rate", KT_FLOAT, false, "0.001", LEAST_RATE, 1000, NULL,
     AT(learning_rate), AT(learning_rate_loc), "Size of a step.", "1"},
    {"training.optimizer.Adam.beta_1", KT_FLOAT, false, "0.9", 0, 0.999999, NULL, AT(beta_1), NO,
     "Decay of the mean of the gradients.", "1"},
    {"training.optimizer.Adam.beta_2", KT_FLOAT, false, "0.999", 0, 0.99999999, NULL, AT(beta_2),
     NO, "Decay of the mean of their squares.", "1"},
    {"training.optimizer.Adam.epsilon", KT_FLOAT, false, "1e-07", LEAST_RATE, 1, NULL,
     AT(opt_epsilon), NO, "Added to the root of the squares.", "1"},
    {"training.optimizer.SGD", KT_MAP, false, "", 0, 0, NULL, NO, NO,
     "Gradient descent, as Keras has it.", "1"},
    {"training.optimizer.SGD.learning_rate", KT_FLOAT, false, "0.01", LEAST_RATE, 1000, NULL,
     AT(learning_rate), AT(learning_rate_loc), "Size of a step.", "1"},
    {"training.optimizer.SGD.momentum", KT_FLOAT, false, "0", 0, 1, NULL, AT(momentum), NO,
     "Share of the step before that is kept.", "1"},
    {"training.optimizer.SGD.nesterov", KT_BOOL, false, "false", 0, 0, NULL, AT(nesterov), NO,
     "Nesterov's momentum.", "1"},
    {"training.batch_size", KT_INT, false, "32", 1, 65536, NULL, AT(batch_size), NO,
     "Images of a training step.", "1"},
    {"training.validation_batch_size", KT_INT, false, "", 1, 65536, NULL, AT(validation_batch_size),
     NO, "Images of a step of evaluation; by default batch_size.", "1"},
    {"training.epochs", KT_INT, false, "1", 1, MAX_STEP, NULL, AT(epochs), NO,
     "Times that all images are seen; the program's --epochs replaces it.", "1"},
    {"training.shuffle", KT_BOOL, false, "true", 0, 0, NULL, AT(shuffle), NO,
     "A new order in every epoch; false keeps the order of the files.", "1"},
    {"training.seed", KT_INT, false, "0", 0, 4294967295.0, NULL, AT(seed), NO,
     "Of all random numbers; the program's --seed replaces it.", "1"},

    {"target", KT_MAP, false, "", 0, 0, NULL, NO, NO,
     "The machine that the program is for; it makes no other experiment.", "1"},
    {"target.cpu", KT_STRING, false, "native", 0, 0, NULL, AT(target_cpu), AT(target_loc),
     "Its processor: native (the one that compiles), x86-64-v3, x86-64-v4, or LLVM's name of one, "
     "of aarch64, too; --target replaces it.",
     "1"},
};
const size_t N_SPEC_KEYS = COUNT_OF(SPEC_KEYS);

static const UsualRange USUAL_RANGES[] = {
    {"training.optimizer.Adam.learning_rate", 1e-6, 1e-2},
    {"training.optimizer.SGD.learning_rate", 1e-5, 1},
};

const UsualRange *schema_usual(const char *path)
{
    for (size_t i = 0; i < COUNT_OF(USUAL_RANGES); i++)
        if (strcmp(USUAL_RANGES[i].path, path) == 0)
            return &USUAL_RANGES[i];
    return NULL;
}

const KeyDesc *schema_find(const char *path)
{
    for (size_t i = 0; i < N_SPEC_KEYS; i++)
        if (strcmp(SPEC_KEYS[i].path, path) == 0)
            return &SPEC_KEYS[i];
    return NULL;
}

const char *schema_name(const KeyDesc *key)
{
    const char *dot = strrchr(key->path, '.');
    return dot ? dot + 1 : key->path;
}

const KeyDesc *schema_next(const char *path, size_t *at)
{
    size_t n = strlen(path);
    while (*at < N_SPEC_KEYS) {
        const KeyDesc *key = &SPEC_KEYS[(*at)++];
        const char *rest = key->path + n + (n > 0);
        bool under = !n || (strncmp(key->path, path, n) == 0 && key->path[n] == '.');
        if (under && !strchr(rest, '.'))
            return key;
    }
    return NULL;
}

/* A list has no names for inputs: only kinds with one input make a chain. */
bool schema_takes_layer(const KeyDesc *key, LayerKind kind)
{
    const LayerDesc *layer = &LAYER_KINDS[kind];
    if (!key->words)
        return layer->min_inputs == 1 && layer->max_inputs == 1;
    for (const char *const *word = key->words; *word; word++)
        if (strcmp(*word, layer->name) == 0)
            return true;
    return false;
}

const char *schema_describe(Ctx *ctx, const KeyDesc *key)
{
    switch (key->type) {
    case KT_MAP:
        return "a mapping";
    case KT_STRING:
        return "a text";
    case KT_PATH:
        return "a path, relative to the file that it stands in";
    case KT_INT:
        return value_range(ctx, "a whole number", key->min, key->max);
    case KT_FLOAT:
        return value_range(ctx, "a number", key->min, key->max);
    case KT_BOOL:
        return "true or false";
    case KT_WORD:
        return value_words(ctx, key->words);
    case KT_SHAPE:
        return "[height, width, channels]";
    case KT_LAYERS:
        return "a list of layers";
    case KT_FROZEN:
        return "all, none or a list of rules";
    case KT_WEIGHTS:
        return "a path or {file: PATH, allow_missing: ..., rename: {...}}";
    case KT_OPTIMIZER:
        return arena_printf(ctx->arena, "%s, or {NAME: {arguments}}", value_words(ctx, key->words));
    case KT_METRICS:
        return "a list of metrics: [accuracy] or []";
    case KT_EXTENDS:
        return "a path or a list of paths";
    case KT_ALLOW_MISSING:
        return "true, false or a list of layer names and patterns";
    case KT_RENAME:
        return "a mapping of names in the file to layers";
    }
    bug("unknown type of key %s", key->path);
}

const char *schema_describe_attr(Ctx *ctx, const AttrDesc *attr)
{
    switch (attr->type) {
    case AT_INT:
        return value_range(ctx, "a whole number", attr->min, attr->max);
    case AT_FLOAT:
        return value_range(ctx, "a number", attr->min, attr->max);
    case AT_BOOL:
        return "true or false";
    case AT_PAIR:
        return arena_printf(ctx->arena, "%s, or a list of two",
                            value_range(ctx, "a whole number", attr->min, attr->max));
    case AT_PADS:
        return "a whole number, [height, width] or [[top, bottom], [left, right]]";
    case AT_WORD:
        return value_words(ctx, attr->words);
    }
    bug("unknown type of argument %s", attr->key);
}

const char *schema_doc(Ctx *ctx, const KeyDesc *key)
{
    const UsualRange *usual = schema_usual(key->path);
    Buf text = buf_create(ctx->arena);
    buf_puts(&text, key->doc);
    if (usual)
        buf_printf(&text, " %s.", value_range(ctx, "Usual is", usual->min, usual->max));
    if (strcmp(key->since, SPEC_KEYS[0].since) != 0)
        buf_printf(&text, " Since version %s.", key->since);
    return text.at;
}
