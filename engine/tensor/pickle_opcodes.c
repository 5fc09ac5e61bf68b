/* The opcodes of pickle protocols 2 to 5 that torch.save uses. Names as in Python's pickletools. */
#include <stddef.h>

#include "engine/tensor/little.h"
#include "engine/tensor/pickle_machine.h"

enum { HIGHEST_PROTOCOL = 5 };

/* An unsigned number of n_bytes behind the opcode. */
static tb_status take_number(tb_pickle_machine *m, int n_bytes, uint64_t *value)
{
    const unsigned char *bytes;
    tb_status st = tb_pickle_take(m, (uint64_t)n_bytes, &bytes);
    if (st == TIMBRE_OK)
        *value = tb_little(bytes, n_bytes);
    return st;
}

static tb_status do_proto(tb_pickle_machine *m, int unused)
{
    (void)unused;
    uint64_t version = 0;
    tb_status st = take_number(m, 1, &version);
    if (st == TIMBRE_OK && version > HIGHEST_PROTOCOL)
        return tb_pickle_fail(m, "protocol %d exceeds %d", (int)version, HIGHEST_PROTOCOL);
    return st;
}

static tb_status do_frame(tb_pickle_machine *m, int unused)
{
    (void)unused;
    uint64_t len = 0;
    tb_status st = take_number(m, 8, &len);
    if (st == TIMBRE_OK && len > m->len_bytes - m->at)
        return tb_pickle_fail(m, "a frame of %llu bytes, there are %zu", (unsigned long long)len,
                              m->len_bytes - m->at);
    return st;
}

static tb_status do_stop(tb_pickle_machine *m, int unused)
{
    (void)unused;
    m->is_stopped = true;
    return TIMBRE_OK;
}

static tb_status do_mark(tb_pickle_machine *m, int unused)
{
    (void)unused;
    return tb_pickle_mark(m);
}

static tb_status do_pop_mark(tb_pickle_machine *m, int unused)
{
    (void)unused;
    tb_pickle_value **values;
    size_t n;
    return tb_pickle_pop_mark(m, &values, &n);
}

/* A mark is on the stack like a value. */
static tb_status do_pop(tb_pickle_machine *m, int unused)
{
    (void)unused;
    tb_pickle_value *value;
    if (m->n_marks > 0 && m->marks[m->n_marks - 1] == m->depth)
        return do_pop_mark(m, 0);
    return tb_pickle_pop(m, &value);
}

static tb_status do_dup(tb_pickle_machine *m, int unused)
{
    (void)unused;
    tb_pickle_value *value;
    tb_status st = tb_pickle_top(m, &value);
    return st == TIMBRE_OK ? tb_pickle_push(m, value) : st;
}

static tb_status do_new(tb_pickle_machine *m, int kind)
{
    tb_pickle_value *value;
    tb_status st = tb_pickle_new(m, (tb_pickle_kind)kind, &value);
    return st == TIMBRE_OK ? tb_pickle_push(m, value) : st;
}

static tb_status push_opaque(tb_pickle_machine *m)
{
    return tb_pickle_push(m, tb_pickle_constant(m, TB_PICKLE_OPAQUE, false));
}

static tb_status do_opaque(tb_pickle_machine *m, int unused)
{
    (void)unused;
    return push_opaque(m);
}

static tb_status do_none(tb_pickle_machine *m, int unused)
{
    (void)unused;
    return tb_pickle_push(m, tb_pickle_constant(m, TB_PICKLE_NONE, false));
}

static tb_status do_bool(tb_pickle_machine *m, int is_true)
{
    return tb_pickle_push(m, tb_pickle_constant(m, TB_PICKLE_BOOL, is_true != 0));
}

static tb_status push_integer(tb_pickle_machine *m, int64_t integer)
{
    tb_pickle_value *value;
    tb_status st = tb_pickle_new(m, TB_PICKLE_INTEGER, &value);
    if (st != TIMBRE_OK)
        return st;
    value->integer = integer;
    return tb_pickle_push(m, value);
}

/* n_bytes > 0: unsigned of that width; -4: signed of four. */
static tb_status do_binint(tb_pickle_machine *m, int n_bytes)
{
    uint64_t value = 0;
    tb_status st = take_number(m, n_bytes < 0 ? -n_bytes : n_bytes, &value);
    if (st != TIMBRE_OK)
        return st;
    return push_integer(m, n_bytes < 0 ? (int32_t)(uint32_t)value : (int64_t)value);
}

