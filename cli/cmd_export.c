/* timbre export: a take as another kind of file, with its recipe and a title inside. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/app.h"
#include "cli/codec_output.h"
#include "cli/commands.h"
#include "cli/endings.h"
#include "cli/file_kind.h"
#include "cli/signals.h"
#include "cli/text.h"
#include "engine/base/limits.h"
#include "engine/base/path.h"
#include "engine/base/str.h"
#include "engine/base/utf8.h"
#include "timbre/audio.h"
#include "timbre/engine.h"
#include "timbre/request.h"
#include "timbre/spectrogram.h"

#define FORMAT_DEFAULT "mp3" /* what other people's devices play */

/* Names of takes and of exports are made of words in the same way. */
static tb_status name_of_title(const char *title, char **name, tb_error *err)
{
    timbre_request *request = NULL;
    tb_status st = timbre_request_new(&request, err);
    if (st == TIMBRE_OK)
        st = timbre_request_set(request, "prompt", title, err);
    if (st == TIMBRE_OK)
        st = timbre_expand_name("{slug}", request, 0, name, err);
    timbre_request_free(request);
    return st;
}

/* Name in the current folder: of the title, else that of the source without its ending. */
static tb_status default_output(const char *source, const char *title, const char *format,
                                char **out, tb_error *err)
{
    const char *name = tb_path_name(source), *ending = tb_ending_of(source);
    size_t length = ending[0] == '\0' ? strlen(name) : (size_t)(ending - 1 - name);
    char *slug = NULL;
    if (title != NULL && title[0] != '\0') {
        tb_status st = name_of_title(title, &slug, err);
        if (st != TIMBRE_OK)
            return st;
        name = slug;
        length = strlen(slug);
    }
    *out = tb_strf("%.*s.%s", (int)length, name, format);
    free(slug);
    return *out != NULL ? TIMBRE_OK : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
}

static tb_status check_title(const char *title, tb_error *err)
{
    size_t length = title == NULL ? 0 : strlen(title);
    if (length > TB_TITLE_MAX_BYTES)
        return tb_fail(err, TIMBRE_BAD_INPUT, "title of %zu bytes exceeds %d", length,
                       TB_TITLE_MAX_BYTES);
    if (length > 0 && tb_utf8_check(title, length) != length)
        return tb_fail(err, TIMBRE_BAD_INPUT, "the title is not UTF-8");
    return TIMBRE_OK;
}

/* -o as it is, with an ending where it has none of a format; --format and the ending agree. */
static tb_status named_output(const char *output, const char *format, char **out, tb_error *err)
{
    const char *ending = tb_ending_of(output);
    bool is_known = tb_ending_is_one_of(output, timbre_audio_formats());
    if (format != NULL && is_known && strcasecmp(ending, format) != 0) {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "'%s' does not end in .%s, as --format says",
                               output, format);
        tb_fix(err, "leave --format out: the ending chooses the format");
        return st;
    }
    *out = format == NULL || is_known ? tb_strdup(output) : tb_strf("%s.%s", output, format);
    return *out != NULL ? TIMBRE_OK : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path");
}

/* The one given, else that of the history; NULL: what stands in the file. */
static const char *title_of(const tb_app *app)
{
    const char *title = tb_args_value(&app->args, "title");
    return title != NULL ? title : app->take_title;
}

static tb_status choose_output(const tb_app *app, const char *source, char **out, tb_error *err)
{
    const char *output = tb_args_value(&app->args, "output");
    const char *format = tb_args_value(&app->args, "format");
    if (output != NULL)
        return named_output(output, format, out, err);
    return default_output(source, title_of(app), format != NULL ? format : FORMAT_DEFAULT, out,
                          err);
}

static tb_status rate_of(const char *path, int *rate_hz, tb_error *err)
{
    timbre_audio *audio = NULL;
    timbre_audio_info info = {.struct_size = sizeof info};
    tb_status st = timbre_audio_open(path, &audio, err);
    if (st != TIMBRE_OK)
        return st;
    timbre_audio_get_info(audio, &info);
    *rate_hz = info.rate_hz;
    timbre_audio_close(audio);
    return TIMBRE_OK;
}

/* What stands in the file now, and a note when its rate is another one. */
static tb_status report(tb_app *app, const char *source, int rate_hz, const char *output,
                        tb_error *err)
{
    timbre_audio *made = NULL;
    timbre_audio_info now = {.struct_size = sizeof now};
    tb_status st = timbre_audio_open(output, &made, err);
    if (st != TIMBRE_OK)
        return st;
    timbre_audio_get_info(made, &now);
    if (rate_hz != now.rate_hz)
        tb_app_note(app, "%s has no %d Hz: written at %d Hz", tb_ending_of(output), rate_hz,
                    now.rate_hz);
    if (app->wants_json)
        st = tb_json_print(
            json_pack("{s:i, s:o, s:o, s:s, s:i, s:i, s:I, s:b}", "schema", 1, "path",
                      tb_text_to_json(output), "source", tb_text_to_json(source), "format",
                      now.format, "rate_hz", now.rate_hz, "channels", now.n_channels, "frames",
                      (json_int_t)now.n_frames, "recipe", timbre_audio_recipe(made) != NULL),
            err);
    else
        printf("%s\n", output);
    timbre_audio_close(made);
    return st;
}

static tb_status export(tb_app *app, const char *source, tb_error *err)
{
    char *output = NULL;
    int rate_hz = 0; /* before the source may be written over */
    tb_status st = check_title(tb_args_value(&app->args, "title"), err);
    if (st == TIMBRE_OK)
        st = tb_codec_check_input(source, "sound", err);
    if (st == TIMBRE_OK)
        st = tb_file_kind_want_sound(source, err);
    if (st == TIMBRE_OK)
        st = rate_of(source, &rate_hz, err);
    if (st == TIMBRE_OK)
        st = choose_output(app, source, &output, err);
    if (st == TIMBRE_OK)
        st = timbre_audio_convert(source, output, title_of(app), tb_args_has(&app->args, "force"),
                                  tb_signals_cancel(), err);
    if (st == TIMBRE_OK)
        st = report(app, source, rate_hz, output, err);
    free(output);
    return st;
}

int tb_cmd_export(tb_app *app)
{
    tb_error err = {0};
    if (app->args.n_operands == 0) {
        (void)tb_fail(&err, TIMBRE_BAD_INPUT, "no sound was named");
        tb_fix(&err, "timbre export FILE, or last, or a number such as '#12'");
        return tb_app_fail(app, &err);
    }
    tb_signals_catch();
    tb_status st = export(app, app->args.operands[0], &err);
    if (st == TIMBRE_CANCELLED)
        return 128 + tb_signals_caught();
    return st == TIMBRE_OK ? 0 : tb_app_fail(app, &err);
}
