/* Every packet of the stub against a made-up target (fake_target.h), well-formed and not. */
#include <string.h>

#include "gdb/packet.h"
#include "tests/common/check.h"
#include "tests/gdb/client.h"

static struct client *c;

#define IS(packet, want) is(__LINE__, packet, want, true)
#define HAS(packet, want) is(__LINE__, packet, want, false)
static void is(int line, const char *packet, const char *want, bool whole)
{
    const char *got = client_ask(c, packet);
    if (whole ? strcmp(got, want) != 0 : !strstr(got, want)) {
        fprintf(stderr, "line %d: %s gave '%.300s', not '%s'\n", line, packet, got, want);
        exit(1);
    }
}

static void says(int line, const char *command, const char *want)
{
    char packet[512] = "qRcmd,";
    size_t n = strlen(packet);
    for (const char *p = command; *p; p++, n += 2)
        snprintf(packet + n, sizeof(packet) - n, "%02x", (unsigned)*p);
    (void)client_console(c);
    is(line, packet, "OK", true);
    const char *got = client_console(c);
    if (!strstr(got, want)) {
        fprintf(stderr, "line %d: monitor %s said '%s', not '%s'\n", line, command, got, want);
        exit(1);
    }
}
#define SAYS(command, want) says(__LINE__, command, want)

static void begin(void)
{
    c = client_create(false);
    HAS("qSupported:multiprocess+;swbreak+;hwbreak+;fork-events+;vfork-events+;exec-events+",
        "ReverseContinue+");
    IS("QStartNoAckMode", "OK");
}

static void test_table(void)
{
    size_t n = stub_n_rows();
    CHECK(n >= 60);
    for (size_t i = 0; i < n; i++) {
        CHECK(stub_row_name(i) && *stub_row_name(i));
        for (size_t k = 0; k < i; k++)
            CHECK(strcmp(stub_row_name(i), stub_row_name(k)) != 0);
    }
    CHECK(!stub_row_name(n));
}

static void test_session(void)
{
    begin();
    HAS("qSupported", "PacketSize=20000;");
    HAS("qSupported:xmlRegisters=i386", "qXfer:features:read+");
    HAS("qSupported:multiprocess+;swbreak+;fork-events+", "QCatchSyscalls+");
    IS("vMustReplyEmpty", "");
    IS("nonsense", "");
    IS("!", "OK");
    IS("QNonStop:0", "OK");
    HAS("QNonStop:1", "E.");
    IS("qSymbol::", "OK");
    IS("qAttached:64", "1");
    IS("qAttached", "1");
    IS("QProgramSignals:e;f", "OK");
    IS("QDisableRandomization:1", "OK");
    IS("qTStatus", "");
    IS("?", "T05thread:p64.64;");
    IS("R0", "");
    IS("vCtrlC", "OK");
    HAS("qXfer:features:read:target.xml:0", "E.odb: malformed");
    IS("D;64", "OK");
    IS("?", "W00");
    IS("c", "W00");
    HAS("vAttach;5", "E.");
    IS("vAttach;64", "T05thread:p64.64;");
    IS("vKill;5", "E.not attached to process 5");
    IS("vKill;64", "OK");
    IS("?", "W00");
    IS("qfThreadInfo", "l");
    IS("qC", "QC0");
    HAS("vRun;", "T05thread:p64.64;");
    IS("k", "(none)");
    CHECK(!client_alive(c));
    client_destroy(c);
}

static void test_threads(void)
{
    begin();
    IS("qC", "QCp64.64");
    IS("qfThreadInfo", "mp64.64,p64.65");
    IS("qsThreadInfo", "l");
    IS("Hgp64.65", "OK");
    IS("qC", "QCp64.65");
    IS("Hc-1", "OK");
    HAS("Hx0", "E.");
    HAS("Hg", "E.");
    IS("Tp64.65", "OK");
    IS("Tp64.99", "E01");
    IS("Tpc8.c8", "E01"); /* the child: not attached, not born */
    IS("qThreadExtraInfo,p64.64", "6f6e653c263e");
    IS("qThreadExtraInfo,p1.1", "E01");
    HAS("qXfer:threads:read::0,fff", "<thread id=\"p64.64\" name=\"one&lt;&amp;&gt;\"/>");
    HAS("qXfer:threads:read::0,10", "m<?xml");
    HAS("qXfer:threads:read::10,ffff", "</threads>");
    IS("QThreadEvents:1", "OK");
    IS("Hgp64.99", "OK");
    IS("g", "E01");
    client_destroy(c);
}

