/*
 * Named places at which the program of the tests kills itself (TIMBRE_TEST_CRASH=NAME[:COUNT]), so
 * that a kill between any two steps can be tried. In the program that is installed they are
 * nothing.
 */
#ifndef TB_WORKER_CRASH_POINT_H
#define TB_WORKER_CRASH_POINT_H

#ifdef TB_TEST_HOOKS
void tb_crash_point(const char *name);
#define TB_CRASH_POINT(name) tb_crash_point(name)
#else
#define TB_CRASH_POINT(name) ((void)0)
#endif

#endif
