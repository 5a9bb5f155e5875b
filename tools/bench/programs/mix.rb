# Blocks, hashes, strings and symbols.
counts = Hash.new(0); seed = 1
200_000.times { |i| seed = (seed * 1103515245 + 12345) & 0x7fffffff; counts["k#{seed % 700}"] += i % 5 }
def fib(n) = n < 2 ? n : fib(n - 1) + fib(n - 2)
words = counts.keys.sort.map { |k| k.gsub(/\d/) { |d| ("a".ord + d.to_i).chr } }
puts [counts.size, counts.values.sum, fib(23), words.first(3).join(","), (1..200_000).select(&:even?).map { |x| x * x % 97 }.sum].join(" ")
