/* The smallest frame for unit tests: CHECK stops the test with file, line and condition. */
#ifndef ODB_TESTS_COMMON_CHECK_H
#define ODB_TESTS_COMMON_CHECK_H

#include <stdio.h>
#include <stdlib.h>

#include "common/err.h"

#define CHECK(cond)                                                                  \
    do {                                                                             \
        if (!(cond)) {                                                               \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #cond); \
            exit(1);                                                                 \
        }                                                                            \
    } while (0)

/* The call must succeed. */
#define CHECK_OK(expr)                                                                             \
    do {                                                                                           \
        struct odb_err *check_e_ = (expr);                                                         \
        if (check_e_) {                                                                            \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #expr, odb_err_text(check_e_)); \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* The call must fail, with this text in its error. */
#define CHECK_ERR(expr, text)                                                                              \
    do {                                                                                                   \
        struct odb_err *check_e_ = (expr);                                                                 \
        if (!check_e_ || !strstr(odb_err_text(check_e_), text)) {                                          \
            fprintf(stderr, "%s:%d: %s: error with \"%s\" expected, got: %s\n", __FILE__, __LINE__, #expr, \
                    text, odb_err_text(check_e_));                                                         \
            exit(1);                                                                                       \
        }                                                                                                  \
        odb_err_free(check_e_);                                                                            \
    } while (0)

#define RUN(test)                      \
    do {                               \
        test();                        \
        printf("%s: passed\n", #test); \
    } while (0)

#endif
