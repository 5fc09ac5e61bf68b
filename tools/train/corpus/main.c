/*
 * Renders pairs of caption and sound for training.
 *
 *   corpus --out FOLDER [--clips N] [--seed S] [--split train|test|any] [--jobs N] [--soundfont
 * FILE]
 *          [--captions]
 *
 * FOLDER/clips.pcm has 225,351 samples a clip: mono, 44.1 kHz, 16 bits, the machine's byte order.
 * FOLDER/clips.jsonl has a line of 1,024 bytes a clip: caption and labels. Both are the same for
 * any number of jobs, and appear under their names when they are whole. --captions makes the lines
 * alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/number.h"
#include "engine/base/str.h"
#include "engine/os/cpu.h"
#include "engine/sketch/soundfont.h"
#include "tools/train/corpus/record.h"

enum { MAX_CLIPS = 1000000, MAX_JOBS = 256, MAX_TRIES = 8 };

typedef struct options {
    const char *out, *soundfont;
    uint64_t seed;
    tb_clip_split split;
    int n_clips, n_jobs;
    bool captions_only;
} options;

typedef struct corpus {
    const options *options;
    tb_lexicon *lexicon;
    tb_stage_bank *bank; /* NULL: captions alone */
    int pcm_fd, lines_fd;
} corpus;

/* ---- one clip ---- */

static tb_status write_at(int fd, const void *data, size_t len_bytes, int64_t at, tb_error *err)
{
    for (size_t done = 0; done < len_bytes;) {
        ssize_t n = pwrite(fd, (const char *)data + done, len_bytes - done, at + (int64_t)done);
        if (n < 0 && errno != EINTR)
            return tb_fail_errno(err, errno, "cannot write the corpus");
        done += n > 0 ? (size_t)n : 0;
    }
    return TIMBRE_OK;
}

static tb_status play(corpus *c, const tb_clip *clip, const tb_piece *piece, int16_t *pcm,
                      bool *is_silent, tb_error *err)
{
    *is_silent = false;
    return c->bank == NULL ? TIMBRE_OK : tb_piece_play(clip, piece, c->bank, pcm, is_silent, err);
}

/* A window may fall into a rest: then another piece of the same caption is taken. */
static tb_status make_clip(corpus *c, int index, int16_t *pcm, tb_error *err)
{
    tb_clip *clip = malloc(sizeof *clip);
    char line[TB_RECORD_BYTES];
    bool is_silent = true;
    tb_status st = clip == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a clip")
                                : tb_clip_draw(c->lexicon, c->options->seed, c->options->split,
                                               index, clip, err);
    for (int try = 0; st == TIMBRE_OK && is_silent && try < MAX_TRIES; try++) {
        tb_arena arena;
        tb_piece piece;
        tb_arena_init(&arena, 0);
        st = tb_piece_write(clip, try, &arena, &piece, err);
        if (st == TIMBRE_OK)
            st = play(c, clip, &piece, pcm, &is_silent, err);
        if (st == TIMBRE_OK)
            st = tb_record_format(clip, &piece, index, is_silent, line, err);
        tb_arena_deinit(&arena);
    }
    if (st == TIMBRE_OK)
        st = write_at(c->lines_fd, line, sizeof line, (int64_t)index * TB_RECORD_BYTES, err);
    if (st == TIMBRE_OK && c->bank != NULL)
        st = write_at(c->pcm_fd, pcm, sizeof *pcm * TB_CLIP_FRAMES,
                      (int64_t)index * (int64_t)sizeof *pcm * TB_CLIP_FRAMES, err);
    free(clip);
    return st;
}

/* ---- processes ---- */

static int fail_aloud(const tb_error *err)
{
    fprintf(stderr, "corpus: %s\n", err->message);
    if (err->fix[0] != '\0')
        fprintf(stderr, "corpus: %s\n", err->fix);
    return 1;
}

/* Every n_jobs-th clip. FluidSynth shares samples between synthesisers of one thread only, hence
 * processes. */
static int work(corpus *c, int i_job)
{
    tb_error err = {0};
    int16_t *pcm = malloc(sizeof *pcm * TB_CLIP_FRAMES);
    tb_status st = pcm == NULL ? tb_fail(&err, TIMBRE_NO_MEMORY, "no memory for a clip")
                               : TIMBRE_OK;
    for (int i = i_job; st == TIMBRE_OK && i < c->options->n_clips; i += c->options->n_jobs)
        st = make_clip(c, i, pcm, &err);
    free(pcm);
    return st == TIMBRE_OK ? 0 : fail_aloud(&err);
}

static int run_jobs(corpus *c)
{
    int n_started = 0, n_failed = 0;
    for (; n_started < c->options->n_jobs; n_started++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(work(c, n_started));
        if (pid < 0)
            break;
    }
    for (int i = 0; i < n_started; i++) {
        int status = 0;
        pid_t pid = wait(&status);
        n_failed += pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0;
        if (pid > 0 && WIFSIGNALED(status))
            fprintf(stderr, "corpus: a job was ended by signal %d\n", WTERMSIG(status));
    }
    if (n_started < c->options->n_jobs)
        fprintf(stderr, "corpus: only %d of %d jobs could be started\n", n_started,
                c->options->n_jobs);
    return n_failed > 0 || n_started < c->options->n_jobs;
}

