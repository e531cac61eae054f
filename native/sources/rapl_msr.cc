// RAPL through /dev/cpu/N/msr: the energy registers of Intel, AMD and Hygon, one pread a domain.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "../clock.h"
#include "../counter.h"
#include "../files.h"
#include "msr.h"
#include "rapl.h"
#include "sources.h"

namespace jouletap {
namespace {

constexpr uint32_t kEnergyFiltering = 0xbc;   // bit 0, Intel
constexpr uint32_t kIntelUnits = 0x606;       // bits 3:0 power, 12:8 energy
constexpr uint32_t kIntelPower = 0x614;       // bits 14:0 TDP in power units
constexpr uint32_t kAmdUnits = 0xc0010299;    // bits 12:8 energy
constexpr uint32_t kAmdPackage = 0xc001029b;  // its neighbour, …029a, is one core's: not used
constexpr uint64_t kLowerHalf = 0xffffffff;
constexpr double kRange = 4294967296;  // counts of a 32-bit register
// Twice the TDP of a 15 W laptop is less than it may draw for a minute under turbo.
constexpr double kLeastWatts = 500;

struct Register {
  const char* kind;
  uint32_t number;
  double max_watts;  // 0: from the package's TDP
};

constexpr Register kIntelRegisters[] = {
    {"package", 0x611, 0}, {"dram", 0x619, kRaplWatts}, {"core", 0x639, 0},
    {"uncore", 0x641, 0},  {"psys", 0x64d, kPsysWatts},
};
constexpr Register kAmdRegisters[] = {{"package", kAmdPackage, kRaplWatts}};

// Intel models of family 6 whose unit register does not tell the truth (arch/x86/events/rapl.c and
// drivers/powercap/intel_rapl_common.c). DRAM counts 2^-16 J: Haswell-X, Broadwell-X and -D,
// Skylake-X to Cooper Lake, Ice Lake-X and -D, Knights Landing, Knights Mill.
constexpr int kFixedDramModels[] = {0x3f, 0x4f, 0x56, 0x55, 0x6a, 0x6c, 0x57, 0x85};
// psys counts joules: Sapphire Rapids, Emerald Rapids.
constexpr int kJoulePsysModels[] = {0x8f, 0xcf};
// The exponent n means 2^n µJ: Silvermont, Airmont.
constexpr int kMicrojouleModels[] = {0x37, 0x4a, 0x4d, 0x4c, 0x5a};
constexpr int kXeonD = 0x56;
// Those whose unit register is known to be right.
constexpr int kPlainModels[] = {0x2a, 0x2d, 0x3a, 0x3e, 0x3c, 0x45, 0x46, 0x3d, 0x47, 0x5c,
                                0x5f, 0x7a, 0x4e, 0x5e, 0x8e, 0x9e, 0x66, 0x7d, 0x7e, 0xa5,
                                0xa6, 0xa7, 0x8c, 0x8d, 0x97, 0x9a, 0xbe, 0xb7, 0xba, 0xbf,
                                0xaa, 0xac, 0xc5, 0xc6, 0xb5, 0xbd, 0x86, 0x96, 0x9c};
// Their counters are in TPMI memory: Granite Rapids (D), Sierra Forest, Clearwater Forest.
constexpr int kTpmiModels[] = {0xad, 0xae, 0xaf, 0xdd};
constexpr int kAmdFamilies[] = {0x17, 0x18, 0x19, 0x1a};

template <typename Table>
bool contains(const Table& table, int value) {
  return std::find(std::begin(table), std::end(table), value) != std::end(table);
}

double energy_unit(const Topology& cpus, const std::string& kind, uint64_t units) {
  const int exponent = static_cast<int>(units >> 8 & 0x1f);
  if (cpus.intel() && cpus.family == 6) {
    if (kind == "dram" && contains(kFixedDramModels, cpus.model)) return 1.0 / 65536;
    if (kind == "psys" && contains(kJoulePsysModels, cpus.model)) return 1;
    if (contains(kMicrojouleModels, cpus.model)) return std::ldexp(1e-6, exponent);
  }
  return std::ldexp(1.0, -exponent);
}

bool is_known(const Topology& cpus) {
  if (cpus.amd()) return contains(kAmdFamilies, cpus.family);
  return cpus.family == 6 &&
         (contains(kPlainModels, cpus.model) || contains(kFixedDramModels, cpus.model) ||
          contains(kJoulePsysModels, cpus.model) || contains(kMicrojouleModels, cpus.model));
}

/// CPUs that share one set of registers, and the one they are read on.
struct Group {
  int package;
  int die;  // −1 unless the package's dies have counters of their own
  File msr;
  std::filesystem::path path;
  int error = ENOENT;  // why no CPU's file opens
  File spare = {};     // the same registers on another CPU, where there is one

