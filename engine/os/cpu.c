/* Affinity and cgroups are Linux; macOS asks sysconf. */
#ifdef __linux__
#define _GNU_SOURCE
#include <sched.h>
#endif
#include "engine/os/cpu.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

static int online_count(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (int)n;
}

#ifdef __linux__
/* Processors allowed by the cgroup v2 CPU quota, rounded up; 0: no quota. */
static int cgroup_quota(void)
{
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "re");
    if (f == NULL)
        return 0;
    long long quota = 0, period = 0;
    int n = fscanf(f, "%lld %lld", &quota, &period); /* "max 100000" scans no number */
    fclose(f);
    if (n != 2 || quota <= 0 || period <= 0)
        return 0;
    return (int)((quota + period - 1) / period);
}

int tb_cpu_count(void)
{
    int n = online_count();
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        n = CPU_COUNT(&set);
    int quota = cgroup_quota();
    return quota > 0 && quota < n ? quota : n;
}
#else
int tb_cpu_count(void)
{
    return online_count();
}
#endif

#if defined(__x86_64__)
/* __builtin_cpu_supports("f16c") is unknown to clang 14. */
static bool has_f16c(void)
{
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & bit_F16C) != 0;
}
#endif

tb_cpu_features tb_cpu_detect(void)
{
    tb_cpu_features f = {0};
#if defined(__x86_64__)
    __builtin_cpu_init(); /* also checks that the OS saves the wide registers */
    f.avx2_fma_f16c = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
    f.avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#elif defined(__aarch64__)
    f.neon = true;
#endif
    return f;
}

tb_cpu_model tb_cpu_identify(void)
{
    tb_cpu_model m = {{0}, 0};
#if defined(__x86_64__)
    unsigned eax, ebx, ecx, edx;
    if (__get_cpuid(0, &eax, &ebx, &ecx, &edx) == 0)
        return m;
    memcpy(m.vendor, &ebx, 4); /* in this order of registers */
    memcpy(m.vendor + 4, &edx, 4);
    memcpy(m.vendor + 8, &ecx, 4);
    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) == 0)
        return m;
    m.family = (int)(eax >> 8 & 15);
    if (m.family == 15) /* the extension counts from there */
        m.family += (int)(eax >> 20 & 255);
#endif
    return m;
}

void tb_cpu_describe(char *out, size_t cap)
{
#if defined(__x86_64__)
    const char *name = "x86-64";
#elif defined(__aarch64__)
    const char *name = "arm64";
#else
    const char *name = "unknown";
#endif
    tb_cpu_features f = tb_cpu_detect();
    snprintf(out, cap, "%s%s%s%s", name, f.avx2_fma_f16c ? " avx2" : "", f.avx512 ? " avx512" : "",
             f.neon ? " neon" : "");
}
