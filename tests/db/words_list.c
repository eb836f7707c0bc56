/* What query_symbols.sh asks about with --follow and --calls: pointers that change, a function that is called many times. */
#include <stdio.h>
#include <stdlib.h>
/* clang-format off */
struct node {
    int value;
    struct node *next;
};

struct node *head;

static void push(int value)
{
    struct node *n = malloc(sizeof(*n));
    n->value = value;
    n->next = head;
    head = n;
}

static void pop(void)
{
    struct node *n = head;
    head = n->next;
    free(n);
}

static int sum_to(int n)
{
    int sum = n;
    if (n > 1)
        sum += sum_to(n - 1);
    return sum; /* SUM */
}

int main(void)
{
    int total = 0;
    push(10);
    push(20);
    head->next->value = 11;
    head->value++;
    pop();
    head->value = 12;
    pop();
    push(30);
    for (int i = 1; i < 4; i++)
        total += sum_to(i);
    printf("%d %d\n", total, head->value); /* END */
    return 0;
}