/* Two's complement of any length; what passes 64 bits is opaque. */
static tb_status do_long(tb_pickle_machine *m, int length_bytes)
{
    uint64_t n = 0;
    const unsigned char *bytes = NULL;
    tb_status st = take_number(m, length_bytes, &n);
    if (st == TIMBRE_OK)
        st = tb_pickle_take(m, n, &bytes);
    if (st != TIMBRE_OK)
        return st;
    if (n > 8)
        return push_opaque(m);
    uint64_t value = tb_little(bytes, (int)n);
    if (n > 0 && n < 8 && (bytes[n - 1] & 0x80) != 0)
        value |= UINT64_MAX << (8 * n);
    return push_integer(m, (int64_t)value);
}

/* "-123" or, of a LONG, "-123L"; more than 18 digits are opaque. */
static tb_status do_int_line(tb_pickle_machine *m, int suffix)
{
    enum { MAX_DIGITS = 18 };
    tb_pickle_text line;
    tb_status st = tb_pickle_take_line(m, &line);
    if (st != TIMBRE_OK)
        return st;
    if (suffix == 0 && line.len_bytes == 2 && line.bytes[0] == '0' &&
        (line.bytes[1] == '0' || line.bytes[1] == '1'))
        return do_bool(m, line.bytes[1] == '1'); /* as protocols 0 and 1 write them */
    if (suffix != 0 && line.len_bytes > 0 && line.bytes[line.len_bytes - 1] == suffix)
        line.len_bytes--;
    size_t i = line.len_bytes > 0 && line.bytes[0] == '-', n_digits = line.len_bytes - i;
    int64_t value = 0;
    if (n_digits == 0)
        return tb_pickle_fail(m, "its number has no digits");
    for (size_t k = i; k < line.len_bytes; k++) {
        if (line.bytes[k] < '0' || line.bytes[k] > '9')
            return tb_pickle_fail(m, "its number has something other than digits");
        if (n_digits <= MAX_DIGITS)
            value = 10 * value + (line.bytes[k] - '0');
    }
    return n_digits > MAX_DIGITS ? push_opaque(m) : push_integer(m, i > 0 ? -value : value);
}

/* Bytes behind a length of length_bytes: text, or with a negative length_bytes nothing we read. */
static tb_status do_text(tb_pickle_machine *m, int length_bytes)
{
    uint64_t n = 0;
    const unsigned char *bytes = NULL;
    tb_pickle_value *value;
    tb_status st = take_number(m, length_bytes < 0 ? -length_bytes : length_bytes, &n);
    if (st == TIMBRE_OK)
        st = tb_pickle_take(m, n, &bytes);
    if (st == TIMBRE_OK && length_bytes < 0)
        return push_opaque(m);
    if (st == TIMBRE_OK)
        st = tb_pickle_new(m, TB_PICKLE_TEXT, &value);
    if (st != TIMBRE_OK)
        return st;
    value->text = (tb_pickle_text){(const char *)bytes, (size_t)n};
    return tb_pickle_push(m, value);
}

static tb_status do_float(tb_pickle_machine *m, int n_bytes)
{
    const unsigned char *bytes;
    tb_status st = tb_pickle_take(m, (uint64_t)n_bytes, &bytes);
    return st == TIMBRE_OK ? push_opaque(m) : st;
}

/* The topmost n values, or those above the mark, become a value of that kind. The values stay where
 * they were on the stack until the new one is pushed, and adding them pushes nothing. */
static tb_status push_items(tb_pickle_machine *m, tb_pickle_kind kind, tb_pickle_value **values,
                            size_t n)
{
    tb_pickle_value *made;
    tb_status st = tb_pickle_new(m, kind, &made);
    for (size_t i = 0; st == TIMBRE_OK && i < n; i++)
        st = tb_pickle_add_item(m, made, values[i]);
    return st == TIMBRE_OK ? tb_pickle_push(m, made) : st;
}

static tb_status do_tuple_n(tb_pickle_machine *m, int n)
{
    tb_pickle_value *values[3];
    for (int i = n - 1; i >= 0; i--) {
        tb_status st = tb_pickle_pop(m, &values[i]);
        if (st != TIMBRE_OK)
            return st;
    }
    return push_items(m, TB_PICKLE_TUPLE, values, (size_t)n);
}

static tb_status do_collect(tb_pickle_machine *m, int kind)
{
    tb_pickle_value **values;
    size_t n;
    tb_status st = tb_pickle_pop_mark(m, &values, &n);
    if (st != TIMBRE_OK)
        return st;
    if (kind == TB_PICKLE_OPAQUE) /* a frozenset */
        return push_opaque(m);
    if (kind == TB_PICKLE_DICT && n % 2 != 0)
        return tb_pickle_fail(m, "%zu values are not keys with values", n);
    return push_items(m, (tb_pickle_kind)kind, values, n);
}

