/* Characters, strings, numbers and addresses as gdb writes them (in the C locale). */
#include <dwarf.h>
#include <math.h>
#include <string.h>

#include "common/cleanup.h"
#include "symbols/print.h"

const char *text_prefix(const struct sym_type *t)
{
    for (int i = 0; i < 100 && t; i++, t = t->target) {
        if (t->name && strcmp(t->name, "wchar_t") == 0)
            return "L";
        if (t->name && strcmp(t->name, "char16_t") == 0)
            return "u";
        if (t->name && strcmp(t->name, "char32_t") == 0)
            return "U";
        if (t->kind < TYPE_TYPEDEF)
            break;
    }
    return "";
}

/* ---- characters ---- */

/* *escaped: a hexadecimal escape came before, so a digit must be escaped, too. */
static void put_char(FILE *to, uint32_t c, char quote, bool *escaped)
{
    static const char letters[] = "abtnvfr"; /* 7 ... 13 */
    bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    bool was_escaped = *escaped;
    *escaped = false;
    if (c >= 0x20 && c < 0x7f && !(was_escaped && digit)) {
        if (c == (unsigned char)quote || c == '\\')
            fputc('\\', to);
        fputc((int)c, to);
    } else if (c >= 7 && c <= 13) {
        fprintf(to, "\\%c", letters[c - 7]);
    } else if (c <= 0777) {
        fprintf(to, "\\%.3o", c);
    } else {
        fprintf(to, "\\x%x", c);
        *escaped = true;
    }
}

void print_char(FILE *to, uint32_t c, const char *prefix)
{
    bool escaped = false;
    fprintf(to, "%s'", prefix);
    put_char(to, c, '\'', &escaped);
    fputc('\'', to);
}

static uint32_t char_at(const uint8_t *bytes, size_t i, unsigned width)
{
    uint32_t c = 0;
    memcpy(&c, bytes + i * width, width);
    return c;
}

void print_string(FILE *to, const uint8_t *bytes, size_t n, unsigned width, const char *prefix, bool cut)
{
    if (!cut && n && char_at(bytes, n - 1, width) == 0)
        n--;
    if (!n) {
        fprintf(to, "%s\"\"%s", prefix, cut ? "..." : "");
        return;
    }
    bool open = false, first = true, escaped = false;
    size_t i = 0, printed = 0;
    while (i < n && printed < PRINT_ELEMENTS) {
        uint32_t c = char_at(bytes, i, width);
        size_t same = 1;
        while (i + same < n && char_at(bytes, i + same, width) == c)
            same++;
        if (same > PRINT_REPEATS) {
            fputs(open ? "\", " : first ? "" : ", ", to);
            print_char(to, c, prefix);
            fprintf(to, " <repeats %zu times>", same);
            open = false;
        } else {
            if (!open) {
                fprintf(to, "%s%s\"", first ? "" : ", ", prefix);
                escaped = false;
            }
            if (same > PRINT_ELEMENTS - printed)
                same = PRINT_ELEMENTS - printed;
            for (size_t j = 0; j < same; j++)
                put_char(to, c, '"', &escaped);
            open = true;
        }
        first = false;
        printed += same;
        i += same;
    }
    if (open)
        fputc('"', to);
    if (cut || i < n)
        fputs("...", to);
}

void print_string_at(struct symbols *s, FILE *to, gaddr addr, unsigned width, const char *prefix)
{
    uint8_t bytes[(PRINT_ELEMENTS + 1) * 4];
    size_t n = 0, got = 0;
    bool ended = false, failed = false;
    /* By pieces that do not cross a page: where it ends unreadable is where the memory ends. */
    while (n < PRINT_ELEMENTS && !ended && !failed) {
        size_t want = 64 - (addr + n * width) % 64, room = (PRINT_ELEMENTS - n) * width;
        want = want < room ? want : room;
        want = want < width ? width : want / width * width;
        struct odb_err *e = s->view.read(s->view.ctx, addr + n * width, bytes + n * width, want, &got);
        failed = e || got < want;
        odb_err_free(e);
        for (size_t i = 0; i < got / width && !ended; i++, n++)
            ended = char_at(bytes, n, width) == 0;
    }
    if (!n && failed) {
        fprintf(to, "<error: Cannot access memory at address 0x%llx>", (unsigned long long)addr);
        return;
    }
    print_string(to, bytes, n, width, prefix, !ended && !failed);
    unsigned long long end = addr;
    end += (unsigned long long)n * width;
    if (failed && !ended)
        fprintf(to, "<error: Cannot access memory at address 0x%llx>", end);
}

/* ---- numbers ---- */

void print_int(FILE *to, __int128 x, bool is_signed)
{
    char digits[48];
    size_t at = sizeof(digits);
    bool negative = is_signed && x < 0;
    unsigned __int128 u = negative ? 0 - (unsigned __int128)x : (unsigned __int128)x;
    digits[--at] = 0;
    do
        digits[--at] = (char)('0' + (int)(u % 10));
    while (u /= 10);
    if (negative)
        digits[--at] = '-';
    fputs(digits + at, to);
}

/* IEEE half precision (5 bits of exponent), and bfloat16, the upper half of a float. */
static long double short_float(uint64_t bits, bool is_bfloat)
{
    if (is_bfloat) {
        uint32_t wide = (uint32_t)bits << 16;
        float f;
        memcpy(&f, &wide, 4);
        return f;
    }
    unsigned exponent = bits >> 10 & 31, mantissa = bits & 0x3ff;
    long double x = exponent == 31  ? (mantissa ? NAN : INFINITY)
                    : exponent == 0 ? ldexpl(mantissa, -24)
                                    : ldexpl(mantissa + 1024, (int)exponent - 25);
    return bits >> 15 & 1 ? -x : x;
}

