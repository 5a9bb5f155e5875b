# Python: numbers, text, collections, comprehension, generators, classes, json, re, struct, hashing, threads, processes.
# tier: core
# packages: python3
cd /work
python3 - <<'END'
import collections, decimal, fractions, functools, hashlib, heapq, itertools, json, math, random, re, statistics, struct, sys, zlib
print(sum(range(100000)), 2 ** 500 % 10 ** 20, math.factorial(60), 7 ** 77 // 3 ** 33)
print([round(f(0.7), 15) for f in (math.sin, math.cos, math.tan, math.exp, math.log, math.sqrt, math.gamma, math.erf)])
print(repr(0.1 + 0.2), 1e308 * 10, -1e308 * 10, float("nan"), 5e-324, 1.7976931348623157e308, (0.1).hex(), divmod(-7, 3), -7.5 % 2)
print(decimal.Decimal(1) / 7, fractions.Fraction(355, 113) ** 3, complex(1, 2) ** 3, round(2.5), round(-3.5), int(-3.7))
random.seed(42); data = [random.gauss(0, 1) for _ in range(5000)]
print(statistics.fmean(data), statistics.stdev(data), sorted(data)[:2], random.getrandbits(128))
print(hashlib.md5(b"x" * 1000).hexdigest(), hashlib.sha256(b"y" * 1000).hexdigest(), hashlib.sha3_256(b"z").hexdigest(), zlib.crc32(b"abc" * 999), zlib.adler32(b"abc"))
print(json.dumps({"a": [1, 2.5, None, True, "é\n"], "b": {"c": "d"}}, sort_keys=True), json.loads('{"x": [1e10, -0.0]}'))
print(re.findall(r"(\w+)@(\w+)\.com", "joe@site.com, ann@host.com"), re.sub(r"(?<=a)b+", "X", "abbb cab"))
print(struct.pack("<ihbQfd", -5, 300, -1, 2 ** 63, 1.5, -2.25).hex(), struct.unpack(">HI", b"\x01\x02\x03\x04\x05\x06"))
words = "the quick brown fox jumps over the lazy dog the end".split()
print(collections.Counter(words).most_common(2), list(itertools.islice(itertools.permutations(words, 2), 3)), heapq.nsmallest(3, words))
@functools.lru_cache(None)
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
print(fib(300))
def sieve(n):
    flags = bytearray([1]) * n; flags[:2] = b"\0\0"
    for i in range(2, int(n ** .5) + 1):
        if flags[i]: flags[i * i::i] = bytes(len(range(i * i, n, i)))
    return sum(flags)
print(sieve(300000))
class Node:
    __slots__ = "left", "right", "value"
    def __init__(self, v): self.left = self.right = None; self.value = v
def insert(n, v):
    if n is None: return Node(v)
    if v < n.value: n.left = insert(n.left, v)
    else: n.right = insert(n.right, v)
    return n
root = None
for v in random.sample(range(10000), 3000): root = insert(root, v)
def walk(n): 
    if n: yield from walk(n.left); yield n.value; yield from walk(n.right)
print(sum(walk(root)) > 0, list(walk(root)) == sorted(walk(root)))
try: [][1]
except IndexError as e: print("caught", e)
def deep(n): return 0 if n == 0 else 1 + deep(n - 1)
sys.setrecursionlimit(5000); print(deep(4000))
m = [[(i * j) % 7 for j in range(60)] for i in range(60)]
print(sum(sum(a * b for a, b in zip(r, c)) for r in m for c in zip(*m)))
print("".join(sorted(set("ünïcödé straße".upper()))), "x".center(9, "*"), f"{math.pi:.10f} {12345678:,} {255:#010b}")
END
python3 - <<'END'
import concurrent.futures, mmap, os, queue, select, signal, socket, subprocess, tempfile, threading, time
lock, total = threading.Lock(), 0
def work(n):
    global total
    for _ in range(n):
        with lock: total += 1
threads = [threading.Thread(target=work, args=(2000,)) for _ in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]; print(total)
with concurrent.futures.ThreadPoolExecutor(4) as pool: print(list(pool.map(lambda x: x * x, range(10))))
q = queue.Queue(); threading.Thread(target=lambda: [q.put(i) for i in range(5)]).start(); print([q.get() for _ in range(5)])
r, w = os.pipe(); pid = os.fork()
if pid == 0: os.write(w, b"from child"); os._exit(7)
print(os.read(r, 100), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
print(subprocess.run(["echo", "sub"], capture_output=True).stdout, subprocess.run("exit 4", shell=True).returncode)
try: subprocess.run(["/no/such"])
except FileNotFoundError as e: print("missing", e.errno)
hits = []; signal.signal(signal.SIGALRM, lambda *a: hits.append(1)); signal.setitimer(signal.ITIMER_REAL, 0.05); time.sleep(0.2); print(hits)
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
def serve():
    c, _ = s.accept(); c.sendall(c.recv(100)[::-1]); c.close()
threading.Thread(target=serve).start(); c = socket.create_connection(s.getsockname()); c.sendall(b"reverse"); print(c.recv(100))
with tempfile.TemporaryFile() as f:
    f.truncate(8192); m = mmap.mmap(f.fileno(), 8192); m[4096:4100] = b"mmap"; f.seek(4096); print(f.read(4)); m.close()
p = select.epoll(); p.register(r, select.EPOLLIN); os.write(w, b"x"); print(len(p.poll(1)))
def child(n): return os.getpid() != parent and n * 3
import multiprocessing
parent = os.getpid()
with multiprocessing.get_context("fork").Pool(3) as pool: print(pool.map(child, range(6)))
END
