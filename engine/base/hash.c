#include "engine/base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

tb_status tb_sha256_init(tb_sha256 *hash, tb_error *err)
{
    hash->context = EVP_MD_CTX_new();
    if (hash->context != NULL && EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL) == 1)
        return TIMBRE_OK;
    tb_sha256_deinit(hash);
    return tb_fail(err, TIMBRE_NO_MEMORY, "libcrypto could not begin a SHA-256");
}

void tb_sha256_deinit(tb_sha256 *hash)
{
    EVP_MD_CTX_free(hash->context);
    hash->context = NULL;
}

tb_status tb_sha256_add(tb_sha256 *hash, const void *data, size_t len_bytes, tb_error *err)
{
    if (EVP_DigestUpdate(hash->context, data, len_bytes) == 1)
        return TIMBRE_OK;
    return tb_fail(err, TIMBRE_FAILED, "libcrypto could not hash %zu bytes", len_bytes);
}

tb_status tb_sha256_finish(tb_sha256 *hash, char hex[TB_SHA256_HEX_BYTES], tb_error *err)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char raw[32];
    if (EVP_DigestFinal_ex(hash->context, raw, NULL) != 1)
        return tb_fail(err, TIMBRE_FAILED, "libcrypto could not finish a SHA-256");
    for (int i = 0; i < 32; i++) {
        hex[2 * i] = digits[raw[i] >> 4];
        hex[2 * i + 1] = digits[raw[i] & 15];
    }
    hex[64] = '\0';
    return TIMBRE_OK;
}

tb_status tb_sha256_bytes(const void *data, size_t len_bytes, char hex[TB_SHA256_HEX_BYTES],
                          tb_error *err)
{
    tb_sha256 hash;
    tb_status st = tb_sha256_init(&hash, err);
    if (st == TIMBRE_OK)
        st = tb_sha256_add(&hash, data, len_bytes, err);
    if (st == TIMBRE_OK)
        st = tb_sha256_finish(&hash, hex, err);
    tb_sha256_deinit(&hash);
    return st;
}

static tb_status hash_fd(tb_sha256 *hash, int fd, const char *path, const tb_progress *progress,
                         tb_error *err)
{
    unsigned char buffer[64 * 1024];
    for (;;) {
        if (tb_progress_is_cancelled(progress))
            return tb_progress_check(progress, err);
        ssize_t n = read(fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return tb_fail_errno(err, errno, "cannot read '%s'", path);
        if (n == 0)
            return TIMBRE_OK;
        tb_status st = tb_sha256_add(hash, buffer, (size_t)n, err);
        if (st != TIMBRE_OK)
            return st;
    }
}

/* What has no end, such as /dev/zero, has no hash. */
static tb_status check_regular(int fd, const char *path, tb_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return tb_fail_errno(err, errno, "cannot examine '%s'", path);
    if (!S_ISREG(st.st_mode))
        return tb_fail(err, TIMBRE_BAD_FILE, "'%s' is not a regular file", path);
    return TIMBRE_OK;
}

tb_status tb_sha256_file(const char *path, char hex[TB_SHA256_HEX_BYTES], tb_error *err)
{
    return tb_sha256_large_file(path, NULL, hex, err);
}

tb_status tb_sha256_large_file(const char *path, const tb_progress *progress,
                               char hex[TB_SHA256_HEX_BYTES], tb_error *err)
{
    /* O_NONBLOCK: a pipe without a writer must not keep us waiting */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return tb_fail_errno(err, errno, "cannot open '%s'", path);
    tb_sha256 hash = {0};
    tb_status st = check_regular(fd, path, err);
    if (st == TIMBRE_OK)
        st = tb_sha256_init(&hash, err);
    if (st == TIMBRE_OK)
        st = hash_fd(&hash, fd, path, progress, err);
    if (st == TIMBRE_OK)
        st = tb_sha256_finish(&hash, hex, err);
    tb_sha256_deinit(&hash);
    close(fd);
    return st;
}
