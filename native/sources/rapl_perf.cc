// Reads RAPL through perf: all domains of a package by one read of one group of events.
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <tuple>
#include <utility>

#include "../clock.h"
#include "../counter.h"
#include "../files.h"
#include "../timeline.h"
#include "rapl.h"
#include "sources.h"

namespace jouletap {
namespace {

// The driver adds signed 32-bit differences of the register; the finest unit in use is 2^-16 J,
// and the unit of this register cannot be seen here. A quarter of the range, which is when the
// sampler reads to keep a counter alive, is half of what the driver stands.
constexpr double kWrapJoules = 65536;

struct EventName {
  const char* file;
  const char* kind;
};

/// A kind of PMU, and where its energy is counted.
struct Pmu {
  const char* source;
  const char* folder;
  std::vector<EventName> events;  // the leader of the group first
  bool per_core;
};

const Pmu& package_pmu() {
  static const Pmu pmu{"rapl-perf",
                       "power",
                       {{"energy-pkg", "package"},
                        {"energy-cores", "core"},
                        {"energy-gpu", "uncore"},
                        {"energy-ram", "dram"},
                        {"energy-psys", "psys"}},
                       false};
  return pmu;
}

const Pmu& core_pmu() {
  static const Pmu pmu{"rapl-perf-core", "power_core", {{"energy-core", "cpu-core"}}, true};
  return pmu;
}

struct Event {
  EventName name;
  uint64_t config;
  double joules;  // of one count
};

/// One CPU of the cpumask, and what its counters cover.
struct Place {
  Cpu cpu;
  int die;  // −1: the whole package
};

/// Events of one place: one descriptor each, read through the first.
struct Group {
  std::vector<File> files;
  std::vector<uint64_t> ids;
  std::vector<Counter> counters;
  std::vector<uint64_t> buffer;  // count, time enabled, time running, then {value, id} of each
  uint64_t enabled = 0;
  uint64_t running = 0;
  Timeline timeline;  // of the time enabled
  size_t first = 0;   // the column of the first counter

  /// Exactly one read(2). Whether it gave values of events that ran all the time since the last.
  bool read() noexcept {
    const size_t bytes = buffer.size() * sizeof buffer[0];
    const ssize_t got = ::read(files.front().get(), buffer.data(), bytes);
    if (got < 0 || static_cast<size_t>(got) != bytes || buffer[0] != ids.size()) return false;
    const bool advanced = buffer[1] > enabled && buffer[2] > running;
    const uint64_t enabled_for = buffer[1] - enabled;
    const uint64_t ran_for = buffer[2] - running;
    enabled = buffer[1];
    running = buffer[2];
    // The kernel may take events out for some microseconds when another program adds one.
    return advanced && (ran_for >= enabled_for || (enabled_for - ran_for) * 100 <= enabled_for);
  }

  const uint64_t* value(uint64_t id) const noexcept {
    for (size_t at = 3; at < buffer.size(); at += 2) {
      if (buffer[at + 1] == id) return &buffer[at];
    }
    return nullptr;
  }
};

class Perf : public Source {
 public:
  const std::vector<Domain>& domains() const override { return domains_; }
  const std::vector<std::string>& notes() const override { return notes_; }
  std::vector<int> home() const override { return home_; }

  bool stamps() const override { return true; }

  void read(Tally* tallies) noexcept override {
    for (Group& group : groups_) read_group(group, tallies);
  }
  void read_call(int call, Tally* tallies) noexcept override {
    read_group(groups_[static_cast<size_t>(call)], tallies);
  }
  void resume() noexcept override {
    for (Group& group : groups_) {
      group.timeline = {};
      for (Counter& counter : group.counters) counter.resume();
    }
  }

  void add(Group group, std::vector<Domain> domains) {
    group.first = domains_.size();
    for (Domain& domain : domains) {
      domain.call = static_cast<int>(groups_.size());
      domains_.push_back(std::move(domain));
    }
    groups_.push_back(std::move(group));
  }
  void note(std::string sentence) { notes_.push_back(std::move(sentence)); }
  void set_home(std::vector<int> cpus) { home_ = std::move(cpus); }

