/* Framing and arguments of packets, signal numbers, register layout. */
#include <stdlib.h>
#include <string.h>

#include "gdb/packet.h"
#include "gdb/registers.h"
#include "gdb/signals.h"
#include "tests/common/check.h"

static size_t n_data, n_bad, n_interrupts, n_naks;
static char last[64];

static void feed(struct packet_parser *p, const char *bytes, size_t n)
{
    for (size_t used = 0; used < n;) {
        enum packet_item item;
        used += packet_feed(p, (const uint8_t *)bytes + used, n - used, &item);
        n_data += item == PACKET_DATA;
        n_bad += item == PACKET_BAD;
        n_interrupts += item == PACKET_INTERRUPT;
        n_naks += item == PACKET_NAK;
        if (item == PACKET_DATA)
            snprintf(last, sizeof(last), "%.*s", (int)p->n_bytes, (const char *)p->data);
    }
}

#define FEED(literal) feed(&p, literal, sizeof(literal) - 1)

static void test_stream(void)
{
    struct packet_parser p;
    CHECK(packet_parser_init(&p));
    FEED("+$qC#b4\003-garbage$g#67");
    CHECK(n_data == 2 && n_interrupts == 1 && n_naks == 1 && n_bad == 0 && !strcmp(last, "g"));
    FEED("$qC#b");
    CHECK(n_data == 2);
    FEED("4");
    CHECK(n_data == 3 && !strcmp(last, "qC"));
    FEED("$qC#b5$qC#zz$aa\003}\003#"); /* 0x03 in a packet is data */
    CHECK(n_bad == 2 && n_interrupts == 1);
    FEED("00$cut$g#67");
    CHECK(n_bad == 3 && n_data == 4);
    FEED("$}\x03}\x04#\x30\x31");
    CHECK(n_data == 5 && !strcmp(last, "#$"));
    packet_parser_deinit(&p);
}

static void test_too_long(void)
{
    struct packet_parser p;
    CHECK(packet_parser_init(&p));
    n_data = n_bad = 0;
    FEED("$");
    for (int i = 0; i < PACKET_MAX_BYTES + 100; i++)
        FEED("a");
    FEED("#00$g#67");
    CHECK(n_bad == 1 && n_data == 1);
    packet_parser_deinit(&p);
}

/* Frames, parses, expands run lengths: what comes out is what went in. */
static void round_trip(const uint8_t *bytes, size_t n)
{
    struct out payload = {0}, frame = {0}, back = {0};
    out_bytes(&payload, bytes, n);
    packet_frame(&payload, &frame);
    CHECK(frame.n_bytes >= 4 && frame.data[0] == '$' && frame.data[frame.n_bytes - 3] == '#');
    uint8_t sum = 0, claimed;
    for (size_t i = 1; i < frame.n_bytes - 3; i++) {
        sum += frame.data[i];
        CHECK(frame.data[i] != '$' && frame.data[i] != '#');
    }
    CHECK(packet_unhex(frame.data + frame.n_bytes - 2, 2, &claimed) && claimed == sum);
    for (size_t i = 1; i < frame.n_bytes - 3; i++) { /* first run lengths, then escapes */
        uint8_t c = frame.data[i];
        if (c == '*') {
            uint8_t again = back.n_bytes ? back.data[back.n_bytes - 1] : 0;
            for (int k = frame.data[++i] - 29; k > 0; k--)
                out_bytes(&back, &again, 1);
        } else if (c == '}') {
            out_bytes(&back, &(uint8_t){frame.data[++i] ^ 0x20}, 1);
        } else {
            out_bytes(&back, &c, 1);
        }
    }
    CHECK(back.n_bytes == n && (n == 0 || memcmp(back.data, bytes, n) == 0));
    out_deinit(&payload);
    out_deinit(&frame);
    out_deinit(&back);
}

static void test_frame(void)
{
    uint8_t bytes[600];
    for (unsigned i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)i;
    round_trip(bytes, sizeof(bytes));
    for (unsigned n = 0; n < 300; n++) {
        memset(bytes, '0', sizeof(bytes));
        round_trip(bytes, n);
        memset(bytes, '#', sizeof(bytes));
        round_trip(bytes, n);
    }
    srand(1);
    for (int i = 0; i < 200; i++) {
        for (size_t k = 0; k < sizeof(bytes); k++)
            bytes[k] = rand() % 3 ? '*' : (uint8_t)rand();
        round_trip(bytes, (size_t)rand() % sizeof(bytes));
    }
}

