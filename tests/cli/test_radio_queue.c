/* What a radio sounds like, to the sample: clips, joins, loops where one is late, pause and end;
 * and the file that it is recorded to. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/radio_queue.h"
#include "cli/radio_record.h"
#include "tests/support/folder.h"
#include "timbre/audio.h"

enum { FADE = 10, LENGTH = 100, MOST = 1000 };

static tb_radio_queue *queue;
static float got[MOST * TB_RADIO_CHANNELS];

/* Sample i of the clip with this tag: never 0, never the same twice. */
static float sample(int tag, int i)
{
    return (float)tag + (float)i / 1024;
}

static tb_radio_clip *new_clip(int tag, int n, bool is_loop)
{
    tb_radio_clip *clip = calloc(1, sizeof *clip);
    assert_non_null(clip);
    clip->samples = calloc((size_t)n * TB_RADIO_CHANNELS, sizeof *clip->samples);
    assert_non_null(clip->samples);
    for (int i = 0; i < n; i++) {
        clip->samples[2 * i] = sample(tag, i);
        clip->samples[2 * i + 1] = -sample(tag, i);
    }
    clip->n_frames = n;
    clip->is_loop = is_loop;
    clip->step.leg = tag;
    return clip;
}

static void begin(bool waits, int n_clips)
{
    queue = tb_radio_queue_new(&(tb_radio_queue_options){FADE, waits, n_clips});
    assert_non_null(queue);
}

static void push(int tag)
{
    tb_radio_queue_push(queue, new_clip(tag, LENGTH, false));
}

static int end(void **state)
{
    (void)state;
    tb_radio_queue_free(queue);
    queue = NULL;
    return 0;
}

static int64_t pull(int64_t n)
{
    memset(got, 0, sizeof got);
    return tb_radio_queue_pull(queue, got, n);
}

/* Frames `at`..`at + n` of what was pulled are those of the clip from `from` on, untouched. */
static void assert_plain(int at, int tag, int from, int n)
{
    for (int i = 0; i < n; i++) {
        assert_true(got[2 * (at + i)] == sample(tag, from + i));
        assert_true(got[2 * (at + i) + 1] == -sample(tag, from + i));
    }
}

/* An equal-power join of n frames: one leaves from `from_out` on, one comes from its beginning. */
static void assert_join(int at, int out, int from_out, int in, int n)
{
    for (int i = 0; i < n; i++) {
        double angle = (i + 0.5) / n * 1.57079632679489661923;
        double wanted = sample(out, from_out + i) * cos(angle) + sample(in, i) * sin(angle);
        assert_true(fabs(got[2 * (at + i)] - wanted) < 1e-5);
        assert_true(fabs(got[2 * (at + i) + 1] + wanted) < 1e-5);
    }
}

static tb_radio_state state_now(void)
{
    tb_radio_state now;
    tb_radio_queue_get_state(queue, &now);
    return now;
}

/* ---- sound ---- */

static void nothing_comes_before_the_first_clip(void **state)
{
    (void)state;
    begin(false, 0);
    assert_int_equal(pull(50), 0);
    assert_false(state_now().is_playing || state_now().has_ended);
    push(1);
    assert_int_equal(pull(50), 50);
    assert_plain(0, 1, 0, 50);
}

static void clips_share_the_length_of_a_join(void **state)
{
    (void)state;
    begin(false, 0);
    push(1);
    push(2);
    assert_int_equal(pull(150), 150);
    assert_plain(0, 1, 0, LENGTH - FADE);
    assert_join(LENGTH - FADE, 1, LENGTH - FADE, 2, FADE);
    assert_plain(LENGTH, 2, FADE, 50);
}

/* The same in pieces of any size. */
static void pieces_do_not_matter(void **state)
{
    (void)state;
    static float whole[MOST * 2], parts[MOST * 2];
    for (int piece = 1; piece < 40; piece += 7) {
        begin(false, 0);
        push(1);
        push(2);
        assert_int_equal(tb_radio_queue_pull(queue, whole, 400), 400);
        (void)end(NULL);
        begin(false, 0);
        push(1);
        push(2);
        for (int at = 0; at < 400; at += piece) {
            int n = at + piece < 400 ? piece : 400 - at;
            assert_int_equal(tb_radio_queue_pull(queue, parts + (size_t)at * 2, n), n);
        }
        (void)end(NULL);
        assert_memory_equal(whole, parts, sizeof(float) * 800);
    }
}

