#include "cli/generate_remote.h"

#include <stdlib.h>
#include <string.h>

#include "cli/client/row.h"
#include "cli/client/run.h"
#include "cli/client/start.h"
#include "cli/model_choice.h"
#include "cli/paths.h"
#include "cli/text.h"
#include "engine/base/file.h"
#include "engine/base/str.h"
#include "worker/worker.h"

enum { SIDECAR_MAX_BYTES = 1 << 20 };

/* Only this process can do what these ask for. */
static bool has_own_option(const tb_args *args)
{
    static const char *const own[] = {"no-worker", "output",    "midi",      "image",     "from",
                                      "vary",      "dry-run",   "cpu",       "threads",   "memory",
                                      "data-dir",  "soundfont", "tokenizer", "no-sidecar"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (tb_args_has(args, own[i]))
            return true;
    return false;
}

/* The worker has the settings of files; it cannot know this process's environment. */
static bool has_own_engine(const tb_settings *settings)
{
    static const char *const keys[] = {"engine.cpu", "engine.threads", "engine.memory",
                                       "engine.soundfont", "engine.tokenizer"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (tb_settings_origin(settings, keys[i]) == TB_ORIGIN_ENVIRONMENT)
            return true;
    return tb_settings_text(settings, "worker.url")[0] != '\0';
}

/* A file of this machine's, which the wire does not carry; for the model see can_name_model. */
static bool has_path_field(const tb_take_request *request)
{
    size_t n;
    const timbre_field *fields = timbre_request_fields(&n);
    json_t *asked = json_loads(request->asked, 0, NULL);
    bool has_one = asked == NULL;
    for (size_t i = 0; i < n; i++)
        has_one |= fields[i].is_path && strcmp(fields[i].name, "model_id") != 0 &&
                   json_object_get(asked, fields[i].name) != NULL;
    json_decref(asked);
    return has_one;
}

static bool can_name_model(tb_app *app, const tb_model_choice *choice)
{
    return !choice->is_named || choice->path == NULL || tb_model_is_name(app, choice->id);
}

static bool worker_runs(void)
{
    char *data_dir = NULL, *socket = NULL;
    tb_error why = {0};
    bool runs = tb_path_data(NULL, &data_dir, &why) == TIMBRE_OK &&
                tb_path_is_folder(data_dir) && /* it is not made by asking */
                tb_worker_socket_path(data_dir, &socket, &why) == TIMBRE_OK &&
                tb_worker_answers(socket);
    free(data_dir);
    free(socket);
    return runs;
}

static bool is_same_folder(const char *a, const char *b)
{
    char *real_a = realpath(a, NULL), *real_b = realpath(b, NULL);
    bool is_same = real_a != NULL && real_b != NULL ? strcmp(real_a, real_b) == 0
                                                    : strcmp(a, b) == 0;
    free(real_a);
    free(real_b);
    return is_same;
}

/* Another output folder: the user looks for the take where this process would put it. */
static bool has_same_output(tb_app *app, tb_client *client, const char *folder)
{
    json_t *health = NULL;
    tb_error why = {0};
    tb_status st = tb_client_call(client, "GET", "/health", NULL, NULL, &health, &why);
    bool is_same = st == TIMBRE_OK &&
                   is_same_folder(tb_member_text(health, "artifact_root"), folder);
    if (st != TIMBRE_OK)
        tb_app_detail(app, "the worker is not asked: %s", why.message);
    else if (!is_same)
        tb_app_detail(app, "the worker is not asked: its takes go to another folder");
    json_decref(health);
    return is_same;
}

bool tb_generate_remote_open(tb_app *app, const tb_take_request *request,
                             const tb_take_output *place, tb_client *client)
{
    tb_error why = {0};
    if (has_own_option(&app->args) || has_own_engine(&app->settings) || place->folder == NULL ||
        has_path_field(request) || !can_name_model(app, &request->choice) || !worker_runs())
        return false;
    if (tb_client_open(app, TB_CLIENT_EXISTING, client, &why) != TIMBRE_OK)
        return false;
    if (has_same_output(app, client, place->folder)) {
        tb_app_detail(app, "the worker that runs makes the take");
        return true;
    }
    tb_client_close(client);
    return false;
}

/* What the user asked for, with the seed. Owned text, NULL for memory. */
static char *make_body(const tb_take_request *request, int64_t seed)
{
    json_t *body = json_loads(request->asked, 0, NULL);
    bool is_good = body != NULL && json_object_set_new(body, "seed", json_integer(seed)) == 0;
    if (request->choice.is_named)
        is_good = is_good &&
                  json_object_set_new(body, "model_id", tb_text_to_json(request->choice.id)) == 0;
    char *text = is_good ? json_dumps(body, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(body);
    return text;
}

/* What stands beside the take; NULL where it cannot be read. */
static json_t *load_sidecar(const char *path)
{
    char *bytes = NULL;
    size_t length = 0;
    tb_error ignored = {0};
    if (tb_file_read(path, SIDECAR_MAX_BYTES, &bytes, &length, &ignored) != TIMBRE_OK)
        return NULL;
    json_t *sidecar = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, NULL);
    free(bytes);
    return sidecar;
}

static json_t *member_or_null(const json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);
    return value != NULL ? json_incref(value) : json_null();
}

/* The members of tb_take_to_json. The history's entry has all but the recipe. */
static tb_status make_take(const json_t *entry, json_t **take, tb_error *err)
{
    const char *path = tb_member_text(entry, "artifact_path");
    char *beside = tb_strf("%s.json", path);
    json_t *sidecar = beside != NULL ? load_sidecar(beside) : NULL;
    const json_t *from = json_is_object(json_object_get(sidecar, "metadata")) ? sidecar : entry;
    json_t *metadata = member_or_null(from, "metadata");
    const char *id = tb_member_text(sidecar, "id");
    *take = json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o}", "path", tb_text_to_json(path), "id",
                      id[0] != '\0' ? id : tb_member_text(entry, "job_id"), "seed",
                      member_or_null(metadata, "seed"), "sha256", member_or_null(entry, "sha256"),
                      "metadata", metadata, "recipe", member_or_null(sidecar, "recipe"), "sidecar",
                      sidecar != NULL ? tb_text_to_json(beside) : json_null());
    json_decref(sidecar);
    free(beside);
    return *take != NULL ? TIMBRE_OK : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the answer");
}

static tb_status fetch_take(tb_client *client, const char *id, json_t **take, tb_error *err)
{
    json_t *entry = NULL;
    char *path = tb_strf("/artifacts/%s", id);
    tb_status st = path != NULL ? tb_client_call(client, "GET", path, NULL, NULL, &entry, err)
                                : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for an address");
    if (st == TIMBRE_OK && tb_member_text(entry, "artifact_path")[0] == '\0')
        st = tb_fail(err, TIMBRE_GONE, "the take %s has no file", id);
    if (st == TIMBRE_OK)
        st = make_take(entry, take, err);
    json_decref(entry);
    free(path);
    return st;
}

tb_status tb_generate_remote(tb_app *app, tb_client *client, const tb_take_request *request,
                             int64_t seed, tb_meter *meter, tb_meter *events, json_t **take,
                             tb_error *err)
{
    char *id = NULL, *body = make_body(request, seed);
    *take = NULL;
    if (body == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a request");
    tb_status st = tb_job_run(app, client, body, meter, events, &id, err);
    if (st == TIMBRE_OK)
        st = fetch_take(client, id, take, err);
    free(body);
    free(id);
    return st;
}
