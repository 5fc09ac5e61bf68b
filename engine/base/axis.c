#include "engine/base/axis.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/math.h"

static const double MEL_PER_NEPER = 1127.010480331; /* 2595 / ln 10 */
static const double NEARLY = 1e-6;                  /* of a step: what rounding may take */

static double mel_of(double hz)
{
    return MEL_PER_NEPER * tb_log(1 + hz / 700);
}

double tb_axis_hz_at(double min_hz, double max_hz, double at)
{
    double low = mel_of(min_hz), high = mel_of(max_hz);
    return 700 * (tb_exp((low + (high - low) * at) / MEL_PER_NEPER) - 1);
}

/* Digits behind the point that a multiple of `step` needs. */
static int decimals_of(double step)
{
    int n = 0;
    for (; n < 6 && fabs(step - round(step)) > NEARLY; n++)
        step *= 10;
    return n;
}

void tb_axis_format_time(double time_s, double step_s, double end_s, char text[TB_MARK_BYTES])
{
    int decimals = decimals_of(step_s);
    if (end_s < 60) {
        (void)snprintf(text, TB_MARK_BYTES, "%.*f s", decimals, time_s);
        return;
    }
    double scale = pow(10, decimals);
    time_s = floor(time_s * scale + 0.5) / scale;
    int minutes = (int)(time_s / 60);
    double seconds = time_s - 60.0 * minutes;
    int width = decimals > 0 ? 3 + decimals : 2;
    if (end_s < 3600)
        (void)snprintf(text, TB_MARK_BYTES, "%d:%0*.*f", minutes, width, decimals, seconds);
    else
        (void)snprintf(text, TB_MARK_BYTES, "%d:%02d:%0*.*f", minutes / 60, minutes % 60, width,
                       decimals, seconds);
}

/* Steps that people count time in; below a second 1, 2, 5 of a power of ten. */
static double next_time_step(double step)
{
    static const double steps[] = {1,   2,   5,    10,   15,   30,    60,    120,   300,
                                   600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400};
    static const int n = sizeof steps / sizeof steps[0];
    if (step >= steps[n - 1])
        return 2 * step;
    for (int i = 0; i < n; i++)
        if (steps[i] > step * 1.001 && step > 0.99)
            return steps[i];
    static const double ones[] = {2, 5, 10};
    double power = 1e-6;
    while (power * 10 <= step * 1.001)
        power *= 10;
    for (int i = 0; i < 3; i++)
        if (ones[i] * power > step * 1.001)
            return ones[i] * power;
    return 1;
}

int tb_axis_times(double start_s, double length_s, double size, double letter,
                  tb_mark marks[TB_MARKS_MAX])
{
    enum { GAP_LETTERS = 2 };
    if (!(length_s > 0))
        return 0;
    double step = 1e-6, end_s = start_s + length_s;
    char longest[TB_MARK_BYTES];
    for (;; step = next_time_step(step)) {
        tb_axis_format_time(end_s, step, end_s, longest);
        double room = step / length_s * size;
        if (room >= letter * (double)(strlen(longest) + GAP_LETTERS) &&
            length_s / step < TB_MARKS_MAX - 2)
            break;
    }
    int n = 0;
    double i = ceil(start_s / step - NEARLY) + 0.0; /* no -0 */
    for (; i * step <= end_s + NEARLY * step && n < TB_MARKS_MAX; i++) {
        marks[n].at = fmin(fmax((i * step - start_s) / length_s, 0), 1);
        tb_axis_format_time(i * step, step, end_s, marks[n++].text);
    }
    return n;
}

static void format_hz(double hz, char text[TB_MARK_BYTES])
{
    bool is_kilo = hz >= 1000;
    double value = is_kilo ? hz / 1000 : hz;
    (void)snprintf(text, TB_MARK_BYTES, "%.*f%s", decimals_of(value), value, is_kilo ? "k" : "");
}

typedef struct {
    double min_hz, max_hz; /* of the axis */
    double size, gap;
    tb_mark *marks;
    int n;
} frequency_axis;

/* Add a mark unless it is outside, too near to another one or to the axis of time. */
static void offer(frequency_axis *axis, double hz)
{
    double low = mel_of(axis->min_hz), high = mel_of(axis->max_hz);
    double at = (mel_of(hz) - low) / (high - low);
    bool is_outside = at < -NEARLY || at > 1 + NEARLY;
    bool is_in_corner = at > NEARLY && at * axis->size < axis->gap / 2;
    if (is_outside || is_in_corner || axis->n == TB_MARKS_MAX)
        return;
    for (int i = 0; i < axis->n; i++)
        if (fabs(axis->marks[i].at - at) * axis->size < axis->gap)
            return;
    axis->marks[axis->n].at = fmin(fmax(at, 0), 1);
    format_hz(hz, axis->marks[axis->n++].text);
}

static int compare_marks(const void *a, const void *b)
{
    double x = ((const tb_mark *)a)->at, y = ((const tb_mark *)b)->at;
    return (x > y) - (x < y);
}

/* 1, 2 or 5 times a power of ten, at least `least`. */
static double nice_step(double least)
{
    static const double factors[] = {1, 2, 5, 10};
    double power = pow(10, floor(log10(least)));
    for (int i = 0; i < 3; i++)
        if (factors[i] * power >= least * (1 - NEARLY))
            return factors[i] * power;
    return 10 * power;
}

/* So far apart that each finds room. */
static void offer_even_steps(frequency_axis *axis)
{
    double mel = mel_of(axis->max_hz) - mel_of(axis->min_hz);
    double hz_per_mel = (700 + axis->max_hz) / MEL_PER_NEPER; /* at the top, where most are */
    double least = axis->gap / axis->size * mel * hz_per_mel;
    double step = nice_step(fmax(least, (axis->max_hz - axis->min_hz) / 10));
    for (double i = ceil(axis->min_hz / step - NEARLY) + 0.0; i * step <= axis->max_hz; i++)
        offer(axis, i * step);
}

int tb_axis_frequencies(double min_hz, double max_hz, double size, double gap,
                        tb_mark marks[TB_MARKS_MAX])
{
    static const double by_rank[] = {1, 5, 2};
    enum { FEW = 3 };
    frequency_axis axis = {min_hz, max_hz, size, gap, marks, 0};
    if (!(max_hz > min_hz) || !(size > 0))
        return 0;
    for (int rank = 0; rank < 3; rank++)
        for (double power = 1e5; power > 0.5; power /= 10)
            offer(&axis, by_rank[rank] * power);
    if (axis.n < FEW) {
        tb_mark even[TB_MARKS_MAX];
        frequency_axis other = {min_hz, max_hz, size, gap, even, 0};
        offer_even_steps(&other);
        if (other.n > axis.n)
            memcpy(marks, even, sizeof even);
        axis.n = other.n > axis.n ? other.n : axis.n;
    }
    qsort(marks, (size_t)axis.n, sizeof *marks, compare_marks);
    return axis.n;
}

int tb_axis_levels(double range_db, double size, double gap, tb_mark marks[TB_MARKS_MAX])
{
    int n = 0;
    if (!(range_db > 0) || !(size > 0))
        return 0;
    double step = nice_step(fmax(range_db * gap / size, range_db / 10));
    for (double db = 0; db <= range_db * (1 + NEARLY) && n < TB_MARKS_MAX; db += step) {
        marks[n].at = fmax(1 - db / range_db, 0);
        (void)snprintf(marks[n++].text, TB_MARK_BYTES, "%.*f", decimals_of(step), db > 0 ? -db : 0);
    }
    return n;
}
