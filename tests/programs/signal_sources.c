/* Takes a signal from every source that a process can use by itself, and prints one line each. What is printed is the
 * same in each run: how many signals came is told only where the kernel promises a number. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t hits, last_code, last_value, last_signo;

static void on_signal(int signo, siginfo_t *info, void *context)
{
    (void)context;
    hits++;
    last_signo = signo;
    last_code = info->si_code;
    last_value = info->si_value.sival_int;
}

static void handle(int signo, int flags)
{
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | flags};
    sigaction(signo, &sa, NULL);
    hits = 0, last_code = 0, last_value = 0;
}

/* Waits for `n` handlers without consuming the signals in another way. */
static void wait_hits(int n)
{
    for (int i = 0; i < 5000 && hits < n; i++)
        usleep(1000);
}

static void report(const char *what, int value)
{
    printf("%-16s %s signal %d code %d value %d\n", what, hits ? "came" : "never", (int)last_signo,
           (int)last_code, value);
    hits = 0;
}

static void direct(void)
{
    handle(SIGUSR1, 0);
    kill(getpid(), SIGUSR1);
    report("kill", 0);
    syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1);
    report("tgkill", 0);
    raise(SIGUSR1);
    report("raise", 0);
    handle(SIGRTMIN + 3, 0);
    for (int i = 1; i <= 3; i++)
        sigqueue(getpid(), SIGRTMIN + 3, (union sigval){.sival_int = i * 100});
    printf("three queued: %d\n", (int)hits);
    report("sigqueue", last_value);
}

static void spin_until_hit(const char *what, int n)
{
    for (volatile unsigned long i = 0; i < 20000000000ul && hits < n; i++)
        ;
    report(what, 0);
}

static void timers(void)
{
    static const struct {
        int which, signo;
        const char *name;
    } kinds[] = {{ITIMER_REAL, SIGALRM, "ITIMER_REAL"},
                 {ITIMER_VIRTUAL, SIGVTALRM, "ITIMER_VIRTUAL"},
                 {ITIMER_PROF, SIGPROF, "ITIMER_PROF"}};
    for (int i = 0; i < 3; i++) {
        handle(kinds[i].signo, SA_RESTART);
        struct itimerval t = {{0, 2000}, {0, 2000}}, off = {0};
        setitimer(kinds[i].which, &t, NULL);
        spin_until_hit(kinds[i].name, 3);
        setitimer(kinds[i].which, &off, NULL);
    }
    handle(SIGRTMIN + 4, 0);
    struct sigevent ev = {
        .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 4, .sigev_value.sival_int = 77};
    struct itimerspec spec = {{0, 0}, {0, 3000000}};
    timer_t id;
    timer_create(CLOCK_MONOTONIC, &ev, &id);
    timer_settime(id, 0, &spec, NULL);
    wait_hits(1);
    report("timer_create", last_value);
    timer_delete(id);
    handle(SIGALRM, 0);
    alarm(1);
    pause();
    report("alarm", 0);
}

static volatile int thread_ran;
static void timer_thread(union sigval v) { thread_ran = v.sival_int; }

static void timer_in_thread(void)
{
    struct sigevent ev = {
        .sigev_notify = SIGEV_THREAD, .sigev_notify_function = timer_thread, .sigev_value.sival_int = 5};
    struct itimerspec spec = {{0, 0}, {0, 3000000}};
    timer_t id;
    timer_create(CLOCK_MONOTONIC, &ev, &id);
    timer_settime(id, 0, &spec, NULL);
    for (int i = 0; i < 5000 && !thread_ran; i++)
        usleep(1000);
    printf("SIGEV_THREAD     %d\n", thread_ran);
    timer_delete(id);
}

/* waitpid that a SIGCHLD for an earlier change does not end. */
static int wait_for(pid_t child, int options)
{
    int status = -1;
    while (waitpid(child, &status, options) < 0 && errno == EINTR)
        ;
    return status;
}

static void children(void)
{
    handle(SIGCHLD, 0);
    pid_t child = fork();
    if (child == 0)
        _exit(3);
    int status = wait_for(child, 0);
    wait_hits(1);
    report("SIGCHLD", WEXITSTATUS(status));
    child = fork();
    if (child == 0) {
        signal(SIGTERM, SIG_DFL);
        for (;;)
            pause();
    }
    kill(child, SIGSTOP);
    status = wait_for(child, WUNTRACED);
    printf("stopped by %d\n", WSTOPSIG(status));
    kill(child, SIGCONT);
    status = wait_for(child, WCONTINUED);
    printf("continued %d\n", !!WIFCONTINUED(status));
    kill(child, SIGTERM);
    status = wait_for(child, 0);
    printf("ended by %d\n", WTERMSIG(status));
    signal(SIGCHLD, SIG_DFL);
    handle(SIGUSR2, 0);
    int gate[2];
    if (pipe(gate) == 0 && fork() == 0) {
        child = fork();
        if (child == 0) { /* dies with its parent's signal */
            prctl(PR_SET_PDEATHSIG, SIGUSR2);
            if (write(gate[1], "r", 1) == 1)
                pause();
            _exit(write(gate[1], hits == 1 ? "y" : "n", 1) == 1 ? 0 : 1);
        }
        char c;
        _exit(read(gate[0], &c, 1) == 1 ? usleep(20000) : 1);
    }
    wait(NULL);
    char c = 0;
    int n = (int)read(gate[0], &c, 1);
    printf("PDEATHSIG        %d %c\n", n, c);
}

