// arch: aarch64
// Code that a program writes through /proc/self/mem or process_vm_writev runs as written.
#include "guest.h"
#include <sys/uio.h>

typedef int (*function)(void);

/* movz w0, #value */
static uint32_t movz(unsigned value) {
    return 0x52800000 | value << 5;
}

int main(void) {
    uint32_t *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    code[0] = movz(1);
    code[1] = 0xd65f03c0; /* ret */
    __builtin___clear_cache((char *)code, (char *)(code + 2));
    mprotect(code, 4096, PROT_READ | PROT_EXEC);
    function f = (function)code;
    int sum = 0;
    for (int i = 0; i < 20000; i++)
        sum += f();
    printf("as made: %d\n", sum);

    int fd = open("/proc/self/mem", O_RDWR);
    uint32_t word = movz(2);
    check("pwrite over read-only code", pwrite(fd, &word, 4, (off_t)(uintptr_t)code) == 4);
    printf("after pwrite: %d\n", f());
    word = movz(3);
    check("lseek", lseek(fd, (off_t)(uintptr_t)code, SEEK_SET) == (off_t)(uintptr_t)code);
    check("write", write(fd, &word, 4) == 4);
    printf("after write: %d\n", f());
    check("position", lseek(fd, 0, SEEK_CUR) == (off_t)(uintptr_t)code + 4);
    word = movz(4);
    struct iovec one = {&word, 4};
    check("pwritev", pwritev(fd, &one, 1, (off_t)(uintptr_t)code) == 4);
    printf("after pwritev: %d\n", f());
    uint32_t seen = 0;
    check("pread", pread(fd, &seen, 4, (off_t)(uintptr_t)code) == 4 && seen == word);
    close(fd);

    mprotect(code, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
    f();
    word = movz(5);
    struct iovec there = {code, 4};
    check("process_vm_writev", process_vm_writev(getpid(), &one, 1, &there, 1, 0) == 4);
    printf("after process_vm_writev: %d\n", f());
    return 0;
}
