/* timbre generate and show from outside: what goes where, and what bad input leaves behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "cli/player.h"
#include "cli/text.h"
#include "engine/base/hash.h"
#include "tests/support/program.h"

static void assert_sha256(const char *path, char hex[TB_SHA256_HEX_BYTES])
{
    assert_int_equal(tb_sha256_file(path, hex, NULL), TIMBRE_OK);
}

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *j = json_loads(text, 0, &error);
    if (j == NULL)
        fail_msg("%s in: %s", error.text, text);
    return j;
}

static void stdout_is_the_path_and_nothing_else(void **state)
{
    (void)state;
    program_run(&home, &result, "generate", "piano", "-l", "1", "-s", "7", NULL);
    assert_int_equal(result.exit_code, 0);
    char *end = strchr(result.out, '\n');
    assert_non_null(end);
    assert_string_equal(end, "\n"); /* one line */
    *end = '\0';
    assert_int_equal(result.out[0], '/');
    assert_int_equal(access(result.out, R_OK), 0);
    assert_non_null(strstr(result.out, "/Music/Timbre/"));
    assert_non_null(strstr(result.out, "-piano-s7.wav"));
    assert_non_null(strstr(result.err, "seed 7"));
    assert_non_null(strstr(result.err, "sketch"));
    assert_non_null(strstr(result.err, "not by the AI model"));
    assert_non_null(strstr(result.err, "timbre: render ("));
    assert_null(strstr(result.err, "\033")); /* no bar in a file */
    /* the sidecar, and the note for the next worker */
    char sidecar[512];
    snprintf(sidecar, sizeof sidecar, "%s.json", result.out);
    assert_int_equal(access(sidecar, R_OK), 0);
    assert_int_equal(program_count_files(".local/share/timbre/inbox", ".json"), 1);
}

