#include "engine/pipeline/rework.h"

#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/audio/source.h"
#include "engine/base/limits.h"
#include "engine/base/math.h"
#include "engine/base/number.h"
#include "engine/base/random.h"
#include "engine/base/str.h"
#include "engine/pipeline/riffusion.h"
#include "engine/spectrogram/image_file.h"

enum { NAMED_COLUMNS = 512, BLEND_CLIPS = 5 };

/* A sound up to this long is reworked in one picture: the models were trained on 5.11 s. */
static const double ONE_CLIP_SECONDS = 5.2;

const char *const tb_seed_names[] = {"og_beat", "agile", "marim", "motorway", "vibes", NULL};

static bool has(const timbre_request *request, tb_field_id id)
{
    return timbre_request_has(request, tb_field_get(id)->name);
}

static double number_of(const timbre_request *request, tb_field_id id)
{
    return timbre_request_number(request, tb_field_get(id)->name);
}

/* ---- what makes no sense alone ---- */

enum { MAX_BASES = 2 };

/* A field and those of which one has to be there for it. */
static const struct {
    tb_field_id field;
    tb_field_id bases[MAX_BASES];
    int n_bases;
} needs[] = {
    {TB_FIELD_INIT_START, {TB_FIELD_INIT}, 1},
    {TB_FIELD_STRENGTH, {TB_FIELD_INIT, TB_FIELD_PROMPT_B}, 2},
    {TB_FIELD_MASK, {TB_FIELD_INIT, TB_FIELD_PROMPT_B}, 2},
    {TB_FIELD_REPAINT, {TB_FIELD_INIT, TB_FIELD_PROMPT_B}, 2},
    {TB_FIELD_REPAINT_BAND, {TB_FIELD_INIT, TB_FIELD_PROMPT_B}, 2},
    {TB_FIELD_SEED_B, {TB_FIELD_PROMPT_B}, 1},
    {TB_FIELD_STRENGTH_B, {TB_FIELD_PROMPT_B}, 1},
    {TB_FIELD_CFG_SCALE_B, {TB_FIELD_PROMPT_B}, 1},
    {TB_FIELD_ALPHA, {TB_FIELD_PROMPT_B}, 1},
    {TB_FIELD_ALPHA_POWER, {TB_FIELD_PROMPT_B}, 1},
    {TB_FIELD_CLIPS, {TB_FIELD_PROMPT_B}, 1},
    {TB_FIELD_CLIP_SECONDS, {TB_FIELD_INIT, TB_FIELD_PROMPT_B}, 2},
    {TB_FIELD_OVERLAP_SECONDS, {TB_FIELD_INIT, TB_FIELD_PROMPT_B}, 2},
    {TB_FIELD_JOIN, {TB_FIELD_INIT, TB_FIELD_PROMPT_B}, 2},
    {TB_FIELD_MAGIC_MIX, {TB_FIELD_INIT}, 1},
    {TB_FIELD_MIX_FROM, {TB_FIELD_MAGIC_MIX}, 1},
    {TB_FIELD_MIX_TO, {TB_FIELD_MAGIC_MIX}, 1},
    {TB_FIELD_VARIATION_SEED, {TB_FIELD_VARIATION}, 1},
};

/* Two fields that say different things about the same. */
static const tb_field_id rivals[][2] = {
    {TB_FIELD_MAGIC_MIX, TB_FIELD_STRENGTH},
    {TB_FIELD_MAGIC_MIX, TB_FIELD_PROMPT_B},
    {TB_FIELD_ALPHA, TB_FIELD_CLIPS},
    {TB_FIELD_ALPHA, TB_FIELD_ALPHA_POWER},
};

static tb_status check_needs(const timbre_request *request, tb_error *err)
{
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
        bool is_based = !has(request, needs[i].field);
        for (int k = 0; k < needs[i].n_bases; k++)
            is_based |= has(request, needs[i].bases[k]);
        if (!is_based)
            return tb_fail(err, TIMBRE_BAD_INPUT, "%s is of no use without %s%s",
                           tb_field_get(needs[i].field)->name,
                           tb_field_get(needs[i].bases[0])->name,
                           needs[i].n_bases > 1 ? " or prompt_b" : "");
    }
    for (size_t i = 0; i < sizeof rivals / sizeof *rivals; i++)
        if (has(request, rivals[i][0]) && has(request, rivals[i][1]))
            return tb_fail(err, TIMBRE_BAD_INPUT, "%s and %s cannot both be given",
                           tb_field_get(rivals[i][0])->name, tb_field_get(rivals[i][1])->name);
    return TIMBRE_OK;
}