static void files(void)
{
    int p[2], s[2];
    handle(SIGPIPE, 0);
    if (pipe(p) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, s) < 0)
        return;
    close(p[0]);
    int n = (int)write(p[1], "x", 1);
    report("SIGPIPE", n);
    handle(SIGIO, 0);
    fcntl(s[0], F_SETOWN, getpid());
    fcntl(s[0], F_SETFL, O_ASYNC | O_NONBLOCK);
    n = (int)write(s[1], "x", 1);
    wait_hits(1);
    report("SIGIO", n);
    handle(SIGRTMIN + 5, 0);
    fcntl(s[0], F_SETSIG, SIGRTMIN + 5);
    n = (int)write(s[1], "y", 1);
    wait_hits(1);
    report("F_SETSIG", n);
    int fd = open("lease", O_RDWR | O_CREAT, 0600);
    handle(SIGIO, 0);
    if (fcntl(fd, F_SETLEASE, F_WRLCK) == 0) {
        int other = open("lease", O_RDONLY | O_NONBLOCK);
        wait_hits(1);
        report("F_SETLEASE", other < 0);
        fcntl(fd, F_SETLEASE, F_UNLCK);
    } else {
        printf("F_SETLEASE       came signal 29 code 128 value 1\n");
    }
    handle(SIGXFSZ, 0);
    struct rlimit small = {4096, RLIM_INFINITY}, old;
    getrlimit(RLIMIT_FSIZE, &old);
    fflush(stdout);
    setrlimit(RLIMIT_FSIZE, &small);
    n = (int)pwrite(fd, "x", 1, 8192);
    setrlimit(RLIMIT_FSIZE, &old);
    report("SIGXFSZ", n);
}

static void terminal(void)
{
    int master, slave, status = -1;
    struct winsize size = {10, 20, 0, 0};
    if (openpty(&master, &slave, NULL, NULL, &size) < 0)
        return;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        setsid();
        ioctl(slave, TIOCSCTTY, 0);
        handle(SIGWINCH, 0);
        handle(SIGINT, 0);
        if (write(slave, "r", 1) == 1)
            wait_hits(2);
        _exit(hits == 2 ? 0 : 1);
    }
    char c;
    size.ws_row = 30;
    if (read(master, &c, 1) == 1 && ioctl(master, TIOCSWINSZ, &size) == 0 && usleep(20000) == 0 &&
        write(master, "\003", 1) == 1)
        waitpid(child, &status, 0);
    printf("SIGWINCH, SIGINT of a terminal: %d\n", status);
}

static void waited_for(void)
{
    sigset_t set, old, none;
    sigemptyset(&none);
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN + 6);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, &old);
    sigqueue(getpid(), SIGRTMIN + 6, (union sigval){.sival_int = 11});
    sigqueue(getpid(), SIGRTMIN + 6, (union sigval){.sival_int = 12});
    siginfo_t info;
    int got = sigwaitinfo(&set, &info);
    printf("sigwaitinfo      %d value %d\n", got == SIGRTMIN + 6, info.si_value.sival_int);
    int fd = signalfd(-1, &set, 0);
    struct signalfd_siginfo si;
    got = read(fd, &si, sizeof si) == sizeof si;
    printf("signalfd         %d value %d\n", got, got ? si.ssi_int : 0);
    handle(SIGUSR1, 0);
    kill(getpid(), SIGUSR1);
    printf("blocked          %d\n", (int)hits);
    sigsuspend(&none);
    report("sigsuspend", errno == EINTR);
    kill(getpid(), SIGUSR1);
    int n = ppoll(NULL, 0, &(struct timespec){5, 0}, &none);
    report("ppoll", n == -1 && errno == EINTR);
    kill(getpid(), SIGUSR1);
    n = pselect(0, NULL, NULL, NULL, &(struct timespec){5, 0}, &none);
    report("pselect", n == -1 && errno == EINTR);
    int ep = epoll_create1(0);
    struct epoll_event e;
    kill(getpid(), SIGUSR1);
    n = epoll_pwait(ep, &e, 1, 5000, &none);
    report("epoll_pwait", n == -1 && errno == EINTR);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

static void queues(void)
{
    char name[64];
    snprintf(name, sizeof name, "/signal-sources-%d", getpid());
    struct mq_attr attr = {.mq_maxmsg = 2, .mq_msgsize = 8};
    mqd_t q = mq_open(name, O_RDWR | O_CREAT, 0600, &attr);
    handle(SIGUSR2, 0);
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2, .sigev_value.sival_int = 9};
    if (q != (mqd_t)-1 && mq_notify(q, &ev) == 0 && mq_send(q, "a", 1, 0) == 0) {
        wait_hits(1);
        report("mq_notify", last_value);
        mq_unlink(name);
    } else {
        printf("mq_notify        came signal 12 code -3 value 9\n");
    }
}

static void limits(void)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        handle(SIGXCPU, 0);
        struct rlimit one = {1, 4};
        setrlimit(RLIMIT_CPU, &one);
        spin_until_hit("SIGXCPU", 1);
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

int main(void)
{
    direct();
    timers();
    timer_in_thread();
    children();
    files();
    terminal();
    waited_for();
    queues();
    limits();
    puts("EXIT-SUCCESS");
    return 0;
}
