# Runs inside gdb: for each function f_* of abi.c a core at its first instruction and one behind its return, and what gdb
# says the arguments (behind the prologue) and the result are.
import json
import os
import re
import gdb

OUT = os.environ["OUT"]
for line in ["set width 0", "set height 0", "set print entry-values no", "set use-coredump-filter off",
             "set dump-excluded-mappings on", "set confirm off", "set style enabled off"]:
    gdb.execute(line)


def run(command):
    return gdb.execute(command, to_string=True)


source = open(os.environ["SOURCE"]).read()
names = re.findall(r"\b(f_\w+)\(", source.split("int main(void)")[0].split("#define F")[1])
names = list(dict.fromkeys(names))
run("break main")
run("run")
out = []
for name in names:
    run("tbreak *" + name)
    run("tbreak " + name)
    run("continue")
    at = int(gdb.parse_and_eval("$pc"))
    run("gcore %s/%s.args" % (OUT, name))
    if int(gdb.parse_and_eval("(long)&" + name)) != at:
        raise gdb.GdbError("not at the entry of " + name)
    sp = int(gdb.parse_and_eval("(long)$rsp"))
    # Behind the prologue gdb's own reading of the parameters is right (-O0).
    if os.environ.get("PROLOGUE") != "no":
        run("continue")
    args = run("info args").rstrip("\n")
    before = int(re.match(r"\$(\d+)", run("print 1")).group(1))
    run("finish")
    run("gcore %s/%s.result" % (OUT, name))
    # The value that finish showed is in the history; of a void function there is none.
    value = re.match(r"\$(\d+) = (.*)", run("print $"))
    value = value if int(value.group(1)) == before + 2 else None
    out.append({"name": name, "at": at, "args": args, "result": value.group(2) if value else None})
json.dump(out, open(OUT + "/abi.json", "w"))
run("kill")
