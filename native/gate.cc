#include "gate.h"

#include <algorithm>

namespace jouletap {
namespace {

constexpr double kMsPerNs = 1e-6;

/// All that only grows; see Tally.
constexpr double Tally::* kSums[] = {
    &Tally::joules,   &Tally::covered_ms, &Tally::variance,  &Tally::bias,
    &Tally::wraps,    &Tally::resets,     &Tally::backwards, &Tally::ambiguous,
    &Tally::failures, &Tally::stalls,     &Tally::bridged,   &Tally::excess,
};

}  // namespace

Tally Gate::best(int64_t time_ns, const Tally& device) const noexcept {
  Tally tally = passed_;
  if (open_) {
    for (double Tally::* const sum : kSums) tally.*sum += device.*sum - changed_.*sum;
  } else {
    tally.covered_ms += static_cast<double>(time_ns - changed_ns_) * kMsPerNs;
  }
  tally.lag_variance = open_ ? device.lag_variance : 0;
  tally.method = device.method;
  tally.fresh = !open_ || device.fresh;
  return tally;
}

void Gate::look(bool used, int64_t time_ns, const Tally& device) noexcept {
  if (used != open_) {
    passed_ = best(time_ns, device);
    changed_ = device;
    changed_ns_ = time_ns;
    open_ = used;
    if (looked_) {
      const double joules = device.joules - seen_.joules;
      const double half = used ? 0.5 : -0.5;
      passed_.joules += half * joules;
      passed_.excess += half * (device.excess - seen_.excess);
      passed_.variance += joules * joules / 12 + std::max(0.0, device.lag_variance);
    }
  }
  looked_ = true;
  seen_ = device;
}

void Gate::tell(int64_t time_ns, const Tally& device, Tally& passed) const noexcept {
  const Tally now = best(time_ns, device);
  const double joules = std::max(passed.joules, now.joules);
  const double excess = std::max(passed.excess, now.excess);
  passed = now;
  passed.joules = joules;
  passed.excess = excess;
  const double ahead = joules - now.joules;
  if (ahead > 0) passed.lag_variance = std::max(0.0, passed.lag_variance) + ahead * ahead;
}

}  // namespace jouletap
