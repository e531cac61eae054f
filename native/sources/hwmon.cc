// Energy counters and power gauges of /sys/class/hwmon: graphics cards, boards, meters, modules.
#include <algorithm>
#include <cctype>
#include <cerrno>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "../counter.h"
#include "../files.h"
#include "../integral.h"
#include "amdgpu.h"
#include "hwmon_chips.h"
#include "hwmon_gpus.h"
#include "hwmon_sensor.h"
#include "sources.h"

namespace jouletap {
namespace {

namespace fs = std::filesystem;

constexpr double kMicro = 1e-6;
// A resistor of 1 % and the error of an amplifier: one standard deviation of V × I.
constexpr double kShuntGain = 0.01;
// A range of 32 bits: what the accumulator of older cards may count in.
constexpr double kNarrowJoules = 4294967296.0 * kGpuMetricsJoules;

constexpr char kOtherDie[] = "the meter of their package's other die counts both: ";

class Hwmon final : public Source {
 public:
  const std::vector<Domain>& domains() const override { return domains_; }
  const std::vector<std::string>& notes() const override { return notes_; }
  std::vector<std::string> warnings() const override { return warnings_; }

  void read(Tally* tallies) noexcept override {
    for (size_t i = 0; i < sensors_.size(); ++i) sensors_[i].read(tallies[i]);
  }
  void read_call(int call, Tally* tallies) noexcept override {
    const auto i = static_cast<size_t>(call);
    sensors_[i].read(tallies[i]);
  }

 private:
  friend class Search;
  std::vector<HwmonSensor> sensors_;
  std::vector<Domain> domains_;
  std::vector<std::string> notes_;
  std::vector<std::string> warnings_;
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
      : root_(host.root), modelled_(host.topology.modelled_rapl()), taken_(taken), gpus_(host) {
    source_->warnings_ = gpus_.warnings();
    source_->notes_ = gpus_.notes();
  }

  Opened run() {
    const std::vector<HwmonChip> chips = find_hwmon_chips(root_);
    std::string names;
    for (size_t i = 0; i < chips.size(); ++i) {
      if (i == 0 || chips[i].name != chips[i - 1].name) append(names, chips[i].name);
      visit(chips[i]);
    }
    if (source_->domains_.empty() && !any_left_) return refuse(names);
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
    if (domain.kind.rfind("gpu", 0) == 0) {
      if (!gpus_.is_wanted(chip)) {
        any_left_ = true;
        return;
      }
      domain.device = gpus_.device_of(chip);
    }
    if (is_taken(domain, taken_)) {
      any_left_ = true;
      return;
    }
    HwmonSensor sensor;
    if (!open(chip, channel, rule, domain, sensor)) return;
    domain.call = static_cast<int>(source_->sensors_.size());
    source_->sensors_.push_back(std::move(sensor));
    source_->domains_.push_back(std::move(domain));
  }

  bool open(const HwmonChip& chip, const std::string& channel, const HwmonRule& rule,
            Domain& domain, HwmonSensor& sensor) {
    const fs::path path = hwmon_value(chip, channel);
    domain.path = below(root_, path);
    sensor.max_watts = domain.max_watts;
    sensor.value = open_file(path);
    if (!sensor.value) return unreadable(path);
    if (rule.current != 0 && !chip.iio) {
      const std::string number =
          rule.current < 0 ? channel.substr(2) : std::to_string(rule.current);
      const fs::path current = chip.folder / ("curr" + number + "_input");
      sensor.current = open_file(current);
      if (!sensor.current) return unreadable(current);
    }
    if (domain.kind.rfind("gpu", 0) == 0) {
      sensor.state = open_file(root_ / "sys/bus/pci/devices" / chip.pci / "power/runtime_status");
      if (!sensor.state) sensor.state = open_file(chip.hwmon / "device/power/runtime_status");
    }
    if (sensor.is_asleep()) {
      append(asleep_, domain.id);
    } else {
      uint64_t value = 0;
      const bool good = read_number(sensor.value.get(), &value) &&
                        (!sensor.current || read_number(sensor.current.get(), &value));
      const int error = errno;
      if (rule.gpu_metrics) {
        const Accumulator found = open_accumulator(chip, good && value > 0, domain, sensor);
        if (found == Accumulator::usable) return true;
        if (found == Accumulator::of_other_die) return false;
      }
      errno = error;
      if (!good) return unreadable(path);
    }
    if (domain.gauge()) {
      open_gauge(chip, channel, domain, sensor);
    } else {
      Counter::Spec spec;
      spec.unit = kMicro;
      spec.modulus = 0;
      open_counter(spec, domain, sensor);
    }
    return true;
  }

