/* Small containers of symbols/: an arena, a map from pointers to pointers, a map from strings to pointers. */
#ifndef ODB_SYMBOLS_TABLE_H
#define ODB_SYMBOLS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena_block;
struct arena {
    struct arena_block *blocks; /* owned */
    size_t left;
    uint8_t *next;
};
/* Zeroed, aligned to 16; never NULL. */
void *arena_alloc(struct arena *a, size_t n_bytes);
char *arena_strndup(struct arena *a, const char *text, size_t n);
void arena_deinit(struct arena *a);

struct ptr_map {
    struct ptr_slot {
        const void *key; /* NULL: free */
        void *value;
    } * slots; /* owned */
    size_t n_slots, n_used;
};
void *ptr_map_get(const struct ptr_map *m, const void *key);
/* Replaces. */
void ptr_map_put(struct ptr_map *m, const void *key, void *value);
void ptr_map_deinit(struct ptr_map *m);

struct name_map {
    struct name_slot {
        const char *key; /* borrowed; NULL: free */
        uint64_t hash;
        void *value;
    } * slots; /* owned */
    size_t n_slots, n_used;
};
/* Where the value of a key is, or would be; add: make a slot for it (value NULL). NULL: not there. */
void **name_map_at(struct name_map *m, const char *key, bool add);
void name_map_deinit(struct name_map *m);

/* Grows an array to hold n + 1 elements of n_bytes each. */
void *grow(void *array, size_t n, size_t n_bytes);
#define GROW(array, n) ((array) = grow((array), (n), sizeof(*(array))))

#endif
