# shellcheck shell=bash disable=SC2034,SC2154,SC2016
# The table of real programs that are trees of processes and threads, read by run-trees.sh. One function each: prepares
# files in the current, empty folder `in` (each run gets a fresh copy of it as its working directory `work`) and sets
#   cmd=(...)      the command to record
#   limit=...      seconds that one run of it may take, if 300 are not enough
# It returns 77 after printing why, when something is not installed. Output and status must be the same in each run: no
# pids, times, ports or throughput. What the command starts it also ends: servers and daemons included.
# Names in `trees_quick` run in every `./dev test`, the rest with --all.
trees_quick=(bash_few make_few python_threads git)
trees_slow=(bash_forks make_j2 python_mp python_asyncio redis nginx postgres go_static go_spin go_chan zstd_t2 xz_t2 ffmpeg
            ripgrep tmux script_pty bwrap_bash signal_sources node_threads)

need() {
    local p
    for p in "$@"; do command -v "$p" >/dev/null || { echo "not installed: $p"; return 77; }; done
}

# ---- shells and build systems ----

# bash_script N: 6 forks in each of N rounds, most of them in pipelines.
bash_script() {
    cat >go.sh <<END
total=0
for ((i = 0; i < $1; i++)); do
    word=\$(echo "round \$i" | tr a-z A-Z | cut -c 1-5)
    n=\$(printf '%s\n' "\$word" \$i \$((i * 7)) | sort -n | tail -n 1)
    ((total += n))
    (exit \$((i % 3))) || ((total++))
done
echo "total \$total"
seq 1 1000 | awk '{ s += \$1 } END { print s }' &
wait
while read -r a b; do echo "\$b \$a"; done < <(printf '%s %s\n' 1 one 2 two)
trap 'echo bye' EXIT
END
    cmd=(bash go.sh)
}
setup_bash_few() { bash_script 5; }
setup_bash_forks() { bash_script 50; }

# c_project N: N files that call each other, a header, a makefile with a generated source.
c_project() {
    local i n=$1
    for ((i = 0; i < n; i++)); do
        cat >"f$i.c" <<END
#include "all.h"
#include <stdio.h>
#include <string.h>
static const char text[] = "file number $i";
unsigned f$i(unsigned x)
{
    char line[64];
    snprintf(line, sizeof line, "%s %u", text, x);
    for (size_t k = 0; k < strlen(line); k++)
        x = x * 31 + (unsigned char)line[k];
    return $( ((i == 0)) && echo x || echo "f$((i - 1))(x ^ ${i}u)");
}
END
        echo "unsigned f$i(unsigned x);" >>all.h
    done
    cat >main.c <<END
#include "all.h"
#include <stdio.h>
int main(void) { printf("%u %s\\n", f$((n - 1))(1), GENERATED); return 0; }
END
    cat >Makefile <<END
objects = \$(patsubst %.c,%.o,\$(wildcard f*.c)) main.o
prog: \$(objects)
	@\$(CC) -o \$@ \$^
%.o: %.c all.h generated.h
	@\$(CC) -O1 -Wall -include generated.h -c -o \$@ \$<
generated.h:
	@echo '#define GENERATED "made by make"' | sed 's/by/with/' >\$@
END
    cat >go.sh <<'END'
make --no-print-directory -j2 prog && ./prog && make -j2 prog && ls *.o | wc -l
END
    cmd=(bash go.sh)
}
setup_make_few() { need make gcc || return 77; c_project 4; }
setup_make_j2() { need make gcc || return 77; c_project 29; }

setup_git() {
    need git || return 77
    cat >go.sh <<'END'
set -e
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=c \
       GIT_COMMITTER_EMAIL=c@d GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000' GIT_PAGER=cat
git init -q -b main one
cd one
for i in 1 2 3 4; do
    mkdir -p dir$((i % 2))
    seq $i 7 3000 >dir$((i % 2))/file$i
    git add .
    git commit -q -m "commit $i"
done
cd ..
git clone -q --no-local one two
cd two
git config gc.autoDetach false
git config pack.threads 2
seq 1 100 >new
git add new
git commit -q -m new
git gc -q --prune=now
git fsck --no-progress
git log --oneline --stat | cat
git push -q origin HEAD:refs/heads/other
git -C ../one branch
git count-objects -v | grep -v size
END
    cmd=(bash go.sh)
}

# ---- interpreters ----

