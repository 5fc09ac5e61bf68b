/* The tag of an MP3: comes back exactly, foreign ones are understood, damaged ones do no harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "engine/audio/id3.h"
#include "engine/base/limits.h"

#define TITLE "Gl\xc3\xa4ser \"\xe6\xbc\xa2\xe5\xad\x97\" = \\ \xf0\x9f\x8e\xb9"

static char recipe[TB_RECIPE_MAX_BYTES + 1];

static int make_recipe(void **state)
{
    (void)state;
    static const char start[] = "{\"timbre\":1,\"prompt\":\"\xc3\xa4 \\\"q\\\" ";
    memset(recipe, 'x', TB_RECIPE_MAX_BYTES);
    memcpy(recipe, start, sizeof start - 1);
    memcpy(recipe + TB_RECIPE_MAX_BYTES - 2, "\"}", 2);
    return 0;
}

static void assert_texts(const void *bytes, size_t len, const char *title, const char *wanted)
{
    tb_id3_texts texts;
    tb_id3_read(bytes, len, &texts);
    assert_true((texts.title == NULL) == (title == NULL));
    assert_true((texts.recipe == NULL) == (wanted == NULL));
    if (title != NULL) {
        assert_int_equal(texts.title_bytes, strlen(title));
        assert_memory_equal(texts.title, title, texts.title_bytes);
    }
    if (wanted != NULL) {
        assert_int_equal(texts.recipe_bytes, strlen(wanted));
        assert_memory_equal(texts.recipe, wanted, texts.recipe_bytes);
    }
}

static void texts_come_back_exactly(void **state)
{
    (void)state;
    static const char *const titles[] = {TITLE, NULL, "a"};
    for (int i = 0; i < 6; i++) {
        tb_str tag = {0};
        const char *title = titles[i % 3], *wanted = i < 3 ? recipe : NULL;
        tb_id3_write(title, wanted, "Timbre", &tag);
        assert_int_equal(tb_id3_size((const unsigned char *)tag.bytes, tag.len), tag.len);
        assert_texts(tag.bytes, tag.len, title, wanted);
        tb_str_deinit(&tag);
    }
}

/* As other programs write it: v2.3 with plain sizes, other frames first, several of a kind. */
static void tags_of_other_programs_are_read(void **state)
{
    (void)state;
    static const char v23[] = "ID3\3\0\0\0\0\3\6"
                              "APIC\0\0\0\xc8\0\0";
    char tag[400] = {0};
    memcpy(tag, v23, sizeof v23 - 1);
    memcpy(tag + 220, "TIT2\0\0\0\6\0\0\0title", 16);
    memcpy(tag + 236, "TXXX\0\0\0\7\0\0\0other\0", 17);
    memcpy(tag + 253, "TXXX\0\0\0\12\0\0\3timbre\0{}", 20);
    memcpy(tag + 273, "TIT2\0\0\0\2\0\0\0x", 12);
    assert_texts(tag, sizeof tag, "title", "{}");
    tag[5] = (char)0x80; /* unsynchronised: passed over */
    assert_texts(tag, sizeof tag, NULL, NULL);
    assert_texts("\xff\xfb\x90\x64 and so on", 14, NULL, NULL);
}

/* Cut anywhere: nothing outside is read (a copy of the exact size, for the sanitizer), and what is
 * found is found whole. */
static void a_cut_tag_gives_whole_texts_or_none(void **state)
{
    (void)state;
    tb_str tag = {0};
    tb_id3_write(TITLE, "{\"timbre\":1}", "Timbre", &tag);
    int n_titles = 0, n_recipes = 0;
    for (size_t n = 0; n <= tag.len; n++) {
        unsigned char *copy = malloc(n == 0 ? 1 : n);
        assert_non_null(copy);
        memcpy(copy, tag.bytes, n);
        tb_id3_texts texts;
        tb_id3_read(copy, n, &texts);
        n_titles += texts.title != NULL;
        n_recipes += texts.recipe != NULL;
        assert_texts(copy, n, texts.title != NULL ? TITLE : NULL,
                     texts.recipe != NULL ? "{\"timbre\":1}" : NULL);
        free(copy);
    }
    assert_true(n_titles > n_recipes && n_recipes > 0);
    tb_str_deinit(&tag);
}

static void any_changed_byte_is_survived(void **state)
{
    (void)state;
    tb_str tag = {0};
    tb_id3_write(TITLE, "{\"timbre\":1}", "Timbre", &tag);
    for (size_t i = 0; i < tag.len; i++)
        for (int value = 0; value < 256; value += 15) {
            tb_id3_texts texts;
            char old = tag.bytes[i];
            tag.bytes[i] = (char)value;
            tb_id3_read((const unsigned char *)tag.bytes, tag.len, &texts);
            if (texts.recipe != NULL)
                assert_in_range(texts.recipe + texts.recipe_bytes - tag.bytes, 1, tag.len);
            if (texts.title != NULL)
                assert_in_range(texts.title + texts.title_bytes - tag.bytes, 1, tag.len);
            tag.bytes[i] = old;
        }
    tb_str_deinit(&tag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_come_back_exactly),
        cmocka_unit_test(tags_of_other_programs_are_read),
        cmocka_unit_test(a_cut_tag_gives_whole_texts_or_none),
        cmocka_unit_test(any_changed_byte_is_survived),
    };
    return cmocka_run_group_tests(tests, make_recipe, NULL);
}
