#!/usr/bin/env python3
"""Recordings that are cut off, damaged, altered or were killed, as gdb's server shows them: attach, to the end, back to the
start, into the middle. Whatever is wrong is told in words; every packet is answered, and the server lives until its client goes.

    damaged.py ODB PROGRAM-DIR MUTATE N [SEED]

N is the number of random alterations of each kind and program."""
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile

from server import Client

ANSWER_S = 60
# What must be said of an altered recording of `basic`, which nothing stops before its end.
NEEDS = {"cut": "the recording ends|end of its history", "tick": "differs", "drop": "differs"}
DEAD = re.compile(r"unexpectedly|died|panic|is gone|Assertion|Sanitizer")


class Teller(Client):
    """A client that keeps what is said on the console."""
    said = ""

    def receive(self):
        while True:
            body = self.packet()
            if body[:1] != "O" or body == "OK":
                return body
            self.said += bytes.fromhex(body[1:]).decode(errors="replace")

    def monitor(self, text):
        return self.ask("qRcmd," + text.encode().hex())


def go_everywhere(c, log):
    """log: what was answered, and what was said, by step."""
    def did(what, reply):
        log.append((what, reply[:60], c.said.strip()))
        c.said = ""
    did("?", c.ask("?"))
    for what in ("qfThreadInfo", "g", "c", "qfThreadInfo", "g", "bc", "g", "s"):
        did(what, c.ask(what))
    for what in ("seek end", "when", "seek start", "seek 50%", "checkpoint", "when"):
        did(what, c.monitor(what))
    for what in ("bs", "g", "s", "c"):
        did(what, c.ask(what))
    did("restart", c.monitor("restart 1"))
    did("bc", c.ask("bc"))
    assert c.ask("D") == "OK"


class Test:
    def __init__(self, odb, show):
        self.odb, self.show, self.n, self.n_failed = odb, show, 0, 0

    def one(self, name, dir, *options, needs=None):
        """needs: a regex that something that was said must match."""
        self.n += 1
        near, far = socket.socketpair()
        log, wrong, status = [], None, None
        with tempfile.TemporaryFile() as errors, near, subprocess.Popen(
                [self.odb, "gdbserver", dir, "--no-index", "--listen", "-", *options], stdin=far, stdout=far, stderr=errors) as p:
            far.close()
            try:
                c = Teller(near)
                near.settimeout(ANSWER_S)
                go_everywhere(c.start(), log)
            except (OSError, EOFError, AssertionError, ValueError) as e:
                wrong = repr(e)
            near.close()
            try:
                status = p.wait(ANSWER_S)
            except subprocess.TimeoutExpired:
                p.kill()
            errors.seek(0)
            said = errors.read().decode(errors="replace")
        if status == 1 and wrong and not log and said.count("\n") == 1:  # it did not begin: one line says why
            wrong = None
            log = [("refused", said.strip(), "")]
        elif status != 0:
            wrong = f"{wrong}, status {status}"
        said += "\n".join(text for _, _, text in log)
        if DEAD.search(said):
            wrong = "the replay died"
        elif needs and not re.search(needs, said):
            wrong = f"nobody said '{needs}'"
        if wrong:
            self.n_failed += 1
            print(f"FAILED {name}: {wrong}: {said[:1000]}")
        if wrong or self.show:
            print(name, *log, sep="\n    ", flush=True)


def copy(rec, dir):
    shutil.rmtree(dir, ignore_errors=True)
    shutil.copytree(rec, dir, symlinks=True)
    return dir


def on_disk(t, rec, scratch, name, n):
    size = os.path.getsize(rec + "/events")
    for at in [0, size - 1] + [random.randrange(size) for _ in range(n)]:
        dir = copy(rec, scratch + "/bad")
        os.truncate(dir + "/events", at)
        t.one(f"{name} cut at byte {at}", dir)
    for at in [random.randrange(size) for _ in range(n)]:
        dir = copy(rec, scratch + "/bad")
        with open(dir + "/events", "r+b") as f:
            f.seek(at)
            byte = f.read(1)[0] ^ random.randrange(1, 256)
            f.seek(at)
            f.write(bytes([byte]))
        t.one(f"{name} flip at byte {at}", dir)
    dir = copy(rec, scratch + "/bad")
    os.unlink(dir + "/events")
    t.one(f"{name} without events", dir)
    dir = copy(rec, scratch + "/bad")
    shutil.rmtree(dir + "/files")
    t.one(f"{name} without files", dir)


def altered(t, mutate, rec, scratch, name, n):
    """Streams whose checksums are right."""
    events = subprocess.run([t.odb, "dump", rec], stdout=subprocess.PIPE, text=True, check=True).stdout.count("\n")
    cases = [("cut", random.randrange(3, max(4, events))) for _ in range(n)]
    cases += [("noise", random.randrange(1 << 30)) for _ in range(n)] + [("task", random.randrange(1 << 30)) for _ in range(n)]
    cases += [("tick", random.randrange(3, 30)) for _ in range(2)] + [("drop", random.randrange(3, 30)) for _ in range(2)]
    for what, number in cases:
        dir = scratch + "/bad"
        shutil.rmtree(dir, ignore_errors=True)
        os.mkdir(dir)
        p = subprocess.run([mutate, rec, dir, what, str(number)], stdout=subprocess.PIPE, text=True, check=False)
        if p.returncode == 0:
            t.one(f"{name} {what} {number}", dir, needs=NEEDS.get(what) if name == "basic" else None)


def killed(t, programs, scratch):
    """The recorder is killed while the program runs."""
    dir = scratch + "/killed"
    p = subprocess.Popen([t.odb, "record", "-o", dir, "--", programs + "/gdb_long", "1", "forever"], stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE)
    assert p.stdout.readline().startswith(b"counter")
    children = subprocess.run(["pgrep", "-P", str(p.pid)], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    p.kill()
    p.wait()
    for child in children:
        try:
            os.kill(int(child), 9)
        except ProcessLookupError:
            pass
    t.one("recorder killed", dir, needs="the recording ends here")


def main():
    odb, programs, mutate, n = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    seed = int(sys.argv[5]) if len(sys.argv) > 5 else 1
    random.seed(seed)
    scratch = tempfile.mkdtemp(prefix="odb-gdbdamaged-")
    os.environ["ODB_DIR"] = scratch + "/root"
    t = Test(odb, os.environ.get("SHOW"))
    try:
        for name in ("basic", "threads", "forks", "signals"):
            rec = scratch + "/" + name
            subprocess.run([odb, "record", "-o", rec, "--", programs + "/gdb_" + name], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            t.one(name, rec)
            on_disk(t, rec, scratch, name, n)
            altered(t, mutate, rec, scratch, name, n)
        killed(t, programs, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"{t.n} recordings, {t.n_failed} failures (seed {seed})")
    return t.n_failed != 0


sys.exit(main())
