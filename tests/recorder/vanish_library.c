const char *vanish_text(void);

const char *vanish_text(void) { return "from the library"; }
