/* timbre spectrogram: what is drawn in a terminal, what is written as a picture. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __APPLE__
#include <util.h>
#else
#include <pty.h>
#endif

#include <cmocka.h>

#include <jansson.h>
#include <math.h>

#include "engine/base/utf8.h"
#include "tests/support/program.h"

enum { RATE_HZ = 22050 };

static void put(FILE *f, unsigned long value, int n_bytes)
{
    for (int i = 0; i < n_bytes; i++)
        fputc((int)(value >> (8 * i) & 255), f);
}

/* The head of a mono WAV file of 16 bit. */
static FILE *begin_wav(const char *path, unsigned long n_frames)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs("RIFF", f);
    put(f, 36 + 2 * n_frames, 4);
    fputs("WAVEfmt ", f);
    put(f, 16, 4);
    put(f, 1, 2);
    put(f, 1, 2);
    put(f, RATE_HZ, 4);
    put(f, 2 * RATE_HZ, 4);
    put(f, 2, 2);
    put(f, 16, 2);
    fputs("data", f);
    put(f, 2 * n_frames, 4);
    return f;
}

/* Four seconds: a tone of 1,000 Hz that gets louder. */
static int setup(void **state)
{
    (void)program_setup(state);
    FILE *f = begin_wav("tone.wav", 4 * RATE_HZ);
    for (int i = 0; i < 4 * RATE_HZ; i++) {
        double x = 0.2 * i * sin(2 * M_PI * 1000 * i / RATE_HZ);
        put(f, (unsigned long)(int)x & 0xffff, 2);
    }
    assert_int_equal(fclose(f), 0);
    return 0;
}

static void view(const char *option, const char *value)
{
    program_run(&home, &result, "spectrogram", "tone.wav", option, value, NULL);
}

static void a_picture_is_written_and_named(void **state)
{
    (void)state;
    size_t length;
    view("-o", "a.png");
    assert_int_equal(result.exit_code, 0);
    assert_string_equal(result.out, "a.png\n");
    assert_string_equal(result.err, "");
    char *bytes = program_read_file("a.png", &length);
    assert_true(length > 1000 && memcmp(bytes, "\x89PNG\r\n", 6) == 0);
    free(bytes);
    view("-o", "a.png");
    assert_int_equal(result.exit_code, 1);
    assert_non_null(strstr(result.err, "'a.png' exists already"));
    assert_non_null(strstr(result.err, "--force"));
    program_run(&home, &result, "spectrogram", "tone.wav", "-o", "a.png", "--force", NULL);
    assert_int_equal(result.exit_code, 0);
}

/* The picture that options make; to be freed. */
static char *picture_of(const char *option, const char *value, size_t *length)
{
    program_run(&home, &result, "spectrogram", "tone.wav", "-o", "p.png", "--force", option, value,
                NULL);
    assert_int_equal(result.exit_code, 0);
    return program_read_file("p.png", length);
}

static void every_option_changes_the_picture(void **state)
{
    (void)state;
    static const char *const options[][2] = {
        {"--width", "500"},          {"--height", "300"}, {"--min-frequency", "200"},
        {"--max-frequency", "2000"}, {"--range", "60"},   {"--start", "1"},
        {"--length", "1"},           {"--title", "Other"}};
    size_t length, other_length;
    char *usual = picture_of(NULL, NULL, &length);
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        char *other = picture_of(options[i][0], options[i][1], &other_length);
        if (other_length == length && memcmp(usual, other, length) == 0)
            fail_msg("%s changes nothing", options[i][0]);
        free(other);
    }
    static const char *const same[][2] = {{"--threads", "1"}, {"--threads", "3"}, {"--cpu", "ref"}};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        char *again = picture_of(same[i][0], same[i][1], &other_length);
        assert_int_equal(other_length, length);
        assert_memory_equal(again, usual, length);
        free(again);
    }
    free(usual);
}

/* Lines of `text`, and the columns of the longest; escape sequences have none. */
static int count_lines(const char *text, int *columns)
{
    int n = 0;
    char line[8192];
    *columns = 0;
    for (size_t length = 0; *text != '\0'; text++) {
        if (*text == '\033') {
            text += strcspn(text, "m");
        } else if (*text == '\n') {
            int wide = tb_utf8_columns(line, length);
            *columns = wide > *columns ? wide : *columns;
            length = 0;
            n++;
        } else if (*text != '\r') {
            assert_true(length < sizeof line);
            line[length++] = *text;
        }
    }
    return n;
}

