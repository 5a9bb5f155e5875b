<?php
// Arrays, strings, functions and objects.
class Point { public function __construct(public int $x, public int $y) {} function norm(): int { return $this->x ** 2 + $this->y ** 2; } }
function fib($n) { return $n < 2 ? $n : fib($n - 1) + fib($n - 2); }
$map = []; $seed = 1;
for ($i = 0; $i < 400000; $i++) { $seed = ($seed * 1103515245 + 12345) & 0x7fffffff; $key = "k" . ($seed % 1000); $map[$key] = ($map[$key] ?? 0) + $i % 7; }
ksort($map);
$sum = 0; for ($i = 0; $i < 300000; $i++) { $sum += (new Point($i % 100, $i % 17))->norm(); }
echo count($map), " ", array_key_first($map), " ", array_sum($map), " ", fib(25), " $sum ", strlen(implode(",", array_keys($map))), "\n";
