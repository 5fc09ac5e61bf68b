/*
 * exp, log, sin and cos of our own for everything on the sample path: the same bits with every C
 * library and on every CPU (only +, -, *, /, fma by name; no tables from libm). Accuracy: relative
 * error <= 4e-16 for exp and log, absolute <= 2e-16 * max(1, |x|/100) for sin and cos with |x| <=
 * 1e5.
 */
#ifndef TB_BASE_MATH_H
#define TB_BASE_MATH_H

#define TB_PI 3.14159265358979323846

double tb_exp(double x); /* overflows to inf, underflows to 0, NaN in NaN out */
double tb_log(double x); /* x > 0; 0 gives -inf, negative NaN */
double tb_sin(double x); /* radians */
double tb_cos(double x);

/* Decibels to a linear amplitude factor and back (20 log10). */
double tb_db_to_gain(double db);
double tb_gain_to_db(double gain);
/* To 0.01 dB: gains that follow from a measurement are rounded before they are used. */
double tb_db_round(double db);

#endif
