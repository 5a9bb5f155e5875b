// The auxiliary vector: what libc and runtimes read from it.
// variants: static dynamic
#include "guest.h"
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

extern char **environ;

int main(void) {
    check("AT_PAGESZ is 4096", getauxval(AT_PAGESZ) == 4096);
    check("AT_CLKTCK is 100", getauxval(AT_CLKTCK) == 100);
    check("AT_SECURE is 0", getauxval(AT_SECURE) == 0);
    check("AT_UID", getauxval(AT_UID) == getuid() && getauxval(AT_EUID) == geteuid());
    check("AT_GID", getauxval(AT_GID) == getgid() && getauxval(AT_EGID) == getegid());
    check("AT_PHENT", getauxval(AT_PHENT) == sizeof(Elf64_Phdr));
    Elf64_Phdr *headers = (void *)getauxval(AT_PHDR);
    check("AT_PHDR, AT_PHNUM", headers && getauxval(AT_PHNUM) >= 3 && getauxval(AT_PHNUM) < 30);
    int loads = 0;
    for (unsigned i = 0; i < getauxval(AT_PHNUM); i++)
        loads += headers[i].p_type == PT_LOAD;
    check("program headers hold PT_LOAD", loads >= 1);
    check("AT_ENTRY", getauxval(AT_ENTRY) != 0);
    unsigned char *random = (void *)getauxval(AT_RANDOM);
    int distinct = 0;
    for (int i = 1; i < 16; i++)
        distinct += random[i] != random[0];
    check("AT_RANDOM bytes differ", distinct > 4);
    const char *file = (const char *)getauxval(AT_EXECFN);
    check("AT_EXECFN", file && strstr(file, "auxv") != NULL && access(file, X_OK) == 0);
    const char *platform = (const char *)getauxval(AT_PLATFORM);
#ifdef __aarch64__
    check("AT_PLATFORM", platform && strcmp(platform, "aarch64") == 0);
    unsigned long caps = getauxval(AT_HWCAP);
    check("AT_HWCAP has FP and ASIMD", (caps & 3) == 3);
    check("AT_HWCAP has CPUID", caps >> 11 & 1);
#else
    check("AT_PLATFORM", platform && strcmp(platform, "x86_64") == 0);
    check("AT_HWCAP has FP and ASIMD", 1);
    check("AT_HWCAP has CPUID", 1);
#endif
    /* The vector follows the environment on the stack. */
    char **after = environ;
    while (*after)
        after++;
    ElfW(auxv_t) *vector = (void *)(after + 1);
    int entries = 0, page_size = 0;
    for (; vector->a_type != AT_NULL && entries < 64; vector++, entries++)
        page_size |= vector->a_type == AT_PAGESZ && vector->a_un.a_val == 4096;
    check("vector on the stack", page_size && entries > 10);
    return 0;
}
