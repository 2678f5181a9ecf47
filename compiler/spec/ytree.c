/* ytree.c - from libyaml's events to the tree. The only file that includes <yaml.h>. */
#include "compiler/base/base.h"
#include "compiler/spec/ytree_bytes.h"

#include <yaml.h>

typedef struct Parse {
    Ctx *ctx;
    const Lines *lines;
    yaml_parser_t parser;
    yaml_event_t event; /* the one that is being looked at */
    uint32_t n_nodes;
    bool failed; /* no tree can be made */
} Parse;

static YNode *parse_node(Parse *p, uint32_t depth);

static Loc place(const Parse *p, yaml_mark_t mark)
{
    return lines_place(p->lines, mark.line, mark.column);
}

/* ------------------------------------------------------------------- libyaml's errors */

/* libyaml's words for a mistake, and ours. */
static const struct {
    const char *theirs, *ours;
} MESSAGES[] = {
    {"mapping values are not allowed in this context",
     "a second ':' in one line: a value with a colon has to be quoted, nested keys stand in "
     "lines of their own"},
    {"did not find expected key", "expected a key of the mapping: is this line indented wrongly?"},
    {"did not find expected '-' indicator",
     "expected an entry of the list, beginning with '-': is this line indented wrongly?"},
    {"could not find expected ':'", "expected ':' after this key"},
    {"block sequence entries are not allowed in this context", "a list cannot begin here"},
    {"did not find expected ',' or ']'", "expected ',' or ']'"},
    {"did not find expected ',' or '}'", "expected ',' or '}'"},
    {"did not find expected node content", "expected a value here"},
    {"did not find expected <document start>", "expected the end of the file here"},
    {"found unexpected end of stream", "the file ends inside of a quoted text"},
    {"found unexpected document indicator", "'---' or '...' inside of a quoted text"},
    {"found unknown escape character", "unknown escape sequence in a quoted text"},
};

/* Whether the ':' at loc is the first of its line. */
static bool is_first_colon(const Parse *p, Loc loc)
{
    for (Loc at = {loc.file, loc.line, 1}; at.col < loc.col; at.col++)
        if (lines_byte(p->lines, at) == ':')
            return false;
    return true;
}

static const char *our_message(const Parse *p, Loc loc)
{
    const char *theirs = p->parser.problem ? p->parser.problem : "this is not YAML";
    if (strcmp(theirs, MESSAGES[0].theirs) == 0 && is_first_colon(p, loc))
        return "a key cannot stand here: is this line indented wrongly?";
    if (strcmp(theirs, "found character that cannot start any token") == 0) {
        char found = lines_byte(p->lines, loc);
        if (found == '\t')
            return "a tab cannot indent: use spaces";
        return arena_printf(p->ctx->arena, "a plain value cannot begin with '%c': quote it", found);
    }
    for (size_t i = 0; i < COUNT_OF(MESSAGES); i++)
        if (strcmp(MESSAGES[i].theirs, theirs) == 0)
            return MESSAGES[i].ours;
    return arena_strdup(p->ctx->arena, theirs);
}

/* A bracket or quote that is never closed is reported where it stands: libyaml notices it at the
 * next line that does not fit, or at the end of the file. True when that was the case. */
static bool report_unclosed(Parse *p, Loc problem)
{
    yaml_parser_t *parser = &p->parser;
    const char *context = parser->context ? parser->context : "";
    bool quote = strcmp(context, "while scanning a quoted scalar") == 0;
    bool flow = strcmp(context, "while parsing a flow sequence") == 0 ||
                strcmp(context, "while parsing a flow mapping") == 0;
    Loc open = place(p, parser->context_mark);
    char byte = lines_byte(p->lines, open);
    if (quote && problem.line != open.line) {
        diag_error(p->ctx, open, R_yaml_syntax, "this quote is never closed");
        return true;
    }
    if (!flow)
        open = lines_last_open(p->lines, problem, &byte);
    if (!open.line || (byte != '[' && byte != '{') || lines_is_closed(p->lines, open))
        return false;
    char found = lines_byte(p->lines, problem);
    if (problem.line == open.line && (found == ']' || found == '}')) {
        Diag *wrong = diag_error(p->ctx, problem, R_yaml_syntax,
                                 "this '%c' does not close the '%c' before it", found, byte);
        diag_hint(p->ctx, wrong, open, "the '%c' is here", byte);
        return true;
    }
    Diag *diag = diag_error(p->ctx, open, R_yaml_syntax, "this '%c' is never closed", byte);
    if (problem.line != open.line)
        diag_hint(p->ctx, diag, problem, "expected ',' or '%c' before this",
                  byte == '[' ? ']' : '}');
    return true;
}

