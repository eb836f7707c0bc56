/* Registers' names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "db/db.h"

static const char *const scalar_names[] = {
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi",    "rdi",     "r8",      "r9",    "r10",
    "r11", "r12", "r13", "r14", "r15", "rip", "rflags", "fs_base", "gs_base", "mxcsr",
};
static const char *const ymm_names[32] = {
    "ymm0",  "ymm1",  "ymm2",  "ymm3",  "ymm4",  "ymm5",  "ymm6",  "ymm7",  "ymm8",  "ymm9",  "ymm10",
    "ymm11", "ymm12", "ymm13", "ymm14", "ymm15", "ymm16", "ymm17", "ymm18", "ymm19", "ymm20", "ymm21",
    "ymm22", "ymm23", "ymm24", "ymm25", "ymm26", "ymm27", "ymm28", "ymm29", "ymm30", "ymm31",
};
static const char *const zmm_names[32] = {
    "zmm0",  "zmm1",  "zmm2",  "zmm3",  "zmm4",  "zmm5",  "zmm6",  "zmm7",  "zmm8",  "zmm9",  "zmm10",
    "zmm11", "zmm12", "zmm13", "zmm14", "zmm15", "zmm16", "zmm17", "zmm18", "zmm19", "zmm20", "zmm21",
    "zmm22", "zmm23", "zmm24", "zmm25", "zmm26", "zmm27", "zmm28", "zmm29", "zmm30", "zmm31",
};
static const char *const high_names[] = {
    "k0",  "k1",  "k2",  "k3",  "k4",  "k5",  "k6",  "k7",  "st0", "st1",
    "st2", "st3", "st4", "st5", "st6", "st7", "fcw", "fsw", "ftw",
};
_Static_assert(sizeof(high_names) / sizeof(*high_names) == ODB_N_REG - ODB_REG_K0,
               "a name for each register");

const char *db_reg_name(unsigned reg, unsigned vector_bytes)
{
    if (reg < sizeof(scalar_names) / sizeof(*scalar_names))
        return scalar_names[reg];
    if (reg >= ODB_REG_VEC0 && reg < ODB_REG_VEC0 + 32)
        return (vector_bytes > 32 ? zmm_names : ymm_names)[reg - ODB_REG_VEC0];
    if (reg >= ODB_REG_K0 && reg < ODB_N_REG)
        return high_names[reg - ODB_REG_K0];
    return NULL;
}

int db_reg_number(const char *name)
{
    for (unsigned reg = 0; reg < ODB_N_REG; reg++) {
        const char *n = db_reg_name(reg, 32);
        if (n && !strcasecmp(n, name))
            return (int)reg;
    }
    if (!strncasecmp(name, "xmm", 3) || !strncasecmp(name, "zmm", 3)) {
        char ymm[8];
        snprintf(ymm, sizeof(ymm), "ymm%.4s", name + 3);
        return strlen(name) < sizeof(ymm) ? db_reg_number(ymm) : -1;
    }
    return -1;
}