static void a_late_clip_leaves_no_gap(void **state)
{
    (void)state;
    begin(false, 0);
    push(1);
    int period = LENGTH - FADE;
    assert_int_equal(pull(3 * period), 3 * period);
    assert_int_equal(state_now().n_rounds, 2);
    assert_plain(0, 1, 0, period);
    for (int round = 1; round < 3; round++) { /* its end goes over into its own beginning */
        assert_join(round * period, 1, period, 1, FADE);
        assert_plain(round * period + FADE, 1, FADE, period - FADE);
    }
    push(2); /* it came: from the end of this round on */
    assert_int_equal(pull(LENGTH), LENGTH);
    assert_join(0, 1, period, 2, FADE);
    assert_plain(FADE, 2, FADE, period - FADE);
    assert_int_equal(state_now().n_rounds, 1); /* and it is late again */
    assert_int_equal(state_now().n_begun, 2);
}

/* A loop as the sketch makes it meets itself without a seam, and keeps its time. */
static void a_loop_goes_round_to_the_sample(void **state)
{
    (void)state;
    begin(false, 0);
    tb_radio_queue_push(queue, new_clip(1, LENGTH, true));
    assert_int_equal(pull(3 * LENGTH), 3 * LENGTH);
    for (int round = 0; round < 3; round++)
        assert_plain(round * LENGTH, 1, 0, LENGTH);
    tb_radio_queue_push(queue, new_clip(2, LENGTH, true));
    assert_int_equal(pull(LENGTH), LENGTH);
    assert_join(0, 1, 0, 2, FADE); /* its beginning leaves while the other comes */
    assert_plain(FADE, 2, FADE, LENGTH - FADE);
}

static void short_clips_share_half_of_themselves(void **state)
{
    (void)state;
    begin(false, 0);
    tb_radio_queue_push(queue, new_clip(1, 8, false));
    tb_radio_queue_push(queue, new_clip(2, LENGTH, false));
    assert_int_equal(pull(50), 50);
    assert_plain(0, 1, 0, 4);
    assert_join(4, 1, 4, 2, 4);
    assert_plain(8, 2, 4, 42);
    (void)end(NULL);
    begin(false, 0); /* of one frame: nothing to share, and no gap either */
    tb_radio_queue_push(queue, new_clip(3, 1, false));
    assert_int_equal(pull(20), 20);
    for (int i = 0; i < 20; i++)
        assert_plain(i, 3, 0, 1);
}

static void a_file_waits_instead_of_going_round(void **state)
{
    (void)state;
    begin(true, 0);
    push(1);
    assert_int_equal(pull(500), LENGTH - FADE);
    assert_int_equal(pull(500), 0);
    push(2);
    assert_int_equal(pull(500), LENGTH - FADE);
    assert_join(0, 1, LENGTH - FADE, 2, FADE);
    assert_plain(FADE, 2, FADE, LENGTH - 2 * FADE);
    assert_int_equal(state_now().n_rounds, 0);
}

static void a_pause_loses_no_sample(void **state)
{
    (void)state;
    begin(false, 0);
    push(1);
    assert_int_equal(pull(33), 33);
    tb_radio_queue_pause(queue, true);
    assert_int_equal(pull(33), 0);
    assert_int_equal(state_now().n_ahead, 0);
    tb_radio_queue_pause(queue, false);
    assert_int_equal(pull(33), 33);
    assert_plain(0, 1, 33, 33);
}

static void the_last_clip_is_whole_and_fades(void **state)
{
    (void)state;
    for (int is_loop = 0; is_loop < 2; is_loop++) {
        begin(false, 2);
        tb_radio_queue_push(queue, new_clip(1, LENGTH, is_loop));
        tb_radio_queue_push(queue, new_clip(2, LENGTH, is_loop));
        int first = is_loop ? LENGTH : LENGTH - FADE;
        assert_int_equal(pull(MOST), first + LENGTH);
        assert_plain(first + FADE, 2, FADE, LENGTH - 2 * FADE);
        for (int i = 0; i < FADE; i++) {
            double gain = cos((i + 0.5) / FADE * 1.57079632679489661923);
            int at = first + LENGTH - FADE + i;
            assert_true(fabs(got[2 * at] - sample(2, LENGTH - FADE + i) * gain) < 1e-5);
        }
        assert_true(state_now().has_ended);
        assert_int_equal(pull(MOST), 0);
        (void)end(NULL);
    }
}