static void test_memory(void)
{
    begin();
    IS("m404000,4", "00000000");
    IS("m10,4", "E0e");
    IS("m40fffe,8", "0000"); /* as far as it goes */
    IS("m404000,0", "");
    HAS("mzz,4", "E.");
    HAS("m404000", "E.");
    IS("m0,ffffffffffffffff", "E0e");
    SAYS("seek 600", "t 600");
    IS("m404000,3", "000102");
    IS("m404050,1", "50");
    IS("m404058,1", "58"); /* 600 = 2 * 256 + 88: not written a third time */
    IS("qSearch:memory:404000;100;\x10\x11\x12", "1,404010");
    IS("qSearch:memory:404000;100;\x10\x10", "0");
    IS("qSearch:memory:404000;100;", "E16");
    IS("qSearch:memory:10;100;ab", "E0e");
    IS("qSearch:memory:400000;ffffffffffffffff;zz", "0");
    IS("qCRC:404001,3", "C1b0d6951");
    IS("qCRC:40ffff,3", "E0e");
    HAS("qOffsets", "");
    client_destroy(c);
}

static void test_registers(void)
{
    begin();
    SAYS("seek 200", "t 200");
    HAS("g", "c800000000000000"); /* rax */
    IS("p0", "c800000000000000");
    IS("p10", "0810400000000000"); /* rip */
    IS("p11", "02020000");
    IS("p12", "33000000");                         /* cs */
    IS("p2d", "000102030405060708090a0b0c0d0e0f"); /* xmm5 */
    IS("p39", "ffffffffffffffff");                 /* orig_rax */
    IS("p41", "101112131415161718191a1b1c1d1e1f"); /* ymm5h */
    IS("p4c", "E16");
    IS("pffffffffff", "E16");
    HAS("p", "E.");
    HAS("qXfer:features:read:target.xml:0,ffff", "org.gnu.gdb.i386.avx");
    IS("qXfer:features:read:other.xml:0,ffff", "E00");
    client_destroy(c);
}

static void test_steps(void)
{
    begin();
    HAS("vCont?", "vCont;c;C;s;S;t;r");
    IS("vCont;s:p64.64;c:p64.-1", "T05thread:p64.64;");
    SAYS("when", "t 1,");
    IS("s", "T05thread:p64.64;");
    SAYS("when", "t 2,");
    IS("bs", "T05thread:p64.64;");
    SAYS("when", "t 1,");
    IS("vCont;r401001,401010:p64.64;c", "T05thread:p64.65;");
    SAYS("when", "t 16,");
    IS("bc", "T05replaylog:begin;thread:p64.64;");
    IS("bs", "T05replaylog:begin;thread:p64.64;");
    IS("vCont;t", "OK");
    HAS("vCont;x", "E.");
    HAS("vCont;r1", "E.");
    HAS("vCont;s:p64.64z", "E.");
    HAS("vContx", "E.");
    IS("QPassSignals:1e", "OK");
    HAS("QPassSignals:zz", "E.");
    HAS("c", "T05fork:pc8.c8;thread:p64.64;");
    IS("D;c8", "OK");
    IS("c", "T05replaylog:end;thread:p64.64;");
    CHECK(strstr(client_console(c), "exited with code 0"));
    IS("c", "T05replaylog:end;thread:p64.64;");
    CHECK(!strstr(client_console(c), "exited"));
    HAS("bc", "T05fork:");
    client_destroy(c);
}

