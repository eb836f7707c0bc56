/* gdb/odb.gdb as bytes inside the odb command (cli/gdb.c). */
    .section .rodata, "a"
    .globl cli_gdb_script, cli_gdb_script_end
cli_gdb_script:
    .incbin ODB_GDB_SCRIPT
cli_gdb_script_end:
    .byte 0
    .section .note.GNU-stack, "", @progbits
