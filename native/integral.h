// Power readings → energy, for devices without an energy counter.
#pragma once

#include <cstdint>

#include "tally.h"

namespace jouletap {

/// Integrates a power gauge by the trapezoid rule. A reading that averages over a window is taken
/// as of the window's middle and held from there. A hole of up to a second is bridged and counted;
/// the energy of a longer one is not known and not guessed. The variance of each trapezoid is
/// (ΔP·Δt)²/12: the power may have stepped anywhere between the readings.
class Integral {
 public:
  Integral() = default;
  /// window_ns: the time over which a reading averages; 0 for an instantaneous one.
  explicit Integral(int64_t window_ns) : delay_ns_(window_ns / 2) {}

  /// A reading of `watts` taken at time_ns.
  void add(double watts, int64_t time_ns, Tally& tally) noexcept;
  /// A read that gave nothing.
  void miss(Tally& tally) noexcept;

 private:
  int64_t delay_ns_ = 0;
  int64_t time_ns_ = 0;
  double watts_ = 0;
  double settled_ = 0;  // joules up to the last reading's time
  double origin_ = 0;   // what the first reading held back
  bool started_ = false;
  bool missed_ = false;
};

}  // namespace jouletap
