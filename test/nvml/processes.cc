// The stub's processes, with records of every size that drivers have used, and its MIG instances.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "stub.h"
#include "truth.h"

namespace nvml_stub {
namespace {

/// Of a process, averaged over a stretch of time in seconds since the GPU's start.
double mean_percent(const Process& process, double high, double low, double from, double to) {
  const double first = std::max(from, process.from_s);
  const double last = std::min(to, process.until_s);
  if (first >= last) return 0;
  if (process.period_s <= 0) return high * (last - first) / (to - from);
  const host::Profile curve{host::Profile::Kind::square, high, low, process.period_s, process.duty};
  // The curve's integral wants times after its beginning.
  return (curve.joules(last - process.from_s) - curve.joules(first - process.from_s)) / (to - from);
}

struct Percents {
  uint32_t sm;
  uint32_t memory;
};

Percents percents(const Process& process, double from, double to) {
  const double sm = mean_percent(process, process.sm_high, process.sm_low, from, to);
  const double memory = mean_percent(process, process.memory_high, process.memory_low, from, to);
  return {static_cast<uint32_t>(std::lround(sm)), static_cast<uint32_t>(std::lround(memory))};
}

uint64_t known(const Gpu& gpu) {
  return std::min<uint64_t>(load(gpu.process_count), kMaxProcesses);
}

double since_start(const Gpu& gpu, int64_t at) {
  return seconds_between(static_cast<int64_t>(load(gpu.start_ns)), at);
}

bool runs(const Gpu& gpu, const Process& process, int64_t now) {
  const double t = since_start(gpu, now);
  return t >= process.from_s && t < process.until_s;
}

constexpr bool kCompute = false;
constexpr bool kGraphics = true;

/// Running processes of a kind, on the GPU or on one of its instances.
size_t running(const Target& target, bool graphics, ProcessRecord (&records)[kMaxProcesses]) {
  const Gpu& gpu = *target.gpu;
  const int64_t now = now_ns();
  size_t found = 0;
  for (size_t i = 0; i < known(gpu); ++i) {
    const Process& process = gpu.processes[i];
    if ((process.graphics != 0) != graphics || !runs(gpu, process, now)) continue;
    if (target.mig >= 0) {
      const Mig& mig = gpu.migs[target.mig];
      if (process.gpu_instance != mig.gpu_instance ||
          process.compute_instance != mig.compute_instance) {
        continue;
      }
    }
    ProcessRecord& record = records[found++];
    std::memset(&record, 0, sizeof record);
    record.pid = static_cast<uint32_t>(process.pid);
    record.memory_bytes = process.memory_bytes;
    record.gpu_instance = static_cast<uint32_t>(process.gpu_instance);
    record.compute_instance = static_cast<uint32_t>(process.compute_instance);
  }
  return found;
}

/// Whether `room` holds them; tells how many there are, or as a size query how many there were.
int fit(const Gpu& gpu, size_t found, uint32_t* room) {
  const uint32_t given = *room;
  *room = static_cast<uint32_t>(found);
  if (given >= found) return kSuccess;
  if (given == 0) {
    const uint64_t growth = std::min<uint64_t>(load(gpu.list_growth), found);
    *room = static_cast<uint32_t>(found - growth);
    if (*room == 0) return kSuccess;
  }
  return kInsufficientSize;
}

int list(Function function, Device device, uint32_t* room, void* to, bool graphics, size_t stride) {
  const Target target = enter(function, device, true);
  if (target.code != kSuccess) return target.code;
  if (room == nullptr || (*room > 0 && to == nullptr)) return kInvalidArgument;
  ProcessRecord records[kMaxProcesses];
  const size_t found = running(target, graphics, records);
  const int code = fit(*target.gpu, found, room);
  if (code != kSuccess) return code;
  for (size_t i = 0; i < *room; ++i) {
    std::memcpy(static_cast<char*>(to) + i * stride, &records[i], stride);
  }
  return kSuccess;
}

}  // namespace

Utilization utilization(const Gpu& gpu, int64_t now) {
  const double period = load(gpu.utilization_period_s);
  const double to = std::floor(since_start(gpu, now) / period) * period;
  Utilization sum{0, 0};
  for (size_t i = 0; i < known(gpu); ++i) {
    const Percents share = percents(gpu.processes[i], to - period, to);
    sum.gpu = std::min(100u, sum.gpu + share.sm);
    sum.memory = std::min(100u, sum.memory + share.memory);
  }
  return sum;
}

uint64_t used_bytes(const Gpu& gpu, int64_t now) {
  uint64_t sum = 0;
  for (size_t i = 0; i < known(gpu); ++i) {
    const Process& process = gpu.processes[i];
    const bool counted = process.memory_bytes != UINT64_MAX;  // "not available"
    if (counted && runs(gpu, process, now)) sum += process.memory_bytes;
  }
  return std::min(sum, load(gpu.memory_bytes));
}

}  // namespace nvml_stub

