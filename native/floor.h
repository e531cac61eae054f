// The floor of what sampling can cost: a bare loop over the same system calls. The bench compares
// the sampler with it; nothing else uses it.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace jouletap {

/// Perf events of one CPU, opened as one group and read by one read(2).
struct FloorGroup {
  uint32_t type = 0;
  int cpu = 0;
  std::vector<uint64_t> configs;
};

struct Floor {
  double rows = 0;
  double cpu_seconds = 0;  // of the loop's thread, from its start to its end
  bool realtime = false;   // whether it ran under SCHED_FIFO
};

/// Wakes `rows` times, once every interval_ns, on a thread of its own with the sampler's priority,
/// timer slack and place, and reads the files as numbers and the groups: no clock is looked at,
/// nothing is kept, checked or locked. Blocks until it is done. Otherwise a sentence: what could
/// not be opened or read.
std::variant<Floor, std::string> run_floor(const std::vector<std::string>& files,
                                           const std::vector<FloorGroup>& groups,
                                           int64_t interval_ns, int64_t rows);

}  // namespace jouletap
