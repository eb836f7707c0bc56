/* Signal numbers of the protocol, which are gdb's own (gdb/signals.def), against those of Linux. */
#ifndef ODB_GDB_SIGNALS_H
#define ODB_GDB_SIGNALS_H

/* 143: "unknown" where there is none. */
int gdb_signal_of(int linux_signo);
/* 0 where there is none. */
int linux_signal_of(int gdb_signo);
/* "SIGSEGV", "SIG34"; a static buffer may be reused. */
const char *linux_signal_name(int linux_signo);

#endif
