/*
 * The look at a sound. The file is streamed through the analyzer; of each cell's stretch of time
 * the largest amplitude of every bin is kept, and the rows are read out of these. Memory is
 * that of the view, whatever the length of the file.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "engine/audio/source.h"
#include "engine/base/axis.h"
#include "engine/base/limits.h"
#include "engine/base/math.h"
#include "engine/pipeline/engine.h"
#include "engine/pipeline/stages.h"
#include "engine/spectrogram/analyzer.h"
#include "timbre/spectrogram.h"

static const tb_stage stages[] = {{"analyze", 1}};

enum { DEFAULT_WIDTH = 1024, DEFAULT_HEIGHT = 512, DEFAULT_MAX_HZ = 20000 };
enum { COUNT_FRAMES = 16384 };

static const double FLOOR_DB = -120;

/* The window is as long as this many cells, within these limits: wide views show pitch, narrow ones
 * time. */
static const double WINDOW_CELLS = 8, WINDOW_MIN_S = 0.046, WINDOW_MAX_S = 0.093;

/* Edge of a row, between two bins of the transform. */
typedef struct {
    int bin;
    float part; /* 0: at `bin`, 1: at the next */
} edge;

typedef struct {
    timbre_view_options options;
    const char *path;
    timbre_view *view; /* amplitudes in db until finish_levels */
    tb_source *source;
    int n_fft, win_length, hop_length;
    tb_mel bank;         /* every bin a band of its own */
    edge *edges;         /* [height + 1], from the top */
    float *edge_values;  /* [height + 1] */
    float *column;       /* [n_bins]: the largest amplitudes of the cell at work */
    int cell;            /* at work; -1: none yet */
    int64_t first_frame; /* of the sound that is shown */
    int64_t n_wanted;    /* frames of sound to show, where there are as many */
    int64_t n_shown;     /* frames that this pass takes for the length of the view */
    int64_t lead;        /* frames before the first that the analyzer also gets */
    int64_t n_left;      /* frames that it still may read */
    int64_t n_read;
    double done; /* largest fraction that was reported */
    tb_stages stages;
} view_job;

static tb_status check_size(const char *name, int value, int limit, tb_error *err)
{
    return value >= 1 && value <= limit
               ? TIMBRE_OK
               : tb_fail(err, TIMBRE_BAD_INPUT, "%s %d is not in 1..%d", name, value, limit);
}

static tb_status check_number(const char *name, double value, tb_error *err)
{
    return value >= 0 && value <= DBL_MAX
               ? TIMBRE_OK
               : tb_fail(err, TIMBRE_BAD_INPUT, "%s %g is not a number from 0 on", name, value);
}

static tb_status prepare(view_job *job, const timbre_view_options *options, tb_error *err)
{
    timbre_view_options *o = &job->options;
    tb_copy_options(o, sizeof *o, options, options->struct_size);
    o->width = o->width == 0 ? DEFAULT_WIDTH : o->width;
    o->height = o->height == 0 ? DEFAULT_HEIGHT : o->height;
    tb_status st = check_size("width", o->width, TB_VIEW_MAX_WIDTH, err);
    if (st == TIMBRE_OK)
        st = check_size("height", o->height, TB_VIEW_MAX_HEIGHT, err);
    if (st == TIMBRE_OK)
        st = check_number("min_hz", o->min_hz, err);
    if (st == TIMBRE_OK)
        st = check_number("max_hz", o->max_hz, err);
    if (st == TIMBRE_OK)
        st = check_number("start_s", o->start_s, err);
    return st == TIMBRE_OK ? check_number("length_s", o->length_s, err) : st;
}

