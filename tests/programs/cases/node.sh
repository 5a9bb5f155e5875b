# Node: V8 with its compilers, typed arrays, promises, workers, regular expressions, WebAssembly, child processes, http.
# tier: full
# packages: nodejs
# timeout: 600
cd /work
cat >main.js <<'END'
const crypto = require('crypto'), zlib = require('zlib'), { Worker } = require('worker_threads'), { execFileSync, spawnSync } = require('child_process'), http = require('http'), fs = require('fs');
function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
console.log(fib(27), [...Array(10).keys()].map(x => x ** 2).reduce((a, b) => a + b));
let s = 0; for (let i = 0; i < 3e6; i++) s = (s * 31 + i) | 0; console.log(s);
const f = new Float64Array(100000).map((_, i) => Math.sqrt(i)); console.log(f.reduce((a, b) => a + b, 0).toFixed(6));
const m = new Map(); for (let i = 0; i < 100000; i++) m.set('k' + i % 999, i); console.log(m.size, m.get('k5'));
console.log(crypto.createHash('sha256').update('x'.repeat(1e6)).digest('hex'), zlib.gunzipSync(zlib.gzipSync('y'.repeat(1e5))).length);
console.log('the year 1999 and 2024'.match(/\b(?<c>\d\d)(\d\d)\b/g), 'aBc'.replace(/[a-z]/g, c => c.toUpperCase()), JSON.stringify({ a: [1, 2.5, null], b: 'é' }));
class A { #x = 1; get x() { return this.#x; } static make() { return new this(); } } class B extends A { get x() { return super.x + 1; } } console.log(B.make().x, 2n ** 100n, 0.1 + 0.2, -0 === 0, NaN !== NaN);
try { null.x } catch (e) { console.log(e.constructor.name) } try { (function r() { r() })() } catch (e) { console.log(e.message) }
const wasm = new Uint8Array([0,97,115,109,1,0,0,0,1,7,1,96,2,127,127,1,127,3,2,1,0,7,7,1,3,97,100,100,0,0,10,9,1,7,0,32,0,32,1,106,11]);
console.log(new WebAssembly.Instance(new WebAssembly.Module(wasm)).exports.add(40, 2));
console.log(execFileSync('/bin/echo', ['child']).toString().trim(), spawnSync('/no/such').error.code);
const w = new Worker('const {parentPort, workerData} = require("worker_threads"); let s = 0; for (let i = 0; i < workerData; i++) s += i; parentPort.postMessage(s)', { eval: true, workerData: 1e6 });
w.on('message', v => console.log('worker', v)).on('exit', () => {
  const server = http.createServer((q, r) => r.end('hello ' + q.url)).listen(0, '127.0.0.1', () => http.get({ port: server.address().port, host: '127.0.0.1', path: '/x' }, r => r.on('data', d => { console.log(d.toString()); server.close(); })));
});
(async () => { const r = await Promise.all([1, 2, 3].map(async x => { await null; return x * 2; })); console.log(r); function* g() { yield* [1, 2]; } console.log([...g()]); })();
END
node main.js
node --jitless -e 'let s = 0; for (let i = 0; i < 1e5; i++) s += i % 7; console.log(s)'
node -p 'process.arch.length > 0 && [1,2,3].at(-1)'
