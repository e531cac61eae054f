// The machine's processors: vendor, family and model, and which CPU sits in which package and die.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace jouletap {

struct Cpu {
  int number;   // logical CPU
  int package;  // physical_package_id; need not be contiguous
  int die;      // die_id inside the package
  int core;     // core_id inside the package
};

struct Topology {
  std::string vendor;            // "GenuineIntel", "AuthenticAMD", "HygonGenuine"; empty if unknown
  std::string brand;             // "model name"
  bool virtual_machine = false;  // the processor says so
  int family = 0;
  int model = 0;
  std::vector<Cpu> cpus;  // those on line, by number; never empty

  bool intel() const { return vendor == "GenuineIntel"; }
  /// AMD and Hygon keep one energy counter a package, whatever the number of dies.
  bool amd() const { return vendor == "AuthenticAMD" || vendor == "HygonGenuine"; }
  /// Whether RAPL here is computed from activity counts: Sandy and Ivy Bridge, and Zen 2
  /// (arXiv 2108.00808).
  bool modelled_rapl() const;
  /// The CPU of that number, or null.
  const Cpu* find(int number) const;
  /// Package ids, ascending.
  std::vector<int> packages() const;
  /// Die ids of a package, ascending.
  std::vector<int> dies(int package) const;
  /// Logical CPUs of a package, and of one die of it if die ≥ 0.
  std::vector<int> cpus_of(int package, int die = -1) const;
};

/// Reads /proc/cpuinfo and /sys/devices/system/cpu below root. What is missing there is left at
/// its default: one CPU 0 in package 0 if nothing at all is known.
Topology read_topology(const std::filesystem::path& root);

}  // namespace jouletap
