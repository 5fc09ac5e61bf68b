/* The file of the program that runs. */
#ifndef TB_BASE_PROGRAM_H
#define TB_BASE_PROGRAM_H

/* Where it lies, links resolved. Owned (free); NULL: not known. */
char *tb_program_path(void);

/* What starts this very program once more, also when another one has taken its name meanwhile.
 * Owned (free); NULL: not known. */
char *tb_program_again(void);

#endif
