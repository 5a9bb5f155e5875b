// Registers and instructions that EL0 may use: CTR, DCZID, TPIDR, identification by emulation, DC and IC, hints.
// arch: aarch64
#include "guest.h"
#include <sys/auxv.h>

#define READ(name) ({ uint64_t v_; __asm__ volatile("mrs %0, " name : "=r"(v_)); v_; })

int main(void) {
    uint64_t ctr = READ("ctr_el0");
    check("CTR_EL0 lines", (ctr & 15) <= 9 && (ctr >> 16 & 15) <= 9 && (ctr & 15) >= 2);
    uint64_t zero = READ("dczid_el0");
    unsigned block = 4u << (zero & 15);
    check("DCZID_EL0", (zero & 16) == 0 && block >= 16 && block <= 2048);
    static unsigned char area[8192] __attribute__((aligned(2048)));
    memset(area, 1, sizeof area);
    __asm__ volatile("dc zva, %0" : : "r"(area + 2048 + 5) : "memory");
    int zeros = 0;
    for (unsigned i = 0; i < sizeof area; i++)
        zeros += area[i] == 0;
    check("DC ZVA zeroes one aligned block", zeros == (int)block && area[2048] == 0 && area[2047] == 1);
    __asm__ volatile("dc cvau, %0\n dc cvac, %0\n dc civac, %0\n ic ivau, %0\n dsb sy\n isb" : : "r"(area) : "memory");
    uint64_t thread = READ("tpidr_el0");
    __asm__ volatile("msr tpidr_el0, %0" : : "r"(0x123456789abcdefull));
    uint64_t changed = READ("tpidr_el0");
    __asm__ volatile("msr tpidr_el0, %0" : : "r"(thread));
    check("TPIDR_EL0", changed == 0x123456789abcdef);
    check("TPIDRRO_EL0 is 0", READ("tpidrro_el0") == 0);
    /* Linux emulates reads of the identification registers. */
    uint64_t midr = READ("midr_el1"), pfr0 = READ("id_aa64pfr0_el1"), isar0 = READ("id_aa64isar0_el1");
    check("MIDR_EL1 has the architecture by features", (midr >> 16 & 15) == 15);
    check("ID_AA64PFR0_EL1 has FP and AdvSIMD", (pfr0 >> 16 & 15) < 2 && (pfr0 >> 20 & 15) < 2);
    check("ID_AA64ISAR0_EL1 and HWCAP agree on atomics", (isar0 >> 20 & 15) >= 2 == (getauxval(AT_HWCAP) >> 8 & 1));
    check("ID_AA64ISAR0_EL1 and HWCAP agree on AES", (isar0 >> 4 & 15) >= 1 == (getauxval(AT_HWCAP) >> 3 & 1));
    uint64_t flags;
    __asm__ volatile("msr nzcv, %1\n mrs %0, nzcv" : "=r"(flags) : "r"(0xffffffffffffffffull) : "cc");
    printf("NZCV keeps %#" PRIx64 "\n", flags);
    __asm__ volatile("nop\n yield\n wfe\n sev\n sevl\n wfe\n hint #20\n hint #32\n hint #34\n hint #127\n csdb\n dmb ish\n dsb ish\n isb" : : : "memory");
    printf("hints passed\n");
    return 0;
}
