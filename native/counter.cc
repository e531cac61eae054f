#include "counter.h"

#include <algorithm>
#include <cmath>

namespace jouletap {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr double kMsPerNs = 1e-6;
// How long the hardware, or the reader, may lag: energy of that much time may come at once.
constexpr double kLagSeconds = 1;

double seconds_between(int64_t from_ns, int64_t to_ns) {
  return static_cast<double>(to_ns - from_ns) / kNsPerSecond;
}

// Energy unit exponents a RAPL register may have: 2^-10 J down to 2^-18 J.
constexpr int kCoarsest = 10;
constexpr int kFinest = 18;
// Half the range of a register of 2^-16 J, the finest in use: perf's deltas are signed.
constexpr double kHalfRangeJoules = 32768;

}  // namespace

int64_t keep_alive_ns(double wrap_joules, double max_watts) {
  if (wrap_joules <= 0 || max_watts <= 0) return 0;
  const double seconds = wrap_joules / max_watts / 4;
  // Ten days: beyond any counter that needs keeping alive, and within int64_t.
  return static_cast<int64_t>(std::min(seconds, 864000.0) * kNsPerSecond);
}

Counter::Step Counter::step(const Reading& from, const Reading& to) noexcept {
  const double elapsed = seconds_between(from.time_ns, to.time_ns);
  const double limit = spec_.max_watts * (elapsed + kLagSeconds) + 2 * spec_.unit;
  const auto joules = [this](uint64_t counts) { return static_cast<double>(counts) * spec_.unit; };

  if (spec_.modulus == 0) {
    // Below 0 a count goes on at 2^64, where one of perf's gets that falls soon after its start.
    const uint64_t rose = to.raw - from.raw;
    const bool fallen = spec_.folds ? rose >> 63 != 0 : to.raw < from.raw;
    if (!fallen) {
      const double used = joules(rose);
      return {used, used <= limit, false, false};
    }
    // perf keeps counts of 2^-32 J; a signed delta makes it fall by 2^32 units of the register.
    const uint64_t fell = from.raw - to.raw;
    for (int exponent = kFinest; spec_.folds && exponent >= kCoarsest; --exponent) {
      const uint64_t fold = uint64_t{1} << (64 - exponent);
      if (fold < fell) continue;
      const double used = joules(fold - fell);
      return {used, used <= limit, false, true};
    }
    return {0, false, false, false};
  }

  if (spec_.observe_width && !narrow_ && (from.raw >> 32 != 0 || to.raw >> 32 != 0)) {
    const bool fell = to.raw < from.raw;
    const double wide = joules(to.raw - from.raw);
    if (!fell && wide <= limit) return {wide, true, false, false};
  }
  const uint64_t mask = spec_.observe_width ? 0xffffffff : ~uint64_t{0};
  const uint64_t a = from.raw & mask;
  const uint64_t b = to.raw & mask;
  const bool wrapped = b < a;
  const uint64_t counts = wrapped ? b + (spec_.modulus - a) : b - a;
  const double narrow = joules(counts);
  const bool believable = narrow <= limit && a < spec_.modulus && b < spec_.modulus;
  if (believable && wrapped && spec_.observe_width && (from.raw >> 32) != 0) narrow_ = true;
  return {narrow, believable, wrapped, false};
}

void Counter::accept(const Step& step, const Reading& reading, Tally& tally) noexcept {
  const bool wide = spec_.observe_width && !narrow_ && (reading.raw >> 32) != 0;
  const double range = spec_.folds ? kHalfRangeJoules
                       : wide      ? 0
                                   : static_cast<double>(spec_.modulus) * spec_.unit;
  const double elapsed = seconds_between(last_.time_ns, reading.time_ns);
  if (range > 0 && elapsed * spec_.max_watts >= range) ++tally.ambiguous;
  if (step.wrapped) ++tally.wraps;
  if (step.folded) ++tally.backwards;
  tally.joules += step.joules;

  const double since_moved_ms = static_cast<double>(reading.time_ns - moved_ns_) * kMsPerNs;
  const bool still = spec_.stall_ns > 0 && step.joules <= 0;
  if (still && !stalled_ && reading.time_ns - moved_ns_ > spec_.stall_ns) {
    stalled_ = true;
    ++tally.stalls;
  }
  // Whether the count kept up during a stall cannot be told, so that time is not claimed.
  tally.covered_ms = settled_ms_ + (stalled_ ? 0 : since_moved_ms);
  if (!still) {
    settled_ms_ = tally.covered_ms;
    moved_ns_ = reading.time_ns;
    stalled_ = false;
  }
  last_ = reading;
  odd_seen_ = false;
  tally.fresh = true;
}

void Counter::begin(const Reading& reading, Tally& tally) noexcept {
  if (resumed_) ++tally.failures;
  started_ = true;
  resumed_ = false;
  odd_seen_ = false;
  stalled_ = false;
  last_ = reading;
  moved_ns_ = reading.time_ns;
  settled_ms_ = tally.covered_ms;
  tally.fresh = true;
}

void Counter::look(uint64_t raw, int64_t time_ns, Tally& tally) noexcept {
  const Reading reading{raw, time_ns};
  tally.raw = raw;
  if (!started_ || resumed_) {
    begin(reading, tally);
    return;
  }
  const Step onward = step(last_, reading);
  if (onward.believable) {
    accept(onward, reading, tally);
    return;
  }
  if (odd_seen_) {
    const Step anew = step(odd_, reading);
    if (anew.believable) {
      // What was settled stays; the time from there to the odd reading is not covered.
      settled_ms_ = tally.covered_ms;
      stalled_ = false;
      last_ = odd_;
      moved_ns_ = odd_.time_ns;
      accept(anew, reading, tally);
      return;
    }
  }
  // A counter that began anew has counted no more since then than the hardware can have used.
  const double limit = spec_.max_watts * (seconds_between(last_.time_ns, time_ns) + kLagSeconds);
  const bool from_zero = raw < last_.raw && static_cast<double>(raw) * spec_.unit <= limit;
  ++(from_zero ? tally.resets : tally.backwards);
  odd_ = reading;
  odd_seen_ = true;
  tally.fresh = false;
}

void Counter::miss(Tally& tally) noexcept {
  ++tally.failures;
  tally.fresh = false;
}

}  // namespace jouletap
