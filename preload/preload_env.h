/* Between recorder/preload.c and preload_so.c. */
#ifndef ODB_PRELOAD_PRELOAD_ENV_H
#define ODB_PRELOAD_PRELOAD_ENV_H

/* "LOADER,IMAGE,RING": descriptors, decimal. LD_PRELOAD begins with /proc/self/fd/LOADER; what follows
 * the colon behind that is the user's own LD_PRELOAD. Both are set back before the program runs. */
#define PRELOAD_ENV "ODB_PRELOAD_FDS"

/* libc has chosen its functions by the real CPU before the loader runs. Under policy v3 GLIBC_TUNABLES begins
 * with this one, which keeps it from AVX-512 (names of glibc 2.33 and later, and older ones). */
#define PRELOAD_TUNABLE "glibc.cpu.hwcaps"
#define PRELOAD_TUNABLE_VALUE \
    "-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ,-AVX512CD,-AVX512F_Usable,-AVX512VL_Usable,-AVX512BW_Usable"

#endif
