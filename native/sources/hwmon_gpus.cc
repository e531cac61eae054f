#include "hwmon_gpus.h"

#include <algorithm>
#include <utility>

#include "../gpu_entry.h"
#include "pci.h"

namespace jouletap {

HwmonGpus::HwmonGpus(const Host& host) : wish_(host.gpus), amd_(list_amd_gpus(host.root)) {
  if (amd_.empty()) return;
  std::vector<Gpu> cards;
  for (const AmdGpu& card : amd_) {
    Gpu gpu;
    gpu.index = card.index;
    gpu.uuid = card.uuid;
    gpu.pci = card.pci;
    gpu.name = card.name;
    cards.push_back(std::move(gpu));
  }
  GpuWish wish = beside(wish_, host.root, kAmd);
  // Beside a card of NVIDIA's this variable means that.
  if (!cards_by(host.root, kNvidia).empty()) wish.environment.erase("CUDA_VISIBLE_DEVICES");
  GpuChoice choice = choose_amd(cards, wish);
  for (const size_t at : choice.chosen) chosen_.insert(amd_[at].pci);
  warnings_ = std::move(choice.warnings);
  notes_ = std::move(choice.notes);
}

const AmdGpu* HwmonGpus::amd_card(const HwmonChip& chip) const {
  const auto card = std::find_if(amd_.begin(), amd_.end(),
                                 [&](const AmdGpu& one) { return one.pci == chip.pci; });
  return card == amd_.end() ? nullptr : &*card;
}

bool HwmonGpus::is_wanted(const HwmonChip& chip) const {
  if (amd_card(chip) != nullptr) return chosen_.count(chip.pci) > 0;
  if (wish_.kind != GpuWish::Kind::list) return wish_.kind != GpuWish::Kind::none;
  const auto address = pci_address(chip.pci);
  return std::any_of(wish_.list.begin(), wish_.list.end(), [&](const std::string& entry) {
    return address && pci_address(entry) == address;
  });
}

Device HwmonGpus::device_of(const HwmonChip& chip) const {
  Device device;
  device.name = chip.product;
  device.pci = chip.pci;
  device.driver = chip.driver;
  if (const AmdGpu* card = amd_card(chip)) {
    device.index = card->index;
    device.uuid = card->uuid;
    if (device.name.empty()) device.name = card->name;
  }
  return device;
}

}  // namespace jouletap
