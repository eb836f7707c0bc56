#!/usr/bin/env python3
"""Runs gdb sessions that stand in a file of sessions/ against recordings of programs/, in batch mode, without sleeps.

    sessions.py ODB PROGRAM-DIR FILE [--mode index|no-index] [--only NAME] [--keep] [--show]

A session:

    === NAME                       its name
    program basic ARG...           what is recorded (once for the whole file); PROGRAM-DIR/gdb_basic
    record --cpu host              further arguments of odb record
    needs avx512f                  only on a processor with this feature (/proc/cpuinfo)
    mode index                     only with an index; or no-index; without this line: both
    options --at end               further arguments of odb gdb; {CHILD} is the pid of the second process
    args -i=mi                     arguments of gdb
    stdin                          commands go to gdb's standard input instead of -ex, e.g. for MI
    $ COMMAND                      one command for gdb
    REGEX                          lines that its output must have, in this order
    ! REGEX                        that it must not have

In commands and regexes @WORD is the number of the line of the program's source with the comment WORD, and @{WORD+1} one
further. Exit status 0 when every session in every mode passes."""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

TIMEOUT_S = 300


class Session:
    def __init__(self, name):
        self.name, self.program, self.modes, self.options, self.args = name, None, ["index", "no-index"], [], []
        self.stdin, self.record, self.needs = False, (), []
        self.steps = []  # [command, [(must, regex)]]


def parse(path):
    sessions = []
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        line = line.rstrip("\n")
        if line.startswith("=== "):
            sessions.append(Session(line[4:].strip()))
            continue
        if not line or line.startswith("#") or not sessions:
            continue
        s = sessions[-1]
        word, _, rest = line.partition(" ")
        if line.startswith("$ "):
            s.steps.append([line[2:], []])
        elif s.steps:
            must = not line.startswith("! ")
            s.steps[-1][1].append((must, line if must else line[2:]))
        elif word == "program":
            s.program = tuple(rest.split())
        elif word == "mode":
            s.modes = [rest]
        elif word == "record":
            s.record = tuple(rest.split())
        elif word == "needs":
            s.needs.append(rest)
        elif word == "options":
            s.options += rest.split()
        elif word == "args":
            s.args += rest.split()
        elif word == "stdin":
            s.stdin = True
        else:
            sys.exit(f"{path}:{number}: not understood: {line}")
    return sessions