static void without_a_terminal_it_is_plain_text(void **state)
{
    (void)state;
    int columns;
    view(NULL, NULL);
    assert_int_equal(result.exit_code, 0);
    assert_string_equal(result.err, "");
    assert_null(strchr(result.out, '\033'));
    assert_int_equal(count_lines(result.out, &columns), 23);
    assert_in_range(columns, 70, 80);
    assert_non_null(strstr(result.out, "tone.wav"));
    assert_non_null(strstr(result.out, "1k┤"));
    assert_non_null(strstr(result.out, "4.0 s"));
    program_run(&home, &result, "spectrogram", "tone.wav", "--width", "31", "--height", "7", NULL);
    assert_int_equal(count_lines(result.out, &columns), 7 + 3);
    assert_int_equal(columns, 31 + 6);
}

static void another_locale_gets_ascii(void **state)
{
    (void)state;
    home.env[0] = "LC_ALL=C";
    view("--title", "Müßiggang");
    assert_int_equal(result.exit_code, 0);
    for (const char *c = strchr(result.out, '\n'); *c != '\0'; c++)
        assert_true((unsigned char)*c < 0x80);
    assert_non_null(strchr(result.out, '@'));
}

/* The line of the tone has the brightest colour, in as many bits as the terminal has. */
static void colours_are_those_that_the_terminal_has(void **state)
{
    (void)state;
    home.env[0] = "COLORTERM=truecolor";
    view("--color", "always");
    assert_non_null(strstr(result.out, "8;2;254;247;201m"));
    assert_null(strstr(result.out, "8;5;"));
    assert_non_null(strstr(result.out, "▀"));
    home.env[0] = "COLORTERM=";
    view("--color", "always");
    assert_non_null(strstr(result.out, "8;5;230m"));
    assert_null(strstr(result.out, "8;2;"));
    view("--color", "never");
    assert_null(strchr(result.out, '\033'));
}

static void run_in_terminal(int columns, int lines, char *screen, size_t size)
{
    struct winsize window = {.ws_row = (unsigned short)lines, .ws_col = (unsigned short)columns};
    int terminal, status;
    size_t length = 0;
    pid_t pid = forkpty(&terminal, NULL, NULL, &window);
    assert_true(pid >= 0);
    if (pid == 0) {
        setenv("TERM", "xterm", 1);
        setenv("LC_ALL", "C.UTF-8", 1);
        setenv("HOME", home.path, 1);
        unsetenv("NO_COLOR");
        execl(program_path(), program_path(), "spectrogram", "tone.wav", (char *)NULL);
        _exit(99);
    }
    for (ssize_t n = 1; n > 0; length += n > 0 ? (size_t)n : 0) {
        assert_true(length + 1 < size);
        n = read(terminal, screen + length, size - 1 - length);
    }
    screen[length] = '\0';
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(terminal);
}

static void it_fits_the_window(void **state)
{
    (void)state;
    static char screen[512 * 1024];
    static const int windows[][2] = {{10, 12}, {20, 24}, {80, 24}, {200, 50}, {120, 8}};
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
        int columns;
        run_in_terminal(windows[i][0], windows[i][1], screen, sizeof screen);
        assert_in_range(count_lines(screen, &columns), 7, windows[i][1] - 1);
        assert_in_range(columns, windows[i][0] - 2, windows[i][0] - 1);
        assert_non_null(strstr(screen, "▀"));
        assert_non_null(strstr(screen, "\033[0m\r\n")); /* no line leaves its colour behind */
    }
}

static void facts_are_one_json_object(void **state)
{
    (void)state;
    program_run(&home, &result, "spectrogram", "tone.wav", "--json", "--start", "1", NULL);
    assert_int_equal(result.exit_code, 0);
    json_t *facts = json_loads(result.out, 0, NULL), *loudest = json_object_get(facts, "loudest");
    assert_int_equal(json_integer_value(json_object_get(facts, "rate_hz")), RATE_HZ);
    assert_true(json_number_value(json_object_get(facts, "start_seconds")) == 1);
    assert_true(json_number_value(json_object_get(facts, "duration_seconds")) == 3);
    assert_true(json_is_null(json_object_get(facts, "path")));
    assert_true(fabs(json_number_value(json_object_get(loudest, "frequency_hz")) - 1000) < 20);
    assert_true(json_number_value(json_object_get(loudest, "seconds")) > 3.8);
    json_decref(facts);
    program_run(&home, &result, "spectrogram", "none.wav", "--json", NULL);
    assert_int_equal(result.exit_code, 1);
    facts = json_loads(result.out, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(json_object_get(facts, "error"), "code")),
                        "not_found");
    json_decref(facts);
}

