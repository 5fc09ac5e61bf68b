/* What a stranger on the network writes: header lines, links, redirects, lists of files and of
 * shards. What is taken of them is valid by the rules of names, and refusals say why. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hub/cache.h"
#include "hub/choose.h"
#include "hub/http_text.h"
#include "hub/remote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool is_right)
{
    if (!is_right)
        abort();
}

static void read_texts(const char *text, size_t size)
{
    const char *value = text;
    size_t n = 0;
    if (tb_header_read(text, size, &value, &n) != TB_HEADER_COUNT)
        check(value >= text && n <= size - (size_t)(value - text));
    check(tb_size_parse(text) >= -1);
    check(tb_retry_after_parse(text, 0) >= -1);
    int64_t first, last, total;
    if (tb_content_range_parse(text, &first, &last, &total))
        check(0 <= first && first <= last && last < total);
    char etag[65];
    if (tb_etag_parse(text, etag))
        check(tb_etag_is_valid(etag));
    free(tb_link_next(text));
    free(tb_url_host(text));
    free(tb_percent_encode(text, true));
}

/* Never to another protocol, never from https down. */
static void follow(const char *location)
{
    char *next = NULL;
    tb_error err = {0};
    if (tb_url_redirect("https://h.co/a/b?c", location, &next, &err) == TIMBRE_OK)
        check(strncmp(next, "https://", 8) == 0);
    else
        check(err.message[0] != '\0');
    free(next);
}

static void read_tree(const char *json, size_t size)
{
    tb_remote_tree tree = {0};
    tb_choice choice = {0};
    tb_error err = {0};
    if (tb_remote_tree_parse(json, size, &tree, &err) != TIMBRE_OK)
        check(err.message[0] != '\0');
    for (size_t i = 0; i < tree.n; i++)
        check(tb_repo_path_is_valid(tree.entries[i].path) &&
              tb_etag_is_valid(tree.entries[i].etag) && tree.entries[i].len_bytes >= 0);
    if (tb_choose(&tree, "o/n", NULL, NULL, &choice, &err) == TIMBRE_OK)
        tb_choice_deinit(&choice);
    tb_remote_tree_deinit(&tree);
}

static void read_others(const char *json, size_t size)
{
    tb_remote_info info;
    if (tb_remote_info_parse(json, size, &info, NULL) == TIMBRE_OK)
        check(tb_commit_is_valid(info.commit) && info.licence != NULL);
    tb_remote_info_deinit(&info);
    (void)!tb_choose_check_class(json, size, "o/n", NULL);
    bool is_chosen[1] = {false};
    tb_remote_tree tree = {0};
    tb_choice choice = {.is_chosen = is_chosen};
    const char *etag = "0123456789abcdef0123456789abcdef01234567";
    if (tb_remote_tree_add(&tree, "unet/a.index.json", etag, 1, NULL) == TIMBRE_OK)
        (void)!tb_choose_shards(&tree, &tree.entries[0], json, size, &choice, NULL);
    tb_remote_tree_deinit(&tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    read_texts(text, size);
    follow(text);
    read_tree(text, size);
    read_others(text, size);
    free(text);
    return 0;
}
