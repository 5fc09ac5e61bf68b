/* Files and folders of weights: shards beside their index, links, what is no file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/file.h"
#include "engine/base/hash.h"
#include "engine/tensor/inside.h"
#include "engine/tensor/weights_file.h"
#include "tests/support/folder.h"
#include "tests/tensor/bytes.h"

static void write_file(const char *path, const void *bytes, size_t len)
{
    tb_error err = {0};
    if (tb_file_write(path, bytes, len, true, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
}

/* A shard with one tensor of four bytes. */
static void write_shard(const char *path, const char *name)
{
    tb_str s = {0}, header = {0};
    tb_str_appendf(&header, "{\"%s\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]}}",
                   name);
    put_safetensors(&s, tb_str_text(&header), 4);
    write_file(path, s.bytes, s.len);
    tb_str_deinit(&s);
    tb_str_deinit(&header);
}

static tb_status open_index(const char *folder, const char *json, tb_weights **weights,
                            tb_error *err)
{
    char path[128];
    snprintf(path, sizeof path, "%s/model.safetensors.index.json", folder);
    write_file(path, json, strlen(json));
    *err = (tb_error){0};
    return tb_weights_open(path, weights, err);
}

static void assert_index_refused(const char *folder, const char *json, const char *says)
{
    tb_weights *weights;
    tb_error err;
    if (open_index(folder, json, &weights, &err) == TIMBRE_OK)
        fail_msg("accepted, in place of: %s", says);
    assert_null(weights);
    assert_says(&err, says);
}

static int make_shards(void **state)
{
    (void)state;
    tb_error err;
    if (tb_dir_make("model", &err) != TIMBRE_OK)
        return 1;
    write_shard("model/one.safetensors", "a");
    write_shard("model/two.safetensors", "b");
    write_shard("outside.safetensors", "c");
    return 0;
}

