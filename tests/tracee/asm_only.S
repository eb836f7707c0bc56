/* No C library, no stack use before it is needed: loops, a call, write and exit_group. */
        .globl  _start
        .text
_start: mov     (%rsp), %r12            /* argc */
        xor     %ebx, %ebx
        mov     $1000, %ecx
1:      lea     (%rbx,%rcx,2), %rbx
        loop    1b
        cmp     $1001000, %rbx
        jne     fail
        call    double_it
        cmp     $2002000, %rbx
        jne     fail
        cld
        mov     $message, %rsi
        mov     $message_end - message, %edx
        mov     $1, %edi
        mov     $1, %eax
        syscall
        cmp     $message_end - message, %eax
        jne     fail
        xor     %edi, %edi
        jmp     leave
fail:   mov     $1, %edi
leave:  mov     $231, %eax
        syscall
        hlt
double_it:
        add     %rbx, %rbx
        ret
        .section .rodata
message: .ascii "EXIT-SUCCESS\n"
message_end:
        .section .note.GNU-stack,"",@progbits
