/* Integer code: tables, sieves, multiplication, hashing, sorting, state machines, a bytecode switch. */
#include "kernel.h"

static uint64_t crc(long count) {
    static uint32_t table[256];
    static unsigned char data[65536];
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
        table[i] = c;
    }
    for (int i = 0; i < 65536; i++)
        data[i] = i * 7 + (i >> 8);
    uint32_t c = ~0u;
    for (long n = 0; n < count; n++)
        for (int i = 0; i < 65536; i++)
            c = table[(c ^ data[i]) & 0xff] ^ c >> 8;
    return c;
}

static uint64_t sieve(long count) {
    enum { N = 200000 };
    static unsigned char composite[N];
    uint64_t found = 0;
    for (long n = 0; n < count; n++) {
        memset(composite, 0, N);
        for (int i = 2; i < N; i++) {
            if (composite[i])
                continue;
            found += i;
            for (int j = 2 * i; j < N; j += i)
                composite[j] = 1;
        }
    }
    return found;
}

static uint64_t matmul_int(long count) {
    enum { N = 64 };
    static int32_t a[N][N], b[N][N];
    static int64_t c[N][N];
    uint32_t seed = 1;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            a[i][j] = next_random(&seed), b[i][j] = next_random(&seed);
    for (long n = 0; n < count; n++)
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                int64_t sum = n;
                for (int k = 0; k < N; k++)
                    sum += (int64_t)a[i][k] * b[k][j];
                c[i][j] ^= sum;
            }
    uint64_t result = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            result = result * 31 + c[i][j];
    return result;
}

static uint64_t string_hash(long count) {
    enum { BUCKETS = 4096, WORDS = 2000 };
    static char words[WORDS][16];
    static int32_t head[BUCKETS], next[WORDS], hits[WORDS];
    uint32_t seed = 7;
    memset(head, -1, sizeof head);
    for (int i = 0; i < WORDS; i++) {
        int length = 4 + (next_random(&seed) >> 24) % 11;
        for (int k = 0; k < length; k++)
            words[i][k] = 'a' + (next_random(&seed) >> 24) % 26;
        uint32_t h = 2166136261u;
        for (char *p = words[i]; *p; p++)
            h = (h ^ (unsigned char)*p) * 16777619u;
        next[i] = head[h % BUCKETS];
        head[h % BUCKETS] = i;
    }
    uint64_t total = 0;
    for (long n = 0; n < count; n++)
        for (int i = 0; i < WORDS; i++) {
            uint32_t h = 2166136261u;
            for (char *p = words[i]; *p; p++)
                h = (h ^ (unsigned char)*p) * 16777619u;
            for (int at = head[h % BUCKETS]; at >= 0; at = next[at])
                if (strcmp(words[at], words[i]) == 0) {
                    total += ++hits[at];
                    break;
                }
        }
    return total;
}

static void quicksort(int32_t *a, long low, long high) {
    while (low < high) {
        int32_t pivot = a[(low + high) / 2];
        long i = low, j = high;
        while (i <= j) {
            while (a[i] < pivot)
                i++;
            while (a[j] > pivot)
                j--;
            if (i <= j) {
                int32_t t = a[i];
                a[i++] = a[j];
                a[j--] = t;
            }
        }
        quicksort(a, low, j);
        low = i;
    }
}

static uint64_t sort(long count) {
    enum { N = 50000 };
    static int32_t a[N];
    uint32_t seed = 3;
    uint64_t sum = 0;
    for (long n = 0; n < count; n++) {
        for (int i = 0; i < N; i++)
            a[i] = next_random(&seed);
        quicksort(a, 0, N - 1);
        for (int i = 0; i < N; i += 1000)
            sum = sum * 31 + (uint32_t)a[i];
    }
    return sum;
}

