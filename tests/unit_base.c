/* unit_base.c - the base library: memory, maps, names, text, diagnostics, files. */
#include "compiler/base/base.h"
#include "tests/tap.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* -------------------------------------------------------------------- memory */

static void test_arena(Arena *arena)
{
    bool zeroed = true, aligned = true;
    size_t sizes[] = {0, 1, 15, 16, 63, 64, 100, 4096, 300 << 10, 1 << 20, 3 << 20};
    for (int round = 0; round < 20; round++)
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
            unsigned char *at = arena_alloc(arena, sizes[i]);
            aligned &= (uintptr_t)at % (sizes[i] >= 64 ? 64 : 16) == 0;
            for (size_t b = 0; b < sizes[i]; b++)
                zeroed &= at[b] == 0;
            memset(at, 0xff, sizes[i]);
        }
    ok(zeroed, "memory is zeroed");
    ok(aligned, "memory is aligned");
    equal(arena_strndup(arena, "graftc", 5), "graft", "strndup");
    equal(arena_printf(arena, "%s-%d", "x", 42), "x-42", "printf");
    ARR(int) numbers = {0};
    for (int i = 0; i < 1000; i++)
        *arr_push(arena, &numbers) = i;
    bool right = numbers.n == 1000;
    for (int i = 0; i < 1000; i++)
        right &= numbers.at[i] == i;
    ok(right, "an array grows and keeps its elements");
}

static void test_strmap(Arena *arena)
{
    StrMap *map = strmap_create(arena);
    ok(!strmap_get(map, "x"), "an empty map has nothing");
    int values[3000];
    bool put = true, got = true;
    char key[32];
    for (int i = 0; i < 3000; i++) {
        snprintf(key, sizeof key, "layer_%d", i);
        put &= strmap_put(map, key, &values[i]);
    }
    for (int i = 0; i < 3000; i++) {
        snprintf(key, sizeof key, "layer_%d", i);
        got &= strmap_get(map, key) == &values[i];
    }
    ok(put && got, "3000 names");
    ok(!strmap_put(map, "layer_7", &values[0]) && strmap_get(map, "layer_7") == &values[7],
       "a name that is there keeps its value");
    ok(!strmap_get(map, "layer_3000") && strmap_put(map, "", key) && strmap_get(map, "") == key,
       "absent and empty names");
}

/* --------------------------------------------------------------------- names */

