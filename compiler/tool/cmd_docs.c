/* cmd_docs.c - graftc docs: the files that are made from the tables, one row a file. */
#include "compiler/base/base.h"
#include "compiler/tool/doc.h"

static void language_markdown(Ctx *ctx, Buf *out)
{
    doc_language(ctx, &DOC_MARKDOWN, out);
}

static void language_man(Ctx *ctx, Buf *out)
{
    doc_language(ctx, &DOC_MAN, out);
}

static void commands_man(Ctx *ctx, Buf *out)
{
    doc_commands(ctx, &DOC_MAN, out);
}

static const struct {
    const char *name; /* of the file in the sources */
    const char *line;
    void (*print)(Ctx *ctx, Buf *out);
} PAGES[] = {
    {"language.md", "the reference of the language, in Markdown", language_markdown},
    {"graft-spec.5", "the same as a manual page", language_man},
    {"graftc.1", "the manual page of the commands", commands_man},
    {"graftc.bash", "completion for bash", doc_bash},
    {"_graftc", "completion for zsh", doc_zsh},
    {"graft.dict", "words of the language, for fuzzers", doc_dictionary},
};

const char *docs_page_name(size_t i)
{
    return i < COUNT_OF(PAGES) ? PAGES[i].name : NULL;
}

int cmd_docs(Ctx *ctx, const Args *args)
{
    Buf out = buf_create(ctx->arena);
    if (args->words.n)
        PAGES[word_index(ctx, "PAGE", args->words.at[0])].print(ctx, &out);
    for (size_t i = 0; !args->words.n && i < COUNT_OF(PAGES); i++)
        buf_printf(&out, "%-14s %s\n", PAGES[i].name, PAGES[i].line);
    command_write(ctx, args, out.at, out.n);
    return EXIT_OK;
}
