/* Names from the Hub, from files and from the command line, before they may become a path. */
#include <string.h>

#include "hub/hub.h"
#include "hub/manifest.h"

enum { PART_MAX_BYTES = 96, PATH_MAX_BYTES = 255, REVISION_MAX_PARTS = 4, COMMIT_DIGITS = 40 };

static bool is_word(char c, const char *others)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr(others, c) != NULL);
}

/* One part of a repository's name, as the Hub allows them: "--" and ".." have a meaning elsewhere.
 */
static bool is_repo_part(const char *part, size_t len)
{
    if (len == 0 || len > PART_MAX_BYTES || part[0] == '.' || part[0] == '-' ||
        part[len - 1] == '.' || part[len - 1] == '-')
        return false;
    for (size_t i = 0; i < len; i++) {
        bool is_double = i > 0 && part[i] == part[i - 1] && strchr(".-", part[i]) != NULL;
        if (is_double || !is_word(part[i], "._-"))
            return false;
    }
    return true;
}

bool tb_repo_is_valid(const char *repo)
{
    const char *slash = strchr(repo, '/');
    return slash != NULL && is_repo_part(repo, (size_t)(slash - repo)) &&
           is_repo_part(slash + 1, strlen(slash + 1));
}

bool tb_model_name_is_valid(const char *name)
{
    return strchr(name, '/') != NULL ? tb_repo_is_valid(name) : is_repo_part(name, strlen(name));
}

/* Components between slashes, none empty and none that leads upwards. */
static bool is_path(const char *path, int max_parts)
{
    int n_parts = 0;
    if (strlen(path) > PATH_MAX_BYTES)
        return false;
    for (const char *part = path; part != NULL; n_parts++) {
        const char *slash = strchr(part, '/');
        size_t len = slash == NULL ? strlen(part) : (size_t)(slash - part);
        bool is_dots = (len == 1 && part[0] == '.') || (len == 2 && memcmp(part, "..", 2) == 0);
        if (len == 0 || is_dots)
            return false;
        for (size_t i = 0; i < len; i++)
            if (!is_word(part[i], "._+-"))
                return false;
        part = slash == NULL ? NULL : slash + 1;
    }
    return n_parts <= max_parts;
}

bool tb_repo_path_is_valid(const char *path)
{
    return is_path(path, PATH_MAX_BYTES);
}

bool tb_revision_is_valid(const char *revision)
{
    return revision[0] != '-' && is_path(revision, REVISION_MAX_PARTS);
}

bool tb_commit_is_valid(const char *commit)
{
    return strlen(commit) == COMMIT_DIGITS && strspn(commit, "0123456789abcdef") == COMMIT_DIGITS;
}
