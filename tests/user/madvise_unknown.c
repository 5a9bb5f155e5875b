// madvise refuses advice it does not know.
// peer: returns 0 for any advice
#include "guest.h"

int main(void) {
    char *area = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK_ERRNO("advice 9999", madvise(area, 4096, 9999), EINVAL);
    return 0;
}
