#include "engine/audio/audio_file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sndfile.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/audio/memory_file.h"
#include "engine/base/limits.h"
#include "engine/base/utf8.h"

static const char recipe_chunk[] = "tmbr";

typedef struct {
    const char *name;
    int sf_format;
    tb_status (*put_recipe)(SNDFILE *sf, const char *recipe, tb_error *err);
} format_info;

/* In a WAV the recipe has a chunk of its own: libsndfile 1.2.0 loses comments over 2,043 bytes. */
static tb_status put_recipe_wav(SNDFILE *sf, const char *recipe, tb_error *err)
{
    SF_CHUNK_INFO chunk = {.id_size = 4,
                           .datalen = (unsigned)strlen(recipe),
                           .data = (void *)(uintptr_t)recipe}; /* copied, not changed */
    memcpy(chunk.id, recipe_chunk, 4);
    if (sf_set_chunk(sf, &chunk) != SF_ERR_NO_ERROR)
        return tb_fail(err, TIMBRE_FAILED, "libsndfile refused the recipe chunk: %s",
                       sf_strerror(sf));
    (void)sf_set_string(sf, SF_STR_COMMENT, "recipe in chunk 'tmbr'");
    return TIMBRE_OK;
}

static tb_status put_recipe_flac(SNDFILE *sf, const char *recipe, tb_error *err)
{
    int failed = sf_set_string(sf, SF_STR_COMMENT, recipe);
    if (failed != 0)
        return tb_fail(err, TIMBRE_FAILED, "libsndfile refused the recipe comment: %s",
                       sf_error_number(failed));
    return TIMBRE_OK;
}

