# Objects, dictionaries, strings, generators: what Python programs do all day.
import collections, json, re

class Account:
    def __init__(self, name): self.name, self.sum = name, 0
    def add(self, value): self.sum += value; return self

def primes(limit):
    sieve = bytearray([1]) * limit
    for i in range(2, limit):
        if sieve[i]:
            yield i
            for k in range(i * i, limit, i): sieve[k] = 0

accounts = [Account(f"name{i}") for i in range(50)]
for i in range(150000): accounts[i * 7919 % 50].add(i % 13)
words = re.findall(r"[a-z]+\d", " ".join(a.name for a in accounts) * 400)
counts = collections.Counter(words)
text = json.dumps([{"name": a.name, "sum": a.sum, "n": counts[a.name[:5]]} for a in accounts] * 40)
print(sum(primes(60000)), len(json.loads(text)), sorted(counts.items())[:2], sum(a.sum for a in accounts))
