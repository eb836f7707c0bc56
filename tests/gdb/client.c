/* A client of the stub inside a test. See client.h. */
#include "tests/gdb/client.h"

#include <stdlib.h>
#include <string.h>

#include "gdb/packet.h"
#include "tests/common/check.h"
#include "tests/gdb/fake_target.h"

struct client {
    struct target *g;
    struct stub *s;
    struct packet_parser parser;
    struct out raw, reply, console, shown;
    bool alive, got_reply;
};

/* Resolves run lengths; the parser has resolved escapes, so this is exact only where '*' was not escaped: in text. */
static void expand(struct out *to, const uint8_t *data, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (data[i] == '*' && i > 0 && i + 1 < n) {
            for (int k = data[i + 1] - 29; k > 0; k--)
                out_bytes(to, &data[i - 1], 1);
            i++;
        } else {
            out_bytes(to, &data[i], 1);
        }
    }
}

static void take_item(struct client *c, enum packet_item item)
{
    if (item != PACKET_DATA)
        return;
    struct out text = {0};
    expand(&text, c->parser.data, c->parser.n_bytes);
    out_bytes(&text, "", 1);
    bool console = text.n_bytes > 2 && text.data[0] == 'O' && text.data[1] != 'K';
    if (console) {
        size_t digits = text.n_bytes - 2;
        uint8_t *bytes = malloc(digits);
        CHECK(bytes && packet_unhex(text.data + 1, digits, bytes));
        out_bytes(&c->console, bytes, digits / 2);
        free(bytes);
    } else {
        out_clear(&c->reply);
        out_bytes(&c->reply, text.data, text.n_bytes);
        c->got_reply = true;
    }
    out_deinit(&text);
}

static void on_send(void *ctx, const uint8_t *bytes, size_t n)
{
    struct client *c = ctx;
    for (size_t used = 0; used < n;) {
        enum packet_item item;
        used += packet_feed(&c->parser, bytes + used, n - used, &item);
        CHECK(item != PACKET_BAD);
        take_item(c, item);
    }
}

static void on_note(void *ctx, const char *line)
{
    struct client *c = ctx;
    out_printf(&c->console, "note: %s\n", line);
}

struct client *client_create(bool note)
{
    struct client *c = calloc(1, sizeof(*c));
    CHECK(c && packet_parser_init(&c->parser));
    c->g = fake_target_create();
    struct stub_io io = {.ctx = c, .send = on_send, .note = note ? on_note : NULL};
    CHECK_OK(stub_create(c->g, &io, &c->s));
    c->alive = true;
    return c;
}

void client_destroy(struct client *c)
{
    stub_destroy(c->s);
    target_close(c->g);
    packet_parser_deinit(&c->parser);
    out_deinit(&c->raw);
    out_deinit(&c->reply);
    out_deinit(&c->console);
    out_deinit(&c->shown);
    free(c);
}

struct stub *client_stub(struct client *c) { return c->s; }
bool client_alive(const struct client *c) { return c->alive; }

const char *client_ask_bytes(struct client *c, const void *packet, size_t n_bytes, size_t *ret_n)
{
    out_clear(&c->raw);
    out_bytes(&c->raw, packet, n_bytes);
    out_bytes(&c->raw, "", 1);
    out_clear(&c->reply);
    c->got_reply = false;
    c->alive = stub_packet(c->s, c->raw.data, n_bytes);
    if (!c->got_reply)
        out_bytes(&c->reply, "(none)", 7);
    if (ret_n)
        *ret_n = c->reply.n_bytes - 1;
    return (const char *)c->reply.data;
}

const char *client_ask(struct client *c, const char *packet)
{
    return client_ask_bytes(c, packet, strlen(packet), NULL);
}

const char *client_console(struct client *c)
{
    out_clear(&c->shown);
    out_bytes(&c->shown, c->console.data, c->console.n_bytes);
    out_bytes(&c->shown, "", 1);
    out_clear(&c->console);
    return (const char *)c->shown.data;
}
