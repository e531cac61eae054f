#include "instructions.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>
#include <system_error>
#include <utility>

namespace jouletap {
namespace {

std::string refusal(int error) {
  switch (error) {
    case EACCES:
    case EPERM: {
      const auto level = read_text("/proc/sys/kernel/perf_event_paranoid");
      return "counting the kernel's instructions needs kernel.perf_event_paranoid of 1 or less" +
             (level ? ", and it is " + *level : std::string());
    }
    case ENOENT:
    case ENODEV:
    case EOPNOTSUPP:
      return "this machine shows no hardware counter of instructions, as most virtual machines";
    default:
      return "the kernel counts no instructions: " + std::generic_category().message(error);
  }
}

}  // namespace

std::variant<Instructions, std::string> Instructions::open(int thread) {
  perf_event_attr attr;
  std::memset(&attr, 0, sizeof attr);
  attr.size = sizeof attr;
  attr.type = PERF_TYPE_HARDWARE;
  attr.config = PERF_COUNT_HW_INSTRUCTIONS;
  attr.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
  File event(
      static_cast<int>(syscall(SYS_perf_event_open, &attr, thread, -1, -1, PERF_FLAG_FD_CLOEXEC)));
  if (!event) return refusal(errno);
  return Instructions(std::move(event));
}

double Instructions::count() const noexcept {
  uint64_t values[3];  // count, time enabled, time running
  const bool read = ::read(event_.get(), values, sizeof values) == sizeof values;
  // Less than all the time: the kernel has shared the counter with others.
  if (!read || values[2] < values[1]) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(values[0]);
}

}  // namespace jouletap
