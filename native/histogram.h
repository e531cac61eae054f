// Counts durations, each to an eighth of itself.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace jouletap {

/// Of nanoseconds, from 0 to hours. Fixed memory; not synchronised.
class Histogram {
 public:
  void add(int64_t ns) noexcept {
    ns = std::max<int64_t>(0, ns);
    most_ = std::max(most_, ns);
    ++total_;
    ++counts_[slot_of(static_cast<uint64_t>(ns))];
  }

  int64_t most_ns() const { return most_; }

  /// The duration that `share` (0…1) of all do not exceed, to an eighth; 0 where there are none.
  int64_t quantile_ns(double share) const {
    const auto wanted = static_cast<uint64_t>(std::ceil(share * static_cast<double>(total_)));
    uint64_t seen = 0;
    for (size_t slot = 0; slot < counts_.size(); ++slot) {
      seen += counts_[slot];
      if (seen > 0 && seen >= wanted) return std::min(most_, end_of(slot));
    }
    return 0;
  }

 private:
  // Eight slots for each power of two; below eight, one for each nanosecond.
  static constexpr size_t kSteps = 8;
  static constexpr size_t kSlots = 48 * kSteps;

  static size_t slot_of(uint64_t ns) noexcept {
    if (ns < kSteps) return static_cast<size_t>(ns);
    size_t octave = 0;
    while (ns >= 2 * kSteps) {
      ns >>= 1;
      ++octave;
    }
    return std::min(kSlots - 1, octave * kSteps + static_cast<size_t>(ns));
  }
  static int64_t end_of(size_t slot) {
    if (slot < kSteps) return static_cast<int64_t>(slot);
    const size_t octave = slot / kSteps - 1;
    return (static_cast<int64_t>(slot % kSteps + kSteps + 1) << octave) - 1;
  }

  std::array<uint64_t, kSlots> counts_{};  // at 10 kHz 32 bits last five days
  uint64_t total_ = 0;
  int64_t most_ = 0;
};

}  // namespace jouletap