static void report_failure(Parse *p)
{
    yaml_parser_t *parser = &p->parser;
    p->failed = true;
    if (parser->error == YAML_MEMORY_ERROR)
        fatal(p->ctx, EXIT_FILE, "out of memory");
    Loc loc = place(p, parser->problem_mark);
    Loc conflict = lines_conflict(p->lines);
    if (conflict.line) {
        diag_error(p->ctx, conflict, R_yaml_syntax,
                   "this looks like the mark of a merge conflict");
        return;
    }
    if (parser->context && strcmp(parser->context, "while scanning a simple key") == 0)
        loc = place(p, parser->context_mark); /* the key without ':', not what follows it */
    if (!report_unclosed(p, loc))
        diag_error(p->ctx, loc, R_yaml_syntax, "%s", our_message(p, loc));
}

/* Goes on to the next event; a failed parse gives YAML_NO_EVENT. */
static void next(Parse *p)
{
    yaml_event_delete(&p->event);
    if (p->failed)
        return;
    if (!yaml_parser_parse(&p->parser, &p->event)) {
        memset(&p->event, 0, sizeof p->event);
        report_failure(p);
    }
}

/* ------------------------------------------------------------------------- nodes */

static YNode *new_node(Parse *p, YKind kind)
{
    YNode *node = arena_new(p->ctx->arena, YNode);
    node->kind = kind;
    node->loc = place(p, p->event.start_mark);
    if (++p->n_nodes == YTREE_MAX_NODES) {
        diag_error(p->ctx, node->loc, R_yaml_size, "the file has more than %d values",
                   YTREE_MAX_NODES);
        p->failed = true;
    }
    return node;
}

/* Reports what our subset leaves out of a node's properties. */
static void refuse_properties(Parse *p, const yaml_char_t *anchor, const yaml_char_t *tag)
{
    Loc loc = place(p, p->event.start_mark);
    if (anchor)
        diag_error(p->ctx, loc, R_yaml_anchor, "anchors (&%s) are not supported", anchor);
    static const char core[] = "tag:yaml.org,2002:";
    const char *text = (const char *)tag;
    if (tag && strncmp(text, core, sizeof core - 1) == 0)
        text = arena_printf(p->ctx->arena, "!!%s", text + sizeof core - 1);
    if (tag)
        diag_error(p->ctx, loc, R_yaml_tag, "tags (%s) are not supported", text);
}

static YNode *parse_scalar(Parse *p)
{
    YNode *node = new_node(p, Y_SCALAR);
    const char *text = (const char *)p->event.data.scalar.value;
    size_t length = p->event.data.scalar.length;
    refuse_properties(p, p->event.data.scalar.anchor, p->event.data.scalar.tag);
    node->text = arena_strndup(p->ctx->arena, text, length);
    node->quoted = p->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (strlen(node->text) != length) {
        diag_error(p->ctx, node->loc, R_yaml_bytes, "a text cannot contain the character NUL");
        node->broken = true;
    }
    next(p);
    return node;
}

static YNode *parse_alias(Parse *p)
{
    YNode *node = new_node(p, Y_SCALAR);
    diag_error(p->ctx, node->loc, R_yaml_alias, "aliases (*%s) are not supported",
               p->event.data.alias.anchor);
    node->text = "";
    node->broken = true;
    next(p);
    return node;
}

static YNode *parse_sequence(Parse *p, uint32_t depth)
{
    YNode *node = new_node(p, Y_SEQ);
    refuse_properties(p, p->event.data.sequence_start.anchor, p->event.data.sequence_start.tag);
    next(p);
    while (!p->failed && p->event.type != YAML_SEQUENCE_END_EVENT) {
        YNode *item = parse_node(p, depth + 1);
        if (item)
            *arr_push(p->ctx->arena, &node->items) = item;
    }
    next(p);
    return node;
}

/* Whether a key may stay; reports why not. seen: the keys of this mapping so far. */
static bool check_key(Parse *p, const YNode *key, StrMap *seen)
{
    Ctx *ctx = p->ctx;
    if (key->kind != Y_SCALAR) {
        diag_error(ctx, key->loc, R_yaml_key, "a key has to be a word, not %s",
                   ytree_describe(ctx, key));
        return false;
    }
    if (key->broken)
        return false;
    if (!key->quoted && strcmp(key->text, "<<") == 0) {
        Diag *diag = diag_error(ctx, key->loc, R_yaml_merge, "merge keys (<<) are not supported");
        diag_hint(ctx, diag, (Loc){0}, "`extends: FILE` takes over what another file says");
        return false;
    }
    if (!*key->text) {
        diag_error(ctx, key->loc, R_yaml_key, "a key is missing before ':'");
        return false;
    }
    if (strmap_put(seen, key->text, (void *)(uintptr_t)key))
        return true;
    const YNode *first = strmap_get(seen, key->text);
    Diag *diag = diag_error(ctx, key->loc, R_duplicate_key, "duplicate key '%s'", key->text);
    diag_hint(ctx, diag, first->loc, "the first one is here");
    return false;
}

