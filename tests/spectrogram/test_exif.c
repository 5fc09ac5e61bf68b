/* The EXIF block: byte for byte as Riffusion writes it, read in every form that means the same, and
 * nothing absurd let through. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/spectrogram/exif.h"

/* Of Riffusion's own test image: mono, the defaults, maximum 46801012. */
static const unsigned char golden[TB_EXIF_BYTES] = {
    0x4d, 0x4d, 0x00, 0x2a, 0x00, 0x00, 0x00, 0x08, 0x00, 0x0a, 0x2a, 0xf8, 0x00, 0x03, 0x00,
    0x00, 0x00, 0x01, 0xac, 0x44, 0x00, 0x00, 0x2a, 0xfd, 0x00, 0x03, 0x00, 0x00, 0x00, 0x01,
    0x00, 0x00, 0x00, 0x00, 0x2b, 0x02, 0x00, 0x03, 0x00, 0x00, 0x00, 0x01, 0x00, 0x0a, 0x00,
    0x00, 0x2b, 0x0c, 0x00, 0x03, 0x00, 0x00, 0x00, 0x01, 0x00, 0x64, 0x00, 0x00, 0x2b, 0x16,
    0x00, 0x03, 0x00, 0x00, 0x00, 0x01, 0x01, 0x90, 0x00, 0x00, 0x2b, 0x20, 0x00, 0x03, 0x00,
    0x00, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x2b, 0x2a, 0x00, 0x03, 0x00, 0x00, 0x00, 0x01,
    0x00, 0x00, 0x00, 0x00, 0x2b, 0x34, 0x00, 0x03, 0x00, 0x00, 0x00, 0x01, 0x27, 0x10, 0x00,
    0x00, 0x2b, 0x3e, 0x00, 0x0c, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x86, 0x2b, 0x48,
    0x00, 0x0c, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x8e, 0x00, 0x00, 0x00, 0x00, 0x3f,
    0xd0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x41, 0x86, 0x51, 0x03, 0xa0, 0x00, 0x00, 0x00};

enum { FIRST_ENTRY = 10, ENTRY = 12, N_ENTRIES = 10 };

typedef struct {
    tb_status st;
    timbre_spectrogram_params params;
    double max_value;
    bool found;
    tb_error err;
} outcome;

/* From an exact copy, so that a sanitizer sees a read past the end. */
static outcome parse(const unsigned char *bytes, size_t len)
{
    outcome o = {0};
    unsigned char *copy = malloc(len > 0 ? len : 1);
    assert_non_null(copy);
    if (len > 0)
        memcpy(copy, bytes, len);
    o.st = tb_exif_parse(copy, len, &o.params, &o.max_value, &o.found, &o.err);
    free(copy);
    return o;
}

static void assert_is_golden(const outcome *o)
{
    timbre_spectrogram_params want;
    timbre_spectrogram_params_init(&want);
    if (o->st != TIMBRE_OK)
        fail_msg("%s", o->err.message);
    assert_true(o->found);
    assert_memory_equal(&o->params, &want, sizeof want);
    assert_true(o->max_value == 46801012.0);
}

static void the_block_is_riffusions_to_the_byte(void **state)
{
    (void)state;
    timbre_spectrogram_params params;
    timbre_spectrogram_params_init(&params);
    unsigned char block[TB_EXIF_BYTES];
    tb_exif_format(&params, 46801012.0, block);
    assert_memory_equal(block, golden, sizeof golden);
    outcome o = parse(golden, sizeof golden);
    assert_is_golden(&o);
}

static void every_field_comes_back(void **state)
{
    (void)state;
    timbre_spectrogram_params params;
    timbre_spectrogram_params_init(&params);
    params.stereo = 1;
    params.sample_rate_hz = 96000; /* needs a LONG */
    params.step_size_ms = 7;
    params.window_duration_ms = 80;
    params.padded_duration_ms = 320;
    params.num_frequencies = 300;
    params.min_frequency_hz = 20;
    params.max_frequency_hz = 20000;
    params.power_for_image = 0.3;
    unsigned char block[TB_EXIF_BYTES];
    tb_exif_format(&params, 0.125, block);
    outcome o = parse(block, sizeof block);
    assert_int_equal(o.st, TIMBRE_OK);
    assert_true(o.found);
    assert_memory_equal(&o.params, &params, sizeof params);
    assert_true(o.max_value == 0.125);
}

