/* The exact look at an access that the filter in front of it (watch.c) found suspicious.
 *
 * Translated code comes with the address in rcx, the number of its EXIT_WATCH in eax, the program's rax in ctx; rcx and rdx of
 * the program are in watch_spill. The exit tells bytes and kind of the access (aux: bytes, kind << 8) and where to go on,
 * with rcx still ours. Not watched: goes on there. Watched: to C, with all registers as they were; or, while hits are only
 * counted (watch_counting), it is noted here. No flag, register or byte of the program changes. */

#define X watch_check_save(%rip)
#define FLAGS (watch_check_save + 8)(%rip)
#define RSI (watch_check_save + 16)(%rip)
#define TARGET (watch_check_save + 24)(%rip)
#define RDI (watch_check_save + 32)(%rip)
#define END (watch_check_save + 40)(%rip)
#define TICK (watch_check_save + 48)(%rip)

    .section .text, "ax"
    .globl watch_check
    .hidden watch_check
watch_check:
    mov %eax, X
    lahf
    seto %al
    mov %rax, FLAGS
    mov %rsi, RSI
    mov %rdi, RDI
    mov X, %esi
    shl $4, %rsi
    add exits(%rip), %rsi           /* struct exit_rec */
    movzbl 2(%rsi), %eax            /* aux: bytes */
    lea (%rcx,%rax), %rax           /* end of the access */
    lea watch_ranges(%rip), %rdx
    mov watch_n_ranges(%rip), %edi
    jmp 3f
2:  cmp (%rdx), %rax                /* end <= range.start */
    jbe 4f
    cmp 8(%rdx), %rcx               /* start >= range.end */
    jae 4f
    mov %rax, END
    mov 16(%rdx), %al
    test 3(%rsi), %al               /* aux: kind */
    mov END, %rax
    jnz 5f
4:  add $24, %rdx
3:  sub $1, %edi
    jns 2b
6:
    mov 4(%rsi), %eax               /* patch */
    add watch_cache_base(%rip), %rax
    mov %rax, TARGET
    mov FLAGS, %rax
    add $0x7f, %al
    sahf
    mov RSI, %rsi
    mov RDI, %rdi
    mov (watch_spill + 8)(%rip), %rdx
    mov ctx(%rip), %rax
    jmp *TARGET
5:  cmpl $0, watch_counting(%rip)
    jne 7f
    mov FLAGS, %rax
    add $0x7f, %al
    sahf
    mov RSI, %rsi
    mov RDI, %rdi
    mov X, %eax
    mov watch_spill(%rip), %rcx
    mov (watch_spill + 8)(%rip), %rdx
    jmp exit_common
    /* Count it, and look at the other ranges. What was counted for another instruction before stays known, should this one
     * fault. */
7:  incq watch_counted(%rip)
    cmpb $0, vector_ticks(%rip)
    je 8f
    vmovq %xmm31, %rax
    jmp 9f
8:  mov (ctx + 184)(%rip), %rax     /* tick_limit - budget */
    sub (ctx + 176)(%rip), %rax
9:  mov %rax, TICK
    cmp %rax, (watch_counted + 16)(%rip)
    jne 10f
    mov 8(%rsi), %rax               /* target: the instruction */
    cmp %rax, (watch_counted + 8)(%rip)
    je 11f
10: mov (watch_counted + 8)(%rip), %rax
    mov %rax, (watch_counted + 32)(%rip)
    mov (watch_counted + 16)(%rip), %rax
    mov %rax, (watch_counted + 40)(%rip)
    mov (watch_counted + 24)(%rip), %rax
    mov %rax, (watch_counted + 48)(%rip)
    mov 8(%rsi), %rax
    mov %rax, (watch_counted + 8)(%rip)
    mov TICK, %rax
    mov %rax, (watch_counted + 16)(%rip)
    movq $0, (watch_counted + 56)(%rip)
11: mov %rdx, (watch_counted + 24)(%rip)
    incq (watch_counted + 56)(%rip)
    mov END, %rax
    jmp 4b
    .globl watch_check_end
    .hidden watch_check_end
watch_check_end:

    .section .note.GNU-stack, "", @progbits
