/* Which takes are shown, and in which rows. */
#include <stdlib.h>
#include <string.h>

#include "cli/tui/collection.h"
#include "engine/base/str.h"
#include "engine/base/utf8.h"

void tb_collection_set_filter(tb_collection *collection, tb_filter filter)
{
    collection->filter = filter;
    collection->is_stale = true;
}

void tb_collection_set_search(tb_collection *collection, const char *text)
{
    free(collection->search);
    collection->search = text[0] != '\0' ? tb_utf8_fold(text, strlen(text)) : NULL;
    collection->is_stale = true;
}

/* Prompt and title as the search sees them. */
static const char *folded_of(tb_take *take)
{
    if (take->folded == NULL) {
        char *both = tb_strf("%s %s", take->title != NULL ? take->title : "", take->prompt);
        take->folded = both != NULL ? tb_utf8_fold(both, strlen(both)) : NULL;
        free(both);
    }
    return take->folded != NULL ? take->folded : "";
}

static bool has_words(tb_take *take, const char *words)
{
    const char *text = folded_of(take);
    while (*words != '\0') {
        size_t n = strcspn(words, " ");
        bool is_unwanted = *words == '!' && n > 1;
        char *word = strndup(words + is_unwanted, n - is_unwanted);
        bool is_there = word == NULL || strstr(text, word) != NULL;
        free(word);
        if (n > 0 && is_there == is_unwanted)
            return false;
        words += n;
        words += strspn(words, " ");
    }
    return true;
}

static bool is_wanted(const tb_collection *collection, tb_take *take)
{
    const bool by_filter[TB_FILTER_COUNT] = {
        [TB_FILTER_ALL] = true,
        [TB_FILTER_STARRED] = take->is_starred,
        [TB_FILTER_FAILED] = take->state == TB_TAKE_FAILED || take->state == TB_TAKE_CANCELLED,
        [TB_FILTER_RUN] = take->is_of_this_run,
    };
    return !take->is_trashed && by_filter[collection->filter] &&
           (collection->search == NULL || has_words(take, collection->search));
}

static void add_row(tb_collection *collection, tb_row_kind kind, tb_take *take)
{
    if (collection->n_rows == collection->row_capacity) {
        size_t capacity = collection->row_capacity == 0 ? 128 : collection->row_capacity * 2;
        tb_list_row *rows = realloc(collection->rows, capacity * sizeof *rows);
        if (rows == NULL)
            return;
        collection->rows = rows;
        collection->row_capacity = capacity;
    }
    collection->rows[collection->n_rows++] = (tb_list_row){kind, take};
}

static int64_t day_of(const tb_take *take)
{
    time_t seconds = (time_t)(take->created_ms / 1000);
    struct tm parts;
    if (localtime_r(&seconds, &parts) == NULL)
        return 0;
    return (int64_t)parts.tm_year * 1000 + parts.tm_yday;
}

static const char *heading_of(const tb_take *take)
{
    return take->title != NULL && take->title[0] != '\0' ? take->title : take->prompt;
}

void tb_collection_update(tb_collection *collection)
{
    if (!collection->is_stale)
        return;
    collection->is_stale = false;
    collection->n_rows = 0;
    const tb_take *before = NULL;
    int64_t day = -1;
    for (size_t i = 0; i < collection->n; i++) {
        tb_take *take = collection->takes[i];
        if (!is_wanted(collection, take))
            continue;
        bool is_new_day = day_of(take) != day;
        if (is_new_day)
            add_row(collection, TB_ROW_DAY, take);
        if (is_new_day || before == NULL || strcmp(heading_of(before), heading_of(take)) != 0)
            add_row(collection, TB_ROW_PROMPT, take);
        add_row(collection, TB_ROW_TAKE, take);
        if (take->state == TB_TAKE_FAILED && take->fix != NULL && take->fix[0] != '\0')
            add_row(collection, TB_ROW_FIX, take);
        day = day_of(take);
        before = take;
    }
}

int tb_collection_row_of(const tb_collection *collection, const tb_take *take)
{
    for (size_t i = collection->n_rows; take != NULL && i > 0; i--)
        if (collection->rows[i - 1].kind == TB_ROW_TAKE && collection->rows[i - 1].take == take)
            return (int)i - 1;
    return -1;
}

int tb_collection_step(const tb_collection *collection, int row, int step)
{
    int direction = step < 0 ? -1 : 1;
    for (row += direction; row >= 0 && row < (int)collection->n_rows; row += direction)
        if (collection->rows[row].kind == TB_ROW_TAKE)
            return row;
    return -1;
}
