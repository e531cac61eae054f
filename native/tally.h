// What is known of one domain since its sampler started.
#pragma once

namespace jouletap {

/// Every number only grows (covered_ms may give back a stall's first second), so any two looks
/// subtract. Doubles, because a row of them crosses into JavaScript as it is.
struct Tally {
  double joules = 0;
  double covered_ms = 0;  // time for which the joules are known
  double variance = 0;    // J², from integrating a gauge
  double wraps = 0;       // counted right: no flaw
  double resets = 0;      // the counter began anew; the interval's energy is not known
  double backwards = 0;   // the counter fell, or leapt further than the hardware can
  double ambiguous = 0;   // so long between looks that a wrap may have been missed
  double failures = 0;    // reads that gave nothing
  double stalls = 0;      // times the counter stood still for longer than it ever should
  double bridged = 0;     // short holes in a gauge, filled by the trapezoid
  bool fresh = false;     // whether the last read gave a value
};

}  // namespace jouletap
