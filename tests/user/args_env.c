// Arguments and environment reach the guest in order and unchanged.
// variants: static dynamic static-pie
// args: one 'two words' '' 'tab	inside' --help -- 'ünïcode'
// env: FIRST=1 EMPTY= SPACED='a b' QEMU_LOOKALIKE=x
// exit: 8
#include "guest.h"

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        printf("argv[%d]=<%s>\n", i, argv[i]);
    check("argv ends with NULL", argv[argc] == NULL);
    const char *names[] = {"FIRST", "EMPTY", "SPACED", "QEMU_LOOKALIKE", "ABSENT"};
    for (int i = 0; i < 5; i++) {
        const char *value = getenv(names[i]);
        printf("%s=%s\n", names[i], value ? value : "(none)");
    }
    const char *slash = strrchr(argv[0], '/');
    printf("base is args_env*: %d\n", slash && strncmp(slash + 1, "args_env", 8) == 0);
    return argc;
}