static tb_status make_view(view_job *job, int rate_hz, tb_error *err)
{
    const timbre_view_options *o = &job->options;
    double max_hz = o->max_hz > 0 ? o->max_hz : DEFAULT_MAX_HZ;
    max_hz = fmin(max_hz, rate_hz / 2.0);
    if (o->min_hz >= max_hz)
        return tb_fail(err, TIMBRE_BAD_INPUT,
                       "the lowest frequency %g Hz is not below the highest, %g Hz", o->min_hz,
                       max_hz);
    timbre_view *view = calloc(1, sizeof *view);
    job->view = view;
    if (view != NULL)
        view->db = calloc((size_t)o->width * (size_t)o->height, sizeof *view->db);
    if (view == NULL || view->db == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a view of %d x %d", o->width,
                       o->height);
    view->struct_size = sizeof *view;
    view->width = o->width;
    view->height = o->height;
    view->min_hz = o->min_hz;
    view->max_hz = max_hz;
    view->is_mel = 1;
    view->sample_rate_hz = rate_hz;
    return TIMBRE_OK;
}

/* Frames of sound in so many seconds; at least one. */
static int64_t frames_of(double seconds, int rate_hz)
{
    double n = floor(seconds * rate_hz + 0.5);
    return n < 1 ? 1 : n > (double)TB_SOUND_MAX_FRAMES ? TB_SOUND_MAX_FRAMES : (int64_t)n;
}

static int n_bins_of(const view_job *job, int n_fft)
{
    const timbre_view *v = job->view;
    int needed = (int)(v->max_hz * n_fft / v->sample_rate_hz) + 2;
    return needed < n_fft / 2 + 1 ? needed : n_fft / 2 + 1;
}

/* Lengths for this pass. The transform is at least twice the window, so that levels between two
 * bins are true; less where that would be too many bins. */
static void plan_transform(view_job *job)
{
    const timbre_view *v = job->view;
    int rate_hz = v->sample_rate_hz;
    double cell_s = (double)job->n_shown / rate_hz / v->width;
    double window_s = fmin(fmax(WINDOW_CELLS * cell_s, WINDOW_MIN_S), WINDOW_MAX_S);
    job->win_length = 2 * (int)(window_s * rate_hz / 2);
    job->n_fft = 64;
    while (job->n_fft < 2 * job->win_length)
        job->n_fft *= 2;
    while (n_bins_of(job, job->n_fft) > TB_BANDS_MAX)
        job->n_fft /= 2;
    if (job->win_length > job->n_fft)
        job->win_length = job->n_fft;
    int64_t hop = job->n_shown / v->width; /* no more than a cell: none is left empty */
    int64_t most = job->win_length / 2;    /* nothing falls between two windows */
    job->hop_length = (int)(hop < 1 ? 1 : hop < most ? hop : most);
}

static void place_edges(view_job *job)
{
    const timbre_view *v = job->view;
    for (int i = 0; i <= v->height; i++) {
        double hz = tb_axis_hz_at(v->min_hz, v->max_hz, 1 - (double)i / v->height);
        double at = fmax(hz * job->n_fft / v->sample_rate_hz, 0);
        int bin = at < job->bank.n_bins - 2 ? (int)at : job->bank.n_bins - 2;
        job->edges[i] = (edge){bin, (float)fmin(at - bin, 1)};
    }
}

static void free_tables(view_job *job)
{
    tb_mel_deinit(&job->bank);
    free(job->column);
    free(job->edges);
    free(job->edge_values);
    job->column = job->edge_values = NULL;
    job->edges = NULL;
}

