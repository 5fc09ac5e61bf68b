/* What the studio must not forget when it ends, however it ends: the text that is being written and
 * the takes that the worker has not got yet. DATA_DIR/studio.json. */
#ifndef TB_CLI_TUI_DRAFT_H
#define TB_CLI_TUI_DRAFT_H

struct tb_studio;

/* A damaged file is put aside as studio.json.bad and said in the log. */
void tb_draft_load(struct tb_studio *studio);
/* Writes what differs from the last time; beside the screen, which shall not wait for a disk. */
void tb_draft_save(struct tb_studio *studio);
/* The same, done when it returns. After tb_tasks_end. */
void tb_draft_save_now(struct tb_studio *studio);

#endif