static void shards_are_one_model(void **state)
{
    (void)state;
    tb_weights *weights;
    tb_error err;
    if (open_index("model",
                   "{\"metadata\":{\"total_size\":8},\"weight_map\":{\"a\":\"one.safetensors\","
                   "\"b\":\"two.safetensors\"}}",
                   &weights, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    assert_int_equal(tb_weights_count(weights), 2);
    assert_int_equal(tb_weights_n_files(weights), 2);
    assert_string_equal(tb_weights_format(weights), "safetensors, 2 shards");
    assert_non_null(tb_weights_find(weights, "b"));
    tb_weights_close(weights);
}

/* diffusers puts the variant before the last ending. */
static void indexes_of_a_variant_are_indexes(void **state)
{
    (void)state;
    static const char json[] = "{\"weight_map\":{\"a\":\"one.safetensors\"}}";
    static const char *const names[] = {"model/x.safetensors.index.fp16.json",
                                        "model/pytorch_model.bin.index.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        tb_weights *weights;
        tb_error err = {0};
        write_file(names[i], json, sizeof json - 1);
        if (tb_weights_open(names[i], &weights, &err) != TIMBRE_OK)
            fail_msg("%s", err.message);
        assert_string_equal(tb_weights_format(weights), "safetensors, 1 shard");
        tb_weights_close(weights);
    }
}

static void false_indexes_are_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"weight_map\":{\"c\":\"../outside.safetensors\"}}", "../outside|plain name"},
        {"{\"weight_map\":{\"c\":\"/etc/passwd\"}}", "/etc/passwd|plain name"},
        {"{\"weight_map\":{\"c\":\"..\"}}", "'..'|plain name"},
        {"{\"weight_map\":{\"c\":\"\"}}", "plain name"},
        {"{\"weight_map\":{\"c\":\"a\\\\b\"}}", "plain name"},
        {"{\"weight_map\":{\"c\":\"a\\u001bb\"}}", "a?b|plain name"},
        {"{\"weight_map\":{\"c\":\"a\\u0000b\"}}", "JSON"},
        {"{\"weight_map\":{\"c\":7}}", "not a text"},
        {"{\"weight_map\":{}}", "weight_map"},
        {"{\"weight_map\":[]}", "weight_map"},
        {"{}", "weight_map"},
        {"[]", "not an object"},
        {"{\"weight_map\":{\"a\":\"missing.safetensors\"}}", "missing.safetensors"},
        {"{\"weight_map\":{\"b\":\"one.safetensors\"}}", "promises|'b'|one.safetensors"},
        {"{\"weight_map\":{\"a\":\"two.safetensors\",\"b\":\"one.safetensors\"}}", "promises"},
        {"{\"weight_map\":{\"a\":\"one.safetensors\",\"a\":\"two.safetensors\"}}", "duplicate"},
        {"{\"x\":[[[[[[[[[[]]]]]]]]]]}", "nested deeper"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_index_refused("model", cases[i][0], cases[i][1]);
}

static void shards_must_not_repeat_a_tensor(void **state)
{
    (void)state;
    write_shard("model/again.safetensors", "a");
    assert_index_refused("model",
                         "{\"weight_map\":{\"a\":\"one.safetensors\",\"b\":\"two.safetensors\","
                         "\"c\":\"again.safetensors\"}}",
                         "'a'|two shards|one.safetensors|again.safetensors");
}

static void the_number_of_shards_is_limited(void **state)
{
    (void)state;
    tb_str s = {0};
    for (int i = 0; i <= 1000; i++)
        tb_str_appendf(&s, "%s\"t%d\":\"s%d\"", i == 0 ? "{\"weight_map\":{" : ",", i, i);
    tb_str_append(&s, "}}");
    assert_index_refused("model", tb_str_text(&s), "more than 1000 shards");
    tb_str_deinit(&s);
}

static void a_shard_that_links_out_of_the_folder_is_refused(void **state)
{
    (void)state;
    static const char json[] = "{\"weight_map\":{\"c\":\"link.safetensors\"}}";
    (void)unlink("model/link.safetensors");
    assert_int_equal(symlink("../outside.safetensors", "model/link.safetensors"), 0);
    assert_index_refused("model", json, "link.safetensors|out of the model's folder");
    assert_int_equal(unlink("model/link.safetensors"), 0);
    write_shard("model/real.safetensors", "c");
    assert_int_equal(symlink("real.safetensors", "model/link.safetensors"), 0);
    tb_weights *weights;
    tb_error err;
    if (open_index("model", json, &weights, &err) != TIMBRE_OK)
        fail_msg("%s", err.message);
    tb_weights_close(weights);
}

/* The Hugging Face cache: files in blobs, links in snapshots/REVISION. */
static void links_into_the_blobs_of_the_same_cache_are_allowed(void **state)
{
    (void)state;
    static const char snapshot[] = "hub/models--a--b/snapshots/123";
    tb_error err = {0};
    assert_int_equal(tb_dir_make("hub/models--a--b/snapshots/123/unet", &err), TIMBRE_OK);
    assert_int_equal(tb_dir_make("hub/models--a--b/blobs/deep", &err), TIMBRE_OK);
    assert_int_equal(tb_dir_make("hub/models--c--d/blobs", &err), TIMBRE_OK);
    assert_int_equal(tb_dir_make("hub/plain/snapshots/123", &err), TIMBRE_OK);
    assert_int_equal(tb_dir_make("hub/plain/blobs", &err), TIMBRE_OK);
    static const struct {
        const char *root, *link, *target;
        bool is_allowed;
    } cases[] = {
        {snapshot, "hub/models--a--b/snapshots/123/w", "../../blobs/w", true},
        {snapshot, "hub/models--a--b/snapshots/123/unet/w", "../../../blobs/w", true},
        {"hub/models--a--b/snapshots/123/unet", "hub/models--a--b/snapshots/123/unet/v",
         "../../../blobs/w", true},
        {snapshot, "hub/models--a--b/snapshots/123/deep", "../../blobs/deep/w", false},
        {snapshot, "hub/models--a--b/snapshots/123/other", "../../../models--c--d/blobs/w", false},
        {snapshot, "hub/models--a--b/snapshots/123/out", "../../w", false},
        {"hub/plain/snapshots/123", "hub/plain/snapshots/123/w", "../../blobs/w", false},
    };
    write_file("hub/models--a--b/blobs/w", "w", 1);
    write_file("hub/models--a--b/blobs/deep/w", "w", 1);
    write_file("hub/models--a--b/w", "w", 1);
    write_file("hub/models--c--d/blobs/w", "w", 1);
    write_file("hub/plain/blobs/w", "w", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(symlink(cases[i].target, cases[i].link), 0);
        tb_status st = tb_path_require_inside(cases[i].link, cases[i].root, &err);
        if (st != (cases[i].is_allowed ? TIMBRE_OK : TIMBRE_BAD_FILE))
            fail_msg("%s: %d", cases[i].link, st);
    }
    assert_int_equal(tb_path_require_inside("hub/models--a--b/snapshots/123/none", snapshot, &err),
                     TIMBRE_NOT_FOUND);
    assert_int_equal(symlink("loop", "loop"), 0);
    assert_int_not_equal(tb_path_require_inside("loop", ".", &err), TIMBRE_OK);
}

/* "/a/bc" is not inside "/a/b". */
static void names_that_begin_alike_are_not_inside(void **state)
{
    (void)state;
    tb_error err = {0};
    assert_int_equal(tb_dir_make("same", &err), TIMBRE_OK);
    write_file("same-but-longer", "x", 1);
    assert_int_equal(tb_path_require_inside("same-but-longer", "same", &err), TIMBRE_BAD_FILE);
    assert_int_equal(tb_path_require_inside("same/../same-but-longer", "same", &err),
                     TIMBRE_BAD_FILE);
    assert_int_equal(tb_path_require_inside("same-but-longer", ".", &err), TIMBRE_OK);
}

static void what_is_no_file_is_refused(void **state)
{
    (void)state;
    tb_weights *weights;
    tb_error err = {0};
    assert_int_equal(mkfifo("pipe", 0600), 0);
    write_file("empty", "", 0);
    assert_int_equal(tb_weights_open("model", &weights, &err), TIMBRE_BAD_FILE);
    assert_says(&err, "'model'|not a regular file");
    assert_int_equal(tb_weights_open("pipe", &weights, &err), TIMBRE_BAD_FILE);
    assert_says(&err, "'pipe'|not a regular file");
    assert_int_equal(tb_weights_open("/dev/zero", &weights, &err), TIMBRE_BAD_FILE);
    /* nor is anything else hashed: a pipe would be waited for, and /dev/zero has no end */
    static const char *const paths[] = {"pipe", "model", "/dev/zero"};
    char hex[TB_SHA256_HEX_BYTES];
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_int_equal(tb_sha256_file(paths[i], hex, &err), TIMBRE_BAD_FILE);
        assert_says(&err, "not a regular file");
    }
    assert_int_equal(tb_weights_open("empty", &weights, &err), TIMBRE_BAD_FILE);
    assert_says(&err, "'empty'|is empty");
    assert_int_equal(tb_weights_open("none", &weights, &err), TIMBRE_NOT_FOUND);
    assert_null(weights);
}

