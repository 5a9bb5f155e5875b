// CNTFRQ_EL0 tells the rate of CNTVCT_EL0.
// arch: aarch64
// peer: CNTFRQ_EL0 reads 0
#include "guest.h"

int main(void) {
    uint64_t frequency, a, b;
    __asm__("mrs %0, cntfrq_el0" : "=r"(frequency));
    check("frequency", frequency >= 1000000 && frequency <= 10000000000);
    int64_t t = monotonic_ns();
    __asm__ volatile("isb\n mrs %0, cntvct_el0" : "=r"(a));
    sleep_ms(200);
    __asm__ volatile("isb\n mrs %0, cntvct_el0" : "=r"(b));
    int64_t passed = monotonic_ns() - t;
    double counted = (double)(b - a) / frequency * 1e9;
    check("rate agrees within a tenth", counted > passed * 0.9 && counted < passed * 1.1);
    return 0;
}
