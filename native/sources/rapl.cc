// Places RAPL domains in the tree, and finds powercap's zones by the names they give themselves.
#include "rapl.h"

#include <algorithm>
#include <optional>
#include <system_error>
#include <utility>

#include "../files.h"

namespace jouletap {
namespace {

constexpr int kDeepest = 3;  // control type, zone, child
// Twice the TDP of a 15 W laptop is less than it may draw for a minute under turbo.
constexpr double kLeastWatts = 500;

/// Zones below a folder: the class of sysfs lists all of them flat, and with them the control types
/// that hold them, but a mount may show only the nested ones.
void collect(const std::filesystem::path& folder, int depth, std::vector<RaplZone>& zones) {
  std::vector<std::filesystem::path> deeper;
  bool types = false;
  bool flat = false;
  for (const auto& name : list_folder(folder)) {
    if (name.rfind("intel-rapl", 0) != 0) continue;
    std::error_code error;
    if (!std::filesystem::is_directory(folder / name, error)) continue;
    deeper.push_back(folder / name);
    const bool is_zone = name.find(':') != std::string::npos;
    (is_zone ? flat : types) = true;
    const bool known = std::any_of(zones.begin(), zones.end(),
                                   [&](const RaplZone& zone) { return zone.name == name; });
    if (known || !is_zone) continue;
    RaplZone zone;
    zone.folder = folder / name;
    zone.name = name;
    zone.mmio = name.rfind("intel-rapl-mmio", 0) == 0;
    zones.push_back(std::move(zone));
  }
  // Where both are, nothing that is nested is new, and to look at it costs more than all the rest.
  if (depth == kDeepest || (flat && types)) return;
  for (const auto& path : deeper) collect(path, depth + 1, zones);
}

/// "intel-rapl:0" of "intel-rapl:0:1"; empty for a zone at the top.
std::string parent_of(const std::string& name) {
  const size_t last = name.rfind(':');
  return name.find(':') == last ? "" : name.substr(0, last);
}

/// The numbers where the pattern has a '%', as in "package-%-die-%"; nothing if it does not fit.
std::optional<std::vector<int>> match(const std::string& text, const std::string& pattern) {
  std::vector<int> numbers;
  size_t at = 0;
  for (const char c : pattern) {
    if (c != '%') {
      if (at >= text.size() || text[at++] != c) return std::nullopt;
      continue;
    }
    const size_t end = std::min(text.find_first_not_of("0123456789", at), text.size());
    const auto number = parse_integer(text.substr(at, end - at));
    if (!number || *number > 1'000'000) return std::nullopt;
    numbers.push_back(static_cast<int>(*number));
    at = end;
  }
  if (at != text.size()) return std::nullopt;
  return numbers;
}

bool place_top(int first_package, RaplZone& zone) {
  zone.kind = "package";
  if (const auto both = match(zone.label, "package-%-die-%")) {
    zone.package = both->front();
    zone.die = both->back();
    return true;
  }
  if (const auto package = match(zone.label, "package-%")) {
    zone.package = package->front();
    return true;
  }
  zone.kind = "psys";
  if (const auto package = match(zone.label, "psys-%")) {
    zone.package = package->front();
    return true;
  }
  zone.package = first_package;  // the kernel leaves out its number
  return zone.label == "psys";
}

bool place_child(const RaplZone& parent, RaplZone& zone) {
  zone.kind = zone.label;
  zone.package = parent.package;
  zone.die = parent.die;
  return parent.kind == "package" &&
         (zone.label == "core" || zone.label == "uncore" || zone.label == "dram");
}

/// Keeps dies apart only where each may have a counter of its own.
void settle_dies(const Topology& topology, std::vector<RaplZone>& tops) {
  for (const RaplZone& zone : tops) {
    const auto same = [&](const RaplZone& other) {
      return other.kind == zone.kind && other.mmio == zone.mmio && other.package == zone.package;
    };
    if (!topology.amd() && std::count_if(tops.begin(), tops.end(), same) > 1) continue;
    for (RaplZone& other : tops) {
      if (same(other)) other.die = -1;
    }
  }
}

double watts_in(const std::filesystem::path& file) {
  const auto text = read_text(file);
  const auto microwatts = text ? parse_integer(*text) : std::nullopt;
  return microwatts && *microwatts > 0 ? static_cast<double>(*microwatts) * 1e-6 : 0;
}

}  // namespace

Domain rapl_domain(const Topology& topology, const char* source, const std::string& kind,
                   int package, int die) {
  Domain domain;
  domain.id = domain_id(kind, package, die);
  domain.kind = kind;
  domain.source = source;
  if (kind == "core" || kind == "uncore" || kind == "cpu-core") {
    domain.role = Role::part;
    domain.parent = domain_id("package", package, die);
  } else if (kind == "psys") {
    domain.role = Role::whole;
  }
  domain.package = package;
  domain.die = die;
  domain.update_s = kRaplUpdateSeconds;
  domain.max_watts = kind == "psys" ? kPsysWatts : kRaplWatts;
  domain.may_rest = kind == "uncore" || kind == "cpu-core";  // graphics and single cores sleep
  domain.modelled = topology.modelled_rapl();
  return domain;
}

std::vector<RaplZone> find_rapl_zones(const Host& host, std::vector<std::string>& notes) {
  std::vector<RaplZone> found;
  collect(host.root / "sys/class/powercap", 1, found);
  std::stable_partition(found.begin(), found.end(),
                        [](const RaplZone& zone) { return !zone.mmio; });

  const int first_package = host.topology.packages().front();
  std::vector<RaplZone> tops;
  for (RaplZone& zone : found) {
    zone.label = read_text(zone.folder / "name").value_or("");
    if (!parent_of(zone.name).empty()) continue;
    if (place_top(first_package, zone)) {
      if (zone.kind == "package") zone.tdp = watts_in(zone.folder / "constraint_0_max_power_uw");
      tops.push_back(zone);
    } else {
      notes.push_back(zone.name + " is left out: its name \"" + zone.label + "\" is not known");
    }
  }
  settle_dies(host.topology, tops);

  std::vector<RaplZone> zones;
  for (const RaplZone& top : tops) {
    zones.push_back(top);
    for (RaplZone& zone : found) {
      if (parent_of(zone.name) != top.name) continue;
      if (place_child(top, zone)) {
        zones.push_back(zone);
      } else {
        notes.push_back(zone.name + " is left out: its name \"" + zone.label + "\" is not known");
      }
    }
  }
  return zones;
}

double package_watts(const std::vector<RaplZone>& zones, int package, int die) {
  double tdp = 0;
  for (const RaplZone& zone : zones) {
    if (zone.kind != "package" || zone.package != package) continue;
    if (zone.die >= 0 && die >= 0 && zone.die != die) continue;
    tdp = std::max(tdp, zone.tdp);
  }
  return tdp > 0 ? std::max(2 * tdp, kLeastWatts) : kRaplWatts;
}

}  // namespace jouletap
