/* Entries into the engine, exits from translated code, the only `syscall` instruction, and the few
 * accesses to program memory that may fault.
 *
 * Rules. On every way in, the program's 16 general registers and flags go to ctx (offsets as in
 * preload/engine.h) before anything else changes, rsp becomes the engine's own stack, and DF is clear.
 * Vector registers are never touched. On the way out everything comes back and control jumps to the
 * cache address that C returned. */

#define CTX_GPR(n) (ctx + 8 * (n))(%rip)
#define CTX_FLAGS (ctx + 136)(%rip)
#define CTX_TARGET (ctx + 200)(%rip)

    .section .image_header, "a"
    .quad 0x31656e69676e65          /* ODB_IMAGE_MAGIC */
    .quad image_end - 0x6f0000000000
    .quad engine_record_entry
    .quad engine_preload_entry
    .quad stub_start
    .quad stub_end
    .quad engine_boot

    .section .text.stub, "ax"
    .globl raw_syscall
    .hidden raw_syscall
    .type raw_syscall, @function
raw_syscall:
    mov %rdi, %rax
    mov %rsi, %rdi
    mov %rdx, %rsi
    mov %rcx, %rdx
    mov %r8, %r10
    mov %r9, %r8
    mov 8(%rsp), %r9
stub_start:
    .globl raw_syscall_insn
    .hidden raw_syscall_insn
raw_syscall_insn:
    syscall
stub_end:
    ret
    .size raw_syscall, . - raw_syscall

    /* long raw_call(nr, a, b, c, d, e, f, volatile uint32_t *interrupts): a call of the program's that may block. Does not
     * begin when *interrupts is set, or is being set: a signal handler that finds the thread in this window leads it to
     * raw_call_interrupted. -512 (ERESTARTSYS): not made. */
    .globl raw_call, raw_call_window, raw_call_window_end, raw_call_interrupted
    .hidden raw_call, raw_call_window, raw_call_window_end, raw_call_interrupted
    .type raw_call, @function
raw_call:
    mov %rdi, %rax
    mov %rsi, %rdi
    mov %rdx, %rsi
    mov %rcx, %rdx
    mov %r8, %r10
    mov %r9, %r8
    mov 8(%rsp), %r9
    mov 16(%rsp), %r11
raw_call_window:
    cmpl $0, (%r11)
    jne raw_call_interrupted
    jmp stub_start
raw_call_window_end:
raw_call_interrupted:
    mov $-512, %rax
    ret
    .size raw_call, . - raw_call

    /* A new kernel thread's first instructions: its stack is the top of its slot. */
    .globl thread_begin
    .hidden thread_begin
thread_begin:
    xor %ebp, %ebp
    cld
    mov %rsp, %rdi
    and $-16, %rsp
    call thread_main
    ud2

    /* execve failed: the recorder, which traces us, sees this and lets go. Without it nobody cares (signal.c). */
    .globl exec_failed_trap
    .hidden exec_failed_trap
exec_failed_trap:
    int3
    ret

    /* The kernel returns from the engine's signal handlers to here. */
    .globl engine_sigreturn
    .hidden engine_sigreturn
engine_sigreturn:
    mov $15, %eax
    jmp stub_start

    .section .text, "ax"

    /* By ptrace, at the program's first instruction. */
    .globl engine_record_entry
    .hidden engine_record_entry
engine_record_entry:
    mov engine_sp(%rip), %rsp
    xor %ebp, %ebp
    cld
    call start_record
    ud2

    /* From the LD_PRELOAD constructor, as a C function: long (int ring_fd). The program continues
     * behind this call, translated, with rax = 0. */
    .globl engine_preload_entry
    .hidden engine_preload_entry
