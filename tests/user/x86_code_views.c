// Code that changes through another view of the same memory: processors of x86 need no call for that.
// arch: x86_64
#include "guest.h"

typedef long (*function)(long);

/* lea rax, [rdi + value]; ret */
static void write_adder(unsigned char *code, int value) {
    memcpy(code, (unsigned char[]){0x48, 0x8d, 0x87, value, value >> 8, value >> 16, value >> 24, 0xc3}, 8);
}

static unsigned char *writable, *executable;

static void open_views(int bytes) {
    int fd = memfd_create("code", 0);
    ftruncate(fd, bytes);
    writable = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    executable = mmap(NULL, bytes, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    close(fd);
}

static void two_maps(void) {
    open_views(8192);
    long sum = 0;
    for (int i = 0; i < 2000; i++) {
        int at = i % 100 * 16;
        write_adder(writable + at, i);
        sum += ((function)(executable + at))(1);
    }
    printf("two maps of a memfd: %ld\n", sum);
    /* Hot code changes, then cold code of the page. */
    long x = 0;
    write_adder(writable, 1);
    for (int i = 0; i < 200000; i++)
        x = ((function)executable)(x);
    write_adder(writable, -1);
    for (int i = 0; i < 5000; i++)
        x = ((function)executable)(x);
    printf("hot code changed: %ld\n", x);
}

static void by_the_kernel(void) {
    int pipes[2];
    pipe(pipes);
    long sum = 0;
    for (int i = 0; i < 500; i++) {
        unsigned char code[8];
        write_adder(code, 3 * i);
        write(pipes[1], code, 8);
        read(pipes[0], writable + 4096, 8);
        sum += ((function)(executable + 4096))(2);
    }
    printf("read into by the kernel: %ld\n", sum);
}

static void views_come_and_go(void) {
    long sum = 0;
    for (int i = 0; i < 300; i++) {
        sum += ((function)executable)(7);
        unsigned char *more = mremap(writable, 0, 8192, MREMAP_MAYMOVE);
        write_adder(more, i);
        munmap(more, 8192);
        mprotect(writable, 8192, PROT_READ);
        sum += ((function)executable)(7);
        mprotect(writable, 8192, PROT_READ | PROT_WRITE);
        write_adder(writable, 2 * i);
        sum += ((function)executable)(7);
    }
    printf("views come and go: %ld\n", sum);
    munmap(executable, 8192);
    write_adder(writable, 5);
    printf("the other view alone: %d\n", writable[3]);
}

/* Code that changes the next instruction through the other view while it runs. */
static void its_own_code(void) {
    open_views(4096);
    /* mov [rsi + 7], dil; mov eax, 0; ret: the store changes the constant in the next instruction's first byte */
    unsigned char code[] = {0x40, 0x88, 0x7e, 0x05, 0xb8, 0, 0, 0, 0, 0xc3};
    memcpy(writable, code, sizeof code);
    long sum = 0;
    for (int i = 0; i < 300; i++) {
        long r = ((long (*)(long, unsigned char *))executable)(i & 127, writable);
        /* Through another linear address it may still be the old instruction; then it is the new one at the next call. */
        sum += r == (i & 127) || r == (i ? (i - 1) & 127 : 0);
        getppid();
    }
    printf("its own code: %ld\n", sum);
}

int main(void) {
    two_maps();
    by_the_kernel();
    views_come_and_go();
    its_own_code();
    return 0;
}
