/* Agent expressions: a stack machine over 64-bit numbers. See agent.h.
 *
 * One table says for each operation how many bytes follow it, how many numbers it takes and how many it leaves; the loop
 * checks all three before the operation runs, so the operations need no checks of their own. Operands are big-endian; jumps are
 * offsets from the beginning of the code. Collecting data (trace, ...) has no meaning in a condition: the operands are
 * dropped. */
#include "gdb/agent.h"

#include <string.h>

enum { STACK_MAX = 256, STEPS_MAX = 100000 };

enum op {
    OP_ADD = 0x02,
    OP_SUB,
    OP_MUL,
    OP_DIV_SIGNED,
    OP_DIV_UNSIGNED,
    OP_REM_SIGNED,
    OP_REM_UNSIGNED,
    OP_LSH,
    OP_RSH_SIGNED,
    OP_RSH_UNSIGNED,
    OP_TRACE,
    OP_TRACE_QUICK,
    OP_LOG_NOT,
    OP_BIT_AND,
    OP_BIT_OR,
    OP_BIT_XOR,
    OP_BIT_NOT,
    OP_EQUAL,
    OP_LESS_SIGNED,
    OP_LESS_UNSIGNED,
    OP_EXT,
    OP_REF8,
    OP_REF16,
    OP_REF32,
    OP_REF64,
    OP_IF_GOTO = 0x20,
    OP_GOTO,
    OP_CONST8,
    OP_CONST16,
    OP_CONST32,
    OP_CONST64,
    OP_REG,
    OP_END,
    OP_DUP,
    OP_POP,
    OP_ZERO_EXT,
    OP_SWAP,
    OP_TRACENZ = 0x2f,
    OP_TRACE16,
    OP_PICK = 0x32,
    OP_ROT,
    N_OPS,
};

/* An operation without a row is an error: floating point, trace state variables, printf. */
static const struct op_row {
    uint8_t known, n_operand, takes, leaves;
} op_rows[N_OPS] = {
    [OP_ADD] = {1, 0, 2, 1},          [OP_SUB] = {1, 0, 2, 1},           [OP_MUL] = {1, 0, 2, 1},
    [OP_DIV_SIGNED] = {1, 0, 2, 1},   [OP_DIV_UNSIGNED] = {1, 0, 2, 1},  [OP_REM_SIGNED] = {1, 0, 2, 1},
    [OP_REM_UNSIGNED] = {1, 0, 2, 1}, [OP_LSH] = {1, 0, 2, 1},           [OP_RSH_SIGNED] = {1, 0, 2, 1},
    [OP_RSH_UNSIGNED] = {1, 0, 2, 1}, [OP_TRACE] = {1, 0, 2, 0},         [OP_TRACE_QUICK] = {1, 1, 0, 0},
    [OP_LOG_NOT] = {1, 0, 1, 1},      [OP_BIT_AND] = {1, 0, 2, 1},       [OP_BIT_OR] = {1, 0, 2, 1},
    [OP_BIT_XOR] = {1, 0, 2, 1},      [OP_BIT_NOT] = {1, 0, 1, 1},       [OP_EQUAL] = {1, 0, 2, 1},
    [OP_LESS_SIGNED] = {1, 0, 2, 1},  [OP_LESS_UNSIGNED] = {1, 0, 2, 1}, [OP_EXT] = {1, 1, 1, 1},
    [OP_REF8] = {1, 0, 1, 1},         [OP_REF16] = {1, 0, 1, 1},         [OP_REF32] = {1, 0, 1, 1},
    [OP_REF64] = {1, 0, 1, 1},        [OP_IF_GOTO] = {1, 2, 1, 0},       [OP_GOTO] = {1, 2, 0, 0},
    [OP_CONST8] = {1, 1, 0, 1},       [OP_CONST16] = {1, 2, 0, 1},       [OP_CONST32] = {1, 4, 0, 1},
    [OP_CONST64] = {1, 8, 0, 1},      [OP_REG] = {1, 2, 0, 1},           [OP_END] = {1, 0, 0, 0},
    [OP_DUP] = {1, 0, 1, 2},          [OP_POP] = {1, 0, 1, 0},           [OP_ZERO_EXT] = {1, 1, 1, 1},
    [OP_SWAP] = {1, 0, 2, 2},         [OP_TRACENZ] = {1, 0, 2, 0},       [OP_TRACE16] = {1, 2, 0, 0},
    [OP_PICK] = {1, 1, 0, 1},         [OP_ROT] = {1, 0, 3, 3},
};

