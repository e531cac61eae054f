// The hwmon chips of a machine, and what the channels of those that measure energy or power mean.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "../source.h"

namespace jouletap {

/// A domain to be. In ids %a is the device's address, %c the chip's name, %n the last number of the
/// label, %i the position among the chips of that name, %l the label in lower case.
struct HwmonMeaning {
  const char* kind;  // null: none of ours
  const char* id;
  Role role;
  const char* parent;  // an id; ending in *: the first found of that kind; empty: none, or unknown
  double max_watts;
};

/// Of the rules for a chip the first that fits a channel holds. Patterns are those of fnmatch(3).
struct HwmonRule {
  const char* chip;     // pattern of `name`
  const char* channel;  // pattern of "energy1" (µJ), "power1" (µW) or "in1" (mV)
  const char* label;    // pattern of its label
  HwmonMeaning meaning;
  int current = 0;           // in…: the curr… (mA) that belongs to it; −1: of the same number
  double update_s = 0;       // see Domain
  double wrap_joules = 0;    // see Domain
  const char* beside = "";   // a file that must be there too
  bool gpu_metrics = false;  // its gpu_metrics table may hold an energy accumulator
};

struct HwmonChip {
  std::string name;
  std::string address;                // of its device: "0000:03:00.0", "1-0040", "ACPI000D:00"
  std::string pci;                    // the same, if its device is on PCI; else empty
  std::string driver;                 // of its device: "amdgpu"; may be empty
  std::string product;                // what its device is sold as; mostly empty
  std::filesystem::path hwmon;        // /sys/class/hwmon/hwmon3, or an iio:device
  std::filesystem::path folder;       // where its files are
  std::vector<std::string> channels;  // "energy1", "power1", "in1", …
  int instance = 0;                   // position among the chips of that name
  bool iio = false;                   // of a Jetson with an old kernel: power, in mW, by "in1"…
};

/// All chips, by name and address: their numbers may change at any boot. Jetsons of before Linux 5
/// have their INA3221 in /sys/bus/iio/devices; it looks as if it were here.
std::vector<HwmonChip> find_hwmon_chips(const std::filesystem::path& root);

/// Whether the table has rules for a chip of that name.
bool is_known_hwmon(const std::string& chip);

/// The channel's label, or empty.
std::string hwmon_label(const HwmonChip& chip, const std::string& channel);

/// The file of the channel's value: the average, where the chip makes one.
std::filesystem::path hwmon_value(const HwmonChip& chip, const std::string& channel);

/// What the channel means; null if that is not known.
const HwmonRule* find_hwmon_rule(const HwmonChip& chip, const std::string& channel,
                                 const std::string& label);

}  // namespace jouletap