static void test_signal(void)
{
    begin();
    IS("vCont;c", "T1ethread:p64.64;");
    SAYS("when", "before a signal");
    HAS("qXfer:siginfo:read::0,80", "l\n");
    IS("C1e", "T05fork:pc8.c8;thread:p64.64;");
    CHECK(!strstr(client_console(c), "signals"));
    IS("qXfer:siginfo:read::0,80", "E00");
    IS("S0b", "T05thread:p64.64;");
    IS("bs", "T05thread:p64.64;");
    CHECK(strstr(client_console(c), "signals cannot be sent"));
    client_destroy(c);
}

static void test_breaks(void)
{
    begin();
    IS("Z0,401005,1", "OK");
    IS("Z1,401005,1", "OK");
    IS("c", "T05swbreak:;thread:p64.64;");
    SAYS("when", "t 5,");
    IS("z0,401005,1", "OK");
    IS("c", "T05hwbreak:;thread:p64.64;"); /* t 69 */
    SAYS("when", "t 69,");
    IS("bc", "T05hwbreak:;thread:p64.64;");
    SAYS("when", "t 5,");
    IS("z1,401005,1", "OK");
    IS("z1,401005,1", "OK");
    IS("Z7,401005,1", "");
    HAS("Z0,401005", "E.");
    IS("Z2,404080,4", "OK");
    IS("c", "T05watch:404080;thread:p64.64;");
    SAYS("when", "t 129,");
    IS("bc", "T05watch:404080;thread:p64.64;");
    SAYS("when", "t 128,");
    IS("z2,404080,4", "OK");
    HAS("Z3,404080,4", "E.reads");
    IS("Z2,404080,0", "E.0 bytes at 0x404080 cannot be watched");
    client_destroy(c);
}

static void test_conditions(void)
{
    begin();
    /* rax == 0x45: reg 0, const8, equal, end */
    IS("Z0,401005,1;X7,2600002245"
       "1327",
       "OK");
    HAS("Z0,401006,1;X7,26000022", "E.");
    HAS("Z0,401006,1;Y", "E.");
    HAS("Z0,401006,1;Xffffffffffffffff,00", "E.");
    IS("c", "T05swbreak:;thread:p64.64;");
    SAYS("when", "t 69,");
    IS("bc", "T05replaylog:begin;thread:p64.64;");
    /* either of two */
    IS("Z0,401005,1;X7,26000022051327X7,26000022451327", "OK");
    IS("c", "T05swbreak:;thread:p64.64;");
    SAYS("when", "t 5,");
    /* one that cannot be evaluated counts */
    IS("Z0,401005,1;X3,220017", "OK");
    (void)client_console(c);
    IS("c", "T05swbreak:;thread:p64.64;");
    IS("s", "T05thread:p64.65;");
    CHECK(strstr(client_console(c), "counts as true"));
    IS("z0,401005,1", "OK");
    client_destroy(c);
}

static void test_many_breaks(void)
{
    begin();
    char packet[64];
    for (int i = 0; i < 400; i++) {
        snprintf(packet, sizeof(packet), "Z0,%x,1", 0x402000 + (i * 37) % 401);
        IS(packet, "OK");
    }
    IS("Z0,401020,1", "OK");
    IS("c", "T05swbreak:;thread:p64.65;");
    for (int i = 0; i < 400; i++) {
        snprintf(packet, sizeof(packet), "z0,%x,1", 0x402000 + i);
        IS(packet, "OK");
    }
    IS("D", "OK");
    client_destroy(c);
}

static void test_catches(void)
{
    begin();
    IS("QPassSignals:1e", "OK");
    IS("QCatchSyscalls:1;1;3b", "OK");
    HAS("QCatchSyscalls:1;x", "E.");
    IS("c", "T05syscall_return:1;thread:p64.64;");
    IS("bc", "T05syscall_entry:1;thread:p64.64;");
    IS("QCatchSyscalls:0", "OK");
    IS("c", "T05fork:pc8.c8;thread:p64.64;");
    IS("qfThreadInfo", "mp64.64,p64.65,pc8.c8");
    IS("c", "W03;process:c8");
    IS("qfThreadInfo", "mp64.64,p64.65");
    client_destroy(c);
    /* a client without fork events sees one process, and plain thread ids */
    c = client_create(true);
    HAS("qSupported:swbreak+", "swbreak+");
    IS("QPassSignals:1e", "OK");
    IS("c", "T05replaylog:end;thread:64;");
    CHECK(strstr(client_console(c), "note: process 100 exited with code 0"));
    client_destroy(c);
}

