#include "tools/train/corpus/record.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/sketch/theory.h"
#include "tools/train/corpus/words.h"

static json_t *or_null(const char *text)
{
    return text == NULL ? json_null() : json_string(text);
}

/* What the caption names. */
static json_t *asked_array(const tb_brief *brief)
{
    json_t *list = json_array();
    for (int i = 0; i < brief->n_instruments; i++)
        (void)json_array_append_new(list,
                                    json_string(tb_instrument_get(brief->instruments[i])->name));
    return list;
}

static json_t *parts_array(const tb_score *score)
{
    json_t *list = json_array();
    for (int i = 0; i < score->n_parts; i++)
        (void)json_array_append_new(
            list, json_pack("[s,i]", tb_instrument_get(score->parts[i].instrument)->name,
                            (int)score->parts[i].program));
    return list;
}

static json_t *textures_array(const tb_brief *brief)
{
    json_t *list = json_array();
    for (int i = 0; i < TB_TEXTURE_COUNT; i++)
        if (brief->texture_level[i] > 0)
            (void)json_array_append_new(list, json_string(tb_texture_name((tb_texture)i)));
    return list;
}

/* A beat to count: somebody plays drums or a bass. */
static bool is_rhythmic(const tb_score *score)
{
    for (int i = 0; i < score->n_parts; i++)
        if (strcmp(score->parts[i].name, "drums") == 0 || strcmp(score->parts[i].name, "bass") == 0)
            return true;
    return false;
}

static json_t *make_object(const tb_clip *clip, const tb_piece *piece, int index, bool is_silent)
{
    const tb_score *s = &piece->score;
    char key[24];
    (void)snprintf(key, sizeof key, "%s %s",
                   tb_key_tonic_name((tb_key){.root = s->key_root, .mode = s->mode}),
                   tb_mode_name(s->mode));
    double bpm = (double)(int64_t)(60e8 / s->usec_per_quarter + 0.5) / 100;
    bool has_music = s->n_parts > 0;
    return json_pack(
        "{s:i, s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:f, s:b, s:b, s:s, s:s, s:I, s:b}", "index",
        index, "caption", clip->caption, "kind", tb_clip_kind_names[clip->kind], "style",
        clip->style < 0 ? json_null() : json_string(tb_style_name((tb_style)clip->style)),
        "played_style", has_music ? tb_style_name(s->style) : "", "instruments",
        asked_array(&clip->brief), "parts", parts_array(s), "textures",
        textures_array(&clip->brief), "mood",
        or_null(clip->mood < 0 ? NULL : tb_moods[clip->mood].name), "bpm", bpm, "bpm_is_asked",
        clip->brief.tempo_bpm > 0, "is_rhythmic", is_rhythmic(s), "key", has_music ? key : "",
        "combination", clip->combination, "start_frame", (json_int_t)piece->start_frame,
        "is_silent", is_silent);
}

tb_status tb_record_format(const tb_clip *clip, const tb_piece *piece, int index, bool is_silent,
                           char out[TB_RECORD_BYTES], tb_error *err)
{
    json_t *object = make_object(clip, piece, index, is_silent);
    char *text = object == NULL ? NULL
                                : json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII |
                                                         JSON_REAL_PRECISION(6));
    json_decref(object);
    if (text == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for a line of clips.jsonl");
    size_t len = strlen(text);
    bool has_room = len < TB_RECORD_BYTES;
    memset(out, ' ', TB_RECORD_BYTES);
    if (has_room)
        memcpy(out, text, len);
    out[TB_RECORD_BYTES - 1] = '\n';
    free(text);
    return has_room ? TIMBRE_OK
                    : tb_fail(err, TIMBRE_INTERNAL, "clip %d: a line of %zu bytes, more than %d",
                              index, len, TB_RECORD_BYTES - 1);
}
