// C++ exceptions: through frames, rethrown, from destructors' scope, across threads, and std facilities over them.
// variants: static dynamic
// flags: -pthread
#include <cstdio>
#include <exception>
#include <future>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

static int destroyed;
struct Guard {
    ~Guard() { destroyed++; }
};

__attribute__((noinline)) static int deep(int n) {
    Guard guard;
    if (n == 0)
        throw std::runtime_error("bottom");
    return deep(n - 1) + 1;
}

struct Base {
    virtual ~Base() = default;
    virtual const char *name() const { return "base"; }
};
struct Derived : Base {
    const char *name() const override { return "derived"; }
};

static thread_local int own = 5;

int main() {
    setvbuf(stdout, nullptr, _IOLBF, 0);
    try {
        deep(50);
    } catch (const std::exception &e) {
        printf("caught %s, destroyed %d\n", e.what(), destroyed);
    }
    int total = 0;
    for (int i = 0; i < 2000; i++)
        try {
            if (i % 3 == 0)
                throw i;
            if (i % 3 == 1)
                throw std::string("text");
            throw Derived();
        } catch (int n) {
            total += n;
        } catch (const std::string &s) {
            total += s.size();
        } catch (const Base &b) {
            total += b.name()[0];
        }
    printf("total %d\n", total);
    try {
        try {
            throw std::out_of_range("inner");
        } catch (...) {
            std::throw_with_nested(std::logic_error("outer"));
        }
    } catch (const std::exception &e) {
        printf("outer %s\n", e.what());
        try {
            std::rethrow_if_nested(e);
        } catch (const std::exception &inner) {
            printf("inner %s\n", inner.what());
        }
    }
    try {
        std::vector<int>(3).at(10);
    } catch (const std::out_of_range &) {
        printf("at checks\n");
    }
    try {
        auto result = std::async(std::launch::async, [] { own++; return deep(3); });
        result.get();
    } catch (const std::runtime_error &e) {
        printf("from a thread: %s, own %d\n", e.what(), own);
    }
    std::map<std::string, std::unique_ptr<Base>> things;
    things["a"] = std::make_unique<Base>();
    things["b"] = std::make_unique<Derived>();
    for (auto &[key, value] : things)
        printf("%s %s\n", key.c_str(), value->name());
    std::exception_ptr held;
    std::thread([&] {
        try {
            throw 17;
        } catch (...) {
            held = std::current_exception();
        }
    }).join();
    try {
        std::rethrow_exception(held);
    } catch (int n) {
        printf("carried %d\n", n);
    }
    printf("dynamic_cast %s\n", dynamic_cast<Derived *>(things["b"].get()) ? "yes" : "no");
    return 0;
}
