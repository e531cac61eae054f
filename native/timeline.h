// Another clock on the monotonic one, by the tightest looks at both.
#pragma once

#include <algorithm>
#include <cstdint>

#include "clock.h"

namespace jouletap {

/// Maps a clock of any origin, such as perf's time_enabled, which NTP does not slew, onto the
/// monotonic clock, which it does.
///
/// Each look bounds the offset of the two clocks. The bounds of all looks so far, widened by the
/// most that NTP can slew since, still hold, so a quick look sharpens those after it. Bounds that
/// exclude each other mean that a clock leapt: the later ones are then all that is known. (A leap
/// that the bounds leave room for cannot be told; the first look too narrow for it ends that.)
///
/// Neither allocates nor locks; looks come from one thread, in the order of time.
class Timeline {
 public:
  /// Their clock was read, as theirs_ns, between two looks at ours. The answer is never wider than
  /// those two.
  Stamp map(int64_t before_ns, int64_t theirs_ns, int64_t after_ns) noexcept {
    after_ns = std::max(before_ns, after_ns);
    // Whole nanoseconds: up to one was cut off from either clock.
    Bounds bounds{before_ns - theirs_ns - 1, after_ns - theirs_ns + 1};
    if (started_ && theirs_ns >= theirs_ns_) {
      const int64_t slewed = (theirs_ns - theirs_ns_) / kSlewedOne + 1;
      const Bounds both{std::max(bounds.low, bounds_.low - slewed),
                        std::min(bounds.high, bounds_.high + slewed)};
      if (both.low <= both.high) bounds = both;
    }
    started_ = true;
    theirs_ns_ = theirs_ns;
    bounds_ = bounds;
    const int64_t first = std::max(before_ns, theirs_ns + bounds.low);
    const int64_t last = std::min(after_ns, theirs_ns + bounds.high);
    const int64_t width = last - first;
    return {first + width / 2, width - width / 2};
  }

 private:
  struct Bounds {
    int64_t low;
    int64_t high;
  };
  // One nanosecond of slew in so many: 501 ppm, since the kernel's 500 may be of either clock.
  static constexpr int64_t kSlewedOne = 1996;

  Bounds bounds_{};  // of our clock minus theirs at the last look
  int64_t theirs_ns_ = 0;
  bool started_ = false;
};

}  // namespace jouletap