/* a OP b; false: division by zero. */
static bool binary(enum op op, uint64_t a, uint64_t b, uint64_t *ret)
{
    int64_t sa = (int64_t)a, sb = (int64_t)b;
    bool divides = op >= OP_DIV_SIGNED && op <= OP_REM_UNSIGNED;
    if (divides && b == 0)
        return false;
    switch (op) {
    case OP_ADD: *ret = a + b; break;
    case OP_SUB: *ret = a - b; break;
    case OP_MUL: *ret = a * b; break;
    case OP_DIV_SIGNED: *ret = sb == -1 ? 0 - a : (uint64_t)(sa / sb); break;
    case OP_DIV_UNSIGNED: *ret = a / b; break;
    case OP_REM_SIGNED: *ret = sb == -1 ? 0 : (uint64_t)(sa % sb); break;
    case OP_REM_UNSIGNED: *ret = a % b; break;
    case OP_LSH: *ret = b > 63 ? 0 : a << b; break;
    case OP_RSH_SIGNED: *ret = (uint64_t)(sa >> (b > 63 ? 63 : b)); break;
    case OP_RSH_UNSIGNED: *ret = b > 63 ? 0 : a >> b; break;
    case OP_BIT_AND: *ret = a & b; break;
    case OP_BIT_OR: *ret = a | b; break;
    case OP_BIT_XOR: *ret = a ^ b; break;
    case OP_EQUAL: *ret = a == b; break;
    case OP_LESS_SIGNED: *ret = sa < sb; break;
    default: *ret = a < b; break; /* OP_LESS_UNSIGNED */
    }
    return true;
}

static uint64_t extend(uint64_t value, uint64_t bits, bool is_signed)
{
    if (bits == 0 || bits > 63)
        return value;
    value &= (1ull << bits) - 1;
    if (is_signed && value >> (bits - 1) & 1)
        value |= ~0ull << bits;
    return value;
}

/* The operations that move numbers; there are enough, and room. */
static void shuffle(enum op op, uint64_t *stack, size_t sp)
{
    uint64_t *top = &stack[sp - 1], kept;
    switch (op) {
    case OP_DUP: top[1] = top[0]; break;
    case OP_SWAP:
        kept = top[0];
        top[0] = top[-1];
        top[-1] = kept;
        break;
    case OP_ROT: /* a b c -> c a b */
        kept = top[0];
        top[0] = top[-1];
        top[-1] = top[-2];
        top[-2] = kept;
        break;
    default: break;
    }
}

static const char *reference(enum op op, const struct agent_env *env, uint64_t *top)
{
    size_t n = (size_t)1 << (op - OP_REF8);
    uint64_t value = 0;
    if (!env->read(env->ctx, *top, &value, n))
        return "the condition reads memory that is not there";
    *top = value;
    return NULL;
}

/* One operation that is no jump. The caller has checked the row's numbers and moves sp. */
static const char *execute(enum op op, uint64_t operand, const struct agent_env *env, uint64_t *stack,
                           size_t sp)
{
    switch (op) {
    case OP_LOG_NOT: stack[sp - 1] = !stack[sp - 1]; break;
    case OP_BIT_NOT: stack[sp - 1] = ~stack[sp - 1]; break;
    case OP_EXT:
    case OP_ZERO_EXT: stack[sp - 1] = extend(stack[sp - 1], operand, op == OP_EXT); break;
    case OP_REF8:
    case OP_REF16:
    case OP_REF32:
    case OP_REF64: return reference(op, env, &stack[sp - 1]);
    case OP_CONST8:
    case OP_CONST16:
    case OP_CONST32:
    case OP_CONST64: stack[sp] = operand; break;
    case OP_REG:
        if (!env->reg(env->ctx, (unsigned)operand, &stack[sp]))
            return "the condition names a register that is not there";
        break;
    case OP_DUP:
    case OP_SWAP:
    case OP_ROT: shuffle(op, stack, sp); break;
    case OP_PICK:
        if (operand >= sp)
            return "the condition picks below its stack";
        stack[sp] = stack[sp - 1 - operand];
        break;
    case OP_POP:
    case OP_TRACE:
    case OP_TRACENZ:
    case OP_TRACE_QUICK:
    case OP_TRACE16: break;
    default:
        if (!binary(op, stack[sp - 2], stack[sp - 1], &stack[sp - 2]))
            return "the condition divides by zero";
    }
    return NULL;
}

const char *agent_eval(const uint8_t *code, size_t n_bytes, const struct agent_env *env, uint64_t *ret)
{
    uint64_t stack[STACK_MAX] = {0};
    size_t sp = 0, pc = 0;
    for (int steps = 0; steps < STEPS_MAX; steps++) {
        if (pc >= n_bytes)
            return "the condition runs past its end";
        unsigned op = code[pc++];
        if (op >= N_OPS || !op_rows[op].known)
            return "the condition uses floating point or something unknown";
        const struct op_row *row = &op_rows[op];
        if (row->n_operand > n_bytes - pc)
            return "the condition is cut off";
        if (sp < row->takes || sp - row->takes + row->leaves > STACK_MAX)
            return "the condition's stack is wrong";
        uint64_t operand = 0;
        for (unsigned i = 0; i < row->n_operand; i++)
            operand = operand << 8 | code[pc++];
        if (op == OP_END) {
            if (sp == 0)
                return "the condition has no value";
            *ret = stack[sp - 1];
            return NULL;
        }
        if (op == OP_GOTO || (op == OP_IF_GOTO && stack[sp - 1] != 0)) {
            pc = operand;
        } else if (op != OP_IF_GOTO) {
            const char *wrong = execute(op, operand, env, stack, sp);
            if (wrong)
                return wrong;
        }
        sp = sp - row->takes + row->leaves;
    }
    return "the condition runs too long";
}
