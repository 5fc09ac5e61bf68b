/*
 * Weights in a prompt, chunks and weighted embeddings beside Riffusion's own
 * (tools/golden/reference/prompt_vectors.py).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/str.h"
#include "engine/models/clip_text.h"
#include "engine/models/prompt.h"

enum { N_POSITIONS = 77 };

static json_t *vectors;
static tb_tokenizer *tiny;

static char *test_path(const char *name)
{
    const char *folder = getenv("TIMBRE_TESTS_DIR");
    char *path = folder == NULL ? NULL : tb_strf("%s/%s", folder, name);
    assert_non_null(path);
    return path;
}

static int setup(void **state)
{
    (void)state;
    char *path = test_path("vectors/prompts.json"), *folder = test_path("models/tiny/tokenizer");
    vectors = json_load_file(path, 0, NULL);
    tb_status st = tb_tokenizer_open(folder, &tiny, NULL);
    free(path);
    free(folder);
    return vectors == NULL || st != TIMBRE_OK;
}

static int teardown(void **state)
{
    (void)state;
    json_decref(vectors);
    tb_tokenizer_free(tiny);
    return 0;
}

/* ---- pieces ---------------------------------------------------------------------------------- */

static tb_prompt_piece *parse(const char *text, size_t *n)
{
    tb_prompt_piece *pieces = NULL;
    tb_error err = {0};
    if (tb_prompt_parse(text, &pieces, n, &err) != TIMBRE_OK)
        fail_msg("'%s': %s", text, err.message);
    return pieces;
}

static void weights_are_read_as_riffusion_reads_them(void **state)
{
    (void)state;
    const json_t *rows = json_object_get(vectors, "pieces");
    assert_true(json_array_size(rows) >= 300);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const char *text = json_string_value(json_array_get(json_array_get(rows, i), 0));
        const json_t *want = json_array_get(json_array_get(rows, i), 1);
        size_t n = 0;
        tb_prompt_piece *pieces = parse(text, &n);
        bool is_same = n == json_array_size(want);
        for (size_t k = 0; is_same && k < n; k++) {
            const json_t *piece = json_array_get(want, k);
            is_same = strcmp(pieces[k].text, json_string_value(json_array_get(piece, 0))) == 0 &&
                      pieces[k].weight == json_number_value(json_array_get(piece, 1));
        }
        if (!is_same)
            fail_msg("'%s' differs, in %zu pieces; the first is '%s' * %.17g", text, n,
                     pieces[0].text, pieces[0].weight);
        tb_prompt_pieces_free(pieces, n);
    }
}

/* Where Riffusion ends with an exception, brackets are plain ones. */
static void what_is_no_number_is_text(void **state)
{
    (void)state;
    static const struct {
        const char *text, *piece;
    } cases[] = {
        {"(x:1.2.3)", "x:1.2.3"}, {"(x:.)", "x:."}, {"(x:+)", "x:+"}, {"(x:-..)", "x:-.."}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t n = 0;
        tb_prompt_piece *pieces = parse(cases[i].text, &n);
        assert_int_equal(n, 1);
        assert_string_equal(pieces[0].text, cases[i].piece);
        assert_true(pieces[0].weight == 1.1);
        tb_prompt_pieces_free(pieces, n);
    }
}

static void assert_refused(const char *text, const char *message)
{
    tb_prompt_piece *pieces = NULL;
    size_t n = 0;
    tb_error err = {0};
    assert_int_equal(tb_prompt_parse(text, &pieces, &n, &err), TIMBRE_BAD_INPUT);
    if (strstr(err.message, message) == NULL)
        fail_msg("%s", err.message);
    assert_null(pieces);
}

static void absurd_weights_are_refused_by_name(void **state)
{
    (void)state;
    size_t n = 0;
    tb_prompt_piece *pieces = parse("(x:100) (y:-100)", &n);
    tb_prompt_pieces_free(pieces, n);
    assert_int_equal(n, 3);
    assert_refused("a (loud horns:100.5) b", "weight 100.5 of 'loud horns' exceeds 100");
    assert_refused("(x:-1000)", "weight -1000 of 'x' exceeds 100");
    assert_refused("((x:20):20)", "weight 400 of 'x' exceeds 100");
    assert_refused("(x:99999999999999999999999999999999999999999999999999)", "exceeds 100");
    char brackets[64] = {0};
    memset(brackets, '(', 50);
    brackets[50] = 'x';
    assert_refused(brackets, "weight 117.391 of 'x' exceeds 100");
    char *text = calloc(1, TB_TEXT_MAX_BYTES + 2);
    assert_non_null(text);
    memset(text, '[', TB_TEXT_MAX_BYTES);
    pieces = parse(text, &n);
    tb_prompt_pieces_free(pieces, n);
    memset(text, 'a', TB_TEXT_MAX_BYTES + 1);
    assert_refused(text, "prompt of 65537 bytes exceeds 65536 bytes");
    free(text);
}

