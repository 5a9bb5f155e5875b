/* The vectorised loops of vector.c and a product of matrices, for AVX2 and fused multiply-add. */
#define NO_MAIN
#include "vector.c"

__attribute__((optimize("O3"))) static uint64_t matmul(long count) {
    enum { N = 128 };
    static double a[N][N], b[N][N], c[N][N];
    for (int i = 0; i < N; i++)
        for (int k = 0; k < N; k++)
            a[i][k] = (i * 7 + k) % 11 * 0.25, b[i][k] = (i + k * 5) % 13 * 0.125;
    for (long n = 0; n < count; n++)
        for (int i = 0; i < N; i++)
            for (int k = 0; k < N; k++) {
                double x = a[i][k];
                for (int j = 0; j < N; j++)
                    c[i][j] = x * b[k][j] + c[i][j];
            }
    double sum = 0;
    for (int i = 0; i < N; i++)
        sum += c[i][(i * 3) % N];
    return (uint64_t)sum;
}

int main(int argc, char **argv) {
    static const struct kernel kernels[] = {
        {"avx2-bytes-sum", bytes_sum}, {"avx2-saxpy", saxpy}, {"avx2-int-mix", int_mix}, {"avx2-matmul", matmul}, {0},
    };
    return run_kernels(kernels, argc, argv);
}
