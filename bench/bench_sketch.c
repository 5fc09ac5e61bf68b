/*
 * What the sketch backend costs: CPU seconds of arranging, rendering and mastering, and how soon
 * the first progress is reported. The promise: 30 s of music in under 2 s of CPU, arranging under
 * 50 ms, first progress within 50 ms.
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine/audio/master.h"
#include "engine/base/clock.h"
#include "engine/sketch/prompt.h"
#include "engine/sketch/soundfont.h"
#include "engine/sketch/synth.h"
#include "engine/sketch/texture.h"

static const char *const prompts[] = {
    "lo-fi piano over gentle rain, 84 bpm, A minor",
    "energetic funk with brass and slap bass",
    "ambient strings and choir over waves",
};

typedef struct timing {
    double start_s, first_progress_s; /* wall clock; first_progress_s < 0: none yet */
    double arrange_s, render_s, texture_s, master_s; /* CPU */
    double wall_s;
} timing;

static void note_first(double fraction, void *user)
{
    timing *t = user;
    (void)fraction;
    if (t->first_progress_s < 0)
        t->first_progress_s = tb_clock_seconds() - t->start_s;
}

static double lap(double *since)
{
    double now = tb_clock_cpu_seconds(), spent = now - *since;
    *since = now;
    return spent;
}

static tb_status compose(const char *prompt, double duration_s, tb_arena *arena, tb_brief *brief,
                         tb_score *score, tb_error *err)
{
    tb_lexicon *lexicon = NULL;
    tb_status st = tb_lexicon_new(&lexicon, err);
    if (st == TIMBRE_OK)
        st = tb_prompt_read(lexicon, prompt, NULL, brief, err);
    tb_arrange_options options = {.seed = 1, .duration_s = duration_s};
    if (st == TIMBRE_OK)
        st = tb_arrange(brief, &options, arena, score, err);
    tb_lexicon_free(lexicon);
    return st;
}

static tb_status sound(const tb_brief *brief, const tb_score *score, tb_pool *pool, float *pcm,
                       timing *t, tb_error *err)
{
    char bank[TB_PATH_MAX_BYTES];
    tb_progress progress = {.fn = note_first, .user = t};
    double cpu_s = tb_clock_cpu_seconds();
    tb_status st = tb_soundfont_find(getenv("TIMBRE_SOUNDFONT"), NULL, bank, sizeof bank, err);
    if (st == TIMBRE_OK)
        st = tb_synth_render(score, bank, pool, &progress, pcm, err);
    t->render_s = lap(&cpu_s);
    for (tb_texture k = 0; k < TB_TEXTURE_COUNT && st == TIMBRE_OK; k++)
        if (brief->texture_level[k] > 0)
            st = tb_texture_add(k, 1, 1, false, pcm, score->n_frames, NULL, err);
    t->texture_s = lap(&cpu_s);
    tb_master_options levels = {.target_lufs = -16, .ceiling_dbtp = -1, .fade_out_s = 1};
    tb_master_report report;
    if (st == TIMBRE_OK)
        st = tb_master_run(pcm, score->n_frames, &levels, NULL, &report, err);
    t->master_s = lap(&cpu_s);
    return st;
}

static tb_status bench(const char *prompt, double duration_s, int n_threads, timing *t,
                       tb_error *err)
{
    *t = (timing){.start_s = tb_clock_seconds(), .first_progress_s = -1};
    tb_pool *pool = NULL;
    tb_arena arena;
    tb_brief brief;
    tb_score score;
    float *pcm = NULL;
    tb_arena_init(&arena, 0);
    double cpu_s = tb_clock_cpu_seconds();
    tb_status st = compose(prompt, duration_s, &arena, &brief, &score, err);
    t->arrange_s = lap(&cpu_s);
    if (st == TIMBRE_OK)
        st = tb_pool_new(n_threads, &pool, err);
    if (st == TIMBRE_OK && (pcm = malloc(sizeof *pcm * 2 * (size_t)score.n_frames)) == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %.0f s of sound", duration_s);
    if (st == TIMBRE_OK)
        st = sound(&brief, &score, pool, pcm, t, err);
    t->wall_s = tb_clock_seconds() - t->start_s;
    free(pcm);
    tb_pool_free(pool);
    tb_arena_deinit(&arena);
    return st;
}

int main(void)
{
    static const double seconds[] = {30, 300};
    printf("%-46s %5s %3s | %7s %7s %7s %7s %7s | %6s %8s\n", "prompt", "s", "thr", "arrange",
           "render", "texture", "master", "cpu s", "wall s", "first ms");
    for (int i = 0; i < 12; i++) {
        const char *prompt = prompts[i / 4];
        timing t;
        tb_error err = {0};
        if (bench(prompt, seconds[i / 2 % 2], 1 + i % 2, &t, &err) != TIMBRE_OK) {
            fprintf(stderr, "%s\n%s\n", err.message, err.fix);
            return 1;
        }
        double cpu_s = t.arrange_s + t.render_s + t.texture_s + t.master_s;
        printf("%-46s %5.0f %3d | %7.3f %7.3f %7.3f %7.3f %7.3f | %6.2f %8.1f\n", prompt,
               seconds[i / 2 % 2], 1 + i % 2, t.arrange_s, t.render_s, t.texture_s, t.master_s,
               cpu_s, t.wall_s, 1e3 * t.first_progress_s);
    }
    return 0;
}
