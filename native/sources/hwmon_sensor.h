// One channel of a hwmon chip: a counter, a gauge, or an accumulator with a gauge beside it.
#pragma once

#include <cstdint>

#include "../counter.h"
#include "../files.h"
#include "../integral.h"
#include "../tally.h"

namespace jouletap {

/// Reads one domain. A device that sleeps is not touched.
class HwmonSensor {
 public:
  enum class Kind { counter, gauge, gpu_metrics };

  Kind kind = Kind::gauge;
  File value;    // energy (µJ), power (µW or mW), voltage (mV), or a gpu_metrics table
  File current;  // of V × I, mA
  File state;    // runtime_status of a device that may sleep
  double watts_per_count = 1e-6;
  double max_watts = 0;
  Counter counter;
  Integral integral;  // also of the gauge in a gpu_metrics table

  bool is_asleep() const noexcept { return is_suspended(state); }
  /// Brings the tally up to date; see Source::read.
  void read(Tally& tally) noexcept;

 private:
  void hold(int64_t time_ns, Tally& tally) noexcept;
  void read_gauge(Tally& tally) noexcept;
  void read_counter(Tally& tally) noexcept;
  void read_accumulator(Tally& tally) noexcept;
  void count(bool good, uint64_t value, int64_t time_ns, Tally& tally) noexcept;
  void follow_gauge(Tally& tally) noexcept;

  uint64_t base_ = 0;  // taken off the count: where a device that slept at first stood
  uint64_t last_ = 0;  // the count last looked at
  bool seen_ = false;  // whether the count was ever read
  bool held_ = false;  // whether it slept before that

  // Beside an accumulator:
  Tally gauged_;          // what the gauge makes of the same time
  Tally passed_;          // as much of it as the tally has, or has from the accumulator
  int64_t moved_ns_ = 0;  // when the accumulator last moved
  bool stuck_ = false;    // it stood still while the card drew power: the gauge goes on for it
};

}  // namespace jouletap
