// The graphics cards on a machine's PCI bus, as the kernel lists them: nothing is woken.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "../files.h"
#include "../gpu_choice.h"

namespace jouletap {

/// Makers, as sysfs has them.
constexpr char kNvidia[] = "0x10de";
constexpr char kAmd[] = "0x1002";

/// Addresses of the cards below root by one maker, ascending; their audio and USB are no cards.
inline std::vector<std::string> cards_by(const std::filesystem::path& root,
                                         const std::string& maker) {
  std::vector<std::string> found;
  const std::filesystem::path bus = root / "sys/bus/pci/devices";
  for (const std::string& address : list_folder(bus)) {
    const bool graphics = read_text(bus / address / "class").value_or("").rfind("0x03", 0) == 0;
    if (graphics && read_text(bus / address / "vendor") == maker) found.push_back(address);
  }
  std::sort(found.begin(), found.end());  // hexadecimal: not in natural order
  return found;
}

/// The wish, told of the cards of another maker: an entry that names one of those is no mistake.
inline GpuWish beside(GpuWish wish, const std::filesystem::path& root, const std::string& maker) {
  for (const std::string& address : cards_by(root, maker)) {
    wish.others.emplace_back();
    wish.others.back().pci = address;
  }
  return wish;
}

}  // namespace jouletap
