# Run by gdb (bench/gdb.sh): times what a user does, as gdb sees it, and prints `name milliseconds` lines to $ODB_BENCH_OUT.
import os
import random
import time

import gdb

out = open(os.environ["ODB_BENCH_OUT"], "a")
what = os.environ["ODB_BENCH_WHAT"].split()
random.seed(1)


def timed(command):
    begun = time.perf_counter()
    gdb.execute(command, to_string=True)
    return (time.perf_counter() - begun) * 1000


def tell(name, times):
    times = sorted(times)
    print("%s %.2f %.2f" % (name, times[len(times) // 2], times[-1]), file=out, flush=True)


gdb.execute("set pagination off")
gdb.execute("set confirm off")
gdb.execute("set can-use-hw-watchpoints 1")
if "watch" in what:
    gdb.execute("watch -l last", to_string=True)
    tell("watch", [timed("reverse-continue")])
    where = gdb.execute("backtrace 1", to_string=True)
    if "write_last" not in where:
        raise gdb.GdbError("reverse-continue did not stop in write_last: " + where)
    gdb.execute("delete", to_string=True)
if "break" in what:
    gdb.execute("break write_last", to_string=True)
    tell("break", [timed("reverse-continue") for _ in range(5)])
    gdb.execute("delete", to_string=True)
if "step" in what:
    gdb.execute("up", to_string=True)
    gdb.execute("monitor seek 60%", to_string=True)
    tell("reverse-stepi", [timed("reverse-stepi") for _ in range(20)])
    tell("reverse-step", [timed("reverse-step") for _ in range(20)])
    tell("reverse-next", [timed("reverse-next") for _ in range(20)])
    tell("step", [timed("step") for _ in range(20)])
if "seek" in what:
    times = []
    for _ in range(20):
        begun = time.perf_counter()
        gdb.execute("monitor seek %d%%" % random.randrange(1, 99), to_string=True)
        gdb.execute("info registers rip", to_string=True)
        times.append((time.perf_counter() - begun) * 1000)
    tell("seek", times)