 private:
  static void read_group(Group& group, Tally* tallies) noexcept {
    const int64_t before = now_ns();
    const bool good = group.read();
    const int64_t after = now_ns();
    // The kernel takes its time right before it reads the registers.
    const auto enabled = static_cast<int64_t>(group.enabled);
    const Stamp stamp =
        good ? group.timeline.map(before, enabled, after) : stamp_between(before, after);
    for (size_t i = 0; i < group.ids.size(); ++i) {
      Tally& tally = tallies[group.first + i];
      tally.stamp = stamp;
      const uint64_t* value = good ? group.value(group.ids[i]) : nullptr;
      if (value != nullptr) {
        group.counters[i].look(*value, stamp.time_ns, tally);
      } else {
        group.counters[i].miss(tally);
      }
    }
  }

  std::vector<Group> groups_;
  std::vector<Domain> domains_;
  std::vector<std::string> notes_;
  std::vector<int> home_;
};

/// The events that can be used, in the order of pmu.events.
std::vector<Event> find_events(const Pmu& pmu, const std::filesystem::path& folder, Perf& source) {
  std::vector<Event> events;
  const auto text_of = [&](const std::string& name) {
    return read_text(folder / name).value_or("");
  };
  const std::vector<std::string> files = list_folder(folder);
  for (const EventName& name : pmu.events) {
    const std::string file = name.file;
    if (std::find(files.begin(), files.end(), file) == files.end()) continue;
    const std::string code = text_of(file);
    const auto config = parse_integer(code.rfind("event=", 0) == 0 ? code.substr(6) : "");
    const auto scale = parse_double(text_of(file + ".scale"));
    const std::string unit = text_of(file + ".unit");
    if (!config || *config < 0 || *config > 0xff) {
      source.note(file + " is left out: its code \"" + code + "\" is not understood");
    } else if (!scale || !std::isfinite(*scale) || *scale <= 0) {
      source.note(file + " is left out: its scale is no positive number");
    } else if (unit != "Joules") {
      source.note(file + " is left out: its unit is \"" + unit + "\", not Joules");
    } else {
      events.push_back({name, static_cast<uint64_t>(*config), *scale});
    }
  }
  for (const std::string& file : files) {
    if (file.rfind("energy-", 0) != 0 || file.find('.') != std::string::npos) continue;
    const bool known = std::any_of(pmu.events.begin(), pmu.events.end(),
                                   [&](const EventName& name) { return file == name.file; });
    if (!known) source.note(file + " is left out: what it measures is not known");
  }
  return events;
}

/// One place for each counter of its own, by package, die and core.
std::vector<Place> find_places(const Pmu& pmu, const Topology& topology,
                               const std::vector<int>& mask, Perf& source) {
  std::vector<Place> places;
  std::set<int> repeated;
  for (const int number : mask) {
    const Cpu* cpu = topology.find(number);
    if (cpu == nullptr) {
      source.note("CPU " + std::to_string(number) + " of the cpumask is not on line");
      continue;
    }
    // AMD counts by package whatever its dies; some kernels list a CPU for each of them.
    const auto same = [&](const Place& place) {
      return place.cpu.package == cpu->package &&
             (pmu.per_core ? place.cpu.core == cpu->core
                           : topology.amd() || place.cpu.die == cpu->die);
    };
    if (std::none_of(places.begin(), places.end(), same)) {
      places.push_back({*cpu, -1});
    } else {
      repeated.insert(cpu->package);
    }
  }
  for (const int package : repeated) {
    source.note("the cpumask lists several CPUs that read one counter of package " +
                std::to_string(package) + ": it is read once");
  }
  for (Place& place : places) {
    const auto sibling = [&](const Place& other) {
      return other.cpu.package == place.cpu.package && other.cpu.die != place.cpu.die;
    };
    if (!pmu.per_core && std::any_of(places.begin(), places.end(), sibling)) {
      place.die = place.cpu.die;
    }
  }
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return std::tie(a.cpu.package, a.cpu.die, a.cpu.core) <
           std::tie(b.cpu.package, b.cpu.die, b.cpu.core);
  });
  return places;
}