void print_float(FILE *to, const uint8_t *bytes, size_t n_bytes, bool is_bfloat)
{
    uint64_t mantissa = 0;
    bool negative;
    long double x;
    float f;
    double d;
    int digits;
    if (n_bytes == 2) {
        memcpy(&mantissa, bytes, 2);
        x = short_float(mantissa, is_bfloat);
        digits = is_bfloat ? 4 : 5, negative = mantissa >> 15, mantissa &= is_bfloat ? 0x7f : 0x3ff;
    } else if (n_bytes == 4) {
        memcpy(&f, bytes, 4);
        uint32_t u;
        memcpy(&u, bytes, 4);
        x = f, digits = 9, mantissa = u & 0x7fffff, negative = u >> 31;
    } else if (n_bytes == 8) {
        memcpy(&d, bytes, 8);
        memcpy(&mantissa, bytes, 8);
        x = d, digits = 17, negative = mantissa >> 63, mantissa &= (1ULL << 52) - 1;
    } else {
        uint16_t top;
        x = 0;
        memcpy(&x, bytes, 10);
        memcpy(&mantissa, bytes, 8);
        memcpy(&top, bytes + 8, 2);
        digits = 21, negative = top >> 15;
    }
    if (isnan(x))
        fprintf(to, "%snan(0x%llx)", negative ? "-" : "", (unsigned long long)mantissa);
    else if (isinf(x))
        fputs(negative ? "-inf" : "inf", to);
    else
        fprintf(to, "%.*Lg", digits, x);
}

/* ---- addresses ---- */

/* "(int, char**)", as a demangler spells it. */
static const char *with_parameters(struct symbols *s, const char *name, const struct sym_type *t)
{
    const char *text = sym_intern_printf(s, "%s(", name);
    type_read_members(s, t);
    for (size_t i = 0; i < t->n_parameters; i++) {
        const char *in = type_name(s, t->parameters[i]);
        bool is_const = strncmp(in, "const ", 6) == 0;
        in += is_const ? 6 : 0;
        const char *stars = strpbrk(in, "*&");
        size_t n = stars ? (size_t)(stars - in) : strlen(in);
        while (n && in[n - 1] == ' ')
            n--;
        text = sym_intern_printf(s, "%s%s%.*s%s%s", text, i ? ", " : "", (int)n, in, is_const ? " const" : "",
                                 stars ? stars : "");
    }
    return sym_intern_printf(s, "%s)", text);
}

/* gdb takes the function of DWARF, unless a symbol lies between its entry and the address. */
static const char *function_name(struct symbols *s, struct module *m, uint64_t vaddr, uint64_t *entry)
{
    struct cu *cu = module_cu_at(s, m, vaddr);
    const struct cu_function *f = cu ? cu_function_at(s, cu, vaddr) : NULL;
    if (!f)
        return NULL;
    Dwarf_Die die = f->die;
    Dwarf_Attribute at;
    *entry = f->entry;
    const char *linkage = die_attr(&die, DW_AT_linkage_name, &at) ? dwarf_formstring(&at) : NULL;
    if (linkage && lang_is_cplus(cu->lang))
        return sym_demangle(s, linkage, true);
    const char *name = cu_qualified_name(s, m, &die);
    if (name && lang_is_cplus(cu->lang))
        return with_parameters(s, name, type_from_die(s, m, &die));
    bool is_c = cu->lang == DW_LANG_C89 || cu->lang == DW_LANG_C99 || cu->lang == DW_LANG_C11;
    return linkage && (is_c || !name) ? linkage : name;
}

void print_address(struct symbols *s, FILE *to, gaddr addr)
{
    struct module *m;
    gaddr bias;
    uint64_t entry = 0;
    fprintf(to, "0x%llx", (unsigned long long)addr);
    _cleanup_err_ struct odb_err *e = sym_module_at(s, addr, &m, &bias);
    if (e || !m)
        return;
    const struct elf_symbol *sym = module_symbol_at(s, m, addr - bias);
    /* A label among data says nothing of what lies behind it. */
    if (sym && !sym->n_bytes && !module_in_code(m, sym->vaddr))
        sym = NULL;
    const struct plt_entry *plt = sym ? NULL : module_plt_at(s, m, addr - bias);
    const char *name = plt ? NULL : function_name(s, m, addr - bias, &entry);
    if (!name || (sym && sym->vaddr > entry)) {
        if (!sym && !plt)
            return;
        entry = sym ? sym->vaddr : plt->vaddr;
        name = sym ? sym_demangle(s, sym->name, true) : plt->name;
    }
    /* "counter.2", a static variable of a function, is counter; the compiler's own "__func__.1" stays. */
    const char *dot = sym && sym->type == STT_OBJECT && sym->bind == STB_LOCAL && entry == sym->vaddr
                          ? strrchr(name, '.')
                          : NULL;
    bool numbered = dot && strncmp(name, "__", 2) != 0 && dot > name && dot[1] &&
                    strspn(dot + 1, "0123456789") == strlen(dot + 1);
    fprintf(to, " <%.*s", (int)(numbered ? (size_t)(dot - name) : strlen(name)), name);
    if (addr - bias != entry)
        fprintf(to, "+%llu", (unsigned long long)(addr - bias - entry));
    fputc('>', to);
}
