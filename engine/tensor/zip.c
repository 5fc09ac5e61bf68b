/* PKWARE APPNOTE 6.3: end record, ZIP64 end record and locator, central directory, local headers.
 */
#include "engine/tensor/zip.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/tensor/little.h"
#include "engine/tensor/weights_file.h"

enum {
    END_BYTES = 22,
    LOCATOR_BYTES = 20,
    END64_BYTES = 56,
    ENTRY_BYTES = 46,
    LOCAL_BYTES = 30,
    MAX_COMMENT_BYTES = 65535,
    EXTRA_ZIP64 = 1,
    FLAG_ENCRYPTED = 1,
};

typedef struct {
    uint64_t at, len_bytes, n_members; /* of the central directory */
    uint64_t end_at;                   /* of the record that says so */
} directory;

static bool is_mark(const unsigned char *bytes, const char *mark)
{
    return memcmp(bytes, mark, 4) == 0;
}

static uint64_t field(const unsigned char *record, size_t at, int n_bytes)
{
    return tb_little(record + at, n_bytes);
}

/* The end record stands last, before a comment whose length it has. */
static bool find_end(const tb_zip *zip, size_t *at)
{
    if (zip->len_bytes < END_BYTES)
        return false;
    for (size_t comment = 0; comment <= MAX_COMMENT_BYTES; comment++) {
        if (comment > zip->len_bytes - END_BYTES)
            return false;
        *at = zip->len_bytes - END_BYTES - comment;
        const unsigned char *end = zip->bytes + *at;
        if (is_mark(end, "PK\005\006") && field(end, 20, 2) == comment)
            return true;
    }
    return false;
}

/* A value of the old record that is neither the new one's nor "see there" is a contradiction. */
static bool is_agreed(uint64_t old, uint64_t new, int n_bytes)
{
    return old == new || old == (UINT64_C(1) << (8 * n_bytes)) - 1;
}

static tb_status read_end64(const tb_zip *zip, const unsigned char *end, directory *found,
                            tb_error *err)
{
    const unsigned char *locator = end - LOCATOR_BYTES;
    uint64_t at = field(locator, 8, 8), limit = (uint64_t)(locator - zip->bytes);
    if (limit < END64_BYTES || at > limit - END64_BYTES || !is_mark(zip->bytes + at, "PK\006\006"))
        return tb_fail(err, TIMBRE_BAD_FILE,
                       "the ZIP64 end record is not at byte %llu where it should be",
                       (unsigned long long)at);
    const unsigned char *record = zip->bytes + at;
    *found = (directory){.at = field(record, 48, 8),
                         .len_bytes = field(record, 40, 8),
                         .n_members = field(record, 32, 8),
                         .end_at = at};
    if (!is_agreed(field(end, 10, 2), found->n_members, 2) ||
        !is_agreed(field(end, 12, 4), found->len_bytes, 4) ||
        !is_agreed(field(end, 16, 4), found->at, 4) || field(record, 16, 4) != 0 ||
        field(record, 20, 4) != 0 || field(record, 24, 8) != found->n_members)
        return tb_fail(err, TIMBRE_BAD_FILE, "the two end records of the zip archive disagree");
    return TIMBRE_OK;
}

static tb_status read_end(const tb_zip *zip, directory *found, tb_error *err)
{
    size_t at;
    if (!find_end(zip, &at))
        return tb_fail(err, TIMBRE_BAD_FILE,
                       "the zip archive has no end record: it is cut short or damaged");
    const unsigned char *end = zip->bytes + at;
    if (field(end, 4, 2) != 0 || field(end, 6, 2) != 0 || field(end, 8, 2) != field(end, 10, 2))
        return tb_fail(err, TIMBRE_BAD_FILE, "the zip archive is one part of several");
    *found = (directory){.at = field(end, 16, 4),
                         .len_bytes = field(end, 12, 4),
                         .n_members = field(end, 10, 2),
                         .end_at = at};
    if (at >= LOCATOR_BYTES && is_mark(end - LOCATOR_BYTES, "PK\006\007"))
        return read_end64(zip, end, found, err);
    return TIMBRE_OK;
}

