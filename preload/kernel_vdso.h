/* The kernel's own vDSO, when the program has seen it already (LD_PRELOAD start). */
#ifndef ODB_PRELOAD_KERNEL_VDSO_H
#define ODB_PRELOAD_KERNEL_VDSO_H

/* Replaces the functions of the mapped vDSO by plain system calls, in place, and removes its data pages. */
void kernel_vdso_patch(void);

#endif
