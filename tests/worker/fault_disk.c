#include "tests/worker/fault_disk.h"

#include <sqlite3.h>
#include <stddef.h>

#include "tests/support/faults.h"

static sqlite3_vfs *real_disk;
static sqlite3_mem_methods real_memory;
static fault_kind armed_kind;
static long calls_left; /* 0: not armed, or failed already */
static bool has_failed;

void fault_disk_arm(fault_kind kind, long n)
{
    armed_kind = kind;
    calls_left = n;
    has_failed = false;
    if (n == 0)
        armed_kind = FAULT_DISK_ONCE;
    calls_until_fault = kind == FAULT_OUR_MEMORY ? n : 0;
}

bool fault_disk_has_failed(void)
{
    return armed_kind == FAULT_OUR_MEMORY ? calls_until_fault == 0 : has_failed;
}

static bool is_fault(bool is_memory)
{
    if (armed_kind == FAULT_OUR_MEMORY || is_memory != (armed_kind == FAULT_MEMORY))
        return false;
    if (has_failed)
        return armed_kind == FAULT_DISK_FULL;
    if (calls_left > 0 && --calls_left == 0)
        has_failed = true;
    return has_failed;
}

/* ---- memory ---- */

static void *take_memory(int n)
{
    return is_fault(true) ? NULL : real_memory.xMalloc(n);
}

static void *retake_memory(void *p, int n)
{
    return is_fault(true) ? NULL : real_memory.xRealloc(p, n);
}

/* ---- disk ---- */

typedef struct fault_file {
    sqlite3_file base;
    sqlite3_file *real; /* right behind this */
} fault_file;

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((fault_file *)file)->real;
}

static int close_file(sqlite3_file *f)
{
    return real_of(f)->pMethods->xClose(real_of(f));
}

static int read_file(sqlite3_file *f, void *data, int n, sqlite3_int64 at)
{
    return real_of(f)->pMethods->xRead(real_of(f), data, n, at);
}

static int write_file(sqlite3_file *f, const void *data, int n, sqlite3_int64 at)
{
    if (!is_fault(false))
        return real_of(f)->pMethods->xWrite(real_of(f), data, n, at);
    /* as a full disk does: half of it is there */
    (void)real_of(f)->pMethods->xWrite(real_of(f), data, n / 2, at);
    return SQLITE_FULL;
}

static int truncate_file(sqlite3_file *f, sqlite3_int64 len)
{
    return is_fault(false) ? SQLITE_IOERR_TRUNCATE
                           : real_of(f)->pMethods->xTruncate(real_of(f), len);
}

/* Nothing here outlives a power cut: a real sync would only take time. */
static int sync_file(sqlite3_file *f, int flags)
{
    (void)f;
    (void)flags;
    return is_fault(false) ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int get_size(sqlite3_file *f, sqlite3_int64 *len)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), len);
}

static int lock_file(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int unlock_file(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int check_lock(sqlite3_file *f, int *is_held)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), is_held);
}

static int control_file(sqlite3_file *f, int op, void *value)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, value);
}

static int get_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int get_traits(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

/* Version 1 has no shared memory: the store must do without. */
static const sqlite3_io_methods methods = {.iVersion = 1,
                                           .xClose = close_file,
                                           .xRead = read_file,
                                           .xWrite = write_file,
                                           .xTruncate = truncate_file,
                                           .xSync = sync_file,
                                           .xFileSize = get_size,
                                           .xLock = lock_file,
                                           .xUnlock = unlock_file,
                                           .xCheckReservedLock = check_lock,
                                           .xFileControl = control_file,
                                           .xSectorSize = get_sector,
                                           .xDeviceCharacteristics = get_traits};

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    fault_file *file = (fault_file *)f;
    (void)vfs;
    file->base.pMethods = NULL;
    file->real = (sqlite3_file *)(file + 1);
    if (is_fault(false))
        return SQLITE_CANTOPEN;
    int code = real_disk->xOpen(real_disk, name, file->real, flags, out);
    if (code == SQLITE_OK)
        file->base.pMethods = &methods;
    return code;
}

static int delete_file(sqlite3_vfs *vfs, const char *name, int is_synced)
{
    (void)vfs;
    (void)is_synced;
    return is_fault(false) ? SQLITE_IOERR_DELETE : real_disk->xDelete(real_disk, name, 0);
}

int fault_disk_install(void)
{
    static sqlite3_vfs disk;
    sqlite3_mem_methods memory;
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory) != SQLITE_OK)
        return 1;
    memory = real_memory;
    memory.xMalloc = take_memory;
    memory.xRealloc = retake_memory;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &memory) != SQLITE_OK ||
        sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) != SQLITE_OK ||
        sqlite3_initialize() != SQLITE_OK)
        return 1;
    real_disk = sqlite3_vfs_find(NULL);
    disk = *real_disk;
    disk.zName = FAULT_DISK;
    disk.szOsFile = (int)sizeof(fault_file) + real_disk->szOsFile;
    disk.xOpen = open_file;
    disk.xDelete = delete_file;
    return sqlite3_vfs_register(&disk, 0);
}
