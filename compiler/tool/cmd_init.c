/* cmd_init.c - graftc init: a commented spec for a backbone and a folder of images. */
#include "compiler/base/base.h"
#include "compiler/tool/command.h"
#include "compiler/tool/data_folder.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

enum {
    LOOKED_AT = 20, /* images of a class whose heads are read */
    LARGEST_SIDE = 224, /* what most backbones were trained with; more costs and gives little */
    CLASSES_NAMED = 6,
    COMMENT_COLUMN = 44,
};

typedef struct Init {
    Ctx *ctx;
    const char *word; /* the backbone as it was given */
    const Backbone *backbone;
    bool built_in;
    const char *train, *test; /* folders; test NULL: none */
    DataFolder train_data, test_data;
    int64_t height, width, channels;
    int64_t upsampling; /* 1: none */
    const char *sizes;  /* of the images, in words */
    bool grey;
} Init;

/* ------------------------------------------------------------------- looking at it */

/* The first of the names that is a folder with images in folders; NULL: none. */
static const char *find_part(Ctx *ctx, const char *folder, const char *const *names,
                             DataFolder *data)
{
    for (; *names; names++) {
        const char *path = arena_printf(ctx->arena, "%s/%s", folder, *names);
        if (data_folder_read(ctx, path, LOOKED_AT, data) && data->n_images)
            return path;
    }
    return NULL;
}

static void check_classes(const Init *init)
{
    const DataFolder *a = &init->train_data, *b = &init->test_data;
    if (a->classes.n < 2)
        fatal(init->ctx, EXIT_SPEC, "'%s' has images of one class only: '%s'", init->train,
              a->classes.at[0].name);
    for (uint32_t i = 0; init->test && i < a->classes.n && i < b->classes.n; i++)
        if (strcmp(a->classes.at[i].name, b->classes.at[i].name) != 0)
            fatal(init->ctx, EXIT_SPEC, "class %u is '%s' in '%s', but '%s' in '%s'", i,
                  a->classes.at[i].name, init->train, b->classes.at[i].name, init->test);
    if (init->test && a->classes.n != b->classes.n)
        fatal(init->ctx, EXIT_SPEC, "'%s' has %u classes, but '%s' has %u", init->train,
              a->classes.n, init->test, b->classes.n);
}

