/* C++ (Itanium) and Rust (legacy and v0) names by libiberty's demangler. */
#include <stdlib.h>
#include <string.h>

#include <libiberty/demangle.h>

#include "common/cleanup.h"
#include "symbols/internal.h"

const char *sym_demangle(struct symbols *s, const char *name, bool with_parameters)
{
    if (name[0] != '_' || (name[1] != 'Z' && name[1] != 'R'))
        return name;
    /* "f@@VERS_1" and the like: the version is no part of the mangled name. */
    _cleanup_free_ char *bare = NULL;
    const char *at = strchr(name, '@');
    if (at)
        bare = strndup(name, (size_t)(at - name));
    int options = DMGL_AUTO | DMGL_ANSI | (with_parameters ? DMGL_PARAMS : 0);
    _cleanup_free_ char *text = cplus_demangle(bare ? bare : name, options);
    return text ? sym_intern(s, text) : name;
}
