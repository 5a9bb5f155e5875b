// The dynamic loader: dlopen of libraries, symbols, thread-local storage in them, constructors, errors, versions.
// variants: dynamic
// flags: -ldl -pthread
#include "guest.h"
#include <dlfcn.h>
#include <link.h>
#include <math.h>

static int constructed;
__attribute__((constructor(101))) static void early(void) { constructed = constructed * 10 + 1; }
__attribute__((constructor(102))) static void later(void) { constructed = constructed * 10 + 2; }
static void at_exit(void) { printf("exit handler\n"); }
__attribute__((destructor)) static void last(void) { printf("destructor\n"); }

static int count_object(struct dl_phdr_info *info, size_t size, void *data) {
    ++*(int *)data;
    return 0;
}

int main(void) {
    atexit(at_exit);
    printf("constructors %d\n", constructed);
    void *math = dlopen("libm.so.6", RTLD_NOW);
    double (*cosine)(double) = math ? dlsym(math, "cos") : NULL;
    printf("cos(1) %.12f\n", cosine ? cosine(1.0) : 0);
    void *cxx = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_LOCAL);
    check("libstdc++", cxx != NULL);
    check("a symbol of it", cxx && dlsym(cxx, "__cxa_throw") != NULL);
    check("missing library", dlopen("libdoesnotexist.so", RTLD_NOW) == NULL && strstr(dlerror(), "cannot open"));
    check("missing symbol", dlsym(RTLD_DEFAULT, "no_such_symbol") == NULL && dlerror() != NULL);
    check("versioned symbol", dlvsym(RTLD_DEFAULT, "gettid", "GLIBC_2.30") != NULL);
    Dl_info info;
    check("dladdr", dladdr((void *)cosine, &info) && strstr(info.dli_fname, "libm"));
    int objects = 0;
    dl_iterate_phdr(count_object, &objects);
    check("dl_iterate_phdr", objects >= 4);
    if (cxx)
        check("dlclose", dlclose(cxx) == 0);
    return 0;
}
