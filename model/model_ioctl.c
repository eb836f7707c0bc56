/* ioctl: outputs by request number.
 *
 * ioctls.tbl is asked first. Then families whose requests are flat structures and whose numbers tell
 * direction and size truthfully (input devices, watchdog, clock, namespaces, process descriptors).
 * Families that let the kernel or a device write memory later, or that hand out mappings, are refused by
 * name before the call. Any other request may run; if it succeeds, its number is believed where
 * it has a size. */
#include "model/internal.h"

enum ioctl_rule { IO_NONE, IO_OUT, IO_INOUT, IO_IN, IO_OUTRET, IO_UPTO, IO_SPECIAL };

static const struct ioctl_row {
    uint32_t request;
    uint16_t n;
    uint8_t rule;
} rows[] = {
#define IOCTL(NAME, REQUEST, RULE, N) {(REQUEST), (N), IO_##RULE},
#include "model/ioctls.tbl"
#undef IOCTL
};

/* asm-generic/ioctl.h: direction 2 bits, size 14, type 8, number 8. */
static uint32_t io_type(uint32_t request) { return request >> 8 & 0xff; }
static uint32_t io_nr(uint32_t request) { return request & 0xff; }
static uint32_t io_size(uint32_t request) { return request >> 16 & 0x3fff; }
static bool io_reads(uint32_t request) { return request >> 31; }      /* the kernel writes memory */
static bool io_writes(uint32_t request) { return request >> 30 & 1; } /* the kernel reads memory */

// clang-format off
static const struct {
    uint8_t type, nr_first, nr_last;
} honest_families[] = {
    { 'E', 0x01, 0x91 }, { 'E', 0xa0, 0xff }, /* input devices; 0x92, 0x93 (masks) hold a pointer */
    { 'W', 0x00, 0x0a },                      /* watchdog */
    { 'p', 0x01, 0x15 },                      /* real-time clock */
    { 0xb7, 0x00, 0x20 },                     /* namespaces: NS_GET_MNTNS_ID, NS_MNT_GET_INFO, ... */
    { 0xff, 0x00, 0x20 },                     /* PIDFD_GET_INFO */
};

static const struct {
    uint8_t type;
    const char *name;
} refused_families[] = {
    { 0xae, "KVM" }, { '$', "perf" }, { 'd', "DRM" }, { 0xaa, "userfaultfd" }, { ';', "vfio" }, { 0xaf, "vhost" },
    { 'b', "binder" }, { 'U', "usbdevfs" }, { 'A', "ALSA" }, { 0x1b, "InfiniBand" }, { 0xfd, "device-mapper" },
    { 0xab, "nbd" }, { 'N', "NVMe" }, { 0xa8, "io_uring" },
};
// clang-format on

static const struct ioctl_row *row_find(uint32_t request)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (rows[i].request == request)
            return &rows[i];
    return NULL;
}

static bool is_honest(uint32_t request)
{
    for (size_t i = 0; i < sizeof(honest_families) / sizeof(*honest_families); i++)
        if (honest_families[i].type == io_type(request) && io_nr(request) >= honest_families[i].nr_first &&
            io_nr(request) <= honest_families[i].nr_last)
            return true;
    return false;
}

const char *model_ioctl_refused_family(uint32_t request)
{
    if (row_find(request) || is_honest(request))
        return NULL;
    for (size_t i = 0; i < sizeof(refused_families) / sizeof(*refused_families); i++)
        if (refused_families[i].type == io_type(request))
            return refused_families[i].name;
    return NULL;
}

/* ---- requests with a structure of their own ---- */

enum { FIEMAP = 0xc020660b, DEDUPE = 0xc0189436, IFCONF = 0x8912, ETHTOOL = 0x8946, PROCMAP = 0xc0686611 };

/* fs/ioctl.c ioctl_fiemap: header (32) back even on errors, then the extents (56 each) that were found. */
static void fiemap_outputs(struct sink *s, const struct model_call *call, gaddr arg)
{
    if (model_failed(call)) {
        sink_add_readable(s, call, arg, 32);
        return;
    }
    sink_add(s, arg, 32 + 56 * min_u64(load32(arg + 20), load32(arg + 24)));
}

/* net/core/dev_ioctl.c dev_ifconf: the used length, and the entries. */
static void ifconf_outputs(struct sink *s, gaddr arg)
{
    sink_add(s, arg, 4);
    sink_add(s, load64(arg + 8), load32(arg));
}

