/* A made-up target, for tests of the stub and for its fuzz target: a "program" of FAKE_END instructions whose state is a
 * function of t, so that a test can say what every answer must be.
 *
 *   process 100, threads 100 and 101, which take turns of ten instructions; t 500: fork of process 200; t 800: it exits
 *   rip(t) = 0x401000 + t % 64; rax(t) = t; every other general register n: t * n
 *   memory 0x400000 .. 0x410000: instruction t writes (uint8_t)t to 0x404000 + t % 256; all else 0
 *   t 300: SIGUSR1 is delivered before the instruction; t 400: a system call, number 1
 *   in a branch: memory and registers are what was written; each instruction adds 1 to rip; at rip 0x409000 it exits */
#ifndef ODB_TESTS_GDB_FAKE_TARGET_H
#define ODB_TESTS_GDB_FAKE_TARGET_H

#include "gdb/target.h"

enum { FAKE_END = 1000, FAKE_FORK = 500, FAKE_CHILD_EXITS = 800, FAKE_SIGNAL = 300, FAKE_SYSCALL = 400 };
enum { FAKE_PID = 100, FAKE_CHILD = 200, FAKE_TEXT = 0x401000, FAKE_DATA = 0x404000 };

struct target *fake_target_create(void);

#endif
