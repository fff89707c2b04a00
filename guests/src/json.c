/* Checks JSON text (RFC 8259, ASCII escapes) and counts what it holds.
 * Input: the text. Output: objects, arrays, strings (names included), numbers, literals, greatest
 * depth and bytes of string contents, as u32. */
#include "tracelane.h"

#define DEPTH_MAX 1024

static const uint8_t *bytes;
static size_t length, at;
static uint32_t objects, arrays, strings, numbers, literals, deepest, string_bytes;

static uint8_t peek(void) { return at < length ? bytes[at] : 0; }

static void skip_space(void) {
    while (at < length && (bytes[at] == ' ' || bytes[at] == '\n' || bytes[at] == '\r' || bytes[at] == '\t')) at++;
}

static void expect(uint8_t c) {
    if (at >= length || bytes[at] != c) fail("a character is missing or out of place");
    at++;
}

static int is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

static void digits(void) {
    if (!is_digit(peek())) fail("a digit is missing");
    while (is_digit(peek())) at++;
}

static void number(void) {
    numbers++;
    if (peek() == '-') at++;
    if (peek() == '0') at++;
    else digits();
    if (peek() == '.') at++, digits();
    if (peek() == 'e' || peek() == 'E') {
        at++;
        if (peek() == '+' || peek() == '-') at++;
        digits();
    }
}

static void escape(void) {
    uint8_t c = peek();
    at++;
    switch (c) {
    case '"': case '\\': case '/': case 'b': case 'f': case 'n': case 'r': case 't':
        string_bytes++;
        return;
    case 'u': {
        uint32_t value = 0;
        for (int i = 0; i < 4; i++, at++) {
            uint8_t digit = peek() | 0x20;
            if (is_digit(peek())) value = value << 4 | (peek() - '0');
            else if (digit >= 'a' && digit <= 'f') value = value << 4 | (digit - 'a' + 10);
            else fail("an escape has no four digits");
        }
        if (value >= 0x80) fail("an escape is not ASCII");
        string_bytes++;
        return;
    }
    default: fail("an escape is unknown");
    }
}

static void string(void) {
    strings++;
    expect('"');
    for (;;) {
        if (at >= length || bytes[at] < 0x20) fail("a string does not end");
        uint8_t c = bytes[at++];
        if (c == '"') return;
        if (c == '\\') escape();
        else string_bytes++;
    }
}

static void literal(const char *word) {
    literals++;
    for (; *word; word++) expect(*word);
}

static void value(uint32_t depth);

static void object(uint32_t depth) {
    objects++;
    expect('{');
    skip_space();
    if (peek() == '}') { at++; return; }
    for (;;) {
        skip_space();
        string();
        skip_space();
        expect(':');
        value(depth);
        if (peek() != ',') break;
        at++;
    }
    expect('}');
}

static void array(uint32_t depth) {
    arrays++;
    expect('[');
    skip_space();
    if (peek() == ']') { at++; return; }
    for (;;) {
        value(depth);
        if (peek() != ',') break;
        at++;
    }
    expect(']');
}

static void value(uint32_t depth) {
    skip_space();
    switch (peek()) {
    case '{':
    case '[':
        if (depth == DEPTH_MAX) fail("the text is nested too deeply");
        if (depth + 1 > deepest) deepest = depth + 1;
        if (peek() == '{') object(depth + 1);
        else array(depth + 1);
        break;
    case '"': string(); break;
    case 't': literal("true"); break;
    case 'f': literal("false"); break;
    case 'n': literal("null"); break;
    default: number();
    }
    skip_space();
}

int main(void) {
    read_input(&bytes, &length);
    value(0);
    if (at != length) fail("text follows the value");
    uint32_t result[7] = {objects, arrays, strings, numbers, literals, deepest, string_bytes};
    write_output(result, sizeof result);
    return 0;
}
