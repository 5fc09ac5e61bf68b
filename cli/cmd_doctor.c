/* timbre doctor: every check is a row of a table, every line says ok, warn or fail and what to do.
 */
#include <errno.h>
#include <jansson.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cli/app.h"
#include "cli/client/client.h"
#include "cli/commands.h"
#include "cli/model_choice.h"
#include "cli/models.h"
#include "cli/paths.h"
#include "cli/player.h"
#include "cli/text.h"
#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "timbre/engine.h"
#include "timbre/model.h"
#include "timbre/version.h"
#include "worker/worker.h"

typedef enum { OK, WARN, FAIL } verdict;

static const char *const verdict_names[] = {"ok", "warn", "fail"};

typedef struct {
    tb_app *app;
    timbre_engine *engine;
    json_t *facts; /* of timbre_engine_describe; NULL when it failed */
    tb_error engine_error;
    char *soundfont; /* owned */
    char *data_dir;  /* owned; NULL: see data_error */
    tb_error data_error;
    /* the check in progress */
    verdict result;
    char text[600], fix[600];
} examination;

static void say(examination *e, verdict result, const char *fmt, ...) TB_PRINTF(3, 4);

static void say(examination *e, verdict result, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    e->result = result;
    (void)vsnprintf(e->text, sizeof e->text, fmt, args);
    va_end(args);
}

static void say_error(examination *e, verdict result, const tb_error *err)
{
    say(e, result, "%s", err->message);
    (void)snprintf(e->fix, sizeof e->fix, "%s", err->fix);
}

static void check_version(examination *e)
{
    say(e, OK, "timbre %s, engine %d%s", timbre_version(), TIMBRE_ENGINE_VERSION,
        tb_player_is_built_in() ? "" : ", built without playback");
}

static void check_settings(examination *e)
{
    const tb_settings *s = &e->app->settings;
    if (e->app->settings_error.code != TIMBRE_OK)
        say_error(e, FAIL, &e->app->settings_error);
    else if (s->warnings.len > 0)
        say(e, WARN, "%.*s", (int)strcspn(tb_str_text(&s->warnings), "\n"),
            tb_str_text(&s->warnings));
    else if (s->user_path != NULL && access(s->user_path, F_OK) == 0)
        say(e, OK, "%s", s->user_path);
    else
        say(e, OK, "none; built-in values are used");
}

/* The folder, or the nearest one above it that exists: owned. */
static char *existing_part(const char *path)
{
    char *part = tb_strdup(path);
    while (part != NULL && access(part, F_OK) != 0) {
        char *slash = strrchr(part, '/');
        if (slash == NULL || slash == part) {
            free(part);
            return tb_strdup(slash == NULL ? "." : "/");
        }
        *slash = '\0';
    }
    return part;
}

static void check_folder(examination *e, const char *path, const char *fix, verdict when_bad)
{
    enum { LITTLE_MB = 100 };
    char *part = existing_part(path);
    struct statvfs space;
    if (part == NULL || !tb_path_is_folder(part) || access(part, W_OK | X_OK) != 0) {
        say(e, when_bad, "cannot write in %s", path);
        (void)snprintf(e->fix, sizeof e->fix, "%s", fix);
    } else if (statvfs(part, &space) != 0) {
        say(e, WARN, "%s: %s", path, strerror(errno));
    } else {
        double free_mb = (double)space.f_bavail * (double)space.f_frsize / 1e6;
        bool is_new = strcmp(part, path) != 0;
        say(e, free_mb < LITTLE_MB ? WARN : OK, "%s, %.1f GB free%s", path, free_mb / 1e3,
            is_new ? ", will be made" : "");
        if (free_mb < LITTLE_MB)
            (void)snprintf(e->fix, sizeof e->fix, "make room, or: %s", fix);
    }
    free(part);
}

static void check_output(examination *e)
{
    tb_error err = {0};
    char *folder = NULL;
    if (tb_path_expand("output folder", tb_settings_text(&e->app->settings, "output.dir"), &folder,
                       &err) != TIMBRE_OK)
        say_error(e, FAIL, &err);
    else
        check_folder(e, folder, "timbre config set output.dir FOLDER", FAIL);
    free(folder);
}

static void check_data(examination *e)
{
    if (e->data_dir == NULL)
        say_error(e, WARN, &e->data_error);
    else
        check_folder(e, e->data_dir, "name another with --data-dir or TIMBRE_DATA_DIR", WARN);
}

