#include "nvml_library.h"

#include <dlfcn.h>

#include <cinttypes>
#include <cstdio>
#include <utility>
#include <vector>

namespace jouletap::nvml {
namespace {

const char* const kSystemLibraries[] = {
    "libnvidia-ml.so.1",
    "libnvidia-ml.so",
    "/usr/lib/wsl/lib/libnvidia-ml.so.1",
};

constexpr double kTwoTo64 = 18446744073709551616.0;

/// Without GPUs the library shall load all the same, and say so when it is asked.
constexpr unsigned kInitWithoutGpus = 1;

template <typename Function>
void find(void* library, Function& function, const char* name) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
}

/// The unsuffixed name in the library is version 1: the header's macros hide that.
void find_all(void* library, Functions& all) {
  find(library, all.InitWithFlags, "nvmlInitWithFlags");
  find(library, all.Init_v2, "nvmlInit_v2");
  find(library, all.Shutdown, "nvmlShutdown");
  find(library, all.ErrorString, "nvmlErrorString");
  find(library, all.SystemGetDriverVersion, "nvmlSystemGetDriverVersion");
  find(library, all.DeviceGetCount_v2, "nvmlDeviceGetCount_v2");
  find(library, all.DeviceGetHandleByIndex_v2, "nvmlDeviceGetHandleByIndex_v2");
  find(library, all.DeviceGetHandleByPciBusId_v2, "nvmlDeviceGetHandleByPciBusId_v2");
  find(library, all.DeviceGetUUID, "nvmlDeviceGetUUID");
  find(library, all.DeviceGetName, "nvmlDeviceGetName");
  find(library, all.DeviceGetPciInfo_v3, "nvmlDeviceGetPciInfo_v3");
  find(library, all.DeviceGetArchitecture, "nvmlDeviceGetArchitecture");
  find(library, all.DeviceGetNumGpuCores, "nvmlDeviceGetNumGpuCores");
  find(library, all.DeviceGetMaxClockInfo, "nvmlDeviceGetMaxClockInfo");
  find(library, all.DeviceGetVirtualizationMode, "nvmlDeviceGetVirtualizationMode");
  find(library, all.DeviceGetEnforcedPowerLimit, "nvmlDeviceGetEnforcedPowerLimit");
  find(library, all.DeviceGetTotalEnergyConsumption, "nvmlDeviceGetTotalEnergyConsumption");
  find(library, all.DeviceGetPowerUsage, "nvmlDeviceGetPowerUsage");
  find(library, all.DeviceGetFieldValues, "nvmlDeviceGetFieldValues");
  find(library, all.DeviceGetSamples, "nvmlDeviceGetSamples");
  find(library, all.DeviceGetProcessUtilization, "nvmlDeviceGetProcessUtilization");
  find(library, all.DeviceGetMaxMigDeviceCount, "nvmlDeviceGetMaxMigDeviceCount");
  find(library, all.DeviceGetMigDeviceHandleByIndex, "nvmlDeviceGetMigDeviceHandleByIndex");
  find(library, all.DeviceGetGpuInstanceId, "nvmlDeviceGetGpuInstanceId");
  find(library, all.DeviceGetComputeInstanceId, "nvmlDeviceGetComputeInstanceId");
}

/// The newest lists of processes, and the size of their records. Drivers 535.43 to 535.86 give
/// larger ones by the same name (nvitop issues 79 and 88, go-nvml issue 75).
size_t find_process_lists(void* library, Functions& all) {
  find(library, all.DeviceGetComputeRunningProcesses, "nvmlDeviceGetComputeRunningProcesses_v3");
  find(library, all.DeviceGetGraphicsRunningProcesses, "nvmlDeviceGetGraphicsRunningProcesses_v3");
  if (all.DeviceGetComputeRunningProcesses != nullptr) {
    const bool widened = ::dlsym(library, "nvmlDeviceGetConfComputeMemSizeInfo") != nullptr &&
                         ::dlsym(library, "nvmlDeviceGetRunningProcessDetailList") == nullptr;
    return widened ? Library::kLargestProcess : sizeof(ProcessV2);
  }
  find(library, all.DeviceGetComputeRunningProcesses, "nvmlDeviceGetComputeRunningProcesses_v2");
  find(library, all.DeviceGetGraphicsRunningProcesses, "nvmlDeviceGetGraphicsRunningProcesses_v2");
  if (all.DeviceGetComputeRunningProcesses != nullptr) return sizeof(ProcessV2);
  find(library, all.DeviceGetComputeRunningProcesses, "nvmlDeviceGetComputeRunningProcesses");
  find(library, all.DeviceGetGraphicsRunningProcesses, "nvmlDeviceGetGraphicsRunningProcesses");
  return sizeof(ProcessV1);
}

int initialize(const Functions& call) {
  return call.InitWithFlags != nullptr ? call.InitWithFlags(kInitWithoutGpus) : call.Init_v2();
}

void* open_library(const std::string& path, std::string& why) {
  if (!path.empty()) {
    void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) why = ::dlerror();
    return handle;
  }
  for (const char* name : kSystemLibraries) {
    void* handle = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (handle != nullptr) return handle;
    if (why.empty()) why = ::dlerror();
  }
  return nullptr;
}

}  // namespace

