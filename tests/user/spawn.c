// posix_spawn and vfork: a missing program is reported, the child shares memory until it execs.
// peer: vfork is a plain fork, so a failed spawn is not reported
#include "guest.h"
#include <spawn.h>

extern char **environ;

int main(int argc, char **argv) {
    if (argc > 1) {
        printf("spawned with <%s>\n", argv[1]);
        return 4;
    }
    pid_t child = -1;
    int status;
    char *missing[] = {"missing", NULL};
    printf("missing program: %d\n", posix_spawn(&child, "/does/not/exist", NULL, NULL, missing, environ));
    printf("missing in PATH: %d\n", posix_spawnp(&child, "no-such-command", NULL, NULL, missing, environ));
    char *again[] = {"spawn", "hello", NULL};
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "out.txt", O_CREAT | O_WRONLY, 0600);
    printf("spawn: %d\n", posix_spawn(&child, "/proc/self/exe", &actions, NULL, again, environ));
    waitpid(child, &status, 0);
    say_status("child", status);
    char text[64] = "";
    int fd = open("out.txt", O_RDONLY);
    read(fd, text, sizeof text - 1);
    printf("its output: %s", text);
    posix_spawn_file_actions_addopen(&actions, 2, "/does/not/exist", O_RDONLY, 0);
    printf("failing action: %d\n", posix_spawn(&child, "/proc/self/exe", &actions, NULL, again, environ));
    volatile int shared = 1;
    child = vfork();
    if (child == 0) {
        shared = 2;
        _exit(9);
    }
    printf("vfork: shared %d\n", shared);
    waitpid(child, &status, 0);
    say_status("vfork child", status);
    FILE *command = popen("echo through the shell; exit 6", "r");
    fgets(text, sizeof text, command);
    printf("popen: %s", text);
    say_status("pclose", pclose(command));
    say_status("system", system("exit 3"));
    return 0;
}