static void test_names(void)
{
    const char *const names[] = {"units", "activation", "use_bias", "name", "kernel_size", "relu"};
    size_t n = COUNT_OF(names);
    equal(nearest_name("unit", names, n), "units", "a letter is missing");
    equal(nearest_name("actviation", names, n), "activation", "two letters are swapped");
    equal(nearest_name("Relu", names, n), "relu", "other case");
    equal(nearest_name("kernelsize", names, n), "kernel_size", "an underscore is missing");
    ok(!nearest_name("padding", names, n), "nothing is near");
    ok(!nearest_name("x", names, n) && !nearest_name("", names, n), "short names");
    ok(!nearest_name("unit", names, 0), "no names");
    char longest[5000];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    ok(!nearest_name(longest, names, n), "a very long name");
    ok(glob_match("*", "") && glob_match("*", "conv1") && glob_match("", ""), "star alone");
    ok(glob_match("conv3_*_out", "conv3_block4_out") && !glob_match("conv3_*", "conv4_x"), "star");
    ok(glob_match("conv?", "conv1") && !glob_match("conv?", "conv"), "question mark");
    ok(glob_match("*a*b*c*", "xxaxxbxxc") && !glob_match("*a*b*c", "xxaxxbxx"), "several stars");
    ok(!glob_match("conv", "conv1") && !glob_match("conv1", "conv"), "the whole name");
    ok(!glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*b", longest), "many stars on a long name");
}

/* ---------------------------------------------------------------------- text */

static const char *float_text(Arena *arena, double value, bool single)
{
    Buf buf = buf_create(arena);
    buf_float(&buf, value, single);
    return buf.at;
}

static void test_float(Arena *arena)
{
    equal(float_text(arena, 0.1, false), "0.1", "0.1");
    equal(float_text(arena, 0.1f, true), "0.1", "0.1 in single precision");
    equal(float_text(arena, 10, false), "10", "10 and not 1e+01");
    equal(float_text(arena, 1e-4, false), "0.0001", "1e-4");
    equal(float_text(arena, 1e-7, false), "1e-07", "1e-7");
    equal(float_text(arena, 1e30, false), "1e+30", "1e30");
    equal(float_text(arena, -0.0, false), "-0", "minus zero");
    equal(float_text(arena, NAN, false), "nan", "not a number");
    equal(float_text(arena, -INFINITY, true), "-inf", "minus infinity");
    uint64_t bits = 88172645463325252u;
    bool doubles = true, singles = true;
    for (int i = 0; i < 20000; i++) {
        bits ^= bits << 13, bits ^= bits >> 7, bits ^= bits << 17;
        double wide;
        float narrow;
        memcpy(&wide, &bits, sizeof wide);
        memcpy(&narrow, &bits, sizeof narrow);
        if (isfinite(wide))
            doubles &= strtod(float_text(arena, wide, false), NULL) == wide;
        if (isfinite(narrow)) {
            const char *text = float_text(arena, narrow, true);
            singles &= strtof(text, NULL) == narrow && strlen(text) <= 15;
        }
    }
    ok(doubles, "doubles read back");
    ok(singles, "floats read back and are short");
}

static void test_buf(Arena *arena)
{
    Buf buf = buf_create(arena);
    for (int i = 0; i < 500; i++)
        buf_printf(&buf, "%d,", i % 10);
    buf_add(&buf, NULL, 0);
    ok(buf.n == 1000 && strlen(buf.at) == 1000, "text grows");
    Buf json = buf_create(arena);
    buf_json_string(&json, "a\"b\\c\n\t\001\177\303\251");
    equal(json.at, "\"a\\\"b\\\\c\\n\\t\\u0001\\u007f\303\251\"", "a JSON string");
}

/* --------------------------------------------------------------- diagnostics */

static char *printed(Ctx *ctx, bool colour)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);
    diag_print_all(ctx, out, colour);
    fclose(out);
    char *copy = arena_strdup(ctx->arena, text);
    free(text);
    return copy;
}

static void test_diag(Arena *arena)
{
    const char *text = "head:\n\t- D\303\251nse: {unit: 3}\r\nlast";
    SourceFile file = {"a.yaml", text, strlen(text)};
    Ctx ctx = {.arena = arena};
    Diag *second = diag_error(&ctx, (Loc){&file, 2, 13}, R_unknown_key, "no key '%s'", "unit");
    diag_hint(&ctx, second, (Loc){0}, "did you mean 'units'?");
    Diag *first = diag_warning(&ctx, (Loc){&file, 1, 1}, R_unused_block, "odd");
    diag_hint(&ctx, first, (Loc){&file, 3, 5}, "it ends here");
    diag_error(&ctx, (Loc){0}, R_yaml_syntax, "no\033[1m place");
    diag_note(&ctx, (Loc){&file, 99, 1}, R_preprocessing, "past the end");
    equal(printed(&ctx, false),
          "graftc: error: no?[1m place [yaml-syntax]\n"
          "a.yaml:1:1: warning: odd [unused-block]\n"
          "    1 | head:\n"
          "      | ^\n"
          "a.yaml:3:5: note: it ends here\n"
          "    3 | last\n"
          "      |     ^\n"
          "a.yaml:2:12: error: no key 'unit' [unknown-key]\n"
          "    2 | \t- D\303\251nse: {unit: 3}\n"
          "      | \t          ^\n"
          "  note: did you mean 'units'?\n"
          "a.yaml:99:1: note: past the end [preprocessing]\n",
          "sorted by place, with lines and carets");
    ok(ctx.n_errors == 2, "errors are counted");
    ok(strstr(printed(&ctx, true), "\033[1;31merror: \033[0m"), "colours");
}

