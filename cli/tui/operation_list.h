/* The functions of the table of operations. Included by it and by the files that have them. */
#ifndef TB_CLI_TUI_OPERATION_LIST_H
#define TB_CLI_TUI_OPERATION_LIST_H

#include "cli/tui/operations.h"

#define TB_DO(name)                                                                                \
    void tb_do_##name(struct tb_studio *studio, const tb_operation *self, const char *argument)

TB_DO(again);
TB_DO(again_operation);
TB_DO(back);
TB_DO(cancel);
TB_DO(colors);
TB_DO(compare);
TB_DO(copy_command);
TB_DO(copy_path);
TB_DO(count);
TB_DO(delete);
TB_DO(details);
TB_DO(doctor);
TB_DO(download);
TB_DO(edit);
TB_DO(editor);
TB_DO(end_of_input);
TB_DO(export);
TB_DO(export_stars);
TB_DO(filter);
TB_DO(first);
TB_DO(help);
TB_DO(interrupt);
TB_DO(last);
TB_DO(local);
TB_DO(log);
TB_DO(loop);
TB_DO(mouse);
TB_DO(move);
TB_DO(mute);
TB_DO(next_area);
TB_DO(palette);
TB_DO(pause);
TB_DO(play);
TB_DO(preset_save);
TB_DO(preset_use);
TB_DO(quit);
TB_DO(radio);
TB_DO(range);
TB_DO(redraw);
TB_DO(rename);
TB_DO(reset);
TB_DO(retry);
TB_DO(reveal);
TB_DO(save_picture);
TB_DO(scale);
TB_DO(search);
TB_DO(search_history);
TB_DO(seek);
TB_DO(settings);
TB_DO(star);
TB_DO(submit);
TB_DO(suspend);
TB_DO(theme);
TB_DO(undelete);
TB_DO(view);
TB_DO(volume);
TB_DO(with);
TB_DO(worker);
TB_DO(zoom);

const char *tb_why_no_sound(struct tb_studio *studio);
const char *tb_why_no_sound_file(struct tb_studio *studio);
const char *tb_why_no_take(struct tb_studio *studio);
const char *tb_why_nothing_deleted(struct tb_studio *studio);
const char *tb_why_nothing_runs(struct tb_studio *studio);

#endif