  std::string name() const { return domain_id("package", package, die); }
};

std::filesystem::path msr_of(const Host& host, int cpu) {
  return host.root / "dev/cpu" / std::to_string(cpu) / "msr";
}

Group open_group(const Host& host, int package, int die) {
  Group group{package, die, {}, {}};
  const std::vector<int> cpus = host.topology.cpus_of(package, die);
  for (const int cpu : cpus) {
    group.path = msr_of(host, cpu);
    group.msr = open_file(group.path);
    if (!group.msr) {
      group.error = errno;
      // A CPU off line does not hide its siblings; a missing permission is the same for all.
      if (group.error == EACCES || group.error == EPERM) break;
      continue;
    }
    // The last one is most likely another core, which stays when this one goes.
    for (auto other = cpus.rbegin(); !group.spare && *other != cpu; ++other) {
      group.spare = open_file(msr_of(host, *other));
    }
    break;
  }
  return group;
}

std::vector<Group> open_groups(const Host& host) {
  const Topology& cpus = host.topology;
  std::vector<Group> groups;
  for (const int package : cpus.packages()) {
    const std::vector<int> dies = cpus.dies(package);
    if (cpus.intel() && dies.size() > 1) {
      for (const int die : dies) groups.push_back(open_group(host, package, die));
    } else {
      groups.push_back(open_group(host, package, -1));
    }
  }
  return groups;
}

Refusal unopened(const Host& host, const Group& group) {
  const std::string path = below(host.root, group.path);
  // The file's mode and the capability are both checked at open, and at open only. A copy of
  // node, because capabilities hold for every script and switch LD_LIBRARY_PATH off.
  const std::string grant =
      "cp \"$(command -v node)\" ./node-energy && "
      "sudo setcap cap_sys_rawio,cap_dac_read_search+ep ./node-energy";
  switch (group.error) {
    case EACCES: {
      struct stat status{};
      char mode[8] = "";
      if (::stat(group.path.c_str(), &status) == 0) {
        std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(status.st_mode & 07777));
      }
      return {Refusal::Kind::forbidden,
              path + " may not be read (mode " + (*mode != 0 ? mode : "unknown") +
                  "); opening it takes that permission and CAP_SYS_RAWIO",
              grant};
    }
    case EPERM:
      if (::geteuid() == 0) {
        return {Refusal::Kind::forbidden,
                path + " may not be opened: root here has no CAP_SYS_RAWIO, as in a container",
                "docker run --cap-add SYS_RAWIO --device " + path + " …"};
      }
      return {Refusal::Kind::forbidden, path + " may not be opened without CAP_SYS_RAWIO", grant};
    case ENXIO:
      return {Refusal::Kind::absent, path + " belongs to a CPU that is off line", ""};
    case ENOENT:
    case ENOTDIR:
      return absent(host, "there is no " + path + ": the module msr is not loaded",
                    "sudo modprobe msr");
    default:
      return {Refusal::Kind::broken,
              path + " does not open: " + std::generic_category().message(group.error), ""};
  }
}

/// What no real package of this CPU can use.
double watts_of(int msr, uint64_t units) {
  uint64_t power = 0;
  if (!read_register(msr, kIntelPower, &power)) return kRaplWatts;
  const double tdp =
      static_cast<double>(power & 0x7fff) * std::ldexp(1.0, -static_cast<int>(units & 0xf));
  return tdp >= 1 && tdp <= 2000 ? std::max(2 * tdp, kLeastWatts) : kRaplWatts;
}

void append(std::string& list, const std::string& item) {
  if (!list.empty()) list += ", ";
  list += item;
}

struct Slot {
  size_t group;
  uint32_t number;
  uint64_t mask;
  Counter counter;
};

class RaplMsr final : public Source {
 public:
  const std::vector<Domain>& domains() const override { return domains_; }
  const std::vector<std::string>& notes() const override { return notes_; }
  std::vector<int> home() const override { return home_; }