/* folder/train and folder/test, under the names that are usual, or the folder itself. */
static void find_data(Init *init, const char *folder)
{
    static const char *const train[] = {"train", "training", "Train", NULL};
    static const char *const test[] = {"test",       "testing", "val", "valid",
                                       "validation", "Test",    NULL};
    Ctx *ctx = init->ctx;
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/')
        n--;
    folder = arena_strndup(ctx->arena, folder, n);
    init->train = find_part(ctx, folder, train, &init->train_data);
    if (init->train) {
        init->test = find_part(ctx, folder, test, &init->test_data);
    } else {
        init->train = folder;
        if (!data_folder_read(ctx, folder, LOOKED_AT, &init->train_data))
            fatal(ctx, EXIT_FILE, "cannot read the folder '%s': %s", folder, strerror(errno));
    }
    if (!init->train_data.n_images)
        fatal(ctx, EXIT_SPEC,
              "'%s' has no JPEG or PNG images in a folder for each class, and none in 'train' "
              "in it", folder);
    check_classes(init);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static int64_t median(Init *init, size_t offset)
{
    const DataFolder *data = &init->train_data;
    int64_t *values = arena_array(init->ctx->arena, int64_t, data->seen.n);
    for (uint32_t i = 0; i < data->seen.n; i++)
        memcpy(&values[i], (const char *)&data->seen.at[i] + offset, sizeof values[i]);
    qsort(values, data->seen.n, sizeof *values, by_value);
    return values[data->seen.n / 2];
}

/* The shape: that of the images where they have one and it is not large, else a square. */
static void choose_shape(Init *init)
{
    const DataFolder *data = &init->train_data;
    if (!data->seen.n)
        fatal(init->ctx, EXIT_SPEC, "none of the images in '%s' that were looked at can be read",
              init->train);
    int64_t h = median(init, offsetof(ImageHead, height));
    int64_t w = median(init, offsetof(ImageHead, width));
    bool equal = true;
    init->grey = true;
    for (uint32_t i = 0; i < data->seen.n; i++) {
        equal &= data->seen.at[i].height == h && data->seen.at[i].width == w;
        init->grey &= data->seen.at[i].channels == 1;
    }
    init->sizes = arena_printf(init->ctx->arena, "%s %" PRId64 " x %" PRId64,
                               equal ? "the images are" : "the images are about", h, w);
    if (!equal || h > LARGEST_SIDE || w > LARGEST_SIDE)
        h = w = h < w ? h : w;
    init->height = h < LARGEST_SIDE ? h : LARGEST_SIDE;
    init->width = w < LARGEST_SIDE ? w : LARGEST_SIDE;
    init->channels = init->grey && !init->backbone->preprocessing ? 1 : 3;
    int64_t up_h = div_up(init->backbone->min_height, init->height);
    int64_t up_w = div_up(init->backbone->min_width, init->width);
    init->upsampling = up_h > up_w ? up_h : up_w;
}

/* ----------------------------------------------------------------------- writing it */

/* A line with a comment behind it. Nothing in it may end the line. */
static void put(Buf *out, const char *text, const char *comment)
{
    Buf line = buf_create(out->arena);
    buf_puts(&line, text);
    if (*comment)
        buf_printf(&line, "%*s# %s",
                   (int)line.n < COMMENT_COLUMN - 1 ? COMMENT_COLUMN - (int)line.n : 1, "",
                   comment);
    for (size_t i = 0; i < line.n; i++)
        if ((unsigned char)line.at[i] < 0x20 || line.at[i] == 0x7f)
            line.at[i] = '?';
    buf_add(out, line.at, line.n);
    buf_puts(out, "\n");
}

/* A text as a value in YAML: quoted unless it is plainly a word or a path. */
static const char *yaml_text(Arena *arena, const char *text)
{
    static const char *const others[] = {"true", "false", "null"};
    bool plain = isalpha((unsigned char)text[0]) || text[0] == '/' || strncmp(text, "./", 2) == 0 ||
                 strncmp(text, "../", 3) == 0;
    for (const char *p = text; *p; p++)
        plain &= isalnum((unsigned char)*p) || strchr("._-/", *p);
    for (size_t i = 0; i < COUNT_OF(others); i++)
        plain &= strcasecmp(text, others[i]) != 0;
    if (plain)
        return text;
    Buf out = buf_create(arena);
    buf_json_string(&out, text);
    return out.at;
}

/* A path as the spec writes it, which stands in the folder of --output. */
static const char *spec_path(const Init *init, const Args *args, const char *path)
{
    bool beside = !args->output || !strchr(args->output, '/') || path[0] == '/';
    Arena *arena = init->ctx->arena;
    return yaml_text(arena, beside ? path : path_from(arena, args->output, path));
}

/* FOLDER-BACKBONE, in small letters, digits and dashes. */
static const char *experiment_name(const Init *init, const char *folder)
{
    Buf name = buf_create(init->ctx->arena);
    char *path = realpath(folder, NULL);
    const char *slash = path ? strrchr(path, '/') : NULL;
    const char *parts[] = {slash ? slash + 1 : "", init->backbone->name};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (name.n && name.at[name.n - 1] != '-')
            buf_puts(&name, "-");
        for (const char *p = parts[i]; *p; p++) {
            char c = (char)tolower((unsigned char)*p);
            if (isalnum((unsigned char)c))
                buf_add(&name, &c, 1);
            else if (name.n && name.at[name.n - 1] != '-')
                buf_puts(&name, "-");
        }
    }
    free(path);
    while (name.n && name.at[name.n - 1] == '-')
        name.at[--name.n] = '\0';
    return name.n ? name.at : "experiment";
}

/* `720 images: circle 120, cross 120, ...` */
static const char *describe(const Init *init, const DataFolder *data)
{
    Buf out = buf_create(init->ctx->arena);
    buf_printf(&out, "%s image%s: ", text_grouped(init->ctx->arena, data->n_images),
               data->n_images == 1 ? "" : "s");
    for (uint32_t i = 0; i < data->classes.n && i < CLASSES_NAMED; i++)
        buf_printf(&out, "%s%s %" PRId64, i ? ", " : "", data->classes.at[i].name,
                   data->classes.at[i].n_images);
    if (data->classes.n > CLASSES_NAMED)
        buf_puts(&out, ", ...");
    return out.at;
}

