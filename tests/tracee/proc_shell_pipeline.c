/* Pipelines, subshells, command substitution and background jobs of a shell. */
#include "tests/tracee/proc.h"

int main(void)
{
    CHECK(system("printf 'c\\na\\nb\\n' | sort | tr a-z A-Z | { read x; echo first $x; }") == 0);
    CHECK(system("x=$(echo $( (echo in; echo side) | wc -l)); echo $x lines") == 0);
    CHECK(system("(exit 5) & wait $!; test $? = 5") == 0);
    CHECK(system("for i in 1 2 3; do (echo $((i * i))) ; done | cat") == 0);
    CHECK(system("yes | head -n 1000 | wc -l") == 0);
    return passed();
}
