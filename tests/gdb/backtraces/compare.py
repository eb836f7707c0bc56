# Runs inside gdb: compares its backtraces with ours, moment by moment (see backtraces.c for the files).
#     gdb -nx -batch -ex 'set auto-load off' -x compare.py, with ODB_OUT (the folder) and ODB_PROGRAM in the environment
# Counted are frames up to the first one that was found without unwind information (by our own word, which the
# figure of such frames keeps honest). A frame is equal when pc and function name are.
import os
import re
import sys

import gdb

out = os.environ["ODB_OUT"]
inlined = os.environ.get("ODB_INLINED", "1") == "1"
trust = os.environ.get("ODB_GUESSES") == "1"  # compare what was found without unwind information, too
least = float(os.environ.get("ODB_LEAST", "99"))
MAX = 2000


def plain(name):
    """A function's name without parameters: gdb shows them where it took the name from a symbol table, and where it cannot parse
    it. Blanks inside of template arguments differ between compilers and gdb's own spelling."""
    if not name:
        return "??"
    if name.startswith("<signal"):
        return name
    name = re.sub(r"\.(part|isra|constprop|cold)(\.\d+)*$", "", name)
    name = re.sub(r"\[abi:\w+\]", "", name)
    name = re.sub(r"\)( const| volatile|&| \[clone [^]]*\])+$", ")", name)
    if name.endswith(")") and not name.endswith(("operator()", "(anonymous namespace)")):
        depth = 0
        for i in range(len(name) - 1, 0, -1):
            depth += (name[i] == ")") - (name[i] == "(")
            if not depth:
                break
        name = name[:i]
    return name.replace(" ", "")


def theirs():
    frames = []
    frame = gdb.newest_frame()
    while frame is not None and len(frames) < MAX:
        name = frame.name()
        if frame.type() == gdb.SIGTRAMP_FRAME:
            name = "<signal handler called>"
        if inlined or frame.type() not in (gdb.INLINE_FRAME, gdb.TAILCALL_FRAME):
            frames.append((frame.pc(), plain(name)))
        try:
            frame = frame.older()
        except gdb.error as e:
            frames.append((1, str(e)))
            break
    if frames and not frames[-1][0]:
        frames.pop()  # gdb shows the return address 0 of an outermost frame as a frame
    return frames


def load_interpreter(base, path):
    """Until the loader has made its list, gdb does not know the loader itself in a core file."""
    if path and "No shared libraries" in gdb.execute("info sharedlibrary", to_string=True):
        gdb.execute("add-symbol-file %s -o 0x%s" % (path, base), to_string=True)
        return True
    return False


def ours():
    """(number, t, frames, end, interpreter) of each moment."""
    moment = None
    interpreter = ("0", "")
    with open(os.path.join(out, "frames"), encoding="utf-8", errors="replace") as f:
        for line in f:
            line = line.rstrip("\n")
            if line.startswith("interpreter "):
                interpreter = line.split(" ", 2)[1:]
            elif line.startswith("= "):
                number, t, _ = line[2:].split(" ")
                moment = (int(number), int(t), [])
            elif line.startswith("end"):
                yield moment + (line[4:], interpreter)
            else:
                pc, sure, name = line.split(" ", 2)
                if inlined or not sure.endswith("i"):
                    moment[2].append((int(pc, 16), plain(name), sure.startswith("1")))


def main():
    gdb.execute("set pagination off")
    gdb.execute("set confirm off")
    gdb.execute("set debuginfod enabled off")
    gdb.execute("set backtrace past-main on")
    gdb.execute("set backtrace past-entry on")
    gdb.execute("set width 0")
    gdb.execute("file " + os.environ["ODB_PROGRAM"], to_string=True)
    total = equal = whole = moments = unsure = 0
    shown = 0
    for number, t, mine, end, interpreter in ours():
        gdb.execute("maint flush dcache")  # gdb 13 keeps stack contents of the core file before
        gdb.execute("core-file " + os.path.join(out, "core.%d" % number), to_string=True)
        added = load_interpreter(*interpreter)
        them = theirs()
        if added:
            gdb.execute("remove-symbol-file " + interpreter[1], to_string=True)
        known = len(mine)
        for i, frame in enumerate(mine):
            if not frame[2] and not trust:
                known = i
                break
        unsure += len(mine) - known
        if (trust or end.startswith("no code")) and len(them) > len(mine) and them[len(mine)][1] == "??":
            them = them[:len(mine)]  # gdb shows any number as a return address
        if known == len(mine):
            known = max(known, len(them))
        good = 0
        for i in range(known):
            if i < len(mine) and i < len(them) and mine[i][:2] == them[i]:
                good += 1
        total += known
        equal += good
        moments += 1
        whole += good == known
        if good != known and shown < int(os.environ.get("ODB_SHOW", "5")):
            shown += 1
            print("at t %d (core.%d), ours ended with '%s':" % (t, number, end))
            for i in range(max(len(mine), len(them))):
                a = mine[i][:2] if i < len(mine) else None
                b = them[i] if i < len(them) else None
                print("  %s %-60s %s" % (" " if a == b else "*", a and "%x %s" % a, "" if a == b else b and "%x %s" % b))
    share = 100.0 * equal / total if total else 0.0
    print("%d moments, %d wholly equal; %d of %d frames equal: %.2f %% (%d frames without unwind information)"
          % (moments, whole, equal, total, share, unsure))
    sys.stdout.flush()
    ok = total and share >= least and 100.0 * whole / moments >= least - 2
    gdb.execute("quit %d" % (0 if ok else 1))


main()