static tb_status add_all(tb_pickle_machine *m, tb_pickle_value **values, size_t n, int kind)
{
    tb_pickle_value *to;
    tb_status st = tb_pickle_top(m, &to);
    if (st != TIMBRE_OK || to->kind == TB_PICKLE_OPAQUE)
        return st;
    if ((int)to->kind != kind)
        return tb_pickle_fail(m, "it adds to something that takes no such items");
    if (kind == TB_PICKLE_DICT && n % 2 != 0)
        return tb_pickle_fail(m, "%zu values are not keys with values", n);
    for (size_t i = 0; st == TIMBRE_OK && i < n; i++)
        st = tb_pickle_add_item(m, to, values[i]);
    return st;
}

static tb_status do_add_marked(tb_pickle_machine *m, int kind)
{
    tb_pickle_value **values;
    size_t n;
    tb_status st = tb_pickle_pop_mark(m, &values, &n);
    return st == TIMBRE_OK ? add_all(m, values, n, kind) : st;
}

static tb_status do_add_one(tb_pickle_machine *m, int kind)
{
    tb_pickle_value *values[2];
    int n = kind == TB_PICKLE_DICT ? 2 : 1;
    for (int i = n - 1; i >= 0; i--) {
        tb_status st = tb_pickle_pop(m, &values[i]);
        if (st != TIMBRE_OK)
            return st;
    }
    return add_all(m, values, (size_t)n, kind);
}

static tb_status do_put(tb_pickle_machine *m, int n_bytes)
{
    uint64_t at = 0;
    tb_status st = take_number(m, n_bytes, &at);
    return st == TIMBRE_OK ? tb_pickle_memo_set(m, at) : st;
}

static tb_status do_get(tb_pickle_machine *m, int n_bytes)
{
    uint64_t at = 0;
    tb_status st = take_number(m, n_bytes, &at);
    return st == TIMBRE_OK ? tb_pickle_memo_get(m, at) : st;
}

static tb_status do_memoize(tb_pickle_machine *m, int unused)
{
    (void)unused;
    return tb_pickle_memo_set(m, m->n_memoized++);
}

static tb_status do_global(tb_pickle_machine *m, int unused)
{
    (void)unused;
    tb_pickle_text module, name;
    tb_status st = tb_pickle_take_line(m, &module);
    if (st == TIMBRE_OK)
        st = tb_pickle_take_line(m, &name);
    return st == TIMBRE_OK ? tb_pickle_push_global(m, module, name) : st;
}

static tb_status do_stack_global(tb_pickle_machine *m, int unused)
{
    (void)unused;
    tb_pickle_value *module = NULL, *name = NULL;
    tb_status st = tb_pickle_pop(m, &name);
    if (st == TIMBRE_OK)
        st = tb_pickle_pop(m, &module);
    if (st != TIMBRE_OK)
        return st;
    if (module->kind != TB_PICKLE_TEXT || name->kind != TB_PICKLE_TEXT)
        return tb_pickle_fail(m, "module and name are not texts");
    return tb_pickle_push_global(m, module->text, name->text);
}

/* REDUCE and NEWOBJ: callee and arguments; NEWOBJ_EX: named arguments, too. */
static tb_status do_call(tb_pickle_machine *m, int has_names)
{
    tb_pickle_value *callee = NULL, *arguments = NULL, *names;
    tb_status st = has_names != 0 ? tb_pickle_pop(m, &names) : TIMBRE_OK;
    if (st == TIMBRE_OK)
        st = tb_pickle_pop(m, &arguments);
    if (st == TIMBRE_OK)
        st = tb_pickle_pop(m, &callee);
    if (st != TIMBRE_OK)
        return st;
    if (arguments->kind != TB_PICKLE_TUPLE)
        return tb_pickle_fail(m, "its arguments are not a tuple");
    return has_names != 0 ? push_opaque(m) : tb_pickle_push_call(m, callee, arguments);
}

/* Attributes of an object: of a dict (state_dict has _metadata) and of opaque ones they are
 * dropped; nothing else that we build has any. */
static tb_status do_build(tb_pickle_machine *m, int unused)
{
    (void)unused;
    tb_pickle_value *state, *object = NULL;
    tb_status st = tb_pickle_pop(m, &state);
    if (st == TIMBRE_OK)
        st = tb_pickle_top(m, &object);
    if (st == TIMBRE_OK && object->kind != TB_PICKLE_DICT && object->kind != TB_PICKLE_OPAQUE)
        return tb_pickle_fail(m, "it changes a value that has no attributes");
    return st;
}

static tb_status do_persistent(tb_pickle_machine *m, int unused)
{
    (void)unused;
    tb_pickle_value *id = NULL;
    tb_status st = tb_pickle_pop(m, &id);
    return st == TIMBRE_OK ? tb_pickle_push_persistent(m, id) : st;
}

