// Sockets: unix pairs with descriptors and credentials passed, loopback TCP and UDP, options, errors, message vectors.
// variants: static dynamic
// flags: -pthread
#include "guest.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

static void pairs(void) {
    int ends[2];
    check("socketpair", socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    int on = 1;
    setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
    int file = open("passed", O_RDWR | O_CREAT, 0600);
    write(file, "through a socket", 16);
    char control[CMSG_SPACE(2 * sizeof(int))] = {0};
    struct iovec parts[2] = {{"one ", 4}, {"two", 3}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    *header = (struct cmsghdr){.cmsg_len = CMSG_LEN(2 * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(header), (int[]){file, file}, 2 * sizeof(int));
    printf("sendmsg %zd\n", sendmsg(ends[0], &message, 0));
    char text[32] = "", room[256];
    struct iovec into = {text, sizeof text};
    struct msghdr got = {.msg_iov = &into, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    ssize_t received = recvmsg(ends[1], &got, MSG_CMSG_CLOEXEC);
    printf("recvmsg %zd <%s> flags %#x\n", received, text, got.msg_flags & ~MSG_CMSG_CLOEXEC);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&got); c; c = CMSG_NXTHDR(&got, c))
        if (c->cmsg_type == SCM_RIGHTS) {
            int fds[2];
            memcpy(fds, CMSG_DATA(c), sizeof fds);
            char content[32] = "";
            pread(fds[1], content, 31, 0);
            printf("descriptors carry <%s> cloexec %d\n", content, fcntl(fds[0], F_GETFD));
        } else if (c->cmsg_type == SCM_CREDENTIALS) {
            struct ucred credentials;
            memcpy(&credentials, CMSG_DATA(c), sizeof credentials);
            printf("credentials of itself %d\n", credentials.pid == getpid() && credentials.uid == getuid());
        }
    struct ucred peer;
    socklen_t size = sizeof peer;
    getsockopt(ends[0], SOL_SOCKET, SO_PEERCRED, &peer, &size);
    check("SO_PEERCRED", size == sizeof peer && peer.pid == getpid());
}

static void named(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "listener"};
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    check("bind", bind(server, (void *)&address, sizeof address) == 0 && listen(server, 5) == 0);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    check("connect", connect(client, (void *)&address, sizeof address) == 0);
    struct sockaddr_un from;
    socklen_t size = sizeof from;
    int accepted = accept4(server, (void *)&from, &size, SOCK_CLOEXEC);
    printf("peer address length %u\n", size);
    size = sizeof from;
    getsockname(accepted, (void *)&from, &size);
    printf("own name %s\n", from.sun_path);
    shutdown(client, SHUT_WR);
    char byte;
    printf("end of stream %zd\n", read(accepted, &byte, 1));
    CHECK_ERRNO("address in use", bind(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&address, sizeof address), EADDRINUSE);
    struct sockaddr_un abstract = {.sun_family = AF_UNIX};
    int length = snprintf(abstract.sun_path + 1, 50, "guest-%d", getpid());
    check("abstract name", bind(socket(AF_UNIX, SOCK_DGRAM, 0), (void *)&abstract,
                                offsetof(struct sockaddr_un, sun_path) + 1 + length) == 0);
}

static int server_port;
static void *echo(void *argument) {
    int listener = (int)(long)argument, fd = accept(listener, NULL, NULL);
    char buffer[4096];
    ssize_t n;
    while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0)
        send(fd, buffer, n, MSG_NOSIGNAL);
    close(fd);
    return NULL;
}

static void internet(void) {
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    bind(listener, (void *)&address, sizeof address);
    listen(listener, 5);
    socklen_t size = sizeof address;
    getsockname(listener, (void *)&address, &size);
    server_port = ntohs(address.sin_port);
    check("port given", server_port > 0);
    pthread_t thread;
    pthread_create(&thread, NULL, echo, (void *)(long)listener);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    check("connect", connect(fd, (void *)&address, sizeof address) == 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int value = 0;
    size = sizeof value;
    getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &size);
    printf("TCP_NODELAY %d size %u\n", value != 0, size);
    getsockopt(fd, SOL_SOCKET, SO_TYPE, &value, &size);
    printf("SO_TYPE %d\n", value);
    struct timeval limit = {5, 0}, read_back;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    size = sizeof read_back;
    getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &read_back, &size);
    printf("SO_RCVTIMEO %ld\n", (long)read_back.tv_sec);
    static char data[100000], back[100000];
    for (int i = 0; i < 100000; i++)
        data[i] = i * 7 % 251;
    size_t sent = 0, received = 0;
    while (received < sizeof data) {
        if (sent < sizeof data) {
            ssize_t n = send(fd, data + sent, sizeof data - sent > 3000 ? 3000 : sizeof data - sent, 0);
            sent += n > 0 ? n : 0;
        }
        ssize_t n = recv(fd, back + received, sizeof back - received, 0);
        if (n <= 0)
            break;
        received += n;
    }
    check("echo of 100000 bytes", received == sizeof data && memcmp(data, back, sizeof data) == 0);
    close(fd);
    pthread_join(thread, NULL);
    close(listener);
    CHECK_ERRNO("nobody listens", connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&address, sizeof address), ECONNREFUSED);
    int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);
    address.sin_port = 0;
    bind(a, (void *)&address, sizeof address);
    size = sizeof address;
    getsockname(a, (void *)&address, &size);
    struct iovec one = {"first", 5}, two = {"second", 6};
    struct mmsghdr many[2] = {{{&address, sizeof address, &one, 1}}, {{&address, sizeof address, &two, 1}}};
    printf("sendmmsg %d\n", sendmmsg(b, many, 2, 0));
    char first[16] = "", second[16] = "";
    struct iovec in[2] = {{first, 15}, {second, 15}};
    struct mmsghdr got[2] = {{{NULL, 0, &in[0], 1}}, {{NULL, 0, &in[1], 1}}};
    printf("recvmmsg %d", recvmmsg(a, got, 2, 0, NULL));
    printf(" %s %u %s %u\n", first, got[0].msg_len, second, got[1].msg_len);
    CHECK_ERRNO("unknown family", socket(200, SOCK_STREAM, 0), EAFNOSUPPORT);
    CHECK_ERRNO("not a socket", getsockname(open("/", O_RDONLY), (void *)&address, &size), ENOTSOCK);
    int six = socket(AF_INET6, SOCK_STREAM, 0);
    check("IPv6 socket", six >= 0 || errno == EAFNOSUPPORT);
    char host[64];
    inet_ntop(AF_INET6, &(struct in6_addr)IN6ADDR_LOOPBACK_INIT, host, sizeof host);
    printf("inet_ntop %s\n", host);
}

int main(void) {
    pairs();
    named();
    internet();
    return 0;
}
