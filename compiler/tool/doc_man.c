/* doc_man.c - pages of reference as manual pages, in man's macros. */
#include "compiler/base/base.h"
#include "compiler/tool/doc.h"

#include <ctype.h>

/* Text with `code` in bold. A line of roff must not begin with a dot or an apostrophe. */
static void put(Buf *out, const char *text)
{
    bool in_code = false, at_start = true;
    for (const char *c = text; *c; c++) {
        if (at_start && (*c == '.' || *c == '\''))
            buf_puts(out, "\\&");
        at_start = *c == '\n';
        if (*c == '`')
            buf_puts(out, (in_code = !in_code) ? "\\fB" : "\\fR");
        else if (*c == '\\')
            buf_puts(out, "\\e");
        else if (*c == '-')
            buf_puts(out, "\\-");
        else if (*c == '~')
            buf_puts(out, "\\(ti");
        else
            buf_printf(out, "%c", *c);
    }
}

static void title(Buf *out, const char *name, int section, const char *line)
{
    buf_puts(out, ".TH \"");
    for (const char *c = name; *c; c++)
        buf_printf(out, *c == '-' ? "\\-" : "%c", toupper((unsigned char)*c));
    buf_printf(out, "\" %d \"\" \"Graft %s\" \"Graft\"\n.SH NAME\n", section, PACKAGE_VERSION);
    put(out, name);
    buf_puts(out, " \\- ");
    put(out, line);
    buf_puts(out, "\n");
}

static void heading(Buf *out, const char *text)
{
    buf_puts(out, ".SH ");
    for (const char *c = text; *c; c++)
        buf_printf(out, "%c", toupper((unsigned char)*c));
    buf_puts(out, "\n");
}

static void subheading(Buf *out, const char *text)
{
    buf_puts(out, ".SS ");
    put(out, text);
    buf_puts(out, "\n");
}

static void paragraph(Buf *out, const char *text)
{
    buf_puts(out, ".PP\n");
    put(out, text);
    buf_puts(out, "\n");
}

static void code(Buf *out, const char *lines)
{
    buf_puts(out, ".PP\n.RS 4\n.EX\n");
    put(out, lines);
    buf_puts(out, ".EE\n.RE\n");
}

/* Value and default, a line below the text. */
static void put_value(Buf *out, const DocEntry *entry)
{
    buf_puts(out, "\n.br\nValue: ");
    put(out, entry->value);
    if (entry->required)
        buf_puts(out, "; required");
    else if (*entry->preset) {
        buf_puts(out, "; default ");
        put(out, entry->preset);
    }
    buf_puts(out, ".");
}

static void entries(Buf *out, const DocEntries *all)
{
    for (uint32_t i = 0; i < all->n; i++) {
        const DocEntry *entry = &all->at[i];
        buf_puts(out, ".TP\n.B ");
        put(out, entry->name);
        buf_puts(out, "\n");
        put(out, entry->text);
        if (entry->value)
            put_value(out, entry);
        buf_puts(out, "\n");
    }
}

const DocFormat DOC_MAN = {title, heading, subheading, paragraph, code, entries};