static void put_data(const Init *init, const Args *args, Buf *out)
{
    Arena *arena = init->ctx->arena;
    put(out, "data:", "");
    put(out, "  format: image_folder", "a folder for each class");
    put(out, arena_printf(arena, "  train: %s", spec_path(init, args, init->train)),
        describe(init, &init->train_data));
    if (init->test)
        put(out, arena_printf(arena, "  test: %s", spec_path(init, args, init->test)),
            describe(init, &init->test_data));
    else
        put(out, "  # test: FOLDER", "images that are not trained with, the same classes");
    const char *shown = init->channels == 3 && init->grey ? ", grey: made three channels" : "";
    put(out, "input:", "");
    put(out,
        arena_printf(arena, "  shape: [%" PRId64 ", %" PRId64 ", %" PRId64 "]", init->height,
                     init->width, init->channels),
        arena_printf(arena, "height, width, channels; %s%s", init->sizes, shown));
}

static void put_backbone(const Init *init, const Args *args, Buf *out)
{
    const Backbone *backbone = init->backbone;
    Arena *arena = init->ctx->arena;
    if (backbone->preprocessing)
        put(out, arena_printf(arena, "  preprocessing: %s", backbone->preprocessing),
            arena_printf(arena, "as for the training of %s's weights", backbone->name));
    else
        put(out, "  preprocessing: rescale", "0 to 1");
    if (init->upsampling > 1) {
        put(out, "upsampling:",
            arena_printf(arena, "%s takes images of %" PRId64 " x %" PRId64 " and larger",
                         backbone->name, backbone->min_height, backbone->min_width));
        put(out, arena_printf(arena, "  - UpSampling2D: {size: %" PRId64 "}", init->upsampling),
            "");
    }
    put(out, "backbone:", "");
    put(out,
        arena_printf(arena, "  name: %s",
                     init->built_in ? init->word : spec_path(init, args, init->word)),
        "");
    if (init->built_in) {
        char *file = arena_printf(arena, "%s_notop.h5", backbone->name);
        for (char *p = file; *p; p++)
            *p = (char)tolower((unsigned char)*p);
        put(out, arena_printf(arena, "  weights: %s", file),
            "the file of Keras Applications without the top: put it here");
    } else {
        put(out, "  weights: random", "or a file of weights; then freeze what it knows");
    }
    put(out, "  # slice: LAYER",
        arena_printf(arena, "the last layer to keep: `graftc layers %s` lists them", init->word));
    put(out, init->built_in ? "  frozen: all" : "  frozen: none",
        "all, none, or rules: [unfreeze_last: 4]");
}

static void put_rest(const Init *init, Buf *out)
{
    put(out, "head:", "");
    put(out, "  - GlobalAveragePooling2D", "");
    put(out,
        arena_printf(init->ctx->arena, "  - Dense: {units: %u, activation: softmax}",
                     init->train_data.classes.n),
        "a unit for each class");
    put(out, "training:", "");
    put(out, "  loss: categorical_crossentropy", "");
    put(out, "  metrics: [accuracy]", "");
    put(out, "  optimizer: {Adam: {learning_rate: 0.001}}", "smaller when loaded layers train");
    put(out, "  batch_size: 32", "");
    put(out, "  epochs: 10", "");
    put(out, "  seed: 1", "the same seed, the same result");
}

int cmd_init(Ctx *ctx, const Args *args)
{
    const char *folder = args->words.at[1];
    Init init = {.ctx = ctx, .word = args->words.at[0]};
    for (const char *const *name = backbone_names(); *name; name++)
        init.built_in |= strcmp(*name, init.word) == 0;
    init.backbone = backbone_read(ctx, init.word, NULL, (Loc){0});
    if (!init.backbone)
        return EXIT_SPEC;
    if (args->output && access(args->output, F_OK) == 0)
        fatal(ctx, EXIT_FILE, "'%s' is there already, and init changes no file", args->output);
    find_data(&init, folder);
    choose_shape(&init);
    Buf out = buf_create(ctx->arena);
    put(&out, "# Begun by graftc init, from a look at the images; all of it may be changed.", "");
    put(&out, "# `graftc explain KEY` says more, `graftc check SPEC` finds what is wrong.", "");
    put(&out, "graft: 1", "");
    put(&out, arena_printf(ctx->arena, "name: %s", experiment_name(&init, folder)),
        "results go to runs/ and this name");
    put_data(&init, args, &out);
    put_backbone(&init, args, &out);
    put_rest(&init, &out);
    command_write(ctx, args, out.at, out.n);
    return EXIT_OK;
}
