/*
 * CLIP's tokenizer beside transformers' (tools/golden/reference/token_vectors.py), with the small
 * vocabulary of the tests and, where the outside data is (TIMBRE_TEST_DATA), with CLIP's own; and
 * vocabularies that are none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/base/str.h"
#include "engine/models/clip_text.h"
#include "engine/models/tokenizer_files.h"
#include "tests/support/folder.h"

enum { N_SHOWN = 5 };

static char *format(const char *folder, const char *name)
{
    char *path = tb_strf("%s/%s", folder, name);
    assert_non_null(path);
    return path;
}

static char *test_path(const char *name)
{
    const char *folder = getenv("TIMBRE_TESTS_DIR");
    assert_non_null(folder);
    return format(folder, name);
}

static tb_tokenizer *open_tokenizer(const char *folder)
{
    tb_tokenizer *t = NULL;
    tb_error err = {0};
    if (tb_tokenizer_open(folder, &t, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    return t;
}

static tb_tokenizer *open_tiny(void)
{
    char *folder = test_path("models/tiny/tokenizer");
    tb_tokenizer *t = open_tokenizer(folder);
    free(folder);
    return t;
}

/* The folder of CLIP's vocabulary, owned by the caller; NULL: not here. */
static char *clip_folder(void)
{
    const char *data = getenv("TIMBRE_TEST_DATA");
    return data == NULL ? NULL : format(data, "clip");
}

