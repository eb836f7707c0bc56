#!/usr/bin/env python3
"""block_show.py [--wide] NATIVE OTHER: names the first block and state that differ between two outputs of a block program."""
import struct
import sys

FAULTS, STATE, WINDOW = 960, 960 + 24 * 32, 0x4000
NAMES = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15 rflags n_faults fault_hash".split()


def main():
    global STATE
    args = [a for a in sys.argv[1:] if a != "--wide"]
    if len(args) < len(sys.argv) - 1:
        STATE += 32 * 64 + 64
    a, b = (open(p, "rb").read() for p in args)
    print(f"bytes {len(a)} {len(b)}")
    for i in range(min(len(a), len(b)) // (STATE + WINDOW)):
        x, y = (d[i * (STATE + WINDOW):(i + 1) * (STATE + WINDOW)] for d in (a, b))
        if x == y:
            continue
        print(f"block {i}")
        for n, name in enumerate(NAMES):
            u, v = (struct.unpack_from("<Q", d, 8 * n)[0] for d in (x, y))
            if u != v:
                print(f"  {name:10} {u:#x} {v:#x}")
        for at in range(192, STATE + WINDOW, 8):
            if x[at:at + 8] != y[at:at + 8]:
                what = f"fxsave+{at - 192}" if at < 704 else f"ymm_high+{at - 704}" if at < FAULTS else f"fault {(at - FAULTS) // 32} {('rip', 'what', 'addr', 'hash')[at // 8 % 4]}" if at < 1728 else f"zmm{(at - 1728) // 64}+{at % 64} (k: zmm32)" if at < STATE else f"window+{at - STATE:#x}"
                print(f"  {what:16} {x[at:at + 8].hex()} {y[at:at + 8].hex()}")
        return
    print("no difference in the common part")


try:
    main()
except BrokenPipeError:
    pass