/* A block made entry by entry, in either order of bytes. */
typedef struct {
    unsigned char bytes[1024];
    size_t entry, extra; /* where the next entry and its number go */
    bool is_little;
} builder;

static void put(builder *b, size_t at, uint64_t value, int n_bytes)
{
    for (int i = 0; i < n_bytes; i++)
        b->bytes[at + (size_t)i] = (unsigned char)(value >>
                                                   (8 * (b->is_little ? i : n_bytes - 1 - i)));
}

/* The folder stands at the end, numbers before it. */
static void begin(builder *b, bool is_little, int n_entries)
{
    enum { FOLDER = 512 };
    *b = (builder){.is_little = is_little, .entry = FOLDER + 2, .extra = 8};
    memcpy(b->bytes, is_little ? "II" : "MM", 2);
    put(b, 2, 42, 2);
    put(b, 4, FOLDER, 4);
    put(b, FOLDER, (uint64_t)n_entries, 2);
}

static void add(builder *b, int tag, int type, double value)
{
    static const int sizes[] = {0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8};
    float single = (float)value;
    uint32_t single_bits;
    uint64_t bits = isfinite(value) ? (uint64_t)(int64_t)value : 0;
    memcpy(&single_bits, &single, sizeof single_bits);
    put(b, b->entry, (uint64_t)tag, 2);
    put(b, b->entry + 2, (uint64_t)type, 2);
    put(b, b->entry + 4, 1, 4);
    size_t at = sizes[type] <= 4 ? b->entry + 8 : b->extra;
    if (sizes[type] > 4) {
        put(b, b->entry + 8, b->extra, 4);
        b->extra += 8;
    }
    if (type == 5 || type == 10) { /* a fraction in sixteenths */
        put(b, at, (uint64_t)(int64_t)(value * 16), 4);
        put(b, at + 4, 16, 4);
    } else if (type == 12) {
        memcpy(&bits, &value, sizeof bits);
        put(b, at, bits, 8);
    } else {
        put(b, at, type == 11 ? single_bits : bits, sizes[type]);
    }
    b->entry += ENTRY;
}

static const struct {
    int tag;
    double value;
} defaults[] = {{11080, 46801012}, {11070, 0.25}, {11060, 10000}, {11050, 0}, {11040, 512},
                {11030, 400},      {11020, 100},  {11010, 10},    {11005, 0}, {11000, 44100}};

/* As the defaults, in descending order, all of one type where it can hold the value; among tags of
 * others. */
static void build_defaults(builder *b, bool is_little, int type)
{
    begin(b, is_little, N_ENTRIES + 2);
    add(b, 0x010e, 2, 'x');
    for (int i = 0; i < N_ENTRIES; i++) {
        bool is_fraction = defaults[i].tag == 11070;
        bool fits = type == 12 || type == 11 || !is_fraction;
        if (type == 5 || type == 10)
            fits = defaults[i].value < 1e7;
        if (type == 3 || type == 8)
            fits = defaults[i].value < (type == 3 ? 65536 : 32768) && !is_fraction;
        add(b, defaults[i].tag, fits ? type : 12, defaults[i].value);
    }
    add(b, 0x8769, 4, 1 << 30); /* a folder of a camera, far outside */
}

static void all_numeric_types_and_both_byte_orders_mean_the_same(void **state)
{
    (void)state;
    static const int types[] = {3, 4, 5, 8, 9, 10, 11, 12};
    for (size_t i = 0; i < 2 * sizeof types / sizeof *types; i++) {
        builder b;
        build_defaults(&b, i % 2 == 1, types[i / 2]);
        outcome o = parse(b.bytes, b.entry);
        assert_is_golden(&o);
    }
}

static void without_all_nine_there_are_no_parameters(void **state)
{
    (void)state;
    for (int i = 0; i < N_ENTRIES; i++) {
        unsigned char block[TB_EXIF_BYTES];
        memcpy(block, golden, sizeof block);
        block[FIRST_ENTRY + i * ENTRY] = 0x7f; /* another tag */
        outcome o = parse(block, sizeof block);
        assert_int_equal(o.st, TIMBRE_OK);
        assert_int_equal(o.found, i == N_ENTRIES - 1); /* the maximum is not one of the nine */
        assert_int_equal(isnan(o.max_value), i == N_ENTRIES - 1);
        if (!o.found)
            assert_int_equal(o.params.struct_size, 0); /* left alone */
    }
}

