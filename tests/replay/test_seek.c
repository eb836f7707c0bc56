/* test_seek DIR [STRIDE [MODE]]: any position can be reached again, from any checkpoint before it, and looks the same.
 *
 * One pass to the end leaves checkpoints at events. Then random pairs: from a checkpoint to a random tick
 * between two others, and once more from an earlier one; registers, vector state and memory around the stack
 * pointer must be equal. At last every checkpoint runs to the end. MODE: plain, no-vector-ticks, no-superblocks. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "replayer/replay.h"

#define MAX_COPIES 40
#define ROUNDS 60

struct sight {
    uint64_t tid;
    struct odb_pos pos;
    struct odb_regs regs;
    uint64_t vectors, memory;
};

static struct replay *copies[MAX_COPIES];
static struct sight sights[MAX_COPIES];
static int n_copies, n_failed;

static void ok(struct odb_err *e, int line)
{
    if (!e)
        return;
    fprintf(stderr, "%s:%d: %s\n", __FILE__, line, odb_err_text(e));
    exit(1);
}
#define OK(e) ok(e, __LINE__)

static void look(struct replay *r, struct sight *ret)
{
    static uint8_t memory[65536];
    const struct odb_stop *s = replay_where(r);
    const struct odb_xstate *x;
    size_t n;
    ret->tid = s->tid;
    ret->pos = (struct odb_pos){s->tick, s->regs.rip};
    ret->regs = s->regs;
    OK(replay_vectors(r, &x));
    ret->vectors = odb_hash64(x->image, x->bytes, 0);
    OK(replay_read(r, (s->regs.gpr[ODB_RSP] & ~4095ULL) - 8192, memory, sizeof(memory), &n));
    ret->memory = odb_hash64(memory, n, n);
}

static void compare(const struct sight *a, const struct sight *b, const char *what)
{
    if (memcmp(a, b, sizeof(*a)) == 0)
        return;
    n_failed++;
    fprintf(stderr, "%s: at (%" PRIu64 ", 0x%" PRIx64 ") and (%" PRIu64 ", 0x%" PRIx64 "):%s%s%s\n", what,
            a->pos.tick, a->pos.rip, b->pos.tick, b->pos.rip,
            memcmp(&a->regs, &b->regs, sizeof(a->regs)) ? " registers" : "",
            a->vectors != b->vectors ? " vectors" : "", a->memory != b->memory ? " memory" : "");
    for (int i = 0; i < ODB_N_GPR + 4; i++)
        if (((const uint64_t *)&a->regs)[i] != ((const uint64_t *)&b->regs)[i])
            fprintf(stderr, "  register %d: 0x%" PRIx64 " 0x%" PRIx64 "\n", i,
                    ((const uint64_t *)&a->regs)[i], ((const uint64_t *)&b->regs)[i]);
}

static void go_to(struct replay *r, uint64_t tid, struct odb_pos pos, struct sight *ret)
{
    const struct odb_stop *s;
    OK(replay_run(
        r, &(struct odb_run){.flags = ODB_RUN_TO_POS, .tid = (uint32_t)tid, .tick = pos.tick, .rip = pos.rip},
        &s));
    if (s->reason != ODB_STOP_POSITION || s->tid != tid || s->tick != pos.tick ||
        (pos.rip && s->regs.rip != pos.rip)) {
        fprintf(stderr,
                "wanted (%" PRIu64 ", 0x%" PRIx64 "), stopped for reason %u at (%" PRIu64 ", 0x%" PRIx64
                ") %s %s\n",
                pos.tick, pos.rip, s->reason, s->tick, s->regs.rip, s->text, s->divergence.what);
        exit(1);
    }
    look(r, ret);
}

/* Returns the status at the end. */
static int first_pass(const char *dir, const struct replay_options *opt, uint64_t stride)
{
    struct replay *r;
    const struct odb_stop *s;
    OK(replay_open(dir, opt, &r));
    OK(replay_checkpoint(r, &copies[0]));
    look(r, &sights[0]);
    n_copies = 1;
    for (uint64_t event = stride; n_copies < MAX_COPIES; event += stride) {
        OK(replay_run(r, &(struct odb_run){.flags = ODB_RUN_TO_EVENT, .event = event}, &s));
        if (s->reason != ODB_STOP_EVENT)
            break;
        OK(replay_checkpoint(r, &copies[n_copies]));
        look(r, &sights[n_copies++]);
    }
    OK(replay_run(r, NULL, &s));
    if (s->reason != ODB_STOP_END) {
        char *text = replay_divergence_text(s);
        fprintf(stderr, "no end: %s\n", text ? text : "");
        free(text);
        exit(1);
    }
    int status = s->status;
    replay_close(r);
    return status;
}

static void random_round(void)
{
    struct replay *a, *b;
    struct sight sa, sb, middle;
    int i = (int)(random() % n_copies), j = (int)(random() % n_copies);
    if (i > j) {
        int t = i;
        i = j;
        j = t;
    }
    uint64_t tid = sights[0].tid; /* the first thread, which never executes another program */
    bool both = sights[i].tid == tid;
    if (sights[j].tid != tid)
        return;
    OK(replay_checkpoint(copies[i], &a));
    if (!both || sights[j].pos.tick != sights[i].pos.tick || sights[j].pos.rip >= sights[i].pos.rip) {
        uint64_t span = sights[j].pos.tick - sights[i].pos.tick;
        struct odb_pos target = {sights[i].pos.tick + 1 + (span ? (uint64_t)random() % span : 0), 0};
        if (both && span > 1 && target.tick < sights[j].pos.tick) {
            go_to(a, tid, target, &middle);
            int k = (int)(random() % (i + 1));
            OK(replay_checkpoint(copies[k], &b));
            go_to(b, tid, middle.pos, &sb);
            compare(&middle, &sb, "the same position from two checkpoints");
            replay_close(b);
        }
        go_to(a, tid, sights[j].pos, &sa);
        compare(&sights[j], &sa, "an event's position");
    }
    replay_close(a);
}

int main(int argc, char **argv)
{
    const struct odb_stop *s;
    if (argc < 2)
        return 2;
    const char *mode = argc > 3 ? argv[3] : "plain";
    struct replay_options opt = {
        .out_fd = {-1, -1, -1},
        .check = true,
        .no_vector_ticks = strcmp(mode, "no-vector-ticks") == 0,
        .no_superblocks = strcmp(mode, "no-superblocks") == 0,
    };
    int status = first_pass(argv[1], &opt, argc > 2 ? strtoull(argv[2], NULL, 0) : 10);
    for (int i = 0; i < ROUNDS; i++)
        random_round();
    for (int i = n_copies - 1; i >= 0; i--) {
        OK(replay_run(copies[i], NULL, &s));
        if (s->reason != ODB_STOP_END || s->status != status) {
            fprintf(stderr, "checkpoint %d: reason %u, status %d, not %d: %s\n", i, s->reason, s->status,
                    status, s->divergence.what);
            n_failed++;
        }
        replay_close(copies[i]);
    }
    printf("%d checkpoints, status %d, %d differences\n", n_copies, status, n_failed);
    return n_failed != 0;
}