engine_preload_entry:
    mov %rbx, CTX_GPR(3)
    mov %rbp, CTX_GPR(5)
    mov %r12, CTX_GPR(12)
    mov %r13, CTX_GPR(13)
    mov %r14, CTX_GPR(14)
    mov %r15, CTX_GPR(15)
    mov (%rsp), %rax
    mov %rax, (ctx + 128)(%rip)
    lea 8(%rsp), %rax
    mov %rax, CTX_GPR(4)
    movq $0, CTX_GPR(0)
    movq $0x202, CTX_FLAGS
    mov engine_sp(%rip), %rsp
    xor %ebp, %ebp
    cld
    call start_preload
    ud2

    /* The vessel's first instruction: a fresh process image made by execve of the engine itself. */
    .globl vessel_start
    .hidden vessel_start
vessel_start:
    mov %rsp, %rdi
    mov engine_sp(%rip), %rsp
    xor %ebp, %ebp
    call vessel_main
    ud2

    /* Translated code comes here with the program's rax in ctx and the exit's number in eax. */
    .globl exit_common
    .hidden exit_common
exit_common:
    mov %rcx, CTX_GPR(1)
    mov %rdx, CTX_GPR(2)
    mov %rbx, CTX_GPR(3)
    mov %rsp, CTX_GPR(4)
    mov %rbp, CTX_GPR(5)
    mov %rsi, CTX_GPR(6)
    mov %rdi, CTX_GPR(7)
    mov %r8, CTX_GPR(8)
    mov %r9, CTX_GPR(9)
    mov %r10, CTX_GPR(10)
    mov %r11, CTX_GPR(11)
    mov %r12, CTX_GPR(12)
    mov %r13, CTX_GPR(13)
    mov %r14, CTX_GPR(14)
    mov %r15, CTX_GPR(15)
    mov engine_sp(%rip), %rsp
    pushfq
    pop CTX_FLAGS
    cld
    testl $0x40000, CTX_FLAGS       /* AC (HotSpot tries whether it sticks): our C code reads unaligned */
    jz 6f
    pushfq
    andl $~0x40000, (%rsp)
    popfq
6:  mov %eax, %edi
    xor %ebp, %ebp
    call core_exit
    /* fall through: rax = cache address to continue at */
    .globl enter_cache_rax
    .hidden enter_cache_rax
enter_cache_rax:
    mov %rax, CTX_TARGET
    /* From here on everything is in ctx, so that a signal handler that finds the thread in this window sends it
     * back to the window's beginning: what it has queued is seen before program code runs. */
    .globl leave_window, leave_window_end
    .hidden leave_window, leave_window_end
leave_window:
    mov interrupts_at(%rip), %rcx
    cmpl $0, (%rcx)
    jne 9f
    mov CTX_FLAGS, %rcx
    test $0x250500, %ecx            /* TF, DF, RF, AC, ID: rare, and only popfq sets them */
    jnz 1f
    bt $11, %ecx
    setc %al
    add $0x7f, %al                  /* OF */
    mov %cl, %ah
    sahf                            /* the others; a popfq costs ten times as much */
    jmp 2f
1:  mov engine_sp(%rip), %rsp
    push %rcx
    popfq
2:  mov CTX_GPR(0), %rax
    mov CTX_GPR(1), %rcx
    mov CTX_GPR(2), %rdx
    mov CTX_GPR(3), %rbx
    mov CTX_GPR(5), %rbp
    mov CTX_GPR(6), %rsi
    mov CTX_GPR(7), %rdi
    mov CTX_GPR(8), %r8
    mov CTX_GPR(9), %r9
    mov CTX_GPR(10), %r10
    mov CTX_GPR(11), %r11
    mov CTX_GPR(12), %r12
    mov CTX_GPR(13), %r13
    mov CTX_GPR(14), %r14
    mov CTX_GPR(15), %r15
    mov CTX_GPR(4), %rsp
    jmp *CTX_TARGET
leave_window_end:
9:  mov engine_sp(%rip), %rsp
    mov CTX_TARGET, %rdi
    call core_interrupt
    jmp enter_cache_rax

    /* A signal handler found the thread at an instruction of the program: ctx is complete. */
    .globl interrupt_resume
    .hidden interrupt_resume
interrupt_resume:
    mov engine_sp(%rip), %rsp
    xor %ebp, %ebp
    cld
    call core_interrupted
    jmp enter_cache_rax

    /* Continue the program; does not return to its caller. */
    .globl core_enter
    .hidden core_enter
