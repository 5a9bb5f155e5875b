// The C floating-point environment: rounding modes, sticky flags, holding and restoring, printing and conversion.
// variants: static dynamic
// flags: -frounding-math -ffp-contract=off
#include "guest.h"
#include <fenv.h>
#include <math.h>

static volatile double one = 1, three = 3, tenth = 0.1, huge = 1e308, tiny = 1e-308, zero = 0, half = 2.5, minus_half = -2.5;
static volatile float onef = 1, threef = 3;

static uint64_t bits(double x) {
    uint64_t b;
    memcpy(&b, &x, 8);
    return b;
}

static void flags(const char *what) {
    int raised = fetestexcept(FE_ALL_EXCEPT);
    printf("%s:%s%s%s%s%s\n", what, raised & FE_INVALID ? " invalid" : "", raised & FE_DIVBYZERO ? " divbyzero" : "",
           raised & FE_OVERFLOW ? " overflow" : "", raised & FE_UNDERFLOW ? " underflow" : "",
           raised & FE_INEXACT ? " inexact" : "");
    feclearexcept(FE_ALL_EXCEPT);
}

int main(void) {
    int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    const char *names[] = {"nearest", "upward", "downward", "towardzero"};
    for (int i = 0; i < 4; i++) {
        check("fesetround", fesetround(modes[i]) == 0 && fegetround() == modes[i]);
        float f = onef / threef;
        uint32_t fb;
        memcpy(&fb, &f, 4);
        printf("%s: 1/3 %016" PRIx64 " -1/3 %016" PRIx64 " float %08x 0.1*3 %016" PRIx64 " sqrt3 %016" PRIx64 "\n", names[i],
               bits(one / three), bits(-one / three), fb, bits(tenth * three), bits(sqrt(three)));
        printf("  rint %g %g %g lrint %ld nearbyint %g round %g trunc %g floor %g ceil %g\n", rint(half), rint(minus_half),
               rint(0.5 * three), lrint(half), nearbyint(minus_half), round(half), trunc(minus_half), floor(minus_half), ceil(half));
        printf("  overflow %016" PRIx64 " underflow %016" PRIx64 " to float %08x int %d\n", bits(huge * huge), bits(tiny * tiny),
               (fb = 0, f = (float)tenth, memcpy(&fb, &f, 4), fb), (int)(half * three));
    }
    fesetround(FE_TONEAREST);
    feclearexcept(FE_ALL_EXCEPT);
    volatile double r;
    r = one + three; flags("1+3");
    r = one / three; flags("1/3");
    r = one / zero; flags("1/0");
    r = zero / zero; flags("0/0");
    r = huge * huge; flags("overflow");
    r = tiny * tiny; flags("underflow");
    r = tiny / 1e10; flags("subnormal inexact");
    r = tiny * 0.5; flags("subnormal exact");
    r = sqrt(-one); flags("sqrt(-1)");
    volatile int i = (int)(one * 1e20); flags("conversion overflow");
    i = (int)half; flags("conversion inexact");
    r = INFINITY - INFINITY; flags("inf-inf constant");
    volatile double inf = INFINITY, nan = NAN;
    r = inf - inf; flags("inf-inf");
    r = inf * zero; flags("inf*0");
    r = nan + one; flags("quiet nan");
    i = nan < one; flags("ordered compare with nan");
    i = nan == one; flags("equal compare with nan");
    i = isless(nan, one); flags("isless with nan");
    r = fma(tenth, tenth, -0.01); flags("fma");
    printf("fma %016" PRIx64 "\n", bits(r));
    feraiseexcept(FE_OVERFLOW | FE_INEXACT);
    fenv_t saved;
    feholdexcept(&saved);
    flags("held");
    r = one / zero;
    feupdateenv(&saved);
    flags("updated");
    fegetenv(&saved);
    fesetround(FE_UPWARD);
    fesetenv(&saved);
    printf("restored mode is nearest: %d\n", fegetround() == FE_TONEAREST);
    fesetenv(FE_DFL_ENV);
    printf("%.20g %a %.3e %g %g %g %.0f\n", 0.1, 0.1, 12345.678, 1e-320, INFINITY, -0.0, 2.5);
    printf("%.17g %.17g %.17g %.17g\n", strtod("0x1.8p-1074", NULL), strtod("2.2250738585072011e-308", NULL),
           strtod("1.7976931348623159e308", NULL), strtod("0.1e-400", NULL));
    printf("%.15g %.15g %.15g %.15g %.15g\n", sin(1e6), exp(-3.3), pow(1.1, 99), atan2(-1, -2), log1p(1e-9));
    printf("%d %d %ld %.15g %.15g\n", ilogb(1e-310), fpclassify(1e-310) == FP_SUBNORMAL, lround(-2.5), fmod(-7.5, 2), remainder(7.5, 2));
    long double quad = 1.0L / 3;
    printf("long double %.10Lf\n", quad * 3);
    return 0;
}
