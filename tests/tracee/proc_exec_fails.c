/* An execve that fails leaves the program as it was: ENOENT, EACCES, ENOEXEC, E2BIG, ENOTDIR, EFAULT, ELOOP. */
#include "tests/tracee/proc.h"

static void fails(const char *path, char **args, char **env, int error)
{
    errno = 0;
    CHECK(execve(path, args, env) == -1);
    CHECK(errno == error);
}

int main(void)
{
    const char *dir = enter_temp_dir();
    char *args[] = {"x", NULL}, *none[] = {NULL};
    static char big[200000];
    char *huge[] = {"x", big, NULL};
    memset(big, 'a', sizeof(big) - 1);
    write_file("text", "no program", 0644);
    write_file("garbage", "\1\2\3\4 no program", 0755);
    write_file("cut", "\177ELF", 0755);
    write_file("script", "#!/nonexistent/interpreter\n", 0755);
    CHECK(symlink("loop", "loop") == 0);
    fails("missing", args, environ, ENOENT);
    fails("", args, environ, ENOENT);
    fails("text", args, environ, EACCES);
    fails(dir, args, environ, EACCES);
    fails("garbage", args, environ, ENOEXEC);
    fails("cut", args, environ, ENOEXEC);
    fails("script", args, environ, ENOENT);
    fails("text/x", args, environ, ENOTDIR);
    fails("loop", args, environ, ELOOP);
    fails(SELF, huge, none, E2BIG);
    fails((const char *)8, args, environ, EFAULT);
    fails(SELF, (char **)8, environ, EFAULT);
    CHECK(!unlink("text") && !unlink("garbage") && !unlink("cut") && !unlink("script") && !unlink("loop"));
    leave_temp_dir(dir);
    return passed();
}