static const char *fact(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "unknown";
}

static void check_processor(examination *e)
{
    if (e->engine == NULL)
        say_error(e, FAIL, &e->engine_error);
    else if (e->facts == NULL)
        say(e, FAIL, "not enough memory to look");
    else
        say(e, OK, "%s, %lld threads, kernels %s", fact(e->facts, "cpu"),
            (long long)json_integer_value(json_object_get(e->facts, "threads")),
            fact(e->facts, "kernels"));
}

/* None is no fault: nothing wants one that is not asked to. */
static void check_blas(examination *e)
{
    tb_error why = {0};
    const char *version = timbre_blas_version(&why);
    if (version != NULL)
        say(e, OK, "%s, for --cpu blas", version);
    else
        say(e, OK, "none, which --cpu blas alone would want");
}

static void check_libraries(examination *e)
{
    tb_str text = {0};
    const char *name;
    json_t *version;
    json_object_foreach(json_object_get(e->facts, "libraries"), name, version)
        tb_str_appendf(&text, "%s%s %s", text.len == 0 ? "" : ", ", name,
                       json_is_string(version) ? json_string_value(version) : "unknown");
    say(e, text.len > 0 ? OK : WARN, "%s", text.len > 0 ? tb_str_text(&text) : "unknown");
    tb_str_deinit(&text);
}

static void check_backend(examination *e)
{
    const json_t *backend = json_array_get(json_object_get(e->facts, "backends"), 0);
    const json_t *soundfont = json_object_get(e->facts, "soundfont");
    if (json_is_true(json_object_get(backend, "ready"))) {
        say(e, OK, "%s ready, SoundFont %s", fact(backend, "name"), fact(soundfont, "path"));
        return;
    }
    say(e, FAIL, "%s", backend == NULL ? "no backend" : fact(backend, "error"));
    (void)snprintf(e->fix, sizeof e->fix, "%s", backend == NULL ? "" : fact(backend, "fix"));
}

/* `facts` as timbre_model_describe gives them. */
static void say_model(examination *e, const char *name, const char *facts)
{
    json_t *json = json_loads(facts, 0, NULL);
    const json_t *memory = json_object_get(json, "memory_for_5_seconds");
    say(e, OK, "%s is whole; five seconds take %.2f GB of memory, %.2f with --memory low", name,
        (double)json_integer_value(json_object_get(memory, "peak_bytes")) / 1e9,
        (double)json_integer_value(json_object_get(memory, "low_peak_bytes")) / 1e9);
    json_decref(json);
}

/* Opens what would answer, with the name, type and shape of every tensor. */
static void check_model(examination *e)
{
    tb_error err = {0};
    tb_model_choice choice = {0};
    char *facts = NULL, *tokenizer = NULL;
    tb_status st = tb_model_choose(e->app, &choice, &err);
    bool is_sketch = st == TIMBRE_OK && choice.path == NULL;
    if (st == TIMBRE_OK && !is_sketch)
        st = tb_model_choice_tokenizer(e->app, &choice, &tokenizer, &err);
    if (st == TIMBRE_OK && !is_sketch)
        st = timbre_model_describe(choice.path, tokenizer, &facts, &err);
    if (st != TIMBRE_OK)
        say_error(e, FAIL, &err);
    else if (is_sketch && !choice.is_named)
        say(e, OK, "the sketch: %s; for Riffusion: timbre models pull riffusion-v1", choice.why);
    else if (is_sketch)
        say(e, OK, "the sketch: %s%s", choice.why,
            choice.is_named ? "" : "; timbre models pull riffusion-v1 fetches one");
    else
        say_model(e, choice.name, facts);
    free(facts);
    free(tokenizer);
    tb_model_choice_deinit(&choice);
}