using namespace nvml_stub;

#define NVML_STUB_LIST(name, graphics, stride)                             \
  NVML_STUB_API name(Device device, uint32_t* count, void* infos) {        \
    return list(Function::name, device, count, infos, graphics, (stride)); \
  }

NVML_STUB_LIST(nvmlDeviceGetComputeRunningProcesses, kCompute, 16)
NVML_STUB_LIST(nvmlDeviceGetComputeRunningProcesses_v2, kCompute, 24)
NVML_STUB_LIST(nvmlDeviceGetGraphicsRunningProcesses, kGraphics, 16)
NVML_STUB_LIST(nvmlDeviceGetGraphicsRunningProcesses_v2, kGraphics, 24)

namespace {
size_t v3_stride() {
  const Control* control = page();
  const uint64_t ordered = control != nullptr ? load(control->list_stride) : 0;
  return ordered != 0               ? std::min<size_t>(ordered, sizeof(ProcessRecord))
         : kGeneration == k535Early ? 32
                                    : 24;
}
}  // namespace

NVML_STUB_LIST(nvmlDeviceGetComputeRunningProcesses_v3, kCompute, v3_stride())
NVML_STUB_LIST(nvmlDeviceGetGraphicsRunningProcesses_v3, kGraphics, v3_stride())

NVML_STUB_API nvmlDeviceGetConfComputeMemSizeInfo(Device device, void*) {
  const Target target = enter(Function::nvmlDeviceGetConfComputeMemSizeInfo, device);
  return target.code != kSuccess ? target.code : int{kNotSupported};
}

NVML_STUB_API nvmlDeviceGetRunningProcessDetailList(Device device, DetailList* details) {
  constexpr auto kThis = Function::nvmlDeviceGetRunningProcessDetailList;
  constexpr uint32_t kVersion1 = 1u << 24 | sizeof(DetailList);
  constexpr uint32_t kModeCompute = 0;
  constexpr uint32_t kModeGraphics = 1;
  const Target target = enter(kThis, device, true);
  if (target.code != kSuccess) return target.code;
  if (details == nullptr) return kInvalidArgument;
  if (details->version != kVersion1) return kVersionMismatch;
  ProcessRecord records[kMaxProcesses];
  const bool graphics = details->mode == kModeGraphics;
  const bool known_mode = graphics || details->mode == kModeCompute;
  const size_t found = known_mode ? running(target, graphics, records) : 0;
  if (details->records == nullptr) details->count = 0;
  const int code = fit(*target.gpu, found, &details->count);
  if (code == kSuccess) std::copy_n(records, details->count, details->records);
  return code;
}

NVML_STUB_API nvmlDeviceGetProcessesUtilizationInfo(Device device, void*) {
  const Target target = enter(Function::nvmlDeviceGetProcessesUtilizationInfo, device);
  return target.code != kSuccess ? target.code : int{kNotSupported};
}

