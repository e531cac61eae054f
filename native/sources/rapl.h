// What the readers of RAPL share: how its domains relate, and what powercap's zones say of them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "../source.h"

namespace jouletap {

/// RAPL refreshes its registers every 2^-10 s.
constexpr double kRaplUpdateSeconds = 0x1p-10;
/// The most a package, its parts or its memory draw where the TDP is not known.
constexpr double kRaplWatts = 1000;
/// The most a platform draws.
constexpr double kPsysWatts = 10000;

/// A RAPL domain of kind "package", "core", "uncore", "dram", "psys" or "cpu-core", placed in the
/// tree. Unit, wrap, device and limit are the caller's.
Domain rapl_domain(const Topology& topology, const char* source, const std::string& kind,
                   int package, int die = -1);

/// A zone of powercap, known by its names and not by its numbers.
struct RaplZone {
  std::filesystem::path folder;
  std::string name;   // "intel-rapl:0:1"
  std::string label;  // "dram"; "package-0-die-1"
  std::string kind;   // "package", "core", "uncore", "dram", "psys"
  int package = 0;
  int die = -1;    // −1 on AMD and Hygon, and where the package has no second zone
  double tdp = 0;  // watts of a package; 0 where not known
  bool mmio = false;
};

/// The RAPL zones, each package followed by its children, the mmio ones last. What cannot be
/// placed is told in notes.
std::vector<RaplZone> find_rapl_zones(const Host& host, std::vector<std::string>& notes);

/// No package draws more than this: twice its TDP, and at least 500 W; kRaplWatts if the TDP is not
/// known.
double package_watts(const std::vector<RaplZone>& zones, int package, int die);

}  // namespace jouletap
