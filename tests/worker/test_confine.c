/* The generator's cage, tried from inside, in a process of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/folder.h"
#include "worker/confine.h"
#include "worker/worker.h"

/* Each says whether the cage holds; run inside. */

static bool reads_what_it_may(void)
{
    int fd = open("open/file", O_RDONLY);
    return fd >= 0;
}

static bool cannot_read_the_rest(void)
{
    return open("shut/file", O_RDONLY) < 0 && errno == EACCES;
}

static bool cannot_write(void)
{
    return open("open/file", O_WRONLY) < 0 && open("open/new", O_WRONLY | O_CREAT, 0600) < 0 &&
           unlink("open/file") != 0 && mkdir("open/folder", 0700) != 0 &&
           rename("open/file", "open/other") != 0;
}

static bool has_no_network(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EPERM &&
           socket(AF_UNIX, SOCK_STREAM, 0) < 0;
}

static bool starts_no_process(void)
{
    char *const argv[] = {(char *)(uintptr_t) "true", NULL};
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    (void)execv("/bin/true", argv); /* returns when it is refused */
    return pid < 0;
}

static void *nothing(void *user)
{
    return user;
}

static bool starts_threads(void)
{
    pthread_t thread;
    return pthread_create(&thread, NULL, nothing, NULL) == 0 && pthread_join(thread, NULL) == 0;
}

static bool sees_the_system(void)
{
    return access("/usr", R_OK) == 0 && open("/proc/self/status", O_RDONLY) >= 0;
}

/* Runs one of them in a process that is confined to the folder "open". */
static void expect(bool (*holds)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        static const char *const readable[] = {"open", "absent", NULL};
        tb_error err = {0};
        _exit(tb_confine(readable, &err) != TIMBRE_OK ? 2 : holds() ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void skip_without_cage(void)
{
    if (tb_confine_lacks()[0] != '\0')
        skip();
}

static void files_are_shut_away(void **state)
{
    (void)state;
    skip_without_cage();
    expect(reads_what_it_may);
    expect(cannot_read_the_rest);
    expect(cannot_write);
    expect(sees_the_system);
}

static void calls_are_refused(void **state)
{
    (void)state;
    skip_without_cage();
    expect(has_no_network);
    expect(starts_no_process);
    expect(starts_threads);
}

static int set_up(void **state)
{
    static const char *const files[] = {"open/file", "shut/file"};
    if (enter_folder(state) != 0)
        return 1;
    if (system("mkdir open shut") != 0)
        return 1;
    for (size_t i = 0; i < 2; i++) {
        FILE *file = fopen(files[i], "w");
        if (file == NULL)
            return 1;
        (void)fclose(file);
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_shut_away),
        cmocka_unit_test(calls_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, leave_folder);
}