core_enter:
    call core_dispatch
    jmp enter_cache_rax

    /* The engine's signal handlers let the kernel's sigreturn come here when a fault was the program's:
     * the vector state is the program's again, the rest is in ctx. */
    .globl fault_resume
    .hidden fault_resume
fault_resume:
    mov engine_sp(%rip), %rsp
    xor %ebp, %ebp
    cld
    call core_fault
    jmp enter_cache_rax

    /* Call fn (rdi) on a fresh engine stack; does not return. */
    .globl engine_restart_stack
    .hidden engine_restart_stack
engine_restart_stack:
    mov engine_sp(%rip), %rsp
    xor %ebp, %ebp
    call *%rdi
    ud2

    /* ---- guarded accesses: a fault inside makes the function return rax != 0 at once ----
     * None of them touches the stack, so that guard_failed can return from any. */
    .section .text.guard, "ax"
    .globl guard_start
    .hidden guard_start
guard_start:
    /* long guard_copy(void *to, const void *from, size_t n): bytes not copied */
    .globl guard_copy
    .hidden guard_copy
guard_copy:
    mov %rdx, %rcx
    xor %eax, %eax
    cmp $64, %rcx
    ja 2f
1:  test %rcx, %rcx
    jz 3f
    movzbl (%rsi), %edx
    mov %dl, (%rdi)
    inc %rsi
    inc %rdi
    dec %rcx
    jmp 1b
2:  rep movsb
3:  ret
    /* long guard_xsave(void *area, uint64_t mask) */
    .globl guard_xsave
    .hidden guard_xsave
guard_xsave:
    mov %esi, %eax
    mov %rsi, %rdx
    shr $32, %rdx
    mov $1, %ecx
    xsave64 (%rdi)
    xor %eax, %eax
    ret
    .globl guard_xsavec
    .hidden guard_xsavec
guard_xsavec:
    mov %esi, %eax
    mov %rsi, %rdx
    shr $32, %rdx
    mov $1, %ecx
    xsavec64 (%rdi)
    xor %eax, %eax
    ret
    .globl guard_xrstor
    .hidden guard_xrstor
guard_xrstor:
    mov %esi, %eax
    mov %rsi, %rdx
    shr $32, %rdx
    mov $1, %ecx
    xrstor64 (%rdi)
    xor %eax, %eax
    ret
    .globl guard_fxsave
    .hidden guard_fxsave
guard_fxsave:
    mov $1, %ecx
    fxsave64 (%rdi)
    xor %eax, %eax
    ret
    /* long guard_rdfsbase(uint64_t *ret), guard_rdgsbase: nonzero where the CPU or kernel has it not */
    .globl guard_rdfsbase, guard_rdgsbase
    .hidden guard_rdfsbase, guard_rdgsbase
guard_rdfsbase:
    mov $1, %ecx
    rdfsbase %rdx
    mov %rdx, (%rdi)
    xor %eax, %eax
    ret
guard_rdgsbase:
    mov $1, %ecx
    rdgsbase %rdx
    mov %rdx, (%rdi)
    xor %eax, %eax
    ret
    .globl guard_end
    .hidden guard_end
guard_end:
    .section .text, "ax"
    /* rcx: what was left to do, at least 1 */
    .globl guard_failed
    .hidden guard_failed
guard_failed:
    mov %rcx, %rax
    cld
    ret

    /* ---- plain state access, cannot fault: `to` is engine memory ---- */
    .globl x87_fnstenv, x87_fnstenv16, x87_fnsave, x87_fnsave16
    .hidden x87_fnstenv, x87_fnstenv16, x87_fnsave, x87_fnsave16
x87_fnstenv:
    fnstenv (%rdi)
    ret
x87_fnstenv16:
    .byte 0x66, 0xd9, 0x37 /* fnstenvs (%rdi), a name that clang does not know */
    ret
x87_fnsave:
    fnsave (%rdi)
    ret
x87_fnsave16:
    .byte 0x66, 0xdd, 0x37 /* fnsaves (%rdi) */
    ret

    /* void vec_store(void *to, unsigned n, unsigned bytes): one vector register, 16, 32 or 64 bytes */
    .globl vec_store
    .hidden vec_store
