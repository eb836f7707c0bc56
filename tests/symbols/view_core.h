/* A sym_view over an ELF core file of gdb's `gcore`: for tests of symbols/. The files are those of this
 * machine. */
#ifndef ODB_TESTS_SYMBOLS_VIEW_CORE_H
#define ODB_TESTS_SYMBOLS_VIEW_CORE_H

#include "symbols/symbols.h"

struct view_core;
struct odb_err *view_core_open(const char *path, struct view_core **ret) ODB_MUST_CHECK;
void view_core_close(struct view_core *v);
const struct sym_view *view_core_view(struct view_core *v);
struct sym_files view_core_files(struct view_core *v);

#endif