class Runner:
    def __init__(self, odb, programs, scratch):
        self.odb, self.programs, self.scratch = odb, programs, scratch
        self.recordings, self.sources = {}, {}
        os.environ["ODB_DIR"] = scratch + "/root"
        os.environ["LC_ALL"] = "C"
        os.environ["HOME"] = scratch  # nobody's .gdbinit
        for name in ("DEBUGINFOD_URLS", "LINES", "COLUMNS"):
            os.environ.pop(name, None)

    def recording(self, program, options=()):
        if (program, options) not in self.recordings:
            dir = f"{self.scratch}/rec-{len(self.recordings)}"
            exe = f"{self.programs}/gdb_{program[0]}"
            subprocess.run([self.odb, "record", *options, "-o", dir, "--", exe, *program[1:]], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, timeout=TIMEOUT_S, check=False)
            subprocess.run([self.odb, "index", dir], check=True, timeout=TIMEOUT_S, stdout=subprocess.DEVNULL)
            self.recordings[program, options] = dir
        return self.recordings[program, options]

    def pid_of_child(self, program):
        """The second process of the recording."""
        out = subprocess.run([self.odb, "query", self.recording(program), "SELECT pid FROM processes ORDER BY t_start LIMIT 2",
                              "--json"], stdout=subprocess.PIPE, check=True, text=True).stdout
        return str(json.loads(out)[1]["pid"])

    def lines_of(self, program):
        here = os.path.dirname(os.path.abspath(__file__))
        name = program[0].split("-")[0]
        if name not in self.sources:
            found = {}
            for suffix in (".c", ".cc"):
                path = f"{here}/programs/{name}{suffix}"
                if os.path.exists(path):
                    for number, line in enumerate(open(path, encoding="utf-8"), 1):
                        for word in re.findall(r"/\* ([A-Z0-9-]+) \*/", line):
                            found[word] = number
            self.sources[name] = found
        return self.sources[name]

    def fill_in(self, text, program):
        lines = self.lines_of(program)

        def number(m):
            return str(lines[m.group(1)] + int(m.group(2) or 0))
        text = re.sub(r"@\{([A-Z0-9-]+)([+-]\d+)?\}", number, text)
        return re.sub(r"@([A-Z][A-Z0-9-]+)()", number, text)

    def run_gdb(self, s, mode):
        options = [self.pid_of_child(s.program) if o == "{CHILD}" else o for o in s.options]
        args = [self.odb, "gdb", *options]
        if mode == "no-index":
            args.append("--no-index")
        args += [self.recording(s.program, s.record), "-nx", *s.args]
        commands = [self.fill_in(c, s.program) for c, _ in s.steps]
        if s.stdin:
            text = "".join(c + "\n" for c in commands)
            return args, subprocess.run(args, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        timeout=TIMEOUT_S, text=True, errors="replace").stdout
        args += ["-batch", "-ex", "set width 0", "-ex", "set height 0"]
        for i, c in enumerate(commands):
            args += ["-ex", f"echo \\n>>>{i}\\n", "-ex", c]
        p = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           timeout=TIMEOUT_S, text=True, errors="replace")
        return args, p.stdout

    def check(self, s, out):
        """What is wrong; None: nothing."""
        pieces = [out] if s.stdin else re.split(r"\n>>>\d+\n", out)[1:]
        if not s.stdin and len(pieces) != len(s.steps):
            return f"gdb ended after {len(pieces)} of {len(s.steps)} commands"
        at = 0
        for i, (command, wanted) in enumerate(s.steps):
            piece = pieces[0] if s.stdin else pieces[i]
            if not s.stdin:
                at = 0
            for must, regex in wanted:
                filled = self.fill_in(regex, s.program)
                m = re.compile(filled, re.M).search(piece, at if must else 0)
                if must and not m:
                    return f"after '{command}': no '{filled}'"
                if not must and m:
                    return f"after '{command}': there is '{m.group(0)}'"
                if must:
                    at = m.end()
        return None


def features():
    """Of the processor."""
    return set(re.search(r"^flags\s*:(.*)", open("/proc/cpuinfo", encoding="utf-8").read(), re.M).group(1).split())


def main():
    p = argparse.ArgumentParser()
    p.add_argument("odb")
    p.add_argument("programs")
    p.add_argument("file")
    p.add_argument("--mode")
    p.add_argument("--only")
    p.add_argument("--keep", action="store_true")
    p.add_argument("--show", action="store_true")
    a = p.parse_args()
    n = bad = 0
    scratch = tempfile.mkdtemp(prefix="odb-gdb-")
    try:
        r = Runner(os.path.abspath(a.odb), os.path.abspath(a.programs), scratch)
        for s in parse(a.file):
            if a.only and not re.fullmatch(a.only, s.name):
                continue
            missing = [f for f in s.needs if f not in features()]
            if missing:
                print(f"skipped {s.name}: this processor has no {' '.join(missing)}")
                continue
            for mode in s.modes:
                if a.mode and mode != a.mode:
                    continue
                n += 1
                try:
                    args, out = r.run_gdb(s, mode)
                    wrong = r.check(s, out)
                except subprocess.TimeoutExpired as e:
                    args, out = e.cmd, (e.stdout or b"").decode(errors="replace")
                    wrong = f"not done after {TIMEOUT_S} s"
                if a.show:
                    print(out)
                if wrong:
                    bad += 1
                    print(f"FAILED {s.name} ({mode}): {wrong}")
                    print("    " + " ".join(f"'{x}'" if re.search(r"[^\w/.=-]", x) else x for x in args))
                    if not a.show:
                        print("\n".join("    | " + line[:200] for line in out.splitlines()[-80:]))
                    sys.stdout.flush()
    finally:
        if a.keep or bad:
            print("recordings are in", scratch)
        else:
            subprocess.run(["rm", "-rf", scratch], check=False)
    print(f"{n} sessions, {bad} failed")
    return 1 if bad or not n else 0


sys.exit(main())
