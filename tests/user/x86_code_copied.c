// Code that has run is written over by REP MOVSB, more than a page at once: the new one runs, and what is behind it as well.
// arch: x86_64
#include "guest.h"

enum { PAGE = 4096, PAGES = 3, STEP = 64 };

/* mov eax, value; ret, at each step. */
static void fill(unsigned char *at, unsigned first) {
    for (unsigned n = 0; n < PAGES * PAGE / STEP; n++) {
        unsigned char code[6] = {0xb8};
        unsigned value = first + n;
        memcpy(code + 1, &value, 4);
        code[5] = 0xc3;
        memcpy(at + n * STEP, code, 6);
    }
}

static unsigned long run(unsigned char *code) {
    unsigned long sum = 0;
    for (int n = 0; n < PAGES * PAGE; n += STEP)
        sum = sum * 31 + ((unsigned (*)(void))(code + n))();
    return sum;
}

static unsigned char source[PAGES * PAGE];

int main(void) {
    unsigned char *code = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    fill(code, 0);
    unsigned long sum = 0;
    for (int round = 0; round < 200; round++) {
        for (int again = 0; again < (round % 50 ? 2 : 3000); again++)
            sum += run(code);
        fill(source, 1000 * round);
        /* All of it, or from within a page to within the last. */
        long at = round % 2 ? 0 : 5 * STEP + 3, n = PAGES * PAGE - 2 * at;
        void *to = code + at, *from = source + at;
        __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
        sum += run(code) + n;
    }
    printf("%lx\n", sum);
    return 0;
}
