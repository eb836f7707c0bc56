/* Inside the printer: print.c (values), print_text.c (characters, strings, numbers, addresses). */
#ifndef ODB_SYMBOLS_PRINT_H
#define ODB_SYMBOLS_PRINT_H

#include "symbols/type.h"

#define PRINT_ELEMENTS 200 /* gdb's "print elements" */
#define PRINT_REPEATS 10   /* and "print repeats" */
#define PRINT_DEPTH 20     /* and "print max-depth" */

/* 'a'; prefix "" or u, U, L. */
void print_char(FILE *to, uint32_t c, const char *prefix);
/* "abc", with repeats and octal escapes; n characters of `width` bytes. cut: there is more. */
void print_string(FILE *to, const uint8_t *bytes, size_t n, unsigned width, const char *prefix, bool cut);
/* The string that a pointer leads to. */
void print_string_at(struct symbols *s, FILE *to, gaddr addr, unsigned width, const char *prefix);
void print_float(FILE *to, const uint8_t *bytes, size_t n_bytes, bool is_bfloat);
void print_int(FILE *to, __int128 x, bool is_signed);
/* "0x401136 <main+4>" */
void print_address(struct symbols *s, FILE *to, gaddr addr);
/* The prefix of a character type's literals. */
const char *text_prefix(const struct sym_type *t);

#endif