setup_python_threads() {
    need /usr/bin/python3 || return 77
    cat >go.py <<'END'
import concurrent.futures, hashlib, queue, sys, threading, time
sys.setswitchinterval(0.0005)
work, done, lock, total = queue.Queue(), queue.Queue(), threading.Lock(), [0]
def worker(me):
    while (item := work.get()) is not None:
        h = hashlib.sha256(b"%d" % item).hexdigest()
        with lock:
            total[0] += int(h[:4], 16)
        done.put(h)
threads = [threading.Thread(target=worker, args=(i,)) for i in range(4)]
for t in threads: t.start()
for i in range(400): work.put(i)
for t in threads: work.put(None)
for t in threads: t.join()
print(total[0], done.qsize(), hashlib.sha256("".join(sorted(done.queue)).encode()).hexdigest())
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
with concurrent.futures.ThreadPoolExecutor(3) as pool:
    print(list(pool.map(fib, range(18))))
event, seen = threading.Event(), []
def waiter(i):
    event.wait(); seen.append(i)
ws = [threading.Thread(target=waiter, args=(i,), daemon=i % 2 == 0) for i in range(20)]
for w in ws: w.start()
time.sleep(0.02); event.set()
for w in ws: w.join()
print(sorted(seen))
for i in range(100):
    t = threading.Thread(target=lambda: None); t.start(); t.join()
timer = threading.Timer(0.01, lambda: print("timer")); timer.start(); timer.join()
big = hashlib.sha256(bytes(5 << 20)); print(big.hexdigest())
END
    cmd=(/usr/bin/python3 go.py)
}

setup_python_mp() {
    need /usr/bin/python3 || return 77
    cat >go.py <<'END'
import multiprocessing as mp, os, sys
from multiprocessing import shared_memory
def square(x): return x * x
def count(v, lock, n):
    for _ in range(n):
        with lock: v.value += 1
def echo(conn):
    while (x := conn.recv()) is not None: conn.send(x[::-1])
def fill(name, i):
    m = shared_memory.SharedMemory(name=name); m.buf[i * 10:i * 10 + 10] = bytes([i]) * 10; m.close()
def die(): os._exit(7)
if __name__ == "__main__":
    with mp.get_context("fork").Pool(3) as pool:
        print(sum(pool.map(square, range(500), chunksize=20)))
    v, lock = mp.Value("i", 0), mp.Lock()
    ps = [mp.Process(target=count, args=(v, lock, 200)) for _ in range(3)]
    for p in ps: p.start()
    for p in ps: p.join()
    print(v.value)
    a, b = mp.Pipe(); p = mp.Process(target=echo, args=(b,)); p.start()
    for s in ("hello", "x" * 100000): a.send(s); print(a.recv() == s[::-1])
    a.send(None); p.join()
    m = shared_memory.SharedMemory(create=True, size=100)
    ps = [mp.Process(target=fill, args=(m.name, i)) for i in range(4)]
    for p in ps: p.start()
    for p in ps: p.join()
    print(bytes(m.buf[:40]).hex()); m.close(); m.unlink()
    p = mp.Process(target=die); p.start(); p.join(); print(p.exitcode)
    p = mp.get_context("spawn").Process(target=square, args=(3,)); p.start(); p.join(); print(p.exitcode)
END
    cmd=(/usr/bin/python3 go.py)
}

setup_python_asyncio() {
    need /usr/bin/python3 || return 77
    cat >go.py <<'END'
import asyncio, os, signal, sys
async def serve(r, w):
    while line := await r.readline(): w.write(line.upper()); await w.drain()
    w.close()
async def client(i):
    r, w = await asyncio.open_unix_connection("s.sock")
    got = 0
    for k in range(20):
        w.write(b"client %d line %d\n" % (i, k)); got += len(await r.readline())
        if k % 5 == 0: await asyncio.sleep(0.001)
    w.close()
    return got
async def main():
    server = await asyncio.start_unix_server(serve, "s.sock")
    print(await asyncio.gather(*(client(i) for i in range(8))))
    server.close(); await server.wait_closed()
    p = await asyncio.create_subprocess_exec("sort", "-r", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
    print((await p.communicate(b"a\nc\nb\n"))[0], p.returncode)
    print(await asyncio.get_running_loop().run_in_executor(None, sum, range(100000)))
    hit = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, hit.set)
    os.kill(os.getpid(), signal.SIGUSR1); await hit.wait(); print("signal")
    try: await asyncio.wait_for(asyncio.sleep(5), 0.02)
    except asyncio.TimeoutError: print("timeout")
asyncio.run(main())
END
    cmd=(/usr/bin/python3 go.py)
}

