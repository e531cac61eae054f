#include "topology.h"

#include <algorithm>
#include <set>
#include <sstream>

#include "files.h"

namespace jouletap {
namespace {

/// The value of "key : value" if the line has that key.
std::optional<std::string> value_of(const std::string& line, const std::string& key) {
  const size_t colon = line.find(':');
  if (colon == std::string::npos || line.rfind(key, 0) != 0) return std::nullopt;
  if (line.find_last_not_of(" \t", colon - 1) + 1 != key.size()) return std::nullopt;
  const size_t start = line.find_first_not_of(" \t", colon + 1);
  return start == std::string::npos ? "" : line.substr(start);
}

int integer_in(const std::filesystem::path& path, int otherwise) {
  const auto text = read_text(path);
  const auto value = text ? parse_integer(*text) : std::nullopt;
  return value ? static_cast<int>(*value) : otherwise;
}

/// Vendor, brand, family and model, and the CPUs as /proc/cpuinfo has them.
void read_cpuinfo(const std::filesystem::path& path, Topology& topology) {
  std::istringstream lines(read_text(path).value_or(""));
  std::string line;
  while (std::getline(lines, line)) {
    const auto number = [&](const char* key) -> std::optional<int> {
      const auto text = value_of(line, key);
      const auto value = text ? parse_integer(*text) : std::nullopt;
      return value ? std::optional<int>(static_cast<int>(*value)) : std::nullopt;
    };
    if (const auto cpu = number("processor")) topology.cpus.push_back({*cpu, 0, 0, *cpu});
    if (const auto vendor = value_of(line, "vendor_id")) topology.vendor = *vendor;
    if (const auto brand = value_of(line, "model name")) topology.brand = *brand;
    if (const auto flags = value_of(line, "flags")) {
      topology.virtual_machine = (" " + *flags + " ").find(" hypervisor ") != std::string::npos;
    }
    if (const auto family = number("cpu family")) topology.family = *family;
    if (const auto model = number("model")) topology.model = *model;
    if (topology.cpus.empty()) continue;
    if (const auto package = number("physical id")) topology.cpus.back().package = *package;
    if (const auto core = number("core id")) topology.cpus.back().core = *core;
  }
}

/// The CPUs as sysfs has them: those that are off line have no topology folder.
std::vector<Cpu> read_sysfs(const std::filesystem::path& folder) {
  std::vector<Cpu> cpus;
  for (const auto& name : list_folder(folder)) {
    if (name.rfind("cpu", 0) != 0) continue;
    const auto number = parse_integer(name.substr(3));
    const auto topology = folder / name / "topology";
    const int package = integer_in(topology / "physical_package_id", -1);
    if (!number || package < 0) continue;
    const int cpu = static_cast<int>(*number);
    cpus.push_back({cpu, package, std::max(0, integer_in(topology / "die_id", 0)),
                    integer_in(topology / "core_id", cpu)});
  }
  return cpus;
}

}  // namespace

Topology read_topology(const std::filesystem::path& root) {
  Topology topology;
  read_cpuinfo(root / "proc/cpuinfo", topology);
  if (auto cpus = read_sysfs(root / "sys/devices/system/cpu"); !cpus.empty()) {
    topology.cpus = std::move(cpus);
  }
  if (topology.cpus.empty()) topology.cpus.push_back({0, 0, 0, 0});
  std::sort(topology.cpus.begin(), topology.cpus.end(),
            [](const Cpu& a, const Cpu& b) { return a.number < b.number; });
  return topology;
}

bool Topology::modelled_rapl() const {
  if (intel() && family == 6) {
    return model == 0x2A || model == 0x2D || model == 0x3A || model == 0x3E;
  }
  return amd() && family == 0x17 && model >= 0x30;
}

const Cpu* Topology::find(int number) const {
  const auto it = std::find_if(cpus.begin(), cpus.end(),
                               [number](const Cpu& cpu) { return cpu.number == number; });
  return it == cpus.end() ? nullptr : &*it;
}

std::vector<int> Topology::packages() const {
  std::set<int> ids;
  for (const auto& cpu : cpus) ids.insert(cpu.package);
  return {ids.begin(), ids.end()};
}

std::vector<int> Topology::dies(int package) const {
  std::set<int> ids;
  for (const auto& cpu : cpus) {
    if (cpu.package == package) ids.insert(cpu.die);
  }
  return {ids.begin(), ids.end()};
}

std::vector<int> Topology::cpus_of(int package, int die) const {
  std::vector<int> numbers;
  for (const auto& cpu : cpus) {
    if (cpu.package == package && (die < 0 || cpu.die == die)) numbers.push_back(cpu.number);
  }
  return numbers;
}

}  // namespace jouletap
