/* Hashes of content, piece by piece. */
#include "hub/content_hash.h"

#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

static tb_status begin_git(tb_content_hash *hash, int64_t len_bytes, tb_error *err)
{
    char head[40];
    int n = snprintf(head, sizeof head, "blob %lld", (long long)len_bytes);
    hash->git = EVP_MD_CTX_new();
    if (hash->git == NULL || EVP_DigestInit_ex(hash->git, EVP_sha1(), NULL) != 1 ||
        EVP_DigestUpdate(hash->git, head, (size_t)n + 1) != 1)
        return tb_fail(err, TIMBRE_FAILED, "SHA-1 cannot be computed");
    return TIMBRE_OK;
}

tb_status tb_content_hash_init(tb_content_hash *hash, const char *etag, int64_t len_bytes,
                               tb_error *err)
{
    *hash = (tb_content_hash){0};
    tb_status st = strlen(etag) == 40 ? begin_git(hash, len_bytes, err)
                                      : tb_sha256_init(&hash->sha256, err);
    if (st != TIMBRE_OK)
        tb_content_hash_deinit(hash);
    return st;
}

void tb_content_hash_deinit(tb_content_hash *hash)
{
    tb_sha256_deinit(&hash->sha256);
    EVP_MD_CTX_free(hash->git);
    *hash = (tb_content_hash){0};
}

tb_status tb_content_hash_add(tb_content_hash *hash, const void *data, size_t len_bytes,
                              tb_error *err)
{
    if (hash->git == NULL)
        return tb_sha256_add(&hash->sha256, data, len_bytes, err);
    return EVP_DigestUpdate(hash->git, data, len_bytes) == 1
               ? TIMBRE_OK
               : tb_fail(err, TIMBRE_FAILED, "SHA-1 cannot be computed");
}

tb_status tb_content_hash_finish(tb_content_hash *hash, char hex[TB_SHA256_HEX_BYTES],
                                 tb_error *err)
{
    if (hash->git == NULL)
        return tb_sha256_finish(&hash->sha256, hex, err);
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (EVP_DigestFinal_ex(hash->git, raw, &n) != 1)
        return tb_fail(err, TIMBRE_FAILED, "SHA-1 cannot be computed");
    for (unsigned i = 0; i < n && i < 32; i++)
        (void)snprintf(hex + 2 * (size_t)i, 3, "%02x", raw[i]);
    return TIMBRE_OK;
}
