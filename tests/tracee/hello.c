/* Hello world; built static, static-PIE, dynamic PIE and dynamic non-PIE. */
#include "tests/tracee/tracee.h"

int main(int argc, char **argv)
{
    printf("hello, world %d %s\n", argc, argc > 1 ? argv[1] : "-");
    return passed();
}