static tb_status check_directory(const directory *d, tb_error *err)
{
    if (d->at > d->end_at || d->len_bytes > d->end_at - d->at)
        return tb_fail(err, TIMBRE_BAD_FILE,
                       "the zip directory of %llu bytes at byte %llu does not end before %llu",
                       (unsigned long long)d->len_bytes, (unsigned long long)d->at,
                       (unsigned long long)d->end_at);
    if (d->n_members > TB_ZIP_MAX_MEMBERS)
        return tb_fail(err, TIMBRE_BAD_FILE, "the zip archive has %llu members, more than %d",
                       (unsigned long long)d->n_members, TB_ZIP_MAX_MEMBERS);
    if (d->n_members * ENTRY_BYTES > d->len_bytes)
        return tb_fail(err, TIMBRE_BAD_FILE,
                       "%llu members do not fit the zip directory of %llu bytes",
                       (unsigned long long)d->n_members, (unsigned long long)d->len_bytes);
    return TIMBRE_OK;
}

/* The ZIP64 field has, in this order, those of the three values that the entry has not. */
static bool read_extra(const unsigned char *extra, size_t len, tb_zip_member *member)
{
    uint64_t *values[] = {&member->len_bytes, &member->len_stored, &member->header_at};
    while (len >= 4) {
        uint64_t id = field(extra, 0, 2), size = field(extra, 2, 2), at = 4;
        if (size > len - 4)
            return false;
        for (size_t i = 0; id == EXTRA_ZIP64 && i < 3; i++) {
            if (*values[i] != UINT32_MAX)
                continue;
            if (at + 8 > 4 + size)
                return false;
            *values[i] = field(extra, at, 8);
            at += 8;
        }
        if (id == EXTRA_ZIP64)
            return true;
        extra += 4 + size;
        len -= 4 + size;
    }
    return true;
}

/* One entry of the directory; *at moves behind it. */
static tb_status read_entry(const unsigned char *bytes, uint64_t *at, uint64_t end,
                            tb_zip_member *member, tb_error *err)
{
    const unsigned char *entry = bytes + *at;
    if (end - *at < ENTRY_BYTES || !is_mark(entry, "PK\001\002"))
        return tb_fail(err, TIMBRE_BAD_FILE, "there is no zip directory entry at byte %llu",
                       (unsigned long long)*at);
    size_t name = field(entry, 28, 2), extra = field(entry, 30, 2), comment = field(entry, 32, 2);
    if (name + extra + comment > end - *at - ENTRY_BYTES)
        return tb_fail(err, TIMBRE_BAD_FILE,
                       "the zip directory entry at byte %llu is longer than the directory",
                       (unsigned long long)*at);
    *member = (tb_zip_member){.name = (const char *)entry + ENTRY_BYTES,
                              .name_bytes = name,
                              .header_at = field(entry, 42, 4),
                              .len_stored = field(entry, 20, 4),
                              .len_bytes = field(entry, 24, 4),
                              .method = (unsigned)field(entry, 10, 2),
                              .flags = (unsigned)field(entry, 8, 2)};
    if (!read_extra(entry + ENTRY_BYTES + name, extra, member))
        return tb_fail(err, TIMBRE_BAD_FILE,
                       "the ZIP64 sizes of the directory entry at byte %llu are cut short",
                       (unsigned long long)*at);
    *at += ENTRY_BYTES + name + extra + comment;
    return TIMBRE_OK;
}

static int by_name(const void *a, const void *b)
{
    const tb_zip_member *left = a, *right = b;
    size_t n = left->name_bytes < right->name_bytes ? left->name_bytes : right->name_bytes;
    int order = memcmp(left->name, right->name, n);
    if (order != 0)
        return order;
    return (left->name_bytes > right->name_bytes) - (left->name_bytes < right->name_bytes);
}