/* ---- ranges ---- */

static const struct {
    const char *unit, *suffix;
    double factor;
} units[] = {{"s", "ms", 0.001}, {"s", "s", 1}, {"Hz", "kHz", 1000}, {"Hz", "Hz", 1}};

/* A number with its unit, which may be left out. */
static bool parse_quantity(const char *text, size_t len, const char *unit, double *out)
{
    char copy[32];
    double factor = 1;
    if (len == 0 || len >= sizeof copy)
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t n = strlen(units[i].suffix);
        if (strcmp(units[i].unit, unit) != 0 || len <= n ||
            strcmp(copy + len - n, units[i].suffix) != 0)
            continue;
        copy[len - n] = '\0';
        factor = units[i].factor;
        break;
    }
    bool is_plain = strspn(copy, "0123456789.") == strlen(copy);
    if (!is_plain || !tb_number_parse(copy, out) || !(*out >= 0 && *out <= 1e6))
        return false;
    *out *= factor;
    return true;
}

tb_status tb_rework_parse_range(const char *field, const char *text, const char *unit, double *from,
                                double *to, tb_error *err)
{
    const char *dash = strchr(text, '-');
    bool is_time = strcmp(unit, "s") == 0;
    if (dash == NULL || !parse_quantity(text, (size_t)(dash - text), unit, from) ||
        !parse_quantity(dash + 1, strlen(dash + 1), unit, to)) {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "%s '%.60s' is no range", field, text);
        tb_fix(err, "write it as %s", is_time ? "1.2s-2.8s" : "200Hz-4kHz");
        return st;
    }
    if (*from >= *to)
        return tb_fail(err, TIMBRE_BAD_INPUT, "%s '%.60s' ends before it begins", field, text);
    return TIMBRE_OK;
}

static tb_status check_ranges(const timbre_request *request, tb_error *err)
{
    static const struct {
        tb_field_id field;
        const char *unit;
    } rows[] = {{TB_FIELD_REPAINT, "s"}, {TB_FIELD_REPAINT_BAND, "Hz"}};
    tb_status st = TIMBRE_OK;
    for (size_t i = 0; st == TIMBRE_OK && i < sizeof rows / sizeof *rows; i++) {
        const char *name = tb_field_get(rows[i].field)->name;
        double from, to;
        if (timbre_request_has(request, name))
            st = tb_rework_parse_range(name, timbre_request_text(request, name), rows[i].unit,
                                       &from, &to, err);
    }
    return st;
}

/* ---- what is begun with ---- */

static bool is_picture_file(const char *path)
{
    static const struct {
        const char *bytes;
        size_t n;
    } heads[] = {{"\x89PNG", 4}, {"\xff\xd8\xff", 3}};
    char head[4] = "";
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, head, sizeof head);
    if (fd >= 0)
        close(fd);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (n >= (ssize_t)heads[i].n && memcmp(head, heads[i].bytes, heads[i].n) == 0)
            return true;
    return false;
}

static tb_status look_at_picture(const char *path, int *width, tb_error *err)
{
    tb_image_reader *reader = NULL;
    tb_status st = tb_image_open(path, &reader, err);
    if (st == TIMBRE_OK)
        *width = tb_image_get_info(reader)->width;
    tb_image_close(reader);
    return st;
}

/* Where the head does not tell, all of it is read. */
static tb_status count_frames(tb_source *source, int64_t *n_frames, tb_error *err)
{
    enum { BLOCK = 16384 };
    float *block = malloc(BLOCK * sizeof *block);
    tb_status st = block != NULL ? TIMBRE_OK
                                 : tb_fail(err, TIMBRE_NO_MEMORY, "no memory to read a sound");
    for (int64_t n = 1; st == TIMBRE_OK && n > 0; *n_frames += n)
        st = tb_source_read(source, block, BLOCK, &n, err);
    free(block);
    return st;
}

static tb_status look_at_sound(const char *path, int64_t *n_frames, tb_error *err)
{
    tb_source *source = NULL;
    tb_source_info info;
    tb_source_spec spec = {.n_channels = 1, .rate_hz = TB_SAMPLE_RATE_HZ};
    tb_status st = tb_source_open(path, &spec, &source, err);
    if (st != TIMBRE_OK)
        return st;
    tb_source_get_info(source, &info);
    *n_frames = (int64_t)((double)info.n_frames * TB_SAMPLE_RATE_HZ / info.file_rate_hz + 0.5);
    if (info.n_frames == 0)
        st = count_frames(source, n_frames, err);
    tb_source_close(source);
    return st;
}