  bool stamps() const override { return true; }

  void read(Tally* tallies) noexcept override {
    int64_t before = now_ns();
    for (size_t i = 0; i < slots_.size(); ++i) before = read_slot(slots_[i], before, tallies[i]);
  }
  void read_call(int call, Tally* tallies) noexcept override {
    const auto i = static_cast<size_t>(call);
    read_slot(slots_[i], now_ns(), tallies[i]);
  }
  void resume() noexcept override {
    for (Slot& slot : slots_) slot.counter.resume();
  }

 private:
  /// Returns when it was done.
  int64_t read_slot(Slot& slot, int64_t before_ns, Tally& tally) noexcept {
    uint64_t raw = 0;
    const bool good = groups_[slot.group].read(slot.number, &raw);
    const int64_t after_ns = now_ns();
    tally.stamp = stamp_between(before_ns, after_ns);
    if (good) {
      slot.counter.look(raw & slot.mask, tally.stamp.time_ns, tally);
    } else {
      slot.counter.miss(tally);
    }
    return after_ns;
  }

  friend class Probe;
  std::vector<Registers> groups_;
  std::vector<Slot> slots_;  // one a domain
  std::vector<Domain> domains_;
  std::vector<std::string> notes_;
  std::vector<int> home_;
};

/// Finds the registers that count.
class Probe {
 public:
  Probe(const Host& host, const std::vector<Domain>& taken)
      : root_(host.root), cpus_(host.topology), taken_(taken) {}

  Opened run(std::vector<Group> groups) {
    for (Group& group : groups) {
      uint64_t units = 0;
      // A unit register of 0 is a virtual machine's way of ignoring the question.
      if (!group.msr ||
          !read_register(group.msr.get(), cpus_.amd() ? kAmdUnits : kIntelUnits, &units) ||
          units == 0) {
        append(unread_, group.name());
        continue;
      }
      probe_group(group, units);
      if (source_->home_.empty()) source_->home_ = cpus_.cpus_of(group.package);
      source_->groups_.push_back({std::move(group.msr), std::move(group.spare)});
    }
    if (source_->domains_.empty() && !any_taken_) {
      if (zeros_.empty()) {
        return Refusal{Refusal::Kind::absent,
                       "/dev/cpu/*/msr opens but gives no energy register: virtual machines hide "
                       "RAPL registers",
                       ""};
      }
      return Refusal{Refusal::Kind::broken, "the energy registers do not count: all read 0", ""};
    }
    explain();
    return std::move(source_);
  }

 private:
  void probe_group(const Group& group, uint64_t units) {
    const bool amd = cpus_.amd();
    const double package_watts = amd ? kRaplWatts : watts_of(group.msr.get(), units);
    const Register* entry = amd ? std::begin(kAmdRegisters) : std::begin(kIntelRegisters);
    const Register* end = amd ? std::end(kAmdRegisters) : std::end(kIntelRegisters);
    for (; entry != end; ++entry) {
      // psys is the one machine's, whichever package shows it: the first package's is read.
      const bool board = std::string_view(entry->kind) == "psys";
      if (board && std::exchange(psys_seen_, true)) continue;
      uint64_t raw = 0;
      if (!read_register(group.msr.get(), entry->number, &raw)) continue;  // EIO: no such register
      if (!amd) raw &= kLowerHalf;
      add(group, *entry, units, entry->max_watts > 0 ? entry->max_watts : package_watts, raw);
    }
    uint64_t filter = 0;
    if (!amd && read_register(group.msr.get(), kEnergyFiltering, &filter) && (filter & 1) != 0) {
      append(filtered_, group.name());
    }
  }

