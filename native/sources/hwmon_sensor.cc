#include "hwmon_sensor.h"

#include "../clock.h"
#include "amdgpu.h"

namespace jouletap {
namespace {

// What acpi_power_meter and others hand on when the firmware has no value: 0xffffffff mW, or raw.
constexpr uint64_t kNoMilliwatts = 4294967295000;
constexpr uint64_t kNoValue = 4294967295;

// An accumulator that has not moved for this long while its card drew this much is stuck: MI100 and
// others have been seen so (ROCm/amdsmi#38).
constexpr int64_t kStuckNs = 1'000'000'000;
constexpr double kStuckJoules = 1;

}  // namespace

void HwmonSensor::read(Tally& tally) noexcept {
  if (is_asleep()) {
    hold(now_ns(), tally);
  } else if (kind == Kind::gauge) {
    read_gauge(tally);
  } else if (kind == Kind::counter) {
    read_counter(tally);
  } else {
    read_accumulator(tally);
  }
}

/// Asleep, a counter stands where it stood and a gauge would show nothing.
void HwmonSensor::hold(int64_t time_ns, Tally& tally) noexcept {
  if (kind == Kind::gauge) {
    integral.add(0, time_ns, tally);
    return;
  }
  if (kind == Kind::gpu_metrics) integral.add(0, time_ns, gauged_);
  if (stuck_) {
    follow_gauge(tally);
    return;
  }
  held_ = held_ || !seen_;
  counter.look(last_, time_ns, tally);
  passed_ = gauged_;
  moved_ns_ = time_ns;
}

void HwmonSensor::read_gauge(Tally& tally) noexcept {
  uint64_t number = 0;
  uint64_t milliamperes = 1;
  const int64_t before = now_ns();
  const bool good =
      read_number(value.get(), &number) && (!current || read_number(current.get(), &milliamperes));
  const int64_t time_ns = midpoint(before, now_ns());
  // mV × mA is µW.
  const double watts =
      static_cast<double>(number) * static_cast<double>(milliamperes) * watts_per_count;
  if (!good || number == kNoMilliwatts || number == kNoValue || watts > max_watts) {
    integral.miss(tally);
  } else {
    integral.add(watts, time_ns, tally);
  }
}

void HwmonSensor::read_counter(Tally& tally) noexcept {
  uint64_t number = 0;
  const int64_t before = now_ns();
  const bool good = read_number(value.get(), &number);
  count(good, number, midpoint(before, now_ns()), tally);
}

void HwmonSensor::count(bool good, uint64_t number, int64_t time_ns, Tally& tally) noexcept {
  const bool woken = good && !seen_ && held_;
  if (woken) base_ = number;
  seen_ = seen_ || good;
  if (!good || woken) {
    // What a device used between waking and its first reading is lost: that reading is a miss.
    counter.miss(tally);
    return;
  }
  last_ = number - base_;
  counter.look(last_, time_ns, tally);
}

void HwmonSensor::read_accumulator(Tally& tally) noexcept {
  GpuMetrics metrics;
  const int64_t before = now_ns();
  const bool good = read_gpu_metrics(value.get(), &metrics);
  const int64_t time_ns = midpoint(before, now_ns());
  if (good && metrics.watts && *metrics.watts <= max_watts) {
    integral.add(*metrics.watts, time_ns, gauged_);
  } else {
    integral.miss(gauged_);
  }
  if (stuck_) {
    follow_gauge(tally);
    return;
  }
  const uint64_t from = last_;
  const bool first = !seen_;
  count(good && metrics.energy, metrics.energy.value_or(0), time_ns, tally);
  if (first || last_ != from) {
    passed_ = gauged_;
    moved_ns_ = time_ns;
    return;
  }
  if (time_ns - moved_ns_ <= kStuckNs || gauged_.joules - passed_.joules <= kStuckJoules) return;
  stuck_ = true;
  ++tally.stalls;
  // The counter has claimed this time already, at 0 J, and counted its own misses.
  passed_.covered_ms = gauged_.covered_ms;
  passed_.failures = gauged_.failures;
  follow_gauge(tally);
}

/// Adds what the gauge saw and the tally has not.
void HwmonSensor::follow_gauge(Tally& tally) noexcept {
  tally.joules += gauged_.joules - passed_.joules;
  tally.covered_ms += gauged_.covered_ms - passed_.covered_ms;
  tally.variance += gauged_.variance - passed_.variance;
  tally.failures += gauged_.failures - passed_.failures;
  tally.bridged += gauged_.bridged - passed_.bridged;
  tally.method = Method::gauge;
  tally.fresh = gauged_.fresh;
  passed_ = gauged_;
}

}  // namespace jouletap
