/* C++ exceptions through many frames, virtual calls, thread-local objects, static initialisation. */
#include <cstdio>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>

namespace {
struct guard {
    explicit guard(int *counter) : counter_(counter) { ++*counter_; }
    ~guard() { --*counter_; }
    int *counter_;
};
int live = 0;
thread_local std::string tls_text = "thread";
const std::map<std::string, int> table = {{"one", 1}, {"two", 2}};

int dive(int depth)
{
    guard g(&live);
    if (depth == 0)
        throw std::runtime_error("bottom");
    return dive(depth - 1) + 1;
}
struct shape {
    virtual ~shape() = default;
    virtual int area() const = 0;
};
struct square : shape {
    int area() const override { return 9; }
};
struct circle : shape {
    int area() const override { throw 7; }
};
}

int main()
{
    int caught = 0;
    for (int i = 0; i < 50; i++) {
        try {
            dive(i);
        } catch (const std::exception &e) {
            caught += std::string(e.what()) == "bottom" && live == 0;
        }
    }
    std::unique_ptr<shape> shapes[2] = {std::make_unique<square>(), std::make_unique<circle>()};
    try {
        caught += shapes[0]->area();
        caught += shapes[1]->area();
    } catch (int v) {
        caught += v;
    }
    std::printf("%d %s %d\n", caught, tls_text.c_str(), table.at("two"));
    std::puts(caught == 66 ? "EXIT-SUCCESS" : "FAILED");
    return caught != 66;
}
