#include "cli/music.h"

#include <stdio.h>
#include <string.h>

#include "cli/text.h"

static void append_item(tb_str *out, const char *text)
{
    if (text != NULL)
        tb_str_appendf(out, "%s%s", out->len > 0 ? ", " : "", text);
}

static const char *member(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* "first (second)", or the first alone where they are the same. */
static void append_pairs(tb_str *out, const json_t *list, const char *first, const char *second)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        const char *a = member(item, first), *b = member(item, second);
        append_item(out, a);
        if (a != NULL && b != NULL && strcmp(a, b) != 0)
            tb_str_appendf(out, " (%s)", b);
    }
}

static void append_texts(tb_str *out, const json_t *list)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item) append_item(out, json_string_value(item));
}

void tb_music_append_understood(tb_str *out, const json_t *extras)
{
    append_pairs(out, json_object_get(extras, "understood"), "word", "meaning");
}

void tb_music_append_unknown(tb_str *out, const json_t *extras)
{
    append_texts(out, json_object_get(extras, "unknown"));
}

static void append_style(tb_str *out, const json_t *extras)
{
    append_item(out, member(extras, "style"));
}

static void append_tempo(tb_str *out, const json_t *extras)
{
    tb_str_appendf(out, "%g bpm", json_number_value(json_object_get(extras, "tempo_bpm")));
}

static void append_key(tb_str *out, const json_t *extras)
{
    append_item(out, member(extras, "key"));
}

static void append_metre(tb_str *out, const json_t *extras)
{
    append_item(out, member(extras, "metre"));
}

static void append_parts(tb_str *out, const json_t *extras)
{
    append_pairs(out, json_object_get(extras, "parts"), "part", "instrument");
}

static void append_textures(tb_str *out, const json_t *extras)
{
    append_texts(out, json_object_get(extras, "textures"));
}

static void append_model(tb_str *out, const json_t *extras)
{
    append_item(out, member(extras, "model"));
}

static void append_sampler(tb_str *out, const json_t *extras)
{
    tb_str_appendf(out, "%s, steps %lld, guidance %g", member(extras, "scheduler"),
                   (long long)json_integer_value(json_object_get(extras, "steps")),
                   json_number_value(json_object_get(extras, "cfg_scale")));
}

static void append_picture(tb_str *out, const json_t *extras)
{
    tb_str_appendf(out, "%lldx%lld pixels",
                   (long long)json_integer_value(json_object_get(extras, "image_width")),
                   (long long)json_integer_value(json_object_get(extras, "image_height")));
}

typedef struct {
    const char *name; /* NULL behind the last */
    void (*append)(tb_str *out, const json_t *extras);
} music_row;

/* What there is to say about a take of each kind of backend, told by a member that it has. */
static const struct {
    const char *mark;
    music_row rows[10];
} kinds[] = {
    {"style",
     {{"style", append_style},
      {"tempo", append_tempo},
      {"key", append_key},
      {"metre", append_metre},
      {"parts", append_parts},
      {"textures", append_textures},
      {"understood", tb_music_append_understood},
      {"not understood", tb_music_append_unknown}}},
    {"scheduler",
     {{"model", append_model}, {"sampler", append_sampler}, {"picture", append_picture}}},
};

static void print_rows(const music_row *row, const json_t *extras, int indent, int width)
{
    for (; row->name != NULL; row++) {
        tb_str text = {0};
        row->append(&text, extras);
        printf("%*s%-*s ", indent, "", width, row->name);
        tb_print_clean(stdout, text.len > 0 ? tb_str_text(&text) : "none");
        printf("\n");
        tb_str_deinit(&text);
    }
}

void tb_music_print(const json_t *extras, int indent, int width)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (member(extras, kinds[i].mark) != NULL)
            print_rows(kinds[i].rows, extras, indent, width);
}
