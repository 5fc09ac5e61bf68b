#include "worker/confine.h"

#include <stddef.h>

#include "worker/worker.h"

#ifdef __linux__

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if TB_HAVE_SECCOMP
#include <sched.h>
#include <seccomp.h>
#endif

/* Rights of later kernels than the headers of Debian 12 know (2). */
enum { TRUNCATE_BIT = 14 }; /* LANDLOCK_ACCESS_FS_TRUNCATE, ABI 3 */

#define READ_FILE   LANDLOCK_ACCESS_FS_READ_FILE
#define READ_FOLDER (READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define EXECUTE     LANDLOCK_ACCESS_FS_EXECUTE /* libraries that are loaded later */

static int landlock_version(void)
{
    return (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
}

/* All rights that this kernel can take away. */
static uint64_t all_rights(int version)
{
    uint64_t rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1; /* ABI 1: thirteen rights */
    if (version >= 2)
        rights |= LANDLOCK_ACCESS_FS_REFER;
    if (version >= 3)
        rights |= UINT64_C(1) << TRUNCATE_BIT;
    return rights;
}

/* A path that is not there, or may not be looked at, is none. */
static void allow_reading(int ruleset, const char *path, uint64_t rights)
{
    struct stat info;
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fstat(fd, &info) == 0 && !S_ISDIR(info.st_mode))
        rights &= READ_FILE | EXECUTE;
    struct landlock_path_beneath_attr rule = {.allowed_access = rights, .parent_fd = fd};
    (void)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    close(fd);
}

static tb_status confine_files(const char *const *readable, tb_error *err)
{
    static const char *const system_paths[] = {"/usr", "/lib", "/lib64", "/etc", "/proc",
                                               "/sys", "/dev", "/opt",   "/nix", NULL};
    int version = landlock_version();
    if (version < 1)
        return TIMBRE_OK; /* not in this kernel: tb_confine_lacks says it */
    struct landlock_ruleset_attr attributes = {.handled_access_fs = all_rights(version)};
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    if (ruleset < 0)
        return tb_fail_errno(err, errno, "Landlock makes no rules");
    for (size_t i = 0; system_paths[i] != NULL; i++)
        allow_reading(ruleset, system_paths[i], READ_FOLDER | EXECUTE);
    for (size_t i = 0; readable[i] != NULL; i++)
        allow_reading(ruleset, readable[i], READ_FOLDER);
    tb_status st = TIMBRE_OK;
    if (syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        st = tb_fail_errno(err, errno, "Landlock refuses its rules");
    close(ruleset);
    return st;
}

#if TB_HAVE_SECCOMP

/* What no computation needs. The answer is EPERM, so that a library that only tries goes on. */
static const char *const forbidden[] = {"execve",
                                        "execveat",
                                        "fork",
                                        "vfork",
                                        "ptrace",
                                        "process_vm_readv",
                                        "process_vm_writev",
                                        "kcmp",
                                        "socket",
                                        "socketpair",
                                        "connect",
                                        "bind",
                                        "listen",
                                        "accept",
                                        "accept4",
                                        "mount",
                                        "umount2",
                                        "pivot_root",
                                        "chroot",
                                        "move_mount",
                                        "open_tree",
                                        "fsopen",
                                        "fsconfig",
                                        "fsmount",
                                        "unshare",
                                        "setns",
                                        "bpf",
                                        "perf_event_open",
                                        "userfaultfd",
                                        "io_uring_setup",
                                        "io_uring_enter",
                                        "io_uring_register",
                                        "keyctl",
                                        "add_key",
                                        "request_key",
                                        "kexec_load",
                                        "kexec_file_load",
                                        "init_module",
                                        "finit_module",
                                        "delete_module",
                                        "reboot",
                                        "swapon",
                                        "swapoff",
                                        "setuid",
                                        "setgid",
                                        "setreuid",
                                        "setregid",
                                        "setresuid",
                                        "setresgid",
                                        "setgroups",
                                        "capset",
                                        "personality",
                                        "acct",
                                        "quotactl",
                                        "name_to_handle_at",
                                        "open_by_handle_at",
                                        "pidfd_open",
                                        "pidfd_getfd",
                                        "pidfd_send_signal",
                                        "kill",
                                        "tkill",
                                        "chmod",
                                        "fchmod",
                                        "fchmodat",
                                        "chown",
                                        "fchown",
                                        "fchownat",
                                        "lchown",
                                        "mknod",
                                        "mknodat",
                                        "ioperm",
                                        "iopl",
                                        "modify_ldt",
                                        "settimeofday",
                                        "clock_settime",
                                        "adjtimex",
                                        "clock_adjtime",
                                        "sethostname",
                                        "setdomainname",
                                        "syslog",
                                        "vhangup",
                                        "memfd_create",
                                        "shmget",
                                        "msgget",
                                        "semget",
                                        "mq_open",
                                        "inotify_init1",
                                        "fanotify_init"};

static int add_rules(scmp_filter_ctx filter)
{
    int failed = 0;
    for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) {
        int number = seccomp_syscall_resolve_name(forbidden[i]);
        if (number != __NR_SCMP_ERROR && number >= 0)
            failed |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), number, 0);
    }
    /* Threads may be started, processes not. clone3 hides its flags behind a pointer: as if there
     * were none, libc then takes clone. */
    failed |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    failed |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                               SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
    return failed;
}

static tb_status confine_calls(tb_error *err)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    if (filter == NULL)
        return tb_fail(err, TIMBRE_NO_MEMORY, "no memory for seccomp's filter");
    int failed = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    if (failed == 0)
        failed = add_rules(filter);
    if (failed == 0)
        failed = seccomp_load(filter);
    seccomp_release(filter);
    /* a kernel without it says EINVAL; tb_confine_lacks tells */
    return failed == 0 || failed == -EINVAL ? TIMBRE_OK
                                            : tb_fail_errno(err, -failed, "seccomp refuses");
}

#else

static tb_status confine_calls(tb_error *err)
{
    (void)err;
    return TIMBRE_OK;
}

#endif

tb_status tb_confine(const char *const *readable, tb_error *err)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return tb_fail_errno(err, errno, "the kernel does not confine");
    tb_status st = confine_files(readable, err);
    return st == TIMBRE_OK ? confine_calls(err) : st;
}

const char *tb_confine_lacks(void)
{
    bool has_landlock = landlock_version() >= 1;
    bool has_seccomp = TB_HAVE_SECCOMP && prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
    if (has_landlock && has_seccomp)
        return "";
    if (has_seccomp)
        return "the kernel has no Landlock: the generator can read what you can";
    return has_landlock ? "the kernel has no seccomp: the generator can open connections"
                        : "the kernel has neither Landlock nor seccomp";
}

#else

tb_status tb_confine(const char *const *readable, tb_error *err)
{
    (void)readable;
    (void)err;
    return TIMBRE_OK;
}

const char *tb_confine_lacks(void)
{
    return "this system has neither Landlock nor seccomp: the generator is a separate process, not "
           "a confined one";
}

#endif
