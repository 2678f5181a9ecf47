/* doc_markdown.c - pages of reference as Markdown: entries are rows of tables. */
#include "compiler/base/base.h"
#include "compiler/tool/doc.h"

static void title(Buf *out, const char *name, int section, const char *line)
{
    (void)name, (void)section;
    buf_printf(out, "# %c%s\n", line[0] & ~0x20, line + 1);
}

static void heading(Buf *out, const char *text)
{
    buf_printf(out, "\n## %s\n", text);
}

static void subheading(Buf *out, const char *text)
{
    buf_printf(out, "\n### %s\n", text);
}

static void paragraph(Buf *out, const char *text)
{
    buf_printf(out, "\n%s\n", text);
}

static void code(Buf *out, const char *lines)
{
    buf_printf(out, "\n```yaml\n%s```\n", lines);
}

/* A cell: no bar ends it, and no star or angle bracket outside of code means anything. */
static void cell(Buf *out, const char *text)
{
    bool in_code = false;
    for (const char *c = text; *c; c++) {
        in_code ^= *c == '`';
        bool escape = *c == '|' || (!in_code && strchr("*<>", *c));
        buf_printf(out, "%s%c", escape ? "\\" : "", *c);
    }
}

static void entries(Buf *out, const DocEntries *all)
{
    if (!all->n)
        return;
    bool values = all->at[0].value != NULL;
    buf_printf(out, "\n| name |%s meaning |\n| --- |%s --- |\n", values ? " value | default |" : "",
               values ? " --- | --- |" : "");
    for (uint32_t i = 0; i < all->n; i++) {
        const DocEntry *entry = &all->at[i];
        const char *mark = entry->preset && *entry->preset ? "`" : "";
        buf_printf(out, "| `%s` | ", entry->name);
        if (values) {
            cell(out, entry->value);
            buf_printf(out, " | %s%s%s | ", mark, entry->required ? "required" : entry->preset,
                       mark);
        }
        cell(out, entry->text);
        buf_puts(out, " |\n");
    }
}

const DocFormat DOC_MARKDOWN = {title, heading, subheading, paragraph, code, entries};
