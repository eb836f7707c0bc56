/* 64-bit hash of a byte range, for CHECK events and small keys. Not for adversaries: it finds
 * accidental differences, and it is part of the recording format (a change is a new format version).
 *
 * The idea: 64x64->128 bit multiply and fold (mix), four independent lanes of 16 bytes each so that
 * the multiplier's latency is hidden. General registers only; tens of GB/s on pages in L1.
 *
 * Definition, little-endian reads, K0..K4 below, n = length:
 *     lanes s0..s3 = seed ^ K0, seed ^ K1, seed ^ K2, seed ^ K3
 *     each whole 64 bytes: s_i = mix(word[2i] ^ K_i, word[2i+1] ^ s_i)
 *     s = mix(s0 ^ K4, s1 ^ n) ^ mix(s2 ^ K3, s3 ^ K4)
 *     each whole 16 bytes left: s = mix(word[0] ^ K1, word[1] ^ s)
 *     up to 15 bytes left: as 16, padded with zeros
 *     result mix(s ^ K2, n ^ K0)
 *
 * Freestanding-safe: no calls, no vector registers. */
#ifndef ODB_COMMON_HASH_H
#define ODB_COMMON_HASH_H

#include <stddef.h>
#include <stdint.h>

#define ODB_HASH_K0 0x9e3779b97f4a7c15ULL
#define ODB_HASH_K1 0xc2b2ae3d27d4eb4fULL
#define ODB_HASH_K2 0x165667b19e3779f9ULL
#define ODB_HASH_K3 0xd6e8feb86659fd93ULL
#define ODB_HASH_K4 0xa0761d6478bd642fULL

typedef uint64_t odb_hash_word __attribute__((may_alias, aligned(1)));

static inline uint64_t odb_hash_mix(uint64_t a, uint64_t b)
{
    unsigned __int128 m = (unsigned __int128)a * b;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline uint64_t odb_hash64(const void *data, size_t n_bytes, uint64_t seed)
{
    const uint8_t *p = (const uint8_t *)data;
    size_t n = n_bytes;
    uint64_t s0 = seed ^ ODB_HASH_K0, s1 = seed ^ ODB_HASH_K1, s2 = seed ^ ODB_HASH_K2,
             s3 = seed ^ ODB_HASH_K3;
    for (; n >= 64; n -= 64, p += 64) {
        const odb_hash_word *w = (const odb_hash_word *)(const void *)p;
        s0 = odb_hash_mix(w[0] ^ ODB_HASH_K0, w[1] ^ s0);
        s1 = odb_hash_mix(w[2] ^ ODB_HASH_K1, w[3] ^ s1);
        s2 = odb_hash_mix(w[4] ^ ODB_HASH_K2, w[5] ^ s2);
        s3 = odb_hash_mix(w[6] ^ ODB_HASH_K3, w[7] ^ s3);
    }
    uint64_t s =
        odb_hash_mix(s0 ^ ODB_HASH_K4, s1 ^ n_bytes) ^ odb_hash_mix(s2 ^ ODB_HASH_K3, s3 ^ ODB_HASH_K4);
    for (; n >= 16; n -= 16, p += 16) {
        const odb_hash_word *w = (const odb_hash_word *)(const void *)p;
        s = odb_hash_mix(w[0] ^ ODB_HASH_K1, w[1] ^ s);
    }
    if (n) {
        uint64_t low = 0, high = 0;
        for (size_t i = 0; i < n; i++) {
            if (i < 8)
                low |= (uint64_t)p[i] << (i * 8);
            else
                high |= (uint64_t)p[i] << (i * 8 - 64);
        }
        s = odb_hash_mix(low ^ ODB_HASH_K1, high ^ s);
    }
    return odb_hash_mix(s ^ ODB_HASH_K2, n_bytes ^ ODB_HASH_K0);
}

#endif
