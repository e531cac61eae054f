// Prints the TSC's rate in Hz as perf sees it: counts of the msr PMU's event over its enabled time.
#include <errno.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

int main(int argc, char** argv) {
  if (argc != 4) return 2;  // type, CPU, seconds
  perf_event_attr attr{};
  attr.size = sizeof attr;
  attr.type = static_cast<uint32_t>(std::atoi(argv[1]));
  attr.config = 0;
  attr.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED;
  const int cpu = std::atoi(argv[2]);
  const double length = std::atof(argv[3]);
  const long event = syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);
  if (event < 0) {
    std::fprintf(stderr, "perf_event_open: %s\n", std::strerror(errno));
    return 1;
  }
  struct {
    uint64_t count, enabled;
  } first, last;
  const int fd = static_cast<int>(event);
  timespec rest;
  rest.tv_sec = static_cast<time_t>(length);
  rest.tv_nsec = static_cast<long>((length - static_cast<double>(rest.tv_sec)) * 1e9);
  const bool good = read(fd, &first, sizeof first) == sizeof first &&
                    nanosleep(&rest, nullptr) == 0 && read(fd, &last, sizeof last) == sizeof last &&
                    last.enabled > first.enabled;
  if (!good || last.count <= first.count) {
    std::fprintf(stderr, "the msr PMU's tsc event does not count\n");
    return 1;
  }
  std::printf("%.6f\n", static_cast<double>(last.count - first.count) /
                            static_cast<double>(last.enabled - first.enabled) * 1e9);
  return 0;
}
