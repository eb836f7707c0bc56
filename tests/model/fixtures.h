/* Descriptors, structures and processes that the cases of the oracle test use as arguments. Everything made
 * here goes away after the run of the case. A fixture that cannot be had makes the case unfit. */
#ifndef ODB_TESTS_MODEL_FIXTURES_H
#define ODB_TESTS_MODEL_FIXTURES_H

#include "tests/model/arena.h"

extern const char some_text[];
#define TEXT ((void *)(uintptr_t)some_text)
extern const struct timespec const_timeout; /* in read-only memory */

void fixtures_init(void);
long alarm_soon(long value); /* SIGALRM in 10 ms, without restart; returns value */

/* descriptors */
int file_of(const char *text); /* a memory file, at offset 0 */
int file_with_xattr(void);
int pipe_end(int which); /* of an empty pipe: 0 to read, 1 to write */
int full_pipe(const char *text);
int elapsed_timerfd(void);
int pending_signalfd(struct run *r);
int touched_inotify(void);
int ready_epoll(void);
int pty_slave(void);
int socket_end(int type);
int socket_end_with_groups(struct run *r);
int full_socket(int type, const char *text);
int credential_socket(void);
int filtered_socket(void); /* with a filter of two instructions */
int tcp_listener(void);
int connected_listener(void);
int tcp_end(void);
int full_tcp(const char *text);
int full_udp(const char *text);
int full_udp_three(void);

/* processes, signals, IPC: all need the run, for cleaning up */
int dead_child(void);
int living_child(struct run *r);
void *pending_signal(struct run *r); /* SIGUSR1, blocked and pending: the set */
int new_timer(struct run *r);
int new_shm(struct run *r);
int new_msgq(struct run *r);
int full_msgq(struct run *r);
int new_sem(struct run *r);
int full_mqueue(struct run *r);
void *pipe_fds(struct run *r); /* room for two descriptors, closed afterwards */

/* structures in the arena */
void *fd_set_of(int fd);     /* 8 bytes */
void *big_fd_set_of(int fd); /* 256 bytes */
void *OUT_ZERO(size_t n_bytes);
void *sized_handle(unsigned n_bytes);
void *msghdr_of(unsigned namelen, unsigned controllen, const void *base, size_t len);
void *mmsghdr_of(unsigned n_msgs, unsigned namelen, unsigned len);
void *timex_of(void *timex); /* modes = 0, the rest as it is */
void *fiemap_of(unsigned n_extents);
void *procmap_of(void);

/* facts */
char *mapped_pages(void); /* two of them */
unsigned long device_of(const char *path);
uint64_t root_mount_id(void);

#endif
