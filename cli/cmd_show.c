/* timbre show: what an audio file, a sidecar or a model is, the music and the recipe inside. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/app.h"
#include "cli/commands.h"
#include "cli/file_kind.h"
#include "cli/music.h"
#include "cli/paths.h"
#include "cli/show_model.h"
#include "cli/text.h"
#include "engine/base/file.h"
#include "engine/base/limits.h"
#include "engine/base/str.h"
#include "timbre/audio.h"
#include "timbre/engine.h"
#include "timbre/model.h"
#include "timbre/version.h"

typedef struct {
    const char *path;
    long long size_bytes;
    timbre_audio_info info;
    double seconds;
    json_t *recipe;   /* owned; NULL: none */
    json_t *metadata; /* owned; NULL: not known */
    tb_error damage;  /* code OK: none */
} facts;

static void deinit(facts *f)
{
    json_decref(f->recipe);
    json_decref(f->metadata);
}

/* The sidecar at `path` as JSON: new reference, NULL with err set. */
static json_t *load_sidecar(const char *path, tb_error *err)
{
    char *text = NULL;
    size_t len_bytes = 0;
    if (tb_file_read(path, TB_SIDECAR_MAX_BYTES, &text, &len_bytes, err) != TIMBRE_OK)
        return NULL;
    json_t *sidecar = json_loadb(text, len_bytes, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    if (json_is_object(json_object_get(sidecar, "recipe")))
        return sidecar;
    (void)tb_fail(err, TIMBRE_BAD_FILE, "'%s' is no sidecar of a take", path);
    json_decref(sidecar);
    return NULL;
}

/* From the sidecar beside the file, when it is about the same take. */
static json_t *metadata_of_sidecar(const facts *f)
{
    char *path = tb_strf("%s.json", f->path);
    json_t *sidecar = path == NULL ? NULL : load_sidecar(path, NULL);
    json_t *metadata = NULL;
    if (json_equal(json_object_get(sidecar, "recipe"), f->recipe))
        metadata = json_incref(json_object_get(sidecar, "metadata"));
    json_decref(sidecar);
    free(path);
    return metadata;
}

/* What this engine makes of the recipe's request, when it is the engine that made the take. */
static json_t *metadata_of_engine(const facts *f)
{
    timbre_engine_options options = {.struct_size = sizeof options, .n_threads = 1};
    timbre_engine *engine = NULL;
    timbre_request *request = NULL;
    char *preview = NULL;
    json_t *asked = json_object_get(f->recipe, "request");
    const char *backend = json_string_value(json_object_get(f->recipe, "backend"));
    if (json_integer_value(json_object_get(f->recipe, "engine")) != TIMBRE_ENGINE_VERSION)
        return NULL;
    if (backend == NULL || strcmp(backend, "sketch") != 0)
        return NULL; /* no model is opened because a file names it */
    char *text = json_is_object(asked) ? json_dumps(asked, JSON_COMPACT) : NULL;
    tb_status st = text == NULL ? TIMBRE_BAD_FILE : timbre_request_new(&request, NULL);
    if (st == TIMBRE_OK)
        st = timbre_request_set_json(request, text, strlen(text), NULL);
    if (st == TIMBRE_OK)
        st = timbre_engine_new(&options, &engine, NULL);
    if (st == TIMBRE_OK)
        st = timbre_preview(engine, request, &preview, NULL);
    json_t *metadata = st == TIMBRE_OK ? json_loads(preview, 0, NULL) : NULL;
    timbre_engine_free(engine);
    timbre_request_free(request);
    free(preview);
    free(text);
    return metadata;
}

/* Frames that can be read: the head of a FLAC file promises them even where the rest is cut off. */
static int64_t count_frames(timbre_audio *audio, const timbre_audio_info *info)
{
    enum { CHUNK_FRAMES = 16384 };
    int64_t n_frames = 0, n_read = 1;
    float *chunk = calloc((size_t)CHUNK_FRAMES * (size_t)info->n_channels, sizeof *chunk);
    if (chunk == NULL)
        return info->n_frames;
    while (n_read > 0 && timbre_audio_read(audio, chunk, CHUNK_FRAMES, &n_read, NULL) == TIMBRE_OK)
        n_frames += n_read;
    free(chunk);
    return n_frames;
}

static void check_length(facts *f, timbre_audio *audio)
{
    const json_t *made = json_object_get(json_object_get(f->recipe, "pcm"), "frames");
    if (!json_is_integer(made) || f->info.rate_hz <= 0)
        return;
    long long n_made = json_integer_value(made), n_left = count_frames(audio, &f->info);
    double made_s = (double)n_made / f->info.rate_hz, left_s = (double)n_left / f->info.rate_hz;
    if (n_left < n_made)
        (void)tb_fail(&f->damage, TIMBRE_VERIFY_FAILED, "damaged: %.2f s of %.2f s are left",
                      left_s, made_s);
    else if (n_left > n_made)
        (void)tb_fail(&f->damage, TIMBRE_VERIFY_FAILED,
                      "damaged: %.2f s, and the take in the recipe has %.2f s", left_s, made_s);
    if (n_left != n_made)
        tb_fix(&f->damage, "make it again: timbre generate --from '%.200s'", f->path);
}

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
    if (out->recipe != NULL) {
        check_length(out, audio);
        out->metadata = metadata_of_sidecar(out);
        if (out->metadata == NULL)
            out->metadata = metadata_of_engine(out);
    }
    timbre_audio_close(audio);
    return TIMBRE_OK;
}

