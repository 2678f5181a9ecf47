/* base.h - included first by every file of the compiler: memory, text, places, diagnostics.
 *
 * Knows nothing about models. One Arena a compilation; nothing is freed by hand. */
#ifndef GRAFT_BASE_H
#define GRAFT_BASE_H

#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* How many parts of size `part` hold n >= 0 things. */
static inline int64_t div_up(int64_t n, int64_t part)
{
    return (n + part - 1) / part;
}

/* ------------------------------------------------------------------ arena.c */

typedef struct Arena Arena;

Arena *arena_create(void);
void arena_destroy(Arena *arena);
/* Zeroed memory, aligned to 64 bytes when size >= 64, else to 16. Never NULL: out of memory is fatal. */
void *arena_alloc(Arena *arena, size_t size);
char *arena_strndup(Arena *arena, const char *text, size_t length);
char *arena_strdup(Arena *arena, const char *text);
char *arena_printf(Arena *arena, const char *fmt, ...) PRINTF_LIKE(2, 3);
char *arena_vprintf(Arena *arena, const char *fmt, va_list args);

#define arena_new(arena, T) ((T *)arena_alloc((arena), sizeof(T)))
#define arena_array(arena, T, n) ((T *)arena_alloc((arena), sizeof(T) * (size_t)(n)))

/* A growable array in the arena: ARR(Node) nodes; Node *n = arr_push(arena, &nodes);
 * Pushing may move the elements: hold indices, not pointers, across a push. */
#define ARR(T)      \
    struct {        \
        T *at;      \
        uint32_t n; \
        uint32_t cap; \
    }
#define arr_push(arena, arr)                                                                   \
    ((arr)->n == (arr)->cap ? (void)((arr)->at = arena_grow((arena), (arr)->at, &(arr)->cap,   \
                                                            sizeof *(arr)->at))                \
                            : (void)0,                                                         \
     &(arr)->at[(arr)->n++])
void *arena_grow(Arena *arena, void *old, uint32_t *cap, size_t elem_size);

/* name -> pointer (strmap.c) */
typedef struct StrMap StrMap;
StrMap *strmap_create(Arena *arena);
void *strmap_get(const StrMap *map, const char *key);             /* NULL when absent */
/* false when the key was there: the first value stays */
bool strmap_put(StrMap *map, const char *key, void *value);

/* Levenshtein distance used for "did you mean"; best of n names or NULL if none is near. */
const char *nearest_name(const char *name, const char *const *names, size_t n_names);
/* 26215818 -> 26,215,818 */
const char *text_grouped(Arena *arena, int64_t n);
/* 78654000 -> 78.7 M; below 1000 the number itself */
const char *text_rounded(Arena *arena, int64_t n);
/* 1572864 -> 1.5 MiB, 64 -> 64 B */
const char *text_bytes(Arena *arena, uint64_t n);
/* The other way: 512, 64K, 1.5M, 2G, and the like with i, iB or B; powers of 1024. false: none. */
bool text_read_bytes(const char *text, uint64_t *out);
/* Of texts behind pointers, by bytes: for qsort. */
int text_compare(const void *a, const void *b);
/* Shell-style pattern with * and ? against a whole name. */
bool glob_match(const char *pattern, const char *name);

/* -------------------------------------------------------------------- buf.c */

