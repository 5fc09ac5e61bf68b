/* From the value that a checkpoint's pickle describes to named tensors, for both of its forms. */
#ifndef TB_TENSOR_CHECKPOINT_H
#define TB_TENSOR_CHECKPOINT_H

#include "engine/tensor/pickle.h"
#include "engine/tensor/weights_file.h"

/* Where the n_elements of a storage begin; fails unless exactly they are there. */
typedef tb_status tb_checkpoint_locate(void *user, const tb_pickle_storage *storage,
                                       const unsigned char **data, tb_error *err);

/*
 * Add the tensors of `root`: a dict of them, or a dict with such a one as "state_dict" (whatever
 * stands beside it, optimizer states for example, is left out). What is no tensor is passed over;
 * none at all is BAD_FILE.
 */
TB_MUST_USE tb_status tb_checkpoint_collect(tb_weights *weights, const tb_pickle_value *root,
                                            tb_checkpoint_locate *locate, void *user,
                                            tb_error *err);

#endif
