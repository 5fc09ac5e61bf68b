#include "engine/sketch/synth.h"

#include <fluidsynth.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/sketch/fluid.h"
#include "engine/sketch/soundfont.h"

enum {
    SLICE_BLOCKS = 1378,     /* 2 s of all parts in memory at a time */
    TAIL_SLICE_BLOCKS = 172, /* 0.25 s: how finely the end of a loop's tail is found */
    RUN_BLOCKS = 64,         /* 93 ms of sound, about 1 ms of work: how often cancel is polled */
    TAIL_MAX_FRAMES = 8 * TB_SAMPLE_RATE_HZ,
    TAIL_FADE_FRAMES = TB_SAMPLE_RATE_HZ,
    AUDIBLE_FRAMES = TB_SAMPLE_RATE_HZ / 4, /* a note given this long must have sounded */
};

#define TAIL_SILENCE  3e-5f /* -90 dBFS */
#define PART_SILENCE  1e-6f /* -120 dBFS: above the offset that FluidSynth's reverb adds */
#define SETUP_SECONDS 10.0  /* loading a part's samples costs about as much as playing this long */

/* One part and the synthesiser that plays it. */
typedef struct player {
    const struct render *render;
    const tb_part *part;
    tb_playlist list;
    size_t next; /* action not yet carried out */
    fluid_settings_t *settings;
    fluid_synth_t *synth; /* NULL: the part has nothing to play */
    float *slice;         /* [SLICE_BLOCKS * TB_BLOCK_FRAMES * 2] */
    float peak;
    tb_status status;
    tb_error error;
} player;

typedef struct render {
    const tb_score *score;
    const char *soundfont_path;
    const tb_progress *progress;
    int64_t start_block; /* of the slice being rendered */
    int n_blocks;
    player players[TB_SCORE_MAX_PARTS];
} render;

static tb_status player_load(player *p)
{
    const char *path = p->render->soundfont_path;
    p->settings = tb_fluid_settings();
    p->synth = p->settings == NULL ? NULL : new_fluid_synth(p->settings);
    p->slice = malloc(sizeof(float) * 2 * SLICE_BLOCKS * TB_BLOCK_FRAMES);
    if (p->synth == NULL || p->slice == NULL)
        return tb_fail(&p->error, TIMBRE_NO_MEMORY, "no memory for the synthesiser of part '%s'",
                       p->part->name);
    int sfont_id = fluid_synth_sfload(p->synth, path, 0);
    if (sfont_id == FLUID_FAILED)
        return tb_fail(&p->error, TIMBRE_BAD_FILE, "the SoundFont '%s' is damaged", path);
    if (!tb_fluid_seat(p->synth, p->part, sfont_id))
        return tb_fail(&p->error, TIMBRE_BAD_FILE,
                       "the SoundFont '%s' has no preset for %s program %d (part '%s')", path,
                       p->part->channel == TB_DRUM_CHANNEL ? "drum" : "General MIDI",
                       p->part->program, p->part->name);
    return TIMBRE_OK;
}

static void load_task(int i_task, void *user)
{
    player *p = &((render *)user)->players[i_task];
    if (p->list.n_actions == 0)
        return;
    if (tb_progress_is_cancelled(p->render->progress))
        p->status = tb_fail(&p->error, TIMBRE_CANCELLED, "interrupted");
    else
        p->status = player_load(p);
    if (p->status == TIMBRE_BAD_FILE)
        tb_fix(&p->error,
               "install it again, or name another SoundFont with the setting 'engine.soundfont'");
}

/* Blocks that can be rendered from `block` on before the next action or the end of the slice. */
static int run_length(const player *p, int64_t block, int64_t end)
{
    int64_t n = end - block;
    if (p->next < p->list.n_actions && p->list.actions[p->next].block - block < n)
        n = p->list.actions[p->next].block - block;
    return n < RUN_BLOCKS ? (int)n : RUN_BLOCKS;
}

static void slice_task(int i_task, void *user)
{
    const render *r = user;
    player *p = &((render *)user)->players[i_task];
    if (p->synth == NULL)
        return;
    int64_t block = r->start_block, end = block + r->n_blocks;
    while (block < end) {
        while (p->next < p->list.n_actions && p->list.actions[p->next].block <= block)
            tb_fluid_do(p->synth, p->part->channel, &p->list.actions[p->next++]);
        int n_frames = run_length(p, block, end) * TB_BLOCK_FRAMES;
        float *to = p->slice + 2 * TB_BLOCK_FRAMES * (block - r->start_block);
        if (tb_progress_is_cancelled(r->progress)) {
            p->status = tb_fail(&p->error, TIMBRE_CANCELLED, "interrupted");
            return;
        }
        if (fluid_synth_write_float(p->synth, n_frames, to, 0, 2, to, 1, 2) != FLUID_OK) {
            p->status = tb_fail(&p->error, TIMBRE_INTERNAL, "the synthesiser of part '%s' stopped",
                                p->part->name);
            return;
        }
        block += n_frames / TB_BLOCK_FRAMES;
    }
    for (int64_t i = 0; i < 2LL * TB_BLOCK_FRAMES * r->n_blocks; i++)
        p->peak = fmaxf(p->peak, fabsf(p->slice[i]));
}

/* The first part's error, so that the report does not depend on the threads. */
static tb_status run_all(render *r, tb_pool *pool, void (*task)(int, void *), tb_error *err)
{
    tb_pool_run(pool, r->score->n_parts, task, r);
    for (int i = 0; i < r->score->n_parts; i++) {
        if (r->players[i].status == TIMBRE_OK)
            continue;
        if (err != NULL)
            *err = r->players[i].error;
        return r->players[i].status;
    }
    return TIMBRE_OK;
}

