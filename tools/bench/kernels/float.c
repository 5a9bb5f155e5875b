/* Scalar floating point: n-body, Mandelbrot set, matrix product, Fourier transform. */
#include "kernel.h"
#include <math.h>

static uint64_t bits(double x) {
    uint64_t b;
    memcpy(&b, &x, 8);
    return b;
}

static uint64_t nbody(long count) {
    enum { N = 5 };
    static const double start[N][7] = {
        {0, 0, 0, 0, 0, 0, 39.47}, {4.84, -1.16, -0.10, 0.606, 2.811, -0.02, 0.0376}, {8.34, 4.12, -0.4, -1.01, 1.81, 0.008, 0.0112},
        {12.89, -15.11, -0.22, 1.08, 0.868, -0.01, 0.0017}, {15.37, -25.9, 0.179, 0.979, 0.594, -0.034, 0.002},
    };
    double p[N][7];
    memcpy(p, start, sizeof p);
    for (long n = 0; n < count; n++) {
        for (int i = 0; i < N; i++)
            for (int j = i + 1; j < N; j++) {
                double dx = p[i][0] - p[j][0], dy = p[i][1] - p[j][1], dz = p[i][2] - p[j][2];
                double d2 = dx * dx + dy * dy + dz * dz, magnitude = 0.001 / (d2 * sqrt(d2));
                p[i][3] -= dx * p[j][6] * magnitude, p[i][4] -= dy * p[j][6] * magnitude, p[i][5] -= dz * p[j][6] * magnitude;
                p[j][3] += dx * p[i][6] * magnitude, p[j][4] += dy * p[i][6] * magnitude, p[j][5] += dz * p[i][6] * magnitude;
            }
        for (int i = 0; i < N; i++)
            for (int k = 0; k < 3; k++)
                p[i][k] += 0.001 * p[i][k + 3];
    }
    return bits(p[0][0] + p[1][1] + p[2][2]);
}

static uint64_t mandelbrot(long count) {
    uint64_t inside = 0;
    for (long y = 0; y < count; y++)
        for (long x = 0; x < count; x++) {
            double cr = 3.0 * x / count - 2.0, ci = 2.0 * y / count - 1.0, zr = 0, zi = 0;
            int n = 0;
            for (; n < 100 && zr * zr + zi * zi < 4.0; n++) {
                double t = zr * zr - zi * zi + cr;
                zi = 2 * zr * zi + ci;
                zr = t;
            }
            inside = inside * 3 + n;
        }
    return inside;
}

static uint64_t matmul(long count) {
    enum { N = 64 };
    static double a[N][N], b[N][N], c[N][N];
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            a[i][j] = 1.0 / (N * i + j + 1), b[i][j] = (N * i + j) % 17 - 8;
    for (long n = 0; n < count; n++)
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++) {
                double sum = c[i][j] * 0.5;
                for (int k = 0; k < N; k++)
                    sum += a[i][k] * b[k][j];
                c[i][j] = sum;
            }
    double sum = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            sum += c[i][j];
    return bits(sum);
}

static uint64_t fft(long count) {
    enum { BITS = 10, N = 1 << BITS };
    static double re[N], im[N], wr[N], wi[N];
    for (int i = 0; i < N; i++) {
        /* Roots of unity by repeated multiplication, so that no library function rounds differently. */
        wr[i] = i ? wr[i - 1] * 0x1.fff62169b92dbp-1 - wi[i - 1] * 0x1.921d1fcdec784p-8 : 1;
        wi[i] = i ? wr[i - 1] * 0x1.921d1fcdec784p-8 + wi[i - 1] * 0x1.fff62169b92dbp-1 : 0;
        re[i] = i % 7, im[i] = i % 5;
    }
    for (long n = 0; n < count; n++) {
        for (int i = 0; i < N; i++) {
            int r = 0;
            for (int k = 0; k < BITS; k++)
                r |= (i >> k & 1) << (BITS - 1 - k);
            if (r > i) {
                double t = re[i];
                re[i] = re[r], re[r] = t;
                t = im[i], im[i] = im[r], im[r] = t;
            }
        }
        for (int half = 1; half < N; half *= 2)
            for (int base = 0; base < N; base += 2 * half)
                for (int k = 0; k < half; k++) {
                    double c = wr[k * (N / 2 / half)], s = wi[k * (N / 2 / half)];
                    int i = base + k, j = i + half;
                    double tr = re[j] * c - im[j] * s, ti = re[j] * s + im[j] * c;
                    re[j] = re[i] - tr, im[j] = im[i] - ti;
                    re[i] += tr, im[i] += ti;
                }
        for (int i = 0; i < N; i++)
            re[i] *= 1.0 / 32, im[i] *= 1.0 / 32;
    }
    double sum = 0;
    for (int i = 0; i < N; i++)
        sum += re[i] * (i & 3) + im[i];
    return bits(sum);
}

/* Fused multiply-add, asked for by name; the other kernels are compiled without contraction. */
#ifdef __x86_64__
__attribute__((target("fma")))
#endif
static uint64_t polynomial(long count) {
    double sum = 0;
    for (long n = 0; n < count; n++) {
        double x = (n & 1023) * (1.0 / 1024), y = 0.25;
        for (int k = 1; k < 12; k++)
            y = __builtin_fma(y, x, 1.0 / k);
        sum += y;
    }
    return bits(sum);
}

/* Single precision with divisions, square roots, comparisons and conversions. */
static uint64_t single(long count) {
    float sum = 0, x = 1;
    for (long n = 0; n < count; n++) {
        x = sqrtf(x * 1.5f + (float)(n & 63)) / 1.25f;
        sum = x > 4.0f ? sum - x : sum + x;
        sum += (float)(int)(x * 8.0f) * 0.125f;
    }
    uint32_t b;
    memcpy(&b, &sum, 4);
    return b;
}

int main(int argc, char **argv) {
    static const struct kernel kernels[] = {
        {"nbody", nbody}, {"mandelbrot", mandelbrot}, {"matmul-double", matmul}, {"fft", fft}, {"polynomial", polynomial},
        {"single", single}, {0},
    };
    return run_kernels(kernels, argc, argv);
}
