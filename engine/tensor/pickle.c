#include "engine/tensor/pickle.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/tensor/pickle_machine.h"
#include "engine/tensor/weights_file.h"

enum {
    VALUE_BYTES = sizeof(void *), /* of a pointer to a value */
};

void tb_pickle_init(tb_pickle *pickle)
{
    *pickle = (tb_pickle){0};
    tb_arena_init(&pickle->arena, TB_PICKLE_MAX_ARENA_BYTES);
    pickle->constants[TB_PICKLE_NONE].kind = TB_PICKLE_NONE;
    pickle->constants[TB_PICKLE_BOOL].kind = TB_PICKLE_BOOL;
    pickle->constants[TB_PICKLE_TRUE] = (tb_pickle_value){.kind = TB_PICKLE_BOOL, .integer = 1};
}

void tb_pickle_deinit(tb_pickle *pickle)
{
    tb_arena_deinit(&pickle->arena);
    free(pickle->storages);
    *pickle = (tb_pickle){0};
}

tb_status tb_pickle_fail(tb_pickle_machine *m, const char *fmt, ...)
{
    char what[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(what, sizeof what, fmt, args);
    va_end(args);
    return tb_fail(m->err, TIMBRE_BAD_FILE, "pickle opcode %s at byte %zu: %s", m->opcode,
                   m->opcode_at, what);
}

tb_status tb_pickle_take(tb_pickle_machine *m, uint64_t n, const unsigned char **bytes)
{
    if (n > m->len_bytes - m->at)
        return tb_pickle_fail(m, "it needs %llu more bytes, there are %zu", (unsigned long long)n,
                              m->len_bytes - m->at);
    *bytes = m->bytes + m->at;
    m->at += (size_t)n;
    return TIMBRE_OK;
}

tb_status tb_pickle_take_line(tb_pickle_machine *m, tb_pickle_text *line)
{
    enum { MAX_LINE_BYTES = 256 };
    size_t left = m->len_bytes - m->at, most = left < MAX_LINE_BYTES ? left : MAX_LINE_BYTES;
    const unsigned char *begin = m->bytes + m->at, *end = memchr(begin, '\n', most);
    if (end == NULL)
        return tb_pickle_fail(m, "its line does not end within %d bytes", MAX_LINE_BYTES);
    *line = (tb_pickle_text){(const char *)begin, (size_t)(end - begin)};
    m->at += line->len_bytes + 1;
    return TIMBRE_OK;
}

/* Room for n + 1 items of item_bytes each, at most max. */
static tb_status grow(tb_pickle_machine *m, void **items, size_t n, size_t *capacity,
                      size_t item_bytes, size_t max)
{
    if (n < *capacity)
        return TIMBRE_OK;
    if (n >= max)
        return tb_pickle_fail(m, "more than %zu values are open at a time", max);
    size_t wanted = *capacity < 32 ? 32 : *capacity;
    while (wanted <= n)
        wanted *= 2;
    void *grown = realloc(*items, wanted * item_bytes);
    if (grown == NULL)
        return tb_fail(m->err, TIMBRE_NO_MEMORY, "no memory to read the pickle");
    memset((char *)grown + *capacity * item_bytes, 0, (wanted - *capacity) * item_bytes);
    *items = grown;
    *capacity = wanted;
    return TIMBRE_OK;
}

tb_status tb_pickle_push(tb_pickle_machine *m, tb_pickle_value *value)
{
    void *items = m->stack;
    tb_status st = grow(m, &items, m->depth, &m->stack_capacity, VALUE_BYTES, TB_PICKLE_MAX_STACK);
    m->stack = items;
    if (st == TIMBRE_OK)
        m->stack[m->depth++] = value;
    return st;
}

tb_status tb_pickle_top(tb_pickle_machine *m, tb_pickle_value **value)
{
    size_t floor = m->n_marks > 0 ? m->marks[m->n_marks - 1] : 0;
    if (m->depth <= floor)
        return tb_pickle_fail(m, "the stack is empty");
    *value = m->stack[m->depth - 1];
    return TIMBRE_OK;
}

tb_status tb_pickle_pop(tb_pickle_machine *m, tb_pickle_value **value)
{
    tb_status st = tb_pickle_top(m, value);
    if (st == TIMBRE_OK)
        m->depth--;
    return st;
}

tb_status tb_pickle_mark(tb_pickle_machine *m)
{
    void *items = m->marks;
    tb_status st = grow(m, &items, m->n_marks, &m->mark_capacity, sizeof *m->marks,
                        TB_PICKLE_MAX_MARKS);
    m->marks = items;
    if (st == TIMBRE_OK)
        m->marks[m->n_marks++] = m->depth;
    return st;
}

tb_status tb_pickle_pop_mark(tb_pickle_machine *m, tb_pickle_value ***values, size_t *n)
{
    if (m->n_marks == 0)
        return tb_pickle_fail(m, "there is no mark on the stack");
    size_t at = m->marks[--m->n_marks];
    *n = m->depth - at;
    *values = *n > 0 ? m->stack + at : NULL; /* a stack never used is NULL */
    m->depth = at;
    return TIMBRE_OK;
}

static void *push_bytes(tb_pickle_machine *m, size_t n_items, size_t item_bytes)
{
    return tb_arena_push(&m->pickle->arena, n_items, item_bytes);
}

tb_status tb_pickle_new(tb_pickle_machine *m, tb_pickle_kind kind, tb_pickle_value **value)
{
    *value = push_bytes(m, 1, sizeof **value);
    if (*value == NULL)
        return tb_weights_no_room(&m->pickle->arena, sizeof **value, m->err);
    (*value)->kind = kind;
    return TIMBRE_OK;
}

tb_status tb_pickle_add_item(tb_pickle_machine *m, tb_pickle_value *to, tb_pickle_value *item)
{
    tb_pickle_items *items = &to->items;
    if (items->n == items->capacity) {
        size_t wanted = items->capacity == 0 ? 4 : 2 * items->capacity;
        tb_pickle_value **grown = push_bytes(m, wanted, VALUE_BYTES);
        if (grown == NULL)
            return tb_weights_no_room(&m->pickle->arena, wanted * VALUE_BYTES, m->err);
        if (items->n > 0)
            memcpy(grown, items->at, items->n * VALUE_BYTES);
        items->at = grown;
        items->capacity = wanted;
    }
    items->at[items->n++] = item;
    return TIMBRE_OK;
}

tb_status tb_pickle_memo_set(tb_pickle_machine *m, uint64_t at)
{
    tb_pickle_value *value = NULL;
    void *items = m->memo;
    tb_status st = tb_pickle_top(m, &value);
    if (st == TIMBRE_OK && at >= TB_PICKLE_MAX_MEMO)
        return tb_pickle_fail(m, "the memo index %llu exceeds %d", (unsigned long long)at,
                              TB_PICKLE_MAX_MEMO - 1);
    if (st == TIMBRE_OK)
        st = grow(m, &items, (size_t)at, &m->memo_capacity, VALUE_BYTES, TB_PICKLE_MAX_MEMO);
    m->memo = items;
    if (st == TIMBRE_OK)
        m->memo[at] = value;
    return st;
}

tb_status tb_pickle_memo_get(tb_pickle_machine *m, uint64_t at)
{
    if (at >= m->memo_capacity || m->memo[at] == NULL)
        return tb_pickle_fail(m, "there is nothing in the memo at %llu", (unsigned long long)at);
    return tb_pickle_push(m, m->memo[at]);
}

tb_pickle_value *tb_pickle_constant(tb_pickle_machine *m, tb_pickle_kind kind, bool is_true)
{
    return &m->pickle->constants[kind == TB_PICKLE_BOOL && is_true ? TB_PICKLE_TRUE : (int)kind];
}

static tb_status step(tb_pickle_machine *m)
{
    m->opcode_at = m->at;
    m->opcode = "?";
    if (m->at >= m->len_bytes)
        return tb_pickle_fail(m, "the pickle ends without STOP");
    unsigned char byte = m->bytes[m->at++];
    const tb_pickle_opcode *opcode = tb_pickle_opcode_at(byte);
    if (opcode == NULL)
        return tb_pickle_fail(m, "0x%02x is no known opcode", byte);
    m->opcode = opcode->name;
    if (opcode->run == NULL)
        return tb_pickle_fail(m, "it is not used by torch.save and not supported");
    return opcode->run(m, opcode->argument);
}

tb_status tb_pickle_run(tb_pickle *pickle, const unsigned char *bytes, size_t len_bytes, size_t *at,
                        const tb_pickle_value **result, tb_error *err)
{
    size_t left = len_bytes - *at;
    tb_pickle_machine m = {.pickle = pickle, .bytes = bytes, .at = *at, .err = err};
    m.len_bytes = left > TB_PICKLE_MAX_BYTES ? *at + TB_PICKLE_MAX_BYTES : len_bytes;
    tb_status st = TIMBRE_OK;
    while (st == TIMBRE_OK && !m.is_stopped)
        st = step(&m);
    tb_pickle_value *value = NULL;
    if (st == TIMBRE_OK)
        st = tb_pickle_pop(&m, &value);
    *result = value;
    *at = m.at;
    free(m.stack);
    free(m.marks);
    free(m.memo);
    return st;
}

const tb_pickle_value *tb_pickle_get(const tb_pickle_value *dict, const char *key)
{
    size_t len = strlen(key);
    for (size_t i = dict->items.n; i >= 2; i -= 2) {
        const tb_pickle_value *name = dict->items.at[i - 2];
        if (name->kind == TB_PICKLE_TEXT && name->text.len_bytes == len &&
            memcmp(name->text.bytes, key, len) == 0)
            return dict->items.at[i - 1];
    }
    return NULL;
}
