// Finds NVIDIA's cards through NVIDIA's management library, or says why there are none.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include "../files.h"
#include "nvml_cards.h"
#include "pci.h"
#include "sources.h"

namespace jouletap {
namespace {

namespace fs = std::filesystem;
using nvml::Card;
using nvml::Library;

constexpr char kName[] = "nvml";

/// Why the library did not load or start, and what mends that.
Refusal refuse(const Host& host, const nvml::Failure& failure, bool has_card) {
  using Kind = Refusal::Kind;
  switch (failure.result) {
    case -1:
      if (!host.nvml.empty())
        return {Kind::broken, "NVIDIA's library could not be loaded: " + failure.text, ""};
      if (has_card) {
        return {Kind::broken,
                "there is an NVIDIA card, and no libnvidia-ml.so.1, which comes with NVIDIA's "
                "driver",
                "sudo apt-get install nvidia-driver"};
      }
      return {Kind::absent, "there is no libnvidia-ml.so.1, which comes with NVIDIA's driver", ""};
    case nvml::kDriverNotLoaded:
      return {has_card ? Kind::broken : Kind::absent, "NVIDIA's driver is not loaded",
              "sudo modprobe nvidia"};
    case nvml::kNoPermission:
      return {Kind::forbidden, "this user may not talk to NVIDIA's driver",
              "sudo chmod a+rw /dev/nvidia*"};
    case nvml::kOperatingSystem:
      return {Kind::masked,
              "the operating system, or the container, does not grant access to the GPUs",
              "docker run --gpus all …"};
    case nvml::kVersionMismatch:
      return {Kind::broken,
              "NVIDIA's driver was updated: its library and the loaded module differ in version",
              "sudo reboot"};
    case nvml::kGpuLost:
    case nvml::kResetRequired:
      return {Kind::broken, "a GPU has fallen off the bus or wants a reset", "sudo reboot"};
    default:
      return {Kind::broken,
              "NVIDIA's library answers " + std::to_string(failure.result) +
                  (failure.text.empty() ? "" : " (" + failure.text + ")"),
              ""};
  }
}

/// Finds the cards that are wanted and readable.
class Opening {
 public:
  Opening(const Host& host, const std::vector<Domain>& taken)
      : host_(host), taken_(taken), bus_(cards_by(host.root, kNvidia)) {}

  Opened run() {
    // Below another root the library is this system's: it is asked where that root has the driver.
    std::error_code ignored;
    const bool ours = host_.root == "/" || !host_.nvml.empty() ||
                      fs::exists(host_.root / "proc/driver/nvidia", ignored);
    if (!ours) {
      return Refusal{Refusal::Kind::absent,
                     "NVIDIA's driver is not loaded on the machine below " + host_.root.string(),
                     ""};
    }
    auto loaded = nvml::load(host_.nvml);
    if (const auto* failure = std::get_if<nvml::Failure>(&loaded)) {
      return refuse(host_, *failure, !bus_.empty());
    }
    found_.library = std::move(std::get<std::unique_ptr<Library>>(loaded));
    unsigned count = 0;
    const int result = found_.library->call().DeviceGetCount_v2(&count);
    if (result != nvml::kSuccess) return refuse(host_, {result, ""}, !bus_.empty());
    if (count == 0) {
      return Refusal{Refusal::Kind::absent, "NVIDIA's driver lists no GPU", ""};
    }
    meet(count);
    if (cards_.empty()) return Refusal{Refusal::Kind::broken, reasons_, ""};
    return follow();
  }

 private:
  void meet(unsigned count) {
    const nvml::Functions& call = found_.library->call();
    // NVML numbers cards by their addresses; which of them one is could only be asked by waking it.
    // In a container the driver's folder lists those that are granted.
    std::vector<std::string> addresses = bus_;
    if (addresses.size() != count) {
      addresses = list_folder(host_.root / "proc/driver/nvidia/gpus");
      std::sort(addresses.begin(), addresses.end());
    }
    for (unsigned i = 0; i < count; ++i) {
      const std::string address = addresses.size() == count ? addresses[i] : "";
      const fs::path state = host_.root / "sys/bus/pci/devices" / address / "power/runtime_status";
      Card card(static_cast<int>(i), address, address.empty() ? File() : open_file(state));
      if (card.asleep()) {
        cards_.push_back(std::move(card));
        continue;
      }
      const std::string name = "GPU " + std::to_string(i);
      if (const int answer = card.meet(call); answer != nvml::kSuccess) {
        refused(card, name, answer);
      } else if (card.vgpu()) {
        reason(name +
               " is a vGPU, a share of a card whose energy only the virtual machine's host "
               "can read");
      } else {
        watch(card);
        cards_.push_back(std::move(card));
      }
    }
  }

