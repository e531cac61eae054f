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

/// False if a read gave nothing.
bool loop(const Opened& opened, int64_t interval_ns, int64_t rows) {
  std::vector<char> buffer(opened.group_bytes);
  char text[32];
  [[maybe_unused]] volatile uint64_t value = 0;  // so that the numbers are really made
  bool good = true;
  timespec due{};
  clock_gettime(CLOCK_MONOTONIC, &due);
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t next = due.tv_nsec + interval_ns;
    due.tv_sec += next / kNsPerSecond;
    due.tv_nsec = next % kNsPerSecond;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, nullptr);
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
std::string run(const Opened& opened, int cpu, int64_t interval_ns, int64_t rows, bool instructions,
                Floor& floor) {
  settle_in(cpu, floor);
  std::optional<Instructions> counter;
  if (instructions) {
    auto counting = Instructions::open(0);
    if (const auto* why = std::get_if<std::string>(&counting)) return *why;
    counter.emplace(std::get<Instructions>(std::move(counting)));
  }
  const double before = own_cpu_seconds();
  if (!loop(opened, interval_ns, rows)) return "a read of the floor gave nothing";
  floor.cpu_seconds = own_cpu_seconds() - before;
  floor.instructions = counter ? counter->count() : std::numeric_limits<double>::quiet_NaN();
  floor.rows = static_cast<double>(rows);
  return "";
}

}  // namespace

std::variant<Floor, std::string> run_floor(const FloorReads& reads, int64_t interval_ns,
                                           int64_t rows, bool instructions) {
  Opened opened;
  std::string why = open_all(reads, opened);
  if (!why.empty()) return why;
  Floor floor;
  const int cpu = reads.groups.empty() ? -1 : reads.groups.front().cpu;
  std::thread([&] { why = run(opened, cpu, interval_ns, rows, instructions, floor); }).join();
  if (!why.empty()) return why;
  return floor;
}

}  // namespace jouletap