/* What a sound has and another has not. */
static void two_sounds_are_compared(void **state)
{
    (void)state;
    program_run(&home, &result, "spectrogram", "tone.wav", "--compare", "tone.wav", "--json", NULL);
    assert_int_equal(result.exit_code, 0);
    json_t *facts = json_loads(result.out, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(facts, "compare")), "tone.wav");
    assert_true(json_is_null(json_object_get(facts, "loudest"))); /* nothing is left */
    json_decref(facts);
    program_run(&home, &result, "generate", "rain", "-l", "2", "-s", "1", "-o", "rain.wav", NULL);
    assert_int_equal(result.exit_code, 0);
    program_run(&home, &result, "spectrogram", "tone.wav", "--compare", "rain.wav", "--json", NULL);
    assert_int_equal(result.exit_code, 0);
    facts = json_loads(result.out, 0, NULL); /* as long as the shorter */
    assert_true(fabs(json_number_value(json_object_get(facts, "duration_seconds")) - 2) < 1e-3);
    json_t *loudest = json_object_get(facts, "loudest");
    assert_true(fabs(json_number_value(json_object_get(loudest, "frequency_hz")) - 1000) < 20);
    json_decref(facts);
    program_run(&home, &result, "spectrogram", "tone.wav", "--compare", "rain.wav", "-o", "new.png",
                NULL);
    assert_int_equal(result.exit_code, 0);
    program_run(&home, &result, "spectrogram", "tone.wav", "--compare", "none.wav", NULL);
    assert_int_equal(result.exit_code, 1);
    assert_non_null(strstr(result.err, "none.wav"));
}

static void assert_refused(const char *file, const char *option, const char *value, int exit_code,
                           const char *message)
{
    program_run(&home, &result, "spectrogram", file, option, value, NULL);
    assert_int_equal(result.exit_code, exit_code);
    assert_string_equal(result.out, "");
    if (strstr(result.err, message) == NULL)
        fail_msg("'%s' does not say '%s'", result.err, message);
}

static void what_is_wrong_is_said(void **state)
{
    (void)state;
    view("-o", "image.png");
    program_write_file("text.wav", "no sound\n");
    assert_refused(NULL, NULL, NULL, 2, "timbre spectrogram AUDIO");
    assert_refused("none.wav", NULL, NULL, 1, "none.wav");
    assert_refused("text.wav", NULL, NULL, 1, "text.wav");
    assert_refused("image.png", NULL, NULL, 1, "timbre decode 'image.png'");
    assert_refused("tone.wav", "--start", "4", 2, "not before the end");
    assert_refused("tone.wav", "--min-frequency", "12000", 2, "not below the highest");
    assert_refused("tone.wav", "--range", "200", 2, "--range");
    assert_refused("tone.wav", "-o", "x.txt", 2, ".png");
    assert_refused("tone.wav", "-o", "no/x.png", 1, "mkdir -p 'no'");
    assert_int_equal(access("x.txt", F_OK), -1);
}

/* Three hours of silence, which take no room on the disk. */
static void ctrl_c_leaves_nothing(void **state)
{
    (void)state;
    const unsigned long n_frames = 3UL * 3600 * RATE_HZ;
    FILE *f = begin_wav("long.wav", n_frames);
    assert_int_equal(fflush(f), 0);
    assert_int_equal(ftruncate(fileno(f), (off_t)(44 + 2 * n_frames)), 0);
    fclose(f);
    const char *argv[] = {program_path(), "spectrogram", "long.wav", "-o", "long.png", NULL};
    bool is_signalled;
    pid_t pid = program_start(&home, argv, NULL);
    program_sleep(0.5);
    kill(pid, SIGINT);
    assert_int_equal(program_wait(pid, &is_signalled), 130);
    assert_false(is_signalled);
    assert_int_equal(access("long.png", F_OK), -1);
    assert_int_equal(program_count_files(home.path, ".part"), 0);
    unlink("long.wav");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_picture_is_written_and_named),
        cmocka_unit_test(every_option_changes_the_picture),
        cmocka_unit_test_teardown(without_a_terminal_it_is_plain_text, program_clean),
        cmocka_unit_test_teardown(another_locale_gets_ascii, program_clean),
        cmocka_unit_test_teardown(colours_are_those_that_the_terminal_has, program_clean),
        cmocka_unit_test(it_fits_the_window),
        cmocka_unit_test(facts_are_one_json_object),
        cmocka_unit_test(two_sounds_are_compared),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(ctrl_c_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, setup, program_teardown);
}
