// Runs under --cpu-prof: a thread of V8 interrupts the main one with SIGPROF.
function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
let text = '';
for (let i = 0; i < 20; i++) {
    const values = Array.from({ length: 1000 }, (_, k) => (k * 7919 + i) % 1009);
    values.sort((a, b) => a - b);
    text += fib(15) + values[i] + JSON.stringify(values).length;
}
console.log(text.length, 'EXIT-SUCCESS');
