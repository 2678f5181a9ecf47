/* fuzz.h - fuzzers of the front end: what an input is, what is done with it, how inputs are made.
 *
 * An input is bytes: a spec, behind it other files and options, each begun by a line of its own:
 *
 *   #@ file net.yaml            what follows is the file of this name (FUZZ_FILES has those there
 * are)
 *   #@ set training.epochs=3    an option --set
 *
 * A backbone file, which has `layers:` at its top, may stand in the place of the spec. Without a
 * spec it is one with net.yaml as its backbone. */
#ifndef GRAFT_FUZZ_H
#define GRAFT_FUZZ_H

#include "compiler/graph/graph.h"

/* How far an input came. */
typedef enum {
    FUZZ_REFUSED, /* there is no Spec */
    FUZZ_SPEC,    /* there is one, but no Graph */
    FUZZ_GRAPH,   /* there is one, but its Plan would take too long */
    FUZZ_PLAN,
    FUZZ_N_RESULTS
} FuzzResult;

/* The folder that inputs are written to, and where the diagnostics go. */
typedef struct FuzzPlace {
    char folder[256];
    FILE *messages; /* /dev/null at first */
} FuzzPlace;
/* Whether this is a build with the address sanitizer. */
bool fuzz_is_sanitized(void);
void fuzz_place_create(FuzzPlace *place);
void fuzz_place_remove(FuzzPlace *place);
/* Runs the input through the stages. A broken invariant is a bug(); where there is a sanitizer,
 * memory that stays is, too, but for what the first runs have to keep. */
FuzzResult fuzz_run(const FuzzPlace *place, const char *bytes, size_t n);

/* ----------------------------------------------------------------- fuzz_random.c */

typedef struct Random {
    uint64_t state;
} Random;
/* The stream of one run, which depends on nothing else. */
Random random_stream(uint64_t seed, uint64_t run);
uint64_t random_bits(Random *r);
uint32_t random_below(Random *r, uint32_t n); /* 0 .. n-1; n > 0 */
bool random_chance(Random *r, double p);
/* From min to max, the small ones and the borders more often than others. */
int64_t random_number(Random *r, int64_t min, int64_t max);

/* ------------------------------------------------------- fuzz_bytes.c, fuzz_grammar.c */

typedef struct Text {
    const char *at;
    size_t n;
} Text;
typedef ARR(Text) Texts;

/* Inputs to begin with, and words. */
typedef struct Corpus {
    Texts inputs, words;
} Corpus;
void corpus_add_input(Ctx *ctx, Corpus *corpus, const SourceFile *file);
/* The quoted words of a dictionary, a line each. */
void corpus_add_words(Ctx *ctx, Corpus *corpus, const SourceFile *file);

/* One of the inputs, of which there is one at least. */
void corpus_pick(Random *r, const Corpus *corpus, Buf *out);
/* One to some changes at random places: bytes, lines, words, pieces of other inputs. */
void fuzz_mutate(Random *r, const Corpus *corpus, Buf *input);
/* A spec made by the tables of keys and layers, often with further files and options. */
void fuzz_from_grammar(Random *r, Ctx *ctx, Buf *out);

/* ---------------------------------------------------------------- fuzz_layers.c */

/* What a generator of inputs knows while it makes one. */
typedef struct Maker {
    Random *r;
    Ctx *ctx;
    double wrong, large;     /* chance of a wrong value, of an unusually large one */
    uint32_t least_side;     /* of images */
    ARR(const char *) names; /* of layers, for slices and rules */
} Maker;

YNode *make_scalar(Maker *m, const char *fmt, ...) PRINTF_LIKE(2, 3);
YNode *make_list(Maker *m);
void make_item(Maker *m, YNode *list, YNode *item);
void make_pair(Maker *m, YNode *map, const char *key, YNode *value);
YNode *make_int(Maker *m, double min, double max);
YNode *make_float(Maker *m, double min, double max);
YNode *make_bool(Maker *m);
YNode *make_word(Maker *m, const char *const *words);
/* Any kind of value. */
YNode *make_any(Maker *m);

/* {Kind: {arguments}}; the arguments of the map can be changed afterwards. */
YNode *make_layer(Maker *m, LayerKind kind, YNode **arguments);
/* Some layers of a list; *flat: they come in as flat values, and go out as such. */
YNode *make_layers(Maker *m, const KeyDesc *key, bool *flat);
/* A backbone file; names are added to m->names. *flat: its output is. */
YNode *make_backbone(Maker *m, bool *flat);

#endif
