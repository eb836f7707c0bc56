# What `odb gdb` gives to gdb before the user's own arguments. Needs a gdb with Python (Debian's has it).
# cli/gdb.c sets ODB_PROGRAM, ODB_RECORDING and ODB_SERVER_OPTIONS.
set confirm off
set sysroot target:
# A reply may take as long as a search through the recording.
set remotetimeout 3600
# Breakpoints stay with the server, where they cost nothing: thousands of them would be sent anew at each stop.
set breakpoint always-inserted on
# gdb does not see that a watched variable changed if it is larger than this.
set max-value-size 16777216

python
import os
import shlex
import shutil
import subprocess
import tempfile

import gdb

class Odb:
    """What gdb does not know of recordings: where in time it is, and that it may be moved."""
    busy = False

    @staticmethod
    def ask(packet):
        """One of our own packets. (gdb.execute in a stop handler would run the commands of breakpoints.)"""
        reply = gdb.selected_inferior().connection.send_packet(packet)
        return reply.decode() if reply else ""

    @classmethod
    def note_time(cls, event=None):
        """$_odb_t: the t of this position; void without an index."""
        try:
            text = cls.ask("qOdb.t")
        except (gdb.error, AttributeError):  # no connection any more
            return
        gdb.set_convenience_variable("_odb_t", int(text) if text.isdigit() else None)

    @classmethod
    def before_monitor(cls):
        """Names in a monitor command are those of the selected frame."""
        try:
            pid, tid = gdb.selected_thread().ptid[:2]
            cls.ask("QOdb.frame:%x,p%x.%x" % (gdb.selected_frame().level(), pid, tid))
        except (gdb.error, AttributeError):  # no frame
            return

    @classmethod
    def after_monitor(cls):
        """A monitor command may have moved the recording. gdb drops what it has read, and looks at a thread that lives here
        now. Then it is told as of any stop (so are IDEs): by a resume, which the stub answers with where it is."""
        if cls.busy:
            return
        cls.busy = True
        try:
            moved = cls.ask("qOdb.moved")
            if moved not in ("", "0"):
                cls.look_again(moved.split())
                cls.ask("QOdb.announce")
                gdb.execute("stepi")
        finally:
            cls.busy = False

    @staticmethod
    def look_again(where):
        gdb.execute("maint flush register-cache", False, True)
        gdb.execute("maint flush dcache", False, True)
        gdb.execute("info threads", False, True)
        for inferior in gdb.inferiors():
            for thread in inferior.threads():
                if [str(n) for n in thread.ptid[:2]] == where:
                    thread.switch()
        gdb.execute("sharedlibrary", False, True)

    @classmethod
    def connect(cls):
        """To a server for this gdb alone, by a socket that nobody else can reach. (gdb reads pipes without rest: half a second
        of CPU time to attach.) Not of gdb's session: Ctrl-C is told to it by a packet."""
        folder = tempfile.mkdtemp(prefix="odb-gdb-socket-")
        path = os.path.join(folder, "socket")
        try:
            server = subprocess.Popen([os.environ["ODB_PROGRAM"], "gdbserver", os.environ["ODB_RECORDING"],
                                       *shlex.split(os.environ["ODB_SERVER_OPTIONS"]), "--once", "--listen", path],
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
            if not server.stdout.readline():
                raise gdb.GdbError("odb gdbserver has ended")
            gdb.execute("target extended-remote " + path, False, True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        cls.ask("QOdb.script")
        cls.note_time()
        gdb.events.stop.connect(cls.note_time)


class Relay(gdb.Command):
    """A monitor command as one of gdb's own."""
    def __init__(self, name, doc):
        self.__doc__ = doc
        self.name = name
        super().__init__(name, gdb.COMMAND_RUNNING)

    def invoke(self, arg, from_tty):
        gdb.execute("monitor " + self.name + " " + self.translate(arg))

    def translate(self, arg):
        return arg


class RelayMemory(Relay):
    """The same for commands that take memory: an expression of gdb's (with $1, $_, casts of C++, Rust ...) becomes ADDR,LEN. What
    gdb does not understand (EXPR,LEN) is for the server to evaluate."""
    def translate(self, arg):
        if arg.split(",")[0].strip()[:1].isdigit():
            return arg
        try:
            value = gdb.parse_and_eval(arg)
        except gdb.error:
            return arg
        if value.address is None:  # the server knows registers from pointers
            return arg
        return "0x%x,%d" % (int(value.address), value.type.sizeof)


Relay("when", "Where in the recording this is.")
Relay("seek", "seek T|event:N|N%|start|end: go to another place of the recording.")
RelayMemory("last-write", "last-write EXPR[,LEN]: who wrote this memory last, before here.")
RelayMemory("next-write", "next-write EXPR[,LEN]: who writes this memory next.")
end

define hook-monitor
python Odb.before_monitor()
end

define hookpost-monitor
python Odb.after_monitor()
end

python Odb.connect()
