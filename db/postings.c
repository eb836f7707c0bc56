/* Which chunks of a group touched certain bytes: see indexer/schema.h (odb_postings) and internal.h. */
#include <string.h>

#include "common/layout.h"
#include "db/internal.h"

#define LINES_PER_PAGE (ODB_PAGE_BYTES / ODB_LINE_BYTES)

/* Narrows down chunks[], which are those of the page's wanted lines, where words are told apart. */
static struct odb_err *narrow(struct odb_db *db, int kind, uint64_t page, uint64_t group,
                              const uint16_t *words, uint64_t *chunks)
{
    _cleanup_reset_ sqlite3_stmt *st = NULL;
    uint64_t row[1 + LINES_PER_PAGE * ODB_LINE_WORDS];
    size_t n = 0, k = 1;
    bool found = false;
    ODB_TRY(db_prepare(db, DB_POST_WORDS, &st));
    sqlite3_bind_int64(st, 1, ODB_POST_WORDS + kind);
    sqlite3_bind_int64(st, 2, (int64_t)page);
    sqlite3_bind_int64(st, 3, (int64_t)group);
    ODB_TRY(db_step(db, st, &found));
    if (!found)
        return NULL;
    const void *blob = sqlite3_column_blob(st, 0);
    ODB_TRY(piece_decode(blob, (size_t)sqlite3_column_bytes(st, 0), row, sizeof(row), &n));
    if (n < 8 || n != 8 * (1 + ODB_LINE_WORDS * (size_t)__builtin_popcountll(row[0])))
        return odb_err("corrupt index: a posting of words, %zu bytes", n);
    for (uint64_t lines = row[0]; lines; lines &= lines - 1, k += ODB_LINE_WORDS) {
        unsigned line = (unsigned)__builtin_ctzll(lines);
        uint64_t any = 0;
        for (int w = 0; w < ODB_LINE_WORDS; w++)
            any |= words[line] >> w & 1 ? row[k + (size_t)w] : 0;
        chunks[line] &= any;
    }
    return NULL;
}

struct odb_err *db_posting_chunks(struct odb_db *db, int kind, uint64_t page, uint64_t group,
                                  const void *blob, size_t n_bytes, const uint16_t *words, uint64_t *ret)
{
    const uint8_t *p = blob;
    uint64_t mask, chunks[LINES_PER_PAGE] = {0}, all = 0;
    bool part = false;
    if (n_bytes < 8)
        return odb_err("corrupt index: a posting of %zu bytes", n_bytes);
    memcpy(&mask, p, 8);
    if (n_bytes != 8 * (1 + (size_t)__builtin_popcountll(mask)))
        return odb_err("corrupt index: a posting of %zu bytes", n_bytes);
    for (size_t k = 1; mask; mask &= mask - 1, k++) {
        unsigned line = (unsigned)__builtin_ctzll(mask);
        if (!words[line])
            continue;
        memcpy(&chunks[line], p + 8 * k, 8);
        part |= words[line] != 0xffff;
    }
    if (part)
        ODB_TRY(narrow(db, kind, page, group, words, chunks));
    for (unsigned line = 0; line < LINES_PER_PAGE; line++)
        all |= chunks[line];
    *ret = all;
    return NULL;
}

void db_lines_words(const struct db_lines *v, uint64_t page, uint16_t *words)
{
    for (unsigned i = 0; i < LINES_PER_PAGE; i++) {
        uint64_t line = page * LINES_PER_PAGE + i;
        uint16_t w = line >= v->first && line <= v->last ? 0xffff : 0;
        if (line == v->first)
            w &= v->first_words;
        if (line == v->last)
            w &= v->last_words;
        words[i] |= w;
    }
}

struct db_lines db_lines_of(int kind, uint64_t first_line, uint64_t first_byte, uint64_t last_line,
                            uint64_t last_byte)
{
    return (struct db_lines){
        .kind = kind,
        .first = first_line,
        .last = last_line,
        .first_words = (uint16_t)(0xffffu << first_byte / 4),
        .last_words = (uint16_t)(0xffffu >> (15 - last_byte / 4)),
    };
}
