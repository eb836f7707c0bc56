/* The built vDSO as bytes in the engine's image. */
    .section .vdso_blob, "a"
    .balign 16
    .globl vdso_blob, vdso_blob_end
    .hidden vdso_blob, vdso_blob_end
vdso_blob:
    .incbin ODB_VDSO_SO
vdso_blob_end:
    .section .note.GNU-stack, "", @progbits
