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

/// A card, by its address and its maker.
struct PciCard {
  std::string address;
  std::string maker;
};

/// The graphics cards and accelerators below root, by address; their audio and USB are none.
inline std::vector<PciCard> cards_on_bus(const std::filesystem::path& root) {
  std::vector<PciCard> cards;
  const std::filesystem::path bus = root / "sys/bus/pci/devices";
  for (const std::string& address : list_folder(bus)) {
    const std::string kind = read_text(bus / address / "class").value_or("");
    if (kind.rfind("0x03", 0) != 0 && kind.rfind("0x1200", 0) != 0) continue;
    cards.push_back({address, read_text(bus / address / "vendor").value_or("")});
  }
  // Hexadecimal: not in natural order.
  std::sort(cards.begin(), cards.end(),
            [](const PciCard& a, const PciCard& b) { return a.address < b.address; });
  return cards;
}

/// The addresses of one maker's.
inline std::vector<std::string> cards_by(const std::filesystem::path& root,
                                         const std::string& maker) {
  std::vector<std::string> found;
  for (const PciCard& card : cards_on_bus(root)) {
    if (card.maker == maker) found.push_back(card.address);
  }
  return found;
}

/// The wish of one maker's cards, told of the others': an entry that names one of those is no
/// mistake.
inline GpuWish beside(GpuWish wish, const std::filesystem::path& root, const std::string& maker) {
  for (const PciCard& card : cards_on_bus(root)) {
    if (card.maker == maker) continue;
    wish.others.emplace_back();
    wish.others.back().pci = card.address;
  }
  return wish;
}

}  // namespace jouletap