/* Growing text or bytes; lives in the arena. */
typedef struct Buf {
    Arena *arena;
    char *at; /* always NUL-terminated once something was added */
    size_t n, cap;
} Buf;
Buf buf_create(Arena *arena);
void buf_add(Buf *buf, const void *bytes, size_t n);
void buf_puts(Buf *buf, const char *text);
void buf_printf(Buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Shortest decimal text that reads back as the same float or double. */
void buf_float(Buf *buf, double value, bool single);
void buf_json_string(Buf *buf, const char *text); /* quoted and escaped */

/* ------------------------------------------------------------------- diag.c */

typedef struct SourceFile {
    const char *path; /* as the user gave it */
    const char *text;
    size_t length;
} SourceFile;

/* A place in a user's file. file == NULL: no place (the command line). Lines and columns from 1;
 * columns count bytes. */
typedef struct Loc {
    const SourceFile *file;
    uint32_t line, col;
} Loc;

typedef enum { DIAG_ERROR, DIAG_WARNING, DIAG_NOTE } DiagLevel;

/* What a diagnostic is about: the rows of rule.def. */
typedef enum {
#define RULE(id, ...) R_##id,
#include "compiler/base/rule.def"
#undef RULE
    R_COUNT
} Rule;

typedef struct RuleDesc {
    const char *name; /* "unknown-key" */
    DiagLevel level;
    const char *line; /* what is wrong */
    const char *help; /* what to do about it */
} RuleDesc;
extern const RuleDesc RULES[R_COUNT];
Rule rule_by_name(const char *name); /* R_COUNT when there is none */

typedef struct Diag {
    DiagLevel level;
    Loc loc;
    Rule rule;
    bool allowed;        /* by a comment in its line: counts nowhere and is not shown */
    const char *message;
    const char *hint;    /* "did you mean 'units'?" or NULL; printed as a note under it */
    Loc hint_loc;        /* place of the hint, file NULL when none */
} Diag;

enum { EXIT_OK = 0, EXIT_SPEC = 1, EXIT_USAGE = 2, EXIT_FILE = 3, EXIT_WEIGHTS = 4, EXIT_BUG = 70 };
#define DIAG_MAX 20 /* errors shown in one run */

/* How diagnostics are taken and shown. */
typedef enum { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER } ColorWhen;
typedef struct DiagOptions {
    bool strict;   /* warnings are errors */
    bool no_notes; /* notes are not shown */
    ColorWhen color;
} DiagOptions;

/* Everything one compilation holds. No mutable globals anywhere in the compiler. */
typedef struct Ctx {
    Arena *arena;
    ARR(Diag) diags;
    DiagOptions diag_options;
    uint32_t n_errors;
    int errors_exit;      /* exit code when there are errors; 0: EXIT_SPEC */
    jmp_buf landing;      /* set by compile.c; fatal() jumps here */
    int fatal_exit;       /* exit code of the fatal error */
    const char *fatal_message; /* NULL: none */
    bool verbose;
    const struct FileSource *source; /* NULL: every file is in the file system */
} Ctx;

/* The user's fault: recorded, the stage goes on. The returned Diag may be given a hint until the
 * next diagnostic is added. The level is the one of the rule's row. A warning or a note is dropped
 * when its line ends in the comment `# graftc: allow RULE`. */
Diag *diag_error(Ctx *ctx, Loc loc, Rule rule, const char *fmt, ...) PRINTF_LIKE(4, 5);
Diag *diag_warning(Ctx *ctx, Loc loc, Rule rule, const char *fmt, ...) PRINTF_LIKE(4, 5);
Diag *diag_note(Ctx *ctx, Loc loc, Rule rule, const char *fmt, ...) PRINTF_LIKE(4, 5);
void diag_hint(Ctx *ctx, Diag *diag, Loc loc, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* Those to be shown, sorted by place. */
Diag **diag_sorted(Ctx *ctx, uint32_t *n);
const char *diag_level_name(DiagLevel level);
/* Bytes of a byte order mark at the start of the file: no part of its first line. */
size_t source_mark(const SourceFile *file);
/* Start and length of a line, without its end and mark; false: there is no such line. */
bool source_line(const SourceFile *file, uint32_t line, const char **start, size_t *length);

/* ------------------------------------------------------------- diag_print.c */

/* Sorted by place, at most DIAG_MAX errors, each with its source line and caret. */
void diag_print_all(Ctx *ctx, FILE *out, bool colour);
/* Column as an editor shows it: characters, from 1. */
uint32_t diag_column(Loc loc);

/* The world's fault (cannot write, linker failed): leaves the compilation with this exit code. */
_Noreturn void fatal(Ctx *ctx, int exit_code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Our fault: prints file:line and aborts. */
_Noreturn void bug_at(const char *file, int line, const char *fmt, ...) PRINTF_LIKE(3, 4);
#define bug(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
#define check_bug(cond) ((cond) ? (void)0 : bug("invariant broken: %s", #cond))

/* ------------------------------------------------------------------- file.c */

/* Texts that are not where their paths say: of a revision in git, of a merge under way. */
typedef struct FileSource {
    /* false: the path is none of the source's. Else *out is the file, NULL with errno set when there
     * is none. */
    bool (*read)(Ctx *ctx, const struct FileSource *self, const char *path, const SourceFile **out);
    const char *prefix, *folder; /* paths that begin with prefix: where such a file would lie */
} FileSource;

/* Whole file; NULL with errno set when it cannot be read. */
const SourceFile *file_read(Ctx *ctx, const char *path);
/* The path without links and ".."; NULL with errno set when there is no such file. */
const char *file_real(Ctx *ctx, const char *path);
/* Where the path leads in the file system, whatever the source of the text that it stands in. */
const char *file_place(Ctx *ctx, const char *path);
/* Temporary file in the same folder, fsync, rename. false with errno set on failure; nothing half-written. */
bool file_write_whole(const char *path, const void *bytes, size_t n, int mode);
/* The same without waiting for the disk: for what can be made again and is checked when read. */
bool file_write_unsynced(const char *path, const void *bytes, size_t n, int mode);
/* Makes a folder and those above it. false with errno set when one cannot be made. */
bool file_make_folders(Ctx *ctx, const char *path);
/* Adds what a file is taken for without reading it: its place, length and time. */
void file_stamp(Buf *out, const char *path);
/* Names of the folders in a folder, sorted by bytes; hidden ones do not exist. NULL when it cannot
 * be read. */
const char *const *folder_names(Ctx *ctx, const char *path, uint32_t *n);
/* path joined to the folder of base_file, unless path is absolute. */
const char *path_beside(Arena *arena, const char *base_file, const char *path);

/* ------------------------------------------------------------------- path.c */

/* From the root, without "." and "..". Links are not followed. */
const char *path_absolute(Arena *arena, const char *path);
/* target as seen from the folder of the file `from`. */
const char *path_from(Arena *arena, const char *from, const char *target);

/* ---------------------------------------------------------------- process.c */

/* Another program: its words, the first found in PATH, and where its standard output goes. */
typedef struct Process {
    char *const *argv; /* NULL-terminated */
    enum { OUTPUT_TO_ERROR, OUTPUT_TO_OUTPUT, OUTPUT_TO_BUF } to; /* our streams, or `out` */
    Buf *out;
    bool quiet; /* its standard error goes nowhere */
} Process;

/* Starts it and waits. 0: *status is its exit status, -1 after a signal; else why it cannot be
 * started, as errno. */
int process_run(Ctx *ctx, const Process *process, int *status);

#endif
