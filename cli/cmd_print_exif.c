/* timbre print-exif: the spectrogram parameters in an image, line for line as riffusion prints
 * them. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/app.h"
#include "cli/codec_output.h"
#include "cli/commands.h"
#include "cli/file_kind.h"
#include "cli/text.h"
#include "timbre/spectrogram.h"

/* Riffusion's names of the tags, in the order of their numbers. */
static const struct {
    const char *name;
    size_t offset; /* in the parameters */
} int_tags[] = {
    {"SAMPLE_RATE", offsetof(timbre_spectrogram_params, sample_rate_hz)},
    {"STEREO", offsetof(timbre_spectrogram_params, stereo)},
    {"STEP_SIZE_MS", offsetof(timbre_spectrogram_params, step_size_ms)},
    {"WINDOW_DURATION_MS", offsetof(timbre_spectrogram_params, window_duration_ms)},
    {"PADDED_DURATION_MS", offsetof(timbre_spectrogram_params, padded_duration_ms)},
    {"NUM_FREQUENCIES", offsetof(timbre_spectrogram_params, num_frequencies)},
    {"MIN_FREQUENCY", offsetof(timbre_spectrogram_params, min_frequency_hz)},
    {"MAX_FREQUENCY", offsetof(timbre_spectrogram_params, max_frequency_hz)},
};

enum { N_INT_TAGS = sizeof int_tags / sizeof int_tags[0] };

static int value_of(const timbre_spectrogram_params *params, int i_tag)
{
    return *(const int *)((const char *)params + int_tags[i_tag].offset);
}

/* As Python's repr: the fewest digits that give the same number, with a point. */
static void format_real(double value, char *out, size_t size)
{
    enum { DIGITS_MAX = 17, FIXED_MAX = 16, FIXED_MIN = -4 };
    int n_digits = 0, exponent = 0;
    do {
        (void)snprintf(out, size, "%.*e", n_digits, value);
        exponent = atoi(strchr(out, 'e') + 1);
    } while (strtod(out, NULL) != value && ++n_digits < DIGITS_MAX);
    int n_decimals = n_digits - exponent;
    if (exponent >= FIXED_MIN && exponent < FIXED_MAX)
        (void)snprintf(out, size, "%.*f", n_decimals > 1 ? n_decimals : 1, value);
}

static void print_real(const char *name, double value)
{
    char text[64];
    format_real(value, text, sizeof text);
    printf("%-20s = %15s\n", name, text);
}

static void print_text(const timbre_image_info *info)
{
    for (int i = 0; i < N_INT_TAGS; i++)
        printf("%-20s = %15d\n", int_tags[i].name, value_of(&info->params, i));
    print_real("POWER_FOR_IMAGE", info->params.power_for_image);
    if (isfinite(info->max_value))
        print_real("MAX_VALUE", info->max_value);
}

static json_t *number_to_json(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static tb_status print_json(const char *path, const timbre_image_info *info, tb_error *err)
{
    json_t *tags = json_object();
    for (int i = 0; i < N_INT_TAGS; i++)
        (void)json_object_set_new(tags, int_tags[i].name, json_integer(value_of(&info->params, i)));
    (void)json_object_set_new(tags, "POWER_FOR_IMAGE",
                              number_to_json(info->params.power_for_image));
    (void)json_object_set_new(tags, "MAX_VALUE", number_to_json(info->max_value));
    return tb_json_print(json_pack("{s:i, s:o, s:i, s:i, s:s, s:o}", "schema", 1, "path",
                                   tb_text_to_json(path), "width", info->width, "height",
                                   info->height, "format", info->format, "exif", tags),
                         err);
}

static tb_status print_tags(const tb_app *app, const char *path, tb_error *err)
{
    timbre_image_info info = {.struct_size = sizeof info, .params.struct_size = sizeof info.params};
    tb_status st = timbre_image_read_info(path, &info, err);
    if (st != TIMBRE_OK)
        return st;
    if (!info.has_params) {
        st = tb_fail(err, TIMBRE_NOT_FOUND, "'%s' names no spectrogram parameters%s", path,
                     info.has_exif ? " in its EXIF block" : ": it has no EXIF block");
        tb_fix(err, "timbre decode uses riffusion's defaults for it");
        return st;
    }
    if (app->wants_json)
        return print_json(path, &info, err);
    print_text(&info);
    return TIMBRE_OK;
}

int tb_cmd_print_exif(tb_app *app)
{
    tb_error err = {0};
    if (app->args.n_operands == 0) {
        (void)tb_fail(&err, TIMBRE_BAD_INPUT, "no image was named");
        tb_fix(&err, "timbre print-exif IMAGE");
        return tb_app_fail(app, &err);
    }
    tb_status st = tb_codec_check_input(app->args.operands[0], "image", &err);
    if (st == TIMBRE_OK)
        st = tb_file_kind_want_image(app->args.operands[0], &err);
    if (st == TIMBRE_OK)
        st = print_tags(app, app->args.operands[0], &err);
    return st == TIMBRE_OK ? 0 : tb_app_fail(app, &err);
}