  static void open_gauge(const HwmonChip& chip, const std::string& channel, Domain& domain,
                         HwmonSensor& sensor) {
    if (chip.iio) sensor.watts_per_count = 1e-3;
    const auto text = read_text(chip.folder / (channel + "_average_interval"));
    const auto ms = text ? parse_integer(*text) : std::nullopt;
    const bool plausible = ms && *ms > 0 && *ms <= 3'600'000;
    sensor.integral = Integral(plausible ? *ms * 1'000'000 : 0);
    if (plausible) domain.update_s = static_cast<double>(*ms) * 1e-3;
  }

  static void open_counter(Counter::Spec spec, Domain& domain, HwmonSensor& sensor) {
    sensor.kind = HwmonSensor::Kind::counter;
    spec.max_watts = domain.max_watts;
    domain.may_rest = static_cast<bool>(sensor.state);
    if (domain.may_rest) spec.stall_ns = 0;
    sensor.counter = Counter(spec);
  }

  enum class Accumulator { usable, none, of_other_die };

  /// Takes the card's energy accumulator instead of its gauge, where that can be counted on.
  Accumulator open_accumulator(const HwmonChip& chip, bool draws, Domain& domain,
                               HwmonSensor& sensor) {
    const fs::path path = chip.hwmon / "device/gpu_metrics";
    File table = open_file(path);
    if (!table) return Accumulator::none;
    GpuMetrics metrics;
    if (!read_gpu_metrics(table.get(), &metrics)) {
      const int error = errno;
      const std::string revision =
          "v" + std::to_string(metrics.format) + "." + std::to_string(metrics.content);
      if (error == EPROTONOSUPPORT) {
        doubt(domain, "gpu_metrics " + revision + " is not known");
      } else if (error == EINVAL) {
        doubt(domain, "gpu_metrics is torn");
      } else if (error != EOPNOTSUPP) {
        doubt(domain, "gpu_metrics: " + std::generic_category().message(error));
      }
      return Accumulator::none;
    }
    if (metrics.format != 1) return Accumulator::none;
    // So the kernel fills the table of an MI250's second die.
    if (metrics.energy == uint64_t{0} && metrics.watts == uint16_t{0} && !draws) {
      append(dies_, domain.id);
      return Accumulator::of_other_die;
    }
    if (!metrics.energy) return Accumulator::none;
    if (*metrics.energy == 0) {
      doubt(domain, "it stands at 0");
      return Accumulator::none;
    }
    if (!metrics.watts) {
      doubt(domain, "nothing beside it tells whether it stands still");
      return Accumulator::none;
    }
    domain.path = below(root_, path);
    domain.method = Method::counter;
    domain.unit = kGpuMetricsJoules;
    domain.wrap_joules = metrics.wide ? 0 : kNarrowJoules;
    sensor.value = std::move(table);
    Counter::Spec spec;
    spec.unit = kGpuMetricsJoules;
    // Older firmware counts in 32 bits, that of MI200 in 64, and the table does not tell which.
    spec.modulus = metrics.wide ? 0 : uint64_t{1} << 32;
    spec.observe_width = !metrics.wide;
    // Whether it may stand still is judged by the gauge beside it.
    spec.stall_ns = 0;
    open_counter(spec, domain, sensor);
    domain.may_rest = true;
    sensor.kind = HwmonSensor::Kind::gpu_metrics;
    return Accumulator::usable;
  }

  void doubt(const Domain& domain, const std::string& reason) {
    append(doubts_, domain.id + " (" + reason + ")");
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
    if (!doubts_.empty()) {
      notes.push_back("hwmon: power is integrated, since the energy accumulator is no use: " +
                      doubts_);
    }
    if (!dies_.empty()) {
      notes.push_back(
          "hwmon: left out, since the meter of their package's other die counts both: " + dies_);
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
    if (!dies_.empty()) return {Refusal::Kind::absent, std::string(kOtherDie) + dies_, ""};
    if (names.empty()) return {Refusal::Kind::absent, "there are no chips in /sys/class/hwmon", ""};
    return {Refusal::Kind::absent,
            "no chip in /sys/class/hwmon measures energy or power; there are: " + names, ""};
  }

  const fs::path& root_;
  const bool modelled_;
  const std::vector<Domain>& taken_;
  const HwmonGpus gpus_;
  std::unique_ptr<Hwmon> source_ = std::make_unique<Hwmon>();
  bool any_left_ = false;
  std::string unknown_;
  std::string asleep_;
  std::string doubts_;
  std::string dies_;
  std::string silent_;
  std::string forbidden_;
  std::string fix_;
};

}  // namespace

Opened open_hwmon(const Host& host, const std::vector<Domain>& taken) {
  return Search(host, taken).run();
}

}  // namespace jouletap