/* Factor for a frame of a loop's tail: 1, falling to 0 over the last second of the longest tail. */
static float tail_gain(int64_t tail_frame)
{
    int64_t left = TAIL_MAX_FRAMES - tail_frame;
    if (left >= TAIL_FADE_FRAMES)
        return 1;
    return left <= 0 ? 0 : (float)left / TAIL_FADE_FRAMES;
}

/* Add the players' slices, in part order, to out; returns the peak of the sum. */
static float mix_slice(const render *r, float *out)
{
    int64_t n_frames = r->score->n_frames, start = r->start_block * TB_BLOCK_FRAMES;
    float peak = 0;
    for (int64_t i = 0; i < (int64_t)r->n_blocks * TB_BLOCK_FRAMES; i++) {
        int64_t frame = start + i;
        if (frame >= n_frames && !r->score->loop)
            break;
        float gain = frame < n_frames ? 1 : tail_gain(frame - n_frames);
        for (int c = 0; c < 2; c++) {
            float sum = 0;
            for (int k = 0; k < r->score->n_parts; k++)
                if (r->players[k].synth != NULL)
                    sum += r->players[k].slice[2 * i + c];
            peak = fmaxf(peak, fabsf(sum));
            out[2 * (frame % n_frames) + c] += gain * sum;
        }
    }
    return peak;
}

static bool has_more_to_play(const render *r)
{
    for (int k = 0; k < r->score->n_parts; k++)
        if (r->players[k].next < r->players[k].list.n_actions)
            return true;
    return false;
}

static tb_status render_slices(render *r, tb_pool *pool, float *out, tb_error *err)
{
    int64_t n_frames = r->score->n_frames;
    int64_t body_blocks = (n_frames + TB_BLOCK_FRAMES - 1) / TB_BLOCK_FRAMES;
    int64_t end_block = body_blocks;
    if (r->score->loop)
        end_block += (TAIL_MAX_FRAMES + TB_BLOCK_FRAMES - 1) / TB_BLOCK_FRAMES;
    double total_s = SETUP_SECONDS + (double)n_frames / TB_SAMPLE_RATE_HZ;
    for (r->start_block = 0; r->start_block < end_block; r->start_block += r->n_blocks) {
        bool in_tail = r->start_block >= body_blocks;
        int64_t left = (in_tail ? end_block : body_blocks) - r->start_block;
        int most = in_tail ? TAIL_SLICE_BLOCKS : SLICE_BLOCKS;
        r->n_blocks = left < most ? (int)left : most;
        tb_status st = run_all(r, pool, slice_task, err);
        if (st != TIMBRE_OK)
            return st;
        float peak = mix_slice(r, out);
        if (in_tail && peak < TAIL_SILENCE && !has_more_to_play(r))
            break;
        double done_s = (double)(r->start_block + r->n_blocks) * TB_BLOCK_FRAMES /
                        TB_SAMPLE_RATE_HZ;
        tb_progress_report(r->progress, fmin(1, (SETUP_SECONDS + done_s) / total_s));
    }
    return TIMBRE_OK;
}

/* A damaged sample is skipped by FluidSynth without an error; a part must not be lost that way. */
static tb_status check_players(const render *r, tb_error *err)
{
    for (int k = 0; k < r->score->n_parts; k++) {
        const player *p = &r->players[k];
        const tb_action *a = p->list.actions;
        while (a < p->list.actions + p->list.n_actions && a->kind != TB_ACTION_NOTE_ON)
            a++;
        bool was_heard = p->peak >= PART_SILENCE || p->list.n_notes == 0 || p->part->volume == 0;
        if (was_heard || a->block * TB_BLOCK_FRAMES + AUDIBLE_FRAMES > r->score->n_frames)
            continue;
        tb_status st = tb_fail(err, TIMBRE_BAD_FILE,
                               "the SoundFont '%s' makes no sound for program %d (part '%s')",
                               r->soundfont_path, p->part->program, p->part->name);
        tb_fix(err,
               "install it again, or name another SoundFont with the setting 'engine.soundfont'");
        return st;
    }
    return TIMBRE_OK;
}

static tb_status players_init(render *r, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    for (int k = 0; k < r->score->n_parts && st == TIMBRE_OK; k++) {
        r->players[k].render = r;
        r->players[k].part = &r->score->parts[k];
        st = tb_playlist_init(&r->players[k].list, r->score, k, err);
    }
    return st;
}

static void players_deinit(render *r)
{
    for (int k = 0; k < TB_SCORE_MAX_PARTS; k++) {
        player *p = &r->players[k];
        delete_fluid_synth(p->synth);
        delete_fluid_settings(p->settings);
        free(p->slice);
        tb_playlist_deinit(&p->list);
    }
}

tb_status tb_synth_render(const tb_score *score, const char *soundfont_path, tb_pool *pool,
                          const tb_progress *progress, float *out, tb_error *err)
{
    tb_progress_report(progress, 0);
    tb_status st = tb_soundfont_check(soundfont_path, err);
    if (st != TIMBRE_OK)
        return st;
    render *r = calloc(1, sizeof *r);
    if (r == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %d synthesisers", score->n_parts);
    *r = (render){.score = score, .soundfont_path = soundfont_path, .progress = progress};
    memset(out, 0, sizeof *out * 2 * (size_t)score->n_frames);
    tb_fluid_prepare();
    st = players_init(r, err);
    if (st == TIMBRE_OK)
        st = run_all(r, pool, load_task, err);
    if (st == TIMBRE_OK)
        st = render_slices(r, pool, out, err);
    if (st == TIMBRE_OK)
        st = check_players(r, err);
    players_deinit(r);
    free(r);
    return st;
}
