// A test program in one header: TEST(name) {…}, CHECK…, skip(reason), made trees, and main().
//
// Include it in exactly one file of a program. A failed CHECK is reported and the test goes on; an
// exception fails the test. Exit code 1 if any test failed.
#pragma once

#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace check {

struct Case {
  const char* name;
  void (*body)();
};

/// Thrown by skip().
struct Skipped {
  std::string reason;
};

inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

inline int& failures() {
  static int count = 0;
  return count;
}

struct Registration {
  Registration(const char* name, void (*body)()) { cases().push_back({name, body}); }
};

/// Ends the test as skipped: what it needs is not on this machine.
[[noreturn]] inline void skip(const std::string& reason) { throw Skipped{reason}; }

inline void fail(const char* file, int line, const std::string& what) {
  std::printf("  %s:%d: %s\n", file, line, what.c_str());
  ++failures();
}

template <typename T, typename = void>
struct Printable : std::false_type {};
template <typename T>
struct Printable<T, std::void_t<decltype(std::declval<std::ostream&>() << std::declval<T>())>>
    : std::true_type {};

template <typename T>
std::string show(const T& value) {
  if constexpr (Printable<const T&>::value) {
    std::ostringstream text;
    text.precision(17);
    text << value;
    return text.str();
  } else {
    return "(value)";
  }
}

template <typename A, typename B>
bool equal(const A& a, const B& b) {
  if constexpr (std::is_integral_v<A> && std::is_integral_v<B> &&
                std::is_signed_v<A> != std::is_signed_v<B>) {
    using Wide = std::common_type_t<A, B>;
    const bool negative = std::is_signed_v<A> ? a < A{} : b < B{};
    return !negative && static_cast<Wide>(a) == static_cast<Wide>(b);
  } else {
    return a == b;
  }
}

inline void check(const char* file, int line, bool holds, const char* condition) {
  if (!holds) fail(file, line, std::string(condition) + " does not hold");
}

template <typename A, typename B>
void check_eq(const char* file, int line, const A& actual, const B& expected, const char* what) {
  if (!equal(actual, expected)) {
    fail(file, line, std::string(what) + " is " + show(actual) + ", not " + show(expected));
  }
}

inline void check_near(const char* file, int line, double actual, double expected, double tolerance,
                       const char* what) {
  if (!(std::fabs(actual - expected) <= tolerance)) {
    fail(file, line,
         std::string(what) + " is " + show(actual) + ", not " + show(expected) + " ± " +
             show(tolerance));
  }
}

/// A made machine: a folder for `root`, removed with all it holds at destruction.
class Tree {
 public:
  Tree() {
    std::string name = (std::filesystem::temp_directory_path() / "jouletap-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    root_ = name;
    chmod(name.c_str(), 0755);  // tests that give up root must still get in
  }
  ~Tree() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  const std::filesystem::path& root() const { return root_; }
  std::filesystem::path path(const std::string& name) const { return root_ / name; }

  /// Writes a file, in place if it is there (open descriptors see the new text); makes its folders.
  void file(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(path(name).parent_path());
    std::ofstream out(path(name), std::ios::binary | std::ios::trunc);
    out << text;
    out.close();
    if (!out) throw std::runtime_error("cannot write " + path(name).string());
  }
  void folder(const std::string& name) const { std::filesystem::create_directories(path(name)); }
  /// A symbolic link `name` to `target`, which is taken relative to the root.
  void link(const std::string& name, const std::string& target) const {
    std::filesystem::create_directories(path(name).parent_path());
    std::filesystem::create_symlink(path(target), path(name));
  }
  void remove(const std::string& name) const { std::filesystem::remove_all(path(name)); }

  /// The topology files of one CPU; online() lists those on line.
  void cpu(int number, int package, int die, int core) const {
    const std::string folder = "sys/devices/system/cpu/cpu" + std::to_string(number) + "/topology/";
    file(folder + "physical_package_id", std::to_string(package) + "\n");
    file(folder + "die_id", std::to_string(die) + "\n");
    file(folder + "core_id", std::to_string(core) + "\n");
  }
  /// The CPUs on line, in list syntax: "0-3".
  void online(const std::string& list) const { file("sys/devices/system/cpu/online", list + "\n"); }
  void cpuinfo(const std::string& vendor, int family, int model,
               const std::string& brand = "Made CPU") const {
    file("proc/cpuinfo", "processor\t: 0\nvendor_id\t: " + vendor + "\ncpu family\t: " +
                             std::to_string(family) + "\nmodel\t\t: " + std::to_string(model) +
                             "\nmodel name\t: " + brand + "\nstepping\t: 1\n\n");
  }

 private:
  std::filesystem::path root_;
};

/// Runs `body` in a child process as nobody (uid 65534); its failed CHECKs count here. Skips the
/// test where this process is not root.
inline void as_nobody(const std::function<void()>& body) {
  if (geteuid() != 0) skip("only root can become nobody");
  std::fflush(stdout);
  const int before = failures();
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) {
    int code = 1;
    try {
      if (setgroups(0, nullptr) != 0 || setresgid(65534, 65534, 65534) != 0 ||
          setresuid(65534, 65534, 65534) != 0) {
        fail(__FILE__, __LINE__, "cannot become nobody");
      } else {
        body();
      }
      code = failures() == before ? 0 : 1;
    } catch (const std::exception& error) {
      fail(__FILE__, __LINE__, error.what());
    }
    std::fflush(stdout);
    _exit(code);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0) {
    fail(__FILE__, __LINE__, "the child that ran as nobody failed");
  }
}

inline int run_all(int argc, char** argv) {
  int passed = 0;
  int failed = 0;
  std::vector<std::string> skipped;
  for (const Case& test : cases()) {
    if (argc > 1 && std::string(test.name).find(argv[1]) == std::string::npos) continue;
    const int before = failures();
    try {
      test.body();
      if (failures() == before) {
        ++passed;
        std::printf("ok      %s\n", test.name);
      } else {
        ++failed;
        std::printf("FAILED  %s\n", test.name);
      }
    } catch (const Skipped& skip) {
      if (failures() != before) ++failed;
      skipped.push_back(std::string(test.name) + ": " + skip.reason);
      std::printf("skipped %s: %s\n", test.name, skip.reason.c_str());
    } catch (const std::exception& error) {
      ++failed;
      std::printf("FAILED  %s: %s\n", test.name, error.what());
    }
    std::fflush(stdout);
  }
  std::printf("%d passed, %d failed, %zu skipped\n", passed, failed, skipped.size());
  for (const std::string& reason : skipped) std::printf("  skipped %s\n", reason.c_str());
  return failed == 0 ? 0 : 1;
}

}  // namespace check

#define TEST(name)                                                          \
  static void test_##name();                                                \
  static const check::Registration registration_##name(#name, test_##name); \
  static void test_##name()

#define CHECK(condition) check::check(__FILE__, __LINE__, (condition), #condition)
#define CHECK_EQ(actual, expected) \
  check::check_eq(__FILE__, __LINE__, (actual), (expected), #actual)
#define CHECK_NEAR(actual, expected, tolerance) \
  check::check_near(__FILE__, __LINE__, (actual), (expected), (tolerance), #actual)

using check::skip;
using check::Tree;

int main(int argc, char** argv) { return check::run_all(argc, argv); }
