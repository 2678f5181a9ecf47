/* layer.h - what a kind of layer is: the expansion of layer.def.
 *
 * Only layer_*.c knows kinds; everything else goes through LAYER_KINDS[kind]. */
#ifndef GRAFT_LAYER_H
#define GRAFT_LAYER_H

#include "compiler/base/base.h"

typedef enum {
#define LAYER(id, ...) LAYER_##id,
#define ATTR(...)
#include "compiler/layers/layer.def"
#undef LAYER
#undef ATTR
    LAYER_COUNT
} LayerKind;

enum {
    LF_WEIGHTS = 1,
    LF_USES_X = 2,
    LF_USES_Y = 4,
    LF_RANDOM = 8,
    LF_VIEW = 16,
};

typedef enum { AT_INT, AT_FLOAT, AT_BOOL, AT_PAIR, AT_PADS, AT_WORD } AttrType;

/* Words of AT_WORD arguments; the texts are Keras's and stand in layer.c. */
typedef enum { ACT_LINEAR, ACT_RELU, ACT_SIGMOID, ACT_TANH, ACT_SOFTMAX, ACT_COUNT } Activation;
typedef enum { PAD_VALID, PAD_SAME } Padding;
typedef enum { INTERP_NEAREST, INTERP_BILINEAR } Interpolation;
typedef enum {
    INIT_ZEROS, INIT_ONES,
    INIT_GLOROT_UNIFORM, INIT_GLOROT_NORMAL, INIT_HE_UNIFORM, INIT_HE_NORMAL, INIT_RANDOM_NORMAL,
    INIT_COUNT
} Initializer;

/* The arguments of all kinds; a kind uses the fields that its ATTR rows name. Words are int. */
typedef struct LayerAttrs {
    int64_t filters, units;
    int64_t kernel[2], strides[2];
    int64_t pads[4]; /* top, bottom, left, right */
    int padding, activation, interpolation, kernel_init, bias_init;
    bool use_bias, center, scale;
    double momentum, epsilon, rate, max_value, negative_slope;
} LayerAttrs;

typedef struct AttrDesc {
    const char *key;
    AttrType type;
    bool required;
    const char *preset; /* the default, as YAML text */
    double min, max;
    size_t offset; /* in LayerAttrs */
    const char *const *words; /* of AT_WORD, NULL-terminated, index = value */
    const char *doc;
} AttrDesc;

/* Per image: h, w, c; a flat tensor is {1, 1, c} with flat set. */
typedef struct Shape {
    int64_t h, w, c;
    bool flat;
} Shape;
static inline int64_t shape_size(Shape s) { return s.h * s.w * s.c; }

struct Node;
struct Graph;
struct Lower;

typedef struct LayerDesc {
    const char *name; /* Keras's class name */
    const char *doc;
    uint32_t min_inputs, max_inputs, flags;
    const AttrDesc *attrs;
    uint32_t n_attrs;
    /* Output shape from the inputs' shapes. On a user's mistake: diag_error at node->loc, false. */
    bool (*shape)(Ctx *ctx, const struct Graph *graph, struct Node *node);
    /* Declares the parameters (graph_add_param), in Keras's order of weights. */
    void (*params)(Ctx *ctx, struct Graph *graph, struct Node *node);
    /* Appends the plan steps of the forward or backward pass. */
    void (*forward)(struct Lower *lower, const struct Node *node);
    void (*backward)(struct Lower *lower, const struct Node *node);
} LayerDesc;

extern const LayerDesc LAYER_KINDS[LAYER_COUNT];
extern const char *const ACTIVATION_WORDS[], *const INITIALIZER_WORDS[];

/* Kind by Keras's class name; LAYER_COUNT when there is none. */
LayerKind layer_by_name(const char *name);
/* The argument of that name; NULL when the kind has none. */
const AttrDesc *layer_attr(const LayerDesc *desc, const char *key);
/* Class name -> base of Keras's automatic layer names: Conv2D -> conv2d, MaxPooling2D -> max_pooling2d. */
const char *layer_auto_name(Arena *arena, LayerKind kind);

#endif
