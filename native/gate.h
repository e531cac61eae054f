// Lets the energy of a device through for as long as somebody uses it.
#pragma once

#include <cstdint>

#include "tally.h"

namespace jouletap {

/// Open until the first look, and thereafter while the last one found the device in use; what is
/// used meanwhile passes, with its errors and flaws. While it is shut the joules stand still, and
/// that is known: the time is covered.
///
/// A change lies somewhere between the look that found it and the one before, so half of what the
/// device used in between passes, with the variance E²/12 of a uniform distribution. Where that
/// half had already been told when the gate was found shut, it is told until the next use has made
/// up for it, and is in lag_variance meanwhile: a tally never falls. Not synchronised.
class Gate {
 public:
  /// Whether the device is in use, and its own tally, both as of time_ns (monotonic clock).
  void look(bool used, int64_t time_ns, const Tally& device) noexcept;
  /// What has passed up to time_ns, of a device whose own tally then is `device`. `passed` is what
  /// was told the time before.
  void tell(int64_t time_ns, const Tally& device, Tally& passed) const noexcept;

 private:
  Tally best(int64_t time_ns, const Tally& device) const noexcept;

  bool open_ = true;
  bool looked_ = false;
  Tally seen_;     // the device's, at the last look
  Tally passed_;   // best estimate, up to the last change:
  Tally changed_;  // the device's, and
  int64_t changed_ns_ = 0;
};

}  // namespace jouletap
