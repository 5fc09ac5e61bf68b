/* Small sounds as WAV files, made for the test. */
#ifndef TESTS_SUPPORT_TONE_H
#define TESTS_SUPPORT_TONE_H

/* 16 bit PCM: each channel has a rising tone and its second harmonic, another pitch for each. */
void tone_write(const char *path, int rate_hz, int n_channels, long n_frames);

#endif
