#include "integral.h"

#include <algorithm>

namespace jouletap {
namespace {

constexpr int64_t kBridgeNs = 1'000'000'000;
constexpr double kSecondsPerNs = 1e-9;
constexpr double kMsPerNs = 1e-6;

}  // namespace

void Integral::add(double watts, int64_t time_ns, Tally& tally) noexcept {
  const double delay_s = static_cast<double>(delay_ns_) * kSecondsPerNs;
  if (!started_) {
    started_ = true;
    origin_ = watts * delay_s;
  } else {
    const int64_t elapsed_ns = time_ns - time_ns_;
    const double seconds = static_cast<double>(elapsed_ns) * kSecondsPerNs;
    if (!missed_ || elapsed_ns <= kBridgeNs) {
      if (missed_) ++tally.bridged;
      const double step = (watts - watts_) * seconds;
      settled_ += (watts + watts_) / 2 * seconds;
      tally.variance += step * step / 12;
      tally.covered_ms += static_cast<double>(elapsed_ns) * kMsPerNs;
    }
  }
  // The reading is as of half a window ago; from there on its power is held. Falling power would
  // give some of that back: the tally then waits until the settled part has caught up.
  tally.joules = std::max(tally.joules, settled_ + watts * delay_s - origin_);
  watts_ = watts;
  time_ns_ = time_ns;
  missed_ = false;
  tally.fresh = true;
}

void Integral::miss(Tally& tally) noexcept {
  ++tally.failures;
  tally.fresh = false;
  missed_ = true;
}

}  // namespace jouletap