static void test_many_diags(Arena *arena)
{
    SourceFile file = {"b.yaml", "", 0};
    Ctx ctx = {.arena = arena};
    for (uint32_t i = 0; i < DIAG_MAX + 3; i++)
        diag_error(&ctx, (Loc){&file, DIAG_MAX + 3 - i, 1}, R_bad_word, "number %u", i);
    const char *text = printed(&ctx, false);
    ok(strncmp(text, "b.yaml:1:1: ", 12) == 0 && strstr(text, "\n3 more errors not shown\n") &&
           !strstr(text, "number 2 ["),
       "20 errors are shown, the others counted");
    char line[4000];
    memset(line, 'x', sizeof line);
    SourceFile wide = {"c.yaml", line, sizeof line};
    Ctx other = {.arena = arena};
    diag_error(&other, (Loc){&wide, 1, 3000}, R_bad_word, "far right");
    text = printed(&other, false);
    const char *caret = strchr(text, '^');
    ok(strlen(text) < 500 && strstr(text, "| ...xxx") && strstr(text, "xxx...\n") && caret,
       "of a long line the part around the place");
}

static void test_fatal(Arena *arena)
{
    Ctx ctx = {.arena = arena};
    if (setjmp(ctx.landing) == 0)
        fatal(&ctx, EXIT_FILE, "cannot write '%s'", "x");
    ok(ctx.fatal_exit == EXIT_FILE, "fatal lands with its exit code");
    equal(ctx.fatal_message, "cannot write 'x'", "and its message");
}

/* --------------------------------------------------------------------- files */

static void test_files(Arena *arena, const char *folder)
{
    Ctx ctx = {.arena = arena};
    const char *path = arena_printf(arena, "%s/file.txt", folder);
    ok(file_write_whole(path, "one\0two", 7, 0644), "write");
    const SourceFile *file = file_read(&ctx, path);
    ok(file && file->length == 7 && memcmp(file->text, "one\0two", 8) == 0, "and read");
    ok(file_write_whole(path, "", 0, 0755), "write over it");
    file = file_read(&ctx, path);
    struct stat status;
    ok(file && file->length == 0 && file->text[0] == '\0' && stat(path, &status) == 0 &&
           (status.st_mode & 0700) == 0700,
       "empty and executable");
    ok(!file_read(&ctx, folder) && errno == EISDIR, "a folder is no file");
    ok(!file_read(&ctx, arena_printf(arena, "%s/none", folder)) && errno == ENOENT, "no file");
    const char *pipe_path = arena_printf(arena, "%s/pipe", folder);
    ok(mkfifo(pipe_path, 0600) == 0 && !file_read(&ctx, pipe_path) && errno == EINVAL,
       "a pipe is refused at once");
    unlink(pipe_path);
    ok(truncate(path, (off_t)65 << 20) == 0 && !file_read(&ctx, path) && errno == EFBIG,
       "a file too large");
    ok(!file_write_whole(arena_printf(arena, "%s/none/x", folder), "", 0, 0644) &&
           errno == ENOENT,
       "no folder to write to");
    const char *taken = arena_printf(arena, "%s/taken", folder);
    ok(mkdir(taken, 0700) == 0 && !file_write_whole(taken, "x", 1, 0644) && errno == EISDIR,
       "a folder in the way");
    rmdir(taken);
    unlink(path);
    ok(rmdir(folder) == 0, "no temporary file is left");
    equal(path_beside(arena, "specs/a.yaml", "../w.h5"), "specs/../w.h5", "beside a file");
    equal(path_beside(arena, "a.yaml", "w.h5"), "w.h5", "beside a file in this folder");
    equal(path_beside(arena, "specs/a.yaml", "/w.h5"), "/w.h5", "an absolute path");
}

int main(void)
{
    Arena *arena = arena_create();
    test_arena(arena);
    test_strmap(arena);
    test_names();
    test_float(arena);
    test_buf(arena);
    test_diag(arena);
    test_many_diags(arena);
    test_fatal(arena);
    const char *tmp = getenv("TMPDIR");
    char *folder = arena_printf(arena, "%s/unit_base.XXXXXX", tmp ? tmp : "/tmp");
    if (mkdtemp(folder))
        test_files(arena, folder);
    else
        ok(false, "a temporary folder");
    arena_destroy(arena);
    points_end();
    return 0;
}