vec_store:
    cmp $64, %edx
    je 5f
    cmp $32, %edx
    je 3f
    lea 1f(%rip), %rax
    lea (%rsi,%rsi,8), %rsi         /* 9 bytes an entry: padded below */
    add %rsi, %rax
    jmp *%rax
1:
    .set i, 0
    .rept 16
    .balign 1
9:  .byte 0xc4, 0xe1 - ((i / 8) * 0x80), 0x7a, 0x7f, 0x07 + (i % 8) * 8   /* vmovdqu %xmm_i, (%rdi) */
    ret
    .skip 9 - (. - 9b), 0xcc
    .set i, i + 1
    .endr
3:  lea 4f(%rip), %rax
    lea (%rsi,%rsi,8), %rsi
    add %rsi, %rax
    jmp *%rax
4:
    .set i, 0
    .rept 16
9:  .byte 0xc4, 0xe1 - ((i / 8) * 0x80), 0x7e, 0x7f, 0x07 + (i % 8) * 8   /* vmovdqu %ymm_i, (%rdi) */
    ret
    .skip 9 - (. - 9b), 0xcc
    .set i, i + 1
    .endr
5:  lea 6f(%rip), %rax
    lea (%rsi,%rsi,8), %rsi
    add %rsi, %rax
    jmp *%rax
6:
    .set i, 0
    .rept 32                        /* vmovdqu64 %zmm_i, (%rdi): EVEX.512.F3.0F.W1 7F */
9:  .byte 0x62, 0xf1 - (((i / 8) & 1) * 0x80) - (((i / 16) & 1) * 0x10), 0xfe, 0x48, 0x7f, 0x07 + (i % 8) * 8
    ret
    .skip 9 - (. - 9b), 0xcc
    .set i, i + 1
    .endr

    /* void k_store(uint64_t to[8]) */
    .globl k_store
    .hidden k_store
k_store:
    kmovq %k0, (%rdi)
    kmovq %k1, 8(%rdi)
    kmovq %k2, 16(%rdi)
    kmovq %k3, 24(%rdi)
    kmovq %k4, 32(%rdi)
    kmovq %k5, 40(%rdi)
    kmovq %k6, 48(%rdi)
    kmovq %k7, 56(%rdi)
    ret

    /* The limit that ticks are compared with; the upper half never compares equal. */
    .globl vlimit_set
    .hidden vlimit_set
vlimit_set:
    vmovq %rdi, %xmm29
    mov $-1, %rax
    vpinsrq $1, %rax, %xmm29, %xmm29
    ret

    /* n checked ticks, in the two forms that translated code has (translate.c), to be timed. */
    .globl tick_loop_vector, tick_loop_memory
    .hidden tick_loop_vector, tick_loop_memory
tick_loop_vector:
    vpaddq %xmm30, %xmm31, %xmm31
    vpcmpeqq %xmm29, %xmm31, %k1
    kortestb %k1, %k1
    jnz 1f
    dec %rdi
    jnz tick_loop_vector
1:  ret
tick_loop_memory:
    decq (ctx + 176)(%rip)
    jz 1b
    dec %rdi
    jnz tick_loop_memory
    ret

    /* The tick counter, xmm31, and its step, xmm30 = 1. */
    .globl vtick_get, vtick_set
    .hidden vtick_get, vtick_set
vtick_get:
    vmovq %xmm31, %rax
    ret
vtick_set:
    vmovq %rdi, %xmm31
    mov $1, %eax
    vmovq %rax, %xmm30
    ret

    .section .bss
    .balign 4096
    .globl engine_stack
    .hidden engine_stack
engine_stack:
    .skip 512 * 1024
    .globl engine_stack_top
    .hidden engine_stack_top
engine_stack_top:

    .section .data
    .balign 8
    /* Top of the engine stack of the thread that runs. */
    .globl engine_sp
    .hidden engine_sp
engine_sp:
    .quad engine_stack_top

    .section .note.GNU-stack, "", @progbits
