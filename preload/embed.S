/* The engine and the LD_PRELOAD loader as bytes inside the odb command (recorder/image.h). */
    .section .rodata, "a"
    .balign 4096
    .globl odb_engine_elf_start, odb_engine_elf_end
odb_engine_elf_start:
    .incbin ODB_ENGINE_ELF
odb_engine_elf_end:
    .balign 16
    .globl odb_preload_so_start, odb_preload_so_end
odb_preload_so_start:

    .incbin ODB_PRELOAD_SO

odb_preload_so_end:
    .byte 0
    .section .note.GNU-stack, "", @progbits
