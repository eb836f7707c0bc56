# Runs inside gdb: stops a program at many places, leaves a core file of each, the frames, and what gdb says about them.
# Parameters by environment: OUT (folder), STOPS, SEED, EXPRESSIONS (file: one a line, tried in every frame).
import json
import os
import random
import gdb

OUT = os.environ["OUT"]
STOPS = int(os.environ.get("STOPS", "10"))
EXPRS = [l.strip() for l in open(os.environ["EXPRESSIONS"])] if os.environ.get("EXPRESSIONS") else []
rng = random.Random(int(os.environ.get("SEED", "1")))
GPR = "rax rcx rdx rbx rsp rbp rsi rdi r8 r9 r10 r11 r12 r13 r14 r15".split()

for line in ["set width 0", "set height 0", "set print entry-values no", "set use-coredump-filter off",
             "set dump-excluded-mappings on", "set confirm off", "set backtrace past-main on", "set print finish off",
             "set disassembly-flavor att", "set style enabled off"]:
    gdb.execute(line)


def ask(command):
    try:
        return gdb.execute(command, to_string=True).rstrip("\n")
    except gdb.error as e:
        return "error: " + str(e)


def variables(text):
    if text in ("No locals.", "No arguments.") or text.startswith(("error:", "No symbol table info", "No frame")):
        return []
    return text.split("\n")


def word(frame, name):
    try:
        v = frame.read_register(name)
        return int(v) & (2**64 - 1)
    except (gdb.error, ValueError):
        return None


def frames():
    physical, shown = [], []
    f = gdb.newest_frame()
    scope = 0
    while f is not None and len(shown) < 40:
        f.select()
        inline = f.type() == gdb.INLINE_FRAME
        sal = f.find_sal()
        shown.append({"frame": len(physical), "scope": scope, "name": f.name(), "line": sal.line,
                      "file": sal.symtab.filename if sal.symtab else None, "locals": variables(ask("info locals")),
                      "args": variables(ask("info args"))})
        questions = list(EXPRS)
        for v in shown[-1]["locals"] + shown[-1]["args"]:
            name = v.split(" = ")[0]
            questions += [name, "*" + name, "&" + name, "sizeof(%s)" % name]
        if len(shown) < 6:
            shown[-1]["prints"] = [[q, ask("print " + q)] for q in questions]
            shown[-1]["types"] = [[q, ask("whatis " + q)] for q in questions]
        scope += 1
        if not inline:
            info = ask("info frame")
            cfa = 0
            if "frame at " in info:
                cfa = int(info.split("frame at ")[1].split(":")[0].split()[0].rstrip(":;,"), 16)
            regs = [word(f, r) for r in GPR]
            physical.append({"pc": f.pc(), "cfa": cfa, "signal": f.type() == gdb.SIGTRAMP_FRAME, "regs": regs})
            scope = 0
        try:
            f = f.older()
        except gdb.error:
            break
    # The frame that a signal interrupted has an exact pc.
    for a, b in zip(physical, physical[1:]):
        b["exact"] = a["signal"]
    return physical, shown


def lines():
    if not gdb.lookup_symbol("main")[0]:
        return []
    symtab = gdb.lookup_symbol("main")[0].symtab
    table = symtab.linetable()
    return [[symtab.filename, n, sorted(e.pc for e in table.line(n) or [])] for n in sorted(table.source_lines())]


def functions():
    out = {}
    if not gdb.lookup_symbol("main")[0]:
        return []
    for block in (gdb.lookup_symbol("main")[0].symtab.global_block(), gdb.lookup_symbol("main")[0].symtab.static_block()):
        for symbol in block:
            if symbol.is_function:
                out[symbol.linkage_name] = int(symbol.value().address)
    return sorted(out.items())


def stop(n):
    physical, shown = frames()
    core = "%s/%d.core" % (OUT, n)
    gdb.newest_frame().select()
    ask("gcore " + core)
    with open("%s/%d.frames" % (OUT, n), "w") as f:
        for p in physical:
            known = sum(1 << i for i, r in enumerate(p["regs"]) if r is not None)
            f.write("%x %x %d %x %s\n" % (p["pc"], p["cfa"], p.get("exact", False), known,
                                          " ".join("%x" % (r or 0) for r in p["regs"])))
    with open("%s/%d.json" % (OUT, n), "w") as f:
        json.dump({"frames": shown, "lines": [] if n else lines(), "functions": [] if n else functions()}, f)


if os.environ.get("LANGUAGE"):
    gdb.execute("set language " + os.environ["LANGUAGE"])
gdb.execute("break " + os.environ.get("AT", "main"))
gdb.execute("run", to_string=True)
for i in range(STOPS):
    try:
        if i:
            gdb.execute("stepi %d" % rng.randint(1, int(os.environ.get("STRIDE", "200"))), to_string=True)
        if not gdb.selected_inferior().pid:
            break
        stop(i)
    except gdb.error as e:
        print("stopped:", e)
        break
gdb.execute("kill")
