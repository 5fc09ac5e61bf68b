/* The Hub's JSON: pages of files, and what is said of a repository. */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "engine/base/limits.h"
#include "hub/cache.h"
#include "hub/remote.h"

static json_t *load(const char *json, size_t len_bytes, const char *what, tb_error *err)
{
    json_error_t at;
    json_t *root = json_loadb(json, len_bytes, JSON_REJECT_DUPLICATES, &at);
    if (root == NULL)
        (void)tb_fail(err, TIMBRE_BAD_FILE, "the Hub's %s is no JSON: %.120s in line %d", what,
                      at.text, at.line);
    return root;
}

/* Where a path is in by_path, or would be. */
static size_t find_place(const tb_remote_tree *tree, const char *path)
{
    size_t low = 0, high = tree->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(tree->entries[tree->by_path[middle]].path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static tb_status grow(tb_remote_tree *tree, tb_error *err)
{
    size_t capacity = tree->capacity > 0 ? 2 * tree->capacity : 64;
    tb_remote_entry *entries = realloc(tree->entries, capacity * sizeof *entries);
    if (entries != NULL)
        tree->entries = entries;
    uint32_t *by_path = realloc(tree->by_path, capacity * sizeof *by_path);
    if (by_path != NULL)
        tree->by_path = by_path;
    if (entries == NULL || by_path == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %zu files", capacity);
    tree->capacity = capacity;
    return TIMBRE_OK;
}

tb_status tb_remote_tree_add(tb_remote_tree *tree, const char *path, const char *etag,
                             int64_t len_bytes, tb_error *err)
{
    if (tree->n == TB_HUB_ENTRIES_MAX)
        return tb_fail(err, TIMBRE_BAD_FILE, "more than %d files in the repository",
                       TB_HUB_ENTRIES_MAX);
    tb_status st = tree->n == tree->capacity ? grow(tree, err) : TIMBRE_OK;
    if (st != TIMBRE_OK)
        return st;
    tb_remote_entry entry = {.path = tb_strdup(path), .len_bytes = len_bytes};
    if (entry.path == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a file's name");
    memcpy(entry.etag, etag, strlen(etag) + 1);
    size_t place = find_place(tree, path);
    memmove(&tree->by_path[place + 1], &tree->by_path[place],
            (tree->n - place) * sizeof *tree->by_path);
    tree->by_path[place] = (uint32_t)tree->n;
    tree->entries[tree->n++] = entry;
    return TIMBRE_OK;
}

/* What is no file with a valid name, hash and size is passed over. */
static tb_status take_entry(const json_t *item, tb_remote_tree *tree, tb_error *err)
{
    const char *type = json_string_value(json_object_get(item, "type"));
    const char *path = json_string_value(json_object_get(item, "path"));
    const json_t *lfs = json_object_get(item, "lfs");
    const json_t *content = json_is_object(lfs) ? lfs : item;
    const char *oid = json_string_value(json_object_get(content, "oid"));
    const json_t *size = json_object_get(content, "size");
    int64_t len_bytes = json_is_integer(size) ? (int64_t)json_integer_value(size) : -1;
    if (type == NULL || strcmp(type, "file") != 0 || path == NULL || oid == NULL)
        return TIMBRE_OK;
    if (!tb_repo_path_is_valid(path) || !tb_etag_is_valid(oid) || len_bytes < 0 ||
        len_bytes > (int64_t)1 << 53 || tb_remote_tree_find(tree, path) != NULL)
        return TIMBRE_OK;
    return tb_remote_tree_add(tree, path, oid, len_bytes, err);
}

tb_status tb_remote_tree_parse(const char *json, size_t len_bytes, tb_remote_tree *tree,
                               tb_error *err)
{
    json_t *root = load(json, len_bytes, "list of files", err);
    if (root == NULL)
        return TIMBRE_BAD_FILE;
    tb_status st = TIMBRE_OK;
    if (!json_is_array(root))
        st = tb_fail(err, TIMBRE_BAD_FILE, "the Hub's list of files is no list");
    size_t i;
    json_t *item;
    json_array_foreach(root, i, item)
    {
        if (st == TIMBRE_OK)
            st = take_entry(item, tree, err);
    }
    json_decref(root);
    return st;
}

const tb_remote_entry *tb_remote_tree_find(const tb_remote_tree *tree, const char *path)
{
    size_t place = find_place(tree, path);
    if (place == tree->n)
        return NULL;
    const tb_remote_entry *entry = &tree->entries[tree->by_path[place]];
    return strcmp(entry->path, path) == 0 ? entry : NULL;
}

void tb_remote_tree_deinit(tb_remote_tree *tree)
{
    for (size_t i = 0; i < tree->n; i++)
        free(tree->entries[i].path);
    free(tree->entries);
    free(tree->by_path);
    *tree = (tb_remote_tree){0};
}

/* Letters, digits, '.', '-' and '_', at most 64: safe to print and to compare. */
static bool is_licence(const char *text)
{
    size_t n = text != NULL ? strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                           "0123456789.-_")
                            : 0;
    return n > 0 && n <= 64 && text[n] == '\0';
}

tb_status tb_remote_info_parse(const char *json, size_t len_bytes, tb_remote_info *out,
                               tb_error *err)
{
    *out = (tb_remote_info){0};
    json_t *root = load(json, len_bytes, "description of the repository", err);
    if (root == NULL)
        return TIMBRE_BAD_FILE;
    tb_status st = TIMBRE_OK;
    const char *sha = json_string_value(json_object_get(root, "sha"));
    const json_t *licence = json_object_get(json_object_get(root, "cardData"), "license");
    if (json_is_array(licence))
        licence = json_array_get(licence, 0);
    const char *id = json_string_value(licence);
    if (sha == NULL || !tb_commit_is_valid(sha)) {
        st = tb_fail(err, TIMBRE_BAD_FILE, "the Hub's description of the repository has no commit");
    } else {
        memcpy(out->commit, sha, sizeof out->commit);
        out->licence = tb_strdup(is_licence(id) ? id : "unknown");
        if (out->licence == NULL)
            st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a licence");
    }
    json_decref(root);
    return st;
}

void tb_remote_info_deinit(tb_remote_info *info)
{
    free(info->licence);
    *info = (tb_remote_info){0};
}