setup_node_threads() {
    need node || return 77
    cat >go.js <<'END'
const { Worker, isMainThread, workerData, parentPort } = require('worker_threads');
const { execFile } = require('child_process');
const fs = require('fs'), crypto = require('crypto'), zlib = require('zlib');
function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
if (!isMainThread) {
    const shared = new Int32Array(workerData.buffer);
    for (let i = 0; i < 200; i++) Atomics.add(shared, 0, 1);
    Atomics.notify(shared, 0);
    parentPort.postMessage(fib(workerData.n));
} else (async () => {
    const sleep = ms => new Promise(r => setTimeout(r, ms));
    const buffer = new SharedArrayBuffer(16);
    const work = n => new Promise((yes, no) => {
        const w = new Worker(__filename, { workerData: { n, buffer } });
        w.on('message', yes); w.on('error', no);
    });
    console.log(await Promise.all([work(12), work(14)]), new Int32Array(buffer)[0]);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    await sleep(20);
    clearInterval(timer);
    console.log(ticks > 0, await Promise.all([3, 2, 1].map(async ms => { await sleep(ms); return ms; })));
    await fs.promises.writeFile('data', 'x'.repeat(100000));
    const data = await fs.promises.readFile('data');
    console.log(crypto.createHash('sha256').update(data).digest('hex'));
    console.log(await new Promise(r => crypto.pbkdf2('a', 'b', 500, 16, 'sha256', (e, k) => r(k.toString('hex')))));
    console.log(await new Promise(r => zlib.gzip(data, (e, z) => r(z.length))));
    console.log(await new Promise(r => execFile('echo', ['from a child'], (e, out) => r(out.trim()))));
})();
END
    cmd=(node --jitless --v8-pool-size=2 go.js)
}

# ---- servers under load ----

setup_redis() {
    need redis-server redis-benchmark redis-cli || return 77
    cat >go.sh <<'END'
redis-server --port 0 --unixsocket s.sock --save '' --appendonly no --logfile log --dir . &
for ((i = 0; i < 300; i++)); do
    [ "$(redis-cli -s s.sock ping 2>/dev/null)" = PONG ] && break
    sleep 0.1
done
redis-benchmark -s s.sock -n 1500 -c 10 --csv -t set,get,incr,lpush,lrange_100,mset 2>/dev/null | cut -d, -f1
redis-cli -s s.sock get counter:__rand_int__
redis-cli -s s.sock llen mylist
redis-cli -s s.sock eval 'local s = 0 for i = 1, 1000 do s = s + i end return s' 0
redis-cli -s s.sock config set dir . >/dev/null
redis-cli -s s.sock bgsave >/dev/null
for ((i = 0; i < 300; i++)); do [ -s dump.rdb ] && break; sleep 0.1; done
[ -s dump.rdb ] && echo saved
redis-cli -s s.sock shutdown nosave
wait
echo "server $?"
END
    cmd=(bash go.sh)
}

setup_nginx() {
    need nginx wrk || return 77
    mkdir www && seq 1 500 >www/index.html
    cat >nginx.conf <<'END'
daemon off;
worker_processes 2;
pid nginx.pid;
error_log error.log;
events { worker_connections 64; }
http {
    access_log access.log;
    client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
    server { listen 127.0.0.1:PORT; root www; location /a { return 200 "answer\n"; } }
}
END
    cat >go.sh <<'END'
port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 40000))
sed -i "s/PORT/$port/" nginx.conf
[ "$(id -u)" != 0 ] || sed -i '1i user root;' nginx.conf
nginx -e error.log -p "$PWD" -c nginx.conf &
for ((i = 0; i < 300; i++)); do
    (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null && break
    sleep 0.1
done
wrk -t2 -c8 -d1s "http://127.0.0.1:$port/" >wrk.out 2>&1
awk '/requests in/ { n = $1 } /Non-2xx|Socket errors/ { bad = 1 } END { print (n > 0 ? "served" : "none"), (bad ? "errors" : "no errors") }' wrk.out
exec 3<>/dev/tcp/127.0.0.1/$port
printf 'GET /a HTTP/1.0\r\n\r\n' >&3
tail -n 1 <&3
exec 3>&-
kill -QUIT "$(cat nginx.pid)"
wait
echo "server $?"
END
    cmd=(bash go.sh)
}

