/* Indirect control flow: tables of functions, virtual calls, callbacks of qsort. */
#include "kernel.h"

static uint64_t op_add(uint64_t x) { return x + 0x1234567; }
static uint64_t op_xor(uint64_t x) { return x ^ x >> 13; }
static uint64_t op_mul(uint64_t x) { return x * 0x2545f4914f6cdd1d; }
static uint64_t op_rot(uint64_t x) { return x << 7 | x >> 57; }
static uint64_t (*volatile table[])(uint64_t) = {op_add, op_xor, op_mul, op_rot};

static uint64_t function_table(long count) {
    uint64_t x = 1;
    for (long n = 0; n < count; n++)
        x = table[(x >> 5 ^ n) & 3](x);
    return x;
}

struct Shape {
    virtual ~Shape() {}
    virtual uint64_t area(uint64_t scale) const = 0;
};
struct Square : Shape {
    uint64_t side;
    explicit Square(uint64_t s) : side(s) {}
    uint64_t area(uint64_t scale) const override { return side * side * scale; }
};
struct Rectangle : Shape {
    uint64_t a, b;
    Rectangle(uint64_t x, uint64_t y) : a(x), b(y) {}
    uint64_t area(uint64_t scale) const override { return a * b + scale; }
};
struct Empty : Shape {
    uint64_t area(uint64_t scale) const override { return scale >> 3; }
};

static uint64_t virtual_calls(long count) {
    enum { N = 1000 };
    static Shape *shapes[N];
    uint32_t seed = 9;
    for (int i = 0; i < N; i++)
        switch ((next_random(&seed) >> 20) % 3) {
        case 0: shapes[i] = new Square(i); break;
        case 1: shapes[i] = new Rectangle(i, i + 1); break;
        default: shapes[i] = new Empty;
        }
    uint64_t sum = 0;
    for (long n = 0; n < count; n++)
        for (int i = 0; i < N; i++)
            sum += shapes[i]->area(sum & 0xff);
    return sum;
}

static int compare(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t callbacks(long count) {
    enum { N = 20000 };
    static uint32_t a[N];
    uint32_t seed = 4;
    uint64_t sum = 0;
    for (long n = 0; n < count; n++) {
        for (int i = 0; i < N; i++)
            a[i] = next_random(&seed);
        qsort(a, N, sizeof *a, compare);
        sum = sum * 31 + a[n % N];
    }
    return sum;
}

int main(int argc, char **argv) {
    static const struct kernel kernels[] = {
        {"function-table", function_table}, {"virtual-calls", virtual_calls}, {"callbacks", callbacks}, {0, 0},
    };
    return run_kernels(kernels, argc, argv);
}
