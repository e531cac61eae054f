// What is known of one domain since its sampler started.
#pragma once

#include <cstdint>

#include "clock.h"

namespace jouletap {

/// How the joules of a domain come about, best first.
enum class Method {
  counter,  // the hardware adds up its energy
  samples,  // the driver's own history of power, integrated here
  gauge,    // power at the moment of reading, integrated here
  average,  // power averaged over about a second, integrated here
};

/// Every number but those of one look only grows (covered_ms may give back a stall's first second),
/// so any two looks subtract. Doubles, because a row of them crosses into JavaScript as it is.
struct Tally {
  double joules = 0;
  double covered_ms = 0;  // time for which the joules are known
  double variance = 0;    // J², of errors that average out: from integrating a gauge
  double bias = 0;        // J, one standard deviation of errors that do not: what a gauge misses
  double wraps = 0;       // counted right: no flaw
  double resets = 0;      // the counter began anew; the interval's energy is not known
  double backwards = 0;   // the counter fell, or leapt further than the hardware can
  double ambiguous = 0;   // so long between looks that a wrap may have been missed
  double failures = 0;    // reads that gave nothing
  double stalls = 0;      // times the counter stood still for longer than it ever should
  double bridged = 0;     // short holes in a gauge, filled by the trapezoid
  double excess = 0;      // joules by which a gauge beside the counter told more; may fall

  // Of this look alone:
  double lag_variance = -1;  // J², from what is known of the time since the update; −1: nothing
  Method method = Method::counter;
  bool fresh = false;  // whether the last read gave a value
  uint64_t raw = 0;    // the count as it was read, where there is one
  Stamp stamp;         // when it was taken
};

}  // namespace jouletap
