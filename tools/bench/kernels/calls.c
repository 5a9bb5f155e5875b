/* Direct calls and returns with little work in between: deep recursion, leaves, and chains of calls that return at once. */
#include "kernel.h"

__attribute__((noinline)) static uint64_t fib_of(long n) { return n < 2 ? n : fib_of(n - 1) + fib_of(n - 2); }
static uint64_t fib(long count) { return fib_of(count); }

__attribute__((noinline)) static long ackermann_of(long m, long n) {
    if (m == 0)
        return n + 1;
    long inner = n == 0 ? 1 : ackermann_of(m, n - 1);
    return ackermann_of(m - 1, inner);
}
static uint64_t ackermann(long count) { return ackermann_of(2, count); }

__attribute__((noinline)) static long tak_of(long x, long y, long z) {
    return y >= x ? z : tak_of(tak_of(x - 1, y, z), tak_of(y - 1, z, x), tak_of(z - 1, x, y));
}
static uint64_t tak(long count) { return tak_of(count, count * 2 / 3, count / 3); }

static int queens_of(int n, unsigned columns, unsigned left, unsigned right) {
    unsigned all = (1u << n) - 1;
    if (columns == all)
        return 1;
    int found = 0;
    for (unsigned free = all & ~(columns | left | right); free; free &= free - 1) {
        unsigned bit = free & -free;
        found += queens_of(n, columns | bit, (left | bit) << 1, (right | bit) >> 1);
    }
    return found;
}
static uint64_t queens(long count) { return queens_of(count, 0, 0, 0); }

__attribute__((noinline)) static uint64_t leaf_of(uint64_t x, uint64_t n) { return (x ^ n) * 0x9e3779b97f4a7c15u; }
static uint64_t leaf_calls(long count) {
    uint64_t x = 1;
    for (long n = 0; n < count; n++)
        x = leaf_of(x, n) + leaf_of(n, x >> 32);
    return x;
}

/* Each saves what it needs behind the call of the next one. */
#define LINK(name, next) \
    __attribute__((noinline)) static uint64_t name(uint64_t x, uint64_t n) { return next(x + n, n ^ 5) + x; }
LINK(fourth, leaf_of)
LINK(third, fourth)
LINK(second, third)
LINK(first, second)
static uint64_t call_chain(long count) {
    uint64_t x = 1;
    for (long n = 0; n < count; n++)
        x = first(x, n);
    return x;
}

int main(int argc, char **argv) {
    static const struct kernel kernels[] = {
        {"fib", fib}, {"ackermann", ackermann}, {"tak", tak}, {"queens", queens}, {"leaf-calls", leaf_calls},
        {"call-chain", call_chain}, {0},
    };
    return run_kernels(kernels, argc, argv);
}