/* Counts numbers, names, strings and comments of a text, one character at a time. */
static uint64_t state_machine(long count) {
    static char text[40000];
    uint32_t seed = 11;
    static const char alphabet[] = "abc 12 3.\"x/*\n+ */ _z9 \"";
    for (unsigned i = 0; i < sizeof text; i++)
        text[i] = alphabet[(next_random(&seed) >> 20) % (sizeof alphabet - 1)];
    uint64_t counts[5] = {0};
    for (long n = 0; n < count; n++) {
        enum { SPACE, NUMBER, NAME, STRING, COMMENT } state = SPACE;
        char before = 0;
        for (unsigned i = 0; i < sizeof text; i++) {
            char c = text[i];
            switch (state) {
            case SPACE:
                if (c >= '0' && c <= '9')
                    state = NUMBER;
                else if ((c >= 'a' && c <= 'z') || c == '_')
                    state = NAME;
                else if (c == '"')
                    state = STRING;
                else if (c == '*' && before == '/')
                    state = COMMENT;
                break;
            case NUMBER:
                if (!(c >= '0' && c <= '9') && c != '.')
                    counts[NUMBER]++, state = SPACE;
                break;
            case NAME:
                if (!(c >= 'a' && c <= 'z') && c != '_' && !(c >= '0' && c <= '9'))
                    counts[NAME]++, state = SPACE;
                break;
            case STRING:
                if (c == '"')
                    counts[STRING]++, state = SPACE;
                break;
            case COMMENT:
                if (c == '/' && before == '*')
                    counts[COMMENT]++, state = SPACE;
                break;
            }
            before = c;
        }
    }
    return counts[1] + counts[2] * 3 + counts[3] * 5 + counts[4] * 7;
}

/* A stack machine that runs a small loop: its switch is one indirect jump. */
static uint64_t bytecode(long count) {
    enum { PUSH, LOAD, STORE, ADD, SUB, MUL, XOR, AND, LESS, JUMP_IF, JUMP, SHIFT, HALT };
    static const unsigned char program[] = {
        PUSH, 0, STORE, 0, PUSH, 1, STORE, 1,                                     /* 0: i = 0, x = 1 */
        LOAD, 0, PUSH, 100, LESS, JUMP_IF, 17, JUMP, 41,                          /* 8: if i < 100 go on */
        LOAD, 1, PUSH, 31, MUL, LOAD, 0, ADD, STORE, 1,                           /* 17: x = x * 31 + i */
        LOAD, 1, SHIFT, STORE, 1, LOAD, 0, PUSH, 1, ADD,                          /* 27: x ^= x >> 7; i + 1 */
        STORE, 0, JUMP, 8, HALT,
    };
    (void)XOR, (void)AND, (void)SUB;
    uint64_t result = 0;
    for (long n = 0; n < count; n++) {
        uint64_t stack[16], variables[4] = {0};
        int sp = 0;
        const unsigned char *pc = program;
        for (;;) {
            switch (*pc++) {
            case PUSH: stack[sp++] = *pc++; continue;
            case LOAD: stack[sp++] = variables[*pc++]; continue;
            case STORE: variables[*pc++] = stack[--sp]; continue;
            case ADD: sp--; stack[sp - 1] += stack[sp]; continue;
            case SUB: sp--; stack[sp - 1] -= stack[sp]; continue;
            case MUL: sp--; stack[sp - 1] *= stack[sp]; continue;
            case XOR: sp--; stack[sp - 1] ^= stack[sp]; continue;
            case AND: sp--; stack[sp - 1] &= stack[sp]; continue;
            case LESS: sp--; stack[sp - 1] = stack[sp - 1] < stack[sp]; continue;
            case SHIFT: stack[sp - 1] ^= stack[sp - 1] >> 7; continue;
            case JUMP_IF: pc = stack[--sp] ? program + *pc : pc + 1; continue;
            case JUMP: pc = program + *pc; continue;
            case HALT: break;
            }
            break;
        }
        result = result * 33 + variables[1];
    }
    return result;
}

int main(int argc, char **argv) {
    static const struct kernel kernels[] = {
        {"crc", crc}, {"sieve", sieve}, {"matmul-int", matmul_int}, {"string-hash", string_hash}, {"sort", sort},
        {"state-machine", state_machine}, {"bytecode", bytecode}, {0},
    };
    return run_kernels(kernels, argc, argv);
}
