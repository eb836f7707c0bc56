/* Interrupts and the packets that they are meant for (gdb/connection.h). */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gdb/connection.h"
#include "tests/common/check.h"
#include "tests/gdb/client.h"

enum { TAKEN_US = 20000 };

static void send_text(int fd, const char *text)
{
    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

/* Until the reader has all that was sent, and most likely has looked at it. */
static void wait_taken(int fd)
{
    int left = 1;
    while (left) {
        CHECK(ioctl(fd, FIONREAD, &left) == 0);
        usleep(left ? 1000 : TAKEN_US);
    }
}

static void expect_item(struct connection *c, const char *data)
{
    struct connection_item item;
    connection_next(c, &item);
    CHECK(item.kind == PACKET_DATA && strcmp((const char *)item.data, data) == 0);
    free(item.data);
}

/* It comes when its resume is done, but the server has not asked for the next packet yet, which is there by then. */
static void test_late(struct connection *c, struct client *client, int fd, int far)
{
    send_text(fd, "$vCont;s#b8");
    expect_item(c, "vCont;s");
    CHECK(strncmp(client_ask(client, "vCont;s"), "T05", 3) == 0);
    send_text(fd, "\x03$vCont;s#b8");
    wait_taken(far);
    expect_item(c, "vCont;s");
    CHECK(strncmp(client_ask(client, "vCont;s"), "T05", 3) == 0);
}

/* It comes while its resume waits behind another packet. */
static void test_queued(struct connection *c, struct client *client, int fd, int far)
{
    send_text(fd, "$qC#b4$vCont;c#a8\x03$qC#b4");
    wait_taken(far);
    expect_item(c, "qC");
    CHECK(strncmp(client_ask(client, "qC"), "QC", 2) == 0);
    expect_item(c, "vCont;c");
    CHECK(strncmp(client_ask(client, "vCont;c"), "T02", 3) == 0);
    expect_item(c, "qC");
    CHECK(strncmp(client_ask(client, "vCont;s"), "T05", 3) == 0);
}

int main(void)
{
    int fds[2];
    struct connection *c;
    struct client *client = client_create(true);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    CHECK(!connection_open(fds[1], fds[1], &c));
    connection_set_stub(c, client_stub(client));
    test_late(c, client, fds[0], fds[1]);
    test_queued(c, client, fds[0], fds[1]);
    connection_close(c);
    client_destroy(client);
    close(fds[0]);
    close(fds[1]);
    return 0;
}
