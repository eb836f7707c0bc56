/* popen in both directions. */
#include "tests/tracee/proc.h"

int main(void)
{
    char line[64];
    FILE *f = popen("echo one; echo two; exit 4", "r");
    CHECK(f && fgets(line, sizeof(line), f) && !strcmp(line, "one\n"));
    CHECK(fgets(line, sizeof(line), f) && !strcmp(line, "two\n") && !fgets(line, sizeof(line), f));
    int status = pclose(f);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 4);
    f = popen("read a; read b; echo \"$b $a\"", "w");
    CHECK(f && fputs("first\nsecond\n", f) >= 0 && pclose(f) == 0);
    return passed();
}
