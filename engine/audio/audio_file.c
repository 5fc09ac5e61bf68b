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

#include "engine/audio/audio_format.h"
#include "engine/audio/id3.h"
#include "engine/audio/memory_file.h"
#include "engine/base/hash.h"
#include "engine/base/limits.h"
#include "engine/base/utf8.h"

struct timbre_audio {
    SNDFILE *sf;
    SF_INFO info;
    tb_memory_file memory; /* when opened from memory */
    char *recipe;          /* owned; NULL: none */
    char *title;           /* owned; NULL: none */
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
    memcpy(wanted.id, TB_AUDIO_RECIPE_CHUNK, 4);
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

static char *copy_title(const char *text, size_t len_bytes)
{
    if (len_bytes == 0 || len_bytes > TB_TITLE_READ_MAX_BYTES ||
        tb_utf8_check(text, len_bytes) != len_bytes)
        return NULL;
    return strndup(text, len_bytes);
}

/* What the tag of an MP3 says goes before what libsndfile makes of it. */
static void take_id3(timbre_audio *audio, const unsigned char *bytes, size_t len_bytes)
{
    tb_id3_texts texts;
    tb_id3_read(bytes, len_bytes, &texts);
    if (texts.title != NULL)
        audio->title = copy_title(texts.title, texts.title_bytes);
    if (texts.recipe != NULL)
        audio->recipe = copy_if_recipe(texts.recipe, texts.recipe_bytes);
}

/* A tag over the limit, with pictures in it, is read as far as that; failures are none of ours, as
 * libsndfile meets them too. */
static void take_id3_of_file(timbre_audio *audio, int fd)
{
    unsigned char header[TB_ID3_HEADER_BYTES];
    if (pread(fd, header, sizeof header, 0) != (ssize_t)sizeof header)
        return;
    size_t size = tb_id3_size(header, sizeof header);
    size = size < TB_ID3_MAX_BYTES ? size : TB_ID3_MAX_BYTES;
    unsigned char *tag = size == 0 ? NULL : malloc(size);
    ssize_t n = tag == NULL ? 0 : pread(fd, tag, size, 0);
    if (n > 0)
        take_id3(audio, tag, (size_t)n);
    free(tag);
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
    if (audio->recipe == NULL)
        audio->recipe = find_recipe(audio->sf);
    const char *title = audio->title == NULL ? sf_get_string(audio->sf, SF_STR_TITLE) : NULL;
    if (title != NULL)
        audio->title = copy_title(title, strlen(title));
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
    take_id3_of_file(audio, fd);
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
    take_id3(audio, bytes, len_bytes);
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
    free(audio->title);
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

int tb_audio_sample_bits(const timbre_audio *audio)
{
    static const struct {
        int subtype, bits;
    } rows[] = {{SF_FORMAT_PCM_S8, 8},  {SF_FORMAT_PCM_U8, 8},  {SF_FORMAT_PCM_16, 16},
                {SF_FORMAT_PCM_24, 24}, {SF_FORMAT_PCM_32, 32}, {SF_FORMAT_ALAC_16, 16}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].subtype == (audio->info.format & SF_FORMAT_SUBMASK))
            return rows[i].bits;
    return 0;
}

const char *timbre_audio_recipe(const timbre_audio *audio)
{
    return audio->recipe;
}

const char *timbre_audio_title(const timbre_audio *audio)
{
    return audio->title;
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

enum { BLOCK_SAMPLES = 16384 };

static tb_status verify_samples(timbre_audio *audio, const tb_audio_spec *spec, const int16_t *pcm,
                                tb_error *err)
{
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

static tb_status verify_recipe(const timbre_audio *audio, const tb_audio_spec *spec, tb_error *err)
{
    if (spec->recipe != NULL && (audio->recipe == NULL || strcmp(audio->recipe, spec->recipe) != 0))
        return tb_fail(err, TIMBRE_VERIFY_FAILED,
                       "the recipe read back differs from the one meant");
    return TIMBRE_OK;
}

tb_status tb_audio_verify_texts(const timbre_audio *audio, const tb_audio_spec *spec, tb_error *err)
{
    char title[TB_TITLE_MAX_BYTES + 1];
    tb_audio_title_cut(spec->title, title);
    if (title[0] != '\0' && (audio->title == NULL || strcmp(audio->title, title) != 0))
        return tb_fail(err, TIMBRE_VERIFY_FAILED, "the title read back is '%s' instead of '%s'",
                       audio->title == NULL ? "" : audio->title, title);
    return verify_recipe(audio, spec, err);
}

static tb_status verify_facts(const timbre_audio *audio, const tb_audio_spec *spec, tb_error *err)
{
    const SF_INFO *info = &audio->info;
    if (info->frames != spec->n_frames || info->channels != spec->n_channels ||
        info->samplerate != spec->rate_hz)
        return tb_fail(err, TIMBRE_VERIFY_FAILED,
                       "read back %lld frames, %d channels, %d Hz instead of %lld, %d, %d",
                       (long long)info->frames, info->channels, info->samplerate,
                       (long long)spec->n_frames, spec->n_channels, spec->rate_hz);
    return verify_recipe(audio, spec, err);
}

tb_status tb_audio_verify(timbre_audio *audio, const tb_audio_spec *spec, const int16_t *pcm,
                          tb_error *err)
{
    tb_status st = verify_facts(audio, spec, err);
    return st == TIMBRE_OK ? verify_samples(audio, spec, pcm, err) : st;
}

static tb_status hash_samples(timbre_audio *audio, tb_sha256 *hash, tb_error *err)
{
    int16_t block[BLOCK_SAMPLES];
    sf_count_t whole = BLOCK_SAMPLES - BLOCK_SAMPLES % audio->info.channels, n;
    do {
        n = sf_read_short(audio->sf, block, whole);
        tb_status st = tb_sha256_add(hash, block, (size_t)n * sizeof *block, err);
        if (st != TIMBRE_OK)
            return st;
    } while (n == whole);
    return TIMBRE_OK;
}

tb_status tb_audio_hash_pcm(timbre_audio *audio, char hex[TB_SHA256_HEX_BYTES], tb_error *err)
{
    tb_sha256 hash;
    if (audio->info.channels > BLOCK_SAMPLES)
        return tb_fail(err, TIMBRE_BAD_FILE, "%d channels exceed %d", audio->info.channels,
                       BLOCK_SAMPLES);
    tb_status st = tb_sha256_init(&hash, err);
    if (st == TIMBRE_OK)
        st = hash_samples(audio, &hash, err);
    if (st == TIMBRE_OK)
        st = tb_sha256_finish(&hash, hex, err);
    tb_sha256_deinit(&hash);
    return st;
}

tb_status tb_audio_verify_hash(timbre_audio *audio, const tb_audio_spec *spec, const char *hex,
                               tb_error *err)
{
    char found[TB_SHA256_HEX_BYTES];
    tb_status st = verify_facts(audio, spec, err);
    if (st == TIMBRE_OK)
        st = tb_audio_hash_pcm(audio, found, err);
    if (st == TIMBRE_OK && strcmp(found, hex) != 0)
        st = tb_fail(err, TIMBRE_VERIFY_FAILED, "samples read back differ from those written");
    return st;
}

const char *tb_audio_library_version(void)
{
    static const char prefix[] = "libsndfile-";
    const char *version = sf_version_string();
    return strncmp(version, prefix, sizeof prefix - 1) == 0 ? version + sizeof prefix - 1 : version;
}
