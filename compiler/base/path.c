/* path.c - paths as text: from the root, and from one file to another. */
#include "compiler/base/base.h"

#include <stdlib.h>
#include <unistd.h>

const char *path_absolute(Arena *arena, const char *path)
{
    char *folder = path[0] == '/' ? NULL : getcwd(NULL, 0);
    char *rest = arena_printf(arena, "%s/%s", folder ? folder : "", path);
    free(folder);
    ARR(const char *) parts = {0};
    char *state = NULL;
    for (char *part = strtok_r(rest, "/", &state); part; part = strtok_r(NULL, "/", &state)) {
        if (strcmp(part, ".") == 0)
            continue;
        if (strcmp(part, "..") != 0)
            *arr_push(arena, &parts) = part;
        else if (parts.n)
            parts.n--;
    }
    Buf out = buf_create(arena);
    for (uint32_t i = 0; i < parts.n; i++)
        buf_printf(&out, "/%s", parts.at[i]);
    return out.n ? out.at : "/";
}

const char *path_from(Arena *arena, const char *from, const char *target)
{
    const char *a = path_absolute(arena, from), *b = path_absolute(arena, target);
    size_t common = 0;
    for (size_t i = 0; a[i] && a[i] == b[i]; i++)
        if (a[i] == '/')
            common = i + 1;
    Buf out = buf_create(arena);
    for (const char *c = a + common; *c; c++)
        if (*c == '/')
            buf_puts(&out, "../");
    buf_puts(&out, b + common);
    return out.at;
}
