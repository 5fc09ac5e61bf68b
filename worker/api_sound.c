/* The sound of a take, and what it looks like. */
#include "worker/api_sound.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/limits.h"
#include "engine/base/path.h"
#include "engine/base/str.h"
#include "timbre/audio.h"
#include "timbre/spectrogram.h"
#include "worker/service.h"
#include "worker/take_file.h"
#include "worker/take_find.h"

enum {
    PEAKS_MAX = 10000,
    PEAKS = 1000,
    CHUNK_FRAMES = 8192,
    PICTURE_WIDTH = 1024,
    PICTURE_HEIGHT = 512,
    RANGE_DB = 80,
};

struct tb_sounds {
    pthread_mutex_t mutex; /* guards the engine: one picture at a time */
    timbre_engine *engine; /* NULL: none was asked for yet */
};

tb_status tb_sounds_new(tb_sounds **out, tb_error *err)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for pictures");
    pthread_mutex_init(&(*out)->mutex, NULL);
    return TIMBRE_OK;
}

void tb_sounds_free(tb_sounds *sounds)
{
    if (sounds == NULL)
        return;
    timbre_engine_free(sounds->engine);
    pthread_mutex_destroy(&sounds->mutex);
    free(sounds);
}

/* The take of the path with its file open, whose bytes are the ones that were made. */
static bool open_take(tb_worker *worker, const tb_http_request *request, tb_http_response *response,
                      tb_stored_take *take, int *fd)
{
    tb_error err = {0};
    if (!tb_take_find(worker, request, response, take))
        return false;
    if (tb_take_file_open(worker, take, fd, &err) == TIMBRE_OK)
        return true;
    tb_http_reply_error(response, &err);
    tb_stored_take_deinit(take);
    return false;
}

/* ---- the sound ---- */

static const char *media_type_of(const char *format)
{
    static const struct {
        const char *format, *media_type;
    } types[] = {{"wav", "audio/wav"},
                 {"flac", "audio/flac"},
                 {"ogg", "audio/ogg"},
                 {"opus", "audio/ogg"},
                 {"mp3", "audio/mpeg"}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].format, format) == 0)
            return types[i].media_type;
    return "application/octet-stream";
}

/* The file's name in ASCII: a browser saves under it. */
static void set_file_name(tb_http_response *response, const char *path)
{
    char text[256];
    const char *name = tb_path_name(path);
    size_t n = (size_t)snprintf(text, sizeof text, "inline; filename=\"");
    for (; *name != '\0' && n + 2 < sizeof text; name++)
        text[n++] = *name > ' ' && *name < 127 && *name != '"' && *name != '\\' ? *name : '_';
    (void)snprintf(text + n, sizeof text - n, "\"");
    tb_http_set_header(response, "Content-Disposition", text);
}

static bool is_known_format(const char *format)
{
    for (const char *const *f = timbre_audio_formats(); *f != NULL; f++)
        if (strcmp(*f, format) == 0)
            return true;
    return false;
}

/* The take as another kind of file, made once and kept in the cache: `*fd` becomes that one. */
static tb_status convert(tb_worker *worker, const tb_stored_take *take, const char *format, int *fd,
                         tb_error *err)
{
    char source[32];
    char *folder = tb_strf("%s/cache", worker->options->data_dir);
    char *path = folder == NULL ? NULL : tb_strf("%s/%s.%s", folder, take->id, format);
    (void)snprintf(source, sizeof source, "/dev/fd/%d", *fd);
    tb_status st = path == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path")
                                : tb_dir_make(folder, err);
    int made = st == TIMBRE_OK ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (st == TIMBRE_OK && made < 0) {
        st = timbre_audio_convert(source, path, take->title[0] != '\0' ? take->title : take->prompt,
                                  1, NULL, err);
        if (st == TIMBRE_OK && (made = open(path, O_RDONLY | O_CLOEXEC)) < 0)
            st = tb_fail(err, TIMBRE_IO, "'%s' cannot be read", path);
    }
    if (st == TIMBRE_OK) {
        close(*fd);
        *fd = made;
    }
    free(path);
    free(folder);
    return st;
}