static const format_info formats[] = {
    {"wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, put_recipe_wav},
    {"flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, put_recipe_flac},
};

static const format_info *find_format(const char *name)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

/* At most 200 bytes of `text`, cut at a character. */
static void cut_title(const char *text, char out[201])
{
    snprintf(out, 201, "%s", text);
    out[tb_utf8_check(out, strlen(out))] = '\0';
}

static tb_status put_texts(SNDFILE *sf, const format_info *format, const tb_audio_spec *spec,
                           tb_error *err)
{
    char title[201];
    cut_title(spec->title, title);
    if (title[0] != '\0')
        (void)sf_set_string(sf, SF_STR_TITLE, title); /* a help for players, not the recipe */
    return format->put_recipe(sf, spec->recipe, err);
}

tb_status tb_audio_encode(const tb_audio_spec *spec, const int16_t *pcm, unsigned char **bytes,
                          size_t *len_bytes, tb_error *err)
{
    const format_info *format = find_format(spec->format);
    if (format == NULL)
        return tb_fail(err, TIMBRE_UNSUPPORTED, "format '%s' cannot be written", spec->format);
    if (strlen(spec->recipe) > TB_RECIPE_MAX_BYTES)
        return tb_fail(err, TIMBRE_BAD_INPUT, "recipe of %zu bytes exceeds %d bytes",
                       strlen(spec->recipe), TB_RECIPE_MAX_BYTES);
    tb_memory_file file = {.writable = true};
    SF_INFO info = {
        .samplerate = spec->rate_hz, .channels = spec->n_channels, .format = format->sf_format};
    SNDFILE *sf = sf_open_virtual(&tb_memory_file_io, SFM_WRITE, &info, &file);
    if (sf == NULL) {
        free(file.bytes);
        return tb_fail(err, TIMBRE_FAILED, "libsndfile cannot write %s: %s", spec->format,
                       sf_strerror(NULL));
    }
    (void)sf_command(sf, SFC_SET_ADD_PEAK_CHUNK, NULL, SF_FALSE); /* it carries the clock */
    tb_status st = put_texts(sf, format, spec, err);
    if (st == TIMBRE_OK && sf_writef_short(sf, pcm, spec->n_frames) != spec->n_frames)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "cannot encode %lld frames as %s: %s",
                     (long long)spec->n_frames, spec->format, sf_strerror(sf));
    int closed = sf_close(sf);
    if (st == TIMBRE_OK && (closed != 0 || file.failed))
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the encoded %s", spec->format);
    if (st != TIMBRE_OK) {
        free(file.bytes);
        return st;
    }
    *bytes = file.bytes;
    *len_bytes = file.len;
    return TIMBRE_OK;
}

struct timbre_audio {
    SNDFILE *sf;
    SF_INFO info;
    tb_memory_file memory; /* when opened from memory */
    char *recipe;          /* owned; NULL: none */
};

static bool is_recipe(const char *text, size_t len_bytes)
{
    json_t *j = json_loadb(text, len_bytes, JSON_REJECT_DUPLICATES, NULL);
    bool ok = json_is_object(j) && json_is_integer(json_object_get(j, "timbre"));
    json_decref(j);
    return ok;
}

static char *copy_if_recipe(const char *text, size_t len_bytes)
{
    while (len_bytes > 0 && text[len_bytes - 1] == '\0') /* chunks are padded to even sizes */
        len_bytes--;
    if (len_bytes == 0 || len_bytes > TB_RECIPE_MAX_BYTES || !is_recipe(text, len_bytes))
        return NULL;
    char *copy = malloc(len_bytes + 1);
    if (copy != NULL) {
        memcpy(copy, text, len_bytes);
        copy[len_bytes] = '\0';
    }
    return copy;
}

static char *recipe_from_chunk(SNDFILE *sf)
{
    SF_CHUNK_INFO wanted = {.id_size = 4};
    memcpy(wanted.id, recipe_chunk, 4);
    SF_CHUNK_ITERATOR *it = sf_get_chunk_iterator(sf, &wanted);
    SF_CHUNK_INFO chunk = {0};
    if (it == NULL || sf_get_chunk_size(it, &chunk) != SF_ERR_NO_ERROR)
        return NULL;
    /* libsndfile 1.2.0 divides by the length of the chunk that it reads */
    if (chunk.datalen == 0 || chunk.datalen > TB_RECIPE_MAX_BYTES + 4)
        return NULL;
    char data[TB_RECIPE_MAX_BYTES + 4];
    chunk.data = data;
    if (sf_get_chunk_data(it, &chunk) != SF_ERR_NO_ERROR)
        return NULL;
    return copy_if_recipe(data, chunk.datalen);
}

static char *find_recipe(SNDFILE *sf)
{
    char *recipe = recipe_from_chunk(sf);
    const char *comment = recipe == NULL ? sf_get_string(sf, SF_STR_COMMENT) : NULL;
    return comment == NULL ? recipe : copy_if_recipe(comment, strlen(comment));
}

static tb_status audio_new(timbre_audio **out, tb_error *err)
{
    *out = calloc(1, sizeof **out);
    return *out != NULL ? TIMBRE_OK : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a reader");
}

static tb_status finish_open(timbre_audio *audio, const char *name, timbre_audio **out,
                             tb_error *err)
{
    tb_status st = TIMBRE_OK;
    if (audio->sf == NULL)
        st = tb_fail(err, TIMBRE_BAD_FILE, "'%s' is not an audio file that can be read: %s", name,
                     sf_strerror(NULL));
    else if (audio->info.frames < 0 || audio->info.channels < 1 || audio->info.samplerate < 1)
        st = tb_fail(err, TIMBRE_BAD_FILE, "'%s' claims %lld frames, %d channels, %d Hz", name,
                     (long long)audio->info.frames, audio->info.channels, audio->info.samplerate);
    if (st != TIMBRE_OK) {
        timbre_audio_close(audio);
        return st;
    }
    audio->recipe = find_recipe(audio->sf);
    *out = audio;
    return TIMBRE_OK;
}

tb_status timbre_audio_open(const char *path, timbre_audio **out, tb_error *err)
{
    *out = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO shall not block */
    if (fd < 0)
        return tb_fail_errno(err, errno, "cannot open '%s'", path);
    struct stat info;
    timbre_audio *audio = NULL;
    tb_status st;
    if (fstat(fd, &info) != 0)
        st = tb_fail_errno(err, errno, "cannot examine '%s'", path);
    else if (!S_ISREG(info.st_mode))
        st = tb_fail(err, TIMBRE_BAD_FILE, "'%s' is not a regular file", path);
    else
        st = audio_new(&audio, err);
    if (st != TIMBRE_OK) {
        close(fd);
        return st;
    }
    audio->sf = sf_open_fd(fd, SFM_READ, &audio->info, SF_TRUE); /* closes fd, also on failure */
    return finish_open(audio, path, out, err);
}

tb_status tb_audio_open_memory(const unsigned char *bytes, size_t len_bytes, timbre_audio **out,
                               tb_error *err)
{
    *out = NULL;
    timbre_audio *audio;
    tb_status st = audio_new(&audio, err);
    if (st != TIMBRE_OK)
        return st;
    /* never written: the callbacks see writable == false */
    audio->memory = (tb_memory_file){.bytes = (unsigned char *)(uintptr_t)bytes, .len = len_bytes};
    audio->sf = sf_open_virtual(&tb_memory_file_io, SFM_READ, &audio->info, &audio->memory);
    return finish_open(audio, "memory", out, err);
}

void timbre_audio_close(timbre_audio *audio)
{
    if (audio == NULL)
        return;
    if (audio->sf != NULL)
        sf_close(audio->sf);
    free(audio->recipe);
    free(audio);
}

typedef struct {
    int code;
    const char *name;
} format_name;

/* Short names for what people meet; libsndfile's own are long ("FLAC (Free Lossless Audio Codec)").
 */
static const format_name major_names[] = {
    {SF_FORMAT_WAV, "WAV"},   {SF_FORMAT_WAVEX, "WAV"}, {SF_FORMAT_RF64, "RF64"},
    {SF_FORMAT_FLAC, "FLAC"}, {SF_FORMAT_OGG, "Ogg"},   {SF_FORMAT_AIFF, "AIFF"},
    {SF_FORMAT_CAF, "CAF"},   {SF_FORMAT_AU, "AU"},     {SF_FORMAT_MPEG, "MPEG"}};

static const format_name minor_names[] = {
    {SF_FORMAT_PCM_S8, "8 bit"},        {SF_FORMAT_PCM_U8, "8 bit"},
    {SF_FORMAT_PCM_16, "16 bit"},       {SF_FORMAT_PCM_24, "24 bit"},
    {SF_FORMAT_PCM_32, "32 bit"},       {SF_FORMAT_FLOAT, "32 bit float"},
    {SF_FORMAT_DOUBLE, "64 bit float"}, {SF_FORMAT_VORBIS, "Vorbis"},
    {SF_FORMAT_OPUS, "Opus"},           {SF_FORMAT_MPEG_LAYER_I, "MP1"},
    {SF_FORMAT_MPEG_LAYER_II, "MP2"},   {SF_FORMAT_MPEG_LAYER_III, "MP3"}};

static const char *short_name(const format_name *names, size_t n, int code)
{
    for (size_t i = 0; i < n; i++)
        if (names[i].code == code)
            return names[i].name;
    SF_FORMAT_INFO info = {.format = code};
    (void)sf_command(NULL, SFC_GET_FORMAT_INFO, &info, sizeof info);
    return info.name == NULL ? "unknown" : info.name;
}

static void describe_format(int sf_format, char *out, size_t cap)
{
    const char *major = short_name(major_names, sizeof major_names / sizeof *major_names,
                                   sf_format & SF_FORMAT_TYPEMASK);
    const char *minor = short_name(minor_names, sizeof minor_names / sizeof *minor_names,
                                   sf_format & SF_FORMAT_SUBMASK);
    snprintf(out, cap, "%.20s, %.24s", major, minor);
}

void timbre_audio_get_info(const timbre_audio *audio, timbre_audio_info *info)
{
    timbre_audio_info full = {.struct_size = info->struct_size,
                              .rate_hz = audio->info.samplerate,
                              .n_channels = audio->info.channels,
                              .n_frames = audio->info.frames};
    describe_format(audio->info.format, full.format, sizeof full.format);
    size_t n = info->struct_size < sizeof full ? info->struct_size : sizeof full;
    memcpy(info, &full, n);
}

const char *timbre_audio_recipe(const timbre_audio *audio)
{
    return audio->recipe;
}

tb_status timbre_audio_read(timbre_audio *audio, float *out, int64_t n_frames, int64_t *n_read,
                            tb_error *err)
{
    *n_read = sf_readf_float(audio->sf, out, n_frames);
    if (*n_read < n_frames && sf_error(audio->sf) != SF_ERR_NO_ERROR)
        return tb_fail(err, TIMBRE_BAD_FILE, "cannot read on: %s", sf_strerror(audio->sf));
    return TIMBRE_OK;
}

tb_status timbre_audio_seek(timbre_audio *audio, int64_t frame, tb_error *err)
{
    if (sf_seek(audio->sf, frame, SEEK_SET) < 0)
        return tb_fail(err, TIMBRE_BAD_INPUT, "cannot go to frame %lld of %lld", (long long)frame,
                       (long long)audio->info.frames);
    return TIMBRE_OK;
}

static tb_status verify_samples(timbre_audio *audio, const tb_audio_spec *spec, const int16_t *pcm,
                                tb_error *err)
{
    enum { BLOCK_SAMPLES = 16384 };
    int16_t block[BLOCK_SAMPLES];
    int64_t n_samples = spec->n_frames * spec->n_channels;
    for (int64_t at = 0; at < n_samples;) {
        int64_t n = n_samples - at < BLOCK_SAMPLES ? n_samples - at : BLOCK_SAMPLES;
        n -= n % spec->n_channels;
        if (sf_read_short(audio->sf, block, n) != n ||
            memcmp(block, pcm + at, (size_t)n * sizeof *pcm) != 0)
            return tb_fail(err, TIMBRE_VERIFY_FAILED,
                           "samples read back differ from those written near frame %lld",
                           (long long)(at / spec->n_channels));
        at += n;
    }
    return TIMBRE_OK;
}

tb_status tb_audio_verify(timbre_audio *audio, const tb_audio_spec *spec, const int16_t *pcm,
                          tb_error *err)
{
    const SF_INFO *info = &audio->info;
    if (info->frames != spec->n_frames || info->channels != spec->n_channels ||
        info->samplerate != spec->rate_hz)
        return tb_fail(err, TIMBRE_VERIFY_FAILED,
                       "read back %lld frames, %d channels, %d Hz instead of %lld, %d, %d",
                       (long long)info->frames, info->channels, info->samplerate,
                       (long long)spec->n_frames, spec->n_channels, spec->rate_hz);
    if (audio->recipe == NULL || strcmp(audio->recipe, spec->recipe) != 0)
        return tb_fail(err, TIMBRE_VERIFY_FAILED,
                       "the recipe read back differs from the one meant");
    return verify_samples(audio, spec, pcm, err);
}

const char *tb_audio_library_version(void)
{
    static const char prefix[] = "libsndfile-";
    const char *version = sf_version_string();
    return strncmp(version, prefix, sizeof prefix - 1) == 0 ? version + sizeof prefix - 1 : version;
}
