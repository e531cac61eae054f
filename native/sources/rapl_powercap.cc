// Reads RAPL through powercap: one file of microjoules a domain, turned back into register counts.
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <set>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "../clock.h"
#include "../counter.h"
#include "../files.h"
#include "rapl.h"
#include "sources.h"

namespace jouletap {
namespace {

constexpr char kName[] = "rapl-powercap";
constexpr char kUnmask[] = "docker run --security-opt systempaths=unconfined";
constexpr char kGrant[] = "sudo chmod a+r /sys/class/powercap/*/energy_uj";
constexpr uint64_t kRegisterMax = 0xffffffff;

/// How energy_uj follows from the register: floor(raw × u / 1000), with u whole nanojoules.
struct Format {
  double unit = 1e-6;  // joules of one count
  uint64_t modulus = 0;
  uint64_t nanojoules = 0;  // u; 0: the register cannot be recovered, counts are microjoules
  uint64_t max_uj = UINT64_MAX;

  /// False for more microjoules than there can be.
  bool recover(uint64_t microjoules, uint64_t* raw) const {
    if (microjoules > max_uj) return false;
    *raw = nanojoules == 0 ? microjoules : (microjoules * 1000 + nanojoules - 1) / nanojoules;
    return true;
  }
};

Format format_of(uint64_t max_uj) {
  Format format;
  format.max_uj = max_uj;
  format.modulus = max_uj + 1;  // 0 for the greatest: 2^64
  if (max_uj > UINT64_MAX / 1000) return format;
  const uint64_t u = (max_uj * 1000 + kRegisterMax / 2) / kRegisterMax;
  // Below 1000 nJ neighbouring counts share a microjoule.
  if (u < 1000 || kRegisterMax * u / 1000 != max_uj) return format;
  format.nanojoules = u;
  format.modulus = kRegisterMax + 1;
  // The kernel cut the true unit, a power of two, to nanojoules: up to 52 ppm.
  const double power =
      std::ldexp(1.0, -static_cast<int>(std::lround(std::log2(1e9 / static_cast<double>(u)))));
  const bool cut = std::floor(power * 1e9) == static_cast<double>(u);
  format.unit = cut ? power : static_cast<double>(u) / 1e9;
  return format;
}

struct Reader {
  File file;
  Format format;
  Counter counter;

  bool read(uint64_t* raw) const noexcept {
    uint64_t microjoules = 0;
    return read_number(file.get(), &microjoules) && format.recover(microjoules, raw);
  }
};

class Powercap : public Source {
 public:
  const std::vector<Domain>& domains() const override { return domains_; }
  const std::vector<std::string>& notes() const override { return notes_; }
  std::vector<Domain> unread() const override { return unread_; }

  bool stamps() const override { return true; }

  void read(Tally* tallies) noexcept override {
    int64_t before = now_ns();
    for (size_t i = 0; i < readers_.size(); ++i) before = read_one(i, before, tallies[i]);
  }
  void read_call(int call, Tally* tallies) noexcept override {
    const auto i = static_cast<size_t>(call);
    read_one(i, now_ns(), tallies[i]);
  }
  void resume() noexcept override {
    for (Reader& reader : readers_) reader.counter.resume();
  }

  void add(Domain domain, Reader reader) {
    domains_.push_back(std::move(domain));
    readers_.push_back(std::move(reader));
  }
  void leave(Domain domain) { unread_.push_back(std::move(domain)); }
  void note(std::string sentence) { notes_.push_back(std::move(sentence)); }
  bool has(const std::string& id) const {
    return std::any_of(domains_.begin(), domains_.end(),
                       [&](const Domain& domain) { return domain.id == id; });
  }
  void merge_mirrored_dies(const Topology& topology);
  /// Every domain is read by a call of its own.
  void number() {
    for (size_t i = 0; i < domains_.size(); ++i) domains_[i].call = static_cast<int>(i);
  }

 private:
  /// Returns when it was done.
  int64_t read_one(size_t i, int64_t before_ns, Tally& tally) noexcept {
    Reader& reader = readers_[i];
    uint64_t raw = 0;
    const bool good = reader.read(&raw);
    const int64_t after_ns = now_ns();
    tally.stamp = stamp_between(before_ns, after_ns);
    if (good) {
      reader.counter.look(raw, tally.stamp.time_ns, tally);
    } else {
      reader.counter.miss(tally);
    }
    return after_ns;
  }
  std::vector<size_t> dies_of(int package) const;
  bool mirrored(const std::vector<size_t>& dies, bool intel) const;

