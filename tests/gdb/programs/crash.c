/* Dies of a pointer that was spoilt a while before it is used. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct item {
    char name[8];
    struct item *next;
};
struct item *head;

__attribute__((noinline)) void rename_item(struct item *i, const char *name)
{
    strcpy(i->name, name); /* SPOIL */
}

__attribute__((noinline)) int count(struct item *i)
{
    int n = 0;
    for (; i; i = i->next) /* WALK */
        n++;
    return n;
}

int main(void)
{
    for (int i = 0; i < 3; i++) {
        struct item *new = calloc(1, sizeof(*new));
        new->next = head;
        head = new;
    }
    printf("%d items\n", count(head));
    fflush(stdout);
    rename_item(head, "a long name");  /* RENAME */
    printf("%d items\n", count(head)); /* COUNT */
    return 0;
}
