#include "floor.h"

#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "files.h"
#include "instructions.h"

namespace jouletap {
namespace {

constexpr int kPriority = 55;  // the sampler's
constexpr int64_t kNsPerSecond = 1'000'000'000;

struct Opened {
  std::vector<File> files;
  std::vector<std::pair<File, off_t>> registers;
  std::vector<File> leaders;
  std::vector<File> members;  // only kept open
  size_t group_bytes = 0;     // of the largest group
};

/// The same attributes as in sources/rapl_perf.cc.
File open_event(uint32_t type, uint64_t config, int cpu, int leader) {
  perf_event_attr attr;
  std::memset(&attr, 0, sizeof attr);
  attr.size = sizeof attr;
  attr.type = type;
  attr.config = config;
  attr.read_format = PERF_FORMAT_GROUP | PERF_FORMAT_ID | PERF_FORMAT_TOTAL_TIME_ENABLED |
                     PERF_FORMAT_TOTAL_TIME_RUNNING;
  return File(
      static_cast<int>(syscall(SYS_perf_event_open, &attr, -1, cpu, leader, PERF_FLAG_FD_CLOEXEC)));
}

std::string sentence(const std::string& what) {
  return what + ": " + std::generic_category().message(errno);
}

/// An empty sentence if all could be opened.
std::string open_all(const FloorReads& wanted, Opened& opened) {
  for (const std::string& path : wanted.files) {
    opened.files.push_back(open_file(path));
    if (!opened.files.back()) return sentence(path + " cannot be opened");
  }
  for (const FloorRegister& one : wanted.registers) {
    opened.registers.emplace_back(open_file(one.path), static_cast<off_t>(one.number));
    if (!opened.registers.back().first) return sentence(one.path + " cannot be opened");
  }
  for (const FloorGroup& group : wanted.groups) {
    int leader = -1;
    for (const uint64_t config : group.configs) {
      File event = open_event(group.type, config, group.cpu, leader);
      if (!event) return sentence("an event of CPU " + std::to_string(group.cpu));
      const bool first = leader < 0;
      if (first) leader = event.get();
      (first ? opened.leaders : opened.members).push_back(std::move(event));
    }
    opened.group_bytes = std::max(opened.group_bytes, (3 + 2 * group.configs.size()) * 8);
  }
  return "";
}

/// What the sampler's thread does with itself before its first row.
void settle_in(int cpu, Floor& floor) {
  prctl(PR_SET_TIMERSLACK, 1UL);
  const sched_param priority{kPriority};
  floor.realtime = pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority) == 0;
  if (cpu >= 0 && cpu < CPU_SETSIZE) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    sched_setaffinity(0, sizeof cpus, &cpus);
  }
}

double own_cpu_seconds() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

int64_t ns_since(const timespec& then) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (now.tv_sec - then.tv_sec) * kNsPerSecond + now.tv_nsec - then.tv_nsec;
}

void advance(timespec& time, int64_t ns) {
  const int64_t next = time.tv_nsec + ns;
  time.tv_sec += next / kNsPerSecond;
  time.tv_nsec = next % kNsPerSecond;
}

/// False if a read gave nothing. Where `missed` is given, grid times that have passed are left out.
bool loop(const Opened& opened, int64_t interval_ns, int64_t rows, int64_t* missed) {
  std::vector<char> buffer(opened.group_bytes);
  char text[32];
  [[maybe_unused]] volatile uint64_t value = 0;  // so that the numbers are really made
  bool good = true;
  timespec due{};
  clock_gettime(CLOCK_MONOTONIC, &due);
  for (int64_t row = 0; row < rows; ++row) {
    advance(due, interval_ns);
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, nullptr);
    if (missed != nullptr) {
      const int64_t passed = std::min(ns_since(due) / interval_ns, rows - 1 - row);
      *missed += passed;
      row += passed;
      advance(due, passed * interval_ns);
    }
    for (const File& file : opened.files) {
      const ssize_t got = pread(file.get(), text, sizeof text - 1, 0);
      good = good && got > 0;
      text[got > 0 ? got : 0] = '\0';
      value = std::strtoull(text, nullptr, 10);
    }
    for (const auto& [file, number] : opened.registers) {
      uint64_t word = 0;
      good = good && pread(file.get(), &word, sizeof word, number) == sizeof word;
      value = word;
    }
    for (const File& leader : opened.leaders) {
      good = good && read(leader.get(), buffer.data(), buffer.size()) > 0;
    }
  }
  return good;
}

/// The loop's thread: an empty sentence if all went well.
std::string run(const Opened& opened, int cpu, int64_t interval_ns, int64_t rows, FloorCount count,
                Floor& floor) {
  settle_in(cpu, floor);
  std::optional<Instructions> counter;
  if (count == FloorCount::instructions) {
    auto counting = Instructions::open(0);
    if (const auto* why = std::get_if<std::string>(&counting)) return *why;
    counter.emplace(std::get<Instructions>(std::move(counting)));
  }
  const bool counts_missed = count == FloorCount::missed;
  int64_t missed = 0;
  const double before = own_cpu_seconds();
  const bool good = loop(opened, interval_ns, rows, counts_missed ? &missed : nullptr);
  if (!good) return "a read of the floor gave nothing";
  floor.cpu_seconds = own_cpu_seconds() - before;
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  floor.instructions = counter ? counter->count() : kUnknown;
  floor.missed = counts_missed ? static_cast<double>(missed) : kUnknown;
  floor.rows = static_cast<double>(rows - missed);
  return "";
}

}  // namespace

std::variant<Floor, std::string> run_floor(const FloorReads& reads, int64_t interval_ns,
                                           int64_t rows, FloorCount count) {
  Opened opened;
  std::string why = open_all(reads, opened);
  if (!why.empty()) return why;
  Floor floor;
  const int cpu = reads.groups.empty() ? -1 : reads.groups.front().cpu;
  std::thread([&] { why = run(opened, cpu, interval_ns, rows, count, floor); }).join();
  if (!why.empty()) return why;
  return floor;
}

}  // namespace jouletap
