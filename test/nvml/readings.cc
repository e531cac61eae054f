// The stub's readings: the energy counter, the gauges, batched field values and the ring of
// samples.
#include <cmath>
#include <cstring>

#include "stub.h"
#include "truth.h"

namespace nvml_stub {

void put(Value& value, uint64_t type, double number) {
  std::memset(value.bytes, 0xa5, sizeof value.bytes);
  switch (type) {
    case 0:
      value.real = number;
      break;
    case 1:
      value.u32 = static_cast<uint32_t>(number);
      break;
    case 4:
      value.i64 = static_cast<int64_t>(number);
      break;
    case 5:
      value.i32 = static_cast<int32_t>(number);
      break;
    case 6:
      value.u16 = static_cast<uint16_t>(number);
      break;
    default:
      value.u64 = static_cast<uint64_t>(number);
  }
}

namespace {

constexpr uint32_t kLastIdOf450 = 166;
constexpr uint32_t kLastId = 192;

/// A gauge in milliwatts, as it was at its last refresh; at times 0 for no reason.
double gauge_mw(Gpu& gpu, int64_t now, double window_s, double beside_watts) {
  if (take(gpu.zero_reads_left)) return 0;
  return std::round(mean_mw(gpu, gauge_refresh_at(gpu, now), window_s, beside_watts));
}

double field_number(Gpu& gpu, Field field, int64_t now) {
  switch (field) {
    case Field::total_energy:
    case Field::energy:
      return static_cast<double>(energy_mj(gpu, now, false));
    case Field::module_energy:
      return static_cast<double>(energy_mj(gpu, now, true));
    case Field::average:
      return gauge_mw(gpu, now, load(gpu.average_window_s), 0);
    case Field::instant:
      return gauge_mw(gpu, now, load(gpu.instant_window_s), 0);
    case Field::module_average:
      return gauge_mw(gpu, now, load(gpu.average_window_s), load(gpu.module_watts));
    case Field::module_instant:
      return gauge_mw(gpu, now, load(gpu.instant_window_s), load(gpu.module_watts));
    case Field::memory_instant:
      return std::round(load(gpu.memory_watts) * 1000);
    case Field::min_limit:
      return static_cast<double>(load(gpu.power_limit_mw) / 4);
    default:
      return static_cast<double>(load(gpu.power_limit_mw));
  }
}

bool is_energy(Field field) {
  return field == Field::total_energy || field == Field::energy || field == Field::module_energy;
}

Field find(uint32_t id, uint32_t scope) {
#define NVML_STUB_MATCH(name, field_id, scope_id, type) \
  if (id == field_id && scope == scope_id) return Field::name;
  NVML_STUB_FIELDS(NVML_STUB_MATCH)
#undef NVML_STUB_MATCH
  return Field::count;
}

int64_t stamp_us(const Control& control, const Gpu& gpu, Field field, int64_t now) {
  const auto flaw = static_cast<StampFlaw>(load(control.stamp_flaw));
  if (flaw == StampFlaw::zero) return 0;
  int64_t moment = now;
  if (static_cast<Stamp>(load(control.stamp)) == Stamp::refresh) {
    moment = is_energy(field) ? energy_refresh_at(gpu, now) : gauge_refresh_at(gpu, now);
  }
  // The clock as it is set now: who sets it finds the step in the stamps.
  const int64_t us = (clock_ahead_ns(CLOCK_REALTIME) + moment) / 1000;
  return flaw == StampFlaw::hour_late ? us + 3600000000 : us;
}

int fill(const Control& control, Gpu& gpu, FieldValue& value) {
  const Field field = find(value.id, value.scope);
  const uint32_t last = kGeneration >= k535Early ? kLastId : kLastIdOf450;
  if (value.id == 0 || value.id > kLastId) return kInvalidArgument;
  if (field == Field::count || value.id > last) return kNotSupported;
  FieldKnobs& knobs = gpu.fields[static_cast<size_t>(field)];
  if (const int code = strike(knobs.fault)) return code;
  const int64_t now = now_ns();
  const double number = field_number(gpu, field, now);
  value.timestamp_us = stamp_us(control, gpu, field, now);
  value.latency_us = static_cast<int64_t>(load(control.latency_us));
  value.value_type = static_cast<uint32_t>(load(knobs.value_type));
  put(value.value, value.value_type, number);
  return kSuccess;
}

int64_t sample_us(const Control& control, int64_t monotonic_ns) {
  const int64_t offset = load(control.sample_clock_offset_us);
  switch (static_cast<SampleClock>(load(control.sample_clock))) {
    case SampleClock::realtime:
      return realtime_us(monotonic_ns) + offset;
    case SampleClock::monotonic:
      return monotonic_ns / 1000 + offset;
    default:
      return boottime_us(monotonic_ns) + offset;
  }
}

}  // namespace
}  // namespace nvml_stub

