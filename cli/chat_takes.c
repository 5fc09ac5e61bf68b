/* Commands of the line mode about takes that are made. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "cli/chat.h"
#include "cli/client/client.h"
#include "cli/client/list.h"
#include "cli/client/row.h"
#include "cli/endings.h"
#include "cli/paths.h"
#include "cli/play_file.h"
#include "cli/text.h"
#include "engine/base/str.h"
#include "timbre/spectrogram.h"

enum { LISTED_MAX = 20, ID_MAX = 40 };

/* "#12", "12", "last" or nothing, which is the last. BAD_INPUT: it is none of these. */
static tb_status read_name(const char *name, size_t n, char id[ID_MAX], tb_error *err)
{
    bool has_mark = n > 0 && name[0] == '#';
    const char *digits = has_mark ? name + 1 : name;
    size_t n_digits = has_mark ? n - 1 : n;
    bool is_number = n_digits > 0 && n_digits < 16 && strspn(digits, "0123456789") >= n_digits;
    bool is_last = n == 0 || (n == 4 && strncmp(name, "last", 4) == 0);
    if (!is_number && !is_last) {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT, "'%.*s' is no take", (int)(n < 60 ? n : 60),
                               name);
        tb_fix(err, "name it #12 or last; /takes shows them");
        return st;
    }
    (void)snprintf(id, ID_MAX, "%.*s", is_last ? 4 : (int)n_digits, is_last ? "last" : digits);
    return TIMBRE_OK;
}

/* One request about a take. *answer may be NULL. */
static tb_status ask(tb_chat *chat, const char *method, const char *name, const char *rest,
                     const char *body, json_t **answer, tb_error *err)
{
    char id[ID_MAX], path[ID_MAX + 32];
    tb_status st = read_name(name, strlen(name), id, err);
    if (st != TIMBRE_OK)
        return st;
    (void)snprintf(path, sizeof path, "/artifacts/%s%s", id, rest);
    return tb_chat_ask(chat, method, path, body, answer, err);
}

static long long number_of(const json_t *take)
{
    return json_integer_value(json_object_get(take, "number"));
}

/* Words in place of columns: they are heard, not seen. */
static void print_take(FILE *out, const json_t *take)
{
    const json_t *metadata = json_object_get(take, "metadata");
    const char *title = tb_member_text(take, "title");
    char age[TB_AGE_TEXT_MAX];
    tb_age_format(tb_member_text(take, "created_at"), age);
    fprintf(out, "#%lld%s: ", number_of(take),
            json_is_true(json_object_get(take, "starred")) ? " with a star" : "");
    tb_print_clean(out, title[0] != '\0' ? title : tb_member_text(metadata, "prompt"));
    fprintf(out, "; %.1f s, ", json_number_value(json_object_get(metadata, "duration_seconds")));
    tb_print_clean(out, tb_member_text(metadata, "model_id"));
    fprintf(out, ", %s ago\n", age);
}

tb_status tb_chat_takes(tb_chat *chat, const char *words, tb_error *err)
{
    json_t *found = NULL, *take;
    size_t i;
    tb_client client = {0};
    tb_str path = {0};
    tb_str_append(&path, "/artifacts");
    if (words[0] != '\0')
        tb_query_append(&path, "q", words);
    tb_status st = tb_client_open(chat->app, TB_CLIENT_START, &client, err);
    if (st == TIMBRE_OK)
        st = tb_list_fetch(&client, &path, "artifacts", LISTED_MAX, &found, err);
    if (st == TIMBRE_OK && json_array_size(found) == 0)
        tb_app_note(chat->app, "%s",
                    words[0] != '\0' ? "no take is like that" : "there are no takes");
    json_array_foreach(found, i, take) print_take(chat->answers, take);
    tb_client_close(&client);
    tb_str_deinit(&path);
    json_decref(found);
    return st;
}

tb_status tb_chat_play(tb_chat *chat, const char *name, tb_error *err)
{
    json_t *take = NULL;
    if (tb_settings_text(&chat->app->settings, "worker.url")[0] != '\0') {
        tb_status st = tb_fail(err, TIMBRE_BAD_INPUT,
                               "the take is on the worker's machine and has no file here");
        tb_fix(err, "/export it, and play the copy");
        return st;
    }
    tb_status st = ask(chat, "GET", name, "", NULL, &take, err);
    const char *path = tb_member_text(take, "artifact_path");
    if (st == TIMBRE_OK && strcmp(tb_member_text(take, "state"), "trashed") == 0) {
        st = tb_fail(err, TIMBRE_GONE, "take %lld is in the trash", number_of(take));
        tb_fix(err, "/restore #%lld", number_of(take));
    }
    if (st == TIMBRE_OK)
        st = tb_play_file(chat->app, path, &(tb_play_options){.is_plain = true}, err);
    json_decref(take);
    return st;
}

