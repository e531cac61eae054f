// Zones of powercap, made of register counts as the kernel makes them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "check.h"
#include "opened.h"

namespace zones {

using jouletap::Domain;
using jouletap::Opened;

inline const std::string kClass = "sys/class/powercap/";

/// What a zone shows of a register: the kernel's arithmetic.
inline std::string shown(uint64_t raw, uint64_t nanojoules) {
  return std::to_string(raw * nanojoules / 1000) + "\n";
}

inline void zone(const Tree& tree, const std::string& name, const std::string& label, uint64_t raw,
                 uint64_t nanojoules = 61035) {
  tree.file(kClass + name + "/name", label + "\n");
  tree.file(kClass + name + "/energy_uj", shown(raw, nanojoules));
  tree.file(kClass + name + "/max_energy_range_uj", shown(0xffffffff, nanojoules));
}

inline Opened open(const Tree& tree, const std::vector<Domain>& taken = {}) {
  return jouletap::open_rapl_powercap(check::host_of(tree), taken);
}

}  // namespace zones
