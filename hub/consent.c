/* Which licences the user has agreed to, for which model: DATA_DIR/models/consents.json. */
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/file.h"
#include "engine/base/limits.h"
#include "engine/base/str.h"
#include "hub/manifest_path.h"

static tb_status no_memory(tb_error *err)
{
    return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the licences agreed to");
}

/* What is recorded: {"riffusion-v1": {"licence": "...", "agreed_at": "..."}}. A file that is not
 * there or damaged is an empty one: the question comes again. New reference; NULL for memory. */
static json_t *read_consents(const char *path)
{
    char *bytes = NULL;
    size_t len_bytes = 0;
    tb_error ignored = {0};
    json_t *j = NULL;
    if (tb_file_read(path, TB_MANIFEST_MAX_BYTES, &bytes, &len_bytes, &ignored) == TIMBRE_OK)
        j = json_loadb(bytes, len_bytes, JSON_REJECT_DUPLICATES, NULL);
    free(bytes);
    if (json_is_object(j))
        return j;
    json_decref(j);
    return json_object();
}

static char *consents_path(const tb_hub *hub)
{
    return hub->records == NULL ? NULL : tb_strf("%s/" TB_CONSENTS_FILE, hub->records);
}

bool tb_consent_is_given(const tb_hub *hub, const char *name, const char *licence)
{
    char *path = consents_path(hub);
    json_t *all = path == NULL ? NULL : read_consents(path);
    const char *given = json_string_value(json_object_get(json_object_get(all, name), "licence"));
    bool is_given = given != NULL && strcmp(given, licence) == 0;
    json_decref(all);
    free(path);
    return is_given;
}

static tb_status write_consent(const char *path, const char *name, const char *licence,
                               tb_error *err)
{
    char now[21];
    tb_clock_format_utc(time(NULL), now);
    json_t *all = read_consents(path);
    json_t *one = json_pack("{s:s, s:s}", "licence", licence, "agreed_at", now);
    char *text = NULL;
    if (all != NULL && json_object_set_new(all, name, one) == 0)
        text = json_dumps(all, JSON_INDENT(2));
    tb_status st = text == NULL ? no_memory(err)
                                : tb_file_write(path, text, strlen(text), true, err);
    free(text);
    json_decref(all);
    return st;
}

/* Two at once would each write what it read: one after the other. */
tb_status tb_consent_give(const tb_hub *hub, const char *name, const char *licence, tb_error *err)
{
    if (hub->records == NULL)
        return TIMBRE_OK; /* nowhere to remember it: asked again next time */
    char *path = consents_path(hub);
    tb_status st = path == NULL ? no_memory(err) : tb_dir_make(hub->records, err);
    int lock = st == TIMBRE_OK ? open(hub->records, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (lock >= 0)
        (void)flock(lock, LOCK_EX);
    if (st == TIMBRE_OK)
        st = write_consent(path, name, licence, err);
    if (lock >= 0)
        (void)close(lock);
    free(path);
    return st;
}
