#include "engine/base/math.h"

#include <math.h> /* INFINITY, NAN, fma: exact operations only */
#include <stdint.h>
#include <string.h>

static const double ln2_hi = 0x1.62e42fefa38p-1;    /* ln 2, low 14 bits zero: k * hi is exact */
static const double ln2_lo = 0x1.ef35793c7673p-45;  /* ln 2 - ln2_hi */
static const double pi_2_hi = 0x1.921fb54442d18p+0; /* pi/2 in three parts (Cody & Waite 1980) */
static const double pi_2_mid = 0x1.1a62633145c07p-54;
static const double pi_2_lo = -0x1.f1976b7ed8fbcp-110;

static double from_bits(uint64_t bits)
{
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint64_t to_bits(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* x * 2^k in two steps, so that results down to the smallest subnormal come out right. */
static double scale(double x, int k)
{
    int half = k / 2;
    double a = from_bits((uint64_t)(1023 + half) << 52);
    double b = from_bits((uint64_t)(1023 + (k - half)) << 52);
    return x * a * b;
}

/* x = k ln2 + r, |r| <= ln2/2; exp(r) by its Taylor series to r^13 (remainder < 1e-17). */
double tb_exp(double x)
{
    if (x != x)
        return x;
    if (x > 709.782712893384)
        return INFINITY;
    if (x < -745.2)
        return 0;
    double t = x * 1.4426950408889634; /* 1/ln 2 */
    int k = (int)(t + (t < 0 ? -0.5 : 0.5));
    double r_hi = fma(-(double)k, ln2_hi, x);
    double r = fma(-(double)k, ln2_lo, r_hi);
    double p = 1.0 / 6227020800.0; /* 1/13! */
    static const double inverse_factorial[] = {1.0 / 479001600.0,
                                               1.0 / 39916800.0,
                                               1.0 / 3628800.0,
                                               1.0 / 362880.0,
                                               1.0 / 40320.0,
                                               1.0 / 5040.0,
                                               1.0 / 720.0,
                                               1.0 / 120.0,
                                               1.0 / 24.0,
                                               1.0 / 6.0,
                                               0.5};
    for (unsigned i = 0; i < sizeof inverse_factorial / sizeof *inverse_factorial; i++)
        p = fma(p, r, inverse_factorial[i]);
    double tail = fma(r * r, p, r); /* exp(r) - 1 */
    return scale(1.0 + tail, k);
}

/* x = 2^k m, m in [sqrt(1/2), sqrt(2)); log m = 2 atanh(s), s = (m-1)/(m+1), series in s^2. */
double tb_log(double x)
{
    if (x != x || x < 0)
        return NAN;
    if (x == 0)
        return -INFINITY;
    if (x == INFINITY)
        return x;
    int k = 0;
    if (x < 0x1p-1022) {
        x *= 0x1p54;
        k = -54;
    }
    uint64_t bits = to_bits(x);
    k += (int)(bits >> 52) - 1023;
    double m = from_bits((bits & 0xfffffffffffffULL) | 0x3ff0000000000000ULL);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        k++;
    }
    double f = m - 1.0;
    double s = f / (2.0 + f);
    double z = s * s;
    double p = 0;
    for (int n = 23; n >= 3; n -= 2)
        p = fma(p, z, 2.0 / n); /* 2/3 + 2/5 z + ... + 2/23 z^10; z <= 0.0295 */
    /* log(1+f) = f - s (f - z p), as in fdlibm: no cancellation near f = 0 */
    double hfsq = 0.5 * f * f;
    double r = s * (hfsq + z * p);
    double kd = k;
    return fma(kd, ln2_hi, f - (hfsq - (r + kd * ln2_lo)));
}

/* sin and cos on [-pi/4, pi/4], Taylor to x^17 and x^16 (remainders < 1e-19). */
static double sin_kernel(double x)
{
    double z = x * x;
    double p = 1.0 / 355687428096000.0;
    static const double c[] = {
        -1.0 / 1307674368000.0, 1.0 / 6227020800.0, -1.0 / 39916800.0, 1.0 / 362880.0,
        -1.0 / 5040.0,          1.0 / 120.0,        -1.0 / 6.0};
    for (unsigned i = 0; i < sizeof c / sizeof *c; i++)
        p = fma(p, z, c[i]);
    return fma(x * z, p, x);
}

static double cos_kernel(double x)
{
    double z = x * x;
    double p = 1.0 / 20922789888000.0;
    static const double c[] = {-1.0 / 87178291200.0, 1.0 / 479001600.0, -1.0 / 3628800.0,
                               1.0 / 40320.0,        -1.0 / 720.0,      1.0 / 24.0};
    for (unsigned i = 0; i < sizeof c / sizeof *c; i++)
        p = fma(p, z, c[i]);
    double h = 0.5 * z;
    double w = 1.0 - h;
    return w + ((1.0 - w - h) + z * z * p);
}

/* sin(x + quarter * pi/2) */
static double sin_shifted(double x, int quarter)
{
    if (!(x >= -1e9 && x <= 1e9))
        return NAN;
    double t = x * 0.63661977236758134308; /* 2/pi */
    double k = (double)(int64_t)(t + (t < 0 ? -0.5 : 0.5));
    double r = fma(-k, pi_2_hi, x);
    r = fma(-k, pi_2_mid, r);
    r = fma(-k, pi_2_lo, r);
    int64_t q = (int64_t)k + quarter;
    double y = (q & 1) ? cos_kernel(r) : sin_kernel(r);
    return (q & 2) ? -y : y;
}

double tb_sin(double x)
{
    return sin_shifted(x, 0);
}

double tb_cos(double x)
{
    return sin_shifted(x, 1);
}

double tb_db_to_gain(double db)
{
    return tb_exp(db * 0.11512925464970228420); /* ln(10)/20 */
}

double tb_gain_to_db(double gain)
{
    return tb_log(gain) * 8.6858896380650365530; /* 20/ln(10) */
}

double tb_db_round(double db)
{
    return floor(db * 100 + 0.5) / 100;
}
