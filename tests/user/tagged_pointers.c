// The top byte of a data address is ignored by loads, stores, atomics and cache operations, not by branches' targets read back.
// arch: aarch64
#include "guest.h"
#include <setjmp.h>

static sigjmp_buf back;
static volatile uintptr_t address;
static void handler(int number, siginfo_t *info, void *context) {
    address = (uintptr_t)info->si_addr;
    siglongjmp(back, 1);
}

int main(void) {
    static uint64_t data[256] __attribute__((aligned(2048))); /* room for the largest DC ZVA block */
    uint64_t *tagged = (uint64_t *)((uintptr_t)data | 0xa5ull << 56);
    for (int i = 0; i < 64; i++)
        tagged[i] = i * 3;
    uint64_t sum = 0;
    for (int i = 0; i < 64; i++)
        sum += data[i] + tagged[63 - i];
    printf("sum %" PRIu64 "\n", sum);
    __atomic_fetch_add(&tagged[1], 100, __ATOMIC_SEQ_CST);
    uint64_t expected = 103;
    check("compare and swap", __atomic_compare_exchange_n(&tagged[1], &expected, 7, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    __asm__ volatile("stp %1, %2, [%0], #16\n ldp x9, x10, [%0, #-16]\n str q0, [%0]\n dc zva, %0\n prfm pldl1keep, [%0]"
                     : "+r"(tagged) : "r"(1ull), "r"(2ull) : "x9", "x10", "memory");
    check("base keeps its tag", (uintptr_t)tagged >> 56 == 0xa5);
    check("pointers differ by tag", (uintptr_t)tagged != ((uintptr_t)tagged & ~(0xffull << 56)));
    static char text[100];
    memset((char *)((uintptr_t)text | 1ull << 60), 'x', 50);
    printf("strlen %zu\n", strlen((char *)((uintptr_t)text | 2ull << 60)));
    on_signal(SIGSEGV, handler, 0);
    volatile uint64_t *bad = (uint64_t *)(0x5a00000000001238ull);
    if (!sigsetjmp(back, 1))
        *bad = 1;
    printf("fault address %#" PRIxPTR "\n", address);
    return 0;
}
