#include "cli/settings_file.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/limits.h"
#include "engine/base/path.h"
#include "engine/base/str.h"
#include "engine/base/utf8.h"

typedef struct {
    const char *at, *end;
    int line;          /* of the text last handed out, from 1 */
    int too_long_line; /* first line that does not fit inih's buffer; 0: none */
    int line_max;      /* characters that fit */
    tb_settings_entry_fn fn;
    void *user;
} reader;

/* fgets for inih. Leading blanks are dropped: inih would take an indented line for the continuation
 * of the value before it. */
static char *read_line(char *out, int size, void *stream)
{
    reader *r = stream;
    if (r->at >= r->end)
        return NULL;
    r->line++;
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t'))
        r->at++;
    const char *newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
    size_t length = (size_t)((newline != NULL ? newline : r->end) - r->at);
    const char *next = newline != NULL ? newline + 1 : r->end;
    if (length + 2 > (size_t)size) {
        if (r->too_long_line == 0)
            r->too_long_line = r->line;
        r->line_max = size - 2;
        length = 0;
    }
    memcpy(out, r->at, length);
    memcpy(out + length, "\n", 2);
    r->at = next;
    return out;
}

static int on_pair(void *user, const char *section, const char *name, const char *value)
{
    reader *r = user;
    r->fn(section, name, value == NULL ? "" : value, r->line, r->user);
    return 1;
}

static int line_of(const char *text, size_t offset)
{
    int line = 1;
    for (size_t i = 0; i < offset; i++)
        line += text[i] == '\n';
    return line;
}

tb_status tb_settings_text_read(const char *path, const char *text, size_t len_bytes,
                                tb_settings_entry_fn fn, void *user, tb_error *err)
{
    size_t bad = tb_utf8_check(text, len_bytes);
    const char *nul = memchr(text, '\0', bad);
    if (nul != NULL)
        bad = (size_t)(nul - text);
    if (bad < len_bytes)
        return tb_fail(err, TIMBRE_BAD_INPUT, "%s:%d: byte 0x%02x is not text in UTF-8", path,
                       line_of(text, bad), (unsigned char)text[bad]);
    reader r = {.at = text, .end = text + len_bytes, .fn = fn, .user = user};
    int wrong = ini_parse_stream(read_line, &r, on_pair, &r);
    tb_status st = TIMBRE_OK;
    if (r.too_long_line > 0)
        st = tb_fail(err, TIMBRE_BAD_INPUT, "%s:%d: the line exceeds %d bytes", path,
                     r.too_long_line, r.line_max);
    else if (wrong > 0)
        st = tb_fail(err, TIMBRE_BAD_INPUT, "%s:%d: neither [section] nor name = value", path,
                     wrong);
    else if (wrong < 0)
        st = tb_fail(err, TIMBRE_NO_MEMORY, "no memory to read '%s'", path);
    if (st == TIMBRE_BAD_INPUT)
        tb_fix(err, "edit the file: timbre config edit");
    return st;
}

static bool is_null_device(const char *path)
{
    struct stat file, null;
    return stat(path, &file) == 0 && S_ISCHR(file.st_mode) && stat("/dev/null", &null) == 0 &&
           file.st_rdev == null.st_rdev;
}

tb_status tb_settings_file_read(const char *path, tb_settings_entry_fn fn, void *user,
                                tb_error *err)
{
    char *text = NULL;
    size_t len_bytes = 0;
    if (is_null_device(path))
        return TIMBRE_OK;
    tb_status st = tb_file_read(path, TB_SETTINGS_MAX_BYTES, &text, &len_bytes, err);
    if (st == TIMBRE_OK)
        st = tb_settings_text_read(path, text, len_bytes, fn, user, err);
    free(text);
    return st;
}

/* What the link `path` names, relative to the same folder as `path`: owned, NULL for memory. */
static char *link_target(const char *path, const char *target)
{
    if (target[0] == '/')
        return tb_strdup(target);
    char *folder = tb_path_folder(path);
    char *joined = folder == NULL ? NULL : tb_strf("%s/%s", folder, target);
    free(folder);
    return joined;
}