static int show_json(tb_app *app, const facts *f)
{
    json_t *answer = json_pack(
        "{s:i, s:o, s:s, s:i, s:i, s:I, s:f, s:I, s:b, s:O?, s:O?}", "schema", 1, "path",
        tb_text_to_json(f->path), "format", f->info.format, "rate_hz", f->info.rate_hz, "channels",
        f->info.n_channels, "frames", (json_int_t)f->info.n_frames, "duration_seconds", f->seconds,
        "length_bytes", (json_int_t)f->size_bytes, "damaged", f->damage.code != TIMBRE_OK,
        "metadata", f->metadata, "recipe", f->recipe);
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

enum { NAME_COLUMNS = 18 };

static void print_heading(const tb_app *app, const char *text)
{
    fputs(tb_app_style(app, 1, TB_STYLE_BOLD), stdout);
    tb_print_clean(stdout, text);
    printf("%s\n", tb_app_style(app, 1, TB_STYLE_PLAIN));
}

static void show_take(const tb_app *app, const json_t *metadata, const json_t *recipe)
{
    const json_t *extras = json_object_get(metadata, "extras");
    if (json_is_string(json_object_get(extras, "style"))) {
        print_heading(app, "music");
        tb_music_print(extras, 2, NAME_COLUMNS);
    }
    print_heading(app, "recipe");
    print_members(recipe, 2);
}

static void show_text(const tb_app *app, const facts *f)
{
    print_heading(app, f->path);
    printf("  %-*s %s\n", NAME_COLUMNS, "format", f->info.format);
    printf("  %-*s %d Hz\n", NAME_COLUMNS, "rate", f->info.rate_hz);
    printf("  %-*s %d\n", NAME_COLUMNS, "channels", f->info.n_channels);
    printf("  %-*s %.3f s (%lld frames)\n", NAME_COLUMNS, "length", f->seconds,
           (long long)f->info.n_frames);
    printf("  %-*s %lld bytes\n", NAME_COLUMNS, "size", f->size_bytes);
    if (f->recipe == NULL)
        printf("no recipe inside\n");
    else
        show_take(app, f->metadata, f->recipe);
}

/* What an image is stands in its EXIF block. */
static void explain_image(const char *path, tb_error *err)
{
    if (tb_file_kind_want_sound(path, err) != TIMBRE_OK && err->fix[0] != '\0')
        tb_fix(err, "timbre print-exif '%.200s' shows the parameters of a spectrogram image", path);
}

static int show_audio(tb_app *app, const char *path)
{
    tb_error err = {0};
    facts f = {0};
    if (read_facts(path, &f, &err) != TIMBRE_OK) {
        if (err.code == TIMBRE_BAD_FILE)
            explain_image(path, &err);
        return tb_app_fail(app, &err);
    }
    int code = 0;
    if (app->wants_json)
        code = show_json(app, &f);
    else
        show_text(app, &f);
    if (code == 0 && f.damage.code != TIMBRE_OK) {
        (void)fflush(stdout);
        code = tb_app_report(app, &f.damage);
    }
    deinit(&f);
    return code;
}

static int show_sidecar(tb_app *app, const char *path)
{
    tb_error err = {0};
    json_t *sidecar = load_sidecar(path, &err);
    if (sidecar == NULL)
        return tb_app_fail(app, &err);
    if (app->wants_json) { /* takes the reference */
        json_t *answer = json_pack("{s:i, s:o, s:o}", "schema", 1, "path", tb_text_to_json(path),
                                   "sidecar", sidecar);
        return tb_json_print(answer, &err) == TIMBRE_OK ? 0 : tb_app_report(app, &err);
    }
    static const char *const names[] = {"id", "made_at", "length_bytes", "sha256"};
    json_t *facts_of_file = json_object();
    print_heading(app, path);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        (void)json_object_set(facts_of_file, names[i], json_object_get(sidecar, names[i]));
    print_members(facts_of_file, 2);
    show_take(app, json_object_get(sidecar, "metadata"), json_object_get(sidecar, "recipe"));
    json_decref(facts_of_file);
    json_decref(sidecar);
    return 0;
}

/* The model that is meant: at this path, or installed under this name where no such file is.
 * NOT_FOUND: it is a file of another kind. */
static tb_status find_model(tb_app *app, const char *path, tb_model_choice *out, tb_error *err)
{
    if (timbre_model_is_at(path) || tb_path_is_folder(path))
        return tb_model_choose_at(app, path, out, err);
    return access(path, F_OK) != 0 ? tb_model_choose_named(app, path, out, err) : TIMBRE_NOT_FOUND;
}

int tb_cmd_show(tb_app *app)
{
    if (app->args.n_operands == 0) {
        tb_error err = {0};
        (void)tb_fail(&err, TIMBRE_BAD_INPUT, "no file was named");
        tb_fix(&err, "timbre show FILE");
        return tb_app_fail(app, &err);
    }
    const char *path = app->args.operands[0];
    tb_model_choice model = {0};
    tb_error err = {0};
    tb_status st = find_model(app, path, &model, &err);
    if (st != TIMBRE_NOT_FOUND) {
        int code = st == TIMBRE_OK ? tb_show_model(app, &model) : tb_app_fail(app, &err);
        tb_model_choice_deinit(&model);
        return code;
    }
    size_t length = strlen(path);
    bool is_sidecar = length > 5 && strcmp(path + length - 5, ".json") == 0;
    return is_sidecar ? show_sidecar(app, path) : show_audio(app, path);
}
