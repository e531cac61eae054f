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
#include <system_error>
#include <thread>
#include <utility>

#include "files.h"

namespace jouletap {
namespace {

constexpr int kPriority = 55;  // the sampler's
constexpr int64_t kNsPerSecond = 1'000'000'000;

struct Reads {
  std::vector<File> files;
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
std::string open_all(const std::vector<std::string>& files, const std::vector<FloorGroup>& groups,
                     Reads& reads) {
  for (const std::string& path : files) {
    reads.files.push_back(open_file(path));
    if (!reads.files.back()) return sentence(path + " cannot be opened");
  }
  for (const FloorGroup& group : groups) {
    int leader = -1;
    for (const uint64_t config : group.configs) {
      File event = open_event(group.type, config, group.cpu, leader);
      if (!event) return sentence("an event of CPU " + std::to_string(group.cpu));
      const bool first = leader < 0;
      if (first) leader = event.get();
      (first ? reads.leaders : reads.members).push_back(std::move(event));
    }
    reads.group_bytes = std::max(reads.group_bytes, (3 + 2 * group.configs.size()) * 8);
  }
  return "";
}

/// On the loop's thread; false if a read gave nothing.
bool loop(const Reads& reads, int cpu, int64_t interval_ns, int64_t rows, Floor& floor) {
  prctl(PR_SET_TIMERSLACK, 1UL);
  const sched_param priority{kPriority};
  floor.realtime = pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority) == 0;
  if (cpu >= 0 && cpu < CPU_SETSIZE) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    sched_setaffinity(0, sizeof cpus, &cpus);
  }
  std::vector<char> buffer(reads.group_bytes);
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
    for (const File& file : reads.files) {
      const ssize_t got = pread(file.get(), text, sizeof text - 1, 0);
      good = good && got > 0;
      text[got > 0 ? got : 0] = '\0';
      value = std::strtoull(text, nullptr, 10);
    }
    for (const File& leader : reads.leaders) {
      good = good && read(leader.get(), buffer.data(), buffer.size()) > 0;
    }
    ++floor.rows;
  }
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  floor.cpu_seconds = static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
  return good;
}

}  // namespace

std::variant<Floor, std::string> run_floor(const std::vector<std::string>& files,
                                           const std::vector<FloorGroup>& groups,
                                           int64_t interval_ns, int64_t rows) {
  Reads reads;
  const std::string refusal = open_all(files, groups, reads);
  if (!refusal.empty()) return refusal;
  Floor floor;
  bool good = false;
  std::thread([&] {
    good = loop(reads, groups.empty() ? -1 : groups.front().cpu, interval_ns, rows, floor);
  }).join();
  if (!good) return "a read of the floor gave nothing";
  return floor;
}

}  // namespace jouletap