/* ---- chunks ---------------------------------------------------------------------------------- */

static tb_prompt tokenize(const char *text, bool is_plain)
{
    tb_prompt prompt;
    tb_error err = {0};
    if (tb_prompt_tokenize(tiny, text, is_plain, N_POSITIONS, &prompt, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    return prompt;
}

static void chunks_are_those_that_riffusion_encodes(void **state)
{
    (void)state;
    json_t *row;
    size_t i, k, p;
    json_array_foreach(json_object_get(vectors, "chunks"), i, row)
    {
        const json_t *chunks = json_array_get(row, 1);
        json_t *chunk, *token;
        tb_prompt prompt = tokenize(json_string_value(json_array_get(row, 0)), false);
        assert_int_equal(prompt.n_chunks, json_array_size(chunks));
        json_array_foreach(chunks, k, chunk)
        {
            assert_int_equal(json_array_size(chunk), N_POSITIONS);
            json_array_foreach(chunk, p, token)
                assert_int_equal(prompt.tokens[k * N_POSITIONS + p], json_integer_value(token));
        }
        tb_prompt_deinit(&prompt);
    }
    assert_true(i > 0);
}

static void weights_stand_at_their_tokens(void **state)
{
    (void)state;
    tb_prompt p = tokenize("! (!:1.5) ! [!]", false); /* a token each */
    const float want[] = {1, 1, 1.5F, 1, (float)(1 / 1.1), 1};
    assert_true(p.has_weights);
    assert_int_equal(p.tokens[5], tb_tokenizer_eos(tiny));
    assert_memory_equal(p.weights, want, sizeof want);
    for (int i = 6; i < N_POSITIONS; i++)
        assert_true(p.weights[i] == 1);
    tb_prompt_deinit(&p);
}

static void plain_text_has_no_syntax(void **state)
{
    (void)state;
    tb_prompt p = tokenize("(!:1.5)", true);
    tb_prompt escaped = tokenize("\\(!:1.5\\)", false);
    assert_false(p.has_weights);
    assert_memory_equal(p.tokens, escaped.tokens, N_POSITIONS * sizeof *p.tokens);
    assert_int_not_equal(p.tokens[1], tb_tokenizer_eos(tiny));
    tb_prompt_deinit(&p);
    tb_prompt_deinit(&escaped);
}

static void what_does_not_fit_is_counted(void **state)
{
    (void)state;
    char text[2 * 230 + 1] = {0};
    for (int i = 0; i < 230; i++)
        memcpy(text + 2 * i, "! ", 2);
    tb_prompt p = tokenize(text, false);
    assert_int_equal(p.n_chunks, 3);
    assert_int_equal(p.n_dropped, 5);
    tb_prompt_deinit(&p);
    text[2 * 225] = '\0';
    p = tokenize(text, true);
    assert_int_equal(p.n_dropped, 0);
    assert_int_equal(p.tokens[3 * N_POSITIONS - 1], tb_tokenizer_eos(tiny));
    assert_int_not_equal(p.tokens[3 * N_POSITIONS - 2], tb_tokenizer_eos(tiny));
    tb_prompt_deinit(&p);
}

static void padding_appends_empty_chunks(void **state)
{
    (void)state;
    tb_prompt p = tokenize("(!)", false), empty = tokenize("", false);
    int32_t first[N_POSITIONS];
    memcpy(first, p.tokens, sizeof first);
    assert_int_equal(tb_prompt_pad(tiny, &p, 3, NULL), TIMBRE_OK);
    assert_int_equal(p.n_chunks, 3);
    assert_memory_equal(p.tokens, first, sizeof first);
    for (size_t k = 1; k < 3; k++) {
        assert_memory_equal(p.tokens + k * N_POSITIONS, empty.tokens, sizeof first);
        assert_memory_equal(p.weights + k * N_POSITIONS, empty.weights, sizeof first);
    }
    assert_int_equal(tb_prompt_pad(tiny, &p, 2, NULL), TIMBRE_OK);
    assert_int_equal(p.n_chunks, 3);
    assert_int_equal(tb_prompt_pad(tiny, &p, 4, NULL), TIMBRE_BAD_INPUT);
    tb_prompt_deinit(&p);
    tb_prompt_deinit(&empty);
    tb_prompt_deinit(&empty);
}

static void positions_of_a_text_model_have_limits(void **state)
{
    (void)state;
    static const int wrong[] = {-1, 0, 2, TB_TEXT_MAX_POSITIONS + 1};
    tb_prompt p;
    tb_error err = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(tb_prompt_tokenize(tiny, "!", false, wrong[i], &p, &err),
                         TIMBRE_BAD_INPUT);
    assert_int_equal(tb_prompt_tokenize(tiny, "! ! ! !", false, 3, &p, &err), TIMBRE_OK);
    assert_int_equal(p.n_chunks, 3);
    assert_int_equal(p.n_dropped, 1);
    tb_prompt_deinit(&p);
    assert_int_equal(tb_prompt_tokenize(tiny, "\xff", false, 77, &p, &err), TIMBRE_BAD_INPUT);
    assert_null(p.tokens);
}

/* ---- weighted embeddings --------------------------------------------------------------------- */

static float *made_embeddings(size_t n)
{
    float *x = malloc(n * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((int)(i * 37 % 101) - 30) / 128;
    return x;
}

static void weighted_embeddings_are_riffusions(void **state)
{
    (void)state;
    json_t *row;
    size_t i;
    int width = (int)json_integer_value(json_object_get(vectors, "width"));
    json_array_foreach(json_object_get(vectors, "weighed"), i, row)
    {
        const json_t *want = json_array_get(row, 1);
        tb_prompt p = tokenize(json_string_value(json_array_get(row, 0)), false);
        size_t n = (size_t)p.n_chunks * N_POSITIONS * (size_t)width;
        assert_int_equal(json_array_size(want), n);
        float *x = made_embeddings(n);
        tb_prompt_weigh(&p, x, width);
        double error = 0, size = 0;
        for (size_t k = 0; k < n; k++) {
            double w = json_number_value(json_array_get(want, k)), d = (double)x[k] - w;
            error += d * d;
            size += w * w;
        }
        print_message("# weighed %zu: relative L2 %.2e\n", i, sqrt(error / size));
        assert_true(sqrt(error / size) <= 1e-6);
        free(x);
        tb_prompt_deinit(&p);
    }
    assert_true(i > 0);
}

static void weights_that_leave_no_mean_are_not_made_up_for(void **state)
{
    (void)state;
    float weights[3] = {1, 0.5F, 0}, x[6] = {1, -1, 3, -1, 4, 4};
    int32_t tokens[3] = {0};
    tb_prompt p = {
        .n_chunks = 1, .n_positions = 3, .tokens = tokens, .weights = weights, .has_weights = true};
    x[2] = 1;
    tb_prompt_weigh(&p, x, 2); /* the sum afterwards is 0 */
    const float want[6] = {1, -1, 0.5F, -0.5F, 0, 0};
    assert_memory_equal(x, want, sizeof want);
    p.has_weights = false;
    tb_prompt_weigh(&p, x, 2);
    assert_memory_equal(x, want, sizeof want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_read_as_riffusion_reads_them),
        cmocka_unit_test(what_is_no_number_is_text),
        cmocka_unit_test(absurd_weights_are_refused_by_name),
        cmocka_unit_test(chunks_are_those_that_riffusion_encodes),
        cmocka_unit_test(weights_stand_at_their_tokens),
        cmocka_unit_test(plain_text_has_no_syntax),
        cmocka_unit_test(what_does_not_fit_is_counted),
        cmocka_unit_test(padding_appends_empty_chunks),
        cmocka_unit_test(positions_of_a_text_model_have_limits),
        cmocka_unit_test(weighted_embeddings_are_riffusions),
        cmocka_unit_test(weights_that_leave_no_mean_are_not_made_up_for),
    };
    return cmocka_run_group_tests_name("prompt", tests, setup, teardown);
}
