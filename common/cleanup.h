/* Scope guards: `_cleanup_free_ char *p = ...;` frees at the end of the scope; hand over with take_ptr(). */
#ifndef ODB_COMMON_CLEANUP_H
#define ODB_COMMON_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline void odb_freep(void *p) { free(*(void **)p); }
static inline void odb_closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
static inline void odb_fclosep(FILE **f)
{
    if (*f)
        fclose(*f);
}
static inline void odb_closedirp(DIR **d)
{
    if (*d)
        closedir(*d);
}

#define _cleanup_free_ __attribute__((cleanup(odb_freep)))
#define _cleanup_close_ __attribute__((cleanup(odb_closep)))
#define _cleanup_fclose_ __attribute__((cleanup(odb_fclosep)))
#define _cleanup_closedir_ __attribute__((cleanup(odb_closedirp)))

#define take_ptr(p)                    \
    ({                                 \
        __typeof__(p) take_tmp_ = (p); \
        (p) = NULL;                    \
        take_tmp_;                     \
    })
#define take_fd(fd)           \
    ({                        \
        int take_tmp_ = (fd); \
        (fd) = -1;            \
        take_tmp_;            \
    })

#endif
