// Energy counters and power gauges of /sys/class/hwmon: graphics cards, boards, meters, modules.
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "../clock.h"
#include "../counter.h"
#include "../files.h"
#include "../integral.h"
#include "hwmon_chips.h"
#include "sources.h"

namespace jouletap {
namespace {

namespace fs = std::filesystem;

constexpr double kMicro = 1e-6;
// What acpi_power_meter and others hand on when the firmware has no value: 0xffffffff mW, or raw.
constexpr uint64_t kNoMilliwatts = 4294967295000;
constexpr uint64_t kNoValue = 4294967295;
// A resistor of 1 % and the error of an amplifier: one standard deviation of V × I.
constexpr double kShuntGain = 0.01;

struct Sensor {
  File value;
  File current;  // of V × I
  File state;    // runtime_status of a device that may sleep
  bool gauge = false;
  double max_watts = 0;
  Counter counter;
  Integral integral;
  uint64_t base = 0;  // taken off the count: where a device that slept at first stood
  uint64_t last = 0;  // the count last looked at
  bool seen = false;  // whether the count was ever read
  bool held = false;  // whether it slept before that
};

/// A sleeping device must not be read: that would wake it.
bool is_asleep(const Sensor& sensor) noexcept {
  constexpr char kState[] = "suspend";  // "suspended", "suspending"
  char text[sizeof kState - 1];
  return sensor.state && ::pread(sensor.state.get(), text, sizeof text, 0) == sizeof text &&
         std::memcmp(text, kState, sizeof text) == 0;
}

/// Asleep, a counter stands where it stood and a gauge would show nothing.
void hold(Sensor& sensor, int64_t time_ns, Tally& tally) noexcept {
  if (sensor.gauge) {
    sensor.integral.add(0, time_ns, tally);
  } else {
    sensor.held = sensor.held || !sensor.seen;
    sensor.counter.look(sensor.last, time_ns, tally);
  }
}

void read_gauge(Sensor& sensor, Tally& tally) noexcept {
  uint64_t value = 0;
  uint64_t milliamperes = 1;
  const int64_t before = now_ns();
  const bool good = read_number(sensor.value.get(), &value) &&
                    (!sensor.current || read_number(sensor.current.get(), &milliamperes));
  const int64_t time_ns = midpoint(before, now_ns());
  // mV × mA is µW.
  const double watts = static_cast<double>(value) * static_cast<double>(milliamperes) * kMicro;
  if (!good || value == kNoMilliwatts || value == kNoValue || watts > sensor.max_watts) {
    sensor.integral.miss(tally);
  } else {
    sensor.integral.add(watts, time_ns, tally);
  }
}

void read_counter(Sensor& sensor, Tally& tally) noexcept {
  uint64_t value = 0;
  const int64_t before = now_ns();
  const bool good = read_number(sensor.value.get(), &value);
  const int64_t time_ns = midpoint(before, now_ns());
  const bool woken = good && !sensor.seen && sensor.held;
  if (woken) sensor.base = value;
  sensor.seen = sensor.seen || good;
  if (!good || woken) {
    // What a device used between waking and its first reading is lost: that reading is a miss.
    sensor.counter.miss(tally);
    return;
  }
  sensor.last = value - sensor.base;
  sensor.counter.look(sensor.last, time_ns, tally);
}

class Hwmon final : public Source {
 public:
  const std::vector<Domain>& domains() const override { return domains_; }
  const std::vector<std::string>& notes() const override { return notes_; }

  void read(Tally* tallies) noexcept override {
    for (size_t i = 0; i < sensors_.size(); ++i) {
      Sensor& sensor = sensors_[i];
      if (is_asleep(sensor)) {
        hold(sensor, now_ns(), tallies[i]);
      } else if (sensor.gauge) {
        read_gauge(sensor, tallies[i]);
      } else {
        read_counter(sensor, tallies[i]);
      }
    }
  }

 private:
  friend class Search;
  std::vector<Sensor> sensors_;
  std::vector<Domain> domains_;
  std::vector<std::string> notes_;
};

int last_number(const std::string& text) {
  const size_t end = text.find_last_of("0123456789");
  if (end == std::string::npos) return 0;
  const size_t before = text.find_last_not_of("0123456789", end);
  const auto number = parse_integer(text.substr(before + 1, end - before));
  return number && *number <= 1'000'000 ? static_cast<int>(*number) : 0;
}

/// A label as part of an id.
std::string plain(std::string label) {
  for (char& c : label) {
    const auto byte = static_cast<unsigned char>(c);
    c = std::isalnum(byte) != 0 || c == '_' || c == '.' || c == ':'
            ? static_cast<char>(std::tolower(byte))
            : '-';
  }
  return label;
}

void append(std::string& list, const std::string& item) {
  if (!list.empty()) list += ", ";
  list += item;
}

/// Finds the chips and channels that the table knows.
class Search {
 public:
  Search(const Host& host, const std::vector<Domain>& taken)
      : root_(host.root), modelled_(host.topology.modelled_rapl()), taken_(taken) {}