static void told_to_end_it_fades(void **state)
{
    (void)state;
    begin(false, 0);
    push(1);
    assert_int_equal(pull(20), 20);
    tb_radio_queue_fade_out(queue, 30);
    assert_int_equal(pull(MOST), 30);
    for (int i = 0; i < 30; i++) {
        double gain = cos((i + 0.5) / 30 * 1.57079632679489661923);
        assert_true(fabs(got[2 * i] - sample(1, 20 + i) * gain) < 1e-5);
    }
    assert_true(state_now().has_ended);
    (void)end(NULL);
    begin(true, 0); /* a file that waits for a clip has an end as well */
    push(1);
    assert_int_equal(pull(MOST), LENGTH - FADE);
    tb_radio_queue_fade_out(queue, 5);
    assert_int_equal(pull(MOST), 5);
    (void)end(NULL);
    begin(false, 0);
    tb_radio_queue_fade_out(queue, 30);
    assert_true(state_now().has_ended); /* nothing was begun */
}

/* ---- clips ---- */

static tb_radio_clip *take(void)
{
    return tb_radio_queue_take_played(queue);
}

static void two_clips_are_wanted_ahead(void **state)
{
    (void)state;
    begin(false, 0);
    assert_int_equal(tb_radio_queue_wait(queue), TB_RADIO_WANTS_CLIP);
    push(1);
    assert_int_equal(tb_radio_queue_wait(queue), TB_RADIO_WANTS_CLIP);
    assert_int_equal(pull(1), 1); /* the first one plays, it is not ahead any more */
    assert_int_equal(state_now().n_ahead, 0);
    push(2);
    assert_int_equal(tb_radio_queue_wait(queue), TB_RADIO_WANTS_CLIP);
    push(3);
    assert_int_equal(state_now().n_ahead, 2);
    assert_int_equal(pull(LENGTH), LENGTH); /* the second plays, the first was played */
    assert_int_equal(pull(1), 1);
    assert_int_equal(tb_radio_queue_wait(queue), TB_RADIO_HAS_PLAYED);
    tb_radio_clip *clip = take();
    assert_non_null(clip);
    assert_int_equal(clip->step.leg, 1);
    assert_null(clip->samples);
    tb_radio_clip_free(clip);
    assert_null(take());
    assert_int_equal(tb_radio_queue_wait(queue), TB_RADIO_WANTS_CLIP);
}

static void dropped_clips_are_made_up_for(void **state)
{
    (void)state;
    begin(false, 3);
    for (int tag = 1; tag < 4; tag++)
        push(tag);
    assert_int_equal(pull(1), 1);
    tb_radio_queue_drop_ahead(queue);
    assert_int_equal(state_now().n_ahead, 0);
    for (int i = 0; i < 2; i++) {
        tb_radio_clip *clip = take();
        assert_non_null(clip);
        assert_int_not_equal(clip->step.leg, 1);
        tb_radio_clip_free(clip);
    }
    assert_int_equal(tb_radio_queue_wait(queue), TB_RADIO_WANTS_CLIP);
    push(7);
    push(8);
    assert_int_equal(pull(MOST), 3 * LENGTH - 2 * FADE - 1);
    assert_plain(LENGTH - 1, 7, FADE, LENGTH - 2 * FADE);
}

static void closed_it_gives_all_back(void **state)
{
    (void)state;
    begin(false, 0);
    push(1);
    push(2);
    assert_int_equal(pull(LENGTH - FADE + 1), LENGTH - FADE + 1); /* in the middle of a join */
    push(3);
    tb_radio_queue_close(queue);
    push(4); /* one that was on its way */
    assert_int_equal(pull(1), 0);
    int n = 0;
    while (tb_radio_queue_wait(queue) == TB_RADIO_HAS_PLAYED) {
        tb_radio_clip_free(take());
        n++;
    }
    assert_int_equal(n, 4);
    assert_int_equal(tb_radio_queue_wait(queue), TB_RADIO_IS_CLOSED);
}

static void *wait_for_close(void *user)
{
    while (tb_radio_queue_wait(user) != TB_RADIO_IS_CLOSED)
        tb_radio_clip_free(tb_radio_queue_take_played(user));
    return NULL;
}

static void closing_wakes_who_waits(void **state)
{
    (void)state;
    pthread_t thread;
    begin(false, 0);
    push(1);
    push(2);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_close, queue), 0);
    (void)usleep(20000);
    tb_radio_queue_close(queue);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

/* ---- the file ---- */

static void assert_wav(const char *path, const int16_t *pcm, int64_t n_frames)
{
    timbre_audio *audio = NULL;
    timbre_audio_info info = {.struct_size = sizeof info};
    static float samples[MOST * 2];
    int64_t n = 0;
    assert_int_equal(timbre_audio_open(path, &audio, NULL), TIMBRE_OK);
    timbre_audio_get_info(audio, &info);
    assert_int_equal(info.n_frames, n_frames);
    assert_int_equal(info.rate_hz, 100);
    assert_int_equal(info.n_channels, 2);
    assert_int_equal(timbre_audio_read(audio, samples, MOST, &n, NULL), TIMBRE_OK);
    timbre_audio_close(audio);
    for (int64_t i = 0; i < 2 * n_frames; i++)
        assert_true(samples[i] * 32768 == pcm[i]);
}

