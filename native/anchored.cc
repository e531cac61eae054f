#include "anchored.h"

#include <algorithm>
#include <cmath>

namespace jouletap {
namespace {

constexpr double kSecondsPerNs = 1e-9;
constexpr double kMsPerNs = 1e-6;
// A stamp this much older than the call was made when the counter was refreshed, not read.
constexpr int64_t kStampSlackNs = 1'000'000;
// Power is held for so long after the last reading, and no longer.
constexpr int64_t kHoldNs = 1'000'000'000;
// No counter in use is refreshed more rarely than this.
constexpr int64_t kStuckNs = 3'000'000'000;
constexpr double kStuckJoules = 5;
// A counter without a gauge: as for any other.
constexpr int64_t kStallNs = 1'000'000'000;
// Updates after which the residuals tell what the gauge is worth.
constexpr int kTelling = 3;
// Updates within which a counter that is refreshed moves first.
constexpr double kLongOpening = 5;
// Weight of the newest in running means.
constexpr double kNew = 0.1;

double seconds(int64_t ns) { return static_cast<double>(ns) * kSecondsPerNs; }

}  // namespace

Anchored::Anchored(const Spec& spec)
    : spec_(spec),
      integral_(spec.window_ns),
      trusted_(spec.has_counter),
      update_ns_(spec.update_ns) {
  Counter::Spec counter;
  counter.unit = spec.unit;
  counter.max_watts = spec.max_watts;
  counter.modulus = 0;
  counter.stall_ns = spec.has_gauge ? 0 : kStallNs;
  counter_ = Counter(counter);
}

void Anchored::become(const Spec& spec) noexcept {
  const Anchored before = *this;
  *this = Anchored(spec);
  own_ = before.own_;
  joules_ = before.joules_ + before.tail(before.last_ns_);
  last_ns_ = known_ns_ = before.last_ns_;
  answered_ = before.answered_;
}

void Anchored::power(double watts, int64_t time_ns) noexcept {
  if (power_ns_ != 0) {
    if (time_ns <= power_ns_) return;
    const double elapsed = seconds(time_ns - power_ns_);
    const double step = watts - watts_;
    if (step != 0) step2_ += kNew * (step * step - step2_);
    // What happened in a longer silence is not known.
    if (time_ns - power_ns_ > kHoldNs) integral_.miss(gauge_);
    const double known = gauge_.covered_ms;
    integral_.add(watts, time_ns, gauge_);
    if (gauge_.covered_ms > known)
      gauge_.bias += std::hypot(spec_.unseen_watts, spec_.gain * watts) * elapsed;
  } else {
    integral_.add(watts, time_ns, gauge_);
  }
  watts_ = watts;
  power_ns_ = time_ns;
}

/// Joules by the gauge up to a time near its last reading.
double Anchored::integrated(int64_t time_ns) const noexcept {
  return gauge_.joules + watts_ * seconds(std::min(time_ns - power_ns_, kHoldNs));
}

/// Joules since the anchor.
double Anchored::tail(int64_t time_ns) const noexcept {
  if (power_ns_ != 0) return integrated(time_ns) - anchor_gauge_;
  if (!anchored_) return 0;
  return watts_ * seconds(std::clamp<int64_t>(time_ns - anchor_ns_, 0, 2 * update_ns_));
}

void Anchored::anchor(double joules, int64_t time_ns) noexcept {
  joules_ = joules;
  anchor_ns_ = time_ns;
  anchor_gauge_ = power_ns_ != 0 ? integrated(time_ns) : 0;
  anchor_variance_ = gauge_.variance;
  anchor_bias_ = gauge_.bias;
}

/// What the gauge has told since the anchor will not be mended by the counter.
void Anchored::keep_gauge(int64_t time_ns) noexcept {
  own_.variance += pending_variance();
  own_.bias += pending_bias();
  anchor(joules_ + tail(time_ns), time_ns);
  anchored_ = false;
}

/// Nothing more will be known of the time before the counter first moved.
void Anchored::keep_opening() noexcept {
  own_.variance += opening_variance_;
  own_.bias += opening_bias_;
  opening_s_ = opening_variance_ = opening_bias_ = 0;
}

void Anchored::note_update(int64_t interval_ns) noexcept {
  intervals_[seen_++ % intervals_.size()] = interval_ns;
  auto sorted = intervals_;
  const auto end = sorted.begin() + static_cast<std::ptrdiff_t>(std::min(seen_, sorted.size()));
  std::sort(sorted.begin(), end);
  update_ns_ = sorted[static_cast<size_t>(end - sorted.begin()) / 2];
}

/// The counter moved, by so many joules since it was last seen to.
void Anchored::moved(const Look& look, double counted) noexcept {
  const int64_t from_ns = std::max(unmoved_ns_, look.after_ns - update_ns_);
  const bool stamped =
      look.counted_ns > from_ns - kStampSlackNs && look.counted_ns < look.before_ns - kStampSlackNs;
  const int64_t time_ns = stamped ? look.counted_ns : from_ns + (look.after_ns - from_ns) / 2;
  half_s_ = stamped ? seconds(kStampSlackNs) : seconds(look.after_ns - from_ns) / 2;
  if (anchored_) {
    // What the gauge could not see tells nothing of it.
    if (!holed_) compare(counted, time_ns);
    anchor(joules_ + counted, time_ns);
  } else if (power_ns_ != 0) {
    open_epoch(counted, time_ns);
  } else {
    // The first count may be as old as an update.
    own_.variance += counted * counted / 12;
    anchor(joules_ + counted / 2, time_ns);
  }
  anchored_ = true;
  holed_ = stood_ = false;
}

/// Learns from what the counter says of the time since the anchor.
void Anchored::compare(double counted, int64_t time_ns) noexcept {
  const int64_t interval_ns = time_ns - anchor_ns_;
  if (power_ns_ != 0) {
    const double missed = counted - tail(time_ns);
    own_.excess -= missed;
    const double missed2 = missed * missed;
    const double interval = seconds(interval_ns);
    const bool first = residual2_ < 0;
    residual2_ = first ? missed2 : residual2_ + kNew * (missed2 - residual2_);
    residual_s_ = first ? interval : residual_s_ + kNew * (interval - residual_s_);
    ++told_;
    if (opening_s_ > 0 && told_ >= kTelling) {
      opening_variance_ = edge_variance() + std::max(opening_step2_, missed_variance(opening_s_));
      opening_bias_ = 0;
      keep_opening();
    }
  } else if (interval_ns > 0) {
    const double watts = counted / seconds(interval_ns);
    if (watts_ > 0) step2_ += kNew * ((watts - watts_) * (watts - watts_) - step2_);
    watts_ = watts;
  }
  // Seen to move at every look, it may have moved more than once in between.
  if (stood_) note_update(interval_ns);
}

/// Nobody knows how old the first count of this epoch was: up to here the gauge tells. One that is
/// refreshed with the counter has shown the power of before until now, and shows that of the end.
void Anchored::open_epoch(double counted, int64_t time_ns) noexcept {
  keep_opening();
  const double update = seconds(update_ns_);
  const double used = tail(time_ns);
  opening_s_ = std::max(1e-9, seconds(time_ns - anchor_ns_));
  if (holed_ || opening_s_ > kLongOpening * update) {
    // The gauge may have missed most of it; the counter lacks what it had not yet counted at first.
    const double lacking = watts_ * update;
    own_.variance += lacking * lacking / 12 + edge_variance();
    opening_s_ = 0;
    anchor(joules_ + std::max(used, counted - lacking / 2), time_ns);
    return;
  }
  const double step = spec_.gauge == Method::gauge ? watts_ * opening_s_ - used : 0;
  opening_step2_ = step * step / 12;
  opening_variance_ = edge_variance() + pending_variance() + opening_step2_;
  opening_bias_ = pending_bias();
  anchor(joules_ + std::max(0.0, used + step / 2), time_ns);
}

void Anchored::count(const Look& look) noexcept {
  const bool first = moved_ns_ == 0;
  const double before = count_.joules;
  const double flaws = count_.resets + count_.backwards;
  if (!first && look.before_ns - unmoved_ns_ > kHoldNs) {
    // Nobody counted for a while: the card slept, or the driver did not answer.
    moved_ns_ = look.after_ns;
    holed_ = true;
  }
  counter_.look(look.count, look.after_ns, count_);
  own_.resets = count_.resets;
  own_.backwards = count_.backwards;
  own_.ambiguous = count_.ambiguous;
  if (first) {
    moved_ns_ = look.after_ns;
    anchor(joules_ + tail(look.after_ns), look.after_ns);
  } else if (count_.resets + count_.backwards > flaws) {
    if (power_ns_ != 0) keep_gauge(look.after_ns);
    anchored_ = false;
    moved_ns_ = look.after_ns;
  } else if (count_.joules > before) {
    moved(look, count_.joules - before);
    moved_ns_ = look.after_ns;
  } else {
    stood_ = true;
    if (look.after_ns - moved_ns_ > kStuckNs && tail(look.after_ns) > kStuckJoules) {
      keep_gauge(look.after_ns);
      trusted_ = false;
      ++own_.stalls;
    }
  }
  unmoved_ns_ = look.before_ns;
}

void Anchored::look(const Look& look) noexcept {
  const bool first = last_ns_ == 0;
  const double flaws = own_.resets + own_.backwards;
  const bool counted = look.counted && trusted_;
  if (counted) count(look);
  const bool spanned = counted && own_.resets + own_.backwards <= flaws;
  if (counted || look.resting || power_ns_ > known_ns_)
    known_ns_ = std::max(known_ns_, look.after_ns);
  if (first) known_ns_ = look.after_ns;
  // The driver answers, and tells nothing; or it has taken its time.
  if (look.after_ns - known_ns_ > kHoldNs) {
    miss();
    return;
  }
  if (!first && !spanned && look.after_ns - last_ns_ > kHoldNs) ++own_.failures;
  // A counter holds what was used while nobody looked; a gauge does not.
  if (spec_.has_gauge && !first) {
    own_.covered_ms += spanned ? static_cast<double>(look.after_ns - last_ns_) * kMsPerNs
                               : gauge_.covered_ms - gauge_ms_;
  }
  if (!spanned) own_.bridged += gauge_.bridged - bridged_;
  bridged_ = gauge_.bridged;
  gauge_ms_ = gauge_.covered_ms;
  if (!spec_.has_gauge) own_.covered_ms = count_.covered_ms;
  last_ns_ = look.after_ns;
  answered_ = true;
}

void Anchored::miss() noexcept {
  ++own_.failures;
  answered_ = false;
  holed_ = true;
  integral_.miss(gauge_);
}

/// Of not knowing within half_s_ when the counter moved, J².
double Anchored::edge_variance() const noexcept {
  return (watts_ * watts_ + step2_) * half_s_ * half_s_ / 3;
}

/// Of what the gauge misses in so many seconds, J². The residuals hold the errors of both ends of
/// their intervals too; what is left grows with time no slower than a sum of bursts does.
double Anchored::missed_variance(double elapsed) const noexcept {
  if (residual2_ < 0) return 0;
  const double share = elapsed / std::max(residual_s_, 1e-3);
  return std::max(0.0, residual2_ - 2 * edge_variance()) * std::max(share, share * share);
}

double Anchored::lag_variance(int64_t time_ns) const noexcept {
  if (!anchored_) {
    if (power_ns_ == 0) return -1;
    // A mean of some time stands in for the end of that time.
    const double age = seconds(time_ns - power_ns_);
    const double lag = watts_ * std::max(age, seconds(spec_.window_ns));
    return lag * lag / 12 + step2_ * age * age / 3;
  }
  const double age = seconds(time_ns - anchor_ns_);
  const double edge = edge_variance();
  if (power_ns_ == 0) return watts_ > 0 ? edge + step2_ * age * age : -1;
  const double gauge = std::hypot(spec_.unseen_watts, spec_.gain * watts_) * age;
  const double missed = missed_variance(age);
  return edge + (told_ < kTelling ? std::max(missed, gauge * gauge) : missed);
}

void Anchored::tell(int64_t time_ns, Tally& tally) const noexcept {
  const bool fresh = answered_ && time_ns - last_ns_ <= kHoldNs;
  const int64_t known_ns = answered_ ? std::min(time_ns, last_ns_ + kHoldNs) : last_ns_;
  tally.joules = std::max(tally.joules, joules_ + tail(known_ns));
  tally.covered_ms = own_.covered_ms;
  if (answered_) {
    tally.covered_ms += static_cast<double>(std::min(time_ns - last_ns_, kHoldNs)) * kMsPerNs;
  }
  tally.variance = own_.variance + opening_variance_ + (anchored_ ? 0 : pending_variance());
  tally.bias = own_.bias + opening_bias_ + (anchored_ ? 0 : pending_bias());
  tally.resets = own_.resets;
  tally.backwards = own_.backwards;
  tally.ambiguous = own_.ambiguous;
  tally.failures = own_.failures;
  tally.stalls = own_.stalls + count_.stalls;
  tally.bridged = own_.bridged;
  tally.excess = own_.excess;
  tally.lag_variance = lag_variance(known_ns);
  const bool counted = trusted_ && (anchored_ || !spec_.has_gauge);
  tally.method = counted ? Method::counter : spec_.gauge;
  tally.fresh = fresh;
}

}  // namespace jouletap
