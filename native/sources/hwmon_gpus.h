// Which of the graphics cards among hwmon's chips are followed, and what they are.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "../source.h"
#include "amdgpu.h"
#include "hwmon_chips.h"

namespace jouletap {

class HwmonGpus {
 public:
  explicit HwmonGpus(const Host& host);

  /// AMD's are hidden by ROCm's variables and by a list, others by a list alone.
  bool is_wanted(const HwmonChip& chip) const;
  Device device_of(const HwmonChip& chip) const;
  const std::vector<std::string>& warnings() const { return warnings_; }
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  const AmdGpu* amd_card(const HwmonChip& chip) const;

  const GpuWish& wish_;
  std::vector<AmdGpu> amd_;
  std::set<std::string> chosen_;  // addresses of AMD's
  std::vector<std::string> warnings_;
  std::vector<std::string> notes_;
};

}  // namespace jouletap
