// NVIDIA's management library as it is found at run time: own declarations, never linked.
//
// Names, signatures and layouts are facts of nvml.h; a test holds the layouts against NVIDIA's own
// header and the names against its library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>

namespace jouletap::nvml {

struct Handle;  // opaque: a card, or a part of one
using Device = Handle*;

/// Return codes that are told apart.
enum Result : int {
  kSuccess = 0,
  kUninitialized = 1,
  kInvalidArgument = 2,
  kNotSupported = 3,
  kNoPermission = 4,
  kNotFound = 6,
  kInsufficientSize = 7,
  kDriverNotLoaded = 9,
  kLibraryNotFound = 12,
  kFunctionNotFound = 13,
  kGpuLost = 15,
  kResetRequired = 16,
  kOperatingSystem = 17,
  kVersionMismatch = 18,
  kUnknown = 999,
};

/// Whether an answer means that the driver has forgotten the card: it fell off the bus, or the
/// driver was loaded anew.
bool is_lost(int result);

/// Type of a value: it varies by driver, and decides the member of the union.
enum ValueType : unsigned {
  kDouble = 0,
  kUnsignedInt = 1,
  kUnsignedLong = 2,
  kUnsignedLongLong = 3,
  kSignedLongLong = 4,
  kSignedInt = 5,
  kUnsignedShort = 6,
};

union Value {
  double real;
  unsigned int word;
  unsigned long long_word;
  unsigned long long wide;
  long long signed_wide;
  int signed_word;
  unsigned short half;
};

struct FieldValue {
  unsigned int field;
  unsigned int scope;
  long long timestamp;  // µs since 1970
  long long latency;    // µs
  unsigned int type;
  int result;
  Value value;
};

struct Sample {
  unsigned long long timestamp;  // µs, of one clock or another
  Value value;
};

struct ProcessUtilization {
  unsigned int pid;
  unsigned long long timestamp;  // µs
  unsigned int sm;               // per cent
  unsigned int memory;
  unsigned int encoder;
  unsigned int decoder;
};

struct PciInfo {
  char legacy_id[16];
  unsigned int domain;
  unsigned int bus;
  unsigned int device;
  unsigned int device_id;
  unsigned int subsystem_id;
  char id[32];
};

struct ProcessV1 {
  unsigned int pid;
  unsigned long long memory;
};

struct ProcessV2 {
  unsigned int pid;
  unsigned long long memory;
  unsigned int gpu_instance;
  unsigned int compute_instance;
};

static_assert(sizeof(Value) == 8 && sizeof(FieldValue) == 40 && offsetof(FieldValue, value) == 32);
static_assert(sizeof(Sample) == 16 && sizeof(ProcessUtilization) == 32);
static_assert(sizeof(PciInfo) == 68 && offsetof(PciInfo, id) == 36);
static_assert(sizeof(ProcessV1) == 16 && sizeof(ProcessV2) == 24);

// Fields of nvmlDeviceGetFieldValues.
constexpr unsigned kTotalEnergy = 83;    // mJ
constexpr unsigned kPowerAverage = 185;  // mW
constexpr unsigned kPowerInstant = 186;  // mW
constexpr unsigned kScopedEnergy = 191;  // mJ
// Scopes of the power fields.
constexpr unsigned kScopeGpu = 0;
constexpr unsigned kScopeModule = 1;  // Grace Hopper: GPU, CPU and memory
// Kinds of nvmlDeviceGetSamples.
constexpr unsigned kTotalPowerSamples = 0;
// Clocks of nvmlDeviceGetMaxClockInfo.
constexpr unsigned kClockSm = 1;
// Modes of nvmlDeviceGetVirtualizationMode.
constexpr unsigned kGuestVgpu = 2;

/// The functions, each null where the library lacks it. Thread-safe as NVIDIA documents them.
struct Functions {
  int (*InitWithFlags)(unsigned flags);
  int (*Init_v2)();
  int (*Shutdown)();
  const char* (*ErrorString)(int result);
  int (*SystemGetDriverVersion)(char* text, unsigned length);
  int (*DeviceGetCount_v2)(unsigned* count);
  int (*DeviceGetHandleByIndex_v2)(unsigned index, Device* device);
  int (*DeviceGetHandleByPciBusId_v2)(const char* id, Device* device);
  int (*DeviceGetUUID)(Device device, char* text, unsigned length);
  int (*DeviceGetName)(Device device, char* text, unsigned length);
  int (*DeviceGetPciInfo_v3)(Device device, PciInfo* info);
  int (*DeviceGetArchitecture)(Device device, unsigned* architecture);
  int (*DeviceGetNumGpuCores)(Device device, unsigned* cores);
  int (*DeviceGetMaxClockInfo)(Device device, unsigned clock, unsigned* mhz);
  int (*DeviceGetVirtualizationMode)(Device device, unsigned* mode);
  int (*DeviceGetEnforcedPowerLimit)(Device device, unsigned* milliwatts);
  int (*DeviceGetTotalEnergyConsumption)(Device device, unsigned long long* millijoules);
  int (*DeviceGetPowerUsage)(Device device, unsigned* milliwatts);
  int (*DeviceGetFieldValues)(Device device, int count, FieldValue* values);
  int (*DeviceGetSamples)(Device device, unsigned kind, unsigned long long last_seen,
                          unsigned* type, unsigned* count, Sample* samples);
  int (*DeviceGetProcessUtilization)(Device device, ProcessUtilization* samples, unsigned* count,
                                     unsigned long long last_seen);
  int (*DeviceGetComputeRunningProcesses)(Device device, unsigned* count, void* infos);
  int (*DeviceGetGraphicsRunningProcesses)(Device device, unsigned* count, void* infos);
  int (*DeviceGetMaxMigDeviceCount)(Device device, unsigned* count);
  int (*DeviceGetMigDeviceHandleByIndex)(Device device, unsigned index, Device* part);
  int (*DeviceGetGpuInstanceId)(Device part, unsigned* id);
  int (*DeviceGetComputeInstanceId)(Device part, unsigned* id);
};

/// The library, loaded and initialised for as long as this lives. Handles die with it.
class Library {
 public:
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  const Functions& call() const { return functions_; }
  /// Initialises anew, after the driver has been loaded anew; all handles die.
  void renew() noexcept;
  /// Bytes of one record of a list of processes, as far as can be told beforehand: no list may be
  /// fetched into less than kLargestProcess a record.
  size_t process_size() const { return process_size_; }
  const std::string& driver() const { return driver_; }
  static constexpr size_t kLargestProcess = 32;

 private:
  friend std::variant<std::unique_ptr<Library>, struct Failure> load(const std::string& path);
  Library() = default;
  void* handle_ = nullptr;
  bool initialized_ = false;
  size_t process_size_ = 0;
  std::string driver_;
  Functions functions_{};
};

/// Why it could not be used: not found (result −1, `text` of the loader), or what its init
/// answered.
struct Failure {
  int result;
  std::string text;
};

/// Loads `path`, or where that is empty the system's library, and initialises it.
std::variant<std::unique_ptr<Library>, Failure> load(const std::string& path);

/// The number in a value, whatever its type; negative where the type is not known.
double number_in(unsigned type, const Value& value);

/// The same for counters, exactly.
uint64_t count_in(unsigned type, const Value& value);

/// The text that a function such as nvmlDeviceGetName gives; empty if it gives none.
std::string text_of(int (*function)(Device, char*, unsigned), Device device);

/// "0000:65:00.0", as sysfs has it.
std::string pci_address(const PciInfo& info);

}  // namespace jouletap::nvml
