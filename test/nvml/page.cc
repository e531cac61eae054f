// For TypeScript: `page layout` prints where things are in a control page, as JSON; `page make FILE
// GPUS` writes one, as defaults.h has it.
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>

#include "defaults.h"

using namespace nvml_stub;

namespace {

template <typename T>
const char* type_of() {
  if (std::is_array_v<T>) return "text";
  if (std::is_same_v<T, double>) return "f64";
  return std::is_signed_v<T> ? "i64" : "u64";
}

#define NVML_STUB_AT(parent, member)                                         \
  std::printf("\"%s\":{\"at\":%zu,\"type\":\"%s\",\"bytes\":%zu},", #member, \
              offsetof(parent, member), type_of<decltype(parent::member)>(), \
              sizeof(parent::member))

/// Where the elements of an array are, and what is in each, if `of` is no empty text.
#define NVML_STUB_ARRAY(parent, member, of)                                                     \
  std::printf("\"%s\":{\"at\":%zu,\"stride\":%zu,\"count\":%zu%s%s},", #member,                 \
              offsetof(parent, member), sizeof(parent::member[0]),                              \
              sizeof(parent::member) / sizeof(parent::member[0]), *(of) != 0 ? ",\"of\":" : "", \
              *(of) != 0 ? "\"" of "\"" : "")

void print_layout() {
#define AT(member) NVML_STUB_AT(Control, member);
  std::printf("{\"Control\":{");
  AT(init_code)
  AT(driver_version) AT(latency_us) AT(stamp) AT(stamp_flaw) AT(sample_clock)
      AT(sample_clock_offset_us) AT(list_stride) AT(gpu_count) NVML_STUB_ARRAY(Control, calls, "");
  NVML_STUB_ARRAY(Control, gpus, "Gpu");
#undef AT
#define AT(member) NVML_STUB_AT(Gpu, member);
  std::printf("\"\":null},\"Gpu\":{");
  AT(name)
  AT(uuid) AT(pci_domain) AT(pci_bus) AT(pci_device) AT(minor_number) AT(architecture) AT(cores)
      AT(max_sm_mhz) AT(power_limit_mw) AT(virtualization_mode) AT(memory_bytes) AT(lost)
          AT(forbidden) AT(start_ns) AT(energy_refresh_s) AT(energy_phase_s) AT(energy_gain)
              AT(energy_offset_mj) AT(energy_stuck_ns) AT(energy_of_module) AT(gauge_refresh_s)
                  AT(instant_window_s) AT(average_window_s) AT(usage_window_s) AT(gauge_gain)
                      AT(zero_reads_left) AT(module_watts) AT(memory_watts) AT(samples_period_s)
                          AT(samples_kept) AT(samples_value_type) AT(utilization_period_s)
                              AT(utilization_kept) AT(mig_current) AT(mig_pending) AT(list_growth)
                                  AT(process_count) AT(segment_count)
                                      NVML_STUB_ARRAY(Gpu, migs, "Mig");
  NVML_STUB_ARRAY(Gpu, processes, "Process");
  NVML_STUB_ARRAY(Gpu, segments, "Segment");
  NVML_STUB_ARRAY(Gpu, fields, "FieldKnobs");
  NVML_STUB_ARRAY(Gpu, faults, "Fault");
  NVML_STUB_ARRAY(Gpu, calls, "");
#undef AT
#define AT(member) NVML_STUB_AT(Mig, member);
  std::printf("\"\":null},\"Mig\":{");
  AT(present)
  AT(gpu_instance) AT(compute_instance) AT(uuid)
#undef AT
#define AT(member) NVML_STUB_AT(Process, member);
      std::printf("\"\":null},\"Process\":{");
  AT(pid)
  AT(graphics) AT(memory_bytes) AT(gpu_instance) AT(compute_instance) AT(sm_high) AT(sm_low)
      AT(memory_high) AT(memory_low) AT(period_s) AT(duty) AT(from_s) AT(until_s)
#undef AT
#define AT(member) NVML_STUB_AT(Segment, member);
          std::printf("\"\":null},\"Segment\":{");
  AT(start_ns)
  AT(base_joules) AT(curve) AT(first) AT(second) AT(seconds) AT(duty)
#undef AT
#define AT(member) NVML_STUB_AT(Fault, member);
      std::printf("\"\":null},\"Fault\":{");
  AT(code)
  AT(left)
#undef AT
      std::printf("\"\":null},\"FieldKnobs\":{");
  std::printf("\"code\":{\"at\":%zu,\"type\":\"u64\",\"bytes\":8},",
              offsetof(FieldKnobs, fault) + offsetof(Fault, code));
  std::printf("\"left\":{\"at\":%zu,\"type\":\"u64\",\"bytes\":8},",
              offsetof(FieldKnobs, fault) + offsetof(Fault, left));
  NVML_STUB_AT(FieldKnobs, value_type);
#define NVML_STUB_QUOTED(name, ...) "\"" #name "\","
  std::printf("\"\":null},\"functions\":[%s\"\"],", NVML_STUB_FUNCTIONS(NVML_STUB_QUOTED));
  std::printf("\"fields\":[%s\"\"]}\n", NVML_STUB_FIELDS(NVML_STUB_QUOTED));
}

int make(const char* path, uint64_t gpus) {
  const auto control = std::make_unique<Control>();
  fill_control(*control, gpus, static_cast<uint64_t>(now_ns()));
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(control.get()), sizeof(Control));
  file.close();
  return file ? 0 : 1;
}

}  // namespace

int main(int count, char** words) {
  if (count == 2 && std::strcmp(words[1], "layout") == 0) {
    print_layout();
    return 0;
  }
  if (count == 4 && std::strcmp(words[1], "make") == 0) {
    return make(words[2], std::strtoull(words[3], nullptr, 10));
  }
  std::fprintf(stderr, "usage: page layout | page make FILE GPUS\n");
  return 2;
}
