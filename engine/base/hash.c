#include "engine/base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

static tb_status finish(EVP_MD_CTX *ctx, char hex[TB_SHA256_HEX_BYTES], tb_error *err)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char raw[32];
    if (EVP_DigestFinal_ex(ctx, raw, NULL) != 1)
        return tb_fail(err, TIMBRE_FAILED, "libcrypto could not finish a SHA-256");
    for (int i = 0; i < 32; i++) {
        hex[2 * i] = digits[raw[i] >> 4];
        hex[2 * i + 1] = digits[raw[i] & 15];
    }
    hex[64] = '\0';
    return TIMBRE_OK;
}

static EVP_MD_CTX *begin(tb_error *err)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1)
        return ctx;
    EVP_MD_CTX_free(ctx);
    (void)tb_fail(err, TIMBRE_NO_MEMORY, "libcrypto could not begin a SHA-256");
    return NULL;
}

tb_status tb_sha256_bytes(const void *data, size_t len_bytes, char hex[TB_SHA256_HEX_BYTES],
                          tb_error *err)
{
    EVP_MD_CTX *ctx = begin(err);
    if (ctx == NULL)
        return TIMBRE_NO_MEMORY;
    tb_status st = TIMBRE_OK;
    if (EVP_DigestUpdate(ctx, data, len_bytes) != 1)
        st = tb_fail(err, TIMBRE_FAILED, "libcrypto could not hash %zu bytes", len_bytes);
    if (st == TIMBRE_OK)
        st = finish(ctx, hex, err);
    EVP_MD_CTX_free(ctx);
    return st;
}

static tb_status hash_fd(EVP_MD_CTX *ctx, int fd, const char *path, tb_error *err)
{
    unsigned char buffer[64 * 1024];
    for (;;) {
        ssize_t n = read(fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return tb_fail_errno(err, errno, "cannot read '%s'", path);
        if (n == 0)
            return TIMBRE_OK;
        if (EVP_DigestUpdate(ctx, buffer, (size_t)n) != 1)
            return tb_fail(err, TIMBRE_FAILED, "libcrypto could not hash '%s'", path);
    }
}

tb_status tb_sha256_file(const char *path, char hex[TB_SHA256_HEX_BYTES], tb_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return tb_fail_errno(err, errno, "cannot open '%s'", path);
    EVP_MD_CTX *ctx = begin(err);
    tb_status st = ctx == NULL ? TIMBRE_NO_MEMORY : hash_fd(ctx, fd, path, err);
    if (st == TIMBRE_OK)
        st = finish(ctx, hex, err);
    EVP_MD_CTX_free(ctx);
    close(fd);
    return st;
}
