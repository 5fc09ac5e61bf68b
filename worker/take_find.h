/* The take that a path names: a UUID, a number, or "last". */
#ifndef TB_WORKER_TAKE_FIND_H
#define TB_WORKER_TAKE_FIND_H

#include "worker/service.h"

/* NOT_FOUND. *out is to be emptied either way. */
TB_MUST_USE tb_status tb_take_find_name(tb_worker *worker, const char *name, tb_stored_take *out,
                                        tb_error *err);

/* false: there is none, and the response says so. *out is to be emptied either way. */
bool tb_take_find(tb_worker *worker, const tb_http_request *request, tb_http_response *response,
                  tb_stored_take *out);

#endif
