// Pseudo-terminals: termios, window size, line discipline, signals from the keyboard, job control.
// variants: static dynamic
#include "guest.h"
#include <sys/ioctl.h>
#include <termios.h>

static volatile int resized;
static void on_resize(int number, siginfo_t *info, void *context) { resized++; }

int main(void) {
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    check("posix_openpt", master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    unsigned number = 99999;
    check("TIOCGPTN", ioctl(master, TIOCGPTN, &number) == 0 && number < 9999);
    char name[64], expected[64];
    ptsname_r(master, name, sizeof name);
    snprintf(expected, sizeof expected, "/dev/pts/%u", number);
    check("ptsname", strcmp(name, expected) == 0);
    int slave = open(name, O_RDWR | O_NOCTTY);
    check("isatty", slave >= 0 && isatty(slave) && !isatty(open("/dev/null", O_RDONLY)));
    struct termios t;
    check("tcgetattr", tcgetattr(slave, &t) == 0);
    printf("canonical %d echo %d intr %d eof %d speed %d\n", !!(t.c_lflag & ICANON), !!(t.c_lflag & ECHO), t.c_cc[VINTR], t.c_cc[VEOF],
           cfgetospeed(&t) == B38400);
    struct winsize size = {40, 120, 0, 0}, back = {0};
    ioctl(master, TIOCSWINSZ, &size);
    ioctl(slave, TIOCGWINSZ, &back);
    printf("window %d x %d\n", back.ws_row, back.ws_col);
    write(master, "line one\n", 9);
    char text[64] = "";
    ssize_t n = read(slave, text, sizeof text);
    printf("line discipline gives %zd: %.*s", n, (int)n, text);
    n = read(master, text, sizeof text);
    printf("echo has %zd bytes, carriage return %d\n", n, text[n - 2] == '\r');
    t.c_lflag &= ~(ICANON | ECHO);
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    tcsetattr(slave, TCSANOW, &t);
    tcgetattr(slave, &t);
    printf("raw now %d min %d\n", !(t.c_lflag & ICANON), t.c_cc[VMIN]);
    write(master, "k", 1);
    n = read(slave, text, sizeof text);
    printf("one key %zd\n", n);
    int waiting = 0;
    write(master, "abc", 3);
    sleep_ms(20);
    ioctl(slave, FIONREAD, &waiting);
    printf("FIONREAD %d\n", waiting);
    tcflush(slave, TCIOFLUSH);
    ioctl(slave, FIONREAD, &waiting);
    printf("after tcflush %d\n", waiting);
    pid_t child = fork();
    if (child == 0) {
        setsid();
        int terminal = open(name, O_RDWR);
        ioctl(terminal, TIOCSCTTY, 0);
        t.c_lflag |= ICANON | ISIG;
        tcsetattr(terminal, TCSANOW, &t);
        on_signal(SIGWINCH, on_resize, 0);
        int leader = tcgetpgrp(terminal) == getpid();
        write(terminal, leader ? "ready" : "wrong", 5);
        for (int i = 0; i < 2000 && !resized; i++)
            sleep_ms(1);
        write(terminal, resized ? "sized" : "wrong", 5);
        pause();
        _exit(1);
    }
    read(master, text, 5);
    printf("child: %.5s\n", text);
    size.ws_row = 50;
    ioctl(master, TIOCSWINSZ, &size);
    read(master, text, 5);
    printf("child: %.5s\n", text);
    write(master, "\003", 1);
    int status;
    waitpid(child, &status, 0);
    say_status("control-C", status);
    return 0;
}