/* Tokens as text, such as "320 1929"; owned by the caller. */
static char *encode(const tb_tokenizer *t, const char *text, size_t len_bytes)
{
    int32_t *tokens = NULL;
    size_t n = 0;
    tb_error err = {0};
    if (tb_tokenizer_encode(t, text, len_bytes, &tokens, &n, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    tb_str out = {0};
    for (size_t i = 0; i < n; i++)
        tb_str_appendf(&out, "%s%d", i > 0 ? " " : "", (int)tokens[i]);
    free(tokens);
    char *list = tb_str_take(&out);
    assert_non_null(list);
    return list;
}

static void assert_tokens(const tb_tokenizer *t, const char *text, const char *want)
{
    char *got = encode(t, text, strlen(text));
    assert_string_equal(got, want);
    free(got);
}

/* ---- beside the reference -------------------------------------------------------------------- */

static void assert_same_file(const json_t *vectors, const char *key, const char *folder,
                             const char *name)
{
    char hex[TB_SHA256_HEX_BYTES], *path = format(folder, name);
    assert_int_equal(tb_sha256_file(path, hex, NULL), TIMBRE_OK);
    if (strcmp(hex, json_string_value(json_object_get(vectors, key))) != 0)
        fail_msg("the vectors were made for another %s: run tools/golden/run", path);
    free(path);
}

static json_t *read_vectors(const char *name, const char *folder)
{
    char *path = test_path(name);
    json_t *vectors = json_load_file(path, JSON_ALLOW_NUL, NULL);
    free(path);
    assert_non_null(vectors);
    assert_same_file(vectors, "vocab_sha256", folder, "vocab.json");
    assert_same_file(vectors, "merges_sha256", folder, "merges.txt");
    return vectors;
}

static void assert_vectors(const char *name, const char *folder, size_t n_least)
{
    tb_tokenizer *t = open_tokenizer(folder);
    json_t *vectors = read_vectors(name, folder), *row;
    const json_t *prompts = json_object_get(vectors, "prompts");
    size_t i, n_wrong = 0;
    assert_true(json_array_size(prompts) >= n_least);
    json_array_foreach(prompts, i, row)
    {
        const json_t *text = json_array_get(row, 0);
        const char *want = json_string_value(json_array_get(row, 1));
        char *got = encode(t, json_string_value(text), json_string_length(text));
        if (strcmp(got, want) != 0 && ++n_wrong <= N_SHOWN)
            print_error("prompt %zu '%.60s'\n  is   %.200s\n  want %.200s\n", i,
                        json_string_value(text), got, want);
        free(got);
    }
    json_decref(vectors);
    tb_tokenizer_free(t);
    assert_int_equal(n_wrong, 0);
}

static void prompts_in_all_scripts_give_the_tokens_of_transformers(void **state)
{
    (void)state;
    char *folder = clip_folder();
    if (folder == NULL)
        skip();
    assert_vectors("vectors/tokens.json", folder, 2000);
    free(folder);
}

static void so_they_do_with_a_small_vocabulary(void **state)
{
    (void)state;
    char *folder = test_path("models/tiny/tokenizer");
    assert_vectors("vectors/tokens_tiny.json", folder, 300);
    free(folder);
}

static void clips_vocabulary_has_its_numbers(void **state)
{
    (void)state;
    char *folder = clip_folder();
    if (folder == NULL)
        skip();
    tb_tokenizer *t = open_tokenizer(folder);
    assert_int_equal(tb_tokenizer_vocab_size(t), 49408);
    assert_int_equal(tb_tokenizer_bos(t), 49406);
    assert_int_equal(tb_tokenizer_eos(t), 49407);
    assert_int_equal(tb_tokenizer_pad(t), 49407);
    tb_tokenizer_free(t);
    free(folder);
}

/* Counts are transformers'. A method that looks for the best pair anew after each merge would take
 * a thousand million steps. */
static void words_of_64_kb_are_read_in_an_instant(void **state)
{
    (void)state;
    static const struct {
        const char *part;
        size_t n_tokens;
    } words[] = {{"a", 65536}, {"ab", 32769}, {"!", 65536}, {"music", 52428}};
    tb_tokenizer *t = open_tiny();
    char *text = malloc(TB_TEXT_MAX_BYTES);
    assert_non_null(text);
    for (size_t w = 0; w < sizeof words / sizeof words[0]; w++) {
        size_t len = strlen(words[w].part), n = TB_TEXT_MAX_BYTES / len * len, n_tokens = 0;
        int32_t *tokens = NULL;
        for (size_t i = 0; i < n; i++)
            text[i] = words[w].part[i % len];
        assert_int_equal(tb_tokenizer_encode(t, text, n, &tokens, &n_tokens, NULL), TIMBRE_OK);
        assert_int_equal(n_tokens, words[w].n_tokens);
        free(tokens);
    }
    free(text);
    tb_tokenizer_free(t);
}

/* ---- text that is refused -------------------------------------------------------------------- */

static void assert_refused(const tb_tokenizer *t, const char *text, size_t len_bytes,
                           const char *message)
{
    int32_t *tokens = NULL;
    size_t n = 0;
    tb_error err = {0};
    assert_int_equal(tb_tokenizer_encode(t, text, len_bytes, &tokens, &n, &err), TIMBRE_BAD_INPUT);
    assert_non_null(strstr(err.message, message));
    assert_null(tokens);
}

static void text_that_is_none_is_refused(void **state)
{
    (void)state;
    tb_tokenizer *t = open_tiny();
    assert_refused(t, "caf\xe9 x", 6, "byte 0xe9 at offset 3");
    assert_refused(t, "\xed\xa0\x80", 3, "offset 0"); /* a surrogate */
    char *text = malloc(TB_TEXT_MAX_BYTES + 1);
    assert_non_null(text);
    memset(text, 'a', TB_TEXT_MAX_BYTES + 1);
    assert_refused(t, text, TB_TEXT_MAX_BYTES + 1, "65537 bytes exceeds 65536");
    for (size_t i = 0; i < TB_TEXT_MAX_BYTES; i += 2)
        memcpy(text + i, i % 4 == 0 ? "\xcc\x81" : "\xcc\xa3", 2); /* U+0301, U+0323 */
    assert_refused(t, text, TB_TEXT_MAX_BYTES, "more than 256 combining marks");
    free(text);
    tb_tokenizer_free(t);
}

/* ---- files ----------------------------------------------------------------------------------- */

/* "a", "b", "ab</w>" and so on, with what a line adds */
#define VOCAB(more)                                                                                \
    "{\"a\":0,\"b</w>\":1,\"ab</w>\":2,\"<|startoftext|>\":3,\"<|endoftext|>\":4" more "}"
#define MERGES "#version: 0.2\na b</w>\n"

static tb_tokenizer_file file_of(const char *name, const char *text, size_t len_bytes)
{
    tb_tokenizer_file file = {.name = name};
    if (text == NULL)
        return file;
    file.bytes = calloc(1, len_bytes + 1);
    assert_non_null(file.bytes);
    memcpy(file.bytes, text, len_bytes);
    file.len_bytes = len_bytes;
    return file;
}

static tb_status load(const char *vocab, const char *merges, const char *special,
                      const char *config, tb_tokenizer **out, tb_error *err)
{
    tb_tokenizer_files files = {
        .vocab = file_of("vocab.json", vocab, strlen(vocab)),
        .merges = file_of("merges.txt", merges, strlen(merges)),
        .special = file_of("special", special, special == NULL ? 0 : strlen(special)),
        .config = file_of("config", config, config == NULL ? 0 : strlen(config)),
    };
    tb_status st = tb_tokenizer_new(&files, out, err);
    free(files.vocab.bytes);
    free(files.merges.bytes);
    free(files.special.bytes);
    free(files.config.bytes);
    return st;
}

static tb_tokenizer *load_good(const char *vocab, const char *merges, const char *special,
                               const char *config)
{
    tb_tokenizer *t = NULL;
    tb_error err = {0};
    if (load(vocab, merges, special, config, &t, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    return t;
}

static void merges_are_made_and_unknown_bytes_are_eos(void **state)
{
    (void)state;
    tb_tokenizer *t = load_good(VOCAB(""), MERGES, NULL, NULL);
    assert_int_equal(tb_tokenizer_vocab_size(t), 5);
    assert_int_equal(tb_tokenizer_pad(t), 4);
    assert_tokens(t, "ab AB aab", "2 2 0 2");
    assert_tokens(t, "az", "0 4");
    assert_tokens(t, "<|ENDOFTEXT|>ab", "4 2");
    tb_tokenizer_free(t);
}

static void line_ends_and_a_missing_header_do_not_matter(void **state)
{
    (void)state;
    static const char *const spelled[] = {"a b</w>", "a b</w>\r\n", "#version: 1\r\na b</w>\r\n\n",
                                          "#version: 1\na b</w>"};
    for (size_t i = 0; i < sizeof spelled / sizeof spelled[0]; i++) {
        tb_tokenizer *t = load_good(VOCAB(""), spelled[i], NULL, NULL);
        assert_tokens(t, "ab", "2");
        tb_tokenizer_free(t);
    }
    tb_tokenizer *t = load_good(VOCAB(""), "#version: 0.2\n", NULL, NULL);
    assert_tokens(t, "ab", "0 1");
    tb_tokenizer_free(t);
}

static void pad_is_what_the_files_say(void **state)
{
    (void)state;
    static const struct {
        const char *special, *config;
        int pad;
    } cases[] = {
        {NULL, NULL, 4},
        {"{}", "{}", 4},
        {NULL, "{\"pad_token\":\"!\"}", 5},
        {"{\"pad_token\":\"!\"}", NULL, 5},
        {"{\"pad_token\":{\"content\":\"!\",\"lstrip\":false}}", NULL, 5},
        {"{\"pad_token\":\"!\"}", "{\"pad_token\":\"<|endoftext|>\"}", 5},
        {"{\"pad_token\":null}", "{\"pad_token\":\"!\"}", 5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tb_tokenizer *t = load_good(VOCAB(",\"!\":5,\"!</w>\":6"), MERGES, cases[i].special,
                                    cases[i].config);
        assert_int_equal(tb_tokenizer_pad(t), cases[i].pad);
        /* a text that spells it becomes it */
        assert_tokens(t, "ab!", cases[i].pad == 5 ? "2 5" : "2 6");
        tb_tokenizer_free(t);
    }
}

/* As transformers searches tokens with the flag `normalized`: a text is searched in its normal
 * form, and the longest spelling counts. */
static void special_tokens_are_found_in_normal_text(void **state)
{
    (void)state;
    tb_tokenizer *t = load_good(VOCAB(",\"<|endoftext|>!\":5"), MERGES,
                                "{\"pad_token\":{\"content\":\"<|endoftext|>!\"}}", NULL);
    assert_tokens(t, "<|endoftext|>ab<|endoftext|>!ab", "4 2 5 2");
    tb_tokenizer_free(t);
    t = load_good(VOCAB(",\"A  pad\":5"), MERGES, "{\"pad_token\":{\"content\":\"A  pad\"}}", NULL);
    assert_tokens(t, "aba \n\t PADab", "2 5 2");
    tb_tokenizer_free(t);
}

static void files_that_are_no_vocabulary_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *vocab, *merges, *special, *message;
    } cases[] = {
        {"", MERGES, NULL, "'vocab.json' line 1, column 0: not JSON"},
        {"{\"a\":0", MERGES, NULL, "'vocab.json' line 1, column 6: not JSON"},
        {"[0]", MERGES, NULL, "'vocab.json' is not a JSON object"},
        {"{}", MERGES, NULL, "'vocab.json' has 0 tokens, not 1 to 262144"},
        {"{\"a\":0,\"a\":1}", MERGES, NULL, "'vocab.json' line 1, column 10: the same name twice"},
        {"{\"a\":\"0\"}", MERGES, NULL, "'vocab.json': token \"a\" has no whole number"},
        {"{\"a\":0.5}", MERGES, NULL, "token \"a\" has no whole number"},
        {"{\"a\":0,\"b\":2}", MERGES, NULL, "token \"b\" has number 2 of 0 to 1, one each"},
        {"{\"a\":-1}", MERGES, NULL, "token \"a\" has number -1 of 0 to 0"},
        {"{\"\\u001b[1m\":9}", MERGES, NULL, "token \"\\u001B[1m\" has number 9"},
        {"{\"a\":0,\"b\":0}", MERGES, NULL, "token \"b\" has number 0, as another one"},
        {"{\"a\":0}", MERGES, NULL, "'vocab.json' lacks the special token '<|startoftext|>'"},
        {"{\"<|startoftext|>\":0}", MERGES, NULL, "lacks the special token '<|endoftext|>'"},
        {VOCAB(""), "a b</w>\na c\n", NULL, "'merges.txt' line 2: \"c\" is not in the vocabulary"},
        {VOCAB(""), "#version\nab</w> a\n", NULL, "line 2: \"ab</w>a\" is not in the vocabulary"},
        {VOCAB(""), MERGES "a b</w>\n", NULL, "line 3: the same pair as on an earlier line"},
        {VOCAB(""), MERGES "\na b</w>\n", NULL, "line 3: \"\" is not two tokens"},
        {VOCAB(""), "a\n", NULL, "line 1: \"a\" is not two tokens"},
        {VOCAB(""), "a \n b\n", NULL, "line 1: \"a \" is not two tokens"},
        {VOCAB(""), "a  b</w>\n", NULL, "line 1: \"a  b</w>\" is not two tokens"},
        {VOCAB(""), "a b c\n", NULL, "line 1: \"a b c\" is not two tokens"},
        {VOCAB(""), "a \xff\n", NULL, "'merges.txt' is not UTF-8 at offset 2"},
        {VOCAB(""), MERGES, "{\"pad_token\":7}", "'special': pad_token is no text"},
        {VOCAB(""), MERGES, "{\"pad_token\":\"[PAD]\"}", "pad_token \"[PAD]\" is not in the voc"},
        {VOCAB(""), MERGES, "{\"pad_token\":\"\"}", "pad_token \"\" is not in the vocabulary"},
        {VOCAB(""), MERGES, "nonsense", "'special' line 1, column 8: not JSON"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tb_tokenizer *t = NULL;
        tb_error err = {0};
        tb_status st = load(cases[i].vocab, cases[i].merges, cases[i].special, NULL, &t, &err);
        assert_int_equal(st, TIMBRE_BAD_FILE);
        if (strstr(err.message, cases[i].message) == NULL)
            fail_msg("case %zu: %s", i, err.message);
        assert_null(t);
    }
}

static void sizes_beyond_the_limits_are_refused(void **state)
{
    (void)state;
    tb_tokenizer *t = NULL;
    tb_error err = {0};
    tb_str text = {0};
    tb_str_append(&text, "{\"");
    for (int i = 0; i <= TB_TOKEN_MAX_BYTES; i++)
        tb_str_append(&text, "x");
    tb_str_append(&text, "\":0}");
    assert_int_equal(load(tb_str_text(&text), MERGES, NULL, NULL, &t, &err), TIMBRE_BAD_FILE);
    assert_non_null(strstr(err.message, "of 1025 bytes exceeds 1024 bytes"));
    tb_str_deinit(&text);

    for (int i = 0; i <= 3 * TB_VOCAB_MAX_TOKENS; i++)
        tb_str_append(&text, "[");
    assert_int_equal(load(tb_str_text(&text), MERGES, NULL, NULL, &t, &err), TIMBRE_BAD_FILE);
    assert_non_null(strstr(err.message, "more than 786432 commas and brackets"));
    tb_str_deinit(&text);

    for (int i = 0; i <= TB_VOCAB_MAX_TOKENS; i++)
        tb_str_append(&text, "\n");
    tb_str_append(&text, "a b</w>\n");
    assert_int_equal(load(VOCAB(""), tb_str_text(&text), NULL, NULL, &t, &err), TIMBRE_BAD_FILE);
    assert_non_null(strstr(err.message, "'merges.txt' of 262147 lines exceeds 262145"));
    tb_str_deinit(&text);
    assert_null(t);
}

static void a_folder_without_a_vocabulary_says_what_is_missing(void **state)
{
    (void)state;
    tb_tokenizer *t = NULL;
    tb_error err = {0};
    assert_int_equal(tb_tokenizer_open(".", &t, &err), TIMBRE_MODEL_MISSING);
    assert_non_null(strstr(err.message, "there is no './vocab.json'"));
    assert_non_null(strstr(err.fix, "--tokenizer"));
    assert_int_equal(tb_file_write("vocab.json", VOCAB(""), strlen(VOCAB("")), true, NULL),
                     TIMBRE_OK);
    assert_int_equal(tb_tokenizer_open(".", &t, &err), TIMBRE_MODEL_MISSING);
    assert_non_null(strstr(err.message, "there is no './merges.txt'"));
    assert_int_equal(tb_file_write("merges.txt", "a x", 3, true, NULL), TIMBRE_OK);
    assert_int_equal(tb_tokenizer_open(".", &t, &err), TIMBRE_BAD_FILE);
    assert_non_null(strstr(err.message, "'./merges.txt' line 1: \"x\" is not in the vocabulary"));
    assert_int_equal(tb_file_write("merges.txt", MERGES, strlen(MERGES), true, NULL), TIMBRE_OK);
    tb_tokenizer_free(open_tokenizer("."));
    tb_tokenizer_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prompts_in_all_scripts_give_the_tokens_of_transformers),
        cmocka_unit_test(so_they_do_with_a_small_vocabulary),
        cmocka_unit_test(clips_vocabulary_has_its_numbers),
        cmocka_unit_test(words_of_64_kb_are_read_in_an_instant),
        cmocka_unit_test(text_that_is_none_is_refused),
        cmocka_unit_test(merges_are_made_and_unknown_bytes_are_eos),
        cmocka_unit_test(line_ends_and_a_missing_header_do_not_matter),
        cmocka_unit_test(pad_is_what_the_files_say),
        cmocka_unit_test(special_tokens_are_found_in_normal_text),
        cmocka_unit_test(files_that_are_no_vocabulary_are_refused_by_name),
        cmocka_unit_test(sizes_beyond_the_limits_are_refused),
        cmocka_unit_test(a_folder_without_a_vocabulary_says_what_is_missing),
    };
    return cmocka_run_group_tests_name("tokenizer", tests, enter_folder, leave_folder);
}