/* Letting a tensor's pages go changes neither it nor its neighbours, wherever pages begin. */
static void what_was_let_go_comes_back_from_the_file(void **state)
{
    (void)state;
    enum { N = 50000 };
    tb_str s = {0};
    put_safetensors(&s,
                    "{\"a\":{\"dtype\":\"U8\",\"shape\":[50000],\"data_offsets\":[0,50000]},"
                    "\"b\":{\"dtype\":\"U8\",\"shape\":[50000],\"data_offsets\":[50000,100000]}}",
                    2 * N);
    write_file("large.safetensors", s.bytes, s.len);
    tb_str_deinit(&s);
    tb_weights *weights;
    tb_error err = {0};
    static float values[N];
    assert_int_equal(tb_weights_open("large.safetensors", &weights, &err), TIMBRE_OK);
    for (size_t i = 0; i < 4; i++) {
        const tb_tensor *tensor = tb_weights_at(weights, i % 2);
        tb_tensor_read(tensor, 0, N, values);
        tb_weights_let_go(tensor);
        for (int k = 0; k < N; k++)
            assert_true(values[k] == (float)((k + (i % 2 == 1 ? N : 0)) % 256));
    }
    tb_weights_close(weights);
}

/* Pages of memory that is only borrowed would come back as zeros. */
static void borrowed_memory_is_not_let_go(void **state)
{
    (void)state;
    enum { N = 1 << 17 };
    tb_str s = {0};
    tb_weights *weights = NULL;
    tb_error err = {0};
    put_safetensors(&s, "{\"a\":{\"dtype\":\"U8\",\"shape\":[131072],\"data_offsets\":[0,131072]}}",
                    N);
    void *pages = mmap(NULL, s.len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(pages, MAP_FAILED);
    memcpy(pages, s.bytes, s.len);
    assert_int_equal(tb_weights_open_bytes(pages, s.len, &weights, &err), TIMBRE_OK);
    tb_weights_let_go(tb_weights_at(weights, 0));
    assert_memory_equal(pages, s.bytes, s.len);
    tb_weights_close(weights);
    assert_int_equal(munmap(pages, s.len), 0);
    tb_str_deinit(&s);
}

/* Where the system tells that pages are lost, whoever asks hears of it and need not touch them. */
static void a_file_cut_short_is_told(void **state)
{
    (void)state;
#if defined(MADV_POPULATE_READ)
    enum { N = 1 << 17 };
    tb_str s = {0};
    tb_weights *weights = NULL;
    tb_error err = {0};
    put_safetensors(&s, "{\"a\":{\"dtype\":\"U8\",\"shape\":[131072],\"data_offsets\":[0,131072]}}",
                    N);
    write_file("cut.safetensors", s.bytes, s.len);
    tb_str_deinit(&s);
    assert_int_equal(tb_weights_open("cut.safetensors", &weights, &err), TIMBRE_OK);
    const tb_tensor *tensor = tb_weights_at(weights, 0);
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    void *last = (void *)(((uintptr_t)tensor->data + N) / page * page - page);
    assert_true(tb_weights_expect(tensor));
    assert_int_equal(truncate("cut.safetensors", 4096), 0);
    if (madvise(last, page, MADV_POPULATE_READ) != 0) /* else it is emulated, and does nothing */
        assert_false(tb_weights_expect(tensor));
    tb_weights_close(weights);
#endif
}

/* A stamp is of the file that is mapped, whatever has its name now. */
static void stamps_tell_files_apart(void **state)
{
    (void)state;
    tb_weights *weights = NULL;
    tb_error err = {0};
    tb_stamp now = {0};
    assert_int_equal(tb_weights_open("model/one.safetensors", &weights, &err), TIMBRE_OK);
    tb_stamp mapped = tb_weights_stamp(weights, 0);
    assert_true(tb_stamp_get("model/one.safetensors", &now) && tb_stamp_is_same(&mapped, &now));
    assert_true(tb_stamp_get("model/two.safetensors", &now) && !tb_stamp_is_same(&mapped, &now));
    write_shard("model/one.safetensors", "a"); /* the same bytes */
    assert_true(tb_stamp_get("model/one.safetensors", &now) && !tb_stamp_is_same(&mapped, &now));
    assert_false(tb_stamp_get("model/none", &now));
    tb_weights_close(weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(shards_are_one_model, make_shards),
        cmocka_unit_test_setup(indexes_of_a_variant_are_indexes, make_shards),
        cmocka_unit_test_setup(false_indexes_are_refused, make_shards),
        cmocka_unit_test_setup(shards_must_not_repeat_a_tensor, make_shards),
        cmocka_unit_test_setup(the_number_of_shards_is_limited, make_shards),
        cmocka_unit_test_setup(a_shard_that_links_out_of_the_folder_is_refused, make_shards),
        cmocka_unit_test(links_into_the_blobs_of_the_same_cache_are_allowed),
        cmocka_unit_test(names_that_begin_alike_are_not_inside),
        cmocka_unit_test_setup(what_is_no_file_is_refused, make_shards),
        cmocka_unit_test(what_was_let_go_comes_back_from_the_file),
        cmocka_unit_test(borrowed_memory_is_not_let_go),
        cmocka_unit_test(a_file_cut_short_is_told),
        cmocka_unit_test_setup(stamps_tell_files_apart, make_shards),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
