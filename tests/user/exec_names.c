// AT_EXECFN, the process's name, argv[0] and /proc/self/exe of a program executed by a link and as a script's interpreter.
#include "guest.h"
#include <sys/auxv.h>
#include <sys/prctl.h>

static char self[4096];

static int tell(char **argv) {
    char name[17] = "", exe[4096] = "";
    prctl(PR_GET_NAME, name);
    readlink("/proc/self/exe", exe, sizeof exe - 1);
    printf("execfn %s, name %s, argv[0] %s, last %s\n", (char *)getauxval(AT_EXECFN), name,
           strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0], argv[2] ? argv[2] : argv[1]);
    check("exe is the file itself", !strcmp(exe, getenv("SELF")));
    check("no descriptor is left open", fcntl(3, F_GETFD) == -1);
    return 0;
}

static void run(const char *path, const char *argument) {
    pid_t child = fork();
    if (child == 0) {
        execl(path, path, argument, NULL);
        perror(path);
        _exit(1);
    }
    waitpid(child, NULL, 0);
}

int main(int argc, char **argv) {
    if (getenv("SELF"))
        return tell(argv);
    readlink("/proc/self/exe", self, sizeof self - 1);
    setenv("SELF", self, 1);
    check("no descriptor is left open", fcntl(3, F_GETFD) == -1);
    unlink("alias");
    symlink(self, "alias");
    FILE *script = fopen("script", "w");
    fprintf(script, "#!%s\n", self);
    fclose(script);
    chmod("script", 0700);
    run("./alias", "word");
    run("./script", "word");
    return 0;
}
