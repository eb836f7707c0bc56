/* Open addressing, at most three quarters full; nothing is ever removed. Out of memory is the end
 * (internal.h). */
#include "symbols/table.h"

#include <stdlib.h>
#include <string.h>

#include "common/err.h"
#include "common/hash.h"

#define BLOCK_BYTES (64 << 10)

struct arena_block {
    struct arena_block *next;
    uint64_t pad;
};

void *arena_alloc(struct arena *a, size_t n_bytes)
{
    n_bytes = (n_bytes + 15) & ~(size_t)15;
    if (n_bytes > a->left) {
        size_t body = n_bytes > BLOCK_BYTES ? n_bytes : BLOCK_BYTES;
        struct arena_block *b = calloc(1, sizeof(*b) + body);
        odb_assert(b);
        b->next = a->blocks;
        a->blocks = b;
        a->next = (uint8_t *)(b + 1);
        a->left = body;
    }
    void *p = a->next;
    a->next += n_bytes;
    a->left -= n_bytes;
    return p;
}

char *arena_strndup(struct arena *a, const char *text, size_t n)
{
    char *p = arena_alloc(a, n + 1);
    memcpy(p, text, n);
    return p;
}

void arena_deinit(struct arena *a)
{
    while (a->blocks) {
        struct arena_block *next = a->blocks->next;
        free(a->blocks);
        a->blocks = next;
    }
    *a = (struct arena){0};
}

static size_t ptr_hash(const void *key) { return (size_t)(((uintptr_t)key * ODB_HASH_K0) >> 16); }

static struct ptr_slot *ptr_slot(const struct ptr_map *m, const void *key)
{
    size_t i = ptr_hash(key) & (m->n_slots - 1);
    while (m->slots[i].key && m->slots[i].key != key)
        i = (i + 1) & (m->n_slots - 1);
    return &m->slots[i];
}

void *ptr_map_get(const struct ptr_map *m, const void *key)
{
    return m->n_slots && key ? ptr_slot(m, key)->value : NULL;
}

void ptr_map_put(struct ptr_map *m, const void *key, void *value)
{
    if (m->n_used * 4 >= m->n_slots * 3) {
        struct ptr_map bigger = {.n_slots = m->n_slots ? m->n_slots * 2 : 64};
        bigger.slots = calloc(bigger.n_slots, sizeof(*bigger.slots));
        odb_assert(bigger.slots);
        for (size_t i = 0; i < m->n_slots; i++)
            if (m->slots[i].key)
                *ptr_slot(&bigger, m->slots[i].key) = m->slots[i];
        bigger.n_used = m->n_used;
        free(m->slots);
        *m = bigger;
    }
    struct ptr_slot *slot = ptr_slot(m, key);
    m->n_used += !slot->key;
    slot->key = key;
    slot->value = value;
}

void ptr_map_deinit(struct ptr_map *m)
{
    free(m->slots);
    *m = (struct ptr_map){0};
}

static struct name_slot *name_slot(const struct name_map *m, const char *key, uint64_t hash)
{
    size_t i = hash & (m->n_slots - 1);
    while (m->slots[i].key && (m->slots[i].hash != hash || strcmp(m->slots[i].key, key) != 0))
        i = (i + 1) & (m->n_slots - 1);
    return &m->slots[i];
}

void **name_map_at(struct name_map *m, const char *key, bool add)
{
    uint64_t hash = odb_hash64(key, strlen(key), 0);
    if (add && m->n_used * 4 >= m->n_slots * 3) {
        struct name_map bigger = {.n_slots = m->n_slots ? m->n_slots * 2 : 64};
        bigger.slots = calloc(bigger.n_slots, sizeof(*bigger.slots));
        odb_assert(bigger.slots);
        for (size_t i = 0; i < m->n_slots; i++)
            if (m->slots[i].key)
                *name_slot(&bigger, m->slots[i].key, m->slots[i].hash) = m->slots[i];
        bigger.n_used = m->n_used;
        free(m->slots);
        *m = bigger;
    }
    if (!m->n_slots)
        return NULL;
    struct name_slot *slot = name_slot(m, key, hash);
    if (!slot->key) {
        if (!add)
            return NULL;
        slot->key = key;
        slot->hash = hash;
        m->n_used++;
    }
    return &slot->value;
}

void name_map_deinit(struct name_map *m)
{
    free(m->slots);
    *m = (struct name_map){0};
}

void *grow(void *array, size_t n, size_t n_bytes)
{
    /* Doubles: n is the capacity exactly when it is 0 or a power of two from 8 on. */
    if (n && (n < 8 || (n & (n - 1))))
        return array;
    array = realloc(array, (n ? n * 2 : 8) * n_bytes);
    odb_assert(array);
    return array;
}
