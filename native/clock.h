// Time: CLOCK_MONOTONIC in nanoseconds, the clock of process.hrtime().
#pragma once

#include <chrono>
#include <cstdint>
#ifdef __linux__
#include <time.h>
#endif

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

/// A moment of the monotonic clock, known to lie within time_ns ± half_ns.
struct Stamp {
  int64_t time_ns = 0;
  int64_t half_ns = 0;
};

/// That of a read between two looks at the clock.
inline Stamp stamp_between(int64_t before_ns, int64_t after_ns) {
  return {midpoint(before_ns, after_ns), (after_ns - before_ns + 1) / 2};
}

/// What to add to nanoseconds of the monotonic clock to get those since 1970, now. It leaps when
/// somebody sets the clock.
inline int64_t epoch_offset_ns() {
  using std::chrono::nanoseconds;
  const int64_t before = now_ns();
  const auto epoch = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<nanoseconds>(epoch).count() - midpoint(before, now_ns());
}

/// What a clock of the system shows, such as that of a thread's CPU time; 0 where there is none.
inline double seconds_of([[maybe_unused]] int clock) {
#ifdef __linux__
  timespec time{};
  if (clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
#else
  return 0;
#endif
}

/// Nanoseconds that the machine has been suspended since boot, for which the monotonic clock stands
/// still; 0 where the system does not tell. Wrong by as long as the thread is held up in between.
inline int64_t suspended_ns() {
#ifdef __linux__
  timespec boot{};
  const int64_t before = now_ns();
  if (clock_gettime(CLOCK_BOOTTIME, &boot) != 0) return 0;
  const int64_t now = midpoint(before, now_ns());
  return int64_t{boot.tv_sec} * 1'000'000'000 + boot.tv_nsec - now;
#else
  return 0;
#endif
}

}  // namespace jouletap
