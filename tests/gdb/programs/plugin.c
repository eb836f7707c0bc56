/* A library that comes and goes: loads.c. */
int plugin_calls;

int plugin_work(int n)
{
    int doubled = 2 * n; /* DOUBLED */
    plugin_calls++;
    return doubled;
}
