/* doc.h - pages of reference, made from the tables: what is said, and the formats that print it.
 *
 * Texts are plain, with `code` between backticks; a printer escapes what its format needs. */
#ifndef GRAFT_DOC_H
#define GRAFT_DOC_H

#include "compiler/tool/command.h"

/* A name and what it means; value and preset are NULL where there are none. */
typedef struct DocEntry {
    const char *name;
    const char *value;  /* what may be written */
    const char *preset; /* the default */
    bool required;
    const char *text;
} DocEntry;
typedef ARR(DocEntry) DocEntries;

typedef struct DocFormat {
    /* name and section of a manual page, and what it is about */
    void (*title)(Buf *out, const char *name, int section, const char *line);
    void (*heading)(Buf *out, const char *text);
    void (*subheading)(Buf *out, const char *text);
    void (*paragraph)(Buf *out, const char *text);
    void (*code)(Buf *out, const char *lines);
    void (*entries)(Buf *out, const DocEntries *entries);
} DocFormat;
extern const DocFormat DOC_MAN, DOC_MARKDOWN;

/* The reference of the language, and that of the commands. */
void doc_language(Ctx *ctx, const DocFormat *format, Buf *out);
void doc_commands(Ctx *ctx, const DocFormat *format, Buf *out);
/* Completion of graftc for two shells. */
void doc_bash(Ctx *ctx, Buf *out);
void doc_zsh(Ctx *ctx, Buf *out);
/* The words of the language, for fuzzers. */
void doc_dictionary(Ctx *ctx, Buf *out);

#endif
