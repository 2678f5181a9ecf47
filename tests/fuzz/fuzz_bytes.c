/* fuzz_bytes.c - inputs by changing those that there are: bytes, lines, words. */
#include "compiler/base/base.h"
#include "tests/fuzz/fuzz.h"

#include <ctype.h>

enum { MAX_CHANGES = 8, MAX_PIECE = 256, MAX_INPUT = 64 << 10 };

/* ------------------------------------------------------------------------- corpus */

void corpus_add_input(Ctx *ctx, Corpus *corpus, const SourceFile *file)
{
    *arr_push(ctx->arena, &corpus->inputs) = (Text){file->text, file->length};
}

void corpus_add_words(Ctx *ctx, Corpus *corpus, const SourceFile *file)
{
    for (const char *at = file->text; (at = strchr(at, '\n'));) {
        const char *close = *++at == '"' ? strchr(at + 1, '"') : NULL;
        if (close)
            *arr_push(ctx->arena, &corpus->words) = (Text){at + 1, (size_t)(close - at - 1)};
    }
}

void corpus_pick(Random *r, const Corpus *corpus, Buf *out)
{
    Text input = corpus->inputs.at[random_below(r, corpus->inputs.n)];
    buf_add(out, input.at, input.n);
}

/* ------------------------------------------------------------------------ changes */

/* Puts the text in the place of `gone` bytes. */
static void replace(Buf *input, size_t at, size_t gone, Text text)
{
    Buf out = buf_create(input->arena);
    buf_add(&out, input->at, at);
    buf_add(&out, text.at, text.n);
    buf_add(&out, input->at + at + gone, input->n - at - gone);
    *input = out;
}

static Text copy(Buf *input, size_t at, size_t n)
{
    return (Text){arena_strndup(input->arena, input->at + at, n), n};
}

/* A place in the input, and how much stands behind it at most. */
static size_t some_place(Random *r, const Buf *input)
{
    return random_below(r, (uint32_t)input->n);
}

static size_t some_length(Random *r, const Buf *input, size_t at)
{
    size_t limit = input->n - at < MAX_PIECE ? input->n - at : MAX_PIECE;
    return 1 + random_below(r, (uint32_t)(random_chance(r, 0.5) && limit > 8 ? 8 : limit));
}

/* The line that the place is in, with its end. */
static size_t line_of(const Buf *input, size_t at, size_t *length)
{
    size_t start = at, end = at;
    while (start && input->at[start - 1] != '\n')
        start--;
    while (end < input->n && input->at[end] != '\n')
        end++;
    *length = end - start + (end < input->n);
    return start;
}

/* The word or number at or behind the place; *length may be 0. */
static size_t word_of(const Buf *input, size_t at, size_t *length)
{
    while (at < input->n && !isalnum((unsigned char)input->at[at]))
        at++;
    size_t start = at;
    while (start && (isalnum((unsigned char)input->at[start - 1]) || input->at[start - 1] == '_'))
        start--;
    while (at < input->n &&
           (isalnum((unsigned char)input->at[at]) || input->at[at] == '_' || input->at[at] == '.'))
        at++;
    *length = at - start;
    return start;
}

/* A word of the language, a number, or something that YAML means something by. */
static Text some_word(Random *r, const Corpus *corpus, Arena *arena)
{
    static const char *const marks[] = {
        "0",     "1",  "2",  "3",  "-1", "65536", "1e30",  ".nan",  ".inf", "null",
        "~",     "[]", "{}", "''", "\"", "&a ",   "*a",    "!!int", "<<",   "? ",
        "- ",    ": ", "#",  "|",  ">-", "---\n", "...\n", "\t",    "\r\n", "\xef\xbb\xbf",
        "$name", "${", "in", "*",  "?",  "\\x"};
    static const char *const lines[] = {"9223372036854775808", "extends: ./base.yaml\n",
                                        "#@ set head[0]=null\n", "%YAML 1.2\n", "# graftc: allow "};
    const char *text;
    if (corpus->words.n && random_chance(r, 0.6))
        return corpus->words.at[random_below(r, corpus->words.n)];
    if (random_chance(r, 0.3))
        text = arena_printf(arena, "%lld", (long long)random_number(r, -4, INT64_C(1) << 33));
    else if (random_chance(r, 0.2))
        text = lines[random_below(r, COUNT_OF(lines))];
    else
        text = marks[random_below(r, COUNT_OF(marks))];
    return (Text){text, strlen(text)};
}

static void change_byte(Random *r, Buf *input, size_t at)
{
    static const char special[] = "\n\t :-[]{}\"'#&*!|>%@`,?\0\x7f\x80\xff\xc2";
    uint32_t way = random_below(r, 3);
    if (way == 0)
        input->at[at] = (char)(input->at[at] ^ (1 << random_below(r, 8)));
    else if (way == 1)
        input->at[at] = special[random_below(r, sizeof special - 1)];
    else
        input->at[at] = (char)random_below(r, 256);
}

static void change_line(Random *r, Buf *input, size_t at)
{
    size_t length, other_length;
    size_t start = line_of(input, at, &length);
    size_t other = line_of(input, some_place(r, input), &other_length);
    switch (random_below(r, 4)) {
    case 0:
        replace(input, start, length, (Text){"", 0});
        break;
    case 1:
        replace(input, start, 0, copy(input, other, other_length));
        break;
    case 2:
        replace(input, start, length, copy(input, other, other_length));
        break;
    default:
        replace(input, start, 0, (Text){"        ", 1 + random_below(r, 8)});
    }
}

static void change_piece(Random *r, const Corpus *corpus, Buf *input, size_t at)
{
    size_t length = some_length(r, input, at);
    switch (random_below(r, 4)) {
    case 0:
        replace(input, at, length, (Text){"", 0});
        break;
    case 1:
        replace(input, some_place(r, input), 0, copy(input, at, length));
        break;
    case 2:
        for (uint32_t n = 1 + random_below(r, 64); n && input->n < MAX_INPUT; n--)
            replace(input, at, 0, copy(input, at, length));
        break;
    default:
        if (corpus->inputs.n) {
            Text other = corpus->inputs.at[random_below(r, corpus->inputs.n)];
            size_t from = other.n ? random_below(r, (uint32_t)other.n) : 0;
            size_t n = other.n - from < MAX_PIECE ? other.n - from : MAX_PIECE;
            replace(input, at, 0, (Text){other.at + from, n});
        }
    }
}

void fuzz_mutate(Random *r, const Corpus *corpus, Buf *input)
{
    uint32_t n = random_chance(r, 0.7) ? 1 : 1 + random_below(r, MAX_CHANGES);
    for (; n; n--) {
        if (!input->n)
            buf_puts(input, "graft: 1\n");
        size_t at = some_place(r, input), length;
        switch (random_below(r, 8)) {
        case 0:
            change_byte(r, input, at);
            break;
        case 1:
        case 2:
            change_line(r, input, at);
            break;
        case 3:
            change_piece(r, corpus, input, at);
            break;
        case 4:
            replace(input, at, 0, some_word(r, corpus, input->arena));
            break;
        default:
            at = word_of(input, at, &length);
            replace(input, at, length, some_word(r, corpus, input->arena));
        }
    }
    if (input->n > MAX_INPUT)
        input->n = MAX_INPUT;
}