/* ---- files ---- */

typedef struct target {
    char *path, *part; /* owned */
    int fd;
} target;

static tb_status target_open(target *t, const char *folder, const char *name, tb_error *err)
{
    t->path = tb_strf("%s/%s", folder, name);
    t->part = tb_strf("%s/%s.part", folder, name);
    if (t->path == NULL || t->part == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
    t->fd = open(t->part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return t->fd >= 0 ? TIMBRE_OK : tb_fail_errno(err, errno, "cannot write '%s'", t->part);
}

static tb_status target_name(target *t, tb_error *err)
{
    return rename(t->part, t->path) == 0 ? TIMBRE_OK
                                         : tb_fail_errno(err, errno, "cannot name '%s'", t->path);
}

static void target_close(target *t)
{
    if (t->fd >= 0) {
        (void)close(t->fd);
        (void)unlink(t->part); /* gone already when it was named */
    }
    free(t->path);
    free(t->part);
}

static tb_status open_bank(const options *o, corpus *c, tb_error *err)
{
    char path[TB_PATH_MAX_BYTES];
    if (o->captions_only)
        return TIMBRE_OK;
    tb_status st = tb_soundfont_find(o->soundfont, NULL, path, sizeof path, err);
    return st == TIMBRE_OK ? tb_stage_bank_new(path, &c->bank, err) : st;
}

static int make_corpus(const options *o)
{
    tb_error err = {0};
    target pcm = {.fd = -1}, lines = {.fd = -1};
    corpus c = {.options = o};
    tb_status st = tb_dir_make(o->out, &err);
    if (st == TIMBRE_OK)
        st = tb_lexicon_new(&c.lexicon, &err);
    if (st == TIMBRE_OK)
        st = open_bank(o, &c, &err);
    if (st == TIMBRE_OK)
        st = target_open(&lines, o->out, "clips.jsonl", &err);
    if (st == TIMBRE_OK && !o->captions_only)
        st = target_open(&pcm, o->out, "clips.pcm", &err);
    c.pcm_fd = pcm.fd;
    c.lines_fd = lines.fd;
    int result = st == TIMBRE_OK ? run_jobs(&c) : fail_aloud(&err);
    if (result == 0 && !o->captions_only)
        st = target_name(&pcm, &err);
    if (result == 0 && st == TIMBRE_OK)
        st = target_name(&lines, &err);
    if (result == 0 && st != TIMBRE_OK)
        result = fail_aloud(&err);
    target_close(&pcm);
    target_close(&lines);
    tb_stage_bank_free(c.bank);
    tb_lexicon_free(c.lexicon);
    return result;
}

/* ---- the command line ---- */

static bool read_count(const char *name, const char *text, double low, double high, double *out)
{
    if (tb_number_parse(text, out) && *out >= low && *out <= high && *out == (double)(int64_t)*out)
        return true;
    fprintf(stderr, "corpus: --%s '%s' is not a whole number between %.0f and %.0f\n", name, text,
            low, high);
    return false;
}

static bool read_split(const char *text, tb_clip_split *out)
{
    for (int i = 0; i < TB_SPLIT_COUNT; i++)
        if (strcmp(text, tb_split_names[i]) == 0) {
            *out = (tb_clip_split)i;
            return true;
        }
    fprintf(stderr, "corpus: --split '%s' is not one of: train, test, any\n", text);
    return false;
}

static bool read_option(int letter, const char *text, options *o)
{
    double x = 0;
    switch (letter) {
    case 'o':
        o->out = text;
        return true;
    case 'f':
        o->soundfont = text;
        return true;
    case 'c':
        o->captions_only = true;
        return true;
    case 'p':
        return read_split(text, &o->split);
    case 'n':
        if (!read_count("clips", text, 1, MAX_CLIPS, &x))
            return false;
        o->n_clips = (int)x;
        return true;
    case 's':
        if (!read_count("seed", text, 0, 4294967295.0, &x))
            return false;
        o->seed = (uint64_t)x;
        return true;
    case 'j':
        if (!read_count("jobs", text, 1, MAX_JOBS, &x))
            return false;
        o->n_jobs = (int)x;
        return true;
    default:
        return false;
    }
}

int main(int argc, char **argv)
{
    static const struct option names[] = {
        {"out", required_argument, NULL, 'o'},  {"clips", required_argument, NULL, 'n'},
        {"seed", required_argument, NULL, 's'}, {"split", required_argument, NULL, 'p'},
        {"jobs", required_argument, NULL, 'j'}, {"soundfont", required_argument, NULL, 'f'},
        {"captions", no_argument, NULL, 'c'},   {NULL, 0, NULL, 0},
    };
    options o = {.split = TB_SPLIT_TRAIN, .n_clips = 16, .n_jobs = tb_cpu_count()};
    bool is_fine = true;
    for (int letter; is_fine && (letter = getopt_long(argc, argv, "", names, NULL)) != -1;)
        is_fine = read_option(letter, optarg, &o);
    if (!is_fine || optind != argc || o.out == NULL) {
        fputs("usage: corpus --out FOLDER [--clips N] [--seed S] [--split train|test|any] "
              "[--jobs N] [--soundfont FILE] [--captions]\n",
              stderr);
        return 2;
    }
    return make_corpus(&o);
}