/* Opens what `path` holds far enough to know: TB_INIT_PICTURE with its width, or TB_INIT_SOUND
 * with its frames at 44.1 kHz. */
static tb_status look_at_file(const char *path, tb_init_kind *kind, int *width, int64_t *n_frames,
                              tb_error *err)
{
    *kind = is_picture_file(path) ? TB_INIT_PICTURE : TB_INIT_SOUND;
    *width = 0;
    *n_frames = 0;
    return *kind == TB_INIT_PICTURE ? look_at_picture(path, width, err)
                                    : look_at_sound(path, n_frames, err);
}

tb_status tb_rework_fail_missing(const char *field, const char *id, tb_error *err)
{
    tb_status st = tb_fail(err, TIMBRE_NOT_FOUND, "%s %.12s...: that file is not here", field, id);
    tb_fix(err, "give the file itself again");
    return st;
}

/* An input is a name, or the content of a file whose place is known. */
static tb_status check_input(const timbre_request *request, tb_field_id id, tb_error *err)
{
    const char *name = tb_field_get(id)->name, *text = timbre_request_text(request, name);
    if (!has(request, id) || tb_request_input_path(request, id) != NULL ||
        timbre_input_has_name(name, text))
        return TIMBRE_OK;
    if (timbre_is_input_id(text))
        return tb_rework_fail_missing(name, text, err);
    tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "%s '%.80s' is neither a file nor a name", name,
                           text);
    tb_str names = {0};
    tb_str_append_words(&names, timbre_input_names(name));
    tb_fix(err, "names are: %s", tb_str_text(&names));
    tb_str_deinit(&names);
    return st;
}

/* Kind, first frame, and what there is of it: columns of a picture, frames of a sound behind the
 * start. */
static tb_status look_at_init(const timbre_request *request, tb_rework *w, int64_t *n_frames,
                              tb_error *err)
{
    *n_frames = 0;
    w->init_path = tb_request_input_path(request, TB_FIELD_INIT);
    if (!has(request, TB_FIELD_INIT))
        return TIMBRE_OK;
    w->init = TB_INIT_NAMED;
    w->n_columns = NAMED_COLUMNS;
    if (w->init_path != NULL) {
        tb_status st = look_at_file(w->init_path, &w->init, &w->n_columns, n_frames, err);
        if (st != TIMBRE_OK) {
            tb_error_name(err, "init");
            return st;
        }
    }
    if (w->init != TB_INIT_SOUND)
        return has(request, TB_FIELD_INIT_START)
                   ? tb_fail(err, TIMBRE_BAD_INPUT, "init_start is for sounds, init is a picture")
                   : TIMBRE_OK;
    w->start = (int64_t)(number_of(request, TB_FIELD_INIT_START) * TB_SAMPLE_RATE_HZ + 0.5);
    *n_frames -= w->start;
    if (*n_frames >= TB_SAMPLE_RATE_HZ)
        return TIMBRE_OK;
    return tb_fail(err, TIMBRE_BAD_INPUT,
                   "init has %.3g s of sound from %g s on, less than a second",
                   *n_frames > 0 ? (double)*n_frames / TB_SAMPLE_RATE_HZ : 0,
                   (double)w->start / TB_SAMPLE_RATE_HZ);
}

/* ---- the clips ---- */

static int64_t whole_columns(double seconds, int hop)
{
    return (int64_t)(seconds * TB_SAMPLE_RATE_HZ / hop + 0.5) * hop;
}

/* A picture is made as wide as the networks take it. */
static tb_status fit_picture(tb_rework *w, tb_error *err)
{
    enum { step = TB_WIDTH_STEP };
    if (w->n_columns < step)
        return tb_fail(err, TIMBRE_BAD_INPUT, "init is %d pixels wide, less than %d", w->n_columns,
                       step);
    w->n_columns = w->n_columns / step * step;
    return TIMBRE_OK;
}

/* The same picture for every clip. */
static void repeat_picture(const timbre_request *request, tb_rework *w)
{
    bool is_one = has(request, TB_FIELD_ALPHA);
    w->is_repeated = true;
    w->width = w->n_columns;
    w->clip_frames = (int64_t)w->hop * (w->width - 1);
    w->n_clips = is_one                         ? 1
                 : has(request, TB_FIELD_CLIPS) ? (int)timbre_request_integer(request, "clips")
                                                : BLEND_CLIPS;
    w->total_frames = w->clip_frames + (w->n_clips - 1) * (w->clip_frames - w->overlap);
}

