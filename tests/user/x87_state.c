// x87's whole state in memory: FNSAVE, FRSTOR, FNSTENV, FLDENV in both widths, FXSAVE and FXRSTOR; but for the addresses of the
// last instruction, which some processors keep and others do not.
// arch: x86_64
#include "guest.h"

static unsigned char area[512] __attribute__((aligned(64)));

static void show(const char *name, int word, int registers) {
    printf("%s:", name);
    for (int i = 0; i < 3; i++)
        printf(" %04x", *(unsigned short *)(area + i * word));
    for (int r = 0; r < registers; r++) {
        printf(" ");
        for (int i = 9; i >= 0; i--)
            printf("%02x", area[7 * word + 10 * r + i]);
    }
    printf("\n");
}

static void state(const char *name) {
    unsigned short control, status;
    asm volatile("fnstcw %0\n\tfnstsw %1" : "=m"(control), "=m"(status));
    asm volatile("fxsave64 %0" : "=m"(area));
    printf("%s: control %x status %x tags %x top %02x%02x\n", name, control, status, area[4], area[41], area[40]);
}

#define FILL "fninit\n\tfld1\n\tfldpi\n\tfldz\n\tfldl2e\n\tfld %%st(1)\n\tfdivp %%st, %%st(1)\n\tfincstp\n\tfdecstp\n\tfcompp\n\t"

int main(void) {
    asm volatile(FILL "fnsave %0" : "=m"(area));
    show("fnsave", 4, 8);
    state("behind fnsave");
    asm volatile(FILL "fnsave %0" : "=m"(area));
    asm volatile("frstor %0" : : "m"(area));
    state("frstor");
    asm volatile(FILL "data16 fnsave %0" : "=m"(area));
    show("fnsave of 16 bits", 2, 8);
    asm volatile("data16 frstor %0" : : "m"(area));
    state("frstor of 16 bits");
    asm volatile("fninit\n\tfld1\n\tfnstenv %0" : "=m"(area));
    show("fnstenv", 4, 0);
    memset(area, 0x55, sizeof area);
    asm volatile("data16 fnstenv %0" : "=m"(area));
    show("fnstenv of 16 bits", 2, 0);
    printf("bytes behind: %02x %02x\n", area[13] == 0x55, area[14]);
    /* Exceptions that are not masked are masked by FNSTENV, and unmasked again by FLDENV, where they wait. */
    unsigned short control = 0x37b, status;
    asm volatile("fninit\n\tfldcw %2\n\tfld1\n\tfldz\n\tfdivrp %%st, %%st(1)\n\tfnstenv %0\n\tfnstsw %1" : "=m"(area), "=m"(status) : "m"(control));
    show("with an exception", 4, 0);
    printf("status behind: %x\n", status);
    asm volatile("fldenv %1\n\tfnstsw %0\n\tfnclex\n\tfninit" : "=m"(status) : "m"(area));
    printf("status of fldenv: %x\n", status);
    /* Flags that stand without the summary, and a summary without flags. */
    *(unsigned short *)area = 0x37e, *(unsigned short *)(area + 4) = 1;
    asm volatile("fldenv %1\n\tfnstsw %0\n\tfnclex\n\tfninit" : "=m"(status) : "m"(area));
    printf("summary made: %x\n", status);
    *(unsigned short *)area = 0x37f, *(unsigned short *)(area + 4) = 0x8081;
    asm volatile("fldenv %1\n\tfnstsw %0\n\tfnclex\n\tfninit" : "=m"(status) : "m"(area));
    printf("summary cleared: %x\n", status);
    asm volatile("fninit\n\tfxsave64 %0" : "=m"(area));
    *(unsigned short *)area = 0x37e, *(unsigned short *)(area + 2) = 1;
    asm volatile("fxrstor64 %1\n\tfnstsw %0\n\tfnclex\n\tfninit" : "=m"(status) : "m"(area));
    printf("summary of fxrstor: %x\n", status);
    return 0;
}
