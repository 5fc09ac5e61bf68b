#include "engine/sketch/playlist.h"

#include <assert.h>
#include <stdlib.h>

static int64_t block_of(const tb_score *score, int32_t tick)
{
    return (tb_score_frame(score, tick) + TB_BLOCK_FRAMES / 2) / TB_BLOCK_FRAMES;
}

static int compare_actions(const void *x, const void *y)
{
    const tb_action *a = x, *b = y;
    if (a->block != b->block)
        return a->block < b->block ? -1 : 1;
    if (a->kind != b->kind)
        return (int)a->kind - (int)b->kind;
    return a->event < b->event ? -1 : a->event > b->event;
}

static size_t count_actions(const tb_score *score, int i_part)
{
    size_t n = 0;
    for (size_t i = 0; i < score->n_events; i++)
        if (score->events[i].part == i_part)
            n += score->events[i].kind == TB_EVENT_NOTE ? 2 : 1;
    return n;
}

static void push_note(tb_playlist *list, const tb_score *score, uint32_t i_event,
                      tb_action *sounding[128])
{
    const tb_event *e = &score->events[i_event];
    assert(e->a < 128 && e->length_ticks >= 1);
    tb_action *on = &list->actions[list->n_actions++];
    tb_action *off = &list->actions[list->n_actions++];
    *on = (tb_action){block_of(score, e->tick), i_event, TB_ACTION_NOTE_ON, e->a, e->b, 0};
    *off = (tb_action){
        block_of(score, e->tick + e->length_ticks), i_event, TB_ACTION_NOTE_OFF, e->a, 0, 0};
    if (off->block <= on->block)
        off->block = on->block + 1;
    if (sounding[e->a] != NULL && sounding[e->a]->block > on->block)
        sounding[e->a]->block = on->block;
    sounding[e->a] = off;
    list->n_notes++;
}

tb_status tb_playlist_init(tb_playlist *list, const tb_score *score, int i_part, tb_error *err)
{
    *list = (tb_playlist){0};
    size_t n = count_actions(score, i_part);
    if (n == 0)
        return TIMBRE_OK;
    list->actions = calloc(n, sizeof *list->actions);
    if (list->actions == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for %zu events of part '%s'", n,
                       score->parts[i_part].name);
    tb_action *sounding[128] = {0}; /* latest note-off of each key */
    for (size_t i = 0; i < score->n_events; i++) {
        const tb_event *e = &score->events[i];
        if (e->part != i_part)
            continue;
        if (e->kind == TB_EVENT_NOTE) {
            push_note(list, score, (uint32_t)i, sounding);
            continue;
        }
        tb_action_kind kind = e->kind == TB_EVENT_CONTROL ? TB_ACTION_CONTROL : TB_ACTION_BEND;
        list->actions[list->n_actions++] = (tb_action){
            block_of(score, e->tick), (uint32_t)i, (uint8_t)kind, e->a, e->b, e->bend};
    }
    qsort(list->actions, list->n_actions, sizeof *list->actions, compare_actions);
    return TIMBRE_OK;
}

void tb_playlist_deinit(tb_playlist *list)
{
    free(list->actions);
    *list = (tb_playlist){0};
}
