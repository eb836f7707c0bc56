// C++ threads: std::thread, async and futures, exceptions inside threads and through futures, thread_local objects,
// condition variables, call_once.
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <future>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static std::atomic<int> destroyed, thrown;

struct counted {
    int value = 3;
    ~counted() { destroyed++; }
};
static thread_local counted mine;

static int may_throw(int i)
{
    if (i % 3 == 0)
        throw std::runtime_error("at " + std::to_string(i));
    return i * i + mine.value - 3;
}

int main()
{
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; t++)
        threads.emplace_back([t] {
            for (int i = 0; i < 200; i++)
                try {
                    may_throw(i + t);
                } catch (const std::exception &) {
                    thrown++;
                }
        });
    for (auto &t : threads)
        t.join();
    std::printf("%d thrown, %d destroyed\n", thrown.load(), destroyed.load());
    std::vector<std::future<int>> futures;
    for (int i = 0; i < 8; i++)
        futures.push_back(std::async(std::launch::async, may_throw, i));
    for (auto &f : futures)
        try {
            std::printf("%d\n", f.get());
        } catch (const std::exception &e) {
            std::printf("%s\n", e.what());
        }
    std::mutex mutex;
    std::condition_variable cond;
    bool ready = false;
    std::thread late([&] {
        std::lock_guard<std::mutex> lock(mutex);
        ready = true;
        cond.notify_one();
    });
    {
        std::unique_lock<std::mutex> lock(mutex);
        cond.wait(lock, [&] { return ready; });
    }
    late.join();
    std::puts("EXIT-SUCCESS");
}
