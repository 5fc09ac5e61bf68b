/* The inside of the pickle machine: stack, marks, memo; and what opcodes may do with them. */
#ifndef TB_TENSOR_PICKLE_MACHINE_H
#define TB_TENSOR_PICKLE_MACHINE_H

#include "engine/tensor/pickle.h"

typedef struct tb_pickle_machine {
    tb_pickle *pickle;
    const unsigned char *bytes;
    size_t len_bytes, at, opcode_at;
    const char *opcode; /* its name, for messages */
    tb_pickle_value **stack;
    size_t depth, stack_capacity;
    size_t *marks; /* depths of the stack */
    size_t n_marks, mark_capacity;
    tb_pickle_value **memo; /* NULL: not set */
    size_t memo_capacity, n_memoized;
    bool is_stopped;
    tb_error *err;
} tb_pickle_machine;

/* BAD_FILE "pickle opcode NAME at byte N: ...". */
tb_status tb_pickle_fail(tb_pickle_machine *m, const char *fmt, ...) TB_PRINTF(2, 3);

/* The next n bytes; *bytes points into the pickle. */
TB_MUST_USE tb_status tb_pickle_take(tb_pickle_machine *m, uint64_t n, const unsigned char **bytes);
/* The next line, without its end. */
TB_MUST_USE tb_status tb_pickle_take_line(tb_pickle_machine *m, tb_pickle_text *line);

TB_MUST_USE tb_status tb_pickle_push(tb_pickle_machine *m, tb_pickle_value *value);
TB_MUST_USE tb_status tb_pickle_pop(tb_pickle_machine *m, tb_pickle_value **value);
/* The topmost value, which stays. */
TB_MUST_USE tb_status tb_pickle_top(tb_pickle_machine *m, tb_pickle_value **value);
TB_MUST_USE tb_status tb_pickle_mark(tb_pickle_machine *m);
/* Take all above the newest mark, and the mark: *values point into the stack until the next push.
 */
TB_MUST_USE tb_status tb_pickle_pop_mark(tb_pickle_machine *m, tb_pickle_value ***values,
                                         size_t *n);

/* A new value in the arena, of one kind and zero. */
TB_MUST_USE tb_status tb_pickle_new(tb_pickle_machine *m, tb_pickle_kind kind,
                                    tb_pickle_value **value);
TB_MUST_USE tb_status tb_pickle_add_item(tb_pickle_machine *m, tb_pickle_value *to,
                                         tb_pickle_value *item);

TB_MUST_USE tb_status tb_pickle_memo_set(tb_pickle_machine *m, uint64_t at);
TB_MUST_USE tb_status tb_pickle_memo_get(tb_pickle_machine *m, uint64_t at);

/* Values that never change, one of each for the whole pickle: OPAQUE, NONE, BOOL. */
tb_pickle_value *tb_pickle_constant(tb_pickle_machine *m, tb_pickle_kind kind, bool is_true);

/* pickle_opcodes.c: what a byte means; NULL: no opcode of ours. */
typedef tb_status tb_pickle_handler(tb_pickle_machine *m, int argument);
typedef struct tb_pickle_opcode {
    const char *name;
    tb_pickle_handler *run; /* NULL: known and refused */
    int argument;
} tb_pickle_opcode;
const tb_pickle_opcode *tb_pickle_opcode_at(unsigned char byte);

/* pickle_torch.c: what names and calls become. */
TB_MUST_USE tb_status tb_pickle_push_global(tb_pickle_machine *m, tb_pickle_text module,
                                            tb_pickle_text name);
TB_MUST_USE tb_status tb_pickle_push_call(tb_pickle_machine *m, tb_pickle_value *callee,
                                          const tb_pickle_value *arguments);
TB_MUST_USE tb_status tb_pickle_push_persistent(tb_pickle_machine *m, const tb_pickle_value *id);

#endif
