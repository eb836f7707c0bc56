/* What shape a type has, for those who show values. */
#include "symbols/type.h"

bool symbols_type_is_compound(const struct sym_type *t)
{
    for (int depth = 0; t && depth < 64; depth++) {
        switch (t->kind) {
        case TYPE_TYPEDEF:
        case TYPE_CONST:
        case TYPE_VOLATILE:
        case TYPE_OTHER:
        case TYPE_REFERENCE:
        case TYPE_RVALUE_REFERENCE: t = t->target; break;
        case TYPE_STRUCT:
        case TYPE_UNION:
        case TYPE_ARRAY: return true;
        default: return false;
        }
    }
    return false;
}