setup_postgres() {
    local bin
    bin=$(find /usr/lib/postgresql/*/bin -name pgbench 2>/dev/null | tail -n 1)
    [ -n "$bin" ] || { echo "not installed: postgresql"; return 77; }
    cat >pg.sh <<END
set -e
bin=${bin%/*}
END
    cat >>pg.sh <<'END'
export PGDATA=$PWD/data PGHOST=$PWD PGUSER=me PGDATABASE=postgres TZ=UTC
"$bin/initdb" -N -U me -A trust -E UTF8 --no-locale >initdb.log && echo "initdb done"
"$bin/pg_ctl" -w -t 200 -l server.log -o "-k $PWD -h '' -c fsync=off -c shared_buffers=4MB -c max_connections=10" start >/dev/null
echo started
"$bin/pgbench" -i -s 1 -q >/dev/null 2>&1
"$bin/pgbench" -n -c 2 -j 2 -t 20 2>&1 | grep 'actually processed'
"$bin/psql" -At -c 'select count(*), sum(aid) from pgbench_accounts' -c 'select count(*) from pgbench_history'
"$bin/pg_ctl" -w -t 200 -m fast stop >/dev/null
echo stopped
END
    if [ "$(id -u)" = 0 ]; then
        # It refuses to run as root.
        need setpriv || return 77
        id postgres >/dev/null 2>&1 || { echo "no user postgres"; return 77; }
        chmod a+x ..
        owner=postgres
        cmd=(setpriv --reuid=postgres --regid=postgres --clear-groups bash pg.sh)
    else
        cmd=(bash pg.sh)
    fi
    limit=600
}

# ---- Go ----

setup_go_static() {
    local f=/usr/lib/go/bin/gofmt
    [ -x "$f" ] || f=$(readlink -f "$(command -v gofmt)") || true
    [ -x "$f" ] || { echo "not installed: gofmt"; return 77; }
    local i
    for ((i = 0; i < 20; i++)); do
        { echo "package p$i"; for ((k = 0; k < 40; k++)); do echo "func  f$k( a int,b   string ) (int,error) { if a>$k {return  a*$i,nil}; return len(b)+a , nil }"; done; } >"p$i.go"
    done
    cmd=(bash -c "$f -d p3.go | head -n 20; $f . | cksum; $f -l . | sort")
}

go_build() {
    need go || return 77
    GOCACHE=${GOCACHE:-$HOME/.cache/go-build} GO111MODULE=off GOFLAGS='' CGO_ENABLED=0 go build -o prog prog.go >build.log 2>&1 ||
        { echo "go build: $(tail -n 1 build.log)"; return 77; }
    cmd=(env GOMAXPROCS=2 ./prog)
}

# Goroutines that spin without calls: the runtime preempts them with SIGURG.
setup_go_spin() {
    cat >prog.go <<'END'
package main

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

var stop int32

func spin(n uint64) uint64 {
	x := uint64(88172645463325252)
	for i := uint64(0); i < n; i++ {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

func main() {
	var wg sync.WaitGroup
	out := make([]uint64, 6)
	for i := range out {
		wg.Add(1)
		go func(i int) { defer wg.Done(); out[i] = spin(uint64(20000000 + i)) }(i)
	}
	go func() {
		for {
			if atomic.LoadInt32(&stop) != 0 {
				return
			}
		}
	}()
	hits := 0
	for i := 0; i < 20; i++ {
		time.Sleep(time.Millisecond)
		hits++
		runtime.GC()
	}
	wg.Wait()
	atomic.StoreInt32(&stop, 1)
	fmt.Println(hits, out)
}
END
    go_build
}

setup_go_chan() {
    cat >prog.go <<'END'
package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"sort"
	"sync"
	"syscall"
	"time"
)

func main() {
	in, out := make(chan int), make(chan int, 16)
	var wg sync.WaitGroup
	for w := 0; w < 8; w++ {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for x := range in {
				b := make([]byte, 1000+x)
				out <- x*x + len(b)
			}
		}()
	}
	go func() {
		for i := 0; i < 3000; i++ {
			in <- i
		}
		close(in)
		wg.Wait()
		close(out)
	}()
	sum := 0
	for v := range out {
		sum += v
	}
	fmt.Println(sum)
	l, err := net.Listen("unix", "go.sock")
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { b := make([]byte, 64); n, _ := c.Read(b); c.Write(b[:n]); c.Close() }()
		}
	}()
	got := make(chan string, 10)
	for i := 0; i < 10; i++ {
		go func(i int) {
			c, _ := net.Dial("unix", "go.sock")
			fmt.Fprintf(c, "client %d", i)
			b := make([]byte, 64)
			n, _ := c.Read(b)
			got <- string(b[:n])
		}(i)
	}
	var all []string
	for i := 0; i < 10; i++ {
		all = append(all, <-got)
	}
	l.Close()
	sort.Strings(all)
	fmt.Println(all)
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	fmt.Println(<-c)
	text, err := exec.Command("echo", "child").CombinedOutput()
	fmt.Printf("%s %v\n", text, err)
	select {
	case <-time.After(5 * time.Millisecond):
		fmt.Println("after")
	}
	func() {
		defer func() { fmt.Println("recovered:", recover()) }()
		var p *int
		fmt.Println(*p)
	}()
}
END
    go_build
}

# ---- threads that compute ----

numbers() { seq 1 "$1" | awk '{ printf "%d %x line of text number %d, %s\n", $1, $1 * 7919 % 65521, $1 % 977, ($1 % 7) ? "again" : "once more" }'; }

setup_zstd_t2() { need zstd || return 77; numbers 150000 >data; cmd=(zstd -q -T2 -5 -c data); }
setup_xz_t2() { need xz || return 77; numbers 60000 >data; cmd=(xz -T2 --block-size=512KiB -3 -c data); }

setup_ffmpeg() {
    need ffmpeg || return 77
    cmd=(ffmpeg -nostdin -v error -threads 2 -f lavfi -i 'testsrc=size=160x120:rate=25' -f lavfi -i 'sine=frequency=440' -t 1
         -c:v mpeg4 -threads 2 -c:a mp2 -flags bitexact -fflags bitexact -f md5 -)
}

setup_ripgrep() {
    need rg || return 77
    cmd=(bash -c 'rg -j2 -c "struct [a-z_]+ \{" /usr/include | sort | cksum; rg -j2 --files /usr/include/linux | wc -l; rg -q nowhere-to-be-found /usr/include/linux; echo $?')
}

# ---- terminals, sandboxes, signals ----

setup_tmux() {
    need tmux || return 77
    cat >go.sh <<'END'
export TMUX_TMPDIR=$PWD TERM=xterm SHELL=/bin/bash
unset TMUX
t() { tmux -f /dev/null -L own "$@"; }
t new-session -d -x 60 -y 10 -s main 'PS1="$ " bash --norc --noprofile'
t send-keys -t main 'stty size; for i in 1 2 3; do echo "line $i"; done | sort -r; tmux wait-for -S ready' Enter
t wait-for ready
t split-window -t main 'echo second; tmux wait-for -S other; sleep 100'
t wait-for other
t list-panes -t main -F '#{pane_width}x#{pane_height}'
t capture-pane -p -t main.0 | grep '^line'
t kill-server
echo "status $?"
for ((i = 0; i < 100; i++)); do t ls 2>/dev/null || break; sleep 0.05; done
END
    cmd=(bash go.sh)
}

setup_script_pty() {
    need script || return 77
    cat >go.sh <<'END'
script -qec 'stty rows 33 cols 44; stty size; tty -s && echo terminal; bash -ic "jobs; sleep 0.1 & wait %1; echo job done" 2>/dev/null; exit 5' /dev/null
echo "status $?"
END
    cmd=(bash go.sh)
}

setup_bwrap_bash() {
    need bwrap || return 77
    local flags=(--unshare-all --ro-bind / / --tmpfs /tmp --dev /dev --proc /proc --hostname sandbox)
    bwrap "${flags[@]}" true 2>/dev/null || { echo "bwrap: namespaces are not permitted here"; return 77; }
    cmd=(bwrap "${flags[@]}" bash -c 'echo "pid $$"; hostname; ls /tmp | wc -l; (echo sub) | cat; x=$(seq 3 | sort -r | tr "\n" " "); echo $x; ls /proc/self/fd | wc -l; exit 3')
}

setup_signal_sources() { gcc -O1 -Wall -o signal_sources "$here/signal_sources.c" -lrt -pthread && cmd=(./signal_sources); }
