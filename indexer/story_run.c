/* What processes run: the first program, from the recording's START event; later ones, from the stack that the
 * kernel made for them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "indexer/builder_impl.h"
#include "trace/trace.h"

/* As a shell would take it. */
static void put_arg(FILE *f, const char *a)
{
    bool plain =
        *a && !a[strspn(a, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,+@%")];
    if (!plain)
        fputc('\'', f);
    for (; *a; a++) {
        if (*a == '\'')
            fputs("'\\'", f);
        fputc(*a, f);
    }
    if (!plain)
        fputc('\'', f);
}

/* A process runs a program. args is taken over. */
static struct odb_err *put_exec(struct index_builder *b, struct builder_proc *p, const char *exe, char *args)
{
    free(p->args);
    p->args = args;
    free(p->exe);
    p->exe = exe ? strdup(exe) : NULL;
    return store_put(b->store, STORE_EXEC, "iitt", b->count, (uint64_t)p->pid, p->exe, p->args);
}

static void name_after(struct builder_thread *th, const char *path)
{
    const char *slash = strrchr(path, '/');
    snprintf(th->name, sizeof(th->name), "%.15s", slash ? slash + 1 : path);
}

struct odb_err *story_first_image(struct index_builder *b, const struct odb_ev_start *ev)
{
    struct builder_proc *p = b->procs[0];
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    if (!f)
        return odb_err("index: out of memory");
    for (uint32_t i = 0; i < ev->n_argv; i++) {
        if (i)
            fputc(' ', f);
        put_arg(f, trace_start_string(ev, 3 + i));
    }
    fclose(f);
    free(p->args);
    free(p->exe);
    p->args = text;
    p->exe = strdup(trace_start_string(ev, 0));
    if (!p->exe || !text)
        return odb_err("index: out of memory");
    name_after(b->cur, p->exe);
    return NULL;
}

struct odb_err *story_began(struct index_builder *b)
{
    const struct builder_proc *p = b->cur->proc;
    return p->exe ? store_put(b->store, STORE_EXEC, "iitt", (uint64_t)0, (uint64_t)p->pid, p->exe, p->args)
                  : NULL;
}

/* ---- a new image ---- */

static uint64_t peek64(struct index_builder *b, gaddr addr)
{
    uint64_t v = 0;
    return shadow_read(&b->shadow, builder_space(b), addr, &v, 8) == 8 ? v : 0;
}

/* A string of the program, cut to n_bytes. */
static void peek_text(struct index_builder *b, gaddr addr, char *to, size_t n_bytes)
{
    size_t n = shadow_read(&b->shadow, builder_space(b), addr, to, n_bytes - 1);
    to[n] = 0;
}

/* On the stack of a new image: argc, argv, NULL, envp, NULL, auxv (ELF ABI for x86-64, 3.4.1). */
struct odb_err *story_new_image(struct index_builder *b, gaddr rsp)
{
    enum { ARGS_MAX = 4096, WORDS_MAX = 1 << 17, AT_PHDR_ = 3, AT_EXECFN_ = 31 };
    char word[4096];
    char *text = NULL;
    size_t n;
    uint64_t argc = peek64(b, rsp), phdr = 0, execfn = 0;
    FILE *f = open_memstream(&text, &n);
    if (!f)
        return odb_err("index: out of memory");
    for (uint64_t i = 0; i < argc && i < ARGS_MAX; i++) {
        peek_text(b, peek64(b, rsp + 8 + 8 * i), word, sizeof(word));
        if (i)
            fputc(' ', f);
        put_arg(f, word);
    }
    fclose(f);
    gaddr at = rsp + 8 * (argc + 2);
    int left = WORDS_MAX;
    for (; peek64(b, at) && left; left--)
        at += 8;
    for (at += 8; peek64(b, at) && left; at += 16, left--) {
        if (peek64(b, at) == AT_PHDR_)
            phdr = peek64(b, at + 8);
        if (peek64(b, at) == AT_EXECFN_)
            execfn = peek64(b, at + 8);
    }
    const struct region *m = regions_find(&builder_vm(b)->maps, phdr);
    const char *exe = m ? shadow_file_path(&b->shadow, m->file_id) : NULL;
    peek_text(b, execfn, word, sizeof(word));
    if (*word)
        name_after(b->cur, word);
    return put_exec(b, b->cur->proc, exe ? exe : *word ? word : NULL, text);
}
