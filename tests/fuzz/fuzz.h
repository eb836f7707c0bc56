/* What every fuzz target defines: libFuzzer's entry point. Always returns 0; a finding is a crash, a
 * sanitizer's report or a hang. */
#ifndef ODB_TESTS_FUZZ_FUZZ_H
#define ODB_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

#endif
