/* The service manager's end of sd_notify. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "worker/notify.h"

/* A manager's socket called `name` ('@': abstract); NOTIFY_SOCKET says so. */
static int listen_as(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(name);
    memcpy(address.sun_path, name, len);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
                     0);
    assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
    return fd;
}

static void assert_arrives(int fd, const char *text)
{
    char got[256] = "";
    assert_int_equal(recv(fd, got, sizeof got - 1, MSG_DONTWAIT), strlen(text));
    assert_string_equal(got, text);
}

static void it_arrives_at_a_path(void **state)
{
    (void)state;
    char folder[] = "/tmp/timbre-notify-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/notify", folder);
    int fd = listen_as(path);
    assert_true(tb_notify("READY=1\nSTATUS=listening"));
    assert_arrives(fd, "READY=1\nSTATUS=listening");
    assert_true(tb_notify("WATCHDOG=1"));
    assert_arrives(fd, "WATCHDOG=1");
    assert_int_equal(close(fd), 0);
    assert_false(tb_notify("WATCHDOG=1")); /* nobody listens any more */
    assert_int_equal(unlink(path), 0);
    assert_false(tb_notify("WATCHDOG=1"));
    assert_int_equal(rmdir(folder), 0);
}

#ifdef __linux__
static void it_arrives_at_an_abstract_name(void **state)
{
    (void)state;
    char name[64];
    (void)snprintf(name, sizeof name, "@timbre-notify-%d", (int)getpid());
    int fd = listen_as(name);
    assert_true(tb_notify("STOPPING=1"));
    assert_arrives(fd, "STOPPING=1");
    assert_int_equal(close(fd), 0);
}
#endif

static void names_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"", "@", "/", "notify", "vsock:2:1"};
    char long_name[200];
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    assert_false(tb_notify("READY=1"));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(setenv("NOTIFY_SOCKET", names[i], 1), 0);
        assert_false(tb_notify("READY=1"));
    }
    memset(long_name, '/', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    assert_int_equal(setenv("NOTIFY_SOCKET", long_name, 1), 0);
    assert_false(tb_notify("READY=1"));
}

static void the_watchdog_is_for_this_process(void **state)
{
    (void)state;
    static const struct {
        const char *usec;
        double seconds;
    } rows[] = {{"30000000", 30}, {"500000", 0.5}, {"0", 0},   {"-5", 0},
                {"", 0},          {"12x", 0},      {" 12", 0}, {"99999999999999999999", 0}};
    char pid[32];
    assert_int_equal(unsetenv("WATCHDOG_PID"), 0);
    assert_int_equal(unsetenv("WATCHDOG_USEC"), 0);
    assert_true(tb_notify_watchdog_s() == 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(setenv("WATCHDOG_USEC", rows[i].usec, 1), 0);
        assert_true(tb_notify_watchdog_s() == rows[i].seconds);
    }
    assert_int_equal(setenv("WATCHDOG_USEC", "2000000", 1), 0);
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    assert_int_equal(setenv("WATCHDOG_PID", pid, 1), 0);
    assert_true(tb_notify_watchdog_s() == 2);
    assert_int_equal(setenv("WATCHDOG_PID", "1", 1), 0);
    assert_true(tb_notify_watchdog_s() == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_arrives_at_a_path),
#ifdef __linux__
        cmocka_unit_test(it_arrives_at_an_abstract_name),
#endif
        cmocka_unit_test(names_that_cannot_be_are_refused),
        cmocka_unit_test(the_watchdog_is_for_this_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