/* "2 installed (a, b), 1 partly": names of what is whole. */
static void say_models(examination *e, const tb_hub *hub, const tb_installed_list *list,
                       const char *warnings)
{
    tb_str names = {0};
    size_t n_whole = 0, n_partial = 0;
    for (size_t i = 0; i < list->n; i++) {
        n_partial += list->items[i].state == TB_INSTALLED_PARTIAL;
        if (list->items[i].state != TB_INSTALLED_WHOLE)
            continue;
        tb_str_appendf(&names, "%s%s", n_whole++ == 0 ? "" : ", ", list->items[i].name);
    }
    check_folder(e, hub->cache, "name another with HF_HUB_CACHE", WARN);
    if (e->result == OK) {
        char place[sizeof e->text];
        (void)snprintf(place, sizeof place, "%s", e->text);
        say(e, OK, "%zu installed%s%.200s; %zu partly here; %.300s", n_whole,
            n_whole == 0 ? "" : ": ", tb_str_text(&names), n_partial, place);
    }
    if (warnings != NULL && warnings[0] != '\0') {
        say(e, WARN, "%.*s", (int)strcspn(warnings, "\n"), warnings);
        (void)snprintf(e->fix, sizeof e->fix, "timbre models verify");
    }
    tb_str_deinit(&names);
}

static void check_models(examination *e)
{
    tb_error err = {0};
    tb_hub hub = {0};
    tb_installed_list list = {0};
    char *warnings = NULL;
    tb_status st = tb_models_open_hub(e->app, &hub, &err);
    if (st == TIMBRE_OK)
        st = tb_installed_list_read(&hub, &list, &warnings, &err);
    if (st != TIMBRE_OK)
        say_error(e, FAIL, &err);
    else
        say_models(e, &hub, &list, warnings);
    free(warnings);
    tb_installed_list_deinit(&list);
    tb_hub_deinit(&hub);
}

static void check_render(examination *e)
{
    tb_error err = {0};
    timbre_request *request = NULL;
    timbre_take *take = NULL;
    timbre_generate_options options = {
        .struct_size = sizeof options,
        .output = &(timbre_output){.struct_size = sizeof(timbre_output), .in_memory = 1}};
    double started_s = tb_clock_seconds();
    tb_status st = timbre_request_new(&request, &err);
    if (st == TIMBRE_OK)
        st = timbre_request_set(request, "prompt", "piano", &err);
    if (st == TIMBRE_OK)
        st = timbre_request_set(request, "model_id", "sketch", &err);
    if (st == TIMBRE_OK)
        st = timbre_request_set(request, "duration_seconds", "1", &err);
    if (st == TIMBRE_OK && e->engine == NULL)
        st = tb_fail(&err, e->engine_error.code, "the engine did not start");
    if (st == TIMBRE_OK)
        st = timbre_generate(e->engine, request, &options, &take, &err);
    if (st == TIMBRE_OK)
        say(e, OK, "one second of piano in %.2f s", tb_clock_seconds() - started_s);
    else
        say_error(e, FAIL, &err);
    timbre_take_free(take);
    timbre_request_free(request);
}

static void check_sound(examination *e)
{
    tb_error err = {0};
    tb_player *player = NULL;
    int log_fd = e->app->log != NULL ? fileno(e->app->log) : -1;
    if (tb_player_open(44100, 2, log_fd, &player, &err) == TIMBRE_OK)
        say(e, OK, "opens");
    else {
        say_error(e, WARN, &err);
        (void)snprintf(e->fix, sizeof e->fix, "%.500s; takes can be made without it", err.fix);
    }
    tb_player_close(player);
}

static void check_locale(examination *e)
{
    if (e->app->is_utf8) {
        say(e, OK, "UTF-8");
        return;
    }
    say(e, WARN, "%s is not UTF-8; bars are drawn in ASCII", nl_langinfo(CODESET));
    (void)snprintf(e->fix, sizeof e->fix, "export LANG=C.UTF-8");
}

static void check_terminal(examination *e)
{
    const char *term = getenv("TERM"), *colors = getenv("COLORTERM");
    if (!isatty(STDERR_FILENO))
        say(e, OK, "none (output goes to a file or a pipe)");
    else
        say(e, OK, "%s, %s, colours %s", term == NULL ? "unnamed" : term,
            colors == NULL ? "basic" : colors, e->app->has_color[2] ? "on" : "off");
}

/* Whether one runs, and what it says of itself. */
static void check_worker(examination *e)
{
    tb_client client = {0};
    tb_error err = {0};
    json_t *health = NULL;
    tb_status st = tb_client_open(e->app, TB_CLIENT_EXISTING, &client, &err);
    if (st == TIMBRE_OK)
        st = tb_client_call(&client, "GET", "/health", NULL, NULL, &health, &err);
    const char *status = json_string_value(json_object_get(health, "status"));
    const char *message = json_string_value(json_object_get(health, "message"));
    bool is_well = status != NULL && strcmp(status, "ok") == 0;
    if (st == TIMBRE_WORKER_UNREACHABLE)
        say(e, OK, "none runs; takes are made by the program itself");
    else if (st != TIMBRE_OK)
        say_error(e, WARN, &err);
    else
        say(e, is_well ? OK : WARN, "runs; %s%s%.300s", status != NULL ? status : "unknown",
            message != NULL ? ": " : "", message != NULL ? message : "");
    json_decref(health);
    tb_client_close(&client);
}