static const tb_pickle_opcode opcodes[256] = {
    [0x80] = {"PROTO", do_proto, 0},
    [0x95] = {"FRAME", do_frame, 0},
    ['.'] = {"STOP", do_stop, 0},
    ['('] = {"MARK", do_mark, 0},
    ['0'] = {"POP", do_pop, 0},
    ['1'] = {"POP_MARK", do_pop_mark, 0},
    ['2'] = {"DUP", do_dup, 0},
    ['N'] = {"NONE", do_none, 0},
    [0x88] = {"NEWTRUE", do_bool, 1},
    [0x89] = {"NEWFALSE", do_bool, 0},
    ['I'] = {"INT", do_int_line, 0},
    ['L'] = {"LONG", do_int_line, 'L'},
    ['J'] = {"BININT", do_binint, -4},
    ['K'] = {"BININT1", do_binint, 1},
    ['M'] = {"BININT2", do_binint, 2},
    [0x8a] = {"LONG1", do_long, 1},
    [0x8b] = {"LONG4", do_long, 4},
    ['G'] = {"BINFLOAT", do_float, 8},
    [0x8c] = {"SHORT_BINUNICODE", do_text, 1},
    ['X'] = {"BINUNICODE", do_text, 4},
    [0x8d] = {"BINUNICODE8", do_text, 8},
    ['U'] = {"SHORT_BINSTRING", do_text, 1},
    ['T'] = {"BINSTRING", do_text, 4},
    ['C'] = {"SHORT_BINBYTES", do_text, -1},
    ['B'] = {"BINBYTES", do_text, -4},
    [0x8e] = {"BINBYTES8", do_text, -8},
    [0x96] = {"BYTEARRAY8", do_text, -8},
    ['}'] = {"EMPTY_DICT", do_new, TB_PICKLE_DICT},
    [']'] = {"EMPTY_LIST", do_new, TB_PICKLE_LIST},
    [')'] = {"EMPTY_TUPLE", do_new, TB_PICKLE_TUPLE},
    [0x8f] = {"EMPTY_SET", do_opaque, 0},
    ['d'] = {"DICT", do_collect, TB_PICKLE_DICT},
    ['l'] = {"LIST", do_collect, TB_PICKLE_LIST},
    ['t'] = {"TUPLE", do_collect, TB_PICKLE_TUPLE},
    [0x91] = {"FROZENSET", do_collect, TB_PICKLE_OPAQUE},
    [0x85] = {"TUPLE1", do_tuple_n, 1},
    [0x86] = {"TUPLE2", do_tuple_n, 2},
    [0x87] = {"TUPLE3", do_tuple_n, 3},
    ['a'] = {"APPEND", do_add_one, TB_PICKLE_LIST},
    ['e'] = {"APPENDS", do_add_marked, TB_PICKLE_LIST},
    ['s'] = {"SETITEM", do_add_one, TB_PICKLE_DICT},
    ['u'] = {"SETITEMS", do_add_marked, TB_PICKLE_DICT},
    [0x90] = {"ADDITEMS", do_add_marked, TB_PICKLE_OPAQUE},
    ['q'] = {"BINPUT", do_put, 1},
    ['r'] = {"LONG_BINPUT", do_put, 4},
    ['h'] = {"BINGET", do_get, 1},
    ['j'] = {"LONG_BINGET", do_get, 4},
    [0x94] = {"MEMOIZE", do_memoize, 0},
    ['c'] = {"GLOBAL", do_global, 0},
    [0x93] = {"STACK_GLOBAL", do_stack_global, 0},
    ['R'] = {"REDUCE", do_call, 0},
    [0x81] = {"NEWOBJ", do_call, 0},
    [0x92] = {"NEWOBJ_EX", do_call, 1},
    ['b'] = {"BUILD", do_build, 0},
    ['Q'] = {"BINPERSID", do_persistent, 0},
    /* known, and refused by name */
    ['i'] = {"INST", NULL, 0},
    ['o'] = {"OBJ", NULL, 0},
    [0x82] = {"EXT1", NULL, 0},
    [0x83] = {"EXT2", NULL, 0},
    [0x84] = {"EXT4", NULL, 0},
    ['P'] = {"PERSID", NULL, 0},
    ['F'] = {"FLOAT", NULL, 0},
    ['S'] = {"STRING", NULL, 0},
    ['V'] = {"UNICODE", NULL, 0},
    ['p'] = {"PUT", NULL, 0},
    ['g'] = {"GET", NULL, 0},
    [0x97] = {"NEXT_BUFFER", NULL, 0},
    [0x98] = {"READONLY_BUFFER", NULL, 0},
};

const tb_pickle_opcode *tb_pickle_opcode_at(unsigned char byte)
{
    return opcodes[byte].name == NULL ? NULL : &opcodes[byte];
}
