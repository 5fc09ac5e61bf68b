#include "tools/train/corpus/play.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/audio/highpass.h"
#include "engine/sketch/fluid.h"
#include "engine/sketch/soundfont.h"
#include "engine/sketch/texture.h"
#include "tools/train/corpus/words.h"

enum { LEAD_FRAMES = TB_SAMPLE_RATE_HZ, N_KEYS = 128, N_PROGRAMS = 128, DRUM_BANK = 128 };

#define RUMBLE_HZ     20.0 /* as the sketch backend */
#define PEAK          0.9f
#define SILENT        1e-3f /* -60 dBFS before it is brought up */
#define PIECE_SECONDS 7.0   /* the shortest loop that a window is cut from */

/* ---- what is played ---- */

static int clamp(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

/* The program that the caption names, else one of those that go by the instrument's name. */
static uint8_t draw_program(tb_random *r, const tb_clip *clip, const tb_part *part)
{
    for (int i = 0; i < clip->n_instruments; i++)
        if (clip->instruments[i] == part->instrument && clip->programs[i] != TB_ANY_PROGRAM)
            return clip->programs[i];
    const uint8_t *others = tb_instrument_programs[part->instrument];
    int n = 0;
    while (others[n] != TB_ANY_PROGRAM)
        n++;
    return n > 0 && tb_random_chance(r, 0.5) ? others[tb_random_range(r, 0, n - 1)] : part->program;
}

static void vary_parts(tb_random *r, const tb_clip *clip, tb_score *score)
{
    int room = tb_random_range(r, -30, 40);
    for (int i = 0; i < score->n_parts; i++) {
        tb_part *part = &score->parts[i];
        part->program = draw_program(r, clip, part);
        part->volume = (uint8_t)clamp(part->volume + tb_random_range(r, -14, 14), 30, 127);
        part->reverb = (uint8_t)clamp(part->reverb + room, 0, 127);
    }
}

/* The beginning of a bar from which on there is a clip's length. */
static int64_t draw_start(tb_random *r, const tb_score *score)
{
    int n = 1;
    while (n < score->n_bars &&
           tb_score_frame(score, n * score->ticks_per_bar) + TB_CLIP_FRAMES <= score->n_frames)
        n++;
    return tb_score_frame(score, tb_random_range(r, 0, n - 1) * score->ticks_per_bar);
}

/* A loop has no ending; one clip in five is a piece from its beginning to its end. */
tb_status tb_piece_write(const tb_clip *clip, int try, tb_arena *arena, tb_piece *out,
                         tb_error *err)
{
    tb_random r = tb_random_init(clip->seed + (uint64_t)try, "play");
    double seconds = PIECE_SECONDS + 6 * tb_random_unit(&r);
    bool is_whole = tb_random_chance(&r, 0.2);
    tb_arrange_options options = {
        .seed = clip->seed + (uint64_t)try,
        .duration_s = is_whole ? (double)TB_CLIP_FRAMES / TB_SAMPLE_RATE_HZ : seconds,
        .loop = !is_whole};
    *out = (tb_piece){0};
    tb_status st = tb_arrange(&clip->brief, &options, arena, &out->score, err);
    if (st == TIMBRE_OK && out->score.n_frames < TB_CLIP_FRAMES) { /* a loop of one short bar */
        options.loop = false;
        options.duration_s = seconds;
        st = tb_arrange(&clip->brief, &options, arena, &out->score, err);
    }
    if (st != TIMBRE_OK)
        return st;
    vary_parts(&r, clip, &out->score);
    out->start_frame = draw_start(&r, &out->score);
    return TIMBRE_OK;
}

/* ---- the bank ---- */

struct tb_stage_bank {
    fluid_settings_t *settings;
    fluid_synth_t *keeper; /* holds the SoundFont and its samples; plays nothing */
    fluid_sfont_t *sfont;
};

static void pin(tb_stage_bank *bank, int bank_number, int program)
{
    /* a preset that a bank lacks is found when a part asks for it */
    (void)fluid_synth_pin_preset(bank->keeper, fluid_sfont_get_id(bank->sfont), bank_number,
                                 program);
}

static void pin_all(tb_stage_bank *bank)
{
    bool is_used[N_PROGRAMS] = {false};
    pin(bank, DRUM_BANK, 0);
    for (int id = 0; id < TB_INSTRUMENT_COUNT; id++) {
        const uint8_t *others = tb_instrument_programs[id];
        bool is_drums = id == TB_INSTRUMENT_DRUMS;
        for (int i = 0; others[i] != TB_ANY_PROGRAM; i++)
            if (is_drums)
                pin(bank, DRUM_BANK, others[i]);
            else
                is_used[others[i]] = true;
        if (!is_drums)
            is_used[tb_instrument_get((tb_instrument_id)id)->program] = true;
        for (const tb_instrument_word *w = tb_instrument_words[id]; w->text != NULL; w++)
            if (w->program < N_PROGRAMS && !is_drums)
                is_used[w->program] = true;
    }
    for (int program = 0; program < N_PROGRAMS; program++)
        if (is_used[program])
            pin(bank, 0, program);
}

void tb_stage_bank_free(tb_stage_bank *bank)
{
    if (bank == NULL)
        return;
    delete_fluid_synth(bank->keeper);
    delete_fluid_settings(bank->settings);
    free(bank);
}

tb_status tb_stage_bank_new(const char *soundfont_path, tb_stage_bank **out, tb_error *err)
{
    *out = NULL;
    tb_status st = tb_soundfont_check(soundfont_path, err);
    if (st != TIMBRE_OK)
        return st;
    tb_fluid_prepare();
    tb_stage_bank *bank = calloc(1, sizeof *bank);
    if (bank != NULL)
        bank->settings = tb_fluid_settings();
    if (bank != NULL && bank->settings != NULL)
        bank->keeper = new_fluid_synth(bank->settings);
    if (bank == NULL || bank->keeper == NULL) {
        tb_stage_bank_free(bank);
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a synthesiser");
    }
    if (fluid_synth_sfload(bank->keeper, soundfont_path, 0) == FLUID_FAILED) {
        tb_stage_bank_free(bank);
        return tb_fail(err, TIMBRE_BAD_FILE, "the SoundFont '%s' is damaged", soundfont_path);
    }
    bank->sfont = fluid_synth_get_sfont(bank->keeper, 0);
    pin_all(bank);
    *out = bank;
    return TIMBRE_OK;
}

/* ---- playing ---- */

typedef struct part_player {
    tb_playlist list;
    size_t next;
} part_player;

/* All parts on one synthesiser, new for every clip: nothing of one sounds in another. */
typedef struct player {
    const tb_score *score;
    fluid_synth_t *synth;
    part_player parts[TB_SCORE_MAX_PARTS];
} player;

static void player_deinit(player *p, tb_stage_bank *bank)
{
    for (int k = 0; k < TB_SCORE_MAX_PARTS; k++)
        tb_playlist_deinit(&p->parts[k].list);
    if (p->synth != NULL)
        (void)fluid_synth_remove_sfont(p->synth, bank->sfont); /* the keeper's */
    delete_fluid_synth(p->synth);
}

static tb_status player_init(player *p, const tb_score *score, tb_stage_bank *bank, tb_error *err)
{
    *p = (player){.score = score, .synth = new_fluid_synth(bank->settings)};
    if (p->synth == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a synthesiser");
    int id = fluid_synth_add_sfont(p->synth, bank->sfont);
    tb_status st = TIMBRE_OK;
    for (int k = 0; k < score->n_parts && st == TIMBRE_OK; k++) {
        st = tb_playlist_init(&p->parts[k].list, score, k, err);
        if (st == TIMBRE_OK && !tb_fluid_seat(p->synth, &score->parts[k], id))
            st = tb_fail(err, TIMBRE_BAD_FILE, "the SoundFont has no program %d (part '%s')",
                         score->parts[k].program, score->parts[k].name);
    }
    return st;
}

/* Goes to `block` without sound: controllers hold, and what still sounds there is struck anew. */
static void skip_to(player *p, int k, int64_t block)
{
    part_player *part = &p->parts[k];
    const tb_action *held[N_KEYS] = {NULL};
    int channel = p->score->parts[k].channel;
    for (; part->next < part->list.n_actions; part->next++) {
        const tb_action *a = &part->list.actions[part->next];
        if (a->block >= block)
            break;
        if (a->kind == TB_ACTION_NOTE_ON || a->kind == TB_ACTION_NOTE_OFF)
            held[a->a % N_KEYS] = a->kind == TB_ACTION_NOTE_ON ? a : NULL;
        else
            tb_fluid_do(p->synth, channel, a);
    }
    for (int key = 0; key < N_KEYS; key++)
        if (held[key] != NULL)
            tb_fluid_do(p->synth, channel, held[key]);
}

/* Carries out what is due at `block`; the block of the next action, or `end`. */
static int64_t act(player *p, int64_t block, int64_t end)
{
    for (int k = 0; k < p->score->n_parts; k++) {
        part_player *part = &p->parts[k];
        const tb_action *a = part->list.actions;
        while (part->next < part->list.n_actions && a[part->next].block <= block)
            tb_fluid_do(p->synth, p->score->parts[k].channel, &a[part->next++]);
        if (part->next < part->list.n_actions && a[part->next].block < end)
            end = a[part->next].block;
    }
    return end;
}

/* out: stereo, from `begin` to `end`, blocks of the piece. */
static tb_status run(player *p, int64_t begin, int64_t end, float *out, tb_error *err)
{
    for (int k = 0; k < p->score->n_parts; k++)
        skip_to(p, k, begin);
    for (int64_t block = begin; block < end;) {
        int64_t next = act(p, block, end);
        float *to = out + 2 * TB_BLOCK_FRAMES * (block - begin);
        int n = (int)(next - block) * TB_BLOCK_FRAMES;
        if (fluid_synth_write_float(p->synth, n, to, 0, 2, to, 1, 2) != FLUID_OK)
            return tb_fail(err, TIMBRE_INTERNAL, "the synthesiser stopped");
        block = next;
    }
    return TIMBRE_OK;
}

/* Both channels together, the loudest sample at PEAK. */
static bool to_mono(const float *stereo, int16_t *pcm)
{
    float peak = 0;
    for (int i = 0; i < TB_CLIP_FRAMES; i++)
        peak = fmaxf(peak, fabsf(stereo[2 * i] + stereo[2 * i + 1]) / 2);
    if (peak < SILENT) {
        memset(pcm, 0, sizeof *pcm * TB_CLIP_FRAMES);
        return true;
    }
    for (int i = 0; i < TB_CLIP_FRAMES; i++)
        pcm[i] = (int16_t)lrintf((stereo[2 * i] + stereo[2 * i + 1]) / 2 / peak * PEAK * 32767);
    return false;
}

tb_status tb_piece_play(const tb_clip *clip, const tb_piece *piece, tb_stage_bank *bank,
                        int16_t *pcm, bool *is_silent, tb_error *err)
{
    int64_t lead = piece->start_frame < LEAD_FRAMES ? piece->start_frame : LEAD_FRAMES;
    int64_t begin = (piece->start_frame - lead) / TB_BLOCK_FRAMES;
    int64_t end = (piece->start_frame + TB_CLIP_FRAMES) / TB_BLOCK_FRAMES + 1;
    float *mix = calloc((size_t)(end - begin) * TB_BLOCK_FRAMES * 2, sizeof *mix);
    player p = {0};
    if (mix == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a clip");
    tb_status st = player_init(&p, &piece->score, bank, err);
    if (st == TIMBRE_OK)
        st = run(&p, begin, end, mix, err);
    player_deinit(&p, bank);
    float *clip_mix = mix + 2 * (piece->start_frame - begin * TB_BLOCK_FRAMES);
    if (st == TIMBRE_OK) {
        tb_highpass_run(clip_mix, TB_CLIP_FRAMES, RUMBLE_HZ, false);
        st = tb_texture_mix(clip->brief.texture_level, piece->score.n_parts == 0, clip->seed, false,
                            clip_mix, TB_CLIP_FRAMES, NULL, err);
    }
    if (st == TIMBRE_OK)
        *is_silent = to_mono(clip_mix, pcm);
    free(mix);
    return st;
}
