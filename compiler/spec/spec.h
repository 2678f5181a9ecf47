/* spec.h - the experiment: typed, complete, every default filled in.
 *
 * Made by spec_read.c from the tree, through the one table of keys (schema.c). No later stage
 * applies a default. Layer lists keep their arguments parsed; names of layers are checked when the Graph is
 * built, because only then the layers exist. */
#ifndef GRAFT_SPEC_H
#define GRAFT_SPEC_H

#include "compiler/layers/layer.h"
#include "compiler/spec/ytree.h"

typedef enum { DATA_IMAGE_FOLDER, DATA_CIFAR10, DATA_NPY } DataFormat;
typedef enum { PRE_RESCALE, PRE_TF, PRE_CAFFE, PRE_TORCH, PRE_NONE } Preprocessing;
typedef enum { ON_ERROR_STOP, ON_ERROR_SKIP } OnError;
typedef enum { LOSS_CATEGORICAL_CROSSENTROPY, LOSS_SPARSE_CATEGORICAL_CROSSENTROPY } LossKind;
typedef enum { OPT_ADAM, OPT_SGD } OptimizerKind;
typedef enum { PREC_FLOAT32, PREC_BFLOAT16 } Precision;

/* One layer of `upsampling:`, `head:` or of a backbone file. */
typedef struct LayerSpec {
    LayerKind kind;
    const char *name; /* NULL: Keras's automatic name */
    Loc loc;          /* of the kind's word */
    Loc name_loc;
    LayerAttrs attrs;
    ARR(const char *) from; /* input names, backbone files only; empty: the layer before */
    ARR(Loc) from_locs;
} LayerSpec;
typedef ARR(LayerSpec) LayerSpecs;

typedef enum {
    RULE_FREEZE, RULE_UNFREEZE, RULE_FREEZE_UNTIL, RULE_UNFREEZE_FROM, RULE_UNFREEZE_LAST
} RuleKind;
enum { N_RULE_KINDS = RULE_UNFREEZE_LAST + 1 };
/* As they stand in a spec, by RuleKind; each is a row of SPEC_KEYS as well (schema.c). */
extern const char *const RULE_WORDS[N_RULE_KINDS];
typedef struct FreezeRule {
    RuleKind kind;
    const char *pattern; /* layer name or glob */
    int64_t last;        /* RULE_UNFREEZE_LAST */
    Loc loc;             /* of the value */
} FreezeRule;

typedef struct Rename {
    const char *file_name, *layer_name;
    Loc loc;
} Rename;

typedef struct WeightsSpec {
    bool random;
    const char *path;  /* relative to the working directory; NULL when random or not given */
    Loc loc;
    bool allow_missing_any;         /* allow_missing: true */
    ARR(const char *) allow_missing; /* globs of layer names that may stay without weights */
    ARR(Loc) allow_missing_locs;
    ARR(Rename) rename;
} WeightsSpec;

/* A file that the spec extends, and where it is named. */
typedef struct SpecSource {
    const SourceFile *file;
    Loc from;
} SpecSource;
typedef ARR(SpecSource) SpecSources;

typedef struct Spec {
    const SourceFile *file;
    YNode *tree;      /* merged tree after extends and --set */
    SpecSources sources;
    int64_t version;
    const char *name;
    Loc name_loc;

    DataFormat format;
    const char *train, *test; /* NULL when not given */
    OnError on_error;
    Loc data_loc;

    int64_t height, width, channels;
    Loc shape_loc;
    Preprocessing preprocessing;
    Loc preprocessing_loc;

    LayerSpecs upsampling;

    bool has_backbone;
    const char *backbone; /* an embedded one's name, or a path (contains '/' or ends in .yaml) */
    Loc backbone_loc;
    WeightsSpec backbone_weights;
    const char *slice; /* NULL: whole */
    Loc slice_loc;
    enum { FROZEN_ALL, FROZEN_NONE, FROZEN_RULES } frozen;
    ARR(FreezeRule) rules;
    Precision precision;

    LayerSpecs head;
    Loc head_loc;
    WeightsSpec weights; /* top level: the whole model */

    LossKind loss;
    Loc loss_loc;
    bool metric_accuracy;
    OptimizerKind optimizer;
    Loc optimizer_loc;
    Loc learning_rate_loc;
    double learning_rate, beta_1, beta_2, opt_epsilon; /* Adam; learning_rate is SGD's too */
    double momentum;                                   /* SGD */
    bool nesterov;
    int64_t batch_size, validation_batch_size, epochs, seed;
    bool shuffle;

    const char *target_cpu;
    Loc target_loc;

    const char *canonical; /* the resolved spec as canonical YAML (spec_print.c) */
    char hash[17]; /* XXH3-64 of canonical but `target`, hex: names the experiment everywhere */
} Spec;