static void test_child(void)
{
    begin();
    IS("QPassSignals:1e", "OK");
    IS("c", "T05fork:pc8.c8;thread:p64.64;");
    IS("Hgpc8.c8", "OK");
    IS("D;64", "OK");
    IS("qfThreadInfo", "mpc8.c8");
    IS("c", "T05replaylog:end;thread:pc8.c8;");
    SAYS("when", "t 800,");
    IS("bc", "T05replaylog:begin;thread:pc8.c8;");
    SAYS("when", "t 501,");
    client_destroy(c);
}

static void test_branch(void)
{
    begin();
    SAYS("seek 100", "t 100");
    IS("M404000,2:beef", "OK");
    IS("m404000,2", "beef");
    IS("X404002,0:", "OK");
    IS("X404002,1:\x7e", "OK");
    IS("m404000,3", "beef7e");
    IS("X404002,2:a", "E16");
    IS("M10,1:00", "E01");
    SAYS("when", "gone on the next resume"); /* said once */
    SAYS("when", "in a branch");
    IS("s", "T05thread:p64.64;"); /* registers are as they were: gone */
    IS("m404000,2", "0001");
    SAYS("when", "t 101,");
    /* a call: rip and a breakpoint where it returns */
    IS("P10=0080400000000000", "OK");
    IS("p10", "0080400000000000");
    IS("Z0,408010,1", "OK");
    IS("vCont;c:p64.-1", "T05swbreak:;thread:p64.64;");
    IS("p10", "1080400000000000");
    IS("z0,408010,1", "OK");
    IS("P10=2510400000000000", "OK"); /* 0x401025: t 101 again */
    SAYS("when", "in a branch");
    IS("s", "T05thread:p64.64;");
    SAYS("when", "t 102,");
    /* backwards leaves it, too; so does the end of the program in it */
    IS("P10=0080400000000000", "OK");
    IS("bs", "T05thread:p64.64;");
    SAYS("when", "t 101,");
    IS("P10=0080400000000000", "OK");
    IS("c", "T00thread:p64.64;");
    CHECK(strstr(client_console(c), "the branch ended"));
    SAYS("when", "t 101,");
    IS("P10=00", "E16");
    IS("Pff=00", "E16");
    IS("G00", "OK");
    SAYS("seek 5", "t 5");
    client_destroy(c);
}

static void test_files(void)
{
    begin();
    IS("vFile:setfs:0", "F0");
    IS("vFile:open:2f6574632f706173737764,0,0", "F-1,2"); /* /etc/passwd: not in the recording */
    IS("vFile:open:2f6574632f706173737764,1,0", "F-1,1e");
    IS("vFile:open:,0,0", "F-1,16");
    IS("vFile:open:610062,0,0", "F-1,16");
    IS("vFile:open:2f70726f632f3130302f6d617073,0,0", "F0"); /* /proc/100/maps */
    HAS("vFile:pread:0,100,0", ";00400000-00410000 rwxp 00000000 00:00 1");
    IS("vFile:pread:0,100,ffffff", "F0;");
    HAS("vFile:pread:0,ffffffffffffffff,0", "/bin/fake");
    HAS("vFile:fstat:0", "F40;");
    IS("vFile:pread:1,10,0", "F-1,9");
    IS("vFile:close:0", "F0");
    IS("vFile:close:0", "F-1,9");
    IS("vFile:close:ffffffffff", "F-1,9");
    IS("vFile:open:2f70726f632f3130302f7461736b2f3130302f636d646c696e65,0,0", "F0"); /* task/100/cmdline */
    IS("vFile:pread:0,100,0", "Fa;/bin/fake");                                       /* and its NUL */
    IS("vFile:readlink:2f70726f632f3130302f657865", "F9;/bin/fake");
    IS("vFile:readlink:2f62696e", "F-1,2");
    IS("vFile:unlink:2f62696e", "F-1,1e");
    IS("vFile:pwrite:0,0,xx", "F-1,1e");
    for (int i = 1; i < 64; i++)
        HAS("vFile:open:2f70726f632f3130302f636f6d6d,0,0", "F"); /* comm */
    IS("vFile:open:2f70726f632f3130302f636f6d6d,0,0", "F-1,17");
    IS("qXfer:auxv:read::0,1000", "l" /* and 16 zeros */);
    IS("qXfer:exec-file:read:64:0,1000", "l/bin/fake");
    IS("qXfer:exec-file:read::2,3", "min/");
    IS("qXfer:exec-file:read:zz:0,1000", "E01");
    client_destroy(c);
}