std::variant<std::unique_ptr<Library>, Failure> load(const std::string& path) {
  std::string why;
  std::unique_ptr<Library> library(new Library);
  library->handle_ = open_library(path, why);
  if (library->handle_ == nullptr) return Failure{-1, why};
  Functions& functions = library->functions_;
  find_all(library->handle_, functions);
  library->process_size_ = find_process_lists(library->handle_, functions);
  if ((functions.Init_v2 == nullptr && functions.InitWithFlags == nullptr) ||
      functions.Shutdown == nullptr || functions.DeviceGetCount_v2 == nullptr ||
      functions.DeviceGetHandleByIndex_v2 == nullptr) {
    return Failure{kFunctionNotFound, "it lacks the functions that every version has"};
  }
  const int result = initialize(functions);
  if (result != kSuccess) {
    return Failure{result, functions.ErrorString != nullptr ? functions.ErrorString(result) : ""};
  }
  library->initialized_ = true;
  char text[96] = "";
  if (functions.SystemGetDriverVersion != nullptr &&
      functions.SystemGetDriverVersion(text, sizeof text) == kSuccess) {
    text[sizeof text - 1] = 0;
    library->driver_ = text;
  }
  return library;
}

void Library::renew() noexcept {
  if (initialized_) functions_.Shutdown();
  initialized_ = initialize(functions_) == kSuccess;
}

Library::~Library() {
  if (initialized_) functions_.Shutdown();
  // It stays mapped: NVIDIA's library has threads and exit handlers of its own.
}

bool is_lost(int result) {
  return result == kGpuLost || result == kResetRequired || result == kUninitialized ||
         result == kInvalidArgument;
}

uint64_t count_in(unsigned type, const Value& value) {
  switch (type) {
    case kUnsignedInt:
      return value.word;
    case kUnsignedLong:
      return value.long_word;
    case kUnsignedLongLong:
      return value.wide;
    case kSignedLongLong:
      return value.signed_wide > 0 ? static_cast<uint64_t>(value.signed_wide) : 0;
    default: {
      const double number = number_in(type, value);
      return number > 0 && number < kTwoTo64 ? static_cast<uint64_t>(number) : 0;
    }
  }
}

double number_in(unsigned type, const Value& value) {
  switch (type) {
    case kDouble:
      return value.real;
    case kUnsignedInt:
      return value.word;
    case kUnsignedLong:
      return static_cast<double>(value.long_word);
    case kUnsignedLongLong:
      return static_cast<double>(value.wide);
    case kSignedLongLong:
      return static_cast<double>(value.signed_wide);
    case kSignedInt:
      return value.signed_word;
    case kUnsignedShort:
      return value.half;
    default:
      return -1;
  }
}

std::string text_of(int (*function)(Device, char*, unsigned), Device device) {
  char text[96] = "";
  if (function == nullptr || function(device, text, sizeof text) != kSuccess) return "";
  text[sizeof text - 1] = 0;
  return text;
}

std::string pci_address(const PciInfo& info) {
  char text[32];
  std::snprintf(text, sizeof text, "%04x:%02x:%02x.0", info.domain, info.bus, info.device);
  return text;
}

}  // namespace jouletap::nvml