/* Of clips that are to be joined; without it the next one might not go on at all. */
static tb_status check_overlap(const tb_rework *w, tb_error *err)
{
    if (w->overlap * 2 <= w->clip_frames)
        return TIMBRE_OK;
    return tb_fail(err, TIMBRE_BAD_INPUT, "overlap_seconds %g is more than half of a clip of %g s",
                   (double)w->overlap / TB_SAMPLE_RATE_HZ,
                   (double)w->clip_frames / TB_SAMPLE_RATE_HZ);
}

/* Clips one behind the other through what is begun with. */
static tb_status walk(const timbre_spectrogram_params *params, double seconds, double clip_seconds,
                      tb_rework *w, tb_error *err)
{
    w->total_frames = (int64_t)(seconds * TB_SAMPLE_RATE_HZ + 0.5);
    bool is_one = clip_seconds <= 0 || clip_seconds >= seconds;
    w->clip_frames = is_one ? w->total_frames : whole_columns(clip_seconds, w->hop);
    w->width = tb_riffusion_width(params, is_one ? seconds : clip_seconds);
    int64_t rest = w->total_frames - w->clip_frames, step = w->clip_frames - w->overlap;
    tb_status st = rest > 0 ? check_overlap(w, err) : TIMBRE_OK;
    w->n_clips = st == TIMBRE_OK && rest > 0 ? 1 + (int)((rest + step - 1) / step) : 1;
    int n_total = (int)((w->total_frames + w->hop - 1) / w->hop) + 1;
    w->n_columns = n_total > w->width ? n_total : w->width;
    return st;
}

static tb_status check_plan(const tb_rework *w, tb_error *err)
{
    if (w->n_clips > TB_REWORK_MAX_CLIPS)
        return tb_fail(err, TIMBRE_BAD_INPUT, "that are %d clips, more than %d", w->n_clips,
                       TB_REWORK_MAX_CLIPS);
    if (w->width > TB_NEURAL_MAX_WIDTH)
        return tb_fail(err, TIMBRE_BAD_INPUT, "a clip is %d pixels wide, more than %d", w->width,
                       TB_NEURAL_MAX_WIDTH);
    return TIMBRE_OK;
}

/* Longer than what is there: only where the request says so. */
static tb_status check_length(double asked, int64_t n_frames, tb_error *err)
{
    double there = (double)n_frames / TB_SAMPLE_RATE_HZ;
    if (asked * TB_SAMPLE_RATE_HZ <= (double)n_frames + 1)
        return TIMBRE_OK;
    return tb_fail(err, TIMBRE_BAD_INPUT,
                   "duration_seconds %g exceeds the %.6g s of what it is "
                   "made from",
                   asked, there);
}

/* Fewer clips where the take is asked to be shorter than all of them. *n_frames: what there is. */
static tb_status plan_repeated(const timbre_request *request, tb_rework *w, int64_t *n_frames,
                               tb_error *err)
{
    double seconds = number_of(request, TB_FIELD_DURATION_SECONDS);
    repeat_picture(request, w);
    if (w->n_clips > 1 && check_overlap(w, err) != TIMBRE_OK)
        return TIMBRE_BAD_INPUT;
    *n_frames = w->total_frames;
    if (seconds > 0)
        w->total_frames = (int64_t)(seconds * TB_SAMPLE_RATE_HZ + 0.5);
    int64_t step = w->clip_frames - w->overlap; /* a last clip adds more than what it shares */
    while (w->n_clips > 1 && (w->n_clips - 1) * step + w->overlap >= w->total_frames)
        w->n_clips--;
    return TIMBRE_OK;
}

static tb_status plan_walk(const timbre_request *request, const timbre_spectrogram_params *params,
                           int64_t n_frames, tb_rework *w, tb_error *err)
{
    double length = number_of(request, TB_FIELD_DURATION_SECONDS);
    double clip = number_of(request, TB_FIELD_CLIP_SECONDS);
    double most = w->init == TB_INIT_SOUND ? ONE_CLIP_SECONDS : TB_NEURAL_MAX_SECONDS;
    if (length <= 0)
        length = (double)n_frames / TB_SAMPLE_RATE_HZ;
    if (clip <= 0 && length > most)
        clip = TB_CLIP_SECONDS;
    return walk(params, length, w->init == TB_INIT_NONE ? 0 : clip, w, err);
}

