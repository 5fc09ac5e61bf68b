/*
 * Axes of a picture of sound: where the marks stand and what they are called. Nice numbers only, as
 * many as there is room for. Knows nothing of pixels or screens: sizes are in any unit.
 */
#ifndef TB_BASE_AXIS_H
#define TB_BASE_AXIS_H

enum { TB_MARKS_MAX = 64, TB_MARK_BYTES = 24 };

typedef struct tb_mark {
    double at;                /* 0 at the low end of the axis, 1 at the high end */
    char text[TB_MARK_BYTES]; /* "0:30", "1.5 s", "2k", "-20" */
} tb_mark;

/* The frequency at a place (0 .. 1) of an axis that is spaced in mel: 2595 log10(1 + f / 700),
 * HTK's. */
double tb_axis_hz_at(double min_hz, double max_hz, double at);

/* Marks of an axis of time that is `size` long, for letters that are `letter` wide. Hours and
 * minutes where the end is at a minute or later, else seconds. Returns their number. */
int tb_axis_times(double start_s, double length_s, double size, double letter,
                  tb_mark marks[TB_MARKS_MAX]);
/* Marks in hertz ("500", "2k") on an axis spaced in mel, at least `gap` apart: 1, 2 and 5 times
 * powers of ten; even steps where the range is too narrow for these. Ascending. */
int tb_axis_frequencies(double min_hz, double max_hz, double size, double gap,
                        tb_mark marks[TB_MARKS_MAX]);
/* Marks from 0 dB (at 1) down to -range_db (at 0), at least `gap` apart. */
int tb_axis_levels(double range_db, double size, double gap, tb_mark marks[TB_MARKS_MAX]);

/* "0:07", "1:02:03", "0.25 s": a time as on an axis of that step and end. */
void tb_axis_format_time(double time_s, double step_s, double end_s, char text[TB_MARK_BYTES]);

#endif
