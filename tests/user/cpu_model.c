// arch: aarch64
// options: -cpu cortex-a53
// The model of -cpu shows in AT_HWCAP, in the identification registers and in /proc/cpuinfo.
#include "guest.h"
#include <sys/auxv.h>

#define READ(name) ({ uint64_t v; __asm__("mrs %0, " name : "=r"(v)); v; })

int main(void) {
    /* The event stream (bit 2) is the kernel's. */
    printf("hwcap %#lx hwcap2 %#lx\n", getauxval(AT_HWCAP) & ~4ul, getauxval(AT_HWCAP2));
    printf("midr %#" PRIx64 "\n", READ("midr_el1"));
    printf("isar0 %#" PRIx64 " isar1 %#" PRIx64 "\n", READ("id_aa64isar0_el1"), READ("id_aa64isar1_el1"));
    char line[512];
    FILE *f = fopen("/proc/cpuinfo", "r");
    int lines = 0;
    while (fgets(line, sizeof line, f) && line[0] != '\n')
        if (!strncmp(line, "CPU ", 4) && ++lines)
            fputs(line, stdout);
        else if (!strncmp(line, "Features", 8))
            printf("crc32 %d atomics %d\n", !!strstr(line, " crc32"), !!strstr(line, " atomics"));
    fclose(f);
    return 0;
}