/* net/ethtool/ioctl.c: a pointer at offset 16 of ifreq, the command first in what it points to. */
static bool ethtool_outputs(struct sink *s, gaddr arg)
{
    gaddr data = load64(arg + 16);
    switch (load32(data)) {
    case 0x01: /* GSET */
    case 0x41: /* GET_TS_INFO */ sink_add(s, data, 44); return true;
    case 0x03: /* GDRVINFO */ sink_add(s, data, 196); return true;
    case 0x05: /* GWOL */ sink_add(s, data, 20); return true;
    case 0x07: /* GMSGLVL */
    case 0x0a: /* GLINK */
    case 0x14:
    case 0x16:
    case 0x18:
    case 0x1e:
    case 0x21:
    case 0x23:
    case 0x25:
    case 0x2b: /* GRXCSUM .. GGRO: ethtool_value */ sink_add(s, data, 8); return true;
    default: return false;
    }
}

/* fs/proc/task_mmu.c do_procmap_query: the structure, the name and the build id if they were asked for. */
static void procmap_outputs(struct sink *s, gaddr arg)
{
    sink_add(s, arg, min_u64(load64(arg), 104));
    sink_add(s, load64(arg + 88), load32(arg + 80));
    sink_add(s, load64(arg + 96), load32(arg + 84));
}

static bool special_outputs(struct sink *s, const struct model_call *call, uint32_t request, gaddr arg)
{
    switch (request) {
    case FIEMAP: fiemap_outputs(s, call, arg); return true;
    case DEDUPE: /* struct file_dedupe_range and its 32-byte entries come back whole */
        sink_add(s, arg, 24 + 32 * (uint64_t)(load32(arg + 16) & 0xffff));
        return true;
    case IFCONF: ifconf_outputs(s, arg); return true;
    case ETHTOOL: return ethtool_outputs(s, arg);
    case PROCMAP: procmap_outputs(s, arg); return true;
    default: return false;
    }
}

/* A request without a row that succeeded. New numbers (asm-generic/ioctl.h) nearly always tell direction and size
 * truthfully; for an old one nobody can say, unless there is no memory that it could have written. */
static bool unknown_outputs(struct sink *s, const struct model_call *call, uint32_t request, gaddr arg)
{
    uint8_t byte;
    if (!is_honest(request) && !call->peek(arg, &byte, 1))
        return true;
    if (io_reads(request))
        sink_add_readable(s, call, arg, io_size(request));
    return is_honest(request) || io_size(request);
}

bool model_ioctl_outputs(struct sink *s, const struct model_call *call)
{
    uint32_t request = (uint32_t)call->args[1];
    gaddr arg = call->args[2];
    if (model_failed(call)) {
        if (request == FIEMAP && call->result != -ME_FAULT)
            fiemap_outputs(s, call, arg);
        return true;
    }
    const struct ioctl_row *row = row_find(request);
    if (!row)
        return unknown_outputs(s, call, request, arg);
    switch (row->rule) {
    case IO_OUT:
    case IO_INOUT: sink_add(s, arg, row->n); return true;
    case IO_OUTRET: sink_add(s, arg, min_u64((uint64_t)call->result, row->n)); return true;
    case IO_UPTO: sink_add_readable(s, call, arg, row->n); return true;
    case IO_SPECIAL: return special_outputs(s, call, request, arg);
    default: return true;
    }
}

void model_ioctl_fault(struct sink *s, const struct model_call *call)
{
    const struct ioctl_row *row = row_find((uint32_t)call->args[1]);
    if (row && row->rule != IO_NONE && row->rule != IO_IN)
        sink_add_readable(s, call, call->args[2], row->n);
}

void model_ioctl_inputs(struct sink *s, const struct model_call *call)
{
    uint32_t request = (uint32_t)call->args[1];
    const struct ioctl_row *row = row_find(request);
    uint64_t n = 0;
    if (row && (row->rule == IO_IN || row->rule == IO_INOUT))
        n = row->n;
    else if (row && row->rule == IO_SPECIAL)
        n = request == IFCONF ? 16 : request == ETHTOOL ? 40 : io_size(request);
    else if (!row && is_honest(request) && io_writes(request))
        n = io_size(request);
    sink_add_readable(s, call, call->args[2], n);
}
