/* safetensors: what a header may say and what not; each lie has its own message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tests/tensor/bytes.h"

static void a_right_file_is_read(void **state)
{
    (void)state;
    tb_str s = {0};
    put_safetensors(&s,
                    "{\"b\":{\"dtype\":\"U8\",\"shape\":[2,3],\"data_offsets\":[0,6]},"
                    "\"__metadata__\":{\"k\":\"v\"},"
                    "\"none\":{\"dtype\":\"F32\",\"shape\":[4,0],\"data_offsets\":[6,6]},"
                    "\"a\":{\"dtype\":\"I16\",\"shape\":[],\"data_offsets\":[6,8]}}   ",
                    8);
    opened o;
    open_copy(&o, s.bytes, s.len);
    if (o.st != TIMBRE_OK)
        fail_msg("%s", o.err.message);
    assert_int_equal(tb_weights_count(o.weights), 3);
    assert_string_equal(tb_weights_at(o.weights, 0)->name, "a");
    float values[4];
    tb_tensor_read(tb_weights_find(o.weights, "b"), 2, 4, values);
    assert_true(values[0] == 2 && values[3] == 5);
    tb_tensor_read(tb_weights_find(o.weights, "a"), 0, 1, values);
    assert_true(values[0] == 6 + 7 * 256);
    assert_int_equal(tb_weights_find(o.weights, "none")->n_elements, 0);
    assert_string_equal(tb_weights_metadata(o.weights, "k"), "v");
    forget(&o);
    tb_str_deinit(&s);
}

#define ONE(fields)        "{\"x.weight\":{" fields "}}"
#define U8(shape, offsets) ONE("\"dtype\":\"U8\",\"shape\":" shape ",\"data_offsets\":" offsets)
#define PART(name, begin, end, n)                                                                  \
    "\"" name "\":{\"dtype\":\"U8\",\"shape\":[" n "],\"data_offsets\":[" begin "," end "]}"

static const struct {
    const char *header;
    size_t data_bytes;
    const char *says;
} lies[] = {
    {U8("[4]", "[0,5]"), 5, "x.weight|[4]|does not make the 5 bytes"},
    {U8("[5]", "[0,5]"), 4, "x.weight|0 to 5|out of range|4 bytes"},
    {U8("[5]", "[0,5]"), 6, "end at byte 5|file at byte 6"},
    {U8("[4]", "[4,0]"), 4, "x.weight|4 to 0|out of range"},
    {U8("[4]", "[-4,0]"), 4, "x.weight|-4|negative"},
    {U8("[-4]", "[0,4]"), 4, "x.weight|-4|negative"},
    {U8("[4]", "[1,5]"), 5, "x.weight|byte 1|hole"},
    {U8("[4]", "[0,4,8]"), 4, "data_offsets|3 numbers"},
    {U8("[4]", "[0]"), 4, "data_offsets|1 numbers"},
    {U8("[4]", "4"), 4, "no 'data_offsets'"},
    {U8("[4.0]", "[0,4]"), 4, "shape|other than an integer"},
    {U8("[\"4\"]", "[0,4]"), 4, "shape|other than an integer"},
    {U8("[18446744073709551620]", "[0,4]"), 4, "JSON|integer"},
    {U8("[4294967296,4294967296]", "[0,0]"), 0, "[4294967296, 4294967296]|too large"},
    {U8("[4294967296,4294967296,4]", "[0,4]"), 4, "product|too large"},
    {U8("[4611686018427387904,4,0]", "[0,0]"), 0, "product|too large"},
    {ONE("\"dtype\":\"F64\",\"shape\":[2305843009213693952],\"data_offsets\":[0,0]"), 0,
     "x.weight|does not make"},
    {U8("[1,1,1,1,1,1,1,1,1]", "[0,1]"), 1, "shape|9 numbers|8"},
    {ONE("\"dtype\":\"F8_E4M3\",\"shape\":[4],\"data_offsets\":[0,4]"), 4,
     "x.weight|F8_E4M3|not supported"},
    {ONE("\"dtype\":\"F4\",\"shape\":[4],\"data_offsets\":[0,2]"), 2, "F4|not supported"},
    {ONE("\"dtype\":\"U64\",\"shape\":[1],\"data_offsets\":[0,8]"), 8, "U64|not supported"},
    {ONE("\"dtype\":\"Q\\u001b4\",\"shape\":[1],\"data_offsets\":[0,8]"), 8, "unknown dtype 'Q?4'"},
    {ONE("\"shape\":[1],\"data_offsets\":[0,8]"), 8, "x.weight|dtype"},
    {ONE("\"dtype\":\"U8\",\"data_offsets\":[0,8]"), 8, "x.weight|no 'shape'"},
    {ONE("\"dtype\":\"U8\",\"shape\":[8]"), 8, "x.weight|no 'data_offsets'"},
    {"{\"x.weight\":[1]}", 0, "x.weight|not an object"},
    {"{" PART("a", "0", "4", "4") "," PART("b", "3", "7", "4") "}", 7, "tensor 'b'|byte 3|overlap"},
    {"{" PART("a", "0", "4", "4") "," PART("b", "0", "4", "4") "}", 4, "byte 0|overlap"},
    {"{" PART("a", "5", "8", "3") "," PART("b", "0", "4", "4") "}", 8, "tensor 'a'|byte 5|hole"},
    {"{" PART("a", "0", "4", "4") "," PART("a", "4", "8", "4") "}", 8, "JSON|duplicate"},
    {"{" PART("", "0", "4", "4") "}", 4, "name|0 bytes"},
    {"{" PART("a\\u0007b", "0", "4", "4") "}", 4, "'a?b'|control character|byte 1"},
    {"{" PART("a\\u0000b", "0", "4", "4") "}", 4, "JSON"},
    {"{\"__metadata__\":{\"k\":1}}", 0, "__metadata__|'k'|not a text"},
    {"{\"__metadata__\":[]}", 0, "__metadata__|not an object"},
    {"{\"a\":[[[[[[[[]]]]]]]]}", 0, "nested deeper than 3|byte"},
    {"{\"x.weight\"", 0, "JSON"},
    {"{} {}", 0, "JSON"},
    {"{}", 1, "end at byte 0|file at byte 1"},
    {"{", 8, "JSON"},
};

static void every_lie_has_its_message(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        tb_str s = {0};
        put_safetensors(&s, lies[i].header, lies[i].data_bytes);
        assert_refused(&s, lies[i].says);
    }
}

/* The length of the header itself. */
static void header_lengths_are_checked(void **state)
{
    (void)state;
    static const struct {
        uint64_t length;
        const char *says;
    } cases[] = {
        {UINT64_MAX, "18446744073709551615|exceeds 100000000"},
        {UINT64_MAX - 7, "exceeds"},
        {100000001, "exceeds 100000000"},
        {100000000, "longer than the file"},
        {43, "longer than the file"},
        {0, "JSON"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tb_str s = {0};
        put_number(&s, cases[i].length, 8);
        tb_str_append(&s, "{\"x\":{\"dtype\":\"U8\",\"shape\":[1]}");
        assert_refused(&s, cases[i].says);
    }
}

static void deep_and_large_json_is_refused_before_it_is_built(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    tb_str deep = {0}, broad = {0}, header = {0};
    tb_str_append(&header, "{\"a\":");
    for (int i = 0; i < N; i++)
        tb_str_append(&header, "[");
    put_safetensors(&deep, tb_str_text(&header), 0);
    assert_refused(&deep, "nested deeper than 3 levels at byte 7");
    tb_str_deinit(&header);
    tb_str_append(&header, "{\"a\":[");
    for (int i = 0; i < N; i++)
        tb_str_append(&header, "1,");
    put_safetensors(&broad, tb_str_text(&header), 0);
    assert_refused(&broad, "more than 524288 values");
    tb_str_deinit(&header);
}

static void the_number_of_tensors_and_their_names_are_limited(void **state)
{
    (void)state;
    tb_str many = {0}, header = {0}, long_name = {0};
    for (int i = 0; i <= 1 << 15; i++)
        tb_str_appendf(&header, "%s\"%d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}",
                       i == 0 ? "{" : ",", i);
    tb_str_append(&header, "}");
    put_safetensors(&many, tb_str_text(&header), 0);
    assert_refused(&many, "more than 32768 tensors");
    tb_str_deinit(&header);
    tb_str_appendf(&header, "{\"%0257d\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}",
                   0);
    put_safetensors(&long_name, tb_str_text(&header), 0);
    assert_refused(&long_name, "257 bytes|256");
    tb_str_deinit(&header);
}

/* No prefix of a right file is a right file. */
static void every_truncation_is_refused(void **state)
{
    (void)state;
    tb_str s = {0};
    put_safetensors(&s, "{" PART("a", "0", "4", "4") "," PART("b", "4", "8", "4") "}", 8);
    opened whole;
    open_copy(&whole, s.bytes, s.len);
    assert_int_equal(whole.st, TIMBRE_OK);
    forget(&whole);
    for (size_t len = 0; len < s.len; len++) {
        opened o;
        open_copy(&o, s.bytes, len);
        assert_int_equal(o.st, TIMBRE_BAD_FILE);
        assert_true(o.err.message[0] != '\0');
        forget(&o);
    }
    tb_str_deinit(&s);
}

static void other_files_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } files[] = {
        {"", "0 bytes"},
        {"abc", "3 bytes are too short"},
        {"version https://git-lfs.github.com/spec/v1\noid", "Git LFS"},
        {"GGUF\003aaaaaaaaaaaaaaaaaaaa", "GGUF"},
        {"<!DOCTYPE html><html>......", "web page"},
        {"\200\003}q\001X\004\001\001\001aaaaaaaaaaaa", "pickle without the mark"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "neither safetensors nor"},
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        tb_str s = {0};
        tb_str_append(&s, files[i].text);
        assert_refused(&s, files[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_right_file_is_read),
        cmocka_unit_test(every_lie_has_its_message),
        cmocka_unit_test(header_lengths_are_checked),
        cmocka_unit_test(deep_and_large_json_is_refused_before_it_is_built),
        cmocka_unit_test(the_number_of_tensors_and_their_names_are_limited),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(other_files_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
