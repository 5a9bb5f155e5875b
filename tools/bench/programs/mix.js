// Closures, maps, typed arrays, strings; hot enough for every compiler tier.
const counts = new Map(); let seed = 1;
for (let i = 0; i < 600000; i++) { seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff; const k = "k" + seed % 900; counts.set(k, (counts.get(k) || 0) + i % 7); }
function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
const a = new Float64Array(300000); for (let r = 0; r < 20; r++) for (let i = 1; i < a.length; i++) a[i] = a[i - 1] * 0.5 + i % 10;
console.log(counts.size, [...counts.values()].reduce((x, y) => x + y), fib(30), a[1000].toFixed(6), JSON.stringify([...counts.keys()].sort()).length);
