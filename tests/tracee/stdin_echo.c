/* Reads standard input to its end and answers on standard output and standard error. */
#include "tests/tracee/tracee.h"

int main(void)
{
    char line[256];
    int lines = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    while (fgets(line, sizeof(line), stdin))
        printf("%d: %s", ++lines, line);
    fprintf(stderr, "to stderr: %d lines\n", lines);
    printf("end %d\n", lines);
    return passed();
}