  std::vector<Domain> domains_;
  std::vector<Domain> unread_;
  std::vector<Reader> readers_;
  std::vector<std::string> notes_;
};

std::vector<size_t> Powercap::dies_of(int package) const {
  std::vector<size_t> dies;
  for (size_t i = 0; i < domains_.size(); ++i) {
    const Domain& domain = domains_[i];
    if (domain.kind == "package" && domain.package == package && domain.die >= 0) dies.push_back(i);
  }
  return dies;
}

/// Whether the dies show one and the same counter: equal in five looks, and moving. Only Intel has
/// dies with counters of their own, so elsewhere it is enough that they are equal and not at rest
/// at zero.
bool Powercap::mirrored(const std::vector<size_t>& dies, bool intel) const {
  std::set<uint64_t> seen;
  for (int look = 0; look < 5; ++look) {
    if (look > 0) std::this_thread::sleep_for(std::chrono::microseconds(1100));
    for (size_t i = 1; i < dies.size(); ++i) {
      // The counter may step between two reads; a mirror then equals one of the first die's.
      uint64_t before = 0;
      uint64_t other = 0;
      uint64_t after = 0;
      if (!readers_[dies[0]].read(&before) || !readers_[dies[i]].read(&other) ||
          !readers_[dies[0]].read(&after) || (other != before && other != after)) {
        return false;
      }
      seen.insert({before, after});
    }
  }
  return seen.size() > 1 || (!intel && *seen.begin() != 0);
}

/// Adding a counter that shows under several dies would multiply the package's energy.
void Powercap::merge_mirrored_dies(const Topology& topology) {
  std::set<int> packages;
  for (const Domain& domain : domains_) packages.insert(domain.package);
  for (const int package : packages) {
    const std::vector<size_t> dies = dies_of(package);
    if (dies.size() < 2 || !mirrored(dies, topology.intel())) continue;
    const int kept = domains_[dies[0]].die;
    for (size_t i = domains_.size(); i-- > 0;) {
      Domain& domain = domains_[i];
      if (domain.package != package || domain.die < 0) continue;
      if (domain.die == kept) {
        domain.die = -1;
        domain.id = domain_id(domain.kind, package);
        if (!domain.parent.empty()) domain.parent = domain_id("package", package);
      } else {
        domains_.erase(domains_.begin() + static_cast<std::ptrdiff_t>(i));
        readers_.erase(readers_.begin() + static_cast<std::ptrdiff_t>(i));
      }
    }
    note("the dies of package " + std::to_string(package) +
         " show one and the same counter: it is read once");
  }
}

/// Why nothing is listed: on a real sysfs because there is nothing, else because it is hidden.
Refusal no_zones(const Host& host, const std::filesystem::path& folder) {
  const std::string name = below(host.root, folder);
  const bool known_cpu = host.topology.intel() || host.topology.amd();
  const std::string fix = known_cpu ? "sudo modprobe intel_rapl_msr" : "";
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    return absent(host, "there is no " + name + ": the kernel offers no RAPL zones", fix);
  }
  // Runtimes cover /sys/devices/virtual/powercap: the links of the class then lead nowhere.
  bool dangling = false;
  for (const auto& entry : list_folder(folder)) {
    dangling = dangling || !std::filesystem::exists(folder / entry, error);
  }
  struct statfs system{};
  constexpr long kSysfs = 0x62656572;
  const bool genuine = statfs(folder.c_str(), &system) == 0 && system.f_type == kSysfs;
  if (genuine && !dangling) {
    return absent(
        host, name + " has no RAPL zones: the driver is not loaded or does not know this CPU", fix);
  }
  return {Refusal::Kind::masked, name + " is empty: the container runtime hides it", kUnmask};
}

std::string mode_of(const std::filesystem::path& file) {
  std::error_code error;
  const auto status = std::filesystem::status(file, error);
  if (error) return "";
  char text[8];
  std::snprintf(text, sizeof text, "%04o", static_cast<unsigned>(status.permissions()) & 07777U);
  return text;
}

/// One zone that cannot be read.
Refusal refuse(const Host& host, const std::filesystem::path& file, int error) {
  const std::string name = below(host.root, file);
  if (error == EACCES || error == EPERM) {
    const std::string mode = mode_of(file);
    return {Refusal::Kind::forbidden,
            name + " may not be read" + (mode.empty() ? "" : ": its mode is " + mode), kGrant};
  }
  const std::string why = error == EINVAL    ? "it holds no number"
                          : error == ENODATA ? "it is empty"
                          : error == ERANGE  ? "it is above max_energy_range_uj"
                                             : std::generic_category().message(error);
  return {Refusal::Kind::broken, name + " cannot be read: " + why, ""};
}

Format read_format(const RaplZone& zone, Powercap& source) {
  const auto text = read_text(zone.folder / "max_energy_range_uj");
  const auto max_uj = text ? parse_integer(*text) : std::nullopt;
  if (max_uj && *max_uj > 0) return format_of(static_cast<uint64_t>(*max_uj));
  source.note(zone.name + " does not tell max_energy_range_uj: its counter is taken never to wrap");
  return {};
}

}  // namespace

