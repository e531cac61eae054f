// A control page as it is before a test turns a knob: A100s on bare metal that draw 100 W.
#pragma once

#include <cstdio>
#include <limits>

#include "truth.h"

namespace nvml_stub {

inline void fill_gpu(Gpu& gpu, unsigned index, uint64_t start_ns) {
  std::snprintf(gpu.name, sizeof gpu.name, "NVIDIA A100-SXM4-40GB");
  std::snprintf(gpu.uuid, sizeof gpu.uuid, "GPU-5eed0000-0000-4000-8000-%012x", index);
  gpu.pci_bus = 0x41 + index;
  gpu.minor_number = index;
  gpu.architecture = 7;
  gpu.cores = 6912;
  gpu.max_sm_mhz = 1410;
  gpu.power_limit_mw = 400000;
  gpu.memory_bytes = uint64_t{40} << 30;
  gpu.start_ns = start_ns;
  gpu.energy_refresh_s = 0.1;
  gpu.energy_gain = 1;
  gpu.energy_offset_mj = 1000000;  // a GPU that has been on for a while
  gpu.gauge_refresh_s = 0.1;
  gpu.instant_window_s = 0.025;
  gpu.average_window_s = 1;
  gpu.usage_window_s = 1;
  gpu.gauge_gain = 1;
  gpu.samples_period_s = 0.02;
  gpu.samples_kept = 120;
  gpu.samples_value_type = 1;
  gpu.utilization_period_s = 1.0 / 6;
  gpu.utilization_kept = 100;
  for (Mig& mig : gpu.migs) mig.gpu_instance = mig.compute_instance = kNoInstance;
  for (Process& process : gpu.processes) {
    process.gpu_instance = process.compute_instance = kNoInstance;
    process.duty = 0.5;
    process.until_s = std::numeric_limits<double>::infinity();
  }
  gpu.segments[0] = {start_ns, 0, 0, 100, 0, 1, 0.5, 0};
  gpu.segment_count = 1;
#define NVML_STUB_TYPE(name, id, scope, type) \
  gpu.fields[static_cast<size_t>(Field::name)].value_type = type;
  NVML_STUB_FIELDS(NVML_STUB_TYPE)
#undef NVML_STUB_TYPE
  // Only Grace Hopper has a module, and few boards tell of their memory.
  for (const Field field : {Field::module_energy, Field::module_average, Field::module_instant,
                            Field::memory_instant}) {
    gpu.fields[static_cast<size_t>(field)].fault = {3, kForever};
  }
}

/// For a page of zeros. All GPUs are filled in, so that `gpu_count` alone makes one appear.
inline void fill_control(Control& control, uint64_t gpus, uint64_t start_ns) {
  control.version = kVersion;
  control.gpu_count = gpus;
  for (unsigned i = 0; i < kMaxGpus; ++i) fill_gpu(control.gpus[i], i, start_ns);
  store(control.magic, kMagic);
}

}  // namespace nvml_stub
