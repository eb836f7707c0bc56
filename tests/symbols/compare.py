#!/usr/bin/env python3
# Compares symbols/ with gdb: usage compare.py SYM_CHECK PROGRAM [STOPS [STRIDE]] ; environment: EXPRESSIONS, SEED, AT, VERBOSE.
import collections
import json
import os
import re
import subprocess
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))


class Checker:
    def __init__(self, program, core, frames):
        self.p = subprocess.Popen([program, core, frames], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                  errors="replace")

    def ask(self, question):
        self.p.stdin.write(question + "\n")
        self.p.stdin.flush()
        lines = []
        while True:
            line = self.p.stdout.readline()
            if not line:
                raise SystemExit("sym_check died at: " + question)
            if line == ".\n":
                return lines
            lines.append(line.rstrip("\n"))


def without_keywords(text):
    return re.sub(r"\b(struct|class|union|enum) ", "", text)


counts = collections.Counter()
wrong = collections.Counter()
shown = collections.Counter()


def dotted(text):
    """gdb 13 takes symbols with a dot for Ada's and shows "puts@got.plt" as "puts@got[plt]"."""
    return re.sub(r"<([\w@.]+)\[(\w+)\]", r"<\1.\2", text) if isinstance(text, str) else text


def check(kind, where, ours, gdbs):
    counts[kind] += 1
    gdbs = dotted(gdbs)
    if ours != gdbs:
        wrong[kind] += 1
        key = kind + str(where).split(": ")[-1] + str(ours)[:30] if ": " in str(where) else kind + str(ours)
        shown[key] += 1
        if shown[key] > 1:
            return
        shown[kind] += 1
        if shown[kind] <= int(os.environ.get("VERBOSE", "8")):
            print("%s %s\n  ours %s\n  gdb  %s" % (kind, where, ours, gdbs))


# What gdb says in other words than ours, where both say that it cannot be had.
def is_refusal(text):
    return text.startswith("error:") or text == "<optimized out>" or text.startswith("<error: ")


def without_parameters(name):
    if not name:
        return "??"
    depth, out = 0, ""
    for i, c in enumerate(name):
        if c == "(" and not name[i:].startswith("(anonymous namespace)") and depth == 0 and out:
            break
        depth += c == "<"
        depth -= c == ">"
        out += c
    return out


def compare_stop(sym_check, folder, n):
    base = "%s/%d" % (folder, n)
    data = json.load(open(base + ".json"))
    c = Checker(sym_check, base + ".core", base + ".frames")
    where0 = "stop %d" % n
    bt = c.ask("bt")
    for i, f in enumerate(data["frames"]):
        where = "%s frame %d %s" % (where0, i, f["name"])
        file = os.path.basename(f["file"]) if f["file"] and f["line"] else ""
        gdbs = "%s %s:%d" % (f["name"] or "??", file, f["line"] if file else 0)
        if i < len(bt):
            check("frame", where, bt[i], gdbs)
        ours = c.ask("locals %d %d" % (f["frame"], f["scope"]))
        if ours and ours[0].startswith("error: no debug"):
            ours = []
        args = [l[5:] for l in ours if l.startswith("arg: ")]
        locs = [l for l in ours if not l.startswith("arg: ")]
        for kind, a, b in (("args", args, f["args"]), ("locals", locs, f["locals"])):
            if len(a) != len(b):
                check(kind, where, sorted(set(a) - set(b)), sorted(set(b) - set(a)))
                continue
            # gdb keeps the names of a block in a hash table: their order means nothing.
            if kind == "locals":
                a, b = sorted(a), sorted(b)
            for x, y in zip(a, b):
                y = re.sub(r"<error reading variable \S+ \((.*)\)>", r"<error: \1>", y)
                check(kind, where, x, y)
        for q, answer in f.get("prints", []):
            a = "\n".join(c.ask("print %d %d %s" % (f["frame"], f["scope"], q)))
            b = re.sub(r"^\$\d+ = ", "", answer)
            # gdb shows what the innermost frame has in registers that no frame saves; we do not.
            if (is_refusal(a) and is_refusal(b)) or "is not known in this frame" in a:
                a = b
            # Names of the program are known to us in frames of other modules, too.
            if b.startswith(("error: No symbol", "error: No type", "error: A syntax error",
                            "error: Cannot find thread-local", "error: Cannot find shared library")) and not is_refusal(a):
                counts["more than gdb"] += 1
                continue
            if without_keywords(a) == without_keywords(b) and (f["name"] or "").startswith("_"):
                a = b  # gdb names types as the language of the frame does
            check("print", where + ": " + q, a, b)
        for q, answer in f.get("types", []):
            a = "\n".join(c.ask("type %d %d %s" % (f["frame"], f["scope"], q)))
            b = re.sub(r"^type = ", "", answer)
            # gdb says int for sizeof, and gives registers and refused operations types that we do not.
            if b.startswith("error: ") or is_refusal(a) or (q.startswith("*") and is_refusal(b)) or q.startswith(("sizeof", "$")):
                continue
            if without_keywords(a) == without_keywords(b) and (f["name"] or "").startswith("_"):
                a = b  # gdb names types as the language of the frame does
            check("whatis", where + ": " + q, a, b)
    for file, line, pcs in data["lines"]:
        if not pcs:
            continue  # rows that begin no statement
        answer = c.ask("line %s:%d" % (file, line))[0].split()
        ours = [int(a, 16) for a in answer[1:]]
        # We give the beginnings of a line's runs, gdb each of its rows.
        good = answer[0] == "%d:" % line and ours and set(ours) <= set(pcs) and min(ours) == min(pcs)
        check("line", "line %d" % line, answer if not good else "", [hex(p) for p in pcs] if not good else "")
    for name, addr in data["functions"]:
        answer = c.ask("function " + name)[0].split()
        check("function", name, answer if hex(addr) not in answer else "", hex(addr) if hex(addr) not in answer else "")
    c.p.stdin.close()
    c.p.wait()
    if c.p.returncode:
        print("sym_check exits with", c.p.returncode)
        wrong["exit"] += 1


def main():
    sym_check, program = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as folder:
        env = dict(os.environ, OUT=folder, LC_ALL="C", DEBUGINFOD_URLS="")
        if len(sys.argv) > 3:
            env["STOPS"] = sys.argv[3]
        if len(sys.argv) > 4:
            env["STRIDE"] = sys.argv[4]
        r = subprocess.run(["gdb", "-nx", "-batch", "-iex", "set auto-load no", "-x", here + "/oracle.py", program],
                           env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
        stops = sorted(int(f[:-5]) for f in os.listdir(folder) if f.endswith(".json"))
        if not stops:
            print(r.stdout[-2000:], r.stderr[-2000:])
            raise SystemExit("no stops")
        for n in stops:
            compare_stop(sym_check, folder, n)
    total, bad = sum(counts.values()), sum(wrong.values())
    print("%s: %d stops, %d of %d answers equal to gdb's (%s)" %
          (os.path.basename(program), len(stops), total - bad, total,
           ", ".join("%s %d/%d" % (k, counts[k] - wrong[k], counts[k]) for k in sorted(counts))))
    limit = float(os.environ.get("LIMIT", "0"))
    sys.exit(1 if bad > total * limit else 0)


main()
