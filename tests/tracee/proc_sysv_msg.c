/* System V message queues: types, order, waiting, removal under a waiter. */
#include <sys/ipc.h>
#include <sys/msg.h>

#include "tests/tracee/proc.h"

struct message {
    long type;
    char text[16];
};

int main(void)
{
    struct message m = {0};
    int id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    if (id < 0)
        skip("no System V messages here");
    pid_t pid = start();
    if (pid == 0) {
        CHECK(msgrcv(id, &m, sizeof(m.text), 7, 0) == 6 && !strcmp(m.text, "seven"));
        CHECK(msgrcv(id, &m, sizeof(m.text), 0, 0) == 4 && !strcmp(m.text, "one") && m.type == 1);
        m.type = 9;
        CHECK(msgsnd(id, &m, 4, 0) == 0);
        CHECK(msgrcv(id, &m, sizeof(m.text), 100, 0) == -1 && (errno == EIDRM || errno == EINVAL));
        _exit(0);
    }
    CHECK(msgrcv(id, &m, sizeof(m.text), 5, IPC_NOWAIT) == -1 && errno == ENOMSG);
    CHECK(msgsnd(id, &(struct message){1, "one"}, 4, 0) == 0);
    CHECK(msgsnd(id, &(struct message){7, "seven"}, 6, 0) == 0);
    CHECK(msgrcv(id, &m, sizeof(m.text), 9, 0) == 4 && m.type == 9);
    struct msqid_ds ds;
    CHECK(msgctl(id, IPC_STAT, &ds) == 0 && ds.msg_qnum == 0 && ds.msg_lspid == pid);
    CHECK(msgctl(id, IPC_RMID, NULL) == 0);
    int status = ended(pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return passed();
}