/// An event counting on one CPU; an invalid File, and errno, if the kernel refuses.
File open_event(uint32_t type, uint64_t config, int cpu, int leader) {
  perf_event_attr attr;
  std::memset(&attr, 0, sizeof attr);
  attr.size = sizeof attr;
  attr.type = type;
  attr.config = config;
  if (leader < 0) attr.disabled = 1;  // all members start together, with the leader
  attr.read_format = PERF_FORMAT_GROUP | PERF_FORMAT_ID | PERF_FORMAT_TOTAL_TIME_ENABLED |
                     PERF_FORMAT_TOTAL_TIME_RUNNING;
  return File(
      static_cast<int>(syscall(SYS_perf_event_open, &attr, -1, cpu, leader, PERF_FLAG_FD_CLOEXEC)));
}

/// Why the kernel refused.
Refusal refuse(const Host& host, int error) {
  if (error == ENOSYS) {
    return {Refusal::Kind::absent, "this kernel has no perf events", ""};
  }
  if (error != EACCES && error != EPERM) {
    return {Refusal::Kind::broken,
            "the kernel lists the energy events but does not open them: " +
                std::generic_category().message(error),
            ""};
  }
  const auto text = read_text(host.root / "proc/sys/kernel/perf_event_paranoid");
  const auto level = text ? parse_integer(*text) : std::nullopt;
  // The kernel itself refuses with EACCES; EPERM under a filter is the filter's.
  const bool filtered = error == EPERM && prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER;
  if (filtered || (level && *level <= 0)) {
    return {Refusal::Kind::forbidden,
            "the container's seccomp profile denies perf_event_open" +
                (level ? " (kernel.perf_event_paranoid is " + *text + ")" : ""),
            "docker run --cap-add PERFMON"};
  }
  return {Refusal::Kind::forbidden,
          "energy events need kernel.perf_event_paranoid of 0 or less" +
              (level ? ", and it is " + *text : ""),
          "sudo sysctl kernel.perf_event_paranoid=0"};
}

std::string describe(const Pmu& pmu, const Place& place) {
  std::string name = "package " + std::to_string(place.cpu.package);
  if (place.die >= 0) name += " die " + std::to_string(place.die);
  if (pmu.per_core) name += " core " + std::to_string(place.cpu.core);
  return name;
}

/// The domain an event counts at a place.
Domain domain_of(const Host& host, const Pmu& pmu, const Place& place, const Event& event,
                 double watts) {
  const std::string kind = event.name.kind;
  const int die = kind == "psys" ? -1 : place.die;
  Domain domain = rapl_domain(host.topology, pmu.source, kind, place.cpu.package, die);
  if (pmu.per_core) domain.id += "-" + std::to_string(place.cpu.core);
  domain.path = std::string(pmu.folder) + "/" + event.name.file + "/ on CPU " +
                std::to_string(place.cpu.number);
  domain.unit = event.joules;
  domain.wrap_joules = kWrapJoules;
  if (domain.role == Role::part || domain.kind == "package") domain.max_watts = watts;
  return domain;
}

