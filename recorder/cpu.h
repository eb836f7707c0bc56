/* What the recorded program sees through cpuid and xgetbv. */
#ifndef ODB_RECORDER_CPU_H
#define ODB_RECORDER_CPU_H

#include <stdint.h>

#include "common/err.h"
#include "preload/control.h"

/* Asks this machine's CPU once and fills control's cpuid table, xcr0 and max leaves by policy. An error
 * when the CPU cannot give the policy (v3 needs AVX2, BMI and the rest of x86-64-v3). */
struct odb_err *cpu_fill(uint32_t policy, struct odb_control *control) ODB_MUST_CHECK;

#endif
