#include "cli/file_kind.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "cli/endings.h"

enum { HEAD_BYTES = 12 };

typedef enum {
    KIND_UNKNOWN,
    KIND_SOUND,
    KIND_IMAGE,       /* that can be decoded */
    KIND_OTHER_IMAGE, /* that cannot */
} kind;

typedef struct {
    const char *name; /* NULL: not told */
    kind kind;
    size_t offset; /* of what follows */
    const char *bytes;
    size_t n_bytes;
} signature;

#define BYTES(text) (text), sizeof(text) - 1

static const signature signatures[] = {
    {"PNG", KIND_IMAGE, 0, BYTES("\x89PNG")},      {"JPEG", KIND_IMAGE, 0, BYTES("\xff\xd8\xff")},
    {"GIF", KIND_OTHER_IMAGE, 0, BYTES("GIF8")},   {"TIFF", KIND_OTHER_IMAGE, 0, BYTES("II*\0")},
    {"TIFF", KIND_OTHER_IMAGE, 0, BYTES("MM\0*")}, {"WebP", KIND_OTHER_IMAGE, 8, BYTES("WEBP")},
    {"BMP", KIND_OTHER_IMAGE, 0, BYTES("BM")},     {NULL, KIND_SOUND, 8, BYTES("WAVE")},
    {NULL, KIND_SOUND, 8, BYTES("AIF")},           {NULL, KIND_SOUND, 0, BYTES("fLaC")},
    {NULL, KIND_SOUND, 0, BYTES("OggS")},          {NULL, KIND_SOUND, 0, BYTES("ID3")},
    {NULL, KIND_SOUND, 0, BYTES(".snd")},          {NULL, KIND_SOUND, 0, BYTES("caff")},
};

/* What the first bytes are; NULL when not known. */
static const signature *look(const char *path)
{
    char head[HEAD_BYTES] = "";
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, head, sizeof head);
    if (fd >= 0)
        close(fd);
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++) {
        const signature *s = &signatures[i];
        if (n >= (ssize_t)(s->offset + s->n_bytes) &&
            memcmp(head + s->offset, s->bytes, s->n_bytes) == 0)
            return s;
    }
    return NULL;
}

tb_status tb_file_kind_want_sound(const char *path, tb_error *err)
{
    const signature *s = look(path);
    if (s == NULL || s->kind == KIND_SOUND)
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_BAD_FILE, "'%s' is an image, not a sound", path);
    if (s->kind == KIND_IMAGE)
        tb_fix(err, "timbre decode '%.200s' makes sound of a spectrogram image", path);
    return st;
}

tb_status tb_file_kind_want_image(const char *path, tb_error *err)
{
    const signature *s = look(path);
    bool is_sound = s == NULL ? tb_ending_is_one_of(path, tb_audio_endings) : s->kind == KIND_SOUND;
    tb_status st = TIMBRE_OK;
    if (is_sound) {
        st = tb_fail(err, TIMBRE_BAD_FILE, "'%s' is a sound, not an image", path);
        tb_fix(err, "timbre encode '%.200s' makes a spectrogram image of it", path);
    } else if (s != NULL && s->kind == KIND_OTHER_IMAGE) {
        st = tb_fail(err, TIMBRE_BAD_FILE, "'%s' is a %s image, not PNG or JPEG", path, s->name);
        tb_fix(err, "convert it to PNG");
    }
    return st;
}
