// The control page: what a test tells the stub of NVIDIA's management library, and what it hears
// back.
//
// A file that the stub maps and the test writes; everything is 8 bytes wide and aligned, so that
// each value changes whole. page.cc tells TypeScript where things are: no offset is written down
// twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace nvml_stub {

constexpr uint64_t kMagic = 0x4c4d564e42555453;  // "STUBNVML"
constexpr uint64_t kVersion = 1;
/// Where the first nvmlInit looks for the page's path.
constexpr char kPathVariable[] = "NVML_STUB_CONTROL";

constexpr size_t kMaxGpus = 8;
constexpr size_t kMaxMigs = 7;
constexpr size_t kMaxProcesses = 16;
constexpr size_t kMaxSegments = 256;
constexpr size_t kFunctionSlots = 64;
constexpr size_t kFieldSlots = 16;
constexpr size_t kTextBytes = 96;

/// A fault's `left` that never runs out.
constexpr uint64_t kForever = UINT64_MAX;
/// The ids of instances where there is no MIG.
constexpr uint64_t kNoInstance = 0xffffffff;

/// Everything that some generation exports: X(name).
#define NVML_STUB_FUNCTIONS(X)                \
  X(nvmlInit_v2)                              \
  X(nvmlInitWithFlags)                        \
  X(nvmlShutdown)                             \
  X(nvmlErrorString)                          \
  X(nvmlSystemGetDriverVersion)               \
  X(nvmlSystemGetNVMLVersion)                 \
  X(nvmlDeviceGetCount_v2)                    \
  X(nvmlDeviceGetHandleByIndex_v2)            \
  X(nvmlDeviceGetHandleByUUID)                \
  X(nvmlDeviceGetHandleByPciBusId_v2)         \
  X(nvmlDeviceGetIndex)                       \
  X(nvmlDeviceGetUUID)                        \
  X(nvmlDeviceGetName)                        \
  X(nvmlDeviceGetMinorNumber)                 \
  X(nvmlDeviceGetPciInfo_v3)                  \
  X(nvmlDeviceGetArchitecture)                \
  X(nvmlDeviceGetNumGpuCores)                 \
  X(nvmlDeviceGetMaxClockInfo)                \
  X(nvmlDeviceGetVirtualizationMode)          \
  X(nvmlDeviceGetMemoryInfo)                  \
  X(nvmlDeviceGetUtilizationRates)            \
  X(nvmlDeviceGetTotalEnergyConsumption)      \
  X(nvmlDeviceGetPowerUsage)                  \
  X(nvmlDeviceGetEnforcedPowerLimit)          \
  X(nvmlDeviceGetFieldValues)                 \
  X(nvmlDeviceGetSamples)                     \
  X(nvmlDeviceGetProcessUtilization)          \
  X(nvmlDeviceGetProcessesUtilizationInfo)    \
  X(nvmlDeviceGetComputeRunningProcesses)     \
  X(nvmlDeviceGetComputeRunningProcesses_v2)  \
  X(nvmlDeviceGetComputeRunningProcesses_v3)  \
  X(nvmlDeviceGetGraphicsRunningProcesses)    \
  X(nvmlDeviceGetGraphicsRunningProcesses_v2) \
  X(nvmlDeviceGetGraphicsRunningProcesses_v3) \
  X(nvmlDeviceGetRunningProcessDetailList)    \
  X(nvmlDeviceGetConfComputeMemSizeInfo)      \
  X(nvmlDeviceGetMigMode)                     \
  X(nvmlDeviceGetMaxMigDeviceCount)           \
  X(nvmlDeviceGetMigDeviceHandleByIndex)      \
  X(nvmlDeviceIsMigDeviceHandle)              \
  X(nvmlDeviceGetGpuInstanceId)               \
  X(nvmlDeviceGetComputeInstanceId)           \
  X(nvmlDeviceGetDeviceHandleFromMigDeviceHandle)

/// The field values that the stub knows: X(name, field id, scope id, value type by default).
#define NVML_STUB_FIELDS(X)    \
  X(total_energy, 83, 0, 3)    \
  X(energy, 191, 0, 3)         \
  X(average, 185, 0, 1)        \
  X(instant, 186, 0, 1)        \
  X(module_energy, 191, 1, 3)  \
  X(module_average, 185, 1, 1) \
  X(module_instant, 186, 1, 1) \
  X(memory_instant, 186, 2, 1) \
  X(min_limit, 187, 0, 1)      \
  X(max_limit, 188, 0, 1)      \
  X(default_limit, 189, 0, 1)  \
  X(current_limit, 190, 0, 1)  \
  X(requested_limit, 192, 0, 1)

#define NVML_STUB_NAME(name, ...) name,
enum class Function : uint32_t { NVML_STUB_FUNCTIONS(NVML_STUB_NAME) count };
enum class Field : uint32_t { NVML_STUB_FIELDS(NVML_STUB_NAME) count };
#undef NVML_STUB_NAME

/// The next `left` calls end with `code`, an nvmlReturn_t.
struct Fault {
  uint64_t code;
  uint64_t left;
};

