/* Whether this build is under AddressSanitizer or ThreadSanitizer, whose own memory counts as ours.
 */
#ifndef TESTS_SUPPORT_SANITIZED_H
#define TESTS_SUPPORT_SANITIZED_H

#ifdef __has_feature
#define TESTS_HAS_FEATURE(x) __has_feature(x)
#else
#define TESTS_HAS_FEATURE(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
    TESTS_HAS_FEATURE(address_sanitizer) || TESTS_HAS_FEATURE(thread_sanitizer)
#define IS_SANITIZED 1
#else
#define IS_SANITIZED 0
#endif

#endif
