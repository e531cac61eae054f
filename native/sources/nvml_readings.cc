#include "nvml_readings.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include "../clock.h"

namespace jouletap::nvml {
namespace {

constexpr double kMilli = 1e-3;
constexpr int64_t kNsPerUs = 1000;
constexpr double kNsPerSecond = 1e9;
constexpr double kUsualLimit = 1000;  // watts, where the card does not tell its own
// NVIDIA documents its gauges to ± 5 %.
constexpr double kGain = 0.05;
// The mean that field 185 gives on all cards, and nvmlDeviceGetPowerUsage on most.
constexpr double kAverageWindow = 1;
constexpr int64_t kDrainNs = 200'000'000;
constexpr int kFirstDrains = 20;
// A stamp that is older than this, or of the future, is of another clock.
constexpr int64_t kOldestNs = 2'000'000'000;
constexpr int64_t kFutureNs = 20'000'000;
// Drivers say "not supported" now and then of what they support (zeus).
constexpr int kAttempts = 3;
constexpr int kProofs = 3;

enum Architecture : unsigned {
  kKepler = 2,
  kMaxwell,
  kPascal,
  kVolta,
  kTuring,
  kAmpere,
  kAda,
  kLatest = 99,  // above: not known
};

bool has(const std::string& name, const char* part) { return name.find(part) != std::string::npos; }

bool is_ga100(const std::string& name) {
  return has(name, "A100") || has(name, "A800") || has(name, "A30");
}

unsigned architecture_of(const Functions& call, Device device) {
  unsigned architecture = kLatest + 1;
  if (call.DeviceGetArchitecture != nullptr) call.DeviceGetArchitecture(device, &architecture);
  return architecture;
}

double limit_of(const Functions& call, Device device) {
  unsigned milliwatts = 0;
  const bool known = call.DeviceGetEnforcedPowerLimit != nullptr &&
                     call.DeviceGetEnforcedPowerLimit(device, &milliwatts) == kSuccess;
  return known && milliwatts > 0 ? milliwatts * kMilli : kUsualLimit;
}

bool plausible(int64_t time_ns, int64_t now) {
  return time_ns > now - kOldestNs && time_ns < now + kFutureNs;
}

FieldValue field(unsigned id, unsigned scope) {
  FieldValue value{};
  value.field = id;
  value.scope = scope;
  value.result = kUnknown;
  return value;
}

}  // namespace

Gauge gauge_of(unsigned architecture, const std::string& name) {
  switch (architecture) {
    case kKepler:
      return {0.015, 0.015};
    case kMaxwell:
      return {0.031, 0.014};
    case kPascal:
    case kVolta:
      return {0.02, 0.01};
    case kTuring:
      return {0.1, has(name, "Quadro") ? 0.02 : 0.1};
    case kAmpere:
      return {0.1, is_ga100(name) ? 0.025 : 0.1};
    case kAda:
      return {0.1, 0.1};
    default:
      return {0.1, 0.025};
  }
}

Readings::Offer Readings::offered(const Functions& call, Device device) {
  struct Wish {
    unsigned field;
    unsigned scope;
    bool Offer::* has;
  };
  constexpr Wish kWishes[] = {
      {kTotalEnergy, kScopeGpu, &Offer::energy},
      {kPowerInstant, kScopeGpu, &Offer::instant},
      {kPowerAverage, kScopeGpu, &Offer::average},
      {kPowerInstant, kScopeModule, &Offer::module},
      {kScopedEnergy, kScopeModule, &Offer::module_energy},
  };
  Offer offer;
  for (int attempt = 0; attempt < kAttempts && call.DeviceGetFieldValues != nullptr; ++attempt) {
    std::array<FieldValue, std::size(kWishes)> values{};
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = field(kWishes[i].field, kWishes[i].scope);
    const int result =
        call.DeviceGetFieldValues(device, static_cast<int>(values.size()), values.data());
    for (size_t i = 0; result == kSuccess && i < values.size(); ++i) {
      // Where there is no module some drivers give nothing, and call it success.
      const bool empty =
          kWishes[i].scope != kScopeGpu && number_in(values[i].type, values[i].value) <= 0;
      if (values[i].result == kSuccess && !empty) offer.*kWishes[i].has = true;
    }
  }
  return offer;
}

size_t Readings::history_size(const Functions& call, Device device) {
  unsigned type = 0;
  unsigned count = 0;
  if (call.DeviceGetSamples == nullptr) return 0;
  const int result = call.DeviceGetSamples(device, kTotalPowerSamples, 0, &type, &count, nullptr);
  return result == kSuccess ? count : 0;
}

void Readings::choose(const Offer& offer, const Functions& call, Device device, bool averages) {
  unsigned long long millijoules = 0;
  unsigned milliwatts = 0;
  // What has a module counts all of it (GH200, zeus pull request 172): its card has a gauge only.
  const bool energy_call = !offer.energy && !offer.module &&
                           call.DeviceGetTotalEnergyConsumption != nullptr &&
                           call.DeviceGetTotalEnergyConsumption(device, &millijoules) == kSuccess;
  const bool energy_field = offer.energy && !offer.module;
  card_.has_counter = energy_field || energy_call;
  // Beside a counter the instant comes with it in one call; alone the history sees more.
  history_ = card_.has_counter && offer.instant ? 0 : history_size(call, device);
  const bool by_instant = history_ == 0 && offer.instant;
  const bool by_average = history_ == 0 && !by_instant && offer.average;
  const bool by_call = history_ == 0 && !by_instant && !by_average &&
                       call.DeviceGetPowerUsage != nullptr &&
                       call.DeviceGetPowerUsage(device, &milliwatts) == kSuccess;
  const bool mean = by_average || (by_call && averages);
  card_.has_gauge = history_ > 0 || by_instant || by_average || by_call;
  card_.gauge = history_ > 0 ? Method::samples : mean ? Method::average : Method::gauge;
  card_.window_ns = static_cast<int64_t>((mean ? kAverageWindow : gauge_.window_s) * kNsPerSecond);
  if (mean) card_.unseen_watts = 0;
  has_module_ = offer.module;
  module_ = card_;
  module_.gauge = Method::gauge;
  module_.has_counter = offer.module_energy;
  module_.has_gauge = true;

  fields_.clear();
  if (energy_field) fields_.push_back(field(kTotalEnergy, kScopeGpu));
  if (by_instant) fields_.push_back(field(kPowerInstant, kScopeGpu));
  if (by_average) fields_.push_back(field(kPowerAverage, kScopeGpu));
  if (offer.module) fields_.push_back(field(kPowerInstant, kScopeModule));
  if (offer.module && offer.module_energy) fields_.push_back(field(kScopedEnergy, kScopeModule));
  values_ = fields_;
  steps_.clear();
  if (!fields_.empty()) steps_.push_back(Step::fields);
  if (energy_call) steps_.push_back(Step::energy);
  if (by_call) steps_.push_back(Step::power);
}

bool Readings::learn(const Functions& call, Device device, const std::string& name) {
  const unsigned architecture = architecture_of(call, device);
  gauge_ = gauge_of(architecture, name);
  const double limit = limit_of(call, device);
  card_ = Anchored::Spec();
  card_.max_watts = std::max(2 * limit, kUsualLimit);
  card_.gain = kGain;
  // What the gauge does not see may be anything from nothing to the limit.
  card_.unseen_watts = (1 - gauge_.window_s / gauge_.refresh_s) * limit / std::sqrt(12.0);
  // Ampere and later, except for GA100, give a mean of a second for an instant (nvml.h).
  const bool averages = architecture >= kAmpere && architecture <= kLatest && !is_ga100(name);
  choose(offered(call, device), call, device, averages);
  return card_.has_counter || card_.has_gauge;
}

/// When a counter that shows `count` was refreshed; 0 where its stamps do not tell. They do if they
/// stand still while it does: then they are not the time of the call.
int64_t Readings::refreshed_ns(uint64_t count, int64_t stamp_us, int64_t time_ns) noexcept {
  if (count == count_ && stamp_us_ != 0) {
    if (stamp_us == stamp_us_) {
      proofs_ = std::min(proofs_ + 1, kProofs);
    } else {
      disproved_ = true;
    }
  }
  count_ = count;
  stamp_us_ = stamp_us;
  return proofs_ == kProofs && !disproved_ ? time_ns : 0;
}

int Readings::ask_fields(const Functions& call, Device device, Answer& answer) noexcept {
  std::copy(fields_.begin(), fields_.end(), values_.begin());
  const int64_t before = now_ns();
  const int result =
      call.DeviceGetFieldValues(device, static_cast<int>(values_.size()), values_.data());
  const int64_t now = now_ns();
  answer.look.before_ns = answer.module.before_ns = before;
  answer.look.after_ns = answer.module.after_ns = now;
  if (result != kSuccess) return result;
  const int64_t epoch_ns = epoch_offset_ns();
  int flaw = kSuccess;
  for (const FieldValue& value : values_) {
    if (value.result != kSuccess) {
      flaw = value.result;
      continue;
    }
    answer.good = true;
    const int64_t stamp_ns = value.timestamp * kNsPerUs - epoch_ns;
    const bool stamped = plausible(stamp_ns, now);
    const bool module = value.scope == kScopeModule;
    if (value.field == kPowerInstant || value.field == kPowerAverage) {
      (module ? answer.module_watts : answer.watts) = number_in(value.type, value.value) * kMilli;
      if (!module) answer.watts_ns = stamped ? std::min(stamp_ns, now) : midpoint(before, now);
      continue;
    }
    Anchored::Look& look = module ? answer.module : answer.look;
    look.counted = true;
    look.count = count_in(value.type, value.value);
    if (!module)
      look.counted_ns = refreshed_ns(look.count, value.timestamp, stamped ? stamp_ns : 0);
  }
  return answer.good ? kSuccess : flaw;
}

int Readings::ask_energy(const Functions& call, Device device, Answer& answer) noexcept {
  unsigned long long millijoules = 0;
  answer.look.before_ns = now_ns();
  const int result = call.DeviceGetTotalEnergyConsumption(device, &millijoules);
  answer.look.after_ns = now_ns();
  answer.good = answer.look.counted = result == kSuccess;
  answer.look.count = millijoules;
  return result;
}

int Readings::ask_power(const Functions& call, Device device, Answer& answer) noexcept {
  unsigned milliwatts = 0;
  answer.look.before_ns = now_ns();
  const int result = call.DeviceGetPowerUsage(device, &milliwatts);
  answer.look.after_ns = now_ns();
  answer.good = result == kSuccess;
  if (!answer.good) return result;
  answer.watts = milliwatts * kMilli;
  answer.watts_ns = midpoint(answer.look.before_ns, answer.look.after_ns);
  return result;
}

/// The driver's history of power since the last time. Its stamps are of one clock or another
/// (BOOTTIME in practice: gpu-metrics-agent issue 36): of that by which the newest is new.
void Readings::drain(const Functions& call, Device device, Answer& answer) noexcept {
  try {
    answer.samples.resize(history_);
  } catch (...) {
    return;  // out of memory: the driver keeps them
  }
  unsigned count = static_cast<unsigned>(history_);
  drained_ns_ = now_ns();
  ++drains_;
  const int result = call.DeviceGetSamples(device, kTotalPowerSamples, last_sample_us_,
                                           &answer.type, &count, answer.samples.data());
  const int64_t now = now_ns();
  if (answer.look.before_ns == 0) answer.look.before_ns = drained_ns_;
  answer.look.after_ns = now;
  if (result == kNotFound) answer.good = true;  // nothing newer
  if (result == kInsufficientSize) history_ = 2 * history_;
  if (is_lost(result)) answer.lost = true;
  if (result != kSuccess || count == 0 || count > history_) return;
  last_sample_us_ = answer.samples[count - 1].timestamp;
  const int64_t newest_ns = static_cast<int64_t>(last_sample_us_) * kNsPerUs;
  for (const int64_t offset_ns : {suspended_ns(), epoch_offset_ns(), int64_t{0}}) {
    if (!plausible(newest_ns - offset_ns, now)) continue;
    answer.offset_ns = offset_ns;
    answer.count = count;
    answer.good = true;
    return;
  }
}

void Readings::ask(const Functions& call, Device device, Answer& answer) noexcept {
  int result = kSuccess;
  if (!steps_.empty()) {
    const Step step = steps_[turn_++ % steps_.size()];
    result = step == Step::fields   ? ask_fields(call, device, answer)
             : step == Step::energy ? ask_energy(call, device, answer)
                                    : ask_power(call, device, answer);
  }
  answer.lost = is_lost(result);
  answer.orphaned = result == kUninitialized;
  if (answer.lost || history_ == 0) return;
  // At first of every look: up to the first movement of a counter nothing else is known.
  const bool due = steps_.empty() || now_ns() - drained_ns_ >= kDrainNs;
  if (due || drains_ < kFirstDrains) drain(call, device, answer);
}

}  // namespace jouletap::nvml