/* What is begun with decides either the clips' length or their number. */
static tb_status check_idle(const timbre_request *request, const tb_rework *w, tb_error *err)
{
    if (!has(request, w->is_repeated ? TB_FIELD_CLIP_SECONDS : TB_FIELD_CLIPS))
        return TIMBRE_OK;
    return tb_fail(err, TIMBRE_BAD_INPUT, "%s is of no use here: %s decides it",
                   w->is_repeated ? "clip_seconds" : "clips",
                   w->is_repeated ? "the width of init" : "the length of init");
}

static tb_status plan(const timbre_request *request, const timbre_spectrogram_params *params,
                      tb_rework *w, tb_error *err)
{
    int64_t n_frames = 0;
    *w = (tb_rework){.is_blend = has(request, TB_FIELD_PROMPT_B),
                     .has_mask = has(request, TB_FIELD_MASK) || has(request, TB_FIELD_REPAINT) ||
                                 has(request, TB_FIELD_REPAINT_BAND),
                     .hop = tb_spectrogram_get_lengths(params).hop_length};
    w->overlap = whole_columns(number_of(request, TB_FIELD_OVERLAP_SECONDS), w->hop);
    tb_status st = look_at_init(request, w, &n_frames, err);
    bool is_picture = w->init == TB_INIT_NAMED || w->init == TB_INIT_PICTURE;
    if (st == TIMBRE_OK && is_picture)
        st = fit_picture(w, err);
    if (st != TIMBRE_OK)
        return st;
    if (is_picture)
        n_frames = (int64_t)w->hop * (w->n_columns - 1);
    if (w->is_blend && is_picture && w->n_columns <= TB_NEURAL_MAX_WIDTH)
        st = plan_repeated(request, w, &n_frames, err);
    else
        st = plan_walk(request, params, n_frames, w, err);
    if (st == TIMBRE_OK)
        st = check_idle(request, w, err);
    if (st == TIMBRE_OK && w->init != TB_INIT_NONE)
        st = check_length((double)w->total_frames / TB_SAMPLE_RATE_HZ, n_frames, err);
    return st == TIMBRE_OK ? check_plan(w, err) : st;
}

tb_status tb_rework_plan(const timbre_request *request, const timbre_spectrogram_params *params,
                         tb_rework *rework, tb_error *err)
{
    return plan(request, params, rework, err);
}

/* ---- complete ---- */

static tb_status set_default(timbre_request *request, const char *name, const char *value,
                             tb_error *err)
{
    return timbre_request_has(request, name) ? TIMBRE_OK
                                             : timbre_request_set(request, name, value, err);
}

/* Upstream's own defaults. */
static const struct {
    tb_field_id base;
    const char *field, *value;
} defaults[] = {
    {TB_FIELD_PROMPT_B, "init", "og_beat"},   {TB_FIELD_PROMPT_B, "strength", "0.75"},
    {TB_FIELD_PROMPT_B, "scheduler", "pndm"}, {TB_FIELD_MAGIC_MIX, "mix_from", "0.3"},
    {TB_FIELD_MAGIC_MIX, "mix_to", "0.5"},
};

static tb_status set_defaults(timbre_request *request, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    for (size_t i = 0; st == TIMBRE_OK && i < sizeof defaults / sizeof *defaults; i++)
        if (has(request, defaults[i].base))
            st = set_default(request, defaults[i].field, defaults[i].value, err);
    if (st == TIMBRE_OK && has(request, TB_FIELD_INIT) && !has(request, TB_FIELD_MAGIC_MIX))
        st = set_default(request, "strength", "0.55", err);
    if (st == TIMBRE_OK && has(request, TB_FIELD_VARIATION) &&
        !has(request, TB_FIELD_VARIATION_SEED)) {
        uint32_t drawn = 0;
        st = tb_entropy(&drawn, sizeof drawn, err);
        if (st == TIMBRE_OK)
            st = tb_request_set_number(request, "variation_seed", drawn, err);
    }
    return st;
}