/// Opens the events of one place as one group, leaves out those that do not open, and starts it.
/// Returns 0 or the error of the last one, where none opened.
int open_group(const Pmu& pmu, uint32_t type, const Place& place, const std::vector<Event>& events,
               std::vector<Domain>& domains, Group& group, Perf& source) {
  std::vector<Domain> opened;
  int error = 0;
  for (size_t i = 0; i < events.size(); ++i) {
    const int leader = group.files.empty() ? -1 : group.files.front().get();
    File file = open_event(type, events[i].config, place.cpu.number, leader);
    uint64_t id = 0;
    if (!file || ioctl(file.get(), PERF_EVENT_IOC_ID, &id) != 0) {
      error = errno;
      if (error == EACCES || error == EPERM) return error;
      source.note(std::string(events[i].name.file) + " of " + describe(pmu, place) +
                  " does not open: " + std::generic_category().message(error));
      continue;
    }
    Counter::Spec spec;
    spec.unit = events[i].joules;
    spec.max_watts = domains[i].max_watts;
    spec.modulus = 0;
    spec.folds = true;
    if (domains[i].may_rest) spec.stall_ns = 0;
    group.files.push_back(std::move(file));
    group.ids.push_back(id);
    group.counters.emplace_back(spec);
    opened.push_back(domains[i]);
  }
  if (group.files.empty()) return error;
  group.buffer.resize(3 + 2 * group.ids.size());
  if (ioctl(group.files.front().get(), PERF_EVENT_IOC_ENABLE, 0) != 0) return errno;
  if (!group.read()) return EIO;
  domains = std::move(opened);
  return 0;
}

Opened open_pmu(const Host& host, const std::vector<Domain>& taken, const Pmu& pmu) {
  const auto folder = host.root / "sys/bus/event_source/devices" / pmu.folder;
  const std::string name = below(host.root, folder);
  std::error_code missing;
  if (!std::filesystem::is_directory(folder, missing)) {
    const bool loadable = !pmu.per_core && (host.topology.intel() || host.topology.amd());
    return absent(host,
                  "there is no " + name + ": the kernel offers no such energy events for this CPU",
                  loadable ? "sudo modprobe rapl" : "");
  }
  const auto broken = [](const std::string& sentence) {
    return Refusal{Refusal::Kind::broken, sentence, ""};
  };
  const auto type = parse_integer(read_text(folder / "type").value_or(""));
  if (!type || *type < 0 || *type > UINT32_MAX) return broken(name + "/type holds no number");
  const auto mask = parse_cpu_list(read_text(folder / "cpumask").value_or(""));
  if (mask.empty()) return broken(name + "/cpumask lists no CPU");

  auto source = std::make_unique<Perf>();
  const std::vector<Event> events = find_events(pmu, folder / "events", *source);
  if (events.empty()) return broken(name + "/events has no energy event that can be used");
  const std::vector<Place> places = find_places(pmu, host.topology, mask, *source);
  if (places.empty()) return broken(name + "/cpumask lists only CPUs that are not on line");
  std::vector<std::string> ignored;
  const std::vector<RaplZone> zones = find_rapl_zones(host, ignored);

  int refused = 0;
  bool wanted = false;
  for (const Place& place : places) {
    std::vector<Event> here;
    std::vector<Domain> domains;
    const double watts = package_watts(zones, place.cpu.package, place.die);
    for (const Event& event : events) {
      Domain domain = domain_of(host, pmu, place, event, watts);
      // Every package publishes psys, but it is the whole machine's.
      if (domain.role == Role::whole && &place != &places.front()) continue;
      if (is_taken(domain, taken)) continue;
      here.push_back(event);
      domains.push_back(std::move(domain));
    }
    if (here.empty()) continue;
    wanted = true;
    Group group;
    const int error =
        open_group(pmu, static_cast<uint32_t>(*type), place, here, domains, group, *source);
    if (error != 0) {
      refused = error;
      source->note("the energy events of " + describe(pmu, place) +
                   " cannot be read: " + std::generic_category().message(error));
      continue;
    }
    if (source->domains().empty()) {
      source->set_home(host.topology.cpus_of(place.cpu.package, place.die));
    }
    source->add(std::move(group), std::move(domains));
  }
  if (wanted && source->domains().empty()) return refuse(host, refused);
  return source;
}

}  // namespace

Opened open_rapl_perf(const Host& host, const std::vector<Domain>& taken) {
  return open_pmu(host, taken, package_pmu());
}

Opened open_rapl_perf_core(const Host& host, const std::vector<Domain>& taken) {
  return open_pmu(host, taken, core_pmu());
}

}  // namespace jouletap
