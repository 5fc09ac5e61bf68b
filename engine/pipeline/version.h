/* The version without the state of the checkout, as recipes carry it. */
#ifndef TB_PIPELINE_VERSION_H
#define TB_PIPELINE_VERSION_H

#include "timbre/version.h"

/* "0.1.0". Static storage. */
const char *tb_version_base(void);

#endif