static void absurd_values_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        int tag, type;
        double value;
        const char *name, *shown;
    } cases[] = {
        {11010, 4, 0, "step_size_ms", "0"},
        {11040, 4, 1e9, "num_frequencies", "1000000000"},
        {11040, 4, 4e9, "NUM_FREQUENCIES", "4e+09"},
        {11040, 9, -5, "num_frequencies", "-5"},
        {11000, 12, 44100.5, "SAMPLE_RATE", "44100.5"},
        {11000, 11, NAN, "SAMPLE_RATE", "nan"},
        {11000, 3, 12, "sample_rate", "12"},
        {11070, 12, NAN, "power_for_image", "nan"},
        {11070, 12, -1, "power_for_image", "-1"},
        {11070, 12, INFINITY, "power_for_image", "inf"},
        {11005, 3, 2, "stereo", "2"},
        {11060, 3, 0, "max_frequency", "0"},
        {11020, 2, 'x', "WINDOW_DURATION_MS", "type 2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        builder b;
        begin(&b, i % 2 == 1, N_ENTRIES);
        for (int k = 0; k < N_ENTRIES; k++) {
            bool is_it = defaults[k].tag == cases[i].tag;
            add(&b, defaults[k].tag, is_it ? cases[i].type : 12,
                is_it ? cases[i].value : defaults[k].value);
        }
        outcome o = parse(b.bytes, b.entry);
        if (o.st != TIMBRE_BAD_FILE || strstr(o.err.message, cases[i].name) == NULL ||
            strstr(o.err.message, cases[i].shown) == NULL)
            fail_msg("case %zu: status %d, '%s'", i, o.st, o.err.message);
        assert_int_equal(o.params.struct_size, 0);
    }
}

static void a_maximum_that_is_no_number_counts_as_absent(void **state)
{
    (void)state;
    static const double maxima[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof maxima / sizeof *maxima; i++) {
        unsigned char block[TB_EXIF_BYTES];
        timbre_spectrogram_params params;
        timbre_spectrogram_params_init(&params);
        tb_exif_format(&params, maxima[i], block);
        outcome o = parse(block, sizeof block);
        assert_int_equal(o.st, TIMBRE_OK);
        assert_true(o.found);
        assert_true(isnan(o.max_value));
    }
}

static void damage_is_told_and_never_read_past(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof golden; len++) {
        outcome o = parse(golden, len);
        assert_int_equal(o.st, TIMBRE_BAD_FILE);
        assert_true(o.err.message[0] != '\0');
    }
    static const struct {
        int at, value;
    } damage[] = {{0, 'X'},
                  {3, 43},
                  {4, 0xff},
                  {7, 149},
                  {8, 0xff},
                  {FIRST_ENTRY + 4, 1},
                  {FIRST_ENTRY + 7, 0},
                  {FIRST_ENTRY + 8 * ENTRY + 8, 0xff}, /* the power's place */
                  {FIRST_ENTRY + 8 * ENTRY + 11, 143}};
    for (size_t i = 0; i < sizeof damage / sizeof *damage; i++) {
        unsigned char block[TB_EXIF_BYTES];
        memcpy(block, golden, sizeof block);
        block[damage[i].at] = (unsigned char)damage[i].value;
        outcome o = parse(block, sizeof block);
        if (o.st != TIMBRE_BAD_FILE || o.found)
            fail_msg("damage %zu: status %d", i, o.st);
    }
    static unsigned char big[TB_EXIF_MAX_BYTES + 1];
    memcpy(big, golden, sizeof golden);
    outcome o = parse(big, TB_EXIF_MAX_BYTES);
    assert_is_golden(&o);
    o = parse(big, sizeof big);
    assert_int_equal(o.st, TIMBRE_BAD_FILE);
    assert_non_null(strstr(o.err.message, "65537"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_block_is_riffusions_to_the_byte),
        cmocka_unit_test(every_field_comes_back),
        cmocka_unit_test(all_numeric_types_and_both_byte_orders_mean_the_same),
        cmocka_unit_test(without_all_nine_there_are_no_parameters),
        cmocka_unit_test(absurd_values_are_refused_by_name),
        cmocka_unit_test(a_maximum_that_is_no_number_counts_as_absent),
        cmocka_unit_test(damage_is_told_and_never_read_past),
    };
    return cmocka_run_group_tests_name("exif", tests, NULL, NULL);
}
