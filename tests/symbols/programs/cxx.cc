// Classes, templates, inheritance, references, exceptions and inlining, for the comparison with gdb.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace shapes {
enum class Kind : unsigned char { Round, Square };
enum Plain { P_ONE = 1, P_TWO };
struct Point {
    int x, y;
    Point(int a, int b) : x(a), y(b) {}
};
class Shape {
  public:
    Shape(Kind k) : kind(k) { count++; }
    virtual ~Shape() {}
    virtual int area() const = 0;
    static int count;
    Kind kind;

  protected:
    bool visible = true;
};
int Shape::count;
class Square : public Shape {
  public:
    Square(int s) : Shape(Kind::Square), side(s) {}
    int area() const override { return side * side; }
    int side;
};
struct A {
    int a = 1;
    virtual ~A() {}
};
struct B : virtual A {
    int b = 2;
};
struct C : virtual A {
    int c = 3;
};
struct D : B, C {
    int d = 4;
    Point p{5, 6};
};
struct Empty {};
struct Derived : Empty {
    int v = 1;
};
struct OnlyBase : Point {
    OnlyBase() : Point(7, 8) {}
};
template <class T, int N> struct Box {
    T items[N];
    T *first = items;
    __attribute__((noinline)) T sum(const T &start) const
    {
        T s = start;
        for (int i = 0; i < N; i++) {
            const T &item = items[i];
            s += item;
        }
        return s;
    }
};
namespace {
int hidden = 11;
struct Secret {
    int s = 12;
};
__attribute__((noinline)) int secret_function(Secret &secret, Secret &&moved) { return secret.s + moved.s + hidden++; }
}
}
using namespace shapes;

static inline int twice(int v)
{
    int doubled = v * 2;
    return doubled + 1;
}
static inline int four_times(int v)
{
    int inner = twice(v);
    return twice(inner) + rand() % 2;
}

__attribute__((noinline)) int use(const Shape &shape, Point p, Point *pp, Point &pr, int (Shape::*method)() const, int Point::*field)
{
    int local = shape.area() + p.x + pp->y + pr.x;
    local += (shape.*method)();
    local += p.*field;
    return four_times(local);
}

__attribute__((noinline)) void thrower(int n)
{
    if (n > 0)
        throw std::runtime_error("thrown");
}

int main(int argc, char **argv)
{
    Square square(argc + 2);
    Shape *shape = &square;
    D diamond;
    B &as_b = diamond;
    Point point(1, 2);
    Derived derived;
    OnlyBase only;
    Empty empty;
    Box<int, 4> ints = {{1, 2, 3, 4}};
    Box<double, 2> doubles = {{1.5, 2.5}};
    Plain plain = P_TWO;
    std::string text = "a std::string";
    std::vector<int> vec = {1, 2, 3};
    std::map<int, std::string> map = {{1, "one"}};
    std::unique_ptr<Point> owned(new Point(9, 10));
    auto lambda = [&point, argc](int more) { return point.x + argc + more; };
    char16_t c16 = u'z';
    bool flag = true;
    int r = use(square, point, &point, point, &Shape::area, &Point::y);
    r += ints.sum(1) + (int)doubles.sum(0.5) + lambda(3);
    Secret secret;
    r += secret_function(secret, Secret());
    try {
        thrower(argc);
    } catch (const std::exception &e) {
        r += e.what()[0];
        puts(e.what());
    }
    printf("%d %d %d %d %zu %d %d\n", r, shape->area(), as_b.a, (int)plain, text.size() + vec.size() + map.size(), owned->x,
           derived.v + only.x + (int)sizeof(empty) + c16 + flag);
    return argv[0] == nullptr;
}
