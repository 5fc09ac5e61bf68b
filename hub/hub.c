#include "hub/hub.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/base/file.h"
#include "engine/base/limits.h"
#include "engine/base/number.h"
#include "engine/base/path.h"
#include "engine/base/program.h"
#include "engine/base/str.h"

static tb_status no_memory(tb_error *err)
{
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the places of models");
}

/* A variable that says something; empty is as good as unset. */
static const char *env(const char *name)
{
    const char *text = getenv(name);
    return text == NULL || text[0] == '\0' ? NULL : text;
}

static bool is_on(const char *name)
{
    static const char *const words[] = {"1", "on", "yes", "true"};
    const char *text = env(name);
    for (size_t i = 0; text != NULL && i < sizeof words / sizeof *words; i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

/* ---- folders ---- */

/* "~/" at the beginning is the home folder. Owned. */
static tb_status expand(const char *name, const char *path, char **out, tb_error *err)
{
    const char *home = env("HOME");
    if (path[0] == '~' && (path[1] == '/' || path[1] == '\0')) {
        if (home == NULL)
            return tb_fail(err, TIMBRE_BAD_INPUT, "%s is '%.200s', and there is no home folder",
                           name, path);
        *out = tb_strf("%s%s", home, path + 1);
    } else {
        *out = tb_strdup(path);
    }
    if (*out == NULL)
        return no_memory(err);
    if (strlen(*out) <= TB_PATH_MAX_BYTES / 2)
        return TIMBRE_OK;
    free(*out);
    *out = NULL;
    return tb_fail(err, TIMBRE_BAD_INPUT, "%s has %zu bytes, more than %d", name, strlen(path),
                   TB_PATH_MAX_BYTES / 2);
}

/* The folder in which a variable names another one: "$XDG_CACHE_HOME" + "/huggingface". */
static tb_status below(const char *variable, const char *tail, char **out, tb_error *err)
{
    char *folder = NULL;
    tb_status st = expand(variable, env(variable), &folder, err);
    if (st == TIMBRE_OK && (*out = tb_strf("%s%s", folder, tail)) == NULL)
        st = no_memory(err);
    free(folder);
    return st;
}

/* As huggingface_hub finds its home: HF_HOME, XDG_CACHE_HOME/huggingface, ~/.cache/huggingface. */
static tb_status find_home(char **out, tb_error *err)
{
    if (env("HF_HOME") != NULL)
        return below("HF_HOME", "", out, err);
    if (env("XDG_CACHE_HOME") != NULL)
        return below("XDG_CACHE_HOME", "/huggingface", out, err);
    if (env("HOME") != NULL)
        return below("HOME", "/.cache/huggingface", out, err);
    tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "there is no home folder to keep models in");
    tb_fix(err, "set HF_HOME to a folder");
    return st;
}

static tb_status find_cache(const char *home, char **out, tb_error *err)
{
    static const char *const variables[] = {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        if (env(variables[i]) != NULL)
            return below(variables[i], "", out, err);
    return (*out = tb_strf("%s/hub", home)) != NULL ? TIMBRE_OK : no_memory(err);
}

/* ---- the Hub ---- */

static tb_status bad_endpoint(const char *text, const char *why, tb_error *err)
{
    tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "HF_ENDPOINT '%.200s' %s", text, why);
    tb_fix(err, "give it as https://huggingface.co, or unset it");
    return st;
}

static tb_status read_endpoint(char **out, tb_error *err)
{
    const char *text = env("HF_ENDPOINT");
    if (text == NULL)
        text = "https://huggingface.co";
    size_t len = strlen(text);
    const char *host = strstr(text, "://");
    if (strncasecmp(text, "https://", 8) != 0 && strncasecmp(text, "http://", 7) != 0)
        return bad_endpoint(text, "is no http or https address", err);
    if (len > TB_PATH_MAX_BYTES / 4)
        return bad_endpoint(text, "is too long", err);
    for (const char *c = text; *c != '\0'; c++)
        if (!isgraph((unsigned char)*c) || strchr("@?#\\\"<>", *c) != NULL)
            return bad_endpoint(text, "has more in it than a host and a path", err);
    if (host[3] == '\0' || host[3] == '/')
        return bad_endpoint(text, "names no host", err);
    while (len > 0 && text[len - 1] == '/')
        len--;
    return (*out = tb_strf("%.*s", (int)len, text)) != NULL ? TIMBRE_OK : no_memory(err);
}

/* ---- the token ---- */

/* Without the white space around it; what could end a header is refused. */
static tb_status keep_token(tb_hub *hub, const char *text, const char *from, tb_error *err)
{
    enum { TOKEN_MAX_BYTES = 1024 };
    while (isspace((unsigned char)*text))
        text++;
    size_t len = strlen(text);
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    if (len == 0)
        return TIMBRE_OK;
    bool is_good = len <= TOKEN_MAX_BYTES;
    for (size_t i = 0; i < len; i++)
        is_good = is_good && isgraph((unsigned char)text[i]);
    if (!is_good) {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT,
                               "the token in %.200s is none: at most %d characters, no spaces",
                               from, TOKEN_MAX_BYTES);
        tb_fix(err, "make one at https://huggingface.co/settings/tokens");
        return st;
    }
    hub->token = tb_strf("%.*s", (int)len, text);
    hub->token_from = tb_strdup(from);
    return hub->token != NULL && hub->token_from != NULL ? TIMBRE_OK : no_memory(err);
}