  void add(const Group& group, const Register& entry, uint64_t units, double max_watts,
           uint64_t raw) {
    const bool board = std::string_view(entry.kind) == "psys";
    Domain domain =
        rapl_domain(cpus_, "rapl-msr", entry.kind, group.package, board ? -1 : group.die);
    if (is_taken(domain, taken_)) {
      any_taken_ = true;
      return;
    }
    const double unit = energy_unit(cpus_, domain.kind, units);
    // Where psys counts whole joules it may still be at 0.
    if (raw == 0 && !(board && unit == 1)) {
      append(zeros_, domain.id);
      return;
    }
    const bool amd = cpus_.amd();
    domain.path = below(root_, group.path);
    domain.call = static_cast<int>(source_->slots_.size());
    domain.unit = unit;
    // An upper half that is in use will not wrap in the life of a machine.
    domain.wrap_joules = amd && raw > kLowerHalf ? 0 : kRange * unit;
    domain.max_watts = max_watts;
    Counter::Spec spec;
    spec.unit = unit;
    spec.max_watts = max_watts;
    spec.observe_width = amd;
    if (domain.may_rest) spec.stall_ns = 0;
    const uint64_t mask = amd ? ~uint64_t{0} : kLowerHalf;
    source_->slots_.push_back({source_->groups_.size(), entry.number, mask, Counter(spec)});
    source_->domains_.push_back(std::move(domain));
  }

  void explain() {
    std::vector<std::string>& notes = source_->notes_;
    if (!unread_.empty()) {
      notes.push_back("rapl-msr: no CPU gives the registers of " + unread_ +
                      "; its energy is missing");
    }
    if (!zeros_.empty()) notes.push_back("rapl-msr: left out because they read 0: " + zeros_);
    if (!filtered_.empty()) {
      notes.push_back("rapl-msr: energy filtering is on in " + filtered_ +
                      ": the hardware adds noise at short windows");
    }
    if (!is_known(cpus_)) {
      char name[64];
      std::snprintf(name, sizeof name, "family %02xh model %02xh",
                    static_cast<unsigned>(cpus_.family), static_cast<unsigned>(cpus_.model));
      notes.push_back(std::string("rapl-msr: ") + name +
                      " is not known here; its units are taken from its unit register");
    }
    const auto is_dram = [](const Domain& domain) { return domain.kind == "dram"; };
    if (cpus_.intel() && cpus_.family == 6 && cpus_.model == kXeonD &&
        std::any_of(source_->domains_.begin(), source_->domains_.end(), is_dram)) {
      notes.push_back("rapl-msr: tools disagree on the unit of DRAM on Xeon D; it is 2^-16 J here");
    }
  }

  const std::filesystem::path& root_;
  const Topology& cpus_;
  const std::vector<Domain>& taken_;
  std::unique_ptr<RaplMsr> source_ = std::make_unique<RaplMsr>();
  std::string unread_;
  std::string zeros_;
  std::string filtered_;
  bool any_taken_ = false;
  bool psys_seen_ = false;
};

}  // namespace

Opened open_rapl_msr(const Host& host, const std::vector<Domain>& taken) {
  const Topology& cpus = host.topology;
  if (!cpus.intel() && !cpus.amd()) {
    return Refusal{Refusal::Kind::absent,
                   "no RAPL registers are known for this processor (vendor " +
                       (cpus.vendor.empty() ? std::string("unknown") : cpus.vendor) + ")",
                   ""};
  }
  if (cpus.intel() && cpus.family == 6 && contains(kTpmiModels, cpus.model)) {
    return Refusal{Refusal::Kind::absent,
                   "this processor keeps its energy counters in TPMI, not in registers: only "
                   "rapl-powercap and rapl-perf reach them",
                   ""};
  }
  std::vector<Group> groups = open_groups(host);
  const auto find = [&](auto&& wanted) {
    return std::find_if(groups.begin(), groups.end(), wanted);
  };
  if (find([](const Group& group) { return static_cast<bool>(group.msr); }) == groups.end()) {
    // What can be mended is told first.
    const auto barred =
        find([](const Group& group) { return group.error == EACCES || group.error == EPERM; });
    return unopened(host, barred != groups.end() ? *barred : groups.front());
  }
  return Probe(host, taken).run(std::move(groups));
}

}  // namespace jouletap
