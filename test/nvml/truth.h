// What a GPU of the control page truly used, and what its counter and gauges make of it.
//
// Times are nanoseconds of CLOCK_MONOTONIC. Link test/host/model.cc, whose curves these are.
#pragma once

#include <time.h>

#include <cmath>
#include <cstdint>

#include "../host/model.h"
#include "control.h"

namespace nvml_stub {

/// A value that another process may be writing.
template <typename T>
T load(const T& value) {
  T loaded;
  __atomic_load(&value, &loaded, __ATOMIC_ACQUIRE);
  return loaded;
}
template <typename T>
void store(T& place, std::common_type_t<T> value) {
  __atomic_store(&place, &value, __ATOMIC_RELEASE);
}

inline int64_t clock_ns(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1000000000 + now.tv_nsec;
}
inline int64_t now_ns() { return clock_ns(CLOCK_MONOTONIC); }

/// How far a clock is ahead of CLOCK_MONOTONIC, to a few microseconds however busy the machine is.
inline int64_t clock_ahead_ns(clockid_t clock) {
  int64_t tightest = INT64_MAX;
  int64_t ahead = 0;
  for (int i = 0; i < 20 && tightest > 2000; ++i) {
    const int64_t before = now_ns();
    const int64_t there = clock_ns(clock);
    const int64_t after = now_ns();
    if (after - before >= tightest) continue;
    tightest = after - before;
    ahead = there - (before + after) / 2;
  }
  return ahead;
}

inline int64_t nanoseconds(double seconds) { return std::llround(seconds * 1e9); }

/// The last moment ≤ at of the grid origin + k × period; `at` itself without a period.
inline int64_t grid(int64_t at, int64_t origin, int64_t period) {
  if (period <= 0) return at;
  int64_t since = (at - origin) % period;
  if (since < 0) since += period;
  return at - since;
}

inline host::Profile profile_of(const Segment& segment) {
  return {static_cast<host::Profile::Kind>(segment.curve), segment.first, segment.second,
          segment.seconds, segment.duty};
}

inline double seconds_between(int64_t from, int64_t to) {
  return static_cast<double>(to - from) / 1e9;
}

/// Joules of the GPU alone since its first curve began; negative before.
inline double joules_at(const Gpu& gpu, int64_t at) {
  const uint64_t count = load(gpu.segment_count);
  for (uint64_t i = count; i-- > 0;) {
    const Segment& segment = gpu.segments[i];
    const double t = seconds_between(static_cast<int64_t>(segment.start_ns), at);
    if (t >= 0) return segment.base_joules + profile_of(segment).joules(t);
    if (i == 0) return segment.base_joules + profile_of(segment).watts(0) * t;
  }
  return 0;
}

inline double watts_at(const Gpu& gpu, int64_t at) {
  const uint64_t count = load(gpu.segment_count);
  for (uint64_t i = count; i-- > 0;) {
    const Segment& segment = gpu.segments[i];
    const double t = seconds_between(static_cast<int64_t>(segment.start_ns), at);
    if (t >= 0 || i == 0) return profile_of(segment).watts(std::fmax(t, 0));
  }
  return 0;
}

inline double module_joules_at(const Gpu& gpu, int64_t at) {
  return joules_at(gpu, at) +
         load(gpu.module_watts) * seconds_between(static_cast<int64_t>(gpu.start_ns), at);
}

/// When the energy counter that is read at `at` was refreshed.
inline int64_t energy_refresh_at(const Gpu& gpu, int64_t at) {
  const auto stuck = static_cast<int64_t>(load(gpu.energy_stuck_ns));
  if (stuck != 0 && stuck < at) at = stuck;
  const auto start = static_cast<int64_t>(load(gpu.start_ns));
  return grid(at, start + nanoseconds(load(gpu.energy_phase_s)),
              nanoseconds(load(gpu.energy_refresh_s)));
}

inline uint64_t energy_mj(const Gpu& gpu, int64_t at, bool module) {
  const int64_t moment = energy_refresh_at(gpu, at);
  const bool all = module || load(gpu.energy_of_module) != 0;
  const double joules = all ? module_joules_at(gpu, moment) : joules_at(gpu, moment);
  const double mj = std::floor(joules * load(gpu.energy_gain) * 1000);
  const int64_t shown = static_cast<int64_t>(mj) + load(gpu.energy_offset_mj);
  return shown < 0 ? 0 : static_cast<uint64_t>(shown);
}

inline int64_t gauge_refresh_at(const Gpu& gpu, int64_t at) {
  return grid(at, static_cast<int64_t>(load(gpu.start_ns)), nanoseconds(load(gpu.gauge_refresh_s)));
}

/// Mean milliwatts of the GPU, with what is drawn beside it, over `window_s` before `moment`.
inline double mean_mw(const Gpu& gpu, int64_t moment, double window_s, double beside_watts) {
  const int64_t from = moment - nanoseconds(window_s);
  const double watts = from < moment ? (joules_at(gpu, moment) - joules_at(gpu, from)) /
                                           seconds_between(from, moment)
                                     : watts_at(gpu, moment);
  return (watts + beside_watts) * load(gpu.gauge_gain) * 1000;
}

}  // namespace nvml_stub
