/* Integers: sorting, hashing, multiplication, division, bit operations, recursion through pointers. */
#include "tests/oracle/nolibc.h"

static uint32_t data[400];
static struct node {
    struct node *left, *right;
    uint32_t key;
} nodes[200];
static int used;

static struct node *insert(struct node *n, uint32_t key)
{
    if (!n) {
        n = &nodes[used++];
        n->key = key;
        return n;
    }
    if (key < n->key)
        n->left = insert(n->left, key);
    else
        n->right = insert(n->right, key);
    return n;
}

static uint64_t walk(const struct node *n, uint64_t (*visit)(uint64_t, uint32_t), uint64_t acc)
{
    return n ? walk(n->right, visit, visit(walk(n->left, visit, acc), n->key)) : acc;
}

static uint64_t mix(uint64_t acc, uint32_t key)
{
    return (acc << 7 | acc >> 57) ^ key * 0x9e3779b97f4a7c15ull;
}

static void quicksort(uint32_t *a, int n)
{
    if (n < 2)
        return;
    uint32_t pivot = a[n / 2];
    int i = 0, j = n - 1;
    for (;; i++, j--) {
        while (a[i] < pivot)
            i++;
        while (a[j] > pivot)
            j--;
        if (i >= j)
            break;
        uint32_t t = a[i];
        a[i] = a[j], a[j] = t;
    }
    quicksort(a, i);
    quicksort(a + i, n - i);
}

int main(int argc, char **argv)
{
    (void)argc, (void)argv;
    uint32_t seed = 17;
    struct node *root = NULL;
    for (int i = 0; i < 400; i++) {
        seed = seed * 1664525 + 1013904223;
        data[i] = seed >> 8;
        if (i < 200)
            root = insert(root, seed >> 9);
    }
    quicksort(data, 400);
    uint64_t sum = 0;
    for (int i = 1; i < 400; i++)
        sum += data[i] / (data[i - 1] % 97 + 1) + (uint64_t)__builtin_popcount(data[i]) +
               (uint64_t)__builtin_ctz(data[i] | 256);
    print("sum ", sum);
    print("tree ", walk(root, mix, 1));
    __int128 big = (__int128)sum * (__int128)(int64_t)-seed;
    print("big ", (uint64_t)(big >> 64) ^ (uint64_t)big);
    return sum % 100;
}