/* Where there may be more clips than one, what joins them is written down. */
static tb_status set_lengths(timbre_request *request, const timbre_spectrogram_params *params,
                             tb_error *err)
{
    tb_rework w;
    bool has_overlap = has(request, TB_FIELD_OVERLAP_SECONDS);
    tb_status st = TIMBRE_OK;
    if (!has_overlap)
        st = tb_request_set_number(request, "overlap_seconds", TB_OVERLAP_SECONDS, err);
    if (st == TIMBRE_OK)
        st = plan(request, params, &w, err);
    if (st != TIMBRE_OK)
        return st;
    if (w.n_clips == 1 && !has_overlap)
        tb_request_unset(request, TB_FIELD_OVERLAP_SECONDS);
    if (w.n_clips > 1)
        st = set_default(request, "join", "clean", err);
    if (st == TIMBRE_OK && w.n_clips > 1 && w.is_blend)
        st = set_default(request, "alpha_power", "1", err);
    if (st == TIMBRE_OK && w.n_clips > 1 && w.is_repeated && !has(request, TB_FIELD_CLIPS))
        st = tb_request_set_number(request, "clips", w.n_clips, err);
    if (st == TIMBRE_OK && w.n_clips > 1 && !w.is_repeated && !has(request, TB_FIELD_CLIP_SECONDS))
        st = tb_request_set_number(request, "clip_seconds",
                                   (double)w.clip_frames / TB_SAMPLE_RATE_HZ, err);
    double seconds = (double)w.total_frames / TB_SAMPLE_RATE_HZ;
    if (st == TIMBRE_OK && !has(request, TB_FIELD_DURATION_SECONDS)) {
        st = tb_request_set_number(request, "duration_seconds", seconds, err);
        if (st == TIMBRE_BAD_INPUT)
            tb_fix(err, "ask for a part of it: --length, --init-start");
    }
    return st;
}

tb_status tb_rework_complete(timbre_request *request, const timbre_spectrogram_params *params,
                             tb_error *err)
{
    tb_status st = check_needs(request, err);
    if (st == TIMBRE_OK)
        st = set_defaults(request, err);
    if (st == TIMBRE_OK)
        st = check_ranges(request, err);
    if (st == TIMBRE_OK)
        st = check_input(request, TB_FIELD_INIT, err);
    if (st == TIMBRE_OK)
        st = check_input(request, TB_FIELD_MASK, err);
    return st == TIMBRE_OK && has(request, TB_FIELD_INIT) ? set_lengths(request, params, err) : st;
}

/* ---- one clip ---- */

/* (sign(2a - 1) |2a - 1|^power + 1) / 2 */
static double bend(double alpha, double power)
{
    double x = 2 * alpha - 1;
    if (power == 1 || x == 0)
        return alpha;
    double bent = tb_exp(power * tb_log(fabs(x)));
    return ((x < 0 ? -bent : bent) + 1) / 2;
}

double tb_rework_alpha(const timbre_request *request, const tb_rework *rework, int i)
{
    if (has(request, TB_FIELD_ALPHA))
        return number_of(request, TB_FIELD_ALPHA);
    if (!rework->is_blend || rework->n_clips == 1)
        return 0;
    double power = has(request, TB_FIELD_ALPHA_POWER) ? number_of(request, TB_FIELD_ALPHA_POWER)
                                                      : 1;
    return bend((double)i / (rework->n_clips - 1), power);
}

double tb_rework_between(const timbre_request *request, const tb_rework *rework, int i,
                         const char *from, const char *to)
{
    double a = timbre_request_number(request, from);
    if (!rework->is_blend || !timbre_request_has(request, to))
        return a;
    double alpha = tb_rework_alpha(request, rework, i);
    return a * (1 - alpha) + timbre_request_number(request, to) * alpha;
}

static int step_columns(const tb_rework *rework)
{
    return (int)((rework->clip_frames - rework->overlap) / rework->hop);
}

int tb_rework_column(const tb_rework *rework, int i)
{
    int last = rework->n_columns - rework->width;
    int column = rework->is_repeated ? 0 : i * step_columns(rework);
    return column < last ? column : last;
}

int tb_rework_lead(const tb_rework *rework, int i)
{
    return rework->is_repeated ? 0 : i * step_columns(rework) - tb_rework_column(rework, i);
}

int tb_rework_share(const tb_rework *rework, int i)
{
    return i < rework->n_clips - 1 ? step_columns(rework)
                                   : rework->width - tb_rework_lead(rework, i);
}

int64_t tb_rework_frames(const tb_rework *rework, int i)
{
    int64_t rest = rework->total_frames - i * (rework->clip_frames - rework->overlap);
    return rest < rework->clip_frames ? rest : rework->clip_frames;
}
