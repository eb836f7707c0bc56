#!/usr/bin/env python3
# symbols_arguments() and symbols_result() against gdb: usage abi.py SYM_CHECK SOURCE [CFLAGS...]
import json
import os
import subprocess
import sys
import tempfile

here = os.path.dirname(os.path.abspath(__file__))
sym_check, source = sys.argv[1:3]
bad = n = 0


def ask(core, question):
    r = subprocess.run([sym_check, core, "/dev/null"], input=question + "\n", capture_output=True, text=True)
    return r.stdout.rsplit(".\n", 1)[0].rstrip("\n") if r.returncode == 0 else "exit %d" % r.returncode


with tempfile.TemporaryDirectory() as folder:
    program = folder + "/abi"
    subprocess.run(["gcc", "-g", "-O0", "-w", *sys.argv[3:], "-o", program, source, "-lm"], check=True)
    env = dict(os.environ, OUT=folder, LC_ALL="C", DEBUGINFOD_URLS="", SOURCE=source)
    r = subprocess.run(["gdb", "-nx", "-batch", "-iex", "set auto-load no", "-x", here + "/abi_oracle.py", program], env=env,
                       stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if not os.path.exists(folder + "/abi.json"):
        raise SystemExit(r.stdout + r.stderr)
    for f in json.load(open(folder + "/abi.json")):
        for what, gdbs in (("args", f["args"]), ("result", f["result"])):
            ours = ask("%s/%s.%s" % (folder, f["name"], what), "%s %x" % (what, f["at"]))
            gdbs = "" if gdbs in (None, "No arguments.") else gdbs
            n += 1
            if ours != gdbs:
                bad += 1
                print("%s %s\n  ours %s\n  gdb  %s" % (f["name"], what, ours, gdbs))
print("%d of %d arguments and results as gdb has them" % (n - bad, n))
sys.exit(bad > int(os.environ.get("ALLOW", "0")))
