// A program that uses a management library: `ask LIBRARY CALL…`, one line of answer for each call.
//
// Calls: `init`, `count`, `energy:GPU`, `usage:GPU`, `field:GPU:ID:SCOPE`, and `code:N`, which
// calls nothing. A line is the code, a value or 0, and the library's sentence for the code.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "../native/nvml_client.h"

using namespace nvml_stub;

namespace {

int answer(const Client& nvml, const std::string& call, const std::vector<uint32_t>& numbers,
           unsigned long long* value) {
  if (call == "init") return nvml("nvmlInit_v2");
  if (call == "code") return static_cast<int>(numbers.at(0));
  uint32_t number = 0;
  if (call == "count") {
    const int code = nvml("nvmlDeviceGetCount_v2", &number);
    *value = number;
    return code;
  }
  Device device = nullptr;
  if (const int code = nvml("nvmlDeviceGetHandleByIndex_v2", numbers.at(0), &device)) return code;
  if (call == "energy") return nvml("nvmlDeviceGetTotalEnergyConsumption", device, value);
  if (call == "usage") {
    const int code = nvml("nvmlDeviceGetPowerUsage", device, &number);
    *value = number;
    return code;
  }
  const FieldValue field = nvml.field(device, numbers.at(1), numbers.at(2));
  *value = field.value_type == 1 ? field.value.u32 : field.value.u64;
  return field.code;
}

}  // namespace

int main(int count, char** words) {
  if (count < 2) return 2;
  const Client nvml(words[1]);
  for (int i = 2; i < count; ++i) {
    const std::string order = words[i];
    std::vector<uint32_t> numbers;
    size_t colon = order.find(':');
    const std::string call = order.substr(0, colon);
    while (colon != std::string::npos) {
      numbers.push_back(static_cast<uint32_t>(std::strtoul(&order[colon + 1], nullptr, 10)));
      colon = order.find(':', colon + 1);
    }
    unsigned long long value = 0;
    const int code = answer(nvml, call, numbers, &value);
    std::printf("%d %llu %s\n", code, value, nvml.words_for(code));
  }
  return 0;
}
