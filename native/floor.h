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

/// A register of an msr file: 8 bytes at its number.
struct FloorRegister {
  std::string path;
  uint32_t number = 0;
};

/// What one row reads: one system call for each.
struct FloorReads {
  std::vector<std::string> files;  // that hold a decimal number
  std::vector<FloorRegister> registers;
  std::vector<FloorGroup> groups;
};

/// What is counted besides: either makes rows dearer, so that their CPU time is not to be believed.
enum class FloorCount { nothing, instructions, missed };

struct Floor {
  double rows = 0;
  double cpu_seconds = 0;   // of the loop's thread, from its first row to its last
  double instructions = 0;  // the same; NaN where they were not to be counted, or could not be
  double missed = 0;        // grid times that passed before it woke; NaN where not to be counted
  bool realtime = false;    // whether it ran under SCHED_FIFO
};

/// Wakes `rows` times, once every interval_ns, on a thread of its own with the sampler's priority,
/// timer slack and place, and reads the files as numbers, the registers and the groups: no clock is
/// looked at, nothing is kept, checked or locked. Grid times that have passed are caught up with;
/// where missed ones are counted, the clock is looked at and they are left out, as the sampler
/// does: then rows and missed ones together are `rows`. Blocks until it is done. Otherwise a
/// sentence: what could not be opened or read.
std::variant<Floor, std::string> run_floor(const FloorReads& reads, int64_t interval_ns,
                                           int64_t rows, FloorCount count);

}  // namespace jouletap