using namespace nvml_stub;

NVML_STUB_API nvmlDeviceGetTotalEnergyConsumption(Device device, unsigned long long* mj) {
  const Target target = enter(Function::nvmlDeviceGetTotalEnergyConsumption, device);
  if (target.code != kSuccess) return target.code;
  if (mj == nullptr) return kInvalidArgument;
  *mj = energy_mj(*target.gpu, now_ns(), false);
  return kSuccess;
}

NVML_STUB_API nvmlDeviceGetPowerUsage(Device device, uint32_t* mw) {
  const Target target = enter(Function::nvmlDeviceGetPowerUsage, device);
  if (target.code != kSuccess) return target.code;
  if (mw == nullptr) return kInvalidArgument;
  Gpu& gpu = *target.gpu;
  *mw = static_cast<uint32_t>(gauge_mw(gpu, now_ns(), load(gpu.usage_window_s), 0));
  return kSuccess;
}

NVML_STUB_API nvmlDeviceGetFieldValues(Device device, int number, FieldValue* values) {
  const Target target = enter(Function::nvmlDeviceGetFieldValues, device, true);
  if (target.code != kSuccess) return target.code;
  if (number <= 0 || values == nullptr) return kInvalidArgument;
  int code = kNotSupported;
  for (int i = 0; i < number; ++i) {
    FieldValue& value = values[i];
    value.code = target.mig < 0 ? fill(*target.control, *target.gpu, value) : int{kNotSupported};
    if (i == 0 || value.code == kSuccess) code = value.code;
  }
  return code;
}

NVML_STUB_API nvmlDeviceGetSamples(Device device, uint32_t type, unsigned long long last_seen_us,
                                   uint32_t* value_type, uint32_t* number, Sample* samples) {
  const Target target = enter(Function::nvmlDeviceGetSamples, device);
  if (target.code != kSuccess) return target.code;
  if (value_type == nullptr || number == nullptr) return kInvalidArgument;
  constexpr uint32_t kTotalPower = 0;
  constexpr uint32_t kModulePower = 7;
  const bool module = kGeneration >= k570 && type == kModulePower;
  if (type != kTotalPower && !module) return kNotSupported;

  Gpu& gpu = *target.gpu;
  const auto kept = static_cast<int64_t>(load(gpu.samples_kept));
  *value_type = static_cast<uint32_t>(load(gpu.samples_value_type));
  if (samples == nullptr) {
    *number = static_cast<uint32_t>(kept);
    return kSuccess;
  }
  if (*number == 0) return kInvalidArgument;
  const int64_t period = nanoseconds(load(gpu.samples_period_s));
  const int64_t newest = grid(now_ns(), static_cast<int64_t>(load(gpu.start_ns)), period);
  uint32_t given = 0;
  for (int64_t k = kept - 1; k >= 0 && given < *number; --k) {
    const int64_t moment = newest - k * period;
    const auto us = static_cast<uint64_t>(sample_us(*target.control, moment));
    if (us <= last_seen_us) continue;
    const double beside = module ? load(gpu.module_watts) : 0;
    const double mw = mean_mw(gpu, moment, load(gpu.instant_window_s), beside);
    samples[given].timestamp_us = us;
    put(samples[given].value, *value_type, std::round(mw));
    ++given;
  }
  *number = given;
  return given == 0 ? kNotFound : kSuccess;
}

NVML_STUB_API nvmlDeviceGetUtilizationRates(Device device, Utilization* rates) {
  const Target target = enter(Function::nvmlDeviceGetUtilizationRates, device);
  if (target.code != kSuccess) return target.code;
  if (rates == nullptr) return kInvalidArgument;
  *rates = utilization(*target.gpu, now_ns());
  return kSuccess;
}

NVML_STUB_API nvmlDeviceGetMemoryInfo(Device device, MemoryInfo* info) {
  const Target target = enter(Function::nvmlDeviceGetMemoryInfo, device, true);
  if (target.code != kSuccess) return target.code;
  if (info == nullptr) return kInvalidArgument;
  info->total = load(target.gpu->memory_bytes);
  info->used = used_bytes(*target.gpu, now_ns());
  info->free = info->total - info->used;
  return kSuccess;
}
