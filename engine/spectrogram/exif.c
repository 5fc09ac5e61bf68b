#include "engine/spectrogram/exif.h"

#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

enum { TIFF_BYTE = 1, TIFF_SHORT = 3, TIFF_LONG = 4, TIFF_RATIONAL = 5, TIFF_SBYTE = 6 };
enum { TIFF_SSHORT = 8, TIFF_SLONG = 9, TIFF_SRATIONAL = 10, TIFF_FLOAT = 11, TIFF_DOUBLE = 12 };
enum { HEADER_BYTES = 8, ENTRY_BYTES = 12, N_INTS = 8 };

typedef struct {
    int tag;
    const char *name;
    size_t offset; /* of the int in timbre_spectrogram_params */
} int_tag;

#define FIELD(field) offsetof(timbre_spectrogram_params, field)
static const int_tag int_tags[N_INTS] = {/* by tag, as the entries of a TIFF folder must be */
                                         {11000, "SAMPLE_RATE", FIELD(sample_rate_hz)},
                                         {11005, "STEREO", FIELD(stereo)},
                                         {11010, "STEP_SIZE_MS", FIELD(step_size_ms)},
                                         {11020, "WINDOW_DURATION_MS", FIELD(window_duration_ms)},
                                         {11030, "PADDED_DURATION_MS", FIELD(padded_duration_ms)},
                                         {11040, "NUM_FREQUENCIES", FIELD(num_frequencies)},
                                         {11050, "MIN_FREQUENCY", FIELD(min_frequency_hz)},
                                         {11060, "MAX_FREQUENCY", FIELD(max_frequency_hz)}};

enum { TAG_POWER = 11070, TAG_MAX_VALUE = 11080, N_TAGS = N_INTS + 2 };

static unsigned char *put_big_endian(unsigned char *at, uint64_t value, int n_bytes)
{
    for (int i = 0; i < n_bytes; i++)
        at[i] = (unsigned char)(value >> (8 * (n_bytes - 1 - i)));
    return at + n_bytes;
}

static unsigned char *put_entry(unsigned char *at, int tag, int type)
{
    at = put_big_endian(at, (uint64_t)tag, 2);
    at = put_big_endian(at, (uint64_t)type, 2);
    return put_big_endian(at, 1, 4);
}

/* Pillow's choice: SHORT up to 65,535, else LONG; a SHORT stands left in its four bytes. */
static unsigned char *put_int(unsigned char *at, int tag, int value)
{
    bool is_short = value >= 0 && value <= 65535;
    at = put_entry(at, tag, is_short ? TIFF_SHORT : TIFF_LONG);
    return put_big_endian(at, is_short ? (uint64_t)value << 16 : (uint32_t)value, 4);
}

static unsigned char *put_double(unsigned char *at, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return put_big_endian(at, bits, 8);
}

void tb_exif_format(const timbre_spectrogram_params *params, double max_value,
                    unsigned char out[TB_EXIF_BYTES])
{
    static const unsigned char head[HEADER_BYTES] = {'M', 'M', 0, 42, 0, 0, 0, HEADER_BYTES};
    enum { DOUBLES_AT = HEADER_BYTES + 2 + N_TAGS * ENTRY_BYTES + 4 };
    memcpy(out, head, sizeof head);
    unsigned char *at = put_big_endian(out + sizeof head, N_TAGS, 2);
    for (int i = 0; i < N_INTS; i++) {
        int value;
        memcpy(&value, (const char *)params + int_tags[i].offset, sizeof value);
        at = put_int(at, int_tags[i].tag, value);
    }
    at = put_big_endian(put_entry(at, TAG_POWER, TIFF_DOUBLE), DOUBLES_AT, 4);
    at = put_big_endian(put_entry(at, TAG_MAX_VALUE, TIFF_DOUBLE), DOUBLES_AT + 8, 4);
    at = put_big_endian(at, 0, 4); /* no further folder */
    put_double(put_double(at, params->power_for_image), max_value);
}

typedef struct {
    const unsigned char *bytes;
    size_t len;
    bool is_little;
} tiff;

/* n_bytes <= 8 at `at`, which the caller has checked. */
static uint64_t get(const tiff *t, size_t at, int n_bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < n_bytes; i++)
        value |= (uint64_t)t->bytes[at + (size_t)i] << (8 * (t->is_little ? i : n_bytes - 1 - i));
    return value;
}

static double get_float(uint64_t bits)
{
    uint32_t low = (uint32_t)bits;
    float value;
    memcpy(&value, &low, sizeof value);
    return (double)value;
}