/* A token file that is not there is no token; one that cannot be read is told. */
static tb_status read_token_file(tb_hub *hub, const char *path, tb_error *err)
{
    enum { FILE_MAX_BYTES = 4096 };
    char *text = NULL;
    size_t len_bytes = 0;
    tb_error why = {0};
    tb_status st = tb_file_read(path, FILE_MAX_BYTES, &text, &len_bytes, &why);
    if (st == TIMBRE_OK)
        st = keep_token(hub, text, path, err);
    else if (st == TIMBRE_NOT_FOUND)
        st = TIMBRE_OK;
    else if (err != NULL)
        *err = why;
    free(text);
    return st;
}

static tb_status read_token(tb_hub *hub, const char *home, tb_error *err)
{
    static const char *const variables[] = {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"};
    if (is_on("HF_HUB_DISABLE_IMPLICIT_TOKEN"))
        return TIMBRE_OK;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        if (env(variables[i]) != NULL)
            return keep_token(hub, env(variables[i]), variables[i], err);
    char *path = NULL;
    tb_status st = TIMBRE_OK;
    if (env("HF_TOKEN_PATH") != NULL)
        st = below("HF_TOKEN_PATH", "", &path, err);
    else if ((path = tb_strf("%s/token", home)) == NULL)
        st = no_memory(err);
    if (st == TIMBRE_OK)
        st = read_token_file(hub, path, err);
    free(path);
    return st;
}

/* ---- patience ---- */

static tb_status read_seconds(const char *variable, double *out, tb_error *err)
{
    const double most = 3600;
    double value;
    if (env(variable) == NULL)
        return TIMBRE_OK;
    if (!tb_number_parse(env(variable), &value) || !(value > 0) || value > most)
        return tb_fail(err, TIMBRE_BAD_INPUT, "%s '%.40s' is no number of seconds up to %g",
                       variable, env(variable), most);
    *out = value;
    return TIMBRE_OK;
}

static tb_status read_patience(tb_hub_patience *patience, tb_error *err)
{
    *patience = (tb_hub_patience){
        .retry_s = 1, .stall_s = 30, .connect_s = 20, .wait_s = 120, .n_tries = 5};
    tb_status st = read_seconds("TIMBRE_HUB_RETRY_S", &patience->retry_s, err);
    return st == TIMBRE_OK ? read_seconds("TIMBRE_HUB_STALL_S", &patience->stall_s, err) : st;
}

/* ---- what came with the program ---- */

static tb_status find_shipped(char **out, tb_error *err)
{
    char *program = tb_program_path();
    if (program == NULL)
        return TIMBRE_OK;
    char *folder = tb_path_folder(program);
    char *place = folder == NULL ? NULL : tb_strf("%s/../share/timbre/models", folder);
    if (place != NULL)
        *out = realpath(place, NULL); /* NULL: nothing was packed with it */
    free(folder);
    free(program);
    if (place == NULL)
        return no_memory(err);
    free(place);
    return TIMBRE_OK;
}

/* ---- all ---- */

tb_status tb_hub_init(tb_hub *hub, const char *data_dir, tb_error *err)
{
    *hub = (tb_hub){0};
    char *home = NULL;
    tb_status st = find_home(&home, err);
    if (st == TIMBRE_OK)
        st = find_cache(home, &hub->cache, err);
    if (st == TIMBRE_OK)
        st = read_endpoint(&hub->endpoint, err);
    if (st == TIMBRE_OK)
        st = read_token(hub, home, err);
    if (st == TIMBRE_OK)
        st = read_patience(&hub->patience, err);
    if (st == TIMBRE_OK)
        st = find_shipped(&hub->shipped, err);
    if (st == TIMBRE_OK && data_dir != NULL &&
        (hub->records = tb_strf("%s/models", data_dir)) == NULL)
        st = no_memory(err);
    hub->is_offline = is_on("HF_HUB_OFFLINE") || is_on("TRANSFORMERS_OFFLINE");
    free(home);
    if (st != TIMBRE_OK)
        tb_hub_deinit(hub);
    return st;
}

void tb_hub_deinit(tb_hub *hub)
{
    free(hub->cache);
    free(hub->records);
    free(hub->shipped);
    free(hub->endpoint);
    free(hub->token);
    free(hub->token_from);
    *hub = (tb_hub){0};
}
