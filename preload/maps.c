/* Shadow of the program's memory map.
 *
 * The engine must know what is executable, what is a file and what the program may reach, thousands of
 * times in some programs, so it never asks /proc again after the start: every call that changes the map
 * comes through sys_effect(), which keeps this table.
 *
 * One sorted array of disjoint ranges, neighbours with the same properties merged. The engine's own
 * ranges are not in it. Room for the kernel's limit of mappings (vm.max_map_count, 65530) and some. */
#include "preload/engine.h"

#define MAPS_MAX 70000

static struct engine_map *maps;
static int n_maps;
static bool shared_seen;

void maps_init(void)
{
    if (!maps)
        maps = engine_alloc(sizeof(*maps) * MAPS_MAX);
    n_maps = 0;
    shared_seen = false;
}

bool maps_any_shared(void) { return shared_seen; }

/* Index of the first map that ends above addr. */
static int maps_lower(gaddr addr)
{
    int lo = 0;
    int hi = n_maps;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (maps[mid].end <= addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

const struct engine_map *maps_find(gaddr addr)
{
    int i = maps_lower(addr);
    return i < n_maps && maps[i].start <= addr ? &maps[i] : NULL;
}

int maps_count(void) { return n_maps; }

const struct engine_map *maps_get(int i) { return i >= 0 && i < n_maps ? &maps[i] : NULL; }

static void maps_open_gap(int i, int n)
{
    if (n_maps + n > MAPS_MAX)
        engine_panic("engine: more than %d mappings", MAPS_MAX);
    memmove(&maps[i + n], &maps[i], sizeof(*maps) * (size_t)(n_maps - i));
    n_maps += n;
}

static void maps_close_gap(int i, int n)
{
    memmove(&maps[i], &maps[i + n], sizeof(*maps) * (size_t)(n_maps - i - n));
    n_maps -= n;
}

/* Makes addr a boundary: the map that spans it becomes two. */
static void maps_split(gaddr addr)
{
    int i = maps_lower(addr);
    if (i == n_maps || maps[i].start >= addr)
        return;
    maps_open_gap(i, 1);
    maps[i] = maps[i + 1];
    maps[i].end = addr;
    if (maps[i + 1].file_id)
        maps[i + 1].offset += addr - maps[i + 1].start;
    maps[i + 1].start = addr;
}

static bool maps_same(const struct engine_map *a, const struct engine_map *b)
{
    return a->end == b->start && a->prot == b->prot && a->flags == b->flags && a->file_id == b->file_id &&
           a->kind == b->kind && (!a->file_id || a->offset + (a->end - a->start) == b->offset) &&
           strcmp(a->name, b->name) == 0;
}

static void maps_merge(int first, int last)
{
    if (first < 0)
        first = 0;
    for (int i = first; i < last && i + 1 < n_maps;) {
        if (!maps_same(&maps[i], &maps[i + 1])) {
            i++;
            continue;
        }
        maps[i].end = maps[i + 1].end;
        maps_close_gap(i + 1, 1);
        last--;
    }
}

void maps_remove(gaddr start, gaddr end)
{
    if (start >= end)
        return;
    maps_split(start);
    maps_split(end);
    int first = maps_lower(start);
    int last = first;
    while (last < n_maps && maps[last].start < end)
        last++;
    if (last > first)
        maps_close_gap(first, last - first);
}

void maps_add(const struct engine_map *m)
{
    shared_seen |= (m->flags & 1 /* MAP_SHARED */) && (m->prot & 2 /* PROT_WRITE */);
    if (m->start >= m->end)
        return;
    struct engine_map copy = *m; /* m may point into the array */
    maps_remove(copy.start, copy.end);
    int i = maps_lower(copy.start);
    maps_open_gap(i, 1);
    maps[i] = copy;
    maps_merge(i - 1, i + 1);
}

void maps_protect(gaddr start, gaddr end, uint32_t prot)
{
    if (start >= end)
        return;
    maps_split(start);
    maps_split(end);
    int first = maps_lower(start);
    int i = first;
    for (; i < n_maps && maps[i].start < end; i++)
        maps[i].prot = prot;
    maps_merge(first - 1, i);
}
