// The table of hwmon chips, and the search for them.
#include "hwmon_chips.h"

#include <fnmatch.h>

#include <algorithm>
#include <iterator>
#include <system_error>
#include <tuple>
#include <utility>

#include "../files.h"

namespace jouletap {
namespace {

namespace fs = std::filesystem;

constexpr double kPackageWatts = 1000;
constexpr double kGpuWatts = 3000;
constexpr double kModuleWatts = 3000;
constexpr double kPlatformWatts = 10000;

constexpr HwmonMeaning kNothing{nullptr, "", Role::part, "", 0};
constexpr HwmonMeaning kPackage{"package", "package-%n", Role::root, "", kPackageWatts};
constexpr HwmonMeaning kCores{"core", "core-%n", Role::part, "package-%n", kPackageWatts};
constexpr HwmonMeaning kUncore{"uncore", "uncore-%n", Role::part, "package-%n", kPackageWatts};
constexpr HwmonMeaning kSocketCores{"core", "core-%i", Role::part, "package-%i", kPackageWatts};
constexpr HwmonMeaning kSocketIo{"uncore", "uncore-%i", Role::part, "package-%i", kPackageWatts};
constexpr HwmonMeaning kSuperchip{"module", "module-%n", Role::whole, "", kModuleWatts};
constexpr HwmonMeaning kGpu{"gpu", "gpu-%a", Role::root, "", kGpuWatts};
constexpr HwmonMeaning kIntegrated{"gpu", "gpu-%a", Role::part, "package-0", kPackageWatts};
constexpr HwmonMeaning kGpuChip{"gpu-package", "gpu-package-%a", Role::part, "gpu-%a", kGpuWatts};
constexpr HwmonMeaning kGpuTile{"gpu-tile", "gpu-tile-%a-%c", Role::part, "gpu-%a", kGpuWatts};
constexpr HwmonMeaning kPlatform{"platform", "platform-%a", Role::whole, "", kPlatformWatts};
constexpr HwmonMeaning kModule{"module", "module-%a", Role::root, "", kModuleWatts};
constexpr HwmonMeaning kRailOfModule{"rail", "rail-%l", Role::part, "module-*", kModuleWatts};
constexpr HwmonMeaning kRailOf5V{"rail", "rail-%l", Role::part, "rail-vin_sys_5v0", kModuleWatts};
constexpr HwmonMeaning kModuleInput{"rail", "rail-%l", Role::root, "", kModuleWatts};
// Nobody knows what it feeds: shown, never added.
constexpr HwmonMeaning kRail{"rail", "rail-%l", Role::part, "", kModuleWatts};

// i915 and xe add up a 32-bit register of 2^-14 J and mend one wrap between two reads, so their
// 64-bit files want reading before the register wraps twice, as if they wrapped themselves.
constexpr double kGpuRegister = 4294967296.0 / 16384;

constexpr HwmonRule kHwmonRules[] = {
    {"amd_energy", "energy*", "Esocket*", kPackage, 0, 1e-3},
    {"amd_energy", "energy*", "*", kNothing},  // cores, which are in the sockets
    {"apm_xgene", "power*", "CPU*", kSocketCores},
    {"apm_xgene", "power*", "IO*", kSocketIo},

    {"i915", "energy1", "*", kGpu, 0, 0, kGpuRegister},
    {"i915_gt*", "energy1", "*", kGpuTile, 0, 0, kGpuRegister},
    {"xe", "energy1", "*", kGpu, 0, 0, kGpuRegister},
    {"xe", "energy2", "*", kGpuChip, 0, 0, kGpuRegister},
    // An APU reports its whole package. It has other labels than a card, or a second voltage.
    {"amdgpu", "power1", "slowPPT", kIntegrated},
    {"amdgpu", "power1", "fastPPT", kIntegrated},
    {"amdgpu", "power1", "*", kIntegrated, 0, 0, 0, "in1_label"},
    {"amdgpu", "power1", "*", kGpu, 0, 0, 0, "", true},
    {"amdgpu", "power*", "*", kNothing},

    // Grace. The module is the superchip, with its GPU.
    {"*power_meter", "power1", "Grace Power Socket *", kPackage},
    {"*power_meter", "power1", "CPU Power Socket *", kCores},
    {"*power_meter", "power1", "SysIO Power Socket *", kUncore},
    {"*power_meter", "power1", "Module Power Socket *", kSuperchip},
    {"*power_meter", "power1", "*", kPlatform},
    {"corsairpsu", "power1", "*", kPlatform},
    {"corsairpsu", "power*", "*", kNothing},

    // Jetson. Channels 4 to 7 of an INA3221 are shunts and sums.
    {"ina3221", "in[1-3]", "NC", kNothing},
    {"ina3221", "in[1-3]", "VDD_IN", kModule, -1},
    {"ina3221", "in[1-3]", "*_VDD_IN", kModule, -1},
    {"ina3221", "in[1-3]", "POM_5V_IN", kModule, -1},
    // AGX Orin has no rail for all: these three make up the module. VIN_SYS_5V0 is input and
    // output, not the board; the memory's rail hangs on it.
    {"ina3221", "in[1-3]", "VDD_GPU_SOC", kModuleInput, -1},
    {"ina3221", "in[1-3]", "VDD_CPU_CV", kModuleInput, -1},
    {"ina3221", "in[1-3]", "VIN_SYS_5V0", kModuleInput, -1},
    {"ina3221", "in[1-3]", "VDDQ_VDD2_1V8AO", kRailOf5V, -1},
    {"ina3221", "in[1-3]", "VDD_MUX", kRail, -1},  // feeds the carrier board, module and all
    {"ina3221", "in[1-3]", "*", kRailOfModule, -1},
    {"ina3221", "*", "*", kNothing},

    {"ina2*", "power*", "*", kRail},
    {"ina2*", "in1", "*", kRail, -1},
    {"ina2*", "*", "*", kNothing},
    {"ltc29*", "power*", "*", kRail},
    {"pmbus", "power*", "*", kRail},
    {"scmi_sensors", "power*", "*", kRail},
    {"max20730", "in2", "*", kRail, 1},  // in1 is its input, of unknown current
};

/// "power1" of the file "power1_average"; empty for other files.
std::string channel_of(const std::string& file) {
  const size_t end = file.find('_');
  const std::string channel = file.substr(0, end);
  const size_t digits = channel.find_first_of("0123456789");
  if (end == std::string::npos || digits == std::string::npos) return "";
  if (channel.find_first_not_of("0123456789", digits) != std::string::npos) return "";
  const std::string type = channel.substr(0, digits);
  const std::string what = file.substr(end);
  if (what == "_input") return type == "energy" || type == "power" || type == "in" ? channel : "";
  return what == "_average" && type == "power" ? channel : "";
}

std::vector<std::string> channels_of(const fs::path& folder) {
  std::vector<std::string> channels;
  for (const auto& file : list_folder(folder)) {
    const std::string channel = channel_of(file);
    if (channel.empty()) continue;
    if (std::find(channels.begin(), channels.end(), channel) == channels.end()) {
      channels.push_back(channel);
    }
  }
  return channels;
}

bool matches(const char* pattern, const std::string& text) {
  return ::fnmatch(pattern, text.c_str(), 0) == 0;
}

/// Who the chip's device is.
void identify(HwmonChip& chip, const std::string& entry) {
  const fs::path link = chip.iio ? chip.hwmon : chip.hwmon / "device";
  std::error_code no_link;
  fs::path device = fs::read_symlink(link, no_link);
  if (chip.iio) device = device.parent_path();  // …/1-0040/iio:device0
  chip.address = no_link ? entry : device.filename().string();
  if (matches("????*:??:??.?", chip.address)) chip.pci = chip.address;
  if (chip.iio) return;
  std::error_code no_driver;
  const fs::path driver = fs::read_symlink(chip.hwmon / "device/driver", no_driver);
  if (!no_driver) chip.driver = driver.filename().string();
  chip.product = read_text(chip.hwmon / "device/product_name").value_or("");
}

std::vector<HwmonChip> find_hwmon(const fs::path& root) {
  const fs::path all = root / "sys/class/hwmon";
  std::vector<HwmonChip> chips;
  for (const auto& entry : list_folder(all)) {
    HwmonChip chip;
    chip.hwmon = all / entry;
    // Drivers of the old style keep their files, or all but the name, in the device's folder.
    chip.folder = chip.hwmon;
    chip.channels = channels_of(chip.folder);
    if (chip.channels.empty()) {
      chip.folder /= "device";
      chip.channels = channels_of(chip.folder);
    }
    const auto name = read_text(chip.hwmon / "name");
    chip.name = name ? *name : read_text(chip.hwmon / "device/name").value_or("");
    if (chip.name.empty()) continue;
    identify(chip, entry);
    chips.push_back(std::move(chip));
  }
  return chips;
}

std::vector<HwmonChip> find_iio(const fs::path& root) {
  const fs::path all = root / "sys/bus/iio/devices";
  std::vector<HwmonChip> chips;
  for (const auto& entry : list_folder(all)) {
    HwmonChip chip;
    chip.iio = true;
    chip.hwmon = chip.folder = all / entry;
    if (read_text(chip.folder / "name").value_or("") != "ina3221x") continue;
    chip.name = chip.driver = "ina3221";
    std::error_code ignored;
    for (const char* channel : {"in1", "in2", "in3"}) {
      if (fs::exists(hwmon_value(chip, channel), ignored)) chip.channels.push_back(channel);
    }
    identify(chip, entry);
    chips.push_back(std::move(chip));
  }
  return chips;
}

/// Old Jetsons count the channels of a chip from 0.
std::string iio_number(const std::string& channel) { return std::to_string(channel.back() - '1'); }

}  // namespace

fs::path hwmon_value(const HwmonChip& chip, const std::string& channel) {
  if (chip.iio) return chip.folder / ("in_power" + iio_number(channel) + "_input");
  fs::path average = chip.folder / (channel + "_average");
  std::error_code ignored;
  return fs::exists(average, ignored) ? average : chip.folder / (channel + "_input");
}

std::vector<HwmonChip> find_hwmon_chips(const fs::path& root) {
  std::vector<HwmonChip> chips = find_hwmon(root);
  for (HwmonChip& chip : find_iio(root)) chips.push_back(std::move(chip));
  // hwmon numbers follow the order of registration, which may change at any boot.
  std::stable_sort(chips.begin(), chips.end(), [](const HwmonChip& a, const HwmonChip& b) {
    return std::tie(a.name, a.address) < std::tie(b.name, b.address);
  });
  for (size_t i = 1; i < chips.size(); ++i) {
    if (chips[i].name == chips[i - 1].name) chips[i].instance = chips[i - 1].instance + 1;
  }
  return chips;
}

std::string hwmon_label(const HwmonChip& chip, const std::string& channel) {
  if (chip.iio) {
    return read_text(chip.folder / ("rail_name_" + iio_number(channel))).value_or("");
  }
  for (const char* file : {"_label", "_oem_info"}) {
    const auto text = read_text(chip.folder / (channel + file));
    if (text && !text->empty()) return *text;
  }
  return "";
}

const HwmonRule* find_hwmon_rule(const HwmonChip& chip, const std::string& channel,
                                 const std::string& label) {
  std::error_code ignored;
  for (const HwmonRule& rule : kHwmonRules) {
    if (matches(rule.chip, chip.name) && matches(rule.channel, channel) &&
        matches(rule.label, label) &&
        (*rule.beside == 0 || fs::exists(chip.folder / rule.beside, ignored))) {
      return &rule;
    }
  }
  return nullptr;
}

bool is_known_hwmon(const std::string& chip) {
  return std::any_of(std::begin(kHwmonRules), std::end(kHwmonRules),
                     [&](const HwmonRule& rule) { return matches(rule.chip, chip); });
}

}  // namespace jouletap