NVML_STUB_API nvmlDeviceGetProcessUtilization(Device device, ProcessSample* samples,
                                              uint32_t* number, unsigned long long last_seen_us) {
  const Target target = enter(Function::nvmlDeviceGetProcessUtilization, device);
  if (target.code != kSuccess) return target.code;
  if (number == nullptr) return kInvalidArgument;
  const Gpu& gpu = *target.gpu;
  const auto kept = static_cast<int64_t>(load(gpu.utilization_kept));
  const int64_t period = nanoseconds(load(gpu.utilization_period_s));
  const int64_t newest = grid(now_ns(), static_cast<int64_t>(load(gpu.start_ns)), period);
  const uint32_t room = samples != nullptr ? *number : 0;
  uint32_t found = 0;
  for (int64_t k = kept - 1; k >= 0; --k) {
    const int64_t moment = newest - k * period;
    const auto us = static_cast<uint64_t>(realtime_us(moment));
    if (us <= last_seen_us) continue;
    const double to = since_start(gpu, moment);
    for (size_t i = 0; i < known(gpu); ++i) {
      const Process& process = gpu.processes[i];
      const Percents share = percents(process, to - seconds_between(0, period), to);
      if (share.sm == 0 && share.memory == 0) continue;
      if (found < room) {
        samples[found] = {static_cast<uint32_t>(process.pid), us, share.sm, share.memory, 0, 0};
      }
      ++found;
    }
  }
  *number = found;
  if (found == 0) return kNotFound;
  return found > room ? kInsufficientSize : kSuccess;
}

NVML_STUB_API nvmlDeviceGetMigMode(Device device, uint32_t* current, uint32_t* pending) {
  const Target target = enter(Function::nvmlDeviceGetMigMode, device);
  if (target.code != kSuccess) return target.code;
  constexpr uint64_t kAmpere = 7;
  if (load(target.gpu->architecture) < kAmpere) return kNotSupported;
  if (current == nullptr || pending == nullptr) return kInvalidArgument;
  *current = static_cast<uint32_t>(load(target.gpu->mig_current));
  *pending = static_cast<uint32_t>(load(target.gpu->mig_pending));
  return kSuccess;
}

NVML_STUB_API nvmlDeviceGetMaxMigDeviceCount(Device device, uint32_t* count) {
  const Target target = enter(Function::nvmlDeviceGetMaxMigDeviceCount, device);
  if (target.code != kSuccess) return target.code;
  if (count == nullptr) return kInvalidArgument;
  *count = load(target.gpu->mig_current) != 0 ? uint32_t{kMaxMigs} : 0;
  return kSuccess;
}

NVML_STUB_API nvmlDeviceGetMigDeviceHandleByIndex(Device device, uint32_t index, Device* mig) {
  const Target target = enter(Function::nvmlDeviceGetMigDeviceHandleByIndex, device);
  if (target.code != kSuccess) return target.code;
  if (load(target.gpu->mig_current) == 0) return kNotSupported;
  if (index >= kMaxMigs || mig == nullptr) return kInvalidArgument;
  if (load(target.gpu->migs[index].present) == 0) return kNotFound;
  *mig = handle_of(target.index, static_cast<int>(index));
  return kSuccess;
}

NVML_STUB_API nvmlDeviceIsMigDeviceHandle(Device device, uint32_t* is) {
  const Target target = enter(Function::nvmlDeviceIsMigDeviceHandle, device, true);
  if (target.code != kSuccess) return target.code;
  if (is == nullptr) return kInvalidArgument;
  *is = target.mig >= 0 ? 1 : 0;
  return kSuccess;
}

namespace {
int tell_mig(Function function, Device device, uint64_t Mig::* number, uint32_t* id) {
  const Target target = enter(function, device, true);
  if (target.code != kSuccess) return target.code;
  if (target.mig < 0 || id == nullptr) return kInvalidArgument;
  *id = static_cast<uint32_t>(load(target.gpu->migs[target.mig].*number));
  return kSuccess;
}
}  // namespace

NVML_STUB_API nvmlDeviceGetGpuInstanceId(Device device, uint32_t* id) {
  return tell_mig(Function::nvmlDeviceGetGpuInstanceId, device, &Mig::gpu_instance, id);
}

NVML_STUB_API nvmlDeviceGetComputeInstanceId(Device device, uint32_t* id) {
  return tell_mig(Function::nvmlDeviceGetComputeInstanceId, device, &Mig::compute_instance, id);
}

NVML_STUB_API nvmlDeviceGetDeviceHandleFromMigDeviceHandle(Device device, Device* parent) {
  constexpr auto kThis = Function::nvmlDeviceGetDeviceHandleFromMigDeviceHandle;
  const Target target = enter(kThis, device, true);
  if (target.code != kSuccess) return target.code;
  if (target.mig < 0 || parent == nullptr) return kInvalidArgument;
  *parent = handle_of(target.index, -1);
  return kSuccess;
}
