/* Recorded by why.sh: one value on its way from an argument through strtoull, fork, a pipe, a thread, a signal frame, shared memory,
 * vector registers, a file; and strings through execve. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <immintrin.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

uint64_t from_pipe, from_thread, from_signal, from_shared, from_moved, from_exec, from_env, from_vector[4],
    from_file;

static void *thread(void *arg)
{
    from_thread = (uint64_t)arg;
    return NULL;
}

static void handler(int signo, siginfo_t *info, void *uc)
{
    (void)signo;
    (void)info;
    from_signal = (uint64_t)((ucontext_t *)uc)->uc_mcontext.gregs[REG_RBX];
}

static void child(int out, uint64_t value, uint64_t *shared)
{
    char buf[16] = "01234567";
    memcpy(buf + 8, &value, 8);
    *shared = value;
    _exit(write(out, buf, 16) != 16);
}

static void again(char **argv)
{
    memcpy(&from_exec, argv[2], 8);
    memcpy(&from_env, getenv("WHY_ENV"), 8);
    _exit(0);
}

static void through_file(const char *path)
{
    int out = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600), in = open(path, O_RDONLY);
    char buf[12] = "head";
    memcpy(buf + 4, &from_pipe, 8);
    if (write(out, buf, 12) != 12 || pread(in, &from_file, 8, 4) != 8)
        _exit(3);
    close(out);
    close(in);
}

int main(int argc, char **argv)
{
    if (argc > 2 && !strcmp(argv[1], "again"))
        again(argv);
    uint64_t local = strtoull(argv[1], NULL, 16);
    int p[2], status;
    char in[16];
    pthread_t t;
    uint64_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (pipe(p) || shared == MAP_FAILED)
        return 1;
    if (!fork())
        child(p[1], local, shared);
    if (read(p[0], in, 16) != 16)
        return 2;
    wait(&status);
    memcpy(&from_pipe, in + 8, 8);
    from_shared = *shared;
    uint64_t *moving = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *(volatile uint64_t *)moving = from_pipe;
    moving = mremap(moving, 4096, 1 << 24, MREMAP_MAYMOVE);
    from_moved = *(volatile uint64_t *)moving;
    pthread_create(&t, NULL, thread, (void *)from_pipe);
    pthread_join(t, NULL);
    sigaction(SIGUSR1, &(struct sigaction){.sa_sigaction = handler, .sa_flags = SA_SIGINFO}, NULL);
    __asm__ volatile(
        "mov %0, %%rbx; mov %1, %%edi; mov $10, %%esi; mov $62, %%eax; syscall" ::"m"(from_thread),
        "r"(getpid())
        : "rax", "rbx", "rcx", "rdi", "rsi", "r11", "memory");
    __m128i v = _mm_set1_epi64x((long long)from_signal);
    _mm_storeu_si128((__m128i *)from_vector, _mm_shuffle_epi32(_mm_unpackhi_epi64(v, v), 0x4e));
    through_file(argv[2]);
    setenv("WHY_ENV", "environment", 1);
    char word[] = "argument-of-exec";
    execl(argv[0], argv[0], "again", word, NULL);
    return 4;
}
