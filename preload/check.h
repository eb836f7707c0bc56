/* CHECK events: hashes of the program's memory and vector state, for `odb replay --check`. Record only. */
#ifndef ODB_PRELOAD_CHECK_H
#define ODB_PRELOAD_CHECK_H

/* Called after every recorded call, with ctx at the next instruction: rarely writes a CHECK. */
void check_sometimes(void);
/* Before EXIT: everything, up to CHECK_END_BYTES. */
void check_at_end(void);

#endif
