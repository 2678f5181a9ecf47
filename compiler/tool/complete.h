/* complete.h - what the completions of both shells know about a command's words. */
#ifndef GRAFT_COMPLETE_H
#define GRAFT_COMPLETE_H

#include "compiler/tool/command.h"

/* A word of a usage: `SPEC`, `inspect`, without brackets and dots. */
typedef struct UsageWord {
    const char *text;
    bool repeats; /* it ends in ... */
} UsageWord;
typedef ARR(UsageWord) UsageWords;

/* Those that a command takes by position: no options, nothing behind --. */
UsageWords usage_words(Ctx *ctx, const char *usage);
/* What may stand there, blanks between: the words of a placeholder, or a word in small letters
 * itself
 * (`inspect|convert` is two). NULL when that is no list. */
const char *usage_choices(Ctx *ctx, const UsageWord *word);
/* Keys that take words or true and false, with those: rows of path and words with blanks. */
typedef struct KeyWords {
    const char *path, *words;
} KeyWords;
typedef ARR(KeyWords) KeyWordRows;
KeyWordRows key_words(Ctx *ctx);
/* Paths of the keys that --set takes, blanks between. */
const char *set_paths(Ctx *ctx);

#endif