/* What keeps a worker's generator from the rest of the machine. */
static void check_cage(examination *e)
{
    const char *lacks = tb_confine_lacks();
    if (lacks[0] == '\0')
        say(e, OK, "a worker's generator is confined by Landlock and seccomp");
    else
        say(e, WARN, "%s", lacks);
}

static const struct {
    const char *name;
    void (*run)(examination *e);
} checks[] = {
    {"version", check_version},     {"settings", check_settings},   {"output", check_output},
    {"data", check_data},           {"processor", check_processor}, {"blas", check_blas},
    {"libraries", check_libraries}, {"backend", check_backend},     {"models", check_models},
    {"model", check_model},         {"render", check_render},       {"sound", check_sound},
    {"worker", check_worker},       {"cage", check_cage},           {"locale", check_locale},
    {"terminal", check_terminal},
};

static void print_check(const examination *e, const char *name)
{
    static const tb_style styles[] = {TB_STYLE_OK, TB_STYLE_WARN, TB_STYLE_FAIL};
    printf("%s%-4s%s  %-10s ", tb_app_style(e->app, 1, styles[e->result]), verdict_names[e->result],
           tb_app_style(e->app, 1, TB_STYLE_PLAIN), name);
    tb_print_clean(stdout, e->text);
    printf("\n");
    if (e->fix[0] != '\0') {
        printf("      %-10s fix: ", "");
        tb_print_clean(stdout, e->fix);
        printf("\n");
    }
    (void)fflush(stdout);
}

static void begin(examination *e)
{
    tb_error ignored = {0};
    const char *soundfont = tb_settings_text(&e->app->settings, "engine.soundfont");
    if (tb_path_data(tb_args_value(&e->app->args, "data-dir"), &e->data_dir, &e->data_error) !=
        TIMBRE_OK)
        e->data_dir = NULL; /* check_data says why */
    if (tb_path_expand("SoundFont", soundfont, &e->soundfont, &ignored) != TIMBRE_OK)
        e->soundfont = NULL;
    timbre_engine_options options = {
        .struct_size = sizeof options,
        .n_threads = (int)tb_settings_number(&e->app->settings, "engine.threads"),
        .soundfont = e->soundfont,
        .data_dir = e->data_dir,
        .cpu = tb_settings_text(&e->app->settings, "engine.cpu")};
    if (timbre_engine_new(&options, &e->engine, &e->engine_error) != TIMBRE_OK)
        return;
    char *text = timbre_engine_describe(e->engine);
    e->facts = text == NULL ? NULL : json_loads(text, 0, NULL);
    free(text);
}

int tb_cmd_doctor(tb_app *app)
{
    examination e = {.app = app};
    json_t *results = json_array();
    bool is_whole = true; /* each check has its entry */
    verdict worst = OK;
    begin(&e);
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        e.fix[0] = '\0';
        checks[i].run(&e);
        worst = e.result > worst ? e.result : worst;
        is_whole &= json_array_append_new(
                        results,
                        json_pack("{s:s, s:s, s:o, s:o}", "check", checks[i].name, "result",
                                  verdict_names[e.result], "text", tb_text_to_json(e.text), "fix",
                                  e.fix[0] != '\0' ? tb_text_to_json(e.fix) : json_null())) == 0;
        if (!app->wants_json)
            print_check(&e, checks[i].name);
    }
    timbre_engine_free(e.engine);
    json_decref(e.facts);
    free(e.soundfont);
    free(e.data_dir);
    if (!app->wants_json) {
        json_decref(results);
        return worst == FAIL;
    }
    tb_error err = {0};
    json_t *answer = is_whole ? json_pack("{s:i, s:b, s:O}", "schema", 1, "ok", worst != FAIL,
                                          "checks", results)
                              : NULL;
    json_decref(results);
    return tb_json_print(answer, &err) == TIMBRE_OK ? worst == FAIL : tb_app_report(app, &err);
}
