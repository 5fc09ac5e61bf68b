#include "cli/client/list.h"

#include "cli/client/row.h"

enum { PAGE_MAX = 200 }; /* the worker's own limit */

/* "after" of the next page into `after`; "" after the last one. */
static void read_next(const json_t *answer, char after[64])
{
    const json_t *next = json_object_get(answer, "next");
    if (json_is_integer(next))
        (void)snprintf(after, 64, "%lld", (long long)json_integer_value(next));
    else
        (void)snprintf(after, 64, "%s", tb_member_text(answer, "next"));
}

static tb_status fetch_page(tb_client *client, const tb_str *address, const char *member, int limit,
                            char after[64], json_t *all, tb_error *err)
{
    tb_str path = {0};
    char number[16];
    json_t *answer = NULL;
    (void)snprintf(number, sizeof number, "%d", limit < PAGE_MAX ? limit : PAGE_MAX);
    tb_str_append(&path, tb_str_text(address));
    tb_query_append(&path, "limit", number);
    if (after[0] != '\0')
        tb_query_append(&path, "after", after);
    tb_status st = tb_client_call(client, "GET", tb_str_text(&path), NULL, NULL, &answer, err);
    json_t *page = json_object_get(answer, member);
    if (st == TIMBRE_OK && !json_is_array(page))
        st = tb_fail(err, TIMBRE_BAD_FILE, "the worker's answer has no list '%s'", member);
    read_next(answer, after);
    if (st == TIMBRE_OK && json_array_size(page) == 0)
        after[0] = '\0'; /* whatever it says: nothing more comes */
    if (st == TIMBRE_OK && json_array_extend(all, page) != 0)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a list");
    json_decref(answer);
    tb_str_deinit(&path);
    return st;
}

tb_status tb_list_fetch(tb_client *client, const tb_str *address, const char *member, int limit,
                        json_t **out, tb_error *err)
{
    char after[64] = "";
    json_t *all = json_array();
    tb_status st = all != NULL ? TIMBRE_OK : tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a list");
    do {
        int left = limit - (int)json_array_size(all);
        if (st == TIMBRE_OK)
            st = fetch_page(client, address, member, left, after, all, err);
    } while (st == TIMBRE_OK && after[0] != '\0' && (int)json_array_size(all) < limit);
    if (st == TIMBRE_OK)
        *out = all;
    else
        json_decref(all);
    return st;
}
