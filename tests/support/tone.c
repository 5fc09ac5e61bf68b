#include "tests/support/tone.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void put(FILE *file, uint32_t value, int n_bytes)
{
    for (int i = 0; i < n_bytes; i++)
        assert_int_not_equal(fputc((int)(value >> 8 * i & 0xff), file), EOF);
}

/* RIFF header of PCM as Microsoft's "Multimedia Programming Interface" (1991) has it. */
static void put_header(FILE *file, int rate_hz, int n_channels, uint32_t n_bytes)
{
    uint32_t frame_bytes = 2 * (uint32_t)n_channels;
    fputs("RIFF", file);
    put(file, 36 + n_bytes, 4);
    fputs("WAVEfmt ", file);
    put(file, 16, 4);
    put(file, 1, 2);
    put(file, (uint32_t)n_channels, 2);
    put(file, (uint32_t)rate_hz, 4);
    put(file, (uint32_t)rate_hz * frame_bytes, 4);
    put(file, frame_bytes, 2);
    put(file, 16, 2);
    fputs("data", file);
    put(file, n_bytes, 4);
}

static double tone_at(double t_s, int channel)
{
    static const double TAU = 6.283185307179586;
    double f_hz = 300.0 * (1 + channel), phase = TAU * t_s * (f_hz + 40.0 * t_s);
    return 0.4 * sin(phase) + 0.2 * sin(2 * phase);
}

void tone_write(const char *path, int rate_hz, int n_channels, long n_frames)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    put_header(file, rate_hz, n_channels, (uint32_t)(2 * n_channels * n_frames));
    for (long i = 0; i < n_frames; i++)
        for (int c = 0; c < n_channels; c++)
            put(file, (uint32_t)(int16_t)(32767 * tone_at((double)i / rate_hz, c)), 2);
    assert_int_equal(fclose(file), 0);
}
