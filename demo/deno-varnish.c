/* The crash of the demo: a static program with an embedded JavaScript engine, in the shape of a program that
 * is meant to run as the guest of a small virtual machine and is started outside of it by mistake.
 *
 *     ./deno-varnish state request ./main.js
 *
 * The script's backend.set_get(handler) ends in set_backend_get(), which calls its host with
 * `out %eax, $0`. There is no host: user space may not do port I/O, and the kernel answers with SIGSEGV. */
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mujs.h>

/* What the host would be given: the request's handler and state. */
struct backend_call {
    char handler[32]; /* name of a global of the script */
    const char *state, *request;
    uint64_t generation;
};

enum { HOST_SET_BACKEND_GET = 0x10001 };

static struct backend_call *current_call;

/* The guest call: number in eax, argument in rdi. */
__attribute__((noinline)) static void set_backend_get(struct backend_call *call)
{
    __asm__ volatile("out %%eax, $0" : : "a"(HOST_SET_BACKEND_GET), "D"(call) : "memory");
}

__attribute__((noinline)) static void fill_call(struct backend_call *call, const char *handler)
{
    snprintf(call->handler, sizeof(call->handler), "%s", handler);
    call->generation++;
}

static void backend_set_get(js_State *js)
{
    if (!js_iscallable(js, 1))
        js_typeerror(js, "backend.set_get needs a function");
    js_copy(js, 1);
    js_setglobal(js, "__backend_get");
    fill_call(current_call, "__backend_get");
    set_backend_get(current_call);
    js_pushundefined(js);
}

static void console_log(js_State *js)
{
    for (int i = 1; i < js_gettop(js); i++)
        printf("%s%s", i > 1 ? " " : "", js_tostring(js, i));
    putchar('\n');
    fflush(stdout);
    js_pushundefined(js);
}

static void bind(js_State *js, const char *object, const char *name, js_CFunction function)
{
    js_newobject(js);
    js_newcfunction(js, function, name, 1);
    js_setproperty(js, -2, name);
    js_setglobal(js, object);
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: %s STATE REQUEST SCRIPT\n", argv[0]);
        return 2;
    }
    char path[PATH_MAX];
    if (!realpath(argv[3], path)) {
        perror(argv[3]);
        return 1;
    }
    printf("Running file://%s...\n", path);
    fflush(stdout);

    current_call = calloc(1, sizeof(*current_call));
    js_State *js = js_newstate(NULL, NULL, JS_STRICT);
    if (!current_call || !js)
        return 1;
    current_call->state = argv[1];
    current_call->request = argv[2];
    bind(js, "console", "log", console_log);
    bind(js, "backend", "set_get", backend_set_get);
    int failed = js_dofile(js, path);
    js_freestate(js);
    free(current_call);
    return failed;
}