static tb_status make_tables(view_job *job, tb_error *err)
{
    int n_bins = n_bins_of(job, job->n_fft);
    size_t n_edges = (size_t)job->view->height + 1;
    free_tables(job);
    job->bank = (tb_mel){.n_mels = n_bins, .n_bins = n_bins};
    job->bank.filter = malloc((size_t)n_bins * sizeof *job->bank.filter);
    job->bank.weights = malloc((size_t)n_bins * 2 * sizeof *job->bank.weights);
    job->column = calloc((size_t)n_bins, sizeof *job->column);
    job->edges = malloc(n_edges * sizeof *job->edges);
    job->edge_values = malloc(n_edges * sizeof *job->edge_values);
    if (job->bank.filter == NULL || job->bank.weights == NULL || job->column == NULL ||
        job->edges == NULL || job->edge_values == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %d bins", n_bins);
    for (int k = 0; k < n_bins; k++) {
        job->bank.filter[k] = k;
        job->bank.weights[2 * k] = 1;
        job->bank.weights[2 * k + 1] = 0;
    }
    place_edges(job);
    return TIMBRE_OK;
}

/* The cell at work to the view, up to but without cell `end`. Its rows show the maximum of the
 * spectrum between their edges, where the spectrum is a straight line from bin to bin. */
static void flush_cell(view_job *job, int end)
{
    const timbre_view *v = job->view;
    const float *column = job->column;
    for (int i = 0; i <= v->height; i++) {
        const edge *e = &job->edges[i];
        job->edge_values[i] = column[e->bin] * (1 - e->part) + column[e->bin + 1] * e->part;
    }
    for (int row = 0; row < v->height; row++) {
        float most = fmaxf(job->edge_values[row], job->edge_values[row + 1]);
        for (int k = job->edges[row + 1].bin + 1; k <= job->edges[row].bin; k++)
            most = fmaxf(most, column[k]);
        for (int cell = job->cell; cell < end; cell++)
            v->db[(size_t)row * (size_t)v->width + (size_t)cell] = most;
    }
    for (int k = 0; k < job->bank.n_bins; k++)
        job->column[k] = 0;
}

/* The cell of frame t of the analyzer, whose middle is at t * hop; -1: not shown. */
static int cell_of(const view_job *job, int64_t t)
{
    int64_t at = t * job->hop_length - job->lead;
    if (at < 0 || at >= job->n_shown)
        return -1;
    return (int)(at * job->view->width / job->n_shown); /* below 2^54 */
}

static tb_status take_bands(void *user, int channel, int64_t t, int n_frames, const float *bands,
                            tb_error *err)
{
    view_job *job = user;
    (void)channel;
    (void)err;
    for (int i = 0; i < n_frames; i++) {
        int cell = cell_of(job, t + i);
        if (cell < 0)
            continue;
        if (job->cell >= 0 && cell != job->cell)
            flush_cell(job, cell);
        job->cell = cell;
        for (int k = 0; k < job->bank.n_bins; k++)
            job->column[k] = fmaxf(job->column[k], bands[(size_t)k * TB_BATCH_FRAMES + (size_t)i]);
    }
    return TIMBRE_OK;
}

static void report(view_job *job)
{
    double done = (double)job->n_read / (double)(job->lead + job->n_shown);
    job->done = fmin(fmax(job->done, done), 1);
    tb_progress_report(&job->stages.progress, job->done);
}

static tb_status read_sound(void *user, float *out, int64_t n, int64_t *n_read, tb_error *err)
{
    view_job *job = user;
    *n_read = 0;
    tb_status st = TIMBRE_OK;
    if (job->n_left > 0)
        st = tb_source_read(job->source, out, n < job->n_left ? n : job->n_left, n_read, err);
    job->n_left -= *n_read;
    job->n_read += *n_read;
    if (st == TIMBRE_OK)
        report(job);
    return st;
}

static tb_status open_at(view_job *job, int64_t frame, tb_source_info *info, tb_error *err)
{
    tb_source_spec spec = {.n_channels = 1};
    tb_source_close(job->source);
    job->source = NULL;
    tb_status st = tb_source_open(job->path, &spec, &job->source, err);
    if (st != TIMBRE_OK)
        return st;
    tb_source_get_info(job->source, info);
    return frame > 0 ? tb_source_seek(job->source, frame, err) : TIMBRE_OK;
}

/* How many frames follow in the source, counted up to `limit`. */
static tb_status count_frames(view_job *job, int64_t limit, int64_t *n, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    int64_t n_read = 1;
    float *chunk = malloc(COUNT_FRAMES * sizeof *chunk);
    if (chunk == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %d samples", COUNT_FRAMES);
    *n = 0;
    while (st == TIMBRE_OK && n_read > 0 && *n < limit) {
        int64_t most = limit - *n < COUNT_FRAMES ? limit - *n : COUNT_FRAMES;
        st = tb_source_read(job->source, chunk, most, &n_read, err);
        *n += n_read;
        if (st == TIMBRE_OK)
            st = tb_progress_check(&job->stages.progress, err);
    }
    free(chunk);
    return st;
}

/* The whole way with `n_shown` for the length of the view. *n_there: the length that it turned out
 * to have. */
static tb_status run_pass(timbre_engine *engine, view_job *job, int64_t n_shown, int64_t *n_there,
                          tb_error *err)
{
    tb_source_info info;
    int64_t n_frames, n_more = 0;
    job->n_shown = n_shown;
    plan_transform(job);
    tb_status st = make_tables(job, err);
    int64_t around = job->win_length / 2; /* of sound beside the view, as windows see it */
    int64_t n_hops = (around + job->hop_length - 1) / job->hop_length;
    if (n_hops > job->first_frame / job->hop_length)
        n_hops = job->first_frame / job->hop_length;
    job->lead = n_hops * job->hop_length;
    job->n_left = job->lead + n_shown + around;
    job->n_read = 0;
    job->cell = -1;
    if (st == TIMBRE_OK)
        st = open_at(job, job->first_frame - job->lead, &info, err);
    tb_analyzer_spec spec = {.n_fft = job->n_fft,
                             .win_length = job->win_length,
                             .hop_length = job->hop_length,
                             .mel = &job->bank,
                             .n_channels = 1};
    tb_analyzer_io io = {.read = read_sound, .write = take_bands, .user = job};
    tb_progress progress = {.cancel = job->options.cancel};
    if (st == TIMBRE_OK)
        st = tb_analyzer_run(&spec, tb_engine_kernels(engine), tb_engine_pool(engine), &io,
                             &progress, &n_frames, err);
    int64_t n_seen = job->n_read - job->lead;
    if (st == TIMBRE_OK && n_seen < job->n_wanted)
        st = count_frames(job, job->n_wanted - n_seen, &n_more, err);
    if (st == TIMBRE_OK && job->cell >= 0)
        flush_cell(job, job->view->width);
    n_seen += n_more;
    *n_there = n_seen < job->n_wanted ? n_seen : job->n_wanted;
    return st;
}

static tb_status fail_start(const view_job *job, double end_s, tb_error *err)
{
    return tb_fail(err, TIMBRE_BAD_INPUT, "start %g s is not before the end of '%s', %.3f s",
                   job->options.start_s, job->path, end_s);
}

/* How long the view will be, as far as the head of the file tells; where it does not, counted. */
static tb_status find_length(view_job *job, int64_t n_claimed, int64_t *n, tb_error *err)
{
    tb_source_info info;
    int64_t n_frames = n_claimed;
    tb_status st = TIMBRE_OK;
    if (n_claimed == 0) {
        st = open_at(job, 0, &info, err);
        if (st == TIMBRE_OK)
            st = count_frames(job, TB_SOUND_MAX_FRAMES, &n_frames, err);
    }
    *n = n_frames - job->first_frame;
    if (st == TIMBRE_OK && *n <= 0 && job->first_frame > 0)
        return fail_start(job, (double)n_frames / job->view->sample_rate_hz, err);
    if (st == TIMBRE_OK && *n <= 0)
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s' holds no sound", job->path);
    if (*n > job->n_wanted)
        *n = job->n_wanted;
    return st;
}

static tb_status open_view(view_job *job, int64_t *n, tb_error *err)
{
    tb_source_info info;
    const timbre_view_options *o = &job->options;
    tb_status st = open_at(job, 0, &info, err);
    if (st == TIMBRE_OK)
        st = make_view(job, info.rate_hz, err);
    if (st != TIMBRE_OK)
        return st;
    job->first_frame = o->start_s > 0 ? frames_of(o->start_s, info.rate_hz) : 0;
    job->n_wanted = o->length_s > 0 ? frames_of(o->length_s, info.rate_hz) : TB_SOUND_MAX_FRAMES;
    return find_length(job, info.n_frames, n, err);
}

static tb_status fill_view(timbre_engine *engine, view_job *job, int64_t n, tb_error *err)
{
    enum { PASSES = 2 }; /* the second where the file's head was wrong about its length */
    int64_t n_there = 0;
    tb_status st = TIMBRE_OK;
    for (int i = 0; st == TIMBRE_OK && i < PASSES && n != n_there; i++) {
        n = n_there > 0 ? n_there : n;
        st = run_pass(engine, job, n, &n_there, err);
        if (st == TIMBRE_OK && n_there <= 0)
            st = fail_start(job, (double)(job->first_frame + n_there) / job->view->sample_rate_hz,
                            err);
    }
    return st;
}

/* Amplitudes to dB below the loudest. */
static void turn_to_db(timbre_view *v)
{
    size_t n = (size_t)v->width * (size_t)v->height;
    float most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmaxf(most, v->db[i]);
    for (size_t i = 0; i < n; i++) {
        double gain = most > 0 ? (double)v->db[i] / (double)most : 0;
        v->db[i] = (float)(gain > 0 ? fmax(tb_gain_to_db(gain), FLOOR_DB) : FLOOR_DB);
    }
}

static void finish_levels(view_job *job)
{
    timbre_view *v = job->view;
    turn_to_db(v);
    v->start_s = (double)job->first_frame / v->sample_rate_hz;
    v->duration_s = (double)job->n_shown / v->sample_rate_hz;
}

tb_status timbre_view_new(timbre_engine *engine, const char *audio_path,
                          const timbre_view_options *options, timbre_view **out, tb_error *err)
{
    view_job job = {.path = audio_path};
    int64_t n = 0;
    *out = NULL;
    tb_status st = prepare(&job, options, err);
    tb_stages_listener listener = {job.options.progress, job.options.progress_user,
                                   job.options.cancel};
    tb_stages_init(&job.stages, stages, 1, &listener, tb_engine_log(engine));
    if (st == TIMBRE_OK)
        st = open_view(&job, &n, err);
    if (st == TIMBRE_OK) {
        tb_stages_next(&job.stages);
        st = fill_view(engine, &job, n, err);
    }
    if (st == TIMBRE_OK) {
        finish_levels(&job);
        tb_stages_finish(&job.stages);
        *out = job.view;
        job.view = NULL;
    }
    timbre_view_free(job.view);
    tb_source_close(job.source);
    free_tables(&job);
    return st;
}

/* Edges of cells agree to a thousandth: lengths are rounded to frames of other rates. */
static bool is_near(double a, double b)
{
    return fabs(a - b) <= 1e-3 * fmax(1, fmax(fabs(a), fabs(b)));
}

tb_status timbre_view_subtract(timbre_view *view, const timbre_view *other, tb_error *err)
{
    if (view->width != other->width || view->height != other->height ||
        !is_near(view->start_s, other->start_s) || !is_near(view->duration_s, other->duration_s) ||
        !is_near(view->min_hz, other->min_hz) || !is_near(view->max_hz, other->max_hz))
        return tb_fail(
            err, TIMBRE_BAD_INPUT,
            "views of %dx%d cells, %g s, %g Hz and of %dx%d cells, %g s, %g Hz cannot be "
            "compared",
            view->width, view->height, view->duration_s, view->max_hz, other->width, other->height,
            other->duration_s, other->max_hz);
    size_t n = (size_t)view->width * (size_t)view->height;
    for (size_t i = 0; i < n; i++) {
        double a = view->db[i] > FLOOR_DB ? tb_db_to_gain(view->db[i]) : 0;
        double b = other->db[i] > FLOOR_DB ? tb_db_to_gain(other->db[i]) : 0;
        view->db[i] = (float)fmax(0, a - b);
    }
    turn_to_db(view);
    return TIMBRE_OK;
}

void timbre_view_free(timbre_view *view)
{
    if (view == NULL)
        return;
    free(view->db);
    free(view);
}