/* The file itself, or what it is asked as; *fd is closed on failure. */
static tb_status choose_file(tb_worker *worker, const tb_stored_take *take, const char *format,
                             int *fd, tb_error *err)
{
    tb_status st = TIMBRE_OK;
    if (!is_known_format(format))
        st = tb_fail(err, TIMBRE_BAD_INPUT, "format '%.20s' is none of wav, flac, ogg, opus, mp3",
                     format);
    else if (strcmp(format, take->format) != 0)
        st = convert(worker, take, format, fd, err);
    if (st != TIMBRE_OK)
        close(*fd);
    return st;
}

TB_HANDLER(take_audio)
{
    tb_stored_take take;
    struct stat info;
    char etag[96], name[TB_PATH_MAX_BYTES];
    int fd;
    tb_error err = {0};
    const char *asked = tb_http_query(request, "format");
    if (!open_take(worker, request, response, &take, &fd))
        return;
    const char *format = asked != NULL ? asked : take.format;
    tb_status st = choose_file(worker, &take, format, &fd, &err);
    if (st == TIMBRE_OK && fstat(fd, &info) != 0) {
        st = tb_fail(&err, TIMBRE_IO, "the sound cannot be read");
        close(fd);
    }
    if (st == TIMBRE_OK) {
        bool is_own = strcmp(format, take.format) == 0;
        const char *file = tb_path_name(take.path);
        (void)snprintf(etag, sizeof etag, "%s%s%s", take.sha256, is_own ? "" : "-",
                       is_own ? "" : format);
        (void)snprintf(name, sizeof name, "%.*s%s", (int)(strlen(file) - strlen(take.format)), file,
                       format);
        tb_http_reply_file(response, request, fd, info.st_size, media_type_of(format), etag);
        set_file_name(response, name);
    } else {
        tb_http_reply_error(response, &err);
        tb_http_name_param(response, asked != NULL ? "format" : "");
    }
    tb_stored_take_deinit(&take);
}

TB_HANDLER(take_recipe)
{
    tb_stored_take take;
    if (!tb_take_find(worker, request, response, &take))
        return;
    tb_http_reply_text(response, 200, "application/json", take.recipe);
    tb_stored_take_deinit(&take);
}

/* ---- the picture ---- */

static tb_status need_engine(tb_sounds *sounds, tb_error *err)
{
    const timbre_engine_options options = {.struct_size = sizeof options, .n_threads = 1};
    return sounds->engine != NULL ? TIMBRE_OK : timbre_engine_new(&options, &sounds->engine, err);
}

/* Draw the sound behind `fd` into `path`. */
static tb_status draw(tb_worker *worker, const tb_stored_take *take, int fd, const char *path,
                      tb_error *err)
{
    const timbre_view_options options = {
        .struct_size = sizeof options, .width = PICTURE_WIDTH, .height = PICTURE_HEIGHT};
    tb_sounds *sounds = worker->sounds;
    timbre_view *view = NULL;
    char *source = tb_strf("/dev/fd/%d",
                           fd); /* the file that was checked, whatever its name is now */
    char *folder = tb_path_folder(path);
    tb_status st = source == NULL || folder == NULL
                       ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a picture")
                       : tb_dir_make(folder, err);
    pthread_mutex_lock(&sounds->mutex);
    if (st == TIMBRE_OK)
        st = need_engine(sounds, err);
    if (st == TIMBRE_OK)
        st = timbre_view_new(sounds->engine, source, &options, &view, err);
    if (st == TIMBRE_OK)
        st = timbre_view_save(view, take->title[0] != '\0' ? take->title : take->prompt, RANGE_DB,
                              path, 1, err);
    timbre_view_free(view);
    pthread_mutex_unlock(&sounds->mutex);
    free(source);
    free(folder);
    return st;
}

/* The model's own picture where it made one, else a look at the sound, drawn once. */
static tb_status find_picture(tb_worker *worker, const tb_stored_take *take, int fd, int *picture,
                              tb_error *err)
{
    char *own = tb_strf("%s/pictures/%s.png", worker->options->data_dir, take->id);
    char *drawn = tb_strf("%s/cache/%s.png", worker->options->data_dir, take->id);
    tb_status st = TIMBRE_OK;
    *picture = own == NULL ? -1 : open(own, O_RDONLY | O_CLOEXEC);
    if (*picture < 0 && drawn != NULL)
        *picture = open(drawn, O_RDONLY | O_CLOEXEC);
    if (own == NULL || drawn == NULL) {
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a picture");
    } else if (*picture < 0) {
        st = draw(worker, take, fd, drawn, err);
        if (st == TIMBRE_OK && (*picture = open(drawn, O_RDONLY | O_CLOEXEC)) < 0)
            st = tb_fail(err, TIMBRE_IO, "the picture '%s' cannot be read", drawn);
    }
    free(own);
    free(drawn);
    return st;
}