typedef struct SetOption {
    const char *path, *value; /* --set path=value */
} SetOption;

/* Reads the file, what it extends, and --set; NULL after errors. */
Spec *spec_read(Ctx *ctx, const char *path, const SetOption *sets, uint32_t n_sets);
/* The merged tree alone, for --kind=tree; NULL after errors that leave none. */
YNode *spec_read_tree(Ctx *ctx, const char *path, const SetOption *sets, uint32_t n_sets);
/* Errors from index first_diag of ctx->diags on that lie in an inherited file get a note that says
 * so. spec_read has done it for its own. */
void spec_note_inherited(Ctx *ctx, const SpecSources *sources, uint32_t first_diag);
/* A `layers` list (head, upsampling): appends to out; mistakes go to ctx. */
void spec_read_layers(Ctx *ctx, const YNode *seq, const char *where, LayerSpecs *out);
/* One layer `Kind` or `Kind: {args}`; allow_from: backbone files take `from:`. false: errors. */
bool spec_read_layer(Ctx *ctx, const YNode *node, bool allow_from, LayerSpec *out);
/* Canonical YAML, every default spelled out. Reading it again gives the same Spec and text. */
const char *spec_canonical(Ctx *ctx, const Spec *spec);
/* The same without `target`, which decides where the experiment can run, not what it is. */
const char *spec_experiment(Ctx *ctx, const Spec *spec);
/* The whole with the place where each value comes from behind it, as a comment. */
const char *spec_with_origins(Ctx *ctx, const Spec *spec);

/* One value of the resolved spec. */
typedef struct SpecValue {
    const char *path;  /* as --set takes it: training.epochs, head[1].Dense.units */
    const char *text;  /* as canonical YAML, in one line */
    const char *plain; /* the same as a text of its own; NULL: `text` is JSON as it stands */
    const char *file;  /* of a path: where it leads, as seen from the working directory; else NULL */
    Loc loc;           /* what gives it; no file: a default */
    const struct KeyDesc *list; /* it belongs to an entry of this list of layers; NULL: to none */
    uint32_t item;              /* the entry's place in it */
    const char *name;           /* the argument; NULL: the entry itself, as far as it is written */
} SpecValue;
typedef ARR(SpecValue) SpecValues;
/* The values that spec_canonical prints, in its order. */
SpecValues spec_values(Ctx *ctx, const Spec *spec);

/* ---------------------------------------------------------------- schema.c */

typedef enum {
    KT_MAP, KT_STRING, KT_PATH, KT_INT, KT_FLOAT, KT_BOOL, KT_WORD, KT_SHAPE, KT_LAYERS,
    KT_FROZEN, KT_WEIGHTS, KT_OPTIMIZER, KT_METRICS, KT_EXTENDS,
    KT_ALLOW_MISSING, KT_RENAME
} KeyType;

/* One row a key of the language. Drives reading, printing, schema, explain and the manual. */
typedef struct KeyDesc {
    const char *path;   /* "training.batch_size" */
    KeyType type;
    bool required;
    const char *preset; /* default, as YAML text; "" none */
    double min, max;
    const char *const *words;
    size_t offset;      /* in Spec; SIZE_MAX: read by a function of its own */
    size_t loc_offset;  /* of a Loc in Spec, SIZE_MAX none */
    const char *doc;    /* one line */
    const char *since;
} KeyDesc;
extern const KeyDesc SPEC_KEYS[];
extern const size_t N_SPEC_KEYS;
#define NO_OFFSET SIZE_MAX

/* Values of a key outside of this range work, but seldom well. */
typedef struct UsualRange {
    const char *path;
    double min, max;
} UsualRange;
/* NULL: the key has none. */
const UsualRange *schema_usual(const char *path);

/* Row of a key, NULL when the language has none of this path. */
const KeyDesc *schema_find(const char *path);
/* Last part of the path. */
const char *schema_name(const KeyDesc *key);
/* The next row under `path` ("" for the top), one level down, at or behind index *at, which goes on
 * behind it; NULL at the end:  for (size_t at = 0; (key = schema_next(path, &at));) */
const KeyDesc *schema_next(const char *path, size_t *at);
/* Whether a layer of this kind may stand in the list that the row describes. */
bool schema_takes_layer(const KeyDesc *key, LayerKind kind);
/* Type, range and words in words: `a whole number from 1 to 65536`. */
const char *schema_describe(Ctx *ctx, const KeyDesc *key);
const char *schema_describe_attr(Ctx *ctx, const AttrDesc *attr);
/* The row's line, with what is usual, and since when a later key is there. */
const char *schema_doc(Ctx *ctx, const KeyDesc *key);

#endif
