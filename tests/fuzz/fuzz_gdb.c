/* The gdb stub on a stream of bytes as a client might send it. The first byte: bit 0, packets are separated by newlines and framed
 * here (so that the fuzzer need not find checksums); else the bytes are the stream itself. */
#include <stdlib.h>
#include <string.h>

#include "gdb/packet.h"
#include "gdb/stub.h"
#include "tests/fuzz/fuzz.h"
#include "tests/gdb/fake_target.h"

static struct packet_parser parser;

/* What the stub sends must be a sound stream, too. */
static void on_send(void *ctx, const uint8_t *bytes, size_t n)
{
    enum packet_item item;
    (void)ctx;
    for (size_t used = 0; used < n;) {
        used += packet_feed(&parser, bytes + used, n - used, &item);
        if (item == PACKET_BAD && parser.n_bytes < PACKET_MAX_BYTES)
            abort();
    }
}

static void send_lines(struct stub *s, const uint8_t *data, size_t n)
{
    uint8_t packet[4096];
    for (const uint8_t *end = data + n, *next; data < end; data = next + 1) {
        next = memchr(data, '\n', (size_t)(end - data));
        if (!next)
            next = end;
        size_t len = (size_t)(next - data) < sizeof(packet) - 1 ? (size_t)(next - data) : sizeof(packet) - 1;
        memcpy(packet, data, len);
        packet[len] = 0;
        if (!stub_packet(s, packet, len) || next == end)
            return;
    }
}

static void send_stream(struct stub *s, const uint8_t *data, size_t n)
{
    struct packet_parser p;
    if (!packet_parser_init(&p))
        return;
    bool more = true;
    for (size_t used = 0; used < n && more;) {
        enum packet_item item;
        used += packet_feed(&p, data + used, n - used, &item);
        if (item == PACKET_DATA)
            more = stub_packet(s, p.data, p.n_bytes);
        else if (item == PACKET_BAD)
            stub_bad_packet(s);
        else if (item == PACKET_NAK)
            stub_repeat(s);
        else if (item == PACKET_INTERRUPT)
            stub_interrupt(s);
    }
    packet_parser_deinit(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    struct stub *s;
    const struct stub_io io = {.send = on_send};
    if (n_bytes < 1 || (!parser.data && !packet_parser_init(&parser)))
        return 0;
    struct target *g = fake_target_create();
    struct odb_err *e = stub_create(g, &io, &s);
    if (e)
        abort();
    if (data[0] & 1)
        send_lines(s, data + 1, n_bytes - 1);
    else
        send_stream(s, data + 1, n_bytes - 1);
    stub_destroy(s);
    target_close(g);
    return 0;
}
