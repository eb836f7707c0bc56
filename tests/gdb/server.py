#!/usr/bin/env python3
"""odb gdbserver as raw clients see it: ports, UNIX sockets, two clients at once, clients that vanish, send garbage or flood,
interrupts.

    server.py ODB PROGRAM-DIR"""
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile

TIMEOUT_S = 120


class Client:
    """The least of a gdb."""

    def __init__(self, sock):
        self.sock, self.buf = sock, b""
        sock.settimeout(TIMEOUT_S)

    def send_raw(self, data):
        self.sock.sendall(data)

    def frame(self, payload):
        payload = payload.encode() if isinstance(payload, str) else payload
        return b"$%s#%02x" % (payload, sum(payload) & 255)

    def send(self, payload):
        self.send_raw(self.frame(payload))

    def packet(self):
        """The next packet; run lengths expanded."""
        while True:
            m = re.search(rb"\$([^#]*)#(..)", self.buf, re.S)
            if not m:
                data = self.sock.recv(65536)
                if not data:
                    raise EOFError("the server hung up")
                self.buf += data
                continue
            self.buf = self.buf[m.end():]
            body = m.group(1)
            assert sum(body) & 255 == int(m.group(2), 16), "checksum"
            body = re.sub(rb"(.)\*(.)", lambda r: r.group(1) * (r.group(2)[0] - 28), body, flags=re.S)
            return body.decode("latin-1")

    def receive(self):
        """The next packet that is not output for the console."""
        while True:
            body = self.packet()
            if body[:1] != "O" or body == "OK":
                return body

    def ask(self, payload):
        self.send(payload)
        return self.receive()

    def start(self):
        assert "ReverseContinue+" in self.ask("qSupported:multiprocess+;swbreak+")
        assert self.ask("QStartNoAckMode") == "OK"
        return self


class Server:
    def __init__(self, odb, dir, listen, *options):
        self.p = subprocess.Popen([odb, "gdbserver", dir, "--listen", listen, *options], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, text=True)
        line = self.p.stdout.readline()
        m = re.fullmatch(r"listening at (.*)\n", line)
        assert m, line
        self.where = m.group(1)

    def connect(self):
        if "/" in self.where:
            s = socket.socket(socket.AF_UNIX)
            s.connect(self.where)
        else:
            host, port = self.where.rsplit(":", 1)
            s = socket.create_connection((host, int(port)))
        return Client(s)

    def stop(self):
        self.p.terminate()
        self.p.wait(TIMEOUT_S)


def rip_of(client):
    return bytes.fromhex(client.ask("p10"))


def two_clients(server):
    a, b = server.connect().start(), server.connect().start()
    begin = rip_of(a)
    assert begin == rip_of(b)
    for _ in range(20):
        assert a.ask("vCont;s").startswith("T05")
    assert rip_of(b) == begin
    assert "replaylog:end" in b.ask("c")
    at = rip_of(b)
    for _ in range(20):
        assert a.ask("bs").startswith("T05")
    assert rip_of(a) == begin and rip_of(b) == at
    assert "replaylog:begin" in b.ask("bc") and rip_of(b) == begin
    # one leaves; the other goes on
    b.send("k")
    assert a.ask("vCont;s").startswith("T05")
    a.sock.close()


def vanishing(server):
    for tail in (b"", b"$", b"$m0,", b"$m0,4#", b"$m0,4#9", b"$vCont;c#a8", b"$bc#c5", b"\x03", b"$X0,5:\x7d"):
        c = server.connect().start()
        c.send_raw(tail)
        c.sock.close()
    c = server.connect()
    c.sock.close()
    assert server.connect().start().ask("?").startswith("T05")


def garbage(server):
    rng = random.Random(7)
    for round in range(20):
        c = server.connect()
        try:
            c.send_raw(bytes(rng.randrange(256) for _ in range(2000)))
            c.send_raw(c.frame(bytes(b for b in (rng.randrange(32, 127) for _ in range(200)) if b not in b"#$}")))
            c.send_raw(b"$" + b"A" * 300000 + b"#00")
            c.send_raw(b"+" + c.frame("QStartNoAckMode") + c.frame("qC"))
            while not c.receive().startswith("QC"):
                pass
        except (EOFError, ConnectionError):
            pass  # a 'k' was among it
        c.sock.close()
    assert server.connect().start().ask("qC").startswith("QC")


