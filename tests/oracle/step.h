/* The oracle's own view of a program: ptrace single-steps of a native run.
 *
 * Independent of odb: instructions are decoded by Zydis, values are read with ptrace and /proc/PID/mem. */
#ifndef ODB_TESTS_ORACLE_STEP_H
#define ODB_TESTS_ORACLE_STEP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#include "common/err.h"
#include "common/regs.h"

#define STEP_REG_BYTES 32
#define STEP_MAX_RANGES 6
#define STEP_RANGE_BYTES (1u << 20)

/* Values of all registers by enum odb_reg, 32 bytes each. Not rip. */
struct step_regs {
    uint8_t value[ODB_N_REG][STEP_REG_BYTES];
    uint64_t rip;
};

/* Memory that the coming instruction may write. */
struct step_range {
    uint64_t addr, len_bytes;
    bool certain;            /* it will be written; else perhaps (conditional, rep) */
    uint8_t *before, *after; /* STEP_RANGE_BYTES each, owned by struct stepper */
};

enum step_event {
    STEP_DONE,
    STEP_SIGNAL /* a signal was delivered instead; nothing completed */,
    STEP_EXITED
};

struct stepper {
    pid_t pid;
    int mem_fd;
    struct user_regs_struct user;
    struct step_regs now, last; /* before the coming instruction; before the one just done */
    struct step_range range[STEP_MAX_RANGES];
    int n_ranges;
    bool is_syscall, is_rep;
    char text[128];  /* of the instruction just done */
    int exit_status; /* as waitpid gives it */
};

/* Starts argv[0] with ASLR off, stopped before its first instruction. */
struct odb_err *stepper_init(struct stepper *s, char **argv) ODB_MUST_CHECK;
void stepper_deinit(struct stepper *s);
/* Runs one instruction: fills last, now, range[] with contents before and after. */
struct odb_err *stepper_step(struct stepper *s, enum step_event *ret) ODB_MUST_CHECK;
/* Bytes read. */
uint64_t stepper_read(const struct stepper *s, uint64_t addr, void *to, uint64_t n_bytes);
/* Bytes of a register in the log: 4, 8, 10 or 32. */
unsigned step_reg_bytes(unsigned reg);

#endif
