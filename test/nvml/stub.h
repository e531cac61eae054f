// What the parts of the stub share: its generation, NVML's types, and the way into every call.
#pragma once

#include <cstddef>
#include <cstdint>

#include "control.h"

#define NVML_STUB_API extern "C" __attribute__((visibility("default"))) int

namespace nvml_stub {

/// The driver that is played, as branch × 100 + minor version. What it exports is in its .map file.
extern const unsigned kGeneration;
constexpr unsigned k535Early = 53543;  // with records of its own
constexpr unsigned k535 = 53598;
constexpr unsigned k570 = 57000;

/// nvmlReturn_t.
enum Code : int {
  kSuccess = 0,
  kUninitialized = 1,
  kInvalidArgument = 2,
  kNotSupported = 3,
  kNoPermission = 4,
  kNotFound = 6,
  kInsufficientSize = 7,
  kDriverNotLoaded = 9,
  kGpuIsLost = 15,
  kVersionMismatch = 25,
  kUnknown = 999,
};

using Device = void*;

union Value {
  double real;
  uint32_t u32;
  uint64_t u64;
  int64_t i64;
  int32_t i32;
  uint16_t u16;
  unsigned char bytes[8];
};

struct FieldValue {
  uint32_t id;
  uint32_t scope;
  int64_t timestamp_us;
  int64_t latency_us;
  uint32_t value_type;
  int32_t code;
  Value value;
};

struct Sample {
  uint64_t timestamp_us;
  Value value;
};

struct ProcessSample {
  uint32_t pid;
  uint64_t timestamp_us;
  uint32_t sm;
  uint32_t memory;
  uint32_t encoder;
  uint32_t decoder;
};

/// The longest of all records of a process; shorter ones are its beginning.
struct ProcessRecord {
  uint32_t pid;
  uint64_t memory_bytes;
  uint32_t gpu_instance;
  uint32_t compute_instance;
  uint64_t protected_bytes;
};

struct DetailList {
  uint32_t version;
  uint32_t mode;
  uint32_t count;
  ProcessRecord* records;
};

struct PciInfo {
  char legacy_bus_id[16];
  uint32_t domain;
  uint32_t bus;
  uint32_t device;
  uint32_t device_id;
  uint32_t subsystem_id;
  char bus_id[32];
};

struct MemoryInfo {
  uint64_t total;
  uint64_t free;
  uint64_t used;
};

struct Utilization {
  uint32_t gpu;
  uint32_t memory;
};

static_assert(sizeof(FieldValue) == 40 && offsetof(FieldValue, value) == 32);
static_assert(sizeof(Sample) == 16 && sizeof(ProcessSample) == 32 && sizeof(ProcessRecord) == 32);
static_assert(offsetof(ProcessRecord, gpu_instance) == 16 && sizeof(DetailList) == 24);
static_assert(sizeof(PciInfo) == 68 && sizeof(MemoryInfo) == 24 && sizeof(Utilization) == 8);

/// What stands behind a handle.
struct Target {
  int code = 0;                // of the call, if it must end here
  Control* control = nullptr;  // null outside of an initialisation
  Gpu* gpu = nullptr;          // null without a valid handle
  int index = 0;               // of the GPU
  int mig = -1;                // −1: the GPU itself
};

/// The page of this initialisation, or null.
Control* page();
void count(Control& control, Function function, Gpu* gpu = nullptr);
/// Takes one of a countdown, unless none is left.
bool take(uint64_t& left);
/// The code that a fault gives this call, or 0.
int strike(Fault& fault);
Device handle_of(int index, int mig);
/// Every call on a device begins here: counts it, sleeps the latency, and finds what forbids it. A
/// MIG handle is answered 3 unless `mig_too`.
Target enter(Function function, Device device, bool mig_too = false);

/// Microseconds of the realtime clock for a moment of the monotonic one, always the same.
int64_t realtime_us(int64_t monotonic_ns);
int64_t boottime_us(int64_t monotonic_ns);
/// Sum over the running processes in the last whole period, in percent.
Utilization utilization(const Gpu& gpu, int64_t now);
uint64_t used_bytes(const Gpu& gpu, int64_t now);
/// Writes the member that the type names; the bytes beside it are junk, as nobody promised them.
void put(Value& value, uint64_t type, double number);

}  // namespace nvml_stub
