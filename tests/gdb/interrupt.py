#!/usr/bin/env python3
"""Ctrl-C while something lasts: continue and reverse-continue with and without an index, with conditions that are never true,
watched ranges, a called function, monitor commands. Each must answer, and the time that it takes is printed.

    interrupt.py ODB PROGRAM-DIR"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from server import Server

BEFORE_S = 0.4  # into what lasts
ANSWER_S = 10  # it answers at all
RDI_IS_MINUS_1 = "260005" + "25" + "ff" * 8 + "13" + "27"  # reg 5, const64, equal, end


class Failure(Exception):
    pass


def symbols(path):
    out = subprocess.run(["nm", path], stdout=subprocess.PIPE, check=True, text=True).stdout
    return {name: int(addr, 16) for addr, name in re.findall(r"^([0-9a-f]+) \w (\w+)$", out, re.M)}


def interrupt(c, payload):
    """Seconds from the interrupt to the answer, which is a stop by SIGINT."""
    c.send(payload)
    c.sock.settimeout(BEFORE_S)
    try:
        raise Failure("it did not last: " + c.receive())
    except TimeoutError:
        pass
    c.sock.settimeout(ANSWER_S)
    t = time.monotonic()
    c.send_raw(b"\x03")
    reply = c.receive()
    if not payload.startswith("qRcmd") and not reply.startswith("T02"):
        raise Failure("answer " + reply)
    return time.monotonic() - t


def breakpoint(sym):
    text = RDI_IS_MINUS_1
    return f"Z0,{sym['visit']:x},1;X{len(text) // 2:x},{text}"


def monitor(text):
    return "qRcmd," + text.encode().hex()


def call(c, sym):
    """As gdb calls a function: rip is its address, in a throw-away branch."""
    regs = bytearray.fromhex(c.ask("g").replace("x", "0"))
    regs[16 * 8:17 * 8] = sym["forever"].to_bytes(8, "little")
    assert c.ask("G" + regs.hex()) == "OK"


def main():
    odb, programs = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    scratch = tempfile.mkdtemp(prefix="odb-gdbinterrupt-")
    os.environ["ODB_DIR"] = scratch + "/root"
    exe = programs + "/gdb_long"
    sym = symbols(exe)
    untouched = f"{sym['untouched']:x},8"
    many, long = scratch + "/many", scratch + "/long"
    # recording, mode, --at, breakpoint or watched range, what is interrupted
    cases = [
        ("continue", long, "--no-index", "start", None, "vCont;c"),
        ("continue, watched range", long, "--no-index", "start", "Z2," + untouched, "vCont;c"),
        ("continue, range read", long, "--no-index", "start", "Z3," + untouched, "vCont;c"),
        ("continue, condition", many, "--no-index", "start", breakpoint(sym), "vCont;c"),
        ("reverse, watched range", long, "--no-index", "end", "Z2," + untouched, "bc"),
        ("reverse, condition", many, "--no-index", "end", breakpoint(sym), "bc"),
        ("monitor next-write", long, "--no-index", "start", None, monitor(f"next-write *(long *)0x{sym['untouched']:x}")),
        ("monitor last-write", long, "--no-index", "end", None, monitor(f"last-write *(long *)0x{sym['untouched']:x}")),
        ("steps in a range", many, "--no-index", "start", None, "vCont;r0,7fffffffffff"),
        ("called function", many, "--no-index", "50%", call, "vCont;c"),
        ("called function, steps", many, "--no-index", "50%", call, "vCont;r0,7fffffffffff"),
        ("continue, condition", many, None, "start", breakpoint(sym), "vCont;c"),
        ("reverse, condition", many, None, "end", breakpoint(sym), "bc"),
        ("called function", many, None, "50%", call, "vCont;c"),
    ]
    n_failed = 0
    try:
        for dir, n in ((many, "3000000"), (long, "600000000")):
            subprocess.run([odb, "record", "-o", dir, "--", exe, n], stdout=subprocess.DEVNULL, check=True)
        subprocess.run([odb, "index", many], check=True, stdout=subprocess.DEVNULL)
        for name, dir, mode, at, before, payload in cases:
            server = Server(odb, dir, ":0", "--at", at, *([mode] if mode else []))
            text = f"{name} ({'without' if mode else 'with'} an index)"
            try:
                c = server.connect().start()
                c.ask("?")
                if callable(before):
                    before(c, sym)
                elif before and c.ask(before) != "OK":
                    raise Failure("no " + before)
                print(f"{text}: {1000 * interrupt(c, payload):.0f} ms", flush=True)
                if not c.ask("g") or (not callable(before) and not c.ask("vCont;s").startswith("T05")):
                    raise Failure("does not step afterwards")
                c.sock.close()
            except (Failure, OSError, EOFError, AssertionError) as e:
                n_failed += 1
                print(f"FAILED {text}: {e!r}", flush=True)
            finally:
                server.stop()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"{len(cases)} cases, {n_failed} failed")
    return n_failed != 0


sys.exit(main())
