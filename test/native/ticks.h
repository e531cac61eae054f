// A real PMU whose time-stamp counter stands in for energy: joules are ticks times a scale.
#pragma once

#include <linux/perf_event.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstring>
#include <locale>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "../../native/files.h"
#include "check.h"
#include "opened.h"

namespace ticks {

using jouletap::Domain;
using jouletap::File;
using jouletap::Opened;

inline const std::string kPower = "sys/bus/event_source/devices/power/";
constexpr double kScale = 1e-8;  // joules of one tick: tens of watts

inline File open_tick_counter(uint32_t type, int cpu) {
  perf_event_attr attr;
  std::memset(&attr, 0, sizeof attr);
  attr.size = sizeof attr;
  attr.type = type;
  return File(
      static_cast<int>(syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
}

/// The type of the PMU that counts TSC ticks as its event 0; skips the test where it is closed.
inline uint32_t tick_type() {
  const auto text = jouletap::read_text("/sys/bus/event_source/devices/msr/type");
  if (!text) skip("this kernel has no msr PMU");
  const auto type = static_cast<uint32_t>(*jouletap::parse_integer(*text));
  if (!open_tick_counter(type, 0)) {
    skip("perf_event_open of the msr PMU: " + std::string(std::strerror(errno)));
  }
  return type;
}

inline void event(const Tree& tree, const std::string& name, double joules) {
  std::ostringstream scale;
  scale.imbue(std::locale::classic());
  scale.precision(17);
  scale << joules;
  tree.file(kPower + "events/" + name, "event=0x00\n");
  tree.file(kPower + "events/" + name + ".scale", scale.str() + "\n");
  tree.file(kPower + "events/" + name + ".unit", "Joules\n");
}

/// A PMU of ticks on these CPUs, with energy-pkg.
inline void pmu(const Tree& tree, const std::string& cpumask) {
  tree.file(kPower + "type", std::to_string(tick_type()) + "\n");
  tree.file(kPower + "cpumask", cpumask + "\n");
  tree.file(kPower + "format/event", "config:0-7\n");
  event(tree, "energy-pkg", kScale);
}

inline void need_two_cpus() {
  if (std::thread::hardware_concurrency() < 2) skip("needs two CPUs");
}

inline Opened open(const Tree& tree, const std::vector<Domain>& taken = {}) {
  return jouletap::open_rapl_perf(check::host_of(tree), taken);
}

/// Descriptors of perf events of this process, ascending: a group's leader before its siblings.
inline std::vector<int> perf_descriptors() {
  std::vector<int> descriptors;
  for (const std::string& name : jouletap::list_folder("/proc/self/fd")) {
    std::error_code error;
    const auto target = std::filesystem::read_symlink("/proc/self/fd/" + name, error);
    if (target == "anon_inode:[perf_event]") descriptors.push_back(std::stoi(name));
  }
  return descriptors;
}

}  // namespace ticks
