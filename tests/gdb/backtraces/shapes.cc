// C++ at -O2: templates, inlined frames, virtual calls, lambdas, exceptions through several frames with clean-ups, a thread.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace shapes {

struct Shape {
    virtual ~Shape() = default;
    virtual double area() const = 0;
};

struct Square : Shape {
    double side;
    explicit Square(double s) : side(s) {}
    double area() const override { return side * side; }
};

template <typename T> struct Scaled : Shape {
    std::unique_ptr<Shape> inner;
    T factor;
    Scaled(std::unique_ptr<Shape> i, T f) : inner(std::move(i)), factor(f) {}
    double area() const override { return inner->area() * factor; }
};

struct Guard {
    std::string name;
    int *n;
    Guard(const char *text, int *count) : name(text), n(count) { ++*n; }
    ~Guard() { *n += (int)name.size(); }
};

class Error : public std::runtime_error {
  public:
    using std::runtime_error::runtime_error;
};

template <int N> [[gnu::noinline]] int descend(int *count, int when)
{
    Guard guard("a name that is too long for the small buffer", count);
    if constexpr (N == 0) {
        if (when % 3 == 0)
            throw Error("at the bottom");
        return when;
    } else {
        return descend<N - 1>(count, when) + N;
    }
}

} // namespace shapes

static double total(const std::vector<std::unique_ptr<shapes::Shape>> &all)
{
    double sum = 0;
    std::for_each(all.begin(), all.end(), [&sum](const auto &s) { sum += s->area(); });
    return sum;
}

[[gnu::noinline]] static int catches(int i, int *count)
{
    try {
        return shapes::descend<6>(count, i);
    } catch (const shapes::Error &e) {
        return (int)std::string(e.what()).size();
    }
}

int main()
{
    std::vector<std::unique_ptr<shapes::Shape>> all;
    std::map<std::string, std::function<int(int)>> table;
    int count = 0;
    for (int i = 0; i < 20; i++) {
        auto square = std::make_unique<shapes::Square>(i);
        all.push_back(std::make_unique<shapes::Scaled<int>>(std::move(square), i));
        table["key " + std::to_string(i * 7919 % 101)] = [i, &count](int x) { return catches(x + i, &count); };
    }
    int sum = 0;
    std::thread other([&] {
        for (auto &[key, f] : table)
            sum += f((int)key.size());
    });
    other.join();
    for (int i = 0; i < 4; i++)
        for (auto &[key, f] : table)
            sum += f(i);
    std::printf("%d %d %.1f\n", sum, count, total(all));
}
