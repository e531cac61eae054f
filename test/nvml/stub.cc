// A stand-in for libnvidia-ml.so.1: its beginning and end, its handles, and what a device is.
#include "stub.h"

#include <fcntl.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>

#include "truth.h"

namespace nvml_stub {
namespace {

std::mutex beginning;
int users = 0;            // guarded by `beginning`, as is `epoch`'s change
std::string mapped_path;  // guarded by `beginning`
std::atomic<Control*> mapped{nullptr};
/// Of this initialisation; 0 outside of any. Handles carry it.
std::atomic<uint64_t> epoch{0};
std::atomic<uint64_t> epochs{0};

constexpr uint64_t kHandleMark = 0x4a;

/// Never unmapped: a late call of another thread must not fall through.
Control* map(const char* path) {
  if (path == nullptr) return nullptr;
  const int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return nullptr;
  void* at = MAP_FAILED;
  if (lseek(file, 0, SEEK_END) >= static_cast<off_t>(sizeof(Control))) {
    at = mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  }
  close(file);
  if (at == MAP_FAILED) return nullptr;
  auto* control = static_cast<Control*>(at);
  return load(control->magic) == kMagic && load(control->version) == kVersion ? control : nullptr;
}

int initialise(Function function) {
  const std::lock_guard<std::mutex> lock(beginning);
  if (users == 0) {
    const char* path = std::getenv(kPathVariable);
    if (path != nullptr && path != mapped_path) {
      mapped = map(path);
      mapped_path = mapped != nullptr ? path : "";
    }
    if (path == nullptr || mapped == nullptr) return kDriverNotLoaded;
  }
  Control& control = *mapped;
  count(control, function);
  if (const uint64_t code = load(control.init_code)) return static_cast<int>(code);
  if (users++ == 0) epoch = ++epochs;
  return kSuccess;
}

int copy_text(const char* text, char* to, uint32_t length) {
  if (to == nullptr) return kInvalidArgument;
  if (std::strlen(text) >= length) return kInsufficientSize;
  std::strcpy(to, text);
  return kSuccess;
}

const char* driver_version(const Control& control) {
  if (control.driver_version[0] != '\0') return control.driver_version;
  if (kGeneration >= k570) return "570.86.15";
  if (kGeneration >= k535) return "535.183.01";
  return kGeneration >= k535Early ? "535.43.02" : "450.80.02";
}

void linger(const Control& control) {
  const uint64_t us = load(control.latency_us);
  if (us > 0) usleep(static_cast<useconds_t>(us));
}

std::string bus_id(const Gpu& gpu, const char* format) {
  char text[32];
  std::snprintf(text, sizeof text, format, static_cast<unsigned>(gpu.pci_domain),
                static_cast<unsigned>(gpu.pci_bus), static_cast<unsigned>(gpu.pci_device));
  return text;
}

/// The handle of a GPU or an instance that was found by whatever name, or why there is none.
int give(Control& control, Function function, int index, int mig, Device* device) {
  Gpu& gpu = control.gpus[index];
  count(control, function, &gpu);
  linger(control);
  if (load(gpu.forbidden)) return kNoPermission;
  if (load(gpu.lost)) return kGpuIsLost;
  if (const int code = strike(gpu.faults[static_cast<size_t>(function)])) return code;
  *device = handle_of(index, mig);
  return kSuccess;
}

int gpu_count(const Control& control) {
  const uint64_t count = load(control.gpu_count);
  return static_cast<int>(count < kMaxGpus ? count : kMaxGpus);
}

/// Answers with one number of the page.
int tell(Function function, Device device, uint64_t Gpu::* number, uint32_t* to) {
  const Target target = enter(function, device);
  if (target.code != kSuccess) return target.code;
  if (to == nullptr) return kInvalidArgument;
  *to = static_cast<uint32_t>(load(target.gpu->*number));
  return kSuccess;
}

}  // namespace

Control* page() { return epoch != 0 ? mapped.load() : nullptr; }

void count(Control& control, Function function, Gpu* gpu) {
  const auto slot = static_cast<size_t>(function);
  __atomic_fetch_add(&control.calls[slot], 1, __ATOMIC_RELAXED);
  if (gpu != nullptr) __atomic_fetch_add(&gpu->calls[slot], 1, __ATOMIC_RELAXED);
}

bool take(uint64_t& left) {
  uint64_t now = load(left);
  while (now != 0) {
    const uint64_t then = now == kForever ? kForever : now - 1;
    if (__atomic_compare_exchange_n(&left, &now, then, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
      return true;
    }
  }
  return false;
}

int strike(Fault& fault) { return take(fault.left) ? static_cast<int>(load(fault.code)) : 0; }

Device handle_of(int index, int mig) {
  const uint64_t bits = kHandleMark << 40 | (epoch & 0xffff) << 24 |
                        static_cast<uint64_t>(index) << 16 | static_cast<uint64_t>(mig + 1) << 8;
  return reinterpret_cast<Device>(bits);
}

Target enter(Function function, Device device, bool mig_too) {
  Target target;
  Control* control = page();
  target.control = control;
  if (control == nullptr) {
    target.code = kUninitialized;
    return target;
  }
  const auto bits = reinterpret_cast<uint64_t>(device);
  target.index = static_cast<int>(bits >> 16 & 0xff);
  target.mig = static_cast<int>(bits >> 8 & 0xff) - 1;
  const bool ours = target.index < gpu_count(*control) && target.mig < int{kMaxMigs} &&
                    device == handle_of(target.index, target.mig);
  target.gpu = ours ? &control->gpus[target.index] : nullptr;
  count(*control, function, target.gpu);
  if (!ours) {
    target.code = kInvalidArgument;
    return target;
  }
  linger(*control);
  Gpu& gpu = *target.gpu;
  if (load(gpu.lost)) {
    target.code = kGpuIsLost;
  } else if (target.mig >= 0 && !load(gpu.migs[target.mig].present)) {
    target.code = kInvalidArgument;  // destroyed since
  } else if (target.mig >= 0 && !mig_too) {
    target.code = kNotSupported;
  } else {
    target.code = strike(gpu.faults[static_cast<size_t>(function)]);
  }
  return target;
}

// One difference of the clocks for good: two looks at it would give one sample two times, and a
// sample that was seen would come again.
int64_t realtime_us(int64_t monotonic_ns) {
  static const int64_t ahead = clock_ahead_ns(CLOCK_REALTIME);
  return (monotonic_ns + ahead) / 1000;
}

int64_t boottime_us(int64_t monotonic_ns) {
  static const int64_t ahead = clock_ahead_ns(CLOCK_BOOTTIME);
  return (monotonic_ns + ahead) / 1000;
}

}  // namespace nvml_stub

using namespace nvml_stub;

NVML_STUB_API nvmlInit_v2() { return initialise(Function::nvmlInit_v2); }

NVML_STUB_API nvmlInitWithFlags(uint32_t) { return initialise(Function::nvmlInitWithFlags); }

NVML_STUB_API nvmlShutdown() {
  const std::lock_guard<std::mutex> lock(beginning);
  if (users == 0) return kUninitialized;
  count(*mapped, Function::nvmlShutdown);
  if (--users == 0) epoch = 0;
  return kSuccess;
}

extern "C" __attribute__((visibility("default"))) const char* nvmlErrorString(int code) {
  if (Control* control = page()) count(*control, Function::nvmlErrorString);
  static const char* const kSentences[] = {"Success",
                                           "Uninitialized",
                                           "Invalid Argument",
                                           "Not Supported",
                                           "Insufficient Permissions",
                                           "Already Initialized",
                                           "Not Found",
                                           "Insufficient Size",
                                           "Insufficient External Power",
                                           "Driver Not Loaded",
                                           "Timeout",
                                           "Interrupt Request Issue",
                                           "NVML Shared Library Not Found",
                                           "Function Not Found",
                                           "Corrupted infoROM",
                                           "GPU is lost",
                                           "GPU requires reset",
                                           "GPU access blocked by the operating system",
                                           "Driver/library version mismatch",
                                           "In use by another client",
                                           "Insufficient Memory",
                                           "No data",
                                           "vGPU ECC not supported",
                                           "Insufficient Resources",
                                           "Invalid Frequency",
                                           "Argument version mismatch",
                                           "Requested functionality has been deprecated",
                                           "System is not in ready state",
                                           "No GPUs were found"};
  const int known = kGeneration >= k570 ? 29 : kGeneration >= k535Early ? 28 : 26;
  return code >= 0 && code < known ? kSentences[code] : "Unknown Error";
}

NVML_STUB_API nvmlSystemGetDriverVersion(char* text, uint32_t length) {
  Control* control = page();
  if (control == nullptr) return kUninitialized;
  count(*control, Function::nvmlSystemGetDriverVersion);
  return copy_text(driver_version(*control), text, length);
}

// Like the genuine one, this answers before any nvmlInit.
NVML_STUB_API nvmlSystemGetNVMLVersion(char* text, uint32_t length) {
  static const Control kNone{};
  Control* control = page();
  if (control != nullptr) count(*control, Function::nvmlSystemGetNVMLVersion);
  const std::string version =
      std::string("12.") + driver_version(control != nullptr ? *control : kNone);
  return copy_text(version.c_str(), text, length);
}

NVML_STUB_API nvmlDeviceGetCount_v2(uint32_t* number) {
  Control* control = page();
  if (control == nullptr) return kUninitialized;
  count(*control, Function::nvmlDeviceGetCount_v2);
  if (number == nullptr) return kInvalidArgument;
  *number = static_cast<uint32_t>(gpu_count(*control));
  return kSuccess;
}

NVML_STUB_API nvmlDeviceGetHandleByIndex_v2(uint32_t index, Device* device) {
  constexpr auto kThis = Function::nvmlDeviceGetHandleByIndex_v2;
  Control* control = page();
  if (control == nullptr) return kUninitialized;
  if (device != nullptr && index < static_cast<uint32_t>(gpu_count(*control))) {
    return give(*control, kThis, static_cast<int>(index), -1, device);
  }
  count(*control, kThis);
  return kInvalidArgument;
}

NVML_STUB_API nvmlDeviceGetHandleByUUID(const char* uuid, Device* device) {
  constexpr auto kThis = Function::nvmlDeviceGetHandleByUUID;
  Control* control = page();
  if (control == nullptr) return kUninitialized;
  if (uuid != nullptr && device != nullptr) {
    for (int index = 0; index < gpu_count(*control); ++index) {
      const Gpu& gpu = control->gpus[index];
      if (std::strcmp(uuid, gpu.uuid) == 0) return give(*control, kThis, index, -1, device);
      for (int mig = 0; mig < int{kMaxMigs}; ++mig) {
        const Mig& instance = gpu.migs[mig];
        if (load(instance.present) && std::strcmp(uuid, instance.uuid) == 0) {
          return give(*control, kThis, index, mig, device);
        }
      }
    }
  }
  count(*control, kThis);
  return uuid != nullptr && device != nullptr ? kNotFound : kInvalidArgument;
}

NVML_STUB_API nvmlDeviceGetHandleByPciBusId_v2(const char* id, Device* device) {
  constexpr auto kThis = Function::nvmlDeviceGetHandleByPciBusId_v2;
  Control* control = page();
  if (control == nullptr) return kUninitialized;
  if (id != nullptr && device != nullptr) {
    for (int index = 0; index < gpu_count(*control); ++index) {
      const Gpu& gpu = control->gpus[index];
      if (strcasecmp(id, bus_id(gpu, "%08x:%02x:%02x.0").c_str()) == 0 ||
          strcasecmp(id, bus_id(gpu, "%04x:%02x:%02x.0").c_str()) == 0) {
        return give(*control, kThis, index, -1, device);
      }
    }
  }
  count(*control, kThis);
  return id != nullptr && device != nullptr ? kNotFound : kInvalidArgument;
}

NVML_STUB_API nvmlDeviceGetIndex(Device device, uint32_t* index) {
  const Target target = enter(Function::nvmlDeviceGetIndex, device);
  if (target.code != kSuccess) return target.code;
  if (index == nullptr) return kInvalidArgument;
  *index = static_cast<uint32_t>(target.index);
  return kSuccess;
}

NVML_STUB_API nvmlDeviceGetUUID(Device device, char* text, uint32_t length) {
  const Target target = enter(Function::nvmlDeviceGetUUID, device, true);
  if (target.code != kSuccess) return target.code;
  const Gpu& gpu = *target.gpu;
  return copy_text(target.mig < 0 ? gpu.uuid : gpu.migs[target.mig].uuid, text, length);
}

NVML_STUB_API nvmlDeviceGetName(Device device, char* text, uint32_t length) {
  const Target target = enter(Function::nvmlDeviceGetName, device, true);
  if (target.code != kSuccess) return target.code;
  return copy_text(target.gpu->name, text, length);
}

NVML_STUB_API nvmlDeviceGetPciInfo_v3(Device device, PciInfo* info) {
  const Target target = enter(Function::nvmlDeviceGetPciInfo_v3, device);
  if (target.code != kSuccess) return target.code;
  if (info == nullptr) return kInvalidArgument;
  const Gpu& gpu = *target.gpu;
  std::memset(info, 0, sizeof *info);
  info->domain = static_cast<uint32_t>(gpu.pci_domain);
  info->bus = static_cast<uint32_t>(gpu.pci_bus);
  info->device = static_cast<uint32_t>(gpu.pci_device);
  info->device_id = 0x20b010de;
  copy_text(bus_id(gpu, "%04X:%02X:%02X.0").c_str(), info->legacy_bus_id, 16);
  copy_text(bus_id(gpu, "%08X:%02X:%02X.0").c_str(), info->bus_id, 32);
  return kSuccess;
}

NVML_STUB_API nvmlDeviceGetMinorNumber(Device device, uint32_t* number) {
  return tell(Function::nvmlDeviceGetMinorNumber, device, &Gpu::minor_number, number);
}

NVML_STUB_API nvmlDeviceGetArchitecture(Device device, uint32_t* number) {
  return tell(Function::nvmlDeviceGetArchitecture, device, &Gpu::architecture, number);
}

NVML_STUB_API nvmlDeviceGetNumGpuCores(Device device, uint32_t* number) {
  return tell(Function::nvmlDeviceGetNumGpuCores, device, &Gpu::cores, number);
}

NVML_STUB_API nvmlDeviceGetMaxClockInfo(Device device, uint32_t type, uint32_t* mhz) {
  constexpr uint32_t kSm = 1;
  const int code = tell(Function::nvmlDeviceGetMaxClockInfo, device, &Gpu::max_sm_mhz, mhz);
  return code == kSuccess && type != kSm ? int{kNotSupported} : code;
}

NVML_STUB_API nvmlDeviceGetVirtualizationMode(Device device, uint32_t* mode) {
  return tell(Function::nvmlDeviceGetVirtualizationMode, device, &Gpu::virtualization_mode, mode);
}

NVML_STUB_API nvmlDeviceGetEnforcedPowerLimit(Device device, uint32_t* mw) {
  return tell(Function::nvmlDeviceGetEnforcedPowerLimit, device, &Gpu::power_limit_mw, mw);
}