  /// A card whose address only the driver could tell may fall asleep later.
  void watch(Card& card) const {
    card.watch(
        open_file(host_.root / "sys/bus/pci/devices" / card.gpu().pci / "power/runtime_status"));
  }

  /// What is not granted is hidden, as from everybody here; what is broken lacks in the total.
  void refused(const Card& card, const std::string& name, int answer) {
    if (answer == nvml::kNoPermission || answer == nvml::kOperatingSystem) {
      reason(name + " is not granted to this user or container");
      return;
    }
    reason(name + (nvml::is_lost(answer) ? " has fallen off the bus or wants a reset"
                                         : " answers the driver's code " + std::to_string(answer)));
    found_.unread.push_back(domain_of(card));
  }

  void reason(const std::string& sentence) {
    reasons_ += (reasons_.empty() ? "" : "; ") + sentence;
    note(sentence);
  }

  Opened follow() {
    std::vector<Gpu> gpus;
    for (const Card& card : cards_) gpus.push_back(card.gpu());
    const GpuChoice choice = choose_nvidia(gpus, beside(host_.gpus, host_.root, kNvidia));
    for (const size_t at : choice.chosen) add(cards_[at]);
    found_.warnings = choice.warnings;
    found_.notes.insert(found_.notes.end(), choice.notes.begin(), choice.notes.end());
    return std::make_unique<nvml::Cards>(std::move(found_), host_);
  }

  void add(Card& card) {
    Domain domain = domain_of(card);
    if (is_taken(domain, taken_)) return;
    if (card.handle() == nullptr) {
      note("asleep, not woken, and counted as 0 W while asleep: " + domain.id);
    } else if (!card.learn(found_.library->call())) {
      note(domain.id + " tells neither its energy nor its power");
      found_.unread.push_back(std::move(domain));
      return;
    }
    const nvml::Readings& readings = card.readings();
    const size_t at = found_.cards.size();
    // What a card that sleeps will tell is not known: at least its power.
    domain.method = Method::gauge;
    domain.max_watts = readings.card().max_watts;
    if (card.handle() != nullptr) describe(readings.card(), domain);
    domain.update_s = readings.refresh_s();
    found_.ids.push_back(domain.id);
    found_.followed.push_back({at, false});
    found_.domains.push_back(domain);
    if (readings.has_module()) {
      note("the energy counter of " + domain.id +
           " may hold that of its whole module: its power is integrated instead");
      domain.id = "module-" + card.gpu().pci;
      domain.kind = "module";
      domain.role = Role::whole;
      describe(readings.module(), domain);
      found_.followed.push_back({at, true});
      found_.domains.push_back(domain);
    }
    found_.cards.push_back(std::move(card));
  }

  void note(const std::string& sentence) { found_.notes.push_back("nvml: " + sentence + "."); }

  static void describe(const Anchored::Spec& spec, Domain& domain) {
    domain.method = spec.has_counter ? Method::counter : spec.gauge;
    domain.unit = spec.has_counter ? spec.unit : 0;
    domain.max_watts = spec.max_watts;
  }

  Domain domain_of(const Card& card) const {
    const Gpu& gpu = card.gpu();
    Domain domain;
    domain.id = "gpu-" + (gpu.pci.empty() ? std::to_string(gpu.index) : gpu.pci);
    domain.kind = "gpu";
    domain.source = kName;
    domain.role = Role::root;
    domain.may_rest = true;
    domain.device = {gpu.name, gpu.uuid, gpu.pci, found_.library->driver(), gpu.index};
    return domain;
  }

  const Host& host_;
  const std::vector<Domain>& taken_;
  const std::vector<std::string> bus_;  // addresses of the cards
  std::vector<Card> cards_;             // all that may be asked, by index
  nvml::Found found_;
  std::string reasons_;
};

}  // namespace

Opened open_nvml(const Host& host, const std::vector<Domain>& taken) {
  if (host.gpus.kind == GpuWish::Kind::none) {
    return Refusal{Refusal::Kind::absent, "no GPUs are wanted", ""};
  }
  return Opening(host, taken).run();
}

}  // namespace jouletap
