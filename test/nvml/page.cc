// Writes a control page for TypeScript, as defaults.h has it: `page FILE GPUS`.
#include <cstdlib>
#include <fstream>
#include <memory>

#include "defaults.h"

using namespace nvml_stub;

int main(int count, char** words) {
  if (count != 3) return 2;
  const auto control = std::make_unique<Control>();
  fill_control(*control, std::strtoull(words[2], nullptr, 10), static_cast<uint64_t>(now_ns()));
  std::ofstream file(words[1], std::ios::binary);
  file.write(reinterpret_cast<const char*>(control.get()), sizeof(Control));
  file.close();
  return file ? 0 : 1;
}
