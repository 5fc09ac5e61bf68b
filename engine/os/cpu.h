/* What this machine offers: usable processors and instruction sets. */
#ifndef TB_OS_CPU_H
#define TB_OS_CPU_H

#include <stdbool.h>
#include <stddef.h>

typedef struct tb_cpu_features {
    bool avx2_fma_f16c; /* x86: AVX2, FMA and F16C, and the OS saves YMM */
    bool avx512;        /* x86: F, BW, DQ, VL, and the OS saves ZMM */
    bool neon;          /* arm64: always */
} tb_cpu_features;

typedef struct tb_cpu_model {
    char vendor[13]; /* of x86: "AuthenticAMD"; else empty */
    int family;      /* of x86, with its extension: 0x1a is Zen 5 */
} tb_cpu_model;

/* Processors this process may use: affinity mask and cgroup v2 quota, at least 1. */
int tb_cpu_count(void);
tb_cpu_features tb_cpu_detect(void);
tb_cpu_model tb_cpu_identify(void);
/* "x86-64 avx2 avx512" for doctor and sidecars; writes at most cap bytes. */
void tb_cpu_describe(char *out, size_t cap);

#endif