Opened open_rapl_powercap(const Host& host, const std::vector<Domain>& taken) {
  auto source = std::make_unique<Powercap>();
  std::vector<std::string> unknown;
  const std::vector<RaplZone> zones = find_rapl_zones(host, unknown);
  for (const auto& sentence : unknown) source->note(sentence);
  if (zones.empty()) {
    if (unknown.empty()) return no_zones(host, host.root / "sys/class/powercap");
    return Refusal{Refusal::Kind::broken, unknown.front(), ""};
  }

  const Topology& cpu = host.topology;
  const bool sapphire = cpu.intel() && cpu.family == 6 && (cpu.model == 0x8F || cpu.model == 0xCF);
  std::vector<Refusal> refusals;
  std::set<int> held;  // packages that intel-rapl has: intel-rapl-mmio repeats them
  bool single_core = false;
  double package_unit = 0;
  for (const RaplZone& zone : zones) {
    if (cpu.amd() && zone.kind == "core") {
      single_core = true;
      continue;
    }
    Domain domain = rapl_domain(cpu, kName, zone.kind, zone.package, zone.die);
    const bool is_package = zone.kind == "package";
    if (is_taken(domain, taken)) {
      if (is_package) held.insert(zone.package);
      continue;
    }
    if ((zone.mmio && held.count(zone.package) > 0) || source->has(domain.id)) {
      source->note(zone.name + " (" + zone.label + ") repeats " + domain.id + " and is left out");
      continue;
    }
    const std::filesystem::path path = zone.folder / "energy_uj";
    Reader reader;
    reader.file = open_file(path);
    uint64_t raw = 0;
    if (!reader.file || !read_number(reader.file.get(), &raw)) {
      refusals.push_back(refuse(host, path, errno));
      source->leave(std::move(domain));
      continue;
    }
    reader.format = read_format(zone, *source);
    if (!reader.format.recover(raw, &raw)) {
      refusals.push_back(refuse(host, path, ERANGE));
      source->leave(std::move(domain));
      continue;
    }
    if (is_package) {
      if (!zone.mmio) held.insert(zone.package);
      package_unit = reader.format.unit;
    }
    const bool data_sheet_unit = zone.kind == "dram" && reader.format.nanojoules == 15300;
    if (data_sheet_unit && sapphire && package_unit > 0) {
      reader.format.unit = package_unit;
      source->note(domain.id +
                   ": this kernel takes its unit for 15.3 µJ, as on older CPUs; the "
                   "package's unit is used");
    } else if (data_sheet_unit) {
      domain.gain = 0.0027;  // perf takes it for 2^-16 J
    }

    domain.path = below(host.root, path);
    domain.unit = reader.format.unit;
    domain.wrap_joules = static_cast<double>(reader.format.modulus) * reader.format.unit;
    if (is_package || zone.kind == "core" || zone.kind == "uncore") {
      domain.max_watts = package_watts(zones, zone.package, zone.die);
    }
    Counter::Spec spec;
    spec.unit = domain.unit;
    spec.max_watts = domain.max_watts;
    spec.modulus = reader.format.modulus;
    if (domain.may_rest) spec.stall_ns = 0;
    reader.counter = Counter(spec);
    source->add(std::move(domain), std::move(reader));
  }
  if (source->domains().empty() && !refusals.empty()) {
    for (const Refusal& refusal : refusals) {
      if (refusal.kind == Refusal::Kind::forbidden) return refusal;
    }
    return refusals.front();
  }
  for (const Refusal& refusal : refusals) source->note(refusal.reason);
  if (single_core) {
    source->note("the core zones are left out: on this vendor they count a single core");
  }
  source->merge_mirrored_dies(host.topology);
  source->number();
  return source;
}

}  // namespace jouletap
