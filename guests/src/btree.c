/* A B-tree on the heap: inserts, looks up and walks pseudo-random keys.
 * Input: "count seed" in decimal. Output: number of distinct keys, lookups that hit, and the
 * fingerprint of all keys and values in order, as u32. Regions: insert, look up, walk. */
#include "cycle_tracker.h"
#include "tracelane.h"

/* A node has between MIN and 2 MIN + 1 keys, the root perhaps fewer. */
#define MIN 5
#define KEYS_MAX (2 * MIN + 1)

struct node {
    uint32_t count;
    uint32_t keys[KEYS_MAX];
    uint32_t values[KEYS_MAX];
    struct node *children[KEYS_MAX + 1]; /* children[0] is null in a leaf */
};

static struct node *new_node(void) {
    struct node *node = allocate(sizeof *node);
    memset(node, 0, sizeof *node);
    return node;
}

static uint32_t position(const struct node *node, uint32_t key) {
    uint32_t at = 0;
    while (at < node->count && node->keys[at] < key) at++;
    return at;
}

static void open_gap(struct node *node, uint32_t at) {
    for (uint32_t i = node->count; i > at; i--) {
        node->keys[i] = node->keys[i - 1];
        node->values[i] = node->values[i - 1];
        node->children[i + 1] = node->children[i];
    }
    node->count++;
}

/* Splits the full child number at; its middle key moves up. */
static void split(struct node *parent, uint32_t at) {
    struct node *left = parent->children[at], *right = new_node();
    right->count = MIN;
    for (uint32_t i = 0; i < MIN; i++) {
        right->keys[i] = left->keys[MIN + 1 + i];
        right->values[i] = left->values[MIN + 1 + i];
    }
    for (uint32_t i = 0; i <= MIN; i++) right->children[i] = left->children[MIN + 1 + i];
    left->count = MIN;
    open_gap(parent, at);
    parent->keys[at] = left->keys[MIN];
    parent->values[at] = left->values[MIN];
    parent->children[at + 1] = right;
}

/* Adds value to what the key has. Returns whether the key is new. */
static uint32_t insert(struct node **root, uint32_t key, uint32_t value) {
    if ((*root)->count == KEYS_MAX) {
        struct node *above = new_node();
        above->children[0] = *root;
        *root = above;
        split(above, 0);
    }
    struct node *node = *root;
    for (;;) {
        uint32_t at = position(node, key);
        if (at < node->count && node->keys[at] == key) {
            node->values[at] += value;
            return 0;
        }
        if (!node->children[0]) {
            open_gap(node, at);
            node->keys[at] = key;
            node->values[at] = value;
            return 1;
        }
        if (node->children[at]->count == KEYS_MAX) {
            split(node, at);
            continue;
        }
        node = node->children[at];
    }
}

static uint32_t contains(const struct node *node, uint32_t key) {
    while (node) {
        uint32_t at = position(node, key);
        if (at < node->count && node->keys[at] == key) return 1;
        node = node->children[at];
    }
    return 0;
}

static uint32_t walk(const struct node *node, uint32_t sum) {
    for (uint32_t i = 0; i < node->count; i++) {
        if (node->children[0]) sum = walk(node->children[i], sum);
        sum = fingerprint(fingerprint(sum, node->keys[i]), node->values[i]);
    }
    return node->children[0] ? walk(node->children[node->count], sum) : sum;
}

int main(void) {
    size_t cursor = 0;
    uint32_t count = next_number(&cursor, 1, 1u << 22);
    uint32_t state = next_number(&cursor, 1, UINT32_MAX);
    struct node *root = new_node();
    uint32_t distinct = 0, hits = 0;
    /* Keys of a range as large as their number: about a third of the inserts meet an old key. */
    REGION_START("insert");
    for (uint32_t i = 0; i < count; i++) distinct += insert(&root, next_random(&state) % count, i);
    REGION_END("insert");
    REGION_START("look up");
    for (uint32_t i = 0; i < count; i++) hits += contains(root, next_random(&state) % count);
    REGION_END("look up");
    REGION_START("walk");
    uint32_t sum = walk(root, 0);
    REGION_END("walk");
    uint32_t result[3] = {distinct, hits, sum};
    write_output(result, sizeof result);
    return 0;
}