def flood(server):
    c = server.connect().start()
    n = 3000
    packets = (c.frame("g") + c.frame("m400000,10") + c.frame("nonsense")) * n
    import threading
    t = threading.Thread(target=c.send_raw, args=(packets,))
    t.start()
    for _ in range(3 * n):
        c.receive()
    t.join()
    assert c.ask("qC").startswith("QC")
    # and one who never reads what he asked for, and leaves
    d = server.connect().start()
    d.sock.settimeout(2)
    try:
        d.send_raw(packets)
    except OSError:
        pass
    d.sock.close()
    assert c.ask("qC").startswith("QC")
    c.sock.close()


def acknowledgements(server):
    c = server.connect()
    c.send_raw(b"$qC#00")
    assert c.sock.recv(1) == b"-"
    c.send_raw(b"$qC#b4")
    first = c.receive()
    c.send_raw(b"-")
    assert c.receive() == first
    c.sock.close()


def interrupts(server):
    c = server.connect().start()
    # one that comes when nothing runs does nothing
    c.send_raw(b"\x03")
    assert c.ask("vCont;s").startswith("T05")
    # one right behind a resume stops it, or comes too late
    for how in ("vCont;c", "bc") * 5:
        c.send_raw(c.frame(how) + b"\x03")
        reply = c.receive()
        assert reply[:3] in ("T02", "T05"), reply
        assert c.ask("vCont;s").startswith("T05")
    c.send_raw(c.frame("vCont;c") + c.frame("vCtrlC"))
    assert c.receive()[:3] in ("T02", "T05")
    assert c.receive() == "OK"
    c.sock.close()


def long_interrupt(server):
    """A search through the whole recording that takes long without an index."""
    c = server.connect().start()
    assert "replaylog:end" in c.ask("c")
    c.send_raw(c.frame("Z0,12345678,1"))
    assert c.receive() == "OK"
    c.send("bc")
    c.send_raw(b"\x03")
    assert c.receive()[:3] in ("T02", "T05")
    assert c.ask("bs").startswith("T05")
    c.sock.close()


def stream_on_disk(server):
    """Without an index the whole event stream is kept: not in memory, where a temporary file can be had."""
    c = server.connect().start()
    c.ask("?")
    child = subprocess.run(["pgrep", "-n", "-P", str(server.p.pid)], stdout=subprocess.PIPE, check=True, text=True).stdout.strip()
    files = [os.readlink(f.path) for f in os.scandir(f"/proc/{child}/fd")]
    assert any("memfd:odb-world" in f for f in files), files
    try:
        os.close(os.open(os.environ.get("TMPDIR") or "/var/tmp", os.O_TMPFILE | os.O_RDWR))
        assert not any("odb-events" in f for f in files), files
    except OSError:
        print("no temporary files here")
    c.sock.close()


def main():
    odb, programs = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    scratch = tempfile.mkdtemp(prefix="odb-gdbserver-")
    os.environ["ODB_DIR"] = scratch + "/root"
    dir = scratch + "/rec"
    servers = []
    try:
        subprocess.run([odb, "record", "-o", dir, "--", programs + "/gdb_basic"], stdout=subprocess.DEVNULL, check=False)
        subprocess.run([odb, "index", dir], check=True, stdout=subprocess.DEVNULL)
        for mode in ([], ["--no-index"]):
            for listen in ("127.0.0.1:0", scratch + "/socket"):
                servers.append(Server(odb, dir, listen, *mode))
                s = servers[-1]
                for test in (two_clients, vanishing, garbage, acknowledgements, interrupts, flood):
                    test(s)
                    print(f"{test.__name__} at {'socket' if '/' in listen else 'port'} {' '.join(mode)}: passed", flush=True)
                s.stop()
        long_interrupt_server = Server(odb, dir, ":0", "--no-index", "--at", "end")
        servers.append(long_interrupt_server)
        long_interrupt(long_interrupt_server)
        stream_on_disk(long_interrupt_server)
        # --once: the server ends with its client; a left-over socket is no obstacle
        once = Server(odb, dir, scratch + "/socket", "--once")
        servers.append(once)
        c = once.connect().start()
        c.sock.close()
        assert once.p.wait(TIMEOUT_S) == 0
        # refusals, by name
        for args, text in ((["--listen", "nonsense:port"], "cannot listen"), ([], "--listen"),
                           (["--listen", "-", "--at", "nowhere"], "nowhere"),
                           (["--listen", "-", "--pid", "x"], "--pid takes"),
                           (["--listen", "-", "--pid", "1"], "process 1")):
            p = subprocess.run([odb, "gdbserver", dir, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, timeout=TIMEOUT_S)
            assert p.returncode != 0 and text in p.stderr, (args, p)
        print("all passed")
    finally:
        for s in servers:
            if s.p.poll() is None:
                s.stop()
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
