/*
 * The Nth allocation, write, sync or naming fails: the linker's --wrap turns our library's calls
 * into those of faults.c. For one thread.
 */
#ifndef TESTS_SUPPORT_FAULTS_H
#define TESTS_SUPPORT_FAULTS_H

/* The call that fails, counted from now on; 0: none. It is 0 again after the fault. */
extern long calls_until_fault;

/* Files below a folder, in all its folders. */
int n_files_below(const char *path);

#endif
