# gcc: compile at several levels, assemble, link statically and dynamically, run what came out; C and C++.
# tier: full
# packages: gcc-12 g++-12 libc6-dev make binutils
# timeout: 600
cd /work
cat >sum.c <<'END'
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct node { struct node *left, *right; int key; };
static struct node *insert(struct node *n, int key) {
    if (!n) { n = calloc(1, sizeof *n); n->key = key; return n; }
    if (key < n->key) n->left = insert(n->left, key); else n->right = insert(n->right, key);
    return n;
}
static long walk(struct node *n, int depth) { return n ? walk(n->left, depth + 1) + (long)n->key * depth + walk(n->right, depth + 1) : 0; }
int main(int argc, char **argv) {
    unsigned seed = 1; struct node *root = NULL; double x = 0; char text[256] = "";
    for (int i = 0; i < 5000; i++) { seed = seed * 1103515245 + 12345; root = insert(root, seed >> 8); x += sqrt(i) / (i + 1); }
    for (int i = 0; i < 20; i++) sprintf(text + strlen(text), "%d,", i * i);
    printf("%ld %.9f %s %d\n", walk(root, 1), x, text, argc);
    return 0;
}
END
for flags in "-O0" "-O1 -g" "-O2" "-O3" "-Os -flto" "-O2 -static" "-O2 -fsanitize=undefined"; do
    gcc-12 -Wall $flags sum.c -o sum -lm && ./sum a b && echo "$flags ok"
done
cat >many.cc <<'END'
#include <algorithm>
#include <iostream>
#include <map>
#include <regex>
#include <string>
#include <vector>
template <int N> struct Fib { static constexpr long value = Fib<N - 1>::value + Fib<N - 2>::value; };
template <> struct Fib<0> { static constexpr long value = 0; };
template <> struct Fib<1> { static constexpr long value = 1; };
int main() {
    std::map<std::string, int> m; std::vector<int> v;
    for (int i = 0; i < 1000; i++) { m["k" + std::to_string(i % 37)] += i; v.push_back(i * 7919 % 1009); }
    std::sort(v.begin(), v.end()); std::regex r("k[0-9]+"); int n = 0;
    for (auto &[k, x] : m) n += std::regex_match(k, r) ? x : 0;
    std::cout << n << " " << v[500] << " " << Fib<80>::value << std::endl;
}
END
g++-12 -O2 many.cc -o many && ./many
gcc-12 -S -O2 sum.c -o sum.s && gcc-12 -c sum.s && ld -r sum.o -o again.o && nm again.o | grep -c ' T '
printf 'all: a b\na: sum.c\n\t@gcc-12 -c $< -o $@ && echo made a\nb: many.cc\n\t@g++-12 -fsyntax-only $< && echo made b\n' >Makefile
make -j2 --output-sync | sort
echo 'int main( { return 0; }' | gcc-12 -x c - 2>&1 | grep -c error
for i in $(seq 1 20); do echo "int f$i(int x) { return x * $i; }" >f$i.c; done; gcc-12 -O2 -c f*.c && ar rcs libf.a f*.o && ar t libf.a | wc -l