enum class Curve : uint64_t { constant, step, ramp, square };

/// From start_ns (CLOCK_MONOTONIC) to the start of the next: a power curve as host::Profile has it.
struct Segment {
  uint64_t start_ns;
  double base_joules;  // used by then
  uint64_t curve;      // Curve
  double first;        // watts
  double second;       // watts
  double seconds;
  double duty;
  uint64_t reserved;
};

struct FieldKnobs {
  Fault fault;
  uint64_t value_type;  // an nvmlValueType_t; decides the member of the union that is written
};

struct Mig {
  uint64_t present;
  uint64_t gpu_instance;
  uint64_t compute_instance;
  char uuid[kTextBytes];
};

/// Runs from from_s until until_s, seconds since the GPU's start. Percent are `…_high` for the
/// first `duty` of each period_s and `…_low` for the rest of it; with no period always `…_high`.
struct Process {
  uint64_t pid;
  uint64_t graphics;  // else compute
  uint64_t memory_bytes;
  uint64_t gpu_instance;
  uint64_t compute_instance;
  double sm_high;
  double sm_low;
  double memory_high;
  double memory_low;
  double period_s;
  double duty;
  double from_s;
  double until_s;
};

struct Gpu {
  char name[kTextBytes];
  char uuid[kTextBytes];
  uint64_t pci_domain;
  uint64_t pci_bus;
  uint64_t pci_device;
  uint64_t minor_number;
  uint64_t architecture;
  uint64_t cores;
  uint64_t max_sm_mhz;
  uint64_t power_limit_mw;
  uint64_t virtualization_mode;
  uint64_t memory_bytes;

  uint64_t lost;       // every call on it answers 15
  uint64_t forbidden;  // no handle is given out: 4

  /// Origin of every grid below and of a process's times, CLOCK_MONOTONIC. Before it the GPU drew
  /// for ever what it draws then.
  uint64_t start_ns;

  // The energy counter shows floor(joules × gain × 1000) of its last refresh, plus the offset.
  double energy_refresh_s;  // 0: continuous
  double energy_phase_s;    // refreshed at start + phase + k × refresh
  double energy_gain;
  int64_t energy_offset_mj;
  uint64_t energy_stuck_ns;   // 0, or the moment since which it stands still
  uint64_t energy_of_module;  // counts the module's energy, at whatever scope
  // A gauge shows the mean of its window before the last refresh.
  double gauge_refresh_s;
  double instant_window_s;  // of field 186
  double average_window_s;  // of field 185
  double usage_window_s;    // of nvmlDeviceGetPowerUsage
  double gauge_gain;
  uint64_t zero_reads_left;  // so many readings of a gauge are 0 mW
  double module_watts;       // what the module draws beside the GPU
  double memory_watts;

  // GetSamples: a gauge of the window `instant_window_s`, taken each samples_period_s.
  double samples_period_s;
  uint64_t samples_kept;
  uint64_t samples_value_type;
  double utilization_period_s;
  uint64_t utilization_kept;  // periods

  uint64_t mig_current;
  uint64_t mig_pending;
  Mig migs[kMaxMigs];

  uint64_t list_growth;  // processes that a size query does not count yet
  uint64_t process_count;
  Process processes[kMaxProcesses];

  uint64_t segment_count;  // written after the segment: a curve appears whole
  Segment segments[kMaxSegments];

  FieldKnobs fields[kFieldSlots];
  Fault faults[kFunctionSlots];
  uint64_t calls[kFunctionSlots];
};

/// What a field value's timestamp says.
enum class Stamp : uint64_t { query, refresh };
enum class StampFlaw : uint64_t { none, zero, hour_late };
/// The clock that stamps GetSamples.
enum class SampleClock : uint64_t { boottime, realtime, monotonic };

struct Control {
  uint64_t magic;
  uint64_t version;
  uint64_t init_code;
  char driver_version[kTextBytes];  // empty: the generation's own
  uint64_t latency_us;              // that each call on a device sleeps before it reads
  uint64_t stamp;                   // Stamp
  uint64_t stamp_flaw;              // StampFlaw
  uint64_t sample_clock;            // SampleClock
  int64_t sample_clock_offset_us;   // added to it
  uint64_t list_stride;             // bytes of a `_v3` record: 16, 24 or 32; 0: the generation's
  uint64_t gpu_count;
  uint64_t calls[kFunctionSlots];
  Gpu gpus[kMaxGpus];
};

static_assert(static_cast<size_t>(Function::count) <= kFunctionSlots);
static_assert(static_cast<size_t>(Field::count) <= kFieldSlots);
static_assert(sizeof(double) == 8 && std::is_standard_layout_v<Control> &&
              std::is_trivially_copyable_v<Control> && alignof(Control) == 8);
static_assert(sizeof(Segment) == 64 && sizeof(Process) == 104 && sizeof(Mig) == 120 &&
              sizeof(FieldKnobs) == 24);
static_assert(offsetof(Control, calls) == 176 && offsetof(Control, gpus) == 688);
static_assert(offsetof(Gpu, start_ns) == 288 && sizeof(Gpu) == 21296);

}  // namespace nvml_stub
