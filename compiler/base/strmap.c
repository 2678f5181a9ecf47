/* strmap.c - a map from names to pointers: open addressing over an array of entries kept in the
 * order of insertion. The hash is fixed, so that nothing depends on a run. */
#include "compiler/base/base.h"

typedef struct Entry {
    const char *key;
    void *value;
    uint64_t hash;
} Entry;

struct StrMap {
    Arena *arena;
    ARR(Entry) entries;
    uint32_t *slots;  /* index of an entry plus one; 0: empty */
    uint32_t n_slots; /* 0 or a power of two, at least twice the entries */
};

/* FNV-1a, with the high bits folded down: the slot is taken from the low ones. */
static uint64_t hash_name(const char *key)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const unsigned char *p = (const unsigned char *)key; *p; p++)
        hash = (hash ^ *p) * UINT64_C(1099511628211);
    return hash ^ (hash >> 32);
}

/* The slot that holds key, or the empty one where it belongs. */
static uint32_t find_slot(const StrMap *map, const char *key, uint64_t hash)
{
    uint32_t mask = map->n_slots - 1;
    for (uint32_t slot = (uint32_t)hash & mask;; slot = (slot + 1) & mask) {
        uint32_t index = map->slots[slot];
        if (!index)
            return slot;
        const Entry *entry = &map->entries.at[index - 1];
        if (entry->hash == hash && strcmp(entry->key, key) == 0)
            return slot;
    }
}

static void grow_slots(StrMap *map)
{
    map->n_slots = map->n_slots ? map->n_slots * 2 : 16;
    map->slots = arena_array(map->arena, uint32_t, map->n_slots);
    for (uint32_t i = 0; i < map->entries.n; i++) {
        const Entry *entry = &map->entries.at[i];
        map->slots[find_slot(map, entry->key, entry->hash)] = i + 1;
    }
}

StrMap *strmap_create(Arena *arena)
{
    StrMap *map = arena_new(arena, StrMap);
    map->arena = arena;
    return map;
}

void *strmap_get(const StrMap *map, const char *key)
{
    if (!map->n_slots)
        return NULL;
    uint32_t index = map->slots[find_slot(map, key, hash_name(key))];
    return index ? map->entries.at[index - 1].value : NULL;
}

bool strmap_put(StrMap *map, const char *key, void *value)
{
    if ((map->entries.n + 1) * 2 > map->n_slots)
        grow_slots(map);
    uint64_t hash = hash_name(key);
    uint32_t slot = find_slot(map, key, hash);
    if (map->slots[slot])
        return false; /* the first value stays */
    *arr_push(map->arena, &map->entries) = (Entry){arena_strdup(map->arena, key), value, hash};
    map->slots[slot] = map->entries.n;
    return true;
}
