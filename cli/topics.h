/* Help that belongs to no single command: environment, files, exit codes, formats, settings. */
#ifndef TB_CLI_TOPICS_H
#define TB_CLI_TOPICS_H

#include "cli/page.h"

typedef struct tb_topic {
    const char *name, *summary;
    void (*build)(tb_page *page); /* adds its blocks */
} tb_topic;

const tb_topic *tb_topics(size_t *n_topics);
/* NULL when unknown. */
const tb_topic *tb_topic_find(const char *name);

#endif