static tb_status read_entries(tb_zip *zip, const directory *d, tb_error *err)
{
    uint64_t at = d->at;
    for (; zip->n_members < d->n_members; zip->n_members++) {
        tb_status st = read_entry(zip->bytes, &at, d->at + d->len_bytes,
                                  &zip->members[zip->n_members], err);
        if (st != TIMBRE_OK)
            return st;
    }
    if (zip->n_members > 1)
        qsort(zip->members, zip->n_members, sizeof *zip->members, by_name);
    for (size_t i = 1; i < zip->n_members; i++) {
        char shown[TB_WEIGHTS_CLEAN_BYTES];
        if (by_name(&zip->members[i - 1], &zip->members[i]) == 0)
            return tb_fail(
                err, TIMBRE_BAD_FILE, "the zip archive has the member '%s' twice",
                tb_weights_clean(zip->members[i].name, zip->members[i].name_bytes, shown));
    }
    return TIMBRE_OK;
}

tb_status tb_zip_init(tb_zip *zip, const unsigned char *bytes, size_t len_bytes, tb_error *err)
{
    *zip = (tb_zip){.bytes = bytes, .len_bytes = len_bytes};
    directory found = {0};
    tb_status st = read_end(zip, &found, err);
    if (st == TIMBRE_OK)
        st = check_directory(&found, err);
    if (st != TIMBRE_OK)
        return st;
    zip->directory_at = found.at;
    zip->members = calloc(found.n_members + 1, sizeof *zip->members);
    if (zip->members == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for the list of zip members");
    return read_entries(zip, &found, err);
}

void tb_zip_deinit(tb_zip *zip)
{
    free(zip->members);
    *zip = (tb_zip){0};
}

const tb_zip_member *tb_zip_find(const tb_zip *zip, const char *name, size_t name_bytes)
{
    tb_zip_member key = {.name = name, .name_bytes = name_bytes};
    if (zip->n_members == 0)
        return NULL;
    return bsearch(&key, zip->members, zip->n_members, sizeof key, by_name);
}

static tb_status fail_member(const tb_zip_member *member, const char *what, const char *fix,
                             tb_error *err)
{
    char shown[TB_WEIGHTS_CLEAN_BYTES];
    tb_fail(err, TIMBRE_BAD_FILE, "the zip member '%s' %s",
            tb_weights_clean(member->name, member->name_bytes, shown), what);
    if (fix != NULL)
        tb_fix(err, "%s", fix);
    return TIMBRE_BAD_FILE;
}

tb_status tb_zip_locate(const tb_zip *zip, const tb_zip_member *member, const unsigned char **data,
                        tb_error *err)
{
    if ((member->flags & FLAG_ENCRYPTED) != 0)
        return fail_member(member, "is encrypted", NULL, err);
    if (member->method != 0)
        return fail_member(member, "is compressed", "write the checkpoint with torch.save", err);
    if (member->len_stored != member->len_bytes)
        return fail_member(member, "is stored with another length than it has", NULL, err);
    uint64_t at = member->header_at, limit = zip->directory_at;
    if (limit < LOCAL_BYTES || at > limit - LOCAL_BYTES || !is_mark(zip->bytes + at, "PK\003\004"))
        return fail_member(member, "is not where the directory says", NULL, err);
    const unsigned char *local = zip->bytes + at;
    uint64_t name = field(local, 26, 2), extra = field(local, 28, 2);
    uint64_t room = limit - at - LOCAL_BYTES;
    if (name + extra > room || name != member->name_bytes ||
        memcmp(local + LOCAL_BYTES, member->name, name) != 0)
        return fail_member(member, "has another name in its own header", NULL, err);
    if (member->len_bytes > room - name - extra)
        return fail_member(member, "is longer than the archive", NULL, err);
    *data = local + LOCAL_BYTES + name + extra;
    return TIMBRE_OK;
}
