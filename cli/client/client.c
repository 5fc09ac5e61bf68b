#include "cli/client/client.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "cli/client/start.h"
#include "cli/paths.h"
#include "cli/signals.h"
#include "engine/base/file.h"
#include "engine/base/str.h"
#include "worker/worker.h"

enum { KEY_MAX_BYTES = 4096 };

static pthread_once_t global_once = PTHREAD_ONCE_INIT;

static void init_global(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

bool tb_status_from_name(const char *name, tb_status *out)
{
    *out = TIMBRE_INTERNAL;
    for (int i = 0; name != NULL && i < TIMBRE_STATUS_COUNT; i++)
        if (strcmp(timbre_status_name((tb_status)i), name) == 0) {
            *out = (tb_status)i;
            return true;
        }
    return false;
}

static tb_status check_url(const char *url, tb_error *err)
{
    bool is_http = strncmp(url, "http://", 7) == 0 && url[7] != '\0';
    bool is_https = strncmp(url, "https://", 8) == 0 && url[8] != '\0';
    bool is_plain = strpbrk(url, " \t\r\n?#") == NULL;
    if ((is_http || is_https) && is_plain)
        return TIMBRE_OK;
    tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "worker '%.200s' is no URL of a worker", url);
    tb_fix(err, "it looks like http://HOST:8000 or https://HOST");
    return st;
}

/* The first line of the file, which must be text that a header can carry. */
static tb_status read_key(const char *path, char **key, tb_error *err)
{
    char *bytes = NULL;
    size_t length = 0;
    tb_status st = tb_file_read(path, KEY_MAX_BYTES, &bytes, &length, err);
    if (st != TIMBRE_OK)
        return st;
    size_t n = strcspn(bytes, "\r\n");
    bool is_good = n > 0;
    for (size_t i = 0; i < n; i++)
        is_good &= bytes[i] > ' ' && bytes[i] < 127;
    bytes[n] = '\0';
    if (is_good) {
        *key = bytes;
        return TIMBRE_OK;
    }
    free(bytes);
    st = tb_fail(err, TIMBRE_BAD_INPUT, "'%.200s' holds no key", path);
    tb_fix(err, "its first line is the key: letters, digits and signs without blanks");
    return st;
}

static tb_status find_key(tb_app *app, tb_client *client, tb_error *err)
{
    const char *file = tb_settings_text(&app->settings, "worker.api_key_file");
    if (file[0] == '\0')
        return TIMBRE_OK;
    char *path = NULL;
    tb_status st = tb_path_expand("API key file", file, &path, err);
    if (st == TIMBRE_OK)
        st = read_key(path, &client->key, err);
    free(path);
    return st;
}

static tb_status use_url(const char *url, tb_client *client, tb_error *err)
{
    tb_status st = check_url(url, err);
    if (st != TIMBRE_OK)
        return st;
    client->base = tb_strdup(url);
    if (client->base == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a URL");
    for (size_t n = strlen(client->base); n > 0 && client->base[n - 1] == '/'; n--)
        client->base[n - 1] = '\0';
    return TIMBRE_OK;
}

static tb_status find_socket(tb_app *app, tb_client_how how, tb_client *client, tb_error *err)
{
    char *data_dir = NULL;
    tb_status st = tb_path_data(tb_args_value(&app->args, "data-dir"), &data_dir, err);
    if (st == TIMBRE_OK)
        st = tb_worker_socket_path(data_dir, &client->socket, err);
    if (st == TIMBRE_OK && !tb_worker_answers(client->socket)) {
        if (how == TB_CLIENT_START) {
            st = tb_worker_start(app, data_dir, client->socket, err);
        } else {
            st = tb_fail(err, TIMBRE_WORKER_UNREACHABLE, "no worker is running");
            tb_fix(err, "timbre serve");
        }
    }
    if (st == TIMBRE_OK && (client->base = tb_strdup("http://localhost")) == NULL)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a URL");
    free(data_dir);
    return st;
}

tb_status tb_client_open(tb_app *app, tb_client_how how, tb_client *client, tb_error *err)
{
    *client = (tb_client){.cancel = app->cancel != NULL ? app->cancel : tb_signals_cancel()};
    const char *url = tb_settings_text(&app->settings, "worker.url");
    tb_status st = find_key(app, client, err);
    if (st == TIMBRE_OK)
        st = url[0] != '\0' ? use_url(url, client, err) : find_socket(app, how, client, err);
    if (st == TIMBRE_OK) {
        (void)pthread_once(&global_once, init_global);
        client->easy = curl_easy_init();
        client->multi = curl_multi_init();
        if (client->easy == NULL || client->multi == NULL)
            st = tb_fail(err, TIMBRE_NO_MEMORY, "libcurl cannot be started");
    }
    if (st != TIMBRE_OK)
        tb_client_close(client);
    return st;
}

void tb_client_close(tb_client *client)
{
    curl_easy_cleanup(client->easy);
    if (client->multi != NULL)
        (void)curl_multi_cleanup(client->multi);
    free(client->base);
    free(client->socket);
    free(client->key);
    *client = (tb_client){0};
}
