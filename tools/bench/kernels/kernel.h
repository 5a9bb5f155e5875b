/* Shared by the kernels: `PROGRAM NAME COUNT` runs kernel NAME with COUNT steps and prints a checksum. */
#ifndef KERNEL_H
#define KERNEL_H
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct kernel {
    const char *name;
    uint64_t (*run)(long count);
};

static inline uint32_t next_random(uint32_t *state) { return *state = *state * 1664525u + 1013904223u; }

static inline int run_kernels(const struct kernel *kernels, int argc, char **argv) {
    if (argc == 3)
        for (; kernels->name; kernels++)
            if (strcmp(kernels->name, argv[1]) == 0) {
                printf("%s %016llx\n", argv[1], (unsigned long long)kernels->run(atol(argv[2])));
                return 0;
            }
    fprintf(stderr, "usage: %s KERNEL COUNT\n", argv[0]);
    return 2;
}
#endif
