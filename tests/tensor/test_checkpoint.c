/* PyTorch checkpoints: the zip archive around them, and hostile pickles inside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "engine/base/file.h"
#include "engine/tensor/weights_file.h"
#include "tests/tensor/bytes.h"

#define ADD(s, literal) tb_str_append_bytes(s, literal, sizeof(literal) - 1)

/* What a tensor in a pickle says of itself. */
typedef struct {
    const char *storage, *key;
    int64_t numel, offset, shape[9], stride[9];
    int rank, n_strides;
} claim;

static const claim right = {.storage = "FloatStorage",
                            .key = "0",
                            .numel = 4,
                            .shape = {2, 2},
                            .stride = {2, 1},
                            .rank = 2,
                            .n_strides = 2};

static void put_text(tb_str *s, const char *text)
{
    ADD(s, "X");
    put_number(s, strlen(text), 4);
    tb_str_append(s, text);
}

static void put_long(tb_str *s, int64_t value)
{
    ADD(s, "\x8a\x08");
    put_number(s, (uint64_t)value, 8);
}

static void put_tuple(tb_str *s, const int64_t *values, int n)
{
    ADD(s, "(");
    for (int i = 0; i < n; i++)
        put_long(s, values[i]);
    ADD(s, "t");
}

static void put_tensor(tb_str *s, const claim *c)
{
    ADD(s, "ctorch._utils\n_rebuild_tensor_v2\n((");
    put_text(s, "storage");
    tb_str_appendf(s, "ctorch\n%s\n", c->storage);
    put_text(s, c->key);
    put_text(s, "cpu");
    put_long(s, c->numel);
    ADD(s, "tQ");
    put_long(s, c->offset);
    put_tuple(s, c->shape, c->rank);
    put_tuple(s, c->stride, c->n_strides);
    ADD(s, "\x89"
           "ccollections\nOrderedDict\n)RtR");
}

/* Archive around a pickle, with 16 bytes of storage "0": the floats 1, 2, 3, 4. */
static void put_archive(tb_str *s, const tb_str *pickle, int is_64)
{
    static const float numbers[4] = {1, 2, 3, 4};
    const zip_member members[] = {
        {.name = "m/data.pkl", .data = pickle->bytes, .len_bytes = pickle->len, .is_64 = is_64},
        {.name = "m/byteorder", .data = "little", .len_bytes = 6},
        {.name = "m/data/0", .data = numbers, .len_bytes = sizeof numbers, .is_64 = is_64},
        {.name = "m/version", .data = "3\n", .len_bytes = 2},
    };
    put_zip(s, members, 4, is_64);
}

static void put_right_pickle(tb_str *pickle)
{
    ADD(pickle, "\x80\x02}");
    put_text(pickle, "w");
    put_tensor(pickle, &right);
    ADD(pickle, "s.");
}

/* Frees the pickle. */
static void assert_pickle_refused(tb_str *pickle, const char *says)
{
    tb_str s = {0};
    put_archive(&s, pickle, 0);
    tb_str_deinit(pickle);
    assert_refused(&s, says);
}

static void assert_right(const tb_str *s)
{
    float values[4];
    opened o;
    open_copy(&o, s->bytes, s->len);
    if (o.st != TIMBRE_OK)
        fail_msg("%s", o.err.message);
    assert_int_equal(tb_weights_count(o.weights), 1);
    const tb_tensor *tensor = tb_weights_find(o.weights, "w");
    assert_non_null(tensor);
    tb_tensor_read(tensor, 0, 4, values);
    assert_true(values[0] == 1 && values[1] == 2 && values[2] == 3 && values[3] == 4);
    forget(&o);
}

static void archives_are_read_with_and_without_zip64(void **state)
{
    (void)state;
    for (int is_64 = 0; is_64 < 2; is_64++) {
        tb_str pickle = {0}, s = {0};
        put_right_pickle(&pickle);
        put_archive(&s, &pickle, is_64);
        assert_right(&s);
        tb_str_deinit(&pickle);
        tb_str_deinit(&s);
    }
}

