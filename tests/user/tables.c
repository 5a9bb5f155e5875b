// Large static tables, sparse bss, switch tables, function pointers in data, deep and mutual recursion.
// variants: static dynamic static-pie
#include "guest.h"

#define R4(x) x, (x) + 1, (x) + 2, (x) + 3
#define R16(x) R4(x), R4((x) + 4), R4((x) + 8), R4((x) + 12)
#define R64(x) R16(x), R16((x) + 16), R16((x) + 32), R16((x) + 48)
#define R256(x) R64(x), R64((x) + 64), R64((x) + 128), R64((x) + 192)
#define R1024(x) R256(x), R256((x) + 256), R256((x) + 512), R256((x) + 768)
static const int table[] = {R1024(0), R1024(5000), R1024(-9), R1024(1 << 20)};
static int writable[] = {R1024(7), R1024(8)};
static char sparse[256 << 20];
static int add(int a, int b) { return a + b; }
static int sub(int a, int b) { return a - b; }
static int mul(int a, int b) { return a * b; }
static int (*const operations[])(int, int) = {add, sub, mul};
static const char *const names[] = {"add", "sub", "mul"};

static int classify(int n) {
    switch (n) {
    case 0: return 11;
    case 1: return 23;
    case 2: return 5;
    case 3: return 77;
    case 4: return 1;
    case 5: return 42;
    case 6: return -8;
    case 7: return 600;
    case 8: return 13;
    case 9: return 90;
    case 1000: return 2;
    default: return n * 3;
    }
}

static int is_odd(unsigned n);
static int is_even(unsigned n) { return n == 0 ? 1 : is_odd(n - 1); }
__attribute__((noinline)) static int is_odd(unsigned n) { return n == 0 ? 0 : is_even(n - 1); }
static unsigned ackermann(unsigned m, unsigned n) {
    return m == 0 ? n + 1 : n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

int main(void) {
    long sum = 0;
    for (unsigned i = 0; i < sizeof table / sizeof *table; i++)
        sum += table[i] * (long)(i % 7);
    for (unsigned i = 0; i < sizeof writable / sizeof *writable; i++)
        sum += writable[i]++;
    printf("tables %ld\n", sum);
    for (long i = 0; i < (long)sizeof sparse; i += 16 << 20)
        sparse[i] = (char)(i >> 24);
    int total = 0;
    for (long i = 0; i < (long)sizeof sparse; i += 8 << 20)
        total += sparse[i];
    printf("sparse %d\n", total);
    for (int i = 0; i < 3; i++)
        printf("%s %d\n", names[i], operations[i](20, 6));
    long classes = 0;
    for (int i = -5; i < 1005; i++)
        classes = classes * 31 % 1000003 + classify(i);
    printf("classes %ld\n", classes);
    printf("even %d odd %d ackermann %u\n", is_even(100000), is_odd(777), ackermann(2, 300));
    return 0;
}