/* The file behind a chain of links, which need not exist: realpath would give up there. */
static tb_status follow_links(const char *path, char **out, tb_error *err)
{
    enum { LINKS_MAX = 40 }; /* as in the Linux kernel */
    char target[TB_PATH_MAX_BYTES];
    char *at = tb_strdup(path);
    for (int i = 0; at != NULL && i < LINKS_MAX; i++) {
        ssize_t n = readlink(at, target, sizeof target - 1);
        if (n < 0) {
            *out = at;
            return TIMBRE_OK;
        }
        target[n] = '\0';
        char *next = link_target(at, target);
        free(at);
        at = next;
    }
    tb_status st = at == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path")
                              : tb_fail_errno(err, ELOOP, "cannot write '%s'", path);
    free(at);
    return st;
}

static tb_status make_folder_of(const char *path, tb_error *err)
{
    char *folder = tb_path_folder(path);
    tb_status st = folder == NULL ? tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a path")
                                  : tb_dir_make(folder, err);
    free(folder);
    return st;
}

static tb_status replace_file(const char *path, const char *text, tb_error *err)
{
    struct stat old;
    tb_file_writer w;
    bool exists = stat(path, &old) == 0;
    tb_status st = tb_file_begin(&w, path, err);
    if (st == TIMBRE_OK)
        st = tb_file_append(&w, text, strlen(text), err);
    if (st == TIMBRE_OK && exists && fchmod(w.fd, old.st_mode & 07777) != 0)
        st = tb_fail_errno(err, errno, "cannot keep the mode of '%s'", path);
    if (st == TIMBRE_OK)
        st = tb_file_sync(&w, err);
    if (st == TIMBRE_OK)
        st = tb_file_commit(&w, true, err);
    tb_file_abort(&w);
    return st;
}

tb_status tb_settings_file_write(const char *path, const char *text, tb_error *err)
{
    char *file = NULL;
    tb_status st = follow_links(path, &file, err);
    if (st == TIMBRE_OK)
        st = make_folder_of(file, err);
    if (st == TIMBRE_OK)
        st = replace_file(file, text, err);
    free(file);
    return st;
}

tb_status tb_settings_value_check(const char *value, tb_error *err)
{
    size_t length = strlen(value);
    if (length > 150) /* inih reads lines of 197 bytes */
        return tb_fail(err, TIMBRE_BAD_INPUT, "the value of %zu bytes exceeds 150", length);
    tb_status st = tb_utf8_require_text("the value", value, length, 150, err);
    if (st != TIMBRE_OK)
        return st;
    if (length > 0 &&
        (isspace((unsigned char)value[0]) || isspace((unsigned char)value[length - 1])))
        return tb_fail(err, TIMBRE_BAD_INPUT, "the value begins or ends with a blank");
    for (size_t i = 0; i < length; i++) {
        if (value[i] == '\n' || value[i] == '\r')
            return tb_fail(err, TIMBRE_BAD_INPUT, "the value has a line break");
        if (value[i] == ';' && (i == 0 || isspace((unsigned char)value[i - 1])))
            return tb_fail(err, TIMBRE_BAD_INPUT, "'%s' has a ';' that would begin a comment",
                           value);
    }
    return TIMBRE_OK;
}

typedef struct {
    const char *start;
    size_t len; /* with its newline */
} text_line;

static text_line next_line(const char *at)
{
    const char *newline = strchr(at, '\n');
    return (text_line){at, newline == NULL ? strlen(at) : (size_t)(newline - at) + 1};
}

static text_line trimmed(text_line l)
{
    while (l.len > 0 && isspace((unsigned char)l.start[0]))
        l.start++, l.len--;
    while (l.len > 0 && isspace((unsigned char)l.start[l.len - 1]))
        l.len--;
    return l;
}

