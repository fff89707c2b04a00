/* A stack machine that runs a byte-code program: the longest Collatz chain below a limit.
 * Input: "limit" in decimal. Output: the start of the longest chain and its length, as u32. */
#include "tracelane.h"

enum op { PUSH, LOAD, STORE, ADD, MUL, SHIFT_RIGHT, AND, LESS, JUMP, JUMP_IF_ZERO, HALT };
enum local { LIMIT, START, VALUE, STEPS, BEST_START, BEST_STEPS, LOCAL_COUNT };

#define STACK_DEPTH 16

/* Each instruction is an op and an operand; jumps name the instruction to go on with. */
static const uint8_t program[][2] = {
    /*  0 */ {PUSH, 1},          {STORE, START},
    /*  2 */ {LOAD, START},      {LOAD, LIMIT},    {LESS, 0},          {JUMP_IF_ZERO, 47},
    /*  6 */ {LOAD, START},      {STORE, VALUE},   {PUSH, 0},          {STORE, STEPS},
    /* 10 */ {PUSH, 1},          {LOAD, VALUE},    {LESS, 0},          {JUMP_IF_ZERO, 34},
    /* 14 */ {LOAD, VALUE},      {PUSH, 1},        {AND, 0},           {JUMP_IF_ZERO, 25},
    /* 18 */ {LOAD, VALUE},      {PUSH, 3},        {MUL, 0},           {PUSH, 1},
    /* 22 */ {ADD, 0},           {STORE, VALUE},   {JUMP, 29},
    /* 25 */ {LOAD, VALUE},      {PUSH, 1},        {SHIFT_RIGHT, 0},   {STORE, VALUE},
    /* 29 */ {LOAD, STEPS},      {PUSH, 1},        {ADD, 0},           {STORE, STEPS},
    /* 33 */ {JUMP, 10},
    /* 34 */ {LOAD, BEST_STEPS}, {LOAD, STEPS},    {LESS, 0},          {JUMP_IF_ZERO, 42},
    /* 38 */ {LOAD, STEPS},      {STORE, BEST_STEPS}, {LOAD, START},   {STORE, BEST_START},
    /* 42 */ {LOAD, START},      {PUSH, 1},        {ADD, 0},           {STORE, START},
    /* 46 */ {JUMP, 2},          {HALT, 0},
};

#define PROGRAM_LENGTH (sizeof program / sizeof program[0])

static void run(uint32_t locals[LOCAL_COUNT]) {
    uint32_t stack[STACK_DEPTH], depth = 0, pc = 0;
    for (;;) {
        if (pc >= PROGRAM_LENGTH || depth > STACK_DEPTH - 1) fail("the byte code is wrong");
        uint32_t op = program[pc][0], operand = program[pc][1];
        pc++;
        uint32_t needed = op >= ADD && op <= LESS ? 2 : op == STORE || op == JUMP_IF_ZERO;
        if (depth < needed) fail("the byte code is wrong");
        uint32_t top = depth ? stack[depth - 1] : 0;
        uint32_t below = depth > 1 ? stack[depth - 2] : 0;
        depth -= needed;
        switch (op) {
        case PUSH: stack[depth++] = operand; break;
        case LOAD: stack[depth++] = locals[operand]; break;
        case STORE: locals[operand] = top; break;
        case ADD: stack[depth++] = below + top; break;
        case MUL: stack[depth++] = below * top; break;
        case SHIFT_RIGHT: stack[depth++] = below >> (top & 31); break;
        case AND: stack[depth++] = below & top; break;
        case LESS: stack[depth++] = below < top; break;
        case JUMP: pc = operand; break;
        case JUMP_IF_ZERO:
            if (!top) pc = operand;
            break;
        default: return;
        }
    }
}

int main(void) {
    size_t cursor = 0;
    uint32_t locals[LOCAL_COUNT] = {0};
    /* The first start whose chain leaves 32 bits is 159487. */
    locals[LIMIT] = next_number(&cursor, 2, 159487);
    run(locals);
    uint32_t result[2] = {locals[BEST_START], locals[BEST_STEPS]};
    write_output(result, sizeof result);
    return 0;
}