static YNode *parse_mapping(Parse *p, uint32_t depth)
{
    YNode *node = new_node(p, Y_MAP);
    StrMap *seen = strmap_create(p->ctx->arena);
    refuse_properties(p, p->event.data.mapping_start.anchor, p->event.data.mapping_start.tag);
    next(p);
    while (!p->failed && p->event.type != YAML_MAPPING_END_EVENT) {
        YNode *key = parse_node(p, depth + 1);
        YNode *value = p->failed ? NULL : parse_node(p, depth + 1);
        if (!key || !value)
            continue;
        if (check_key(p, key, seen))
            *arr_push(p->ctx->arena, &node->pairs) = (YPair){key, value};
        else
            node->broken = true;
    }
    next(p);
    return node;
}

/* The node that begins with the event at hand; afterwards the event behind it is at hand. */
static YNode *parse_node(Parse *p, uint32_t depth)
{
    if (p->failed)
        return NULL;
    bool collection = p->event.type == YAML_SEQUENCE_START_EVENT ||
                      p->event.type == YAML_MAPPING_START_EVENT;
    if (collection && depth > YTREE_MAX_DEPTH) {
        diag_error(p->ctx, place(p, p->event.start_mark), R_yaml_depth,
                   "nested more than %d deep", YTREE_MAX_DEPTH);
        p->failed = true;
        return NULL;
    }
    switch (p->event.type) {
    case YAML_SCALAR_EVENT:
        return parse_scalar(p);
    case YAML_ALIAS_EVENT:
        return parse_alias(p);
    case YAML_SEQUENCE_START_EVENT:
        return parse_sequence(p, depth);
    case YAML_MAPPING_START_EVENT:
        return parse_mapping(p, depth);
    default:
        bug("unexpected event %d of libyaml", (int)p->event.type);
    }
}

/* ----------------------------------------------------------------------- documents */

/* The one document of the stream; NULL when there is none. */
static YNode *parse_document(Parse *p)
{
    next(p); /* stream start */
    next(p); /* document start or stream end */
    if (p->failed || p->event.type == YAML_STREAM_END_EVENT)
        return NULL;
    next(p);
    YNode *root = parse_node(p, 1);
    if (p->failed)
        return NULL;
    next(p); /* behind the document's end */
    if (!p->failed && p->event.type != YAML_STREAM_END_EVENT)
        diag_error(p->ctx, place(p, p->event.start_mark), R_yaml_documents,
                   "a second document begins here: a file has one");
    return p->failed ? NULL : root;
}

/* libyaml is fed with text (as long as file->text, or part of it at the same places). */
static YNode *parse_text(Ctx *ctx, const Lines *lines, const char *text, size_t length)
{
    Parse p = {.ctx = ctx, .lines = lines};
    if (!yaml_parser_initialize(&p.parser))
        fatal(ctx, EXIT_FILE, "out of memory");
    yaml_parser_set_encoding(&p.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&p.parser, (const unsigned char *)text, length);
    YNode *root = parse_document(&p);
    yaml_event_delete(&p.event);
    yaml_parser_delete(&p.parser);
    return root;
}

YNode *ytree_parse(Ctx *ctx, const SourceFile *file)
{
    const Lines *lines = lines_check(ctx, file);
    if (!lines)
        return NULL;
    uint32_t errors = ctx->n_errors;
    size_t skip = lines->starts[0];
    YNode *root = parse_text(ctx, lines, file->text + skip, file->length - skip);
    if (!root && ctx->n_errors == errors)
        diag_error(ctx, (Loc){file, 1, 1}, R_empty_file, "the file is empty");
    return root;
}

YNode *ytree_parse_value(Ctx *ctx, const SourceFile *file, size_t offset)
{
    const Lines *lines = lines_check(ctx, file);
    if (!lines)
        return NULL;
    uint32_t errors = ctx->n_errors;
    char *text = arena_strndup(ctx->arena, file->text, file->length);
    memset(text, ' ', offset);
    YNode *root = parse_text(ctx, lines, text, file->length);
    if (!root && ctx->n_errors == errors) {
        root = arena_new(ctx->arena, YNode);
        *root = (YNode){.kind = Y_SCALAR, .text = "", .loc = {file, 1, (uint32_t)offset + 1}};
    }
    return root;
}