  Opened run() {
    const std::vector<HwmonChip> chips = find_hwmon_chips(root_);
    std::string names;
    for (size_t i = 0; i < chips.size(); ++i) {
      if (i == 0 || chips[i].name != chips[i - 1].name) append(names, chips[i].name);
      visit(chips[i]);
    }
    if (source_->domains_.empty() && !any_taken_) return refuse(names);
    settle_parents();
    explain();
    return std::move(source_);
  }

 private:
  void visit(const HwmonChip& chip) {
    const auto has = [&](const char* type) {
      return std::any_of(chip.channels.begin(), chip.channels.end(),
                         [&](const std::string& channel) { return channel.rfind(type, 0) == 0; });
    };
    if (!is_known_hwmon(chip.name)) {
      if (has("energy") || has("power")) append(unknown_, chip.name + " " + chip.address);
      return;
    }
    for (const std::string& channel : chip.channels) {
      const std::string label = hwmon_label(chip, channel);
      const HwmonRule* rule = find_hwmon_rule(chip, channel, label);
      if (rule == nullptr || rule->meaning.kind == nullptr) continue;
      // Voltages are for chips that do not multiply themselves.
      if (rule->current != 0 && has("power")) continue;
      add(chip, channel, label.empty() ? chip.address + "-" + channel : label, *rule);
    }
  }

  static std::string expand(const std::string& pattern, const HwmonChip& chip,
                            const std::string& label) {
    std::string text;
    for (size_t i = 0; i < pattern.size(); ++i) {
      if (pattern[i] != '%') {
        text += pattern[i];
        continue;
      }
      switch (pattern[++i]) {
        case 'a':
          text += chip.address;
          break;
        case 'c':
          text += chip.name;
          break;
        case 'i':
          text += std::to_string(chip.instance);
          break;
        case 'n':
          text += std::to_string(last_number(label));
          break;
        default:
          text += plain(label);
      }
    }
    return text;
  }

  void add(const HwmonChip& chip, const std::string& channel, const std::string& label,
           const HwmonRule& rule) {
    const HwmonMeaning& meaning = rule.meaning;
    const std::string pattern = meaning.id;
    Domain domain;
    domain.kind = meaning.kind;
    domain.id = expand(pattern, chip, label);
    if (is_taken(domain, source_->domains_)) {
      // Two rails may bear one name; anything else is there twice.
      if (domain.kind != "rail") return;
      domain.id += "-" + chip.address + "-" + channel;
    }
    domain.source = "hwmon";
    domain.parent = expand(meaning.parent, chip, label);
    domain.role = meaning.role;
    if (pattern.find("%n") != std::string::npos) domain.package = last_number(label);
    if (pattern.find("%i") != std::string::npos) domain.package = chip.instance;
    domain.max_watts = meaning.max_watts;
    domain.method = channel[0] == 'e' ? Method::counter : Method::gauge;
    if (rule.current != 0) domain.gain = kShuntGain;
    domain.unit = domain.gauge() ? 0 : kMicro;
    domain.update_s = rule.update_s;
    domain.wrap_joules = rule.wrap_joules;
    domain.modelled = modelled_ && domain.kind == "package" && !domain.gauge();
    if (is_taken(domain, taken_)) {
      any_taken_ = true;
      return;
    }
    Sensor sensor;
    if (!open(chip, channel, rule, domain, sensor)) return;
    source_->sensors_.push_back(std::move(sensor));
    source_->domains_.push_back(std::move(domain));
  }

