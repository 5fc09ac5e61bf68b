/*
 * The training data: captions mean what is played, held-out combinations stay out, and the same
 * seed gives the same bytes whoever renders them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/sketch/soundfont.h"
#include "tests/support/folder.h"
#include "tests/support/same_file.h"
#include "tests/support/sanitized.h"
#include "tools/train/corpus/record.h"
#include "tools/train/corpus/words.h"

enum { N_DRAWS = IS_SANITIZED ? 400 : 4000 };

static tb_lexicon *lexicon;
static tb_stage_bank *bank;

static tb_brief read_prompt(const char *text)
{
    tb_brief brief;
    assert_int_equal(tb_prompt_read(lexicon, text, NULL, &brief, NULL), TIMBRE_OK);
    if (brief.n_unknown > 0)
        fail_msg("'%s': '%s' is not known", text, brief.unknown[0]);
    return brief;
}

static void every_style_and_tempo_is_read_as_such(void **state)
{
    (void)state;
    for (int i = 0; i < TB_STYLE_COUNT; i++)
        for (const char *const *w = tb_style_words[i]; *w != NULL; w++)
            if (read_prompt(*w).style != i)
                fail_msg("'%s' is not %s", *w, tb_style_name((tb_style)i));
    for (const char *const *w = tb_tempo_words; *w != NULL; w++) {
        tb_brief brief = read_prompt(*w);
        if (brief.tempo_bias == 0 && brief.tempo_low_bpm == 0)
            fail_msg("'%s' says nothing about the tempo", *w);
    }
}

static void every_instrument_is_that_instrument(void **state)
{
    (void)state;
    for (int i = 0; i < TB_INSTRUMENT_COUNT; i++)
        for (const tb_instrument_word *w = tb_instrument_words[i]; w->text != NULL; w++) {
            tb_brief brief = read_prompt(w->text);
            if (brief.n_instruments != 1 || (int)brief.instruments[0] != i)
                fail_msg("'%s' is not %s", w->text, tb_instrument_get((tb_instrument_id)i)->name);
        }
}

static void check_textures(const char *const *words, int texture, bool is_alone)
{
    for (; *words != NULL; words++) {
        tb_brief brief = read_prompt(*words);
        if (brief.texture_level[texture] <= 0 || brief.n_instruments > 0 ||
            (is_alone && !brief.texture_only))
            fail_msg("'%s' is not %s", *words, tb_texture_name((tb_texture)texture));
    }
}

static void every_texture_is_that_texture(void **state)
{
    (void)state;
    for (int i = 0; i < TB_TEXTURE_COUNT; i++) {
        check_textures(tb_texture_words[i], i, false);
        check_textures(tb_texture_alone_words[i], i, true);
    }
}

static void every_mood_is_that_mood(void **state)
{
    (void)state;
    for (int i = 0; i < tb_n_moods; i++)
        for (const char *const *w = tb_moods[i].words; *w != NULL; w++) {
            char meaning[64];
            tb_brief brief = read_prompt(*w);
            (void)snprintf(meaning, sizeof meaning, "mood %s", tb_moods[i].name);
            if (brief.n_understood != 1 || strcmp(brief.understood[0].meaning, meaning) != 0)
                fail_msg("'%s' is not %s", *w, meaning);
        }
}

static tb_clip draw(uint64_t seed, tb_clip_split split, int index)
{
    tb_clip clip;
    tb_error err = {0};
    if (tb_clip_draw(lexicon, seed, split, index, &clip, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    return clip;
}

/* What was drawn is what the composer reads; "guitar" is the guitar of its style. */
static void captions_ask_for_what_was_drawn(void **state)
{
    (void)state;
    int n_kinds[TB_CLIP_KIND_COUNT] = {0};
    for (int i = 0; i < N_DRAWS; i++) {
        tb_clip clip = draw(1, TB_SPLIT_ANY, i);
        n_kinds[clip.kind]++;
        if (clip.brief.n_unknown > 0)
            fail_msg("'%s': '%s' is not known", clip.caption, clip.brief.unknown[0]);
        if (clip.brief.style != clip.style && clip.style >= 0)
            fail_msg("'%s' is not %s", clip.caption, tb_style_name((tb_style)clip.style));
        if (clip.brief.n_instruments < clip.n_instruments)
            fail_msg("'%s': %d of %d instruments", clip.caption, clip.brief.n_instruments,
                     clip.n_instruments);
        if (clip.texture >= 0 && clip.brief.texture_level[clip.texture] <= 0)
            fail_msg("'%s' without %s", clip.caption, tb_texture_name((tb_texture)clip.texture));
        for (const char *c = clip.caption; *c != '\0'; c++)
            assert_true(*c >= ' ' && *c <= '~');
    }
    for (int i = 0; i < TB_CLIP_KIND_COUNT; i++)
        assert_true(n_kinds[i] > N_DRAWS / 100);
}