static double get_double(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Number of type `type` at `at`; NAN for a fraction of 0. */
static double get_number(const tiff *t, size_t at, int type)
{
    switch (type) {
    case TIFF_BYTE:
        return (double)get(t, at, 1);
    case TIFF_SBYTE:
        return (int8_t)get(t, at, 1);
    case TIFF_SHORT:
        return (double)get(t, at, 2);
    case TIFF_SSHORT:
        return (int16_t)get(t, at, 2);
    case TIFF_LONG:
        return (double)get(t, at, 4);
    case TIFF_SLONG:
        return (int32_t)get(t, at, 4);
    case TIFF_FLOAT:
        return get_float(get(t, at, 4));
    case TIFF_DOUBLE:
        return get_double(get(t, at, 8));
    default: { /* RATIONAL, SRATIONAL */
        int part = type == TIFF_RATIONAL ? TIFF_LONG : TIFF_SLONG;
        double below = get_number(t, at + 4, part);
        return below == 0 ? NAN : get_number(t, at, part) / below;
    }
    }
}

/* Bytes of one number of a type; 0: no number. */
static size_t number_bytes(int type)
{
    static const unsigned char bytes[] = {
        [TIFF_BYTE] = 1,   [TIFF_SHORT] = 2, [TIFF_LONG] = 4,      [TIFF_RATIONAL] = 8,
        [TIFF_SBYTE] = 1,  [TIFF_SLONG] = 4, [TIFF_SRATIONAL] = 8, [TIFF_FLOAT] = 4,
        [TIFF_DOUBLE] = 8, [TIFF_SSHORT] = 2};
    return type >= 0 && type < (int)sizeof bytes ? bytes[type] : 0;
}

/* The single number of the entry at `at`. */
static tb_status read_entry(const tiff *t, size_t at, const char *name, double *value,
                            tb_error *err)
{
    int type = (int)get(t, at + 2, 2);
    uint64_t count = get(t, at + 4, 4);
    size_t size = number_bytes(type);
    if (size == 0)
        return tb_fail(err, TIMBRE_BAD_FILE, "EXIF tag %s of type %d is no number", name, type);
    if (count != 1)
        return tb_fail(err, TIMBRE_BAD_FILE, "EXIF tag %s has %llu values instead of 1", name,
                       (unsigned long long)count);
    uint64_t where = size <= 4 ? at + 8 : get(t, at + 8, 4);
    if (where + size > t->len)
        return tb_fail(err, TIMBRE_BAD_FILE, "EXIF tag %s points to byte %llu of %zu", name,
                       (unsigned long long)where, t->len);
    *value = get_number(t, (size_t)where, type);
    return TIMBRE_OK;
}

static tb_status read_int(const tiff *t, size_t at, const int_tag *tag,
                          timbre_spectrogram_params *params, tb_error *err)
{
    double value = 0;
    tb_status st = read_entry(t, at, tag->name, &value, err);
    if (st != TIMBRE_OK)
        return st;
    if (!(fabs(value) <= INT_MAX) || value != floor(value))
        return tb_fail(err, TIMBRE_BAD_FILE, "EXIF tag %s %g is not a whole number up to %d",
                       tag->name, value, INT_MAX);
    int whole = (int)value;
    memcpy((char *)params + tag->offset, &whole, sizeof whole);
    return TIMBRE_OK;
}

/* What has been read so far. */
typedef struct {
    timbre_spectrogram_params params;
    double max_value;
    unsigned seen; /* bit i: int_tags[i]; bit N_INTS: the power */
} findings;

static tb_status look_at_entry(const tiff *t, size_t at, findings *f, tb_error *err)
{
    int tag = (int)get(t, at, 2);
    if (tag == TAG_MAX_VALUE)
        return read_entry(t, at, "MAX_VALUE", &f->max_value, err);
    if (tag == TAG_POWER) {
        f->seen |= 1u << N_INTS;
        return read_entry(t, at, "POWER_FOR_IMAGE", &f->params.power_for_image, err);
    }
    for (unsigned i = 0; i < N_INTS; i++) {
        if (int_tags[i].tag == tag) {
            f->seen |= 1u << i;
            return read_int(t, at, &int_tags[i], &f->params, err);
        }
    }
    return TIMBRE_OK;
}

/* Byte of the first entry and number of entries of the first folder. */
static tb_status find_folder(tiff *t, size_t *at, size_t *n_entries, tb_error *err)
{
    bool is_big = t->len >= HEADER_BYTES && memcmp(t->bytes, "MM\0*", 4) == 0;
    t->is_little = t->len >= HEADER_BYTES && memcmp(t->bytes, "II*\0", 4) == 0;
    if (!is_big && !t->is_little)
        return tb_fail(err, TIMBRE_BAD_FILE, "the EXIF block of %zu bytes is no TIFF", t->len);
    uint64_t folder = get(t, 4, 4);
    if (folder + 2 > t->len)
        return tb_fail(err, TIMBRE_BAD_FILE, "the EXIF block points to byte %llu of %zu",
                       (unsigned long long)folder, t->len);
    *at = (size_t)folder + 2;
    *n_entries = (size_t)get(t, (size_t)folder, 2);
    if (*n_entries > (t->len - *at) / ENTRY_BYTES)
        return tb_fail(err, TIMBRE_BAD_FILE, "%zu entries do not fit the EXIF block of %zu bytes",
                       *n_entries, t->len);
    return TIMBRE_OK;
}

tb_status tb_exif_parse(const unsigned char *bytes, size_t len_bytes,
                        timbre_spectrogram_params *params, double *max_value, bool *found,
                        tb_error *err)
{
    *found = false;
    *max_value = NAN;
    if (len_bytes > TB_EXIF_MAX_BYTES)
        return tb_fail(err, TIMBRE_BAD_FILE, "the EXIF block of %zu bytes exceeds %d bytes",
                       len_bytes, TB_EXIF_MAX_BYTES);
    tiff t = {.bytes = bytes, .len = len_bytes};
    findings f = {.max_value = NAN};
    timbre_spectrogram_params_init(&f.params);
    size_t at = 0, n_entries = 0;
    tb_status st = find_folder(&t, &at, &n_entries, err);
    for (size_t i = 0; st == TIMBRE_OK && i < n_entries; i++)
        st = look_at_entry(&t, at + i * ENTRY_BYTES, &f, err);
    if (st != TIMBRE_OK)
        return st;
    if (f.seen == (1u << (N_INTS + 1)) - 1) {
        tb_error wrong = {0};
        if (timbre_spectrogram_params_check(&f.params, &wrong) != TIMBRE_OK)
            return tb_fail(err, TIMBRE_BAD_FILE, "the EXIF block says: %s", wrong.message);
        *params = f.params;
        *found = true;
    }
    *max_value = isfinite(f.max_value) ? f.max_value : NAN;
    return TIMBRE_OK;
}