  bool open(const HwmonChip& chip, const std::string& channel, const HwmonRule& rule,
            Domain& domain, Sensor& sensor) {
    fs::path path = chip.folder / (channel + "_average");
    std::error_code ignored;
    if (!fs::exists(path, ignored)) path = chip.folder / (channel + "_input");
    domain.path = below(root_, path);
    sensor.value = open_file(path);
    if (!sensor.value) return unreadable(path);
    if (rule.current != 0) {
      const std::string number =
          rule.current < 0 ? channel.substr(2) : std::to_string(rule.current);
      const fs::path current = chip.folder / ("curr" + number + "_input");
      sensor.current = open_file(current);
      if (!sensor.current) return unreadable(current);
    }
    if (domain.kind.rfind("gpu", 0) == 0) {
      sensor.state =
          open_file(root_ / "sys/bus/pci/devices" / chip.address / "power/runtime_status");
      if (!sensor.state) sensor.state = open_file(chip.hwmon / "device/power/runtime_status");
    }
    uint64_t value = 0;
    if (is_asleep(sensor)) {
      append(asleep_, domain.id);
    } else if (!read_number(sensor.value.get(), &value) ||
               (sensor.current && !read_number(sensor.current.get(), &value))) {
      return unreadable(path);
    }
    sensor.gauge = domain.gauge();
    sensor.max_watts = domain.max_watts;
    if (domain.gauge()) {
      const auto text = read_text(chip.folder / (channel + "_average_interval"));
      const auto ms = text ? parse_integer(*text) : std::nullopt;
      const bool plausible = ms && *ms > 0 && *ms <= 3'600'000;
      sensor.integral = Integral(plausible ? *ms * 1'000'000 : 0);
      if (plausible) domain.update_s = static_cast<double>(*ms) * 1e-3;
      return true;
    }
    Counter::Spec spec;
    spec.unit = kMicro;
    spec.max_watts = domain.max_watts;
    spec.modulus = 0;
    domain.may_rest = static_cast<bool>(sensor.state);
    if (domain.may_rest) spec.stall_ns = 0;
    sensor.counter = Counter(spec);
    return true;
  }

  bool unreadable(const fs::path& path) {
    const int error = errno;
    const std::string file = below(root_, path);
    if (error == EACCES || error == EPERM) {
      append(forbidden_, file);
      if (fix_.empty()) fix_ = "sudo chmod a+r " + file;
    } else if (error != ENOENT && error != ENODATA) {
      // ENODATA is how a channel says that it is switched off.
      append(silent_, file + " (" + std::generic_category().message(error) + ")");
    }
    return false;
  }

  /// Rails may be found before the module that holds them.
  void settle_parents() {
    for (Domain& domain : source_->domains_) {
      if (domain.parent.empty() || domain.parent.back() != '*') continue;
      const std::string kind = domain.parent.substr(0, domain.parent.size() - 2);
      const auto module = std::find_if(source_->domains_.begin(), source_->domains_.end(),
                                       [&](const Domain& other) { return other.kind == kind; });
      domain.parent = module == source_->domains_.end() ? "" : module->id;
    }
  }

  void explain() {
    std::vector<std::string>& notes = source_->notes_;
    std::string loose;
    for (const Domain& domain : source_->domains_) {
      if (domain.role == Role::part && domain.parent.empty()) append(loose, domain.id);
    }
    if (!loose.empty()) {
      notes.push_back("hwmon: not added to any total, since what they feed is not known: " + loose);
    }
    if (!asleep_.empty()) {
      notes.push_back("hwmon: asleep, not woken, and counted as 0 W while asleep: " + asleep_);
    }
    if (!unknown_.empty()) {
      notes.push_back("hwmon: left out, since what they measure is not known: " + unknown_);
    }
    if (!silent_.empty()) notes.push_back("hwmon: no reading in " + silent_);
    if (!forbidden_.empty()) notes.push_back("hwmon: not allowed to read " + forbidden_);
  }

  Refusal refuse(const std::string& names) const {
    if (!forbidden_.empty()) {
      return {Refusal::Kind::forbidden, "not allowed to read " + forbidden_, fix_};
    }
    if (!silent_.empty()) return {Refusal::Kind::broken, "no reading in " + silent_, ""};
    if (!unknown_.empty()) {
      return {Refusal::Kind::absent,
              "what these chips of /sys/class/hwmon measure is not known: " + unknown_, ""};
    }
    if (names.empty()) return {Refusal::Kind::absent, "there are no chips in /sys/class/hwmon", ""};
    return {Refusal::Kind::absent,
            "no chip in /sys/class/hwmon measures energy or power; there are: " + names, ""};
  }

  const fs::path& root_;
  const bool modelled_;
  const std::vector<Domain>& taken_;
  std::unique_ptr<Hwmon> source_ = std::make_unique<Hwmon>();
  bool any_taken_ = false;
  std::string unknown_;
  std::string asleep_;
  std::string silent_;
  std::string forbidden_;
  std::string fix_;
};

}  // namespace

Opened open_hwmon(const Host& host, const std::vector<Domain>& taken) {
  return Search(host, taken).run();
}

}  // namespace jouletap
