// The program break and the allocator over it.
// variants: static dynamic
// peer-dynamic: the break of a position-independent program cannot grow 1 MiB
#include "guest.h"
#include <malloc.h>

static uint32_t state = 12345;
static uint32_t next_random(void) { return state = state * 1664525u + 1013904223u; }

static int break_grows_and_shrinks(void) {
    char *start = sbrk(0);
    if (sbrk(1 << 20) != start)
        return 0;
    memset(start, 0x5a, 1 << 20);
    if (start[(1 << 20) - 1] != 0x5a || sbrk(0) != start + (1 << 20))
        return 0;
    sbrk(-(1 << 20));
    if (sbrk(0) != start)
        return 0;
    /* Pages given back and taken again are zero. */
    sbrk(1 << 20);
    for (int i = 8192; i < 1 << 20; i += 4096)
        if (start[i])
            return 0;
    sbrk(-(1 << 20));
    return 1;
}

int main(void) {
    check("brk grows, shrinks, zeroes", break_grows_and_shrinks());
    char *now = sbrk(0);
    check("brk(0) returns the break", (char *)syscall(SYS_brk, 0) == now);
    check("brk below the start is refused", (char *)syscall(SYS_brk, 4096) == now);
    check("brk far above is refused", (char *)syscall(SYS_brk, 1L << 60) == now);
    enum { SLOTS = 500 };
    static unsigned char *slot[SLOTS];
    static size_t size[SLOTS];
    unsigned long sum = 0;
    int intact = 1;
    for (int turn = 0; turn < 20000; turn++) {
        int i = next_random() % SLOTS;
        if (slot[i]) {
            for (size_t k = 0; k < size[i]; k += 61)
                intact &= slot[i][k] == (unsigned char)(i + k);
            if (next_random() & 1) {
                free(slot[i]);
                slot[i] = NULL;
                continue;
            }
        }
        size_t bytes = next_random() % ((turn & 63) ? 2000 : 300000) + 1;
        slot[i] = realloc(slot[i], bytes);
        size[i] = bytes;
        for (size_t k = 0; k < bytes; k++)
            slot[i][k] = (unsigned char)(i + k);
        sum += bytes;
    }
    check("allocations keep their bytes", intact);
    printf("bytes asked for: %lu\n", sum);
    void *aligned;
    check("posix_memalign", posix_memalign(&aligned, 65536, 100) == 0 && (uintptr_t)aligned % 65536 == 0);
    check("huge malloc fails", malloc((size_t)1 << 62) == NULL && errno == ENOMEM);
    void *zeroed = calloc(1, 3 << 20);
    int zero = 1;
    for (int i = 0; i < 3 << 20; i += 1000)
        zero &= ((char *)zeroed)[i] == 0;
    check("calloc is zero", zero);
    return 0;
}
