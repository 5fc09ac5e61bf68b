/* Manual pages as mdoc source, for man(1). */
#ifndef TB_CLI_MAN_H
#define TB_CLI_MAN_H

#include "cli/page.h"
#include "engine/base/str.h"

void tb_page_format_mdoc(const tb_page *page, tb_str *out);

#endif
