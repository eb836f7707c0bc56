/* Packets of the gdb remote serial protocol (gdb manual, appendix E): taking them out of a stream of bytes, reading
 * their arguments by a schema, and making replies. Knows nothing of targets. Hosted; no input can harm it.
 *
 *     $ payload # two hex digits        payload bytes # $ } * are sent as '}' and the byte ^ 0x20
 *     + and -                           acknowledgements, until QStartNoAckMode
 *     0x03                              outside a packet: interrupt */
#ifndef ODB_GDB_PACKET_H
#define ODB_GDB_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The largest payload that is taken, and told to clients as PacketSize. */
enum { PACKET_MAX_BYTES = 0x20000 };

/* ---- bytes being put together ---- */

/* Grows as needed; when memory is out, `failed` is set and further bytes are dropped. */
struct out {
    uint8_t *data; /* owned */
    size_t n_bytes, capacity;
    bool failed;
};
void out_deinit(struct out *o);
void out_clear(struct out *o);
void out_bytes(struct out *o, const void *p, size_t n_bytes);
void out_text(struct out *o, const char *text);
void out_printf(struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Two digits a byte. */
void out_hex(struct out *o, const void *p, size_t n_bytes);
/* Text for XML, with & < > " ' and control characters replaced. */
void out_xml(struct out *o, const char *text);

/* The packet of this payload: escapes, run lengths, checksum. Appended to *ret. */
void packet_frame(const struct out *payload, struct out *ret);

/* ---- bytes coming in ---- */

enum packet_item {
    PACKET_NONE,      /* more bytes are needed */
    PACKET_DATA,      /* data[0 .. n_bytes) is a payload with escapes resolved */
    PACKET_BAD,       /* a packet with a wrong checksum, or longer than PACKET_MAX_BYTES */
    PACKET_NAK,       /* '-' */
    PACKET_INTERRUPT, /* 0x03 */
};
struct packet_parser {
    uint8_t *data; /* owned; room for PACKET_MAX_BYTES and a NUL, which is always there behind a payload */
    size_t n_bytes;
    int state;
    uint8_t sum, claimed;
    bool too_long;
};
/* false: memory is out. */
bool packet_parser_init(struct packet_parser *p);
void packet_parser_deinit(struct packet_parser *p);
/* Takes bytes until an item is complete or none are left; how many it took. */
size_t packet_feed(struct packet_parser *p, const uint8_t *bytes, size_t n_bytes, enum packet_item *ret);

/* ---- arguments ---- */

enum { PACKET_MAX_ARGS = 8 };
struct packet_arg {
    uint64_t n;          /* x c */
    int64_t pid, tid;    /* t: -1 all, 0 any; pid 0 where none was given */
    const uint8_t *data; /* s h r: borrowed from the payload */
    size_t n_bytes;
};

/* Reads what stands behind a packet's name. The schema's letters:
 *     x  a hexadecimal number        t  a thread id, also pPID.TID         c  one character
 *     s  text up to the schema's next character, or the end                r  the rest as it is
 *     h  hexadecimal bytes up to the schema's next character, or the end (decoded in place)
 *     |  what follows may be missing, as a whole
 * Any other character stands for itself. What is left over at the end is an error, except in a schema NULL, which
 * takes anything and gives it as one argument `r`. Returns the number of arguments, -1: malformed. */
int packet_read_args(const char *schema, uint8_t *data, size_t n_bytes,
                     struct packet_arg ret[PACKET_MAX_ARGS]);

/* A number at *p, before end; *p moves behind it. */
bool packet_number(const uint8_t **p, const uint8_t *end, uint64_t *ret);
bool packet_thread(const uint8_t **p, const uint8_t *end, int64_t *ret_pid, int64_t *ret_tid);
/* -1: not a digit. */
int packet_digit(uint8_t c);
/* n_digits / 2 bytes; false where it is not hexadecimal. from may be ret. */
bool packet_unhex(const uint8_t *from, size_t n_digits, uint8_t *ret);

#endif