tb_status tb_chat_star(tb_chat *chat, const char *name, tb_error *err)
{
    json_t *take = NULL;
    tb_status st = ask(chat, "PATCH", name, "", "{\"starred\": true}", &take, err);
    if (st == TIMBRE_OK)
        tb_app_note(chat->app, "take %lld has a star", number_of(take));
    json_decref(take);
    return st;
}

/* "last" is another take once the last one is gone: the note names what was meant. */
tb_status tb_chat_delete(tb_chat *chat, const char *name, tb_error *err)
{
    json_t *take = NULL;
    tb_status st = ask(chat, "GET", name, "", NULL, &take, err);
    char number[24];
    (void)snprintf(number, sizeof number, "#%lld", number_of(take));
    if (st == TIMBRE_OK)
        st = ask(chat, "DELETE", number, "", NULL, NULL, err);
    if (st == TIMBRE_OK)
        tb_app_note(chat->app, "take %s is in the trash; to bring it back: /restore %s", number + 1,
                    number);
    json_decref(take);
    return st;
}

tb_status tb_chat_restore(tb_chat *chat, const char *name, tb_error *err)
{
    json_t *take = NULL;
    tb_status st = ask(chat, "POST", name, "/restore", NULL, &take, err);
    if (st == TIMBRE_OK)
        tb_app_note(chat->app, "take %lld is back", number_of(take));
    json_decref(take);
    return st;
}

/* The recipe's request; fields that name files of this machine do not go back to the worker. */
static tb_status make_again(tb_chat *chat, const char *name, bool has_seed, tb_error *err)
{
    size_t n;
    const timbre_field *fields = timbre_request_fields(&n);
    json_t *recipe = NULL;
    tb_status st = ask(chat, "GET", name, "/recipe", NULL, &recipe, err);
    if (st != TIMBRE_OK)
        return st;
    json_t *body = json_deep_copy(json_object_get(recipe, "request"));
    json_decref(recipe);
    if (!json_is_object(body)) {
        json_decref(body);
        return tb_fail(err, TIMBRE_BAD_FILE, "the take has no recipe to make it again");
    }
    for (size_t i = 0; i < n; i++)
        if (fields[i].is_path && strcmp(fields[i].name, "model_id") != 0)
            (void)json_object_del(body, fields[i].name);
    if (!has_seed)
        (void)json_object_del(body, "seed");
    return tb_chat_make(chat, body, err);
}

/* That it could not be begun counts as a take that failed. */
static tb_status again(tb_chat *chat, const char *name, bool has_seed, tb_error *err)
{
    chat->last = make_again(chat, name, has_seed, err);
    return chat->last;
}

tb_status tb_chat_again(tb_chat *chat, const char *name, tb_error *err)
{
    return again(chat, name, false, err);
}

tb_status tb_chat_repeat(tb_chat *chat, const char *name, tb_error *err)
{
    return again(chat, name, true, err);
}

/* A new file: nothing is ever written over. One that is not whole goes again. */
static tb_status download(tb_chat *chat, const char *address, const char *path, tb_error *err)
{
    tb_client client = {0};
    tb_status st = tb_client_open(chat->app, TB_CLIENT_START, &client, err);
    if (st != TIMBRE_OK)
        return st;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        st = tb_fail_errno(err, errno, "cannot write '%.300s'", path);
    } else {
        st = tb_client_download(&client, address, fd, err);
        if (close(fd) != 0 && st == TIMBRE_OK)
            st = tb_fail_errno(err, errno, "cannot write '%.300s'", path);
        if (st != TIMBRE_OK)
            (void)unlink(path);
    }
    tb_client_close(&client);
    return st;
}

/* The ending as the format's own name, NULL where it is none. */
static const char *format_of(const char *file)
{
    for (const char *const *f = timbre_audio_formats(); *f != NULL; f++)
        if (strcasecmp(*f, tb_ending_of(file)) == 0)
            return *f;
    return NULL;
}

tb_status tb_chat_export(tb_chat *chat, const char *name_and_file, tb_error *err)
{
    size_t n = strcspn(name_and_file, " \t");
    const char *file = name_and_file + n + strspn(name_and_file + n, " \t");
    const char *format = format_of(file);
    char id[ID_MAX] = "", *path = NULL, address[ID_MAX + 48];
    tb_status st = read_name(name_and_file, n, id, err);
    if (st == TIMBRE_OK && format == NULL) {
        st = tb_fail(err, TIMBRE_BAD_INPUT, "'%.200s' does not end in a format of sound", file);
        tb_fix(err, "/export #12 rain.flac; also wav, ogg, opus, mp3");
    }
    if (st == TIMBRE_OK)
        st = tb_path_expand("file", file, &path, err);
    (void)snprintf(address, sizeof address, "/artifacts/%s/audio?format=%.8s", id,
                   format != NULL ? format : "");
    if (st == TIMBRE_OK)
        st = download(chat, address, path, err);
    if (st == TIMBRE_OK) {
        tb_print_clean(chat->answers, path);
        fputs("\n", chat->answers);
    }
    free(path);
    return st;
}