TB_HANDLER(take_spectrogram)
{
    tb_stored_take take;
    struct stat info;
    char etag[100];
    int fd, picture = -1;
    tb_error err = {0};
    if (!open_take(worker, request, response, &take, &fd))
        return;
    tb_status st = find_picture(worker, &take, fd, &picture, &err);
    if (st == TIMBRE_OK && fstat(picture, &info) != 0)
        st = tb_fail(&err, TIMBRE_IO, "the picture cannot be read");
    if (st == TIMBRE_OK) {
        (void)snprintf(etag, sizeof etag, "%s-%lld", take.sha256, (long long)info.st_size);
        tb_http_reply_file(response, request, picture, info.st_size, "image/png", etag);
    } else {
        tb_http_reply_error(response, &err);
        if (picture >= 0)
            close(picture);
    }
    close(fd);
    tb_stored_take_deinit(&take);
}

/* ---- peaks ---- */

/* Lowest and highest sample of each of n equal stretches, all channels together. */
static tb_status measure(timbre_audio *audio, const timbre_audio_info *info, int64_t n, float *low,
                         float *high, tb_error *err)
{
    float *chunk = malloc((size_t)CHUNK_FRAMES * (size_t)info->n_channels * sizeof *chunk);
    tb_status st = chunk == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for peaks")
                                 : TIMBRE_OK;
    int64_t at = 0, got = 1;
    while (st == TIMBRE_OK && got > 0 && at < info->n_frames) {
        st = timbre_audio_read(audio, chunk, CHUNK_FRAMES, &got, err);
        for (int64_t f = 0; st == TIMBRE_OK && f < got && at + f < info->n_frames; f++) {
            int64_t i = (at + f) * n / info->n_frames;
            for (int c = 0; c < info->n_channels; c++) {
                float x = chunk[f * info->n_channels + c];
                low[i] = x < low[i] ? x : low[i];
                high[i] = x > high[i] ? x : high[i];
            }
        }
        at += got;
    }
    free(chunk);
    return st;
}

static json_t *list_of(const float *values, int64_t n)
{
    json_t *list = json_array();
    for (int64_t i = 0; i < n; i++)
        (void)json_array_append_new(list, json_real(round((double)values[i] * 1e4) / 1e4));
    return list;
}

static tb_status find_peaks(int fd, int64_t n, json_t **out, tb_error *err)
{
    timbre_audio *audio = NULL;
    timbre_audio_info info = {.struct_size = sizeof info};
    char source[32];
    float *low = calloc((size_t)n, sizeof *low), *high = calloc((size_t)n, sizeof *high);
    (void)snprintf(source, sizeof source, "/dev/fd/%d", fd);
    tb_status st = low == NULL || high == NULL
                       ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for peaks")
                       : timbre_audio_open(source, &audio, err);
    if (st == TIMBRE_OK) {
        timbre_audio_get_info(audio, &info);
        st = measure(audio, &info, n, low, high, err);
    }
    if (st == TIMBRE_OK)
        *out = json_pack("{s:I, s:i, s:f, s:o, s:o}", "n", (json_int_t)n, "channels",
                         info.n_channels, "duration_seconds", (double)info.n_frames / info.rate_hz,
                         "min", list_of(low, n), "max", list_of(high, n));
    timbre_audio_close(audio);
    free(low);
    free(high);
    return st;
}

TB_HANDLER(take_peaks)
{
    tb_stored_take take;
    int64_t n;
    int fd;
    json_t *peaks = NULL;
    tb_error err = {0};
    if (!tb_query_integer(request, response, "n", 1, PEAKS_MAX, PEAKS, &n) ||
        !open_take(worker, request, response, &take, &fd))
        return;
    if (find_peaks(fd, n, &peaks, &err) == TIMBRE_OK)
        tb_http_reply_json(response, 200, peaks);
    else
        tb_http_reply_error(response, &err);
    close(fd);
    tb_stored_take_deinit(&take);
}