static bool is_text(text_line l, const char *text)
{
    return l.len == strlen(text) && memcmp(l.start, text, l.len) == 0;
}

/* "[name]": whether the line begins a section at all, and this one. */
static bool is_header(text_line l, const char *section, bool *is_this)
{
    l = trimmed(l);
    if (l.len == 0 || l.start[0] != '[')
        return false;
    const char *end = memchr(l.start, ']', l.len);
    *is_this = end != NULL &&
               is_text((text_line){l.start + 1, (size_t)(end - l.start) - 1}, section);
    return true;
}

static bool is_entry(text_line l, const char *name)
{
    l = trimmed(l);
    if (l.len == 0 || l.start[0] == ';' || l.start[0] == '#')
        return false;
    size_t key = 0;
    while (key < l.len && l.start[key] != '=' && l.start[key] != ':')
        key++;
    return key < l.len && is_text(trimmed((text_line){l.start, key}), name);
}

/* Where the comment after a value begins, with its blanks; len when there is none. */
static size_t comment_at(text_line l)
{
    for (size_t i = 1; i < l.len; i++) {
        if (l.start[i] != ';' || !isspace((unsigned char)l.start[i - 1]))
            continue;
        while (i > 0 && isspace((unsigned char)l.start[i - 1]))
            i--;
        return i;
    }
    return l.len;
}

typedef struct {
    const char *entry;  /* the last line that sets the value; NULL: none */
    const char *insert; /* behind the last line with text in the section; NULL: no such section */
} places;

static places find_places(const char *text, const char *section, const char *name)
{
    places found = {0};
    bool inside = section[0] == '\0';
    for (const char *at = text; *at != '\0';) {
        text_line l = next_line(at);
        bool header = is_header(l, section, &inside);
        if (inside && !header && is_entry(l, name))
            found.entry = at;
        at += l.len;
        if (inside && trimmed(l).len > 0)
            found.insert = at;
    }
    return found;
}

static void append_entry(tb_str *out, const char *name, const char *value, const char *rest,
                         size_t n_rest)
{
    tb_str_appendf(out, "%s = %s", name, value);
    tb_str_append_bytes(out, rest, n_rest);
    if (n_rest == 0 || rest[n_rest - 1] != '\n')
        tb_str_append(out, "\n");
}

static void ensure_newline(tb_str *out)
{
    if (out->len > 0 && out->bytes[out->len - 1] != '\n')
        tb_str_append(out, "\n");
}

static char *remove_entry(const char *text, const char *section, const char *name)
{
    tb_str out = {0};
    bool inside = section[0] == '\0';
    tb_str_append(&out, "");
    for (const char *at = text; *at != '\0';) {
        text_line l = next_line(at);
        bool header = is_header(l, section, &inside);
        if (header || !inside || !is_entry(l, name))
            tb_str_append_bytes(&out, at, l.len);
        at += l.len;
    }
    return out.bytes == NULL && !out.failed ? tb_strdup("") : tb_str_take(&out);
}

char *tb_settings_text_edit(const char *text, const char *section, const char *name,
                            const char *value)
{
    if (value == NULL)
        return remove_entry(text, section, name);
    places found = find_places(text, section, name);
    tb_str out = {0};
    if (found.entry != NULL) {
        text_line l = next_line(found.entry);
        size_t comment = comment_at(l);
        tb_str_append_bytes(&out, text, (size_t)(found.entry - text));
        append_entry(&out, name, value, l.start + comment, l.len - comment);
        tb_str_append(&out, found.entry + l.len);
    } else if (found.insert != NULL) {
        tb_str_append_bytes(&out, text, (size_t)(found.insert - text));
        ensure_newline(&out);
        append_entry(&out, name, value, "", 0);
        tb_str_append(&out, found.insert);
    } else {
        tb_str_append(&out, text);
        ensure_newline(&out);
        tb_str_appendf(&out, "%s[%s]\n", out.len > 0 ? "\n" : "", section);
        append_entry(&out, name, value, "", 0);
    }
    return tb_str_take(&out);
}