static void the_inbox_note_finds_the_take(void **state)
{
    (void)state;
    program_run(&home, &result, "generate", "piano", "-l", "1", "-o", "in.wav", "--data-dir", "d",
                "--json", "-q", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_string_equal(result.err, "");
    json_t *answer = parse(result.out);
    json_t *take = json_array_get(json_object_get(answer, "takes"), 0);
    char path[512], sha256[TB_SHA256_HEX_BYTES];
    snprintf(path, sizeof path, "d/inbox/%s.json", json_string_value(json_object_get(take, "id")));
    char *text = program_read_file(path, NULL);
    json_t *note = parse(text);
    assert_sha256(json_string_value(json_object_get(note, "path")), sha256);
    assert_string_equal(json_string_value(json_object_get(note, "sha256")), sha256);
    assert_string_equal(json_string_value(json_object_get(take, "sha256")), sha256);
    assert_true(json_is_object(json_object_get(note, "recipe")));
    json_decref(note);
    json_decref(answer);
    free(text);
}

static void data_folder_that_cannot_be_written_is_only_a_warning(void **state)
{
    (void)state;
    program_write_file("afile", "");
    program_run(&home, &result, "generate", "x", "-l", "1", "-o", "kept.wav", "--data-dir",
                "afile/data", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_non_null(strstr(result.err, "warning"));
    assert_int_equal(access("kept.wav", R_OK), 0);
}

static void a_take_can_be_made_again_to_the_byte(void **state)
{
    (void)state;
    char first[TB_SHA256_HEX_BYTES], second[TB_SHA256_HEX_BYTES];
    program_run(&home, &result, "gen", "funk bass", "-l", "2", "-o", "one.flac", "-q", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_sha256("one.flac", first);
    program_run(&home, &result, "gen", "--from", "one.flac", "-o", "two.flac", "--threads", "1",
                NULL);
    assert_int_equal(result.exit_code, 0);
    assert_null(strstr(result.err, "warning"));
    assert_sha256("two.flac", second);
    assert_string_equal(first, second);
    program_run(&home, &result, "gen", "--from", "one.flac.json", "-o", "three.flac", "-q", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_sha256("three.flac", second);
    assert_string_equal(first, second);
}

static void a_repeat_names_the_ingredient_that_differs(void **state)
{
    (void)state;
    program_run(&home, &result, "gen", "piano", "-l", "1", "-o", "now.wav", "-q", NULL);
    assert_int_equal(result.exit_code, 0);
    char *sidecar = program_read_file("now.wav.json", NULL);
    json_t *old = parse(sidecar);
    json_t *ingredients = json_object_get(json_object_get(old, "recipe"), "ingredients");
    json_object_set_new(ingredients, "fluidsynth", json_string("1.0.0"));
    assert_int_equal(json_dump_file(old, "old.json", 0), 0);
    program_run(&home, &result, "gen", "--from", "old.json", "-o", "again.wav", NULL);
    assert_int_equal(result.exit_code, 0); /* the take is made; what differs is said */
    assert_non_null(strstr(result.err, "fluidsynth: 1.0.0 was"));
    /* the same ingredients and other samples: something is broken, and that is no success */
    free(sidecar);
    json_decref(old);
    sidecar = program_read_file("now.wav.json", NULL);
    old = parse(sidecar);
    json_object_set_new(json_object_get(json_object_get(old, "recipe"), "pcm"), "sha256",
                        json_string("00"));
    assert_int_equal(json_dump_file(old, "old.json", 0), 0);
    program_run(&home, &result, "gen", "--from", "old.json", "-o", "other.wav", NULL);
    assert_int_equal(result.exit_code, 8);
    free(sidecar);
    json_decref(old);
}

/* A sidecar "old.json" of a take whose `part` of the recipe has another `name`. */
static void write_old_recipe(const char *sidecar, const char *part, const char *name)
{
    char *text = program_read_file(sidecar, NULL);
    json_t *old = parse(text);
    json_t *object = json_object_get(json_object_get(old, "recipe"), part);
    assert_int_equal(json_object_set_new(object, name, json_string("0.0\xc2\x9b")), 0);
    assert_int_equal(json_dump_file(old, "old.json", 0), 0);
    json_decref(old);
    free(text);
}

static void a_changed_repeat_still_compares_what_should_agree(void **state)
{
    (void)state;
    program_run(&home, &result, "gen", "piano", "-l", "1", "-o", "c.wav", "-q", NULL);
    program_run(&home, &result, "gen", "--from", "c.wav", "-l", "2", "-o", "c2.wav", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_null(strstr(result.err, "not the same")); /* another length was asked for */
    write_old_recipe("c.wav.json", "ingredients", "fluidsynth");
    program_run(&home, &result, "gen", "--from", "old.json", "-l", "2", "-o", "c3.wav", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_non_null(strstr(result.err, "fluidsynth: 0.0"));
    assert_null(strstr(result.err, "duration_seconds"));
    assert_null(strstr(result.err, "\xc2\x9b")); /* what an old file says steers no terminal */
    /* another file format is no other sound */
    program_run(&home, &result, "gen", "--from", "c.wav", "-o", "c4.flac", NULL);
    assert_int_equal(result.exit_code, 0);
    write_old_recipe("c.wav.json", "pcm", "sha256");
    program_run(&home, &result, "gen", "--from", "old.json", "-o", "c5.flac", NULL);
    assert_int_equal(result.exit_code, 8);
}

static void flags_change_one_thing_of_a_recipe(void **state)
{
    (void)state;
    program_run(&home, &result, "gen", "piano", "-l", "2", "-s", "9", "-o", "base.wav", "-q", NULL);
    program_run(&home, &result, "gen", "--from", "base.wav", "-l", "1", "-o", "short.flac",
                "--json", "-q", NULL);
    assert_int_equal(result.exit_code, 0);
    json_t *answer = parse(result.out);
    json_t *take = json_array_get(json_object_get(answer, "takes"), 0);
    json_t *request = json_object_get(json_object_get(take, "recipe"), "request");
    assert_int_equal(json_integer_value(json_object_get(request, "seed")), 9);
    assert_string_equal(json_string_value(json_object_get(request, "prompt")), "piano");
    assert_true(json_number_value(json_object_get(request, "duration_seconds")) == 1.0);
    assert_string_equal(json_string_value(json_object_get(request, "output_format")), "flac");
    json_decref(answer);
}

static void several_takes_have_seeds_in_a_row(void **state)
{
    (void)state;
    program_run(&home, &result, "gen", "drums", "-l", "1", "-s", "41", "-n", "2", "-q", "-o",
                "d-{seed}-{n}.wav", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_int_equal(access("d-41-1.wav", R_OK), 0);
    assert_int_equal(access("d-42-2.wav", R_OK), 0);
    assert_non_null(strstr(result.out, "d-41-1.wav\n"));
    assert_non_null(strstr(result.out, "d-42-2.wav\n"));
}

static void sound_and_midi_go_where_asked(void **state)
{
    (void)state;
    program_run(&home, &result, "gen", "x", "-l", "1", "-o", "-", "--midi", "x.mid", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_true(result.out_length > 44100 * 4);
    assert_memory_equal(result.out, "RIFF", 4);
    char *midi = program_read_file("x.mid", NULL);
    assert_memory_equal(midi, "MThd", 4);
    free(midi);
    program_run(&home, &result, "gen", "x", "-l", "1", "-o", "-", "-f", "flac", "-q", NULL);
    assert_memory_equal(result.out, "fLaC", 4);
    assert_string_equal(result.err, "");
}

static void assert_refused(int exit_code, const char *message)
{
    if (result.exit_code != exit_code || strstr(result.err, message) == NULL)
        fail_msg("%d, not %d with '%s': %s", result.exit_code, exit_code, message, result.err);
    assert_false(result.is_signalled);
    assert_int_equal(result.out_length, 0);
}

static void a_midi_file_never_replaces_the_take(void **state)
{
    (void)state;
    static const char *const names[] = {"apart.wav", "./apart.wav", "apart.wav.json"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        program_run(&home, &result, "gen", "x", "-l", "1", "-o", "apart.wav", "--force", "--midi",
                    names[i], NULL);
        assert_refused(2, "--midi");
        assert_int_equal(access("apart.wav", F_OK), -1); /* said before the work */
    }
    program_run(&home, &result, "gen", "x", "-l", "1", "-s", "8", "-o", "p-{seed}.wav", "--force",
                "--midi", "p-8.wav", NULL);
    assert_refused(2, "names the take itself");
    assert_int_equal(access("p-8.wav", F_OK), -1);
    program_run(&home, &result, "gen", "x", "-l", "1", "-o", "apart.wav", "--no-sidecar", "--midi",
                "apart.wav.json", "-q", NULL);
    assert_int_equal(result.exit_code, 0); /* there is no sidecar to replace */
}

static void places_of_the_midi_file_are_checked_before_the_work(void **state)
{
    (void)state;
    program_write_file("afile", "");
    assert_int_equal(mkdir("afolder", 0777), 0);
    static const struct {
        const char *midi, *message;
        int exit_code;
    } cases[] = {
        {"absent/m.mid", "the folder 'absent'", 1},
        {"afile/m.mid", "'afile' of --midi", 2},
        {"-", "--midi -", 2},
        {"", "--midi is empty", 2},
        {"afolder", "is a folder", 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        program_run(&home, &result, "gen", "x", "-l", "1", "-o", "before.wav", "--midi",
                    cases[i].midi, NULL);
        assert_refused(cases[i].exit_code, cases[i].message);
        assert_int_equal(access("before.wav", F_OK), -1);
    }
    assert_int_equal(access("-", F_OK), -1);
}

static void names_that_are_no_utf8_do_no_harm(void **state)
{
    (void)state;
    program_run(&home, &result, "gen", "x", "-l", "1", "-o", "n\xff.wav", "--json", NULL);
    if (access("n\xff.wav", F_OK) != 0) /* file systems that want UTF-8 */
        skip();
    assert_int_equal(result.exit_code, 0);
    json_t *answer = parse(result.out);
    json_t *take = json_array_get(json_object_get(answer, "takes"), 0);
    assert_non_null(strstr(json_string_value(json_object_get(take, "path")), "/n\xef\xbf\xbd.wav"));
    json_decref(answer);
    program_run(&home, &result, "show", "n\xff.wav", "--json", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_non_null(strstr(result.out, "n\\uFFFD.wav"));
}

static void events_are_one_object_a_line(void **state)
{
    (void)state;
    program_run(&home, &result, "gen", "x", "-l", "1", "-o", "ev.wav", "--events", "-q", NULL);
    assert_int_equal(result.exit_code, 0);
    int n_stages = 0, n_done = 0;
    double last = 0;
    char *rest = result.out;
    for (char *text; (text = strsep(&rest, "\n")) != NULL;) {
        if (text[0] == '\0')
            continue;
        json_t *event = parse(text);
        const char *kind = json_string_value(json_object_get(event, "event"));
        assert_int_equal(json_integer_value(json_object_get(event, "schema")), 1);
        n_stages += strcmp(kind, "stage") == 0;
        n_done += strcmp(kind, "done") == 0;
        if (strcmp(kind, "progress") == 0) {
            double now = json_number_value(json_object_get(event, "fraction"));
            assert_true(now >= last && now <= 1);
            last = now;
        }
        json_decref(event);
    }
    assert_int_equal(n_stages, 5); /* load arrange render master save */
    assert_int_equal(n_done, 1);
    program_run(&home, &result, "gen", "x", "-o", "ev.wav", "--events", "-q", NULL);
    assert_int_equal(result.exit_code, 1); /* exists */
    assert_non_null(strstr(result.out, "\"event\":\"error\""));
}

static void dry_run_makes_nothing(void **state)
{
    (void)state;
    program_run(&home, &result, "gen", "x", "-s", "5", "-o", "dry.wav", "--dry-run", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_non_null(strstr(result.out, "dry.wav"));
    assert_int_equal(access("dry.wav", F_OK), -1);
}

static void bad_prompts_are_refused(void **state)
{
    (void)state;
    program_run(&home, &result, "generate", "", NULL);
    assert_refused(2, "prompt is empty");
    program_run(&home, &result, "generate", NULL);
    assert_refused(2, "no prompt was given");
    program_run(&home, &result, "generate", "a\xff", NULL);
    assert_refused(2, "prompt is not UTF-8: byte 0xff at offset 1");
    program_run(&home, &result, "generate", "a\033[31m", NULL);
    assert_refused(2, "control character U+001B");
    home.input = "a\0b";
    home.input_length = 3;
    program_run(&home, &result, "generate", "-", NULL);
    assert_refused(2, "control character U+0000");
    home.input = "\n\n";
    program_run(&home, &result, "generate", "-", NULL);
    assert_refused(2, "prompt is empty");
    enum { TEN_MB = 10 * 1000 * 1000 };
    char *big = malloc(TEN_MB + 1);
    memset(big, 'a', TEN_MB);
    big[TEN_MB] = '\0';
    home.input = big;
    program_run(&home, &result, "generate", "-", NULL);
    assert_refused(2, "exceeds 1024 bytes");
    big[1025] = '\0';
    program_run(&home, &result, "generate", big, NULL);
    assert_refused(2, "exceeds 1024 bytes");
    free(big);
    assert_int_equal(program_count_files(home.path, ".part"), 0);
}

static void strange_prompts_still_make_sound(void **state)
{
    (void)state;
    home.input = "\xf0\x9f\x8e\xb9 \xf0\x9f\x8c\xa7\n";
    program_run(&home, &result, "generate", "-", "-l", "1", "-o", "emoji.wav", "-v", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_non_null(strstr(result.err, "none of these words are known to the sketch"));
}

static void words_that_are_not_understood_are_named(void **state)
{
    (void)state;
    program_run(&home, &result, "gen", "lo-fi bagpipes", "-l", "1", "-o", "w1.wav", NULL);
    assert_non_null(strstr(result.err, "timbre: not understood: bagpipes\n"));
    assert_null(strstr(result.err, "timbre: understood"));
    program_run(&home, &result, "gen", "xyzzy", "-l", "1", "-o", "w2.wav", NULL);
    assert_non_null(strstr(result.err, "none of these words are known to the sketch; the seed"));
    program_run(&home, &result, "gen", "piano", "-l", "1", "-o", "w3.wav", NULL);
    assert_null(strstr(result.err, "understood"));
    program_run(&home, &result, "gen", "lo-fi bagpipes", "-l", "1", "-o", "w4.wav", "-q", NULL);
    assert_string_equal(result.err, "");
}

static void a_folder_given_gets_the_take_itself(void **state)
{
    (void)state;
    assert_int_equal(mkdir("there", 0777), 0);
    static const char *const folders[] = {"new/", "there"};
    for (size_t i = 0; i < 2; i++) {
        program_run(&home, &result, "gen", "piano", "-l", "1", "-s", "6", "-q", "-o", folders[i],
                    NULL);
        assert_int_equal(result.exit_code, 0);
        char *name = strrchr(result.out, '/');
        assert_string_equal(name + 5, "-piano-s6.wav\n"); /* behind the hour and minute */
        name[5] = '\0';
        *name = '\0';
        name = strrchr(result.out, '/') + 1;
        assert_int_equal(strncmp(name, folders[i], strlen(name)), 0);
    }
}

static void a_dry_run_tells_the_music_and_the_names(void **state)
{
    (void)state;
    program_run(&home, &result, "gen", "lo-fi bagpipes, 84 bpm", "-s", "5", "-n", "2", "-o",
                "d-{seed}.wav", "--midi", "d-{n}.mid", "--dry-run", NULL);
    assert_int_equal(result.exit_code, 0);
    static const char *const parts[] = {"84 bpm",    "lo-fi",     "bagpipes", "d-5.wav\n",
                                        "d-6.wav\n", "d-1.mid\n", "d-2.mid\n"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        assert_non_null(strstr(result.out, parts[i]));
    program_run(&home, &result, "gen", "waltz", "--dry-run", "--json", NULL);
    json_t *answer = parse(result.out);
    json_t *extras = json_object_get(json_object_get(answer, "metadata"), "extras");
    assert_string_equal(json_string_value(json_object_get(extras, "metre")), "3/4");
    const char *path = json_string_value(json_array_get(json_object_get(answer, "outputs"), 0));
    assert_null(strchr(path, '{'));
    json_decref(answer);
}

static void each_take_has_its_own_midi_file(void **state)
{
    (void)state;
    program_run(&home, &result, "gen", "x", "-l", "1", "-n", "2", "-q", "-o", "mi-{n}.wav",
                "--midi", "mi-{n}.mid", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_int_equal(access("mi-1.mid", R_OK), 0);
    assert_int_equal(access("mi-2.mid", R_OK), 0);
    program_run(&home, &result, "gen", "x", "-n", "3", "-o", "mj-{n}.wav", "--midi", "mj.mid",
                NULL);
    assert_refused(2, "--midi 'mj.mid' names one file");
    assert_non_null(strstr(result.err, "fix: put {n} or {seed}"));
    program_run(&home, &result, "gen", "x", "--midi", "{what}.mid", NULL);
    assert_refused(2, "{what}");
}

static void wrong_values_name_the_field_and_its_limit(void **state)
{
    (void)state;
    program_run(&home, &result, "generate", "x", "-l", "0", NULL);
    assert_refused(2, "timbre: --length: 0 is not between 1 and 600");
    program_run(&home, &result, "generate", "x", "-l", "1:30", NULL);
    assert_refused(2, "--length: '1:30' is not a number");
    assert_non_null(strstr(result.err, "fix: give it in seconds, such as 90"));
    program_run(&home, &result, "generate", "x", "--timeout", "30s", NULL);
    assert_refused(2, "--timeout '30s' is not a number");
    assert_non_null(strstr(result.err, "in seconds"));
    home.env[0] = "TIMBRE_MODEL=none-such";
    program_run(&home, &result, "generate", "x", NULL);
    assert_null(strstr(result.err, "model_id"));
    assert_int_not_equal(result.exit_code, 0);
    home.env[0] = NULL;
    program_run(&home, &result, "generate", "x", "-s", "9007199254740991", "-n", "2", NULL);
    assert_refused(2, "9007199254740992");
    program_run(&home, &result, "generate", "x", "-f", "mp3", NULL);
    assert_refused(2, "wav, flac");
    program_run(&home, &result, "generate", "x", "-o", "x.mp3", NULL);
    assert_refused(2, "'mp3' is not one of: wav, flac");
    program_run(&home, &result, "generate", "x", "-o", "{sead}.wav", NULL);
    assert_refused(2, "{sead}");
    program_run(&home, &result, "generate", "x", "-n", "2", "-o", "x.wav", NULL);
    assert_refused(2, "--output 'x.wav' names one file");
    program_run(&home, &result, "generate", "--from", "nowhere.wav", NULL);
    assert_refused(1, "nowhere.wav");
}

static void existing_files_are_not_touched(void **state)
{
    (void)state;
    program_write_file("there.wav", "mine");
    program_run(&home, &result, "generate", "x", "-l", "1", "-o", "there.wav", NULL);
    assert_refused(1, "exists already");
    assert_non_null(strstr(result.err, "fix: "));
    char *text = program_read_file("there.wav", NULL);
    assert_string_equal(text, "mine");
    free(text);
    program_run(&home, &result, "generate", "x", "-l", "1", "-o", "there.wav", "--force", NULL);
    assert_int_equal(result.exit_code, 0);
    program_write_file("there.mid", "mine");
    program_run(&home, &result, "generate", "x", "-l", "1", "-o", "m.wav", "--midi", "there.mid",
                NULL);
    assert_refused(1, "exists already");
    assert_int_equal(access("m.wav", F_OK), -1); /* said before the work, not after it */
}

static void output_places_that_cannot_be_written_are_named(void **state)
{
    (void)state;
    program_run(&home, &result, "generate", "x", "-l", "1", "-o", "absent/x.wav", NULL);
    assert_refused(1, "absent");
    program_write_file("plain", "");
    program_run(&home, &result, "generate", "x", "-l", "1", "-o", "plain/x.wav", NULL);
    assert_refused(2, "'plain' is not a folder");
    if (access("/proc/self/status", R_OK) == 0) { /* a folder that even root cannot write in */
        home.env[0] = "TIMBRE_OUTPUT_DIR=/proc/timbre";
        program_run(&home, &result, "generate", "x", "-l", "1", NULL);
        assert_refused(1, "/proc/timbre");
    }
}

static void a_full_disk_leaves_nothing(void **state)
{
    (void)state;
    mkdir("full", 0777);
    char script[512];
    /* a file size limit stands for the full disk: the write fails halfway */
    snprintf(script, sizeof script, "ulimit -f 100; exec '%s' generate x -l 2 -o full/x.wav -q",
             program_path());
    const char *argv[] = {"sh", "-c", script, NULL};
    program_run_argv(&home, &result, argv);
    assert_refused(1, "cannot write 'full/x.wav'");
    assert_int_equal(program_count_files("full", ""), 0);
    if (access("/dev/full", W_OK) != 0)
        return;
    snprintf(script, sizeof script, "exec '%s' generate x -l 1 -o full/y.wav -q > /dev/full",
             program_path());
    program_run_argv(&home, &result, argv);
    assert_int_equal(result.exit_code, 1);
    assert_non_null(strstr(result.err, "standard output"));
}

static void soundfonts_that_are_missing_or_broken_say_so(void **state)
{
    (void)state;
    program_run(&home, &result, "generate", "x", "--soundfont", "absent.sf2", NULL);
    assert_refused(3, "absent.sf2");
    assert_non_null(strstr(result.err, "fix: "));
    program_write_file("broken.sf2", "RIFF....sfbkLIST");
    home.env[0] = "TIMBRE_SOUNDFONT=broken.sf2";
    program_run(&home, &result, "generate", "x", "-l", "1", "-o", "b.wav", NULL);
    assert_refused(1, "broken.sf2");
    assert_int_equal(access("b.wav", F_OK), -1);
}

static void the_time_limit_is_kept(void **state)
{
    (void)state;
    program_run(&home, &result, "generate", "x", "-l", "300", "--timeout", "0.2", "-o", "t.wav",
                NULL);
    assert_refused(7, "not done after 0.2 s");
    assert_true(result.seconds < 5);
    assert_int_equal(access("t.wav", F_OK), -1);
}

static void the_time_limit_covers_the_prompt_and_not_the_playing(void **state)
{
    (void)state;
    char script[512];
    snprintf(script, sizeof script, "sleep 2 | '%s' generate - --timeout 0.2", program_path());
    const char *argv[] = {"sh", "-c", script, NULL};
    program_run_argv(&home, &result, argv);
    assert_refused(7, "not done after 0.2 s");
    /* one limit for the prompt and the work */
    snprintf(script, sizeof script,
             "(sleep 1.5; echo x) | '%s' generate - -l 300 --timeout 1.7 -o late.wav",
             program_path());
    program_run_argv(&home, &result, argv);
    assert_refused(7, "not done after 1.7 s");
    assert_true(result.seconds < 2.5);
    if (!tb_player_is_built_in())
        return;
    home.env[0] = "SDL_AUDIODRIVER=dummy";
    program_run(&home, &result, "generate", "flute", "-l", "5", "--timeout", "4.5", "-o", "l.wav",
                "--play", "-n", "1", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_true(result.seconds > 4.9);
}

static void errors_are_json_where_json_was_asked(void **state)
{
    (void)state;
    program_run(&home, &result, "generate", "", "--json", NULL);
    assert_int_equal(result.exit_code, 2);
    json_t *answer = parse(result.out);
    json_t *error = json_object_get(answer, "error");
    assert_string_equal(json_string_value(json_object_get(error, "code")), "bad_input");
    assert_int_equal(json_integer_value(json_object_get(error, "exit_code")), 2);
    assert_non_null(strstr(result.err, "prompt is empty"));
    json_decref(answer);
}

static void show_tells_facts_and_recipe(void **state)
{
    (void)state;
    program_run(&home, &result, "gen", "piano", "-l", "1", "-s", "3", "-o", "s.wav", "-q", NULL);
    program_run(&home, &result, "show", "s.wav", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_non_null(strstr(result.out, "44100 Hz"));
    assert_non_null(strstr(result.out, "piano"));
    program_run(&home, &result, "info", "s.wav", "--json", NULL);
    json_t *answer = parse(result.out);
    json_t *recipe = json_object_get(answer, "recipe");
    assert_int_equal(json_integer_value(json_object_get(answer, "frames")), 44100);
    assert_string_equal(json_string_value(json_object_get(recipe, "backend")), "sketch");
    json_decref(answer);
    program_run(&home, &result, "show", "absent.wav", NULL);
    assert_refused(1, "absent.wav");
    program_write_file("text.wav", "not sound");
    program_run(&home, &result, "show", "text.wav", NULL);
    assert_refused(1, "text.wav");
    program_run(&home, &result, "generate", "--from", "text.wav", NULL);
    assert_refused(1, "text.wav");
}

static void show_tells_the_music(void **state)
{
    (void)state;
    program_run(&home, &result, "gen", "lo-fi bagpipes, 84 bpm", "-l", "1", "-o", "mu.wav", "-q",
                NULL);
    static const char *const files[] = {"mu.wav", "mu.wav.json", "mu.wav"};
    for (size_t i = 0; i < 3; i++) {
        program_run(&home, &result, "show", files[i], NULL);
        assert_int_equal(result.exit_code, 0);
        assert_non_null(strstr(result.out, "84 bpm"));
        assert_non_null(strstr(result.out, "bagpipes\nrecipe"));
        if (i == 1) /* the last time without a sidecar: the engine is asked */
            assert_int_equal(remove("mu.wav.json"), 0);
    }
    /* a sidecar of another take says nothing about this one */
    program_run(&home, &result, "gen", "waltz", "-l", "1", "-o", "other.wav", "-q", NULL);
    assert_int_equal(rename("other.wav.json", "mu.wav.json"), 0);
    program_run(&home, &result, "show", "mu.wav", NULL);
    assert_non_null(strstr(result.out, "84 bpm"));
    program_write_file("no.json", "{}");
    program_run(&home, &result, "show", "no.json", NULL);
    assert_refused(1, "no sidecar");
}

static void show_finds_what_is_cut_off(void **state)
{
    (void)state;
    static const char *const names[] = {"cut.wav", "cut.flac"};
    for (size_t i = 0; i < 2; i++) {
        program_run(&home, &result, "gen", "rain", "-l", "3", "-o", names[i], "-q", NULL);
        program_run(&home, &result, "show", names[i], NULL);
        assert_int_equal(result.exit_code, 0);
        size_t length;
        char *bytes = program_read_file(names[i], &length);
        assert_int_equal(truncate(names[i], (off_t)(length / 2)), 0);
        free(bytes);
        program_run(&home, &result, "show", names[i], "--json", NULL);
        assert_int_equal(result.exit_code, 8);
        assert_non_null(strstr(result.err, "damaged: 1."));
        assert_non_null(strstr(result.err, " of 3.00 s are left"));
        assert_non_null(strstr(result.out, "\"damaged\": true"));
    }
}

static void foreign_files_have_facts_and_no_recipe(void **state)
{
    (void)state;
    char path[1024];
    const char *data = getenv("TIMBRE_TEST_DATA");
    const char *tests = getenv("TIMBRE_TESTS_DIR");
    if (data == NULL || tests == NULL) {
        skip();
        return;
    }
    if (data[0] == '/')
        snprintf(path, sizeof path, "%s/riffusion/pairs/funky_sax.mp3", data);
    else /* relative to the root of the sources; the tests' data is two folders below it */
        snprintf(path, sizeof path, "%s/../../%s/riffusion/pairs/funky_sax.mp3", tests, data);
    if (access(path, R_OK) != 0)
        skip();
    program_run(&home, &result, "show", path, NULL);
    assert_int_equal(result.exit_code, 0);
    assert_non_null(strstr(result.out, "44100 Hz"));
    assert_non_null(strstr(result.out, "no recipe inside"));
    program_run(&home, &result, "show", path, "--json", NULL);
    json_t *answer = parse(result.out);
    assert_int_equal(json_integer_value(json_object_get(answer, "channels")), 1);
    assert_true(json_number_value(json_object_get(answer, "duration_seconds")) > 4);
    assert_true(json_is_null(json_object_get(answer, "recipe")));
    json_decref(answer);
    program_run(&home, &result, "generate", "--from", path, NULL);
    assert_refused(1, "has no recipe inside");
}

static void doctor_checks_everything(void **state)
{
    (void)state;
    program_run(&home, &result, "doctor", "--json", NULL);
    assert_int_equal(result.exit_code, 0);
    json_t *answer = parse(result.out);
    assert_true(json_is_true(json_object_get(answer, "ok")));
    assert_int_equal(json_array_size(json_object_get(answer, "checks")), 16);
    json_decref(answer);
    program_run(&home, &result, "doctor", "--soundfont", "absent.sf2", NULL);
    assert_int_equal(result.exit_code, 1);
    assert_non_null(strstr(result.out, "fail  backend"));
    assert_non_null(strstr(result.out, "fix: "));
    home.env[0] = "SDL_AUDIODRIVER=no-such-driver";
    program_run(&home, &result, "doctor", NULL);
    assert_int_equal(result.exit_code, 0);
    assert_non_null(strstr(result.out, "warn  sound"));
    assert_null(strstr(result.out, "the file")); /* there is none */
}

static void the_log_keeps_what_was_said(void **state)
{
    (void)state;
    program_run(&home, &result, "generate", "x", "-l", "1", "-o", "log.wav", "-q", "--log", "t.log",
                NULL);
    assert_int_equal(result.exit_code, 0);
    assert_string_equal(result.err, "");
    char *text = program_read_file("t.log", NULL);
    assert_non_null(strstr(text, "seed "));
    assert_non_null(strstr(text, " note generate 'x', seed "));
    const char *last = strstr(text, " note made /"); /* behind everything else */
    assert_non_null(last);
    assert_string_equal(strrchr(last, '/'), "/log.wav\n");
    assert_non_null(strstr(text, " info render ")); /* what the engine says */
    assert_non_null(strstr(text, " debug "));
    free(text);
    program_run(&home, &result, "generate", "x", "-l", "1", "-o", "verbose.wav", "-v", NULL);
    assert_non_null(strstr(result.err, "timbre: render took "));
    assert_null(strstr(result.err, "sha256")); /* that is for the log */
    program_run(&home, &result, "generate", "x", "-l", "1", "-o", "terse.wav", NULL);
    assert_null(strstr(result.err, " took "));
}

/* Text that would steer a terminal, break a line or turn it around, and what is shown of it. */
static void outside_text_cannot_steer(void **state)
{
    (void)state;
    static const struct {
        const char *text, *shown;
    } cases[] = {
        {"plain, \xc3\xa4 \xe2\x82\xac \xf0\x9f\x8e\xb9",
         "plain, \xc3\xa4 \xe2\x82\xac \xf0\x9f\x8e\xb9"},
        {"a\033[2Jb\177", "a?[2Jb?"},
        {"a\xc2\x9b"
         "2Jb\xc2\x80\xc2\x9f\xc2\xa0",
         "a?2Jb??\xc2\xa0"},
        {"a\nb\tc\r\nd", "a b c  d"},
        {"\xe2\x80\xae\xe2\x80\xac\xe2\x81\xa6\xe2\x81\xa9\xe2\x80\x8e\xd8\x9c|", "??????|"},
        {"\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xa7", "??\xe2\x80\xa7"},
        {"a\xff\xc3", "a??"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *shown = NULL;
        size_t length;
        FILE *out = open_memstream(&shown, &length);
        assert_non_null(out);
        tb_print_clean(out, cases[i].text);
        assert_int_equal(fclose(out), 0);
        assert_string_equal(shown, cases[i].shown);
        free(shown);
    }
    program_run(&home, &result, "generate", "piano\nfake: x", "-l", "1", "-o", "nl.wav", "-q",
                NULL);
    program_run(&home, &result, "show", "nl.wav", NULL);
    assert_null(strstr(result.out, "\nfake"));
    assert_non_null(strstr(result.out, "piano fake: x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(stdout_is_the_path_and_nothing_else, program_clean),
        cmocka_unit_test_teardown(the_inbox_note_finds_the_take, program_clean),
        cmocka_unit_test_teardown(data_folder_that_cannot_be_written_is_only_a_warning,
                                  program_clean),
        cmocka_unit_test_teardown(a_take_can_be_made_again_to_the_byte, program_clean),
        cmocka_unit_test_teardown(a_repeat_names_the_ingredient_that_differs, program_clean),
        cmocka_unit_test_teardown(a_changed_repeat_still_compares_what_should_agree, program_clean),
        cmocka_unit_test_teardown(flags_change_one_thing_of_a_recipe, program_clean),
        cmocka_unit_test_teardown(several_takes_have_seeds_in_a_row, program_clean),
        cmocka_unit_test_teardown(sound_and_midi_go_where_asked, program_clean),
        cmocka_unit_test_teardown(a_midi_file_never_replaces_the_take, program_clean),
        cmocka_unit_test_teardown(places_of_the_midi_file_are_checked_before_the_work,
                                  program_clean),
        cmocka_unit_test_teardown(names_that_are_no_utf8_do_no_harm, program_clean),
        cmocka_unit_test_teardown(events_are_one_object_a_line, program_clean),
        cmocka_unit_test_teardown(dry_run_makes_nothing, program_clean),
        cmocka_unit_test_teardown(a_dry_run_tells_the_music_and_the_names, program_clean),
        cmocka_unit_test_teardown(each_take_has_its_own_midi_file, program_clean),
        cmocka_unit_test_teardown(bad_prompts_are_refused, program_clean),
        cmocka_unit_test_teardown(strange_prompts_still_make_sound, program_clean),
        cmocka_unit_test_teardown(words_that_are_not_understood_are_named, program_clean),
        cmocka_unit_test_teardown(a_folder_given_gets_the_take_itself, program_clean),
        cmocka_unit_test_teardown(wrong_values_name_the_field_and_its_limit, program_clean),
        cmocka_unit_test_teardown(existing_files_are_not_touched, program_clean),
        cmocka_unit_test_teardown(output_places_that_cannot_be_written_are_named, program_clean),
        cmocka_unit_test_teardown(a_full_disk_leaves_nothing, program_clean),
        cmocka_unit_test_teardown(soundfonts_that_are_missing_or_broken_say_so, program_clean),
        cmocka_unit_test_teardown(the_time_limit_is_kept, program_clean),
        cmocka_unit_test_teardown(the_time_limit_covers_the_prompt_and_not_the_playing,
                                  program_clean),
        cmocka_unit_test_teardown(errors_are_json_where_json_was_asked, program_clean),
        cmocka_unit_test_teardown(show_tells_facts_and_recipe, program_clean),
        cmocka_unit_test_teardown(show_tells_the_music, program_clean),
        cmocka_unit_test_teardown(show_finds_what_is_cut_off, program_clean),
        cmocka_unit_test_teardown(foreign_files_have_facts_and_no_recipe, program_clean),
        cmocka_unit_test_teardown(doctor_checks_everything, program_clean),
        cmocka_unit_test_teardown(the_log_keeps_what_was_said, program_clean),
        cmocka_unit_test_teardown(outside_text_cannot_steer, program_clean),
    };
    return cmocka_run_group_tests(tests, program_setup, program_teardown);
}