/* One plays where one is asked for, two where two are: doublings of the same instrument count
 * once. */
static void who_is_asked_for_plays(void **state)
{
    (void)state;
    for (int i = 0; i < N_DRAWS / 4; i++) {
        tb_clip clip = draw(2, TB_SPLIT_TRAIN, i);
        tb_arena arena;
        tb_piece piece;
        uint64_t heard = 0, asked = 0;
        tb_arena_init(&arena, 0);
        assert_int_equal(tb_piece_write(&clip, 0, &arena, &piece, NULL), TIMBRE_OK);
        for (int k = 0; k < piece.score.n_parts; k++)
            heard |= UINT64_C(1) << piece.score.parts[k].instrument;
        for (int k = 0; k < clip.brief.n_instruments; k++)
            asked |= UINT64_C(1) << clip.brief.instruments[k];
        bool is_alone = clip.kind == TB_CLIP_SOLO || clip.kind == TB_CLIP_DUO ||
                        clip.kind == TB_CLIP_DRUMS;
        if ((asked & ~heard) != 0)
            fail_msg("'%s': somebody is missing", clip.caption);
        if (is_alone && heard != asked)
            fail_msg("'%s': others play too", clip.caption);
        if (clip.kind == TB_CLIP_TEXTURE && heard != 0)
            fail_msg("'%s' has music", clip.caption);
        assert_true(piece.start_frame + TB_CLIP_FRAMES <= piece.score.n_frames);
        tb_arena_deinit(&arena);
    }
}

static void held_out_combinations_stay_out(void **state)
{
    (void)state;
    uint64_t known = 0;
    int n_styles = 0;
    for (int i = 0; i < N_DRAWS; i++) {
        tb_clip clip = draw(3, TB_SPLIT_TRAIN, i);
        if (tb_combination_is_held_out(clip.combination))
            fail_msg("'%s' in the training split", clip.combination);
        for (int k = 0; k < clip.n_instruments; k++)
            known |= UINT64_C(1) << clip.instruments[k];
        n_styles |= clip.style < 0 ? 0 : 1 << clip.style;
    }
    assert_true(known == (UINT64_C(1) << TB_INSTRUMENT_COUNT) - 1);
    assert_int_equal(n_styles, (1 << TB_STYLE_COUNT) - 1);
    for (int i = 0; i < N_DRAWS / 10; i++) {
        tb_clip clip = draw(3, TB_SPLIT_TEST, i);
        if (!tb_combination_is_held_out(clip.combination))
            fail_msg("'%s' in the test split", clip.combination);
    }
}

static void captions_are_of_many_kinds(void **state)
{
    (void)state;
    enum { N = 200 };
    char(*seen)[TB_CAPTION_BYTES] = calloc(N, sizeof *seen);
    assert_non_null(seen);
    int n_same = 0;
    for (int i = 0; i < N; i++) {
        tb_clip clip = draw(4, TB_SPLIT_TRAIN, i);
        memcpy(seen[i], clip.caption, sizeof seen[i]);
        for (int k = 0; k < i; k++)
            n_same += strcmp(seen[i], seen[k]) == 0;
    }
    assert_true(n_same <= 6); /* "rain sounds" may come twice */
    free(seen);
}

/* ---- sound ---- */

static tb_piece play(const tb_clip *clip, tb_arena *arena, int16_t *pcm)
{
    tb_piece piece;
    tb_error err = {0};
    bool is_silent = true;
    if (tb_piece_write(clip, 0, arena, &piece, &err) != TIMBRE_OK ||
        tb_piece_play(clip, &piece, bank, pcm, &is_silent, &err) != TIMBRE_OK)
        fail_msg("'%s': %s", clip->caption, err.message);
    return piece;
}

/* Whatever was played before leaves no trace. */
static void a_clip_is_the_same_after_others(void **state)
{
    (void)state;
    enum { N = 6 };
    int16_t *first = calloc(TB_CLIP_FRAMES, sizeof *first), *again = calloc(TB_CLIP_FRAMES, 2);
    tb_arena arena;
    assert_true(first != NULL && again != NULL);
    tb_arena_init(&arena, 0);
    for (int i = 0; i < N; i++) {
        tb_clip clip = draw(5, TB_SPLIT_TRAIN, i), other = draw(6, TB_SPLIT_TRAIN, i);
        (void)play(&clip, &arena, first);
        (void)play(&other, &arena, again);
        (void)play(&clip, &arena, again);
        assert_memory_equal(first, again, sizeof *first * TB_CLIP_FRAMES);
    }
    tb_arena_deinit(&arena);
    free(first);
    free(again);
}

