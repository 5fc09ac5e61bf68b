/* timbre show: what an audio file is, and the recipe inside. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/app.h"
#include "cli/commands.h"
#include "cli/text.h"
#include "timbre/audio.h"

typedef struct {
    const char *path;
    long long size_bytes;
    timbre_audio_info info;
    double seconds;
    json_t *recipe; /* owned; NULL: none */
} facts;

static tb_status read_facts(const char *path, facts *out, tb_error *err)
{
    timbre_audio *audio = NULL;
    tb_status st = timbre_audio_open(path, &audio, err);
    if (st != TIMBRE_OK)
        return st;
    struct stat info;
    *out = (facts){.path = path, .info.struct_size = sizeof out->info};
    timbre_audio_get_info(audio, &out->info);
    out->size_bytes = stat(path, &info) == 0 ? (long long)info.st_size : 0;
    out->seconds = out->info.rate_hz > 0 ? (double)out->info.n_frames / out->info.rate_hz : 0;
    const char *recipe = timbre_audio_recipe(audio);
    if (recipe != NULL)
        out->recipe = json_loads(recipe, 0, NULL);
    timbre_audio_close(audio);
    return TIMBRE_OK;
}

static int show_json(tb_app *app, const facts *f)
{
    json_t *answer = json_pack("{s:i, s:o, s:s, s:i, s:i, s:I, s:f, s:I, s:O?}", "schema", 1,
                               "path", tb_text_to_json(f->path), "format", f->info.format,
                               "rate_hz", f->info.rate_hz, "channels", f->info.n_channels, "frames",
                               (json_int_t)f->info.n_frames, "duration_seconds", f->seconds,
                               "length_bytes", (json_int_t)f->size_bytes, "recipe", f->recipe);
    tb_error err = {0};
    return tb_json_print(answer, &err) == TIMBRE_OK ? 0 : tb_app_report(app, &err);
}

/* "name   value" for every leaf; members of objects stand indented below their name. */
static void print_members(const json_t *object, int indent)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        printf("%*s", indent, "");
        tb_print_clean(stdout, name);
        int pad = 20 - indent - (int)strlen(name);
        if (json_is_object(value)) {
            printf("\n");
            print_members(value, indent + 2);
            continue;
        }
        char *text = json_is_string(value) ? NULL
                                           : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT |
                                                                   JSON_REAL_PRECISION(15));
        printf("%*s ", pad > 0 ? pad : 0, "");
        tb_print_clean(stdout, json_is_string(value) ? json_string_value(value)
                                                     : (text != NULL ? text : ""));
        printf("\n");
        free(text);
    }
}

static void show_text(const tb_app *app, const facts *f)
{
    const char *bold = tb_app_style(app, 1, TB_STYLE_BOLD);
    const char *plain = tb_app_style(app, 1, TB_STYLE_PLAIN);
    printf("%s", bold);
    tb_print_clean(stdout, f->path);
    printf("%s\n", plain);
    printf("  %-18s %s\n", "format", f->info.format);
    printf("  %-18s %d Hz\n", "rate", f->info.rate_hz);
    printf("  %-18s %d\n", "channels", f->info.n_channels);
    printf("  %-18s %.3f s (%lld frames)\n", "length", f->seconds, (long long)f->info.n_frames);
    printf("  %-18s %lld bytes\n", "size", f->size_bytes);
    if (f->recipe == NULL) {
        printf("no recipe inside\n");
        return;
    }
    printf("%srecipe%s\n", bold, plain);
    print_members(f->recipe, 2);
}

int tb_cmd_show(tb_app *app)
{
    tb_error err = {0};
    facts f = {0};
    tb_status st;
    if (app->args.n_operands == 0) {
        st = tb_fail(&err, TIMBRE_BAD_INPUT, "no file was named");
        tb_fix(&err, "timbre show FILE");
    } else {
        st = read_facts(app->args.operands[0], &f, &err);
    }
    if (st != TIMBRE_OK)
        return tb_app_fail(app, &err);
    int code = 0;
    if (app->wants_json)
        code = show_json(app, &f);
    else
        show_text(app, &f);
    json_decref(f.recipe);
    return code;
}