static void a_recording_has_the_samples_and_is_whole_at_any_time(void **state)
{
    (void)state;
    tb_radio_record record = {0};
    tb_error err = {0};
    int16_t pcm[600];
    float frames[600];
    for (int i = 0; i < 600; i++) {
        pcm[i] = (int16_t)(i * 109 - 32768);
        frames[i] = (float)pcm[i] / 32768;
    }
    assert_int_equal(tb_radio_record_open(&record, "r.wav", false, &err), TIMBRE_OK);
    assert_int_equal(tb_radio_record_append(&record, frames, 150, 100, &err), TIMBRE_OK);
    assert_wav("r.wav", pcm, 150); /* while it is open */
    assert_int_equal(tb_radio_record_append(&record, frames + 300, 10, 100, &err), TIMBRE_OK);
    assert_int_equal(tb_radio_record_close(&record, &err), TIMBRE_OK);
    assert_wav("r.wav", pcm, 160);
    assert_int_equal(tb_radio_record_open(&record, "r.wav", false, &err), TIMBRE_EXISTS);
    assert_int_equal(tb_radio_record_open(&record, "r.wav", true, &err), TIMBRE_OK);
    frames[0] = 2, frames[1] = -2; /* as loud as it gets */
    pcm[0] = 32767, pcm[1] = -32768;
    assert_int_equal(tb_radio_record_append(&record, frames, 1, 100, &err), TIMBRE_OK);
    assert_int_equal(tb_radio_record_close(&record, &err), TIMBRE_OK);
    assert_wav("r.wav", pcm, 1);
    assert_int_equal(tb_radio_record_close(&record, &err), TIMBRE_OK); /* again is nothing */
}

static void a_recording_of_nothing_is_no_file(void **state)
{
    (void)state;
    tb_radio_record record = {0};
    tb_error err = {0};
    assert_int_equal(tb_radio_record_open(&record, "n.wav", false, &err), TIMBRE_OK);
    assert_int_equal(tb_radio_record_close(&record, &err), TIMBRE_OK);
    assert_int_not_equal(access("n.wav", F_OK), 0);
    assert_int_not_equal(tb_radio_record_open(&record, "no/folder.wav", false, &err), TIMBRE_OK);
}

static void a_full_recording_says_so(void **state)
{
    (void)state;
    tb_radio_record record = {0};
    tb_error err = {0};
    float frame[4] = {0};
    assert_int_equal(tb_radio_record_open(&record, "f.wav", false, &err), TIMBRE_OK);
    record.n_frames = record.n_told = ((int64_t)UINT32_MAX - 44) / 4 - 1;
    assert_int_equal(tb_radio_record_append(&record, frame, 2, 100, &err), TIMBRE_UNSUPPORTED);
    assert_non_null(strstr(err.message, "is full"));
    record.n_frames = 0;
    assert_int_equal(tb_radio_record_close(&record, &err), TIMBRE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(nothing_comes_before_the_first_clip, end),
        cmocka_unit_test_teardown(clips_share_the_length_of_a_join, end),
        cmocka_unit_test_teardown(pieces_do_not_matter, end),
        cmocka_unit_test_teardown(a_late_clip_leaves_no_gap, end),
        cmocka_unit_test_teardown(a_loop_goes_round_to_the_sample, end),
        cmocka_unit_test_teardown(short_clips_share_half_of_themselves, end),
        cmocka_unit_test_teardown(a_file_waits_instead_of_going_round, end),
        cmocka_unit_test_teardown(a_pause_loses_no_sample, end),
        cmocka_unit_test_teardown(the_last_clip_is_whole_and_fades, end),
        cmocka_unit_test_teardown(told_to_end_it_fades, end),
        cmocka_unit_test_teardown(two_clips_are_wanted_ahead, end),
        cmocka_unit_test_teardown(dropped_clips_are_made_up_for, end),
        cmocka_unit_test_teardown(closed_it_gives_all_back, end),
        cmocka_unit_test_teardown(closing_wakes_who_waits, end),
        cmocka_unit_test(a_recording_has_the_samples_and_is_whole_at_any_time),
        cmocka_unit_test(a_recording_of_nothing_is_no_file),
        cmocka_unit_test(a_full_recording_says_so),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