static int run_corpus(const char *out, int n_clips, int n_jobs, const char *more)
{
    char command[4096];
    (void)snprintf(command, sizeof command,
                   "'%s' --out %s --clips %d --seed 7 --jobs %d %s 2>errors",
                   getenv("TIMBRE_CORPUS"), out, n_clips, n_jobs, more);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static char *read_file(const char *path, size_t *len_bytes)
{
    char *bytes = NULL;
    tb_error err = {0};
    if (tb_file_read(path, 1 << 26, &bytes, len_bytes, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    return bytes;
}

static void jobs_change_no_byte(void **state)
{
    (void)state;
    enum { N = 10 };
    assert_int_equal(run_corpus("one", N, 1, ""), 0);
    assert_int_equal(run_corpus("three", N, 3, ""), 0);
    assert_int_equal(run_corpus("lines", N, 2, "--captions"), 0);
    assert_same_file("one/clips.pcm", "three/clips.pcm");
    assert_same_file("one/clips.jsonl", "three/clips.jsonl");
    assert_int_equal(access("lines/clips.pcm", F_OK), -1);
    size_t n;
    char *lines = read_file("one/clips.jsonl", &n), *pcm = read_file("one/clips.pcm", &n);
    assert_int_equal(n, sizeof(int16_t) * TB_CLIP_FRAMES * N);
    for (int i = 0; i < N; i++) {
        json_t *line = json_loadb(lines + (size_t)i * TB_RECORD_BYTES, TB_RECORD_BYTES, 0, NULL);
        assert_non_null(line);
        assert_int_equal(json_integer_value(json_object_get(line, "index")), i);
        assert_false(json_is_true(json_object_get(line, "is_silent")));
        json_decref(line);
        const int16_t *clip = (const int16_t *)(const void *)pcm + (size_t)i * TB_CLIP_FRAMES;
        int peak = 0;
        for (int k = 0; k < TB_CLIP_FRAMES; k++)
            peak = abs(clip[k]) > peak ? abs(clip[k]) : peak;
        assert_in_range(peak, 29480, 29500); /* 0.9 */
    }
    free(lines);
    free(pcm);
}

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *options, *message;
        int exit_code;
    } rows[] = {
        {"--clips 0", "--clips '0' is not a whole number between 1 and 1000000", 2},
        {"--jobs x", "--jobs 'x'", 2},
        {"--split best", "--split 'best' is not one of", 2},
        {"--soundfont /dev/null", "/dev/null", 1},
        {"--out /dev/null/x", "/dev/null", 1},
        {"more", "usage", 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t n;
        assert_int_equal(run_corpus("bad", 1, 1, rows[i].options), rows[i].exit_code);
        char *errors = read_file("errors", &n);
        if (strstr(errors, rows[i].message) == NULL)
            fail_msg("%s: %s", rows[i].options, errors);
        free(errors);
    }
    assert_int_equal(access("bad/clips.pcm.part", F_OK), -1);
}

static int begin(void **state)
{
    char path[TB_PATH_MAX_BYTES];
    tb_error err = {0};
    if (enter_folder(state) != 0 || tb_lexicon_new(&lexicon, &err) != TIMBRE_OK ||
        tb_soundfont_find(NULL, NULL, path, sizeof path, &err) != TIMBRE_OK ||
        tb_stage_bank_new(path, &bank, &err) != TIMBRE_OK) {
        fprintf(stderr, "%s\n", err.message);
        return -1;
    }
    return 0;
}

static int end(void **state)
{
    tb_stage_bank_free(bank);
    tb_lexicon_free(lexicon);
    return leave_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_style_and_tempo_is_read_as_such),
        cmocka_unit_test(every_instrument_is_that_instrument),
        cmocka_unit_test(every_texture_is_that_texture),
        cmocka_unit_test(every_mood_is_that_mood),
        cmocka_unit_test(captions_ask_for_what_was_drawn),
        cmocka_unit_test(who_is_asked_for_plays),
        cmocka_unit_test(held_out_combinations_stay_out),
        cmocka_unit_test(captions_are_of_many_kinds),
        cmocka_unit_test(a_clip_is_the_same_after_others),
        cmocka_unit_test(jobs_change_no_byte),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
