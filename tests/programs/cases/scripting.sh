# Ruby, Lua, LuaJIT, PHP, gawk, Tcl, Guile, OCaml, SBCL and Erlang: interpreters and compilers of many kinds.
# tier: full
# packages: ruby lua5.4 luajit php8.2-cli gawk tcl guile-3.0 ocaml-nox sbcl erlang-base
# timeout: 600
cd /work
ruby -e 'def fib(n) n < 2 ? n : fib(n - 1) + fib(n - 2) end
puts fib(22), (1..1000).select(&:even?).map { |x| x * x }.sum, "hello world".scan(/o/).size, [3, 1, 2].sort.inspect, 2**200, 0.1 + 0.2
h = Hash.new(0); 50000.times { |i| h[i % 101] += i }; puts h[7]; puts %w[a b c].each_with_index.map { |x, i| x * i }.join(","), "%.10f %05d" % [Math::PI, 42]
begin; raise ArgumentError, "bad"; rescue => e; puts e.message; end; t = Thread.new { Thread.current[:x] = 5; 7 }; puts t.value; f = Fiber.new { Fiber.yield 1; 2 }; puts f.resume, f.resume
puts `echo sub`; require "json"; puts JSON.generate({a: [1, nil, 2.5]}); r, w = IO.pipe; fork { w.puts "child"; exit!(3) }; Process.wait; puts $?.exitstatus, r.gets'
lua -e 'local function fib(n) return n < 2 and n or fib(n-1) + fib(n-2) end print(fib(24), 7 // 2, 7 / 2, 1 << 40, math.maxinteger, 0.1 + 0.2, string.format("%5.2f|%-5s|%q", 3.14159, "ab", "x\ny"))
local t = {} for i = 1, 100000 do t[i] = i * i % 1009 end table.sort(t) print(t[50000], #t, ("hello world"):gsub("o", "0"), select("#", table.unpack({1, 2, 3})))
local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) print(co(), co(), co()) print(pcall(error, "oops")) print(string.pack("<i4", 7):byte(1, -1)) goto done do print("skipped") end ::done::'
luajit -e 'local s = 0 for i = 1, 2e7 do s = (s + i * 3) % 1000003 end print(s) local ffi = require("ffi") ffi.cdef "double sqrt(double); int getpid(void);" print(ffi.C.getpid() > 0, string.rep("ab", 3)) local t = {} for i = 1, 1e5 do t[#t + 1] = tostring(i) end print(#table.concat(t)) local function fib(n) return n < 2 and n or fib(n-1) + fib(n-2) end print(fib(27)) print(pcall(function() local x = nil; return x.y end))'
php -r 'function fib($n) { return $n < 2 ? $n : fib($n - 1) + fib($n - 2); } echo fib(22), " ", array_sum(array_map(fn($x) => $x * $x, range(1, 1000))), " ", md5(str_repeat("php", 1000)), " ", json_encode(["a" => [1, 2.5, null]]), "\n";
preg_match_all("/\d+/", "a1b22c333", $m); print_r($m[0]); $a = range(1, 20000); shuffle($a); sort($a); echo $a[777], " ", sprintf("%08.3f %x", M_PI, 255), " ", ucwords("hello big world"), "\n"; try { intdiv(1, 0); } catch (DivisionByZeroError $e) { echo $e->getMessage(), "\n"; } function g() { yield 1; yield 2; } foreach (g() as $v) echo $v; echo "\n", PHP_INT_MAX + 1, "\n";'
gawk 'BEGIN { for (i = 0; i < 200000; i++) a[i % 991] += i; n = asort(a); print n, a[1], a[n]; print gensub(/(b+)/, "<\\1>", "g", "abbcb"), strftime("%F", 86400, 1), and(12, 10), substr("hello", 2, 3), length("ünï"), 2 ** 0.5 }'
echo 'proc fib n { expr {$n < 2 ? $n : [fib [expr {$n-1}]] + [fib [expr {$n-2}]]} }; puts [fib 18]; puts [lsort -integer {3 11 2}]; puts [expr {2**100}]; puts [string map {a 1 b 2} abc]; puts [catch {error oops} m]:$m' | tclsh
guile --no-auto-compile -c '(define (fib n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2))))) (display (fib 24)) (newline) (display (expt 3 200)) (newline) (display (call/cc (lambda (k) (for-each (lambda (x) (if (> x 2) (k x))) (list 1 2 3 4)) 0))) (newline) (display (exact->inexact 1/3)) (newline)'
cat >p.ml <<'END'
let rec fib n = if n < 2 then n else fib (n - 1) + fib (n - 2)
module M = Map.Make (String)
let () = Printf.printf "%d\n" (fib 24);
  let m = List.fold_left (fun m i -> M.add (string_of_int (i mod 50)) i m) M.empty (List.init 10000 Fun.id) in
  Printf.printf "%d %d %.12g\n" (M.cardinal m) (M.find "7" m) (sqrt 2.0); (try failwith "x" with Failure s -> print_endline s)
END
ocaml p.ml; ocamlc -o p p.ml && ./p
sbcl --noinform --no-sysinit --no-userinit --non-interactive --eval '(progn (defun fib (n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2))))) (compile (quote fib)) (print (fib 27)) (print (expt 7 100)) (print (handler-case (car 5) (type-error () :type-error))) (print (handler-case (/ 1 0) (division-by-zero () :zero))) (gc :full t) (print (loop for i below 100000 sum (mod (* i i) 7))) (print (sqrt 2d0)) (terpri))'
erl -noshell -eval 'F = fun G(N) when N < 2 -> N; G(N) -> G(N-1) + G(N-2) end, io:format("~p ~p~n", [F(22), erlang:phash2(lists:seq(1, 1000))]), P = self(), [spawn(fun() -> P ! I * I end) || I <- lists:seq(1, 1000)], io:format("~p~n", [lists:sum([receive X -> X end || _ <- lists:seq(1, 1000)])]), io:format("~p ~p~n", [catch error(oops) == 1, math:sqrt(2)]), halt().' 2>&1 | head -5