static int args(const char *schema, const char *text, struct packet_arg a[PACKET_MAX_ARGS])
{
    static char buf[256];
    snprintf(buf, sizeof(buf), "%s", text);
    return packet_read_args(schema, (uint8_t *)buf, strlen(buf), a);
}

static void test_args(void)
{
    struct packet_arg a[PACKET_MAX_ARGS];
    CHECK(args("x,x", "10,ff", a) == 2 && a[0].n == 16 && a[1].n == 255);
    CHECK(args("x,x", "10,", a) == -1 && args("x,x", "10", a) == -1 && args("x,x", "10,1x", a) == -1);
    CHECK(args("x", "ffffffffffffffff", a) == 1 && a[0].n == UINT64_MAX);
    CHECK(args("x", "10000000000000000", a) == -1);
    CHECK(args("x,x,x|;r", "0,10,1", a) == 3 && args("x,x,x|;r", "0,10,1;X2,2227", a) == 4);
    CHECK(args("h,x", "6162,3", a) == 2 && a[0].n_bytes == 2 && !memcmp(a[0].data, "ab", 2));
    CHECK(args("h", "616", a) == -1 && args("h", "6z", a) == -1 && args("h", "", a) == 1 &&
          a[0].n_bytes == 0);
    CHECK(args("s:x,x", "target.xml:0,10", a) == 3 && a[0].n_bytes == 10);
    CHECK(args("", "", a) == 0 && args("", "x", a) == -1 && args("|x", "", a) == 0);
    CHECK(args(NULL, "any;thing", a) == 1 && a[0].n_bytes == 9);
    CHECK(args("t", "p10.-1", a) == 1 && a[0].pid == 16 && a[0].tid == -1);
    CHECK(args("t", "-1", a) == 1 && a[0].pid == 0 && a[0].tid == -1);
    CHECK(args("t", "p5", a) == 1 && a[0].pid == 5 && a[0].tid == -1);
    CHECK(args("t", "p.", a) == -1 && args("t", "pz", a) == -1 && args("t", "ffffffffff", a) == -1);
    CHECK(args("ct", "g0", a) == 2 && a[0].n == 'g' && a[1].tid == 0);
}

static void test_signals(void)
{
    for (int linux_signo = 1; linux_signo <= 64; linux_signo++) {
        int n = gdb_signal_of(linux_signo);
        CHECK(linux_signo == 16 ? n == 143 : linux_signal_of(n) == linux_signo); /* gdb has no SIGSTKFLT */
    }
    CHECK(gdb_signal_of(11) == 11 && gdb_signal_of(10) == 30 && gdb_signal_of(34) == 46 &&
          gdb_signal_of(0) == 143);
    CHECK(!strcmp(linux_signal_name(11), "SIGSEGV") && linux_signal_of(9999) == 0 &&
          linux_signal_of(-1) == 0);
}

static void check_registers(unsigned vector_bytes, unsigned want, size_t want_bytes)
{
    struct register_set s;
    struct target_regs regs, again;
    struct out xml = {0};
    register_set_init(&s, vector_bytes);
    CHECK(s.n == want && s.n_bytes == want_bytes && s.n <= REGISTERS_MAX);
    register_set_xml(&s, &xml);
    out_bytes(&xml, "", 1);
    unsigned n = 0;
    for (const char *at = (const char *)xml.data; (at = strstr(at, "<reg name=")); at++)
        n++;
    CHECK(n == s.n && strstr((const char *)xml.data, "</target>"));
    CHECK(!strstr((const char *)xml.data, "avx512") == (vector_bytes < 64));
    /* what is put comes back */
    memset(&regs, 0x5a, sizeof(regs));
    memset(&again, 0, sizeof(again));
    for (unsigned i = 0; i < s.n; i++) {
        uint8_t value[64], value2[64];
        CHECK(s.rows[i].offset + s.rows[i].n_bytes <= s.n_bytes && s.rows[i].n_bytes <= sizeof(value));
        register_get(&s, i, &regs, value);
        register_put(&s, i, &again, value);
        register_get(&s, i, &again, value2);
        CHECK(memcmp(value, value2, s.rows[i].n_bytes) == 0);
    }
    out_deinit(&xml);
}

static void test_registers(void)
{
    check_registers(32, 76, 816);
    check_registers(64, 148, 816 + 512 + 64 + 1024);
}

int main(void)
{
    RUN(test_stream);
    RUN(test_too_long);
    RUN(test_frame);
    RUN(test_args);
    RUN(test_signals);
    RUN(test_registers);
    return 0;
}
