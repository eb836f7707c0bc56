/* Calls a library that is deleted afterwards. */
const char *vanish_text(void);
int puts(const char *s);

int main(void)
{
    puts(vanish_text());
    return 6;
}
