/* arena.c - memory of one compilation: chunks that are filled from the front and freed together. */
#include "compiler/base/base.h"

#include <stdlib.h>

/* Under the address sanitizer what lies between allocations must not be touched. */
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define GAP ((size_t)16)
#else
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)0)
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)0)
#define GAP ((size_t)0)
#endif

#define CHUNK_SIZE ((size_t)1 << 20)
#define ALIGN_SMALL ((size_t)16)
#define ALIGN_LARGE ((size_t)64) /* a cache line; also the widest vector register */

typedef struct Chunk {
    struct Chunk *next;
    size_t used, size; /* bytes of the data that follows the header */
} Chunk;

struct Arena {
    Chunk *chunks; /* the one being filled first */
};

/* The compiler cannot go on without memory, and there is no Ctx here to jump out through. */
static _Noreturn void out_of_memory(size_t size)
{
    fprintf(stderr, "graftc: error: out of memory (%zu bytes more were asked for)\n", size);
    exit(EXIT_FILE);
}

static char *chunk_data(Chunk *chunk)
{
    return (char *)chunk + ALIGN_LARGE;
}

static Chunk *chunk_create(size_t size)
{
    _Static_assert(sizeof(Chunk) <= ALIGN_LARGE, "the header fits before the data");
    if (size > SIZE_MAX / 2)
        out_of_memory(size);
    size_t whole = (ALIGN_LARGE + size + ALIGN_LARGE - 1) & ~(ALIGN_LARGE - 1);
    Chunk *chunk = aligned_alloc(ALIGN_LARGE, whole);
    if (!chunk)
        out_of_memory(whole);
    *chunk = (Chunk){.size = whole - ALIGN_LARGE};
    ASAN_POISON_MEMORY_REGION(chunk_data(chunk), chunk->size);
    return chunk;
}

Arena *arena_create(void)
{
    Arena *arena = calloc(1, sizeof *arena);
    if (!arena)
        out_of_memory(sizeof *arena);
    arena->chunks = chunk_create(CHUNK_SIZE);
    return arena;
}

void arena_destroy(Arena *arena)
{
    if (!arena)
        return;
    for (Chunk *chunk = arena->chunks; chunk;) {
        Chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    free(arena);
}

/* A chunk with room for size bytes at the alignment. Something large gets a chunk of its own, placed
 * second, so that the chunk being filled stays in use. */
static Chunk *arena_chunk_for(Arena *arena, size_t size, size_t align)
{
    Chunk *first = arena->chunks;
    size_t start = (first->used + align - 1) & ~(align - 1);
    if (start <= first->size && size <= first->size - start)
        return first;
    if (size > CHUNK_SIZE / 4) {
        Chunk *own = chunk_create(size);
        own->next = first->next;
        first->next = own;
        return own;
    }
    Chunk *fresh = chunk_create(CHUNK_SIZE);
    fresh->next = first;
    arena->chunks = fresh;
    return fresh;
}

void *arena_alloc(Arena *arena, size_t size)
{
    size_t align = size >= ALIGN_LARGE ? ALIGN_LARGE : ALIGN_SMALL;
    if (size == 0)
        size = 1; /* every allocation has an address of its own */
    Chunk *chunk = arena_chunk_for(arena, size, align);
    size_t start = (chunk->used + align - 1) & ~(align - 1);
    chunk->used = start + size + GAP;
    ASAN_UNPOISON_MEMORY_REGION(chunk_data(chunk) + start, size);
    return memset(chunk_data(chunk) + start, 0, size);
}

void *arena_grow(Arena *arena, void *old, uint32_t *cap, size_t elem_size)
{
    uint32_t grown = *cap ? *cap * 2 : 8;
    if (grown <= *cap || elem_size > SIZE_MAX / 4 / grown)
        out_of_memory(SIZE_MAX);
    void *fresh = arena_alloc(arena, grown * elem_size);
    if (*cap)
        memcpy(fresh, old, *cap * elem_size);
    *cap = grown;
    return fresh;
}

char *arena_strndup(Arena *arena, const char *text, size_t length)
{
    char *copy = arena_alloc(arena, length + 1);
    if (length)
        memcpy(copy, text, length);
    return copy;
}

char *arena_strdup(Arena *arena, const char *text)
{
    return arena_strndup(arena, text, strlen(text));
}

char *arena_vprintf(Arena *arena, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, fmt, args);
    if (length < 0)
        bug("text cannot be formatted");
    char *text = arena_alloc(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, fmt, again);
    va_end(again);
    return text;
}

char *arena_printf(Arena *arena, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = arena_vprintf(arena, fmt, args);
    va_end(args);
    return text;
}