static void test_monitor(void)
{
    begin();
    SAYS("help", "last-write");
    SAYS("", "there is no monitor command");
    SAYS("bogus", "there is no monitor command 'bogus'");
    SAYS("seek", "seek where?");
    SAYS("seek 99999", "behind the end");
    SAYS("seek 50%", "t 500");
    IS("qOdb.moved", "100 100");
    IS("QOdb.announce", "OK");
    IS("s", "T00thread:p64.64;");
    IS("qOdb.moved", "0");
    SAYS("when", "t 500,");
    SAYS("checkpoint", "checkpoint 1 at t 500");
    SAYS("seek end", "t 1000");
    SAYS("checkpoint", "checkpoint 2 at t 1000");
    SAYS("checkpoints", "  1  t 500");
    SAYS("restart 1", "t 500");
    SAYS("restart 3", "no checkpoint");
    IS("qOdb.t", "500");
    SAYS("last-write 0x404010", "t 279,");
    SAYS("last-write 0x404010,1", "t 272,");
    SAYS("next-write 0x404010,1", "t 529,");
    SAYS("when", "t 500,");
    SAYS("last-write 0x405000", "not written before here");
    SAYS("last-write nonsense", "No symbol \"nonsense\"");
    SAYS("last-write $rdi", "a mere value");
    SAYS("last-write {char} 0x404010", "t 272,");
    SAYS("last-write {int} 0x404010,1", "t 272,");
    SAYS("last-write $pc,", "is no memory");
    SAYS("last-write ((((", "odb: ");
    IS("QOdb.frame:1,p64.65", "OK");
    HAS("QOdb.frame:1", "E.");
    SAYS("last-write 0x404010", "t 279,");
    SAYS("last-write 1,0", "is no memory");
    SAYS("sql select 1", "no index");
    IS("QOdb.script", "OK");
    HAS("qRcmd,6", "E.");
    client_destroy(c);
}

static void test_acks(void)
{
    c = client_create(true);
    uint8_t p[] = "qC";
    CHECK(stub_packet(client_stub(c), p, 2));
    stub_bad_packet(client_stub(c));
    stub_repeat(client_stub(c));
    HAS("QStartNoAckMode", "OK");
    stub_bad_packet(client_stub(c));
    CHECK(stub_is_resume((const uint8_t *)"vCont;c", 7) && stub_is_resume((const uint8_t *)"bc", 2));
    CHECK(!stub_is_resume((const uint8_t *)"vCont?", 6) && !stub_is_resume((const uint8_t *)"m0,1", 4));
    stub_interrupt(client_stub(c));
    IS("c", "T02thread:64;");
    stub_interrupt_over(client_stub(c));
    HAS("c", "T1e");
    client_destroy(c);
}

int main(void)
{
    RUN(test_table);
    RUN(test_session);
    RUN(test_threads);
    RUN(test_memory);
    RUN(test_registers);
    RUN(test_steps);
    RUN(test_signal);
    RUN(test_breaks);
    RUN(test_conditions);
    RUN(test_many_breaks);
    RUN(test_catches);
    RUN(test_child);
    RUN(test_branch);
    RUN(test_files);
    RUN(test_monitor);
    RUN(test_acks);
    return 0;
}
