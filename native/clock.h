// Time: CLOCK_MONOTONIC in nanoseconds, the clock of process.hrtime().
#pragma once

#include <chrono>
#include <cstdint>

namespace jouletap {

/// Nanoseconds of the monotonic clock (CLOCK_MONOTONIC on Linux). Any thread.
inline int64_t now_ns() {
  using std::chrono::nanoseconds;
  return std::chrono::duration_cast<nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// The moment of a read that lay between two looks at the clock.
inline int64_t midpoint(int64_t before_ns, int64_t after_ns) {
  return before_ns + (after_ns - before_ns) / 2;
}

}  // namespace jouletap
