// arch: aarch64
// options: -R 1G
// peer: its stack may lie elsewhere
// The address space of -R: nothing of the program lies above it, and it cannot map there.
#include "guest.h"

#define TOP (1ul << 30)

int main(void) {
    int local;
    check("stack", (uintptr_t)&local < TOP);
    check("heap", (uintptr_t)sbrk(0) < TOP);
    check("mmap", (uintptr_t)mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) < TOP);
    CHECK_ERRNO("mmap above", (intptr_t)mmap((void *)TOP, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), ENOMEM);
    CHECK_ERRNO("mmap of more", (intptr_t)mmap(NULL, TOP, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
    return 0;
}
