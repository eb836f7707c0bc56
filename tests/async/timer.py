"""A Python program under a 1 ms timer; what the handler saw is part of the output."""
import signal
import sys

state = {"hits": 0, "hash": 7}
x = 1


def handler(signo, frame):
    state["hits"] += 1
    state["hash"] = (state["hash"] * 31 + x + frame.f_lasti * 7 + frame.f_lineno) % (1 << 61)


def work(n):
    global x
    for _ in range(n):
        x = (x * 48271) % 2147483647


signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
work(int(sys.argv[1]) if len(sys.argv) > 1 else 6000000)
signal.setitimer(signal.ITIMER_REAL, 0)
print(state, x, "no signal came" if state["hits"] == 0 else "EXIT-SUCCESS")