static void no_truncated_archive_is_read(void **state)
{
    (void)state;
    for (int is_64 = 0; is_64 < 2; is_64++) {
        tb_str pickle = {0}, s = {0};
        put_right_pickle(&pickle);
        put_archive(&s, &pickle, is_64);
        for (size_t len = 0; len < s.len; len++) {
            opened o;
            open_copy(&o, s.bytes, len);
            assert_int_equal(o.st, TIMBRE_BAD_FILE);
            if (len > 100)
                assert_says(&o.err, "no end record: it is cut short");
            forget(&o);
        }
        tb_str_deinit(&pickle);
        tb_str_deinit(&s);
    }
}

static void false_archives_are_refused(void **state)
{
    (void)state;
    tb_str pickle = {0};
    put_right_pickle(&pickle);
    const char *p = pickle.bytes;
    size_t n = pickle.len;
    const struct {
        zip_member pickle, storage, third;
        const char *says;
    } cases[] = {
        {{"m/data.pkl", p, n, NULL, 8, 0, 0, 0},
         {"m/data/0", "0123456789abcdef", 16},
         {0},
         "m/data.pkl|compressed"},
        {{"m/data.pkl", p, n, NULL, 0, 1, 0, 0},
         {"m/data/0", "0123456789abcdef", 16},
         {0},
         "m/data.pkl|encrypted"},
        {{"m/data.pkl", p, n},
         {"m/data/0", "0123456789abcdef", 16, NULL, 8, 0, 0, 0},
         {0},
         "'w'|m/data/0|compressed"},
        {{"m/data.pkl", p, n},
         {"m/data/0", "0123456789abcdef", 16, "m/data/1", 0, 0, 0, 0},
         {0},
         "'w'|m/data/0|another name"},
        {{"m/data.pkl", p, n},
         {"m/data/0", "0123456789abcde", 15},
         {0},
         "'w'|data/0|4 elements of fp32|15 bytes"},
        {{"m/data.pkl", p, n},
         {"m/data/0", "0123", 4, NULL, 0, 0, 0, 12},
         {0},
         "'w'|m/data/0|longer than the archive"},
        {{"m/data.pkl", p, n},
         {"m/data/1", "0123456789abcdef", 16},
         {0},
         "'w'|data/0|not in the archive"},
        {{"m/data.pkl", p, n, NULL, 0, 0, 1, INT64_MIN},
         {"m/data/0", "", 0},
         {0},
         "data.pkl|exceeds"},
        {{"m/other", p, n}, {"m/data/0", "0123456789abcdef", 16}, {0}, "without FOLDER/data.pkl"},
        {{"data.pkl", p, n}, {"m/data/0", "0123456789abcdef", 16}, {0}, "without FOLDER/data.pkl"},
        {{"a/b/data.pkl", p, n}, {"m/data/0", "", 0}, {0}, "without FOLDER/data.pkl"},
        {{"m/data.pkl", p, n}, {"n/data.pkl", p, n}, {0}, "several data.pkl"},
        {{"m/data.pkl", p, n},
         {"m/data/0", "", 0},
         {"m/data/0", "0123456789abcdef", 16},
         "m/data/0|twice"},
        {{"m/data.pkl", p, n}, {"m/data/0", "", 0}, {"m/byteorder", "big", 3}, "byte order"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tb_str s = {0};
        zip_member members[] = {cases[i].pickle, cases[i].storage, cases[i].third};
        put_zip(&s, members, members[2].name == NULL ? 2 : 3, 0);
        assert_refused(&s, cases[i].says);
    }
    tb_str_deinit(&pickle);
}

static void every_damaged_byte_of_the_directory_is_survived(void **state)
{
    (void)state;
    static const unsigned char values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    for (int is_64 = 0; is_64 < 2; is_64++) {
        tb_str pickle = {0}, s = {0};
        put_right_pickle(&pickle);
        put_archive(&s, &pickle, is_64);
        for (size_t at = pickle.len; at < s.len; at++)
            for (size_t k = 0; k < sizeof values; k++) {
                char was = s.bytes[at];
                s.bytes[at] = (char)values[k];
                opened o;
                open_copy(&o, s.bytes, s.len);
                assert_true(o.st == TIMBRE_OK || o.err.message[0] != '\0');
                forget(&o);
                s.bytes[at] = was;
            }
        tb_str_deinit(&pickle);
        tb_str_deinit(&s);
    }
}

static void tensors_outside_their_storage_are_refused(void **state)
{
    (void)state;
    static const struct {
        int64_t numel, offset, shape[2], stride[2];
        const char *says;
    } cases[] = {
        {4, 1, {2, 2}, {2, 1}, "'w'|[2, 2]|[2, 1]|element 1|storage of 4"},
        {4, 0, {2, 3}, {2, 1}, "leaves its storage"},
        {4, -1, {2, 2}, {2, 1}, "element -1|leaves its storage"},
        {4, 0, {2, 2}, {-2, 1}, "[-2, 1]|leaves its storage"},
        {4, INT64_MAX, {2, 2}, {2, 1}, "leaves its storage"},
        {4, 0, {2, 2}, {INT64_MAX, 1}, "leaves its storage"},
        {4, 2, {3, 1}, {INT64_MAX, 1}, "leaves its storage"},
        {4, 0, {-2, 2}, {2, 1}, "[-2, 2]|negative"},
        {4, 0, {INT64_C(1) << 32, INT64_C(1) << 32}, {0, 0}, "too large"},
        {4, 5, {0, 2}, {2, 1}, "leaves its storage"},
        {5, 0, {2, 2}, {2, 1}, "data/0|5 elements of fp32 has 16 bytes"},
        {3, 0, {2, 1}, {2, 1}, "data/0|3 elements of fp32 has 16 bytes"},
        {INT64_C(1) << 62, 0, {2, 2}, {2, 1}, "data/0|4611686018427387904 elements"},
        {(INT64_C(1) << 62) + 4, 0, {2, 2}, {2, 1}, "data/0|elements of fp32 has 16"},
        {-4, 0, {2, 2}, {2, 1}, "BINPERSID|length of a storage"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tb_str pickle = {0};
        claim c = right;
        c.numel = cases[i].numel;
        c.offset = cases[i].offset;
        memcpy(c.shape, cases[i].shape, sizeof cases[i].shape);
        memcpy(c.stride, cases[i].stride, sizeof cases[i].stride);
        ADD(&pickle, "\x80\x02}");
        put_text(&pickle, "w");
        put_tensor(&pickle, &c);
        ADD(&pickle, "s.");
        assert_pickle_refused(&pickle, cases[i].says);
    }
    tb_str pickle = {0};
    claim c = right;
    c.rank = 9;
    put_tensor(&pickle, &c);
    assert_pickle_refused(&pickle, "REDUCE|rank 9|8");
    c = right;
    c.n_strides = 1;
    put_tensor(&pickle, &c);
    assert_pickle_refused(&pickle, "REDUCE|rank 2 with 1 strides");
}

/* PyTorch writes any stride where a dimension is never stepped along; whoever multiplies it by the
 * size of an element must not overflow. */
static void strides_that_are_never_used_stay_small(void **state)
{
    (void)state;
    static const struct {
        int64_t shape[2], stride[2];
    } cases[] = {
        {{1, 4}, {INT64_C(1) << 62, 1}}, {{4, 1}, {1, INT64_MAX}}, {{1, 1}, {INT64_MAX, INT64_MAX}},
        {{0, 4}, {INT64_MAX, 1}},        {{4, 0}, {INT64_MAX, 1}}, {{2, 2}, {2, 1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tb_str pickle = {0}, s = {0};
        opened o;
        claim c = right;
        memcpy(c.shape, cases[i].shape, sizeof cases[i].shape);
        memcpy(c.stride, cases[i].stride, sizeof cases[i].stride);
        ADD(&pickle, "\x80\x02}");
        put_text(&pickle, "w");
        put_tensor(&pickle, &c);
        ADD(&pickle, "s.");
        put_archive(&s, &pickle, 0);
        open_copy(&o, s.bytes, s.len);
        assert_int_equal(o.st, TIMBRE_OK);
        const tb_tensor *tensor = tb_weights_find(o.weights, "w");
        assert_non_null(tensor);
        for (int d = 0; d < 2; d++)
            assert_in_range(tensor->stride[d], 0, 4); /* the storage has four elements */
        float values[4];
        tb_tensor_read(tensor, 0, tensor->n_elements, values);
        for (int64_t k = 0; k < tensor->n_elements; k++)
            assert_true(values[k] == (float)(k + 1));
        forget(&o);
        tb_str_deinit(&s);
        tb_str_deinit(&pickle);
    }
}

#define CASE(pickle, says)                                                                         \
    {                                                                                              \
        pickle, sizeof(pickle) - 1, says                                                           \
    }

static const struct {
    const char *pickle;
    size_t len;
    const char *says;
} hostile[] = {
    /* programs */
    CASE("\x80\x02"
         "cos\nsystem\n(X\x02\x00\x00\x00idtR.",
         "GLOBAL at byte 2|'os.system'|nothing was executed"),
    CASE("\x80\x02"
         "cposix\nsystem\n(X\x02\x00\x00\x00idtR.",
         "posix.system"),
    CASE("\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x02id\x85R.",
         "STACK_GLOBAL at byte 14|os.system"),
    CASE("\x80\x02"
         "c__builtin__\neval\n(X\x01\x00\x00\x00"
         "1tR.",
         "__builtin__.eval"),
    CASE("\x80\x02"
         "cbuiltins\nexec\n(X\x01\x00\x00\x00"
         "1tR.",
         "builtins.exec"),
    CASE("\x80\x02"
         "curllib.request\nurlopen\n)R.",
         "urllib.request.urlopen"),
    CASE("\x80\x02"
         "cevil\x1b[2J\nx\n)R.",
         "'evil?[2J.x'|never executed"),
    CASE("\x80\x02"
         "cmodule\nThing\n)\x81}b.",
         "'module.Thing'|never executed"),
    CASE("(X\x02\x00\x00\x00idios\nsystem\n.", "INST at byte 8|not supported"),
    CASE("(cos.path\njoin\no.", "os.path.join"),
    CASE("(cmodule\nThing\no.", "OBJ at byte 15|not supported"),
    CASE("\x82\x01.", "EXT1 at byte 0"),
    CASE("\x83\x01\x00.", "EXT2 at byte 0"),
    CASE("\x84\x01\x00\x00\x00.", "EXT4 at byte 0"),
    CASE("P0\n.", "PERSID at byte 0"),
    CASE("\x97.", "NEXT_BUFFER"),
    CASE("\x80\x02\xf0.", "byte 2|0xf0 is no known opcode"),
    CASE("\x80\x09.", "protocol 9"),
    CASE("\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.", "FRAME|9223372036854775807"),
    /* misuse of what is known */
    CASE("}(X\x01\x00\x00\x00wtb.", "no tensors"),
    CASE("(K\x01K\x02ttb.", "TUPLE at byte 6|no mark"),
    CASE("K\x01)R.", "REDUCE|calls something that is no name"),
    CASE("ccollections\nOrderedDict\nK\x01R.", "REDUCE|not a tuple"),
    CASE("ccollections\nOrderedDict\n(K\x01tR.", "OrderedDict with arguments"),
    CASE("ctorch._utils\n_rebuild_tensor_v2\n(K\x01tR.", "1 arguments"),
    CASE("ctorch._utils\n_rebuild_tensor_v2\n(K\x01K\x01))tR.", "other than a storage"),
    CASE("ctorch._utils\n_rebuild_parameter\n(K\x01tR.", "no tensor"),
    CASE("K\x01Q.", "BINPERSID|other than a storage"),
    CASE("(X\x07\x00\x00\x00storageK\x01X\x01\x00\x00\x00"
         "0K\x00K\x04tQ.",
         "class of a storage"),
    CASE("K\x01}b.", "BUILD|no attributes"),
    CASE("K\x01K\x02\x93.", "STACK_GLOBAL|not texts"),
    CASE("]K\x01K\x02s.", "SETITEM|takes no such items"),
    CASE("}K\x01"
         "a.",
         "APPEND|takes no such items"),
    CASE("}(K\x01u.", "SETITEMS|keys with values"),
    CASE("(K\x01"
         "d.",
         "DICT|keys with values"),
    CASE("h\x05.", "BINGET|nothing in the memo at 5"),
    CASE("Nr\xff\xff\xff\xff.", "LONG_BINPUT|4294967295 exceeds"),
    CASE("q\x00.", "BINPUT|stack is empty"),
    CASE("(q\x00.", "BINPUT|stack is empty"),
    CASE("0.", "POP|stack is empty"),
    CASE(".", "STOP|stack is empty"),
    CASE("e.", "APPENDS|no mark"),
    CASE("I1x\n.", "INT|digits"),
    CASE("L\n.", "LONG|no digits"),
    CASE("I1", "INT|line does not end"),
    /* cut short */
    CASE("", "ends without STOP"),
    CASE("}", "byte 1|ends without STOP"),
    CASE("X\x10\x00\x00\x00"
         "ab",
         "BINUNICODE|16 more bytes, there are 2"),
    CASE("\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", "BINUNICODE8|18446744073709551615"),
    CASE("\x8b\xff\xff\xff\xff.", "LONG4|4294967295"),
    CASE("J\x00", "BININT|4 more bytes"),
    /* circles */
    CASE("]q\x00h\x00"
         "a.",
         "not a dict of tensors"),
    CASE("}q\x00X\x0a\x00\x00\x00state_dicth\x00s.", "no tensors"),
    CASE("}q\x00(X\x01\x00\x00\x00"
         "ah\x00h\x00h\x00uh\x00"
         "b.",
         "no tensors"),
    CASE("(t.", "not a dict of tensors"),
    CASE("}.", "no tensors"),
    CASE("N.", "not a dict of tensors"),
};

static void hostile_pickles_are_refused_with_opcode_and_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        tb_str pickle = {0};
        tb_str_append_bytes(&pickle, hostile[i].pickle, hostile[i].len);
        assert_pickle_refused(&pickle, hostile[i].says);
    }
}

/* Strangers beside the weights do no harm and hide nothing. */
static void what_is_unknown_beside_the_weights_is_passed_over(void **state)
{
    (void)state;
    tb_str pickle = {0}, s = {0};
    ADD(&pickle, "\x80\x02}(");
    put_text(&pickle, "callbacks");
    ADD(&pickle, "cpytorch_lightning.callbacks\nCheckpoint\n)\x81}b");
    put_text(&pickle, "number");
    ADD(&pickle, "cnumpy.core.multiarray\nscalar\n(K\x01K\x02tR");
    put_text(&pickle, "w");
    put_tensor(&pickle, &(claim){.storage = "ComplexFloatStorage", .key = "9", .numel = 1});
    put_text(&pickle, "state_dict");
    ADD(&pickle, "}(");
    put_text(&pickle, "w");
    put_tensor(&pickle, &right);
    put_text(&pickle, "complex");
    put_tensor(&pickle, &(claim){.storage = "ComplexFloatStorage", .key = "9", .numel = 1});
    ADD(&pickle, "uu.");
    put_archive(&s, &pickle, 0);
    assert_right(&s);
    tb_str_deinit(&pickle);
    tb_str_deinit(&s);
}

static void tensors_of_one_name_are_refused(void **state)
{
    (void)state;
    tb_str pickle = {0};
    ADD(&pickle, "\x80\x02}(");
    put_text(&pickle, "w");
    put_tensor(&pickle, &right);
    put_text(&pickle, "w");
    put_tensor(&pickle, &right);
    ADD(&pickle, "u.");
    assert_pickle_refused(&pickle, "'w' is there twice");
}

/* Small pickles that describe much: memory and time stay bounded. */
static void explosions_stay_small(void **state)
{
    (void)state;
    tb_str pickle = {0};
    ADD(&pickle, "N"); /* a tuple of two of the former, a million times: 2^1000000 leaves */
    for (int i = 0; i < 1000000; i++)
        ADD(&pickle, "2\x86");
    ADD(&pickle, ".");
    assert_pickle_refused(&pickle, "not a dict of tensors");
    for (int i = 0; i < (1 << 20) + 2; i++)
        ADD(&pickle, "N");
    assert_pickle_refused(&pickle, "NONE|more than 1048576 values are open");
    for (int i = 0; i < 5000; i++)
        ADD(&pickle, "(");
    assert_pickle_refused(&pickle, "MARK|more than 4096 values are open");
    for (int i = 0; i < (9 << 20) / 2; i++)
        ADD(&pickle, "}0");
    assert_pickle_refused(&pickle, "more than 128 MiB");
}

static char *read_legacy(size_t *len)
{
    char *bytes = NULL;
    tb_error err = {0};
    assert_int_equal(
        tb_file_read(data_path("vectors/tensor_plain.legacy"), 1 << 20, &bytes, len, &err),
        TIMBRE_OK);
    return bytes;
}

static void no_truncated_legacy_checkpoint_is_read(void **state)
{
    (void)state;
    size_t len;
    char *bytes = read_legacy(&len);
    for (size_t n = 0; n < len; n++) {
        opened o;
        open_copy(&o, bytes, n);
        if (o.st != TIMBRE_BAD_FILE || o.err.message[0] == '\0')
            fail_msg("%zu of %zu bytes: %d", n, len, o.st);
        forget(&o);
    }
    free(bytes);
}

static void every_damaged_byte_of_a_legacy_checkpoint_is_survived(void **state)
{
    (void)state;
    size_t len;
    char *bytes = read_legacy(&len);
    for (size_t at = 0; at < len; at++)
        for (int k = 0; k < 3; k++) {
            char was = bytes[at];
            bytes[at] = (char)(k == 0 ? was ^ 1 : k == 1 ? 0xff : 0);
            opened o;
            open_copy(&o, bytes, len);
            assert_true(o.st == TIMBRE_OK || o.err.message[0] != '\0');
            forget(&o);
            bytes[at] = was;
        }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(archives_are_read_with_and_without_zip64),
        cmocka_unit_test(no_truncated_archive_is_read),
        cmocka_unit_test(false_archives_are_refused),
        cmocka_unit_test(every_damaged_byte_of_the_directory_is_survived),
        cmocka_unit_test(tensors_outside_their_storage_are_refused),
        cmocka_unit_test(strides_that_are_never_used_stay_small),
        cmocka_unit_test(hostile_pickles_are_refused_with_opcode_and_place),
        cmocka_unit_test(what_is_unknown_beside_the_weights_is_passed_over),
        cmocka_unit_test(tensors_of_one_name_are_refused),
        cmocka_unit_test(explosions_stay_small),
        cmocka_unit_test(no_truncated_legacy_checkpoint_is_read),
        cmocka_unit_test(every_damaged_byte_of_a_legacy_checkpoint_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
