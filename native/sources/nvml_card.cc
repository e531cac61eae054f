#include "nvml_card.h"

#include "../clock.h"

namespace jouletap::nvml {
namespace {

constexpr double kMilli = 1e-3;
constexpr int64_t kNsPerUs = 1000;
/// A card that is lost is sought so often.
constexpr int64_t kSeekNs = 1'000'000'000;

/// Grows with what the card can compute, which is how CUDA numbers cards; 0: unknown.
double speed_of(const Functions& call, Device device) {
  unsigned cores = 0;
  unsigned mhz = 0;
  if (call.DeviceGetNumGpuCores == nullptr || call.DeviceGetMaxClockInfo == nullptr ||
      call.DeviceGetNumGpuCores(device, &cores) != kSuccess ||
      call.DeviceGetMaxClockInfo(device, kClockSm, &mhz) != kSuccess) {
    return 0;
  }
  return static_cast<double>(cores) * mhz;
}

int id_of(int (*function)(Device, unsigned*), Device part) {
  unsigned id = 0;
  return function != nullptr && function(part, &id) == kSuccess ? static_cast<int>(id) : -1;
}

std::vector<MigInstance> parts_of(const Functions& call, Device device) {
  std::vector<MigInstance> parts;
  unsigned slots = 0;
  if (call.DeviceGetMaxMigDeviceCount == nullptr ||
      call.DeviceGetMigDeviceHandleByIndex == nullptr ||
      call.DeviceGetMaxMigDeviceCount(device, &slots) != kSuccess) {
    return parts;
  }
  for (unsigned slot = 0; slot < slots; ++slot) {
    Device part = nullptr;
    if (call.DeviceGetMigDeviceHandleByIndex(device, slot, &part) != kSuccess) continue;
    parts.push_back({text_of(call.DeviceGetUUID, part), id_of(call.DeviceGetGpuInstanceId, part),
                     id_of(call.DeviceGetComputeInstanceId, part)});
  }
  return parts;
}

}  // namespace

Card::Card(int index, std::string pci, File state) : state_(std::move(state)) {
  gpu_.index = index;
  gpu_.pci = std::move(pci);
}

int Card::meet(const Functions& call) {
  sought_ns_ = now_ns();
  Device device = nullptr;
  const bool addressed = !gpu_.pci.empty() && call.DeviceGetHandleByPciBusId_v2 != nullptr;
  const int result =
      addressed ? call.DeviceGetHandleByPciBusId_v2(gpu_.pci.c_str(), &device)
                : call.DeviceGetHandleByIndex_v2(static_cast<unsigned>(gpu_.index), &device);
  orphaned_ = result == kUninitialized || result == kDriverNotLoaded;
  if (result != kSuccess) return result;
  handle_ = device;
  if (known_) return kSuccess;
  gpu_.uuid = text_of(call.DeviceGetUUID, device);
  gpu_.name = text_of(call.DeviceGetName, device);
  PciInfo pci{};
  if (call.DeviceGetPciInfo_v3 != nullptr && call.DeviceGetPciInfo_v3(device, &pci) == kSuccess) {
    gpu_.pci = pci_address(pci);
  }
  unsigned mode = 0;
  vgpu_ = call.DeviceGetVirtualizationMode != nullptr &&
          call.DeviceGetVirtualizationMode(device, &mode) == kSuccess && mode == kGuestVgpu;
  gpu_.speed = speed_of(call, device);
  gpu_.migs = parts_of(call, device);
  return kSuccess;
}

bool Card::learn(const Functions& call) {
  if (!readings_.learn(call, handle_, gpu_.name)) return false;
  known_ = learned_ = true;
  return true;
}

void Card::meet_again(const Functions& call) noexcept {
  const bool met = handle_ != nullptr;
  if (!met && now_ns() - sought_ns_ < kSeekNs) return;
  try {
    if ((met || meet(call) == kSuccess) && !known_ && !learn(call)) forget();
  } catch (...) {
    forget();  // out of memory: sought again later
  }
  sought_ns_ = now_ns();
}

void Card::ask(const Functions& call) noexcept {
  answer_.good = answer_.lost = false;
  answer_.look = answer_.module = Anchored::Look();
  answer_.watts = answer_.module_watts = -1;
  answer_.count = 0;
  slept_ = asleep();
  if (slept_) {
    answer_.good = true;
    answer_.look.before_ns = answer_.look.after_ns = answer_.watts_ns = now_ns();
    answer_.look.resting = true;
    answer_.module = answer_.look;
    answer_.watts = answer_.module_watts = watts_ = 0;
    return;
  }
  if (handle_ == nullptr || !known_) meet_again(call);
  if (handle_ == nullptr || !known_) return;
  readings_.ask(call, handle_, answer_);
  if (!answer_.lost) return;
  handle_ = nullptr;
  orphaned_ = answer_.orphaned;
  sought_ns_ = now_ns();
}

void Card::take_power(double watts, int64_t time_ns) noexcept {
  // Nothing at all, from a card that has just drawn power, is a glitch (zeus), unless it sleeps.
  if (!(watts >= 0 && watts <= readings_.card().max_watts) || (watts == 0 && watts_ > 0)) return;
  card_.power(watts, time_ns);
  watts_ = watts;
}

void Card::take() noexcept {
  if (!answer_.good || slept_) ++gaps_;
  if (learned_) {
    card_.become(readings_.card());
    module_.become(readings_.module());
    learned_ = begun_ = false;
  }
  const bool has_module = readings_.has_module();
  if (!answer_.good) {
    card_.miss();
    if (has_module) module_.miss();
    return;
  }
  const int64_t now = answer_.look.after_ns;
  if (answer_.watts >= 0 && readings_.card().has_gauge) {
    take_power(answer_.watts, begun_ ? answer_.watts_ns : now);
  }
  const size_t first = begun_ || answer_.count == 0 ? 0 : answer_.count - 1;
  for (size_t i = first; i < answer_.count; ++i) {
    const Sample& sample = answer_.samples[i];
    const int64_t time_ns = static_cast<int64_t>(sample.timestamp) * kNsPerUs - answer_.offset_ns;
    take_power(number_in(answer_.type, sample.value) * kMilli, begun_ ? time_ns : now);
  }
  begun_ = true;
  card_.look(answer_.look);
  if (!has_module || answer_.module.after_ns == 0) return;
  if (answer_.module_watts >= 0 && answer_.module_watts <= readings_.module().max_watts) {
    module_.power(answer_.module_watts, answer_.module.after_ns);
  }
  module_.look(answer_.module);
}

}  // namespace jouletap::nvml
