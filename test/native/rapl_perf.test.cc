// perf: real group reads of a real PMU whose time-stamp counter stands in for energy.
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cstring>
#include <thread>

#include "../../native/files.h"
#include "../../native/sources/sources.h"
#include "allocations.h"
#include "check.h"

using jouletap::Domain;
using jouletap::File;
using jouletap::Host;
using jouletap::Opened;
using jouletap::Refusal;
using jouletap::Role;
using jouletap::Source;
using jouletap::Tally;

namespace {

const std::string kPower = "sys/bus/event_source/devices/power/";
constexpr double kScale = 1e-8;  // joules of one tick: tens of watts

File open_tick_counter(uint32_t type, int cpu) {
  perf_event_attr attr;
  std::memset(&attr, 0, sizeof attr);
  attr.size = sizeof attr;
  attr.type = type;
  return File(
      static_cast<int>(syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
}

/// The type of the PMU that counts TSC ticks as its event 0; skips the test where it is closed.
uint32_t tick_type() {
  const auto text = jouletap::read_text("/sys/bus/event_source/devices/msr/type");
  if (!text) skip("this kernel has no msr PMU");
  const auto type = static_cast<uint32_t>(*jouletap::parse_integer(*text));
  if (!open_tick_counter(type, 0)) {
    skip("perf_event_open of the msr PMU: " + std::string(std::strerror(errno)));
  }
  return type;
}

void event(const Tree& tree, const std::string& name, double joules) {
  std::ostringstream scale;
  scale.imbue(std::locale::classic());
  scale.precision(17);
  scale << joules;
  tree.file(kPower + "events/" + name, "event=0x00\n");
  tree.file(kPower + "events/" + name + ".scale", scale.str() + "\n");
  tree.file(kPower + "events/" + name + ".unit", "Joules\n");
}

/// A PMU of ticks on these CPUs, with energy-pkg.
void pmu(const Tree& tree, const std::string& cpumask) {
  tree.file(kPower + "type", std::to_string(tick_type()) + "\n");
  tree.file(kPower + "cpumask", cpumask + "\n");
  tree.file(kPower + "format/event", "config:0-7\n");
  event(tree, "energy-pkg", kScale);
}

void need_two_cpus() {
  if (std::thread::hardware_concurrency() < 2) skip("needs two CPUs");
}

void intel(const Tree& tree) { tree.cpuinfo("GenuineIntel", 6, 0x55); }
void amd(const Tree& tree) { tree.cpuinfo("AuthenticAMD", 0x19, 1); }

Host host_of(const Tree& tree) { return {tree.root(), jouletap::read_topology(tree.root())}; }
Opened open(const Tree& tree, const std::vector<Domain>& taken = {}) {
  return jouletap::open_rapl_perf(host_of(tree), taken);
}

std::unique_ptr<Source> source_of(Opened opened) {
  if (auto* refusal = std::get_if<Refusal>(&opened)) {
    throw std::runtime_error("refused: " + refusal->reason);
  }
  return std::move(std::get<std::unique_ptr<Source>>(opened));
}

Refusal refusal_of(const Opened& opened) {
  if (const auto* refusal = std::get_if<Refusal>(&opened)) return *refusal;
  throw std::runtime_error("opened");
}

std::string ids(const Source& source) {
  std::string all;
  for (const Domain& domain : source.domains()) all += (all.empty() ? "" : " ") + domain.id;
  return all;
}

bool says(const std::string& sentence, const std::string& words) {
  return sentence.find(words) != std::string::npos;
}

bool noted(const Source& source, const std::string& words) {
  const auto& notes = source.notes();
  return std::any_of(notes.begin(), notes.end(),
                     [&](const std::string& note) { return says(note, words); });
}

/// Times this thread has called read(2) or pread(2).
uint64_t reads() {
  std::ifstream io("/proc/thread-self/io");
  std::string key;
  uint64_t value = 0;
  while (io >> key >> value) {
    if (key == "syscr:") return value;
  }
  skip("/proc/thread-self/io does not count reads here");
}

uint64_t ticks(const File& counter) {
  uint64_t value = 0;
  if (::read(counter.get(), &value, sizeof value) != sizeof value) {
    throw std::runtime_error("cannot read ticks");
  }
  return value;
}

/// Descriptors of perf events of this process, ascending: a group's leader before its siblings.
std::vector<int> perf_descriptors() {
  std::vector<int> descriptors;
  for (const std::string& name : jouletap::list_folder("/proc/self/fd")) {
    std::error_code error;
    const auto target = std::filesystem::read_symlink("/proc/self/fd/" + name, error);
    if (target == "anon_inode:[perf_event]") descriptors.push_back(std::stoi(name));
  }
  return descriptors;
}

uint64_t id_of(int descriptor) {
  uint64_t id = 0;
  if (ioctl(descriptor, PERF_EVENT_IOC_ID, &id) != 0) throw std::runtime_error("no id");
  return id;
}

/// Takes the place of a group's leader: each message is the answer to one read.
class Answers {
 public:
  explicit Answers(int leader) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
      throw std::runtime_error("no socketpair");
    }
    dup2(ends[0], leader);
    close(ends[0]);
    mine_ = File(ends[1]);
  }
  void answer(const std::vector<uint64_t>& words) const {
    const size_t bytes = words.size() * sizeof words[0];
    if (send(mine_.get(), words.data(), bytes, 0) != static_cast<ssize_t>(bytes)) {
      throw std::runtime_error("send failed");
    }
  }
  void end() { mine_ = File(); }

 private:
  File mine_;
};

TEST(joules_are_ticks_times_scale_for_every_domain_of_the_group) {
  Tree tree;
  intel(tree);
  pmu(tree, "0");
  event(tree, "energy-cores", kScale / 3);
  event(tree, "energy-ram", kScale * 2.5);
  event(tree, "energy-gpu", kScale / 64);
  const auto source = source_of(open(tree));
  CHECK_EQ(ids(*source), "package-0 core-0 uncore-0 dram-0");
  const double scales[] = {kScale, kScale / 3, kScale / 64, kScale * 2.5};

  const File counter = open_tick_counter(tick_type(), 0);
  std::vector<Tally> tallies(4);
  const uint64_t before_first = ticks(counter);
  source->read(tallies.data());
  const uint64_t after_first = ticks(counter);
  for (const Tally& tally : tallies) CHECK_EQ(tally.joules, 0.0);
  // Of the order of a sampling interval; what matters is counted, not timed.
  while (ticks(counter) - after_first < 50'000'000) std::this_thread::yield();
  const uint64_t before_second = ticks(counter);
  source->read(tallies.data());
  const uint64_t after_second = ticks(counter);

  const auto least = static_cast<double>(before_second - after_first);
  const auto most = static_cast<double>(after_second - before_first);
  for (size_t i = 0; i < 4; ++i) {
    CHECK(tallies[i].fresh);
    CHECK_EQ(tallies[i].failures, 0.0);
    CHECK(tallies[i].joules >= least * scales[i]);
    CHECK(tallies[i].joules <= most * scales[i]);
    CHECK_EQ(source->domains()[i].unit, scales[i]);
    CHECK(tallies[i].covered_ms > 0);
  }
  // Siblings are read within nanoseconds of their leader.
  CHECK_NEAR(tallies[1].joules / tallies[0].joules, 1.0 / 3, 1e-3);
}

TEST(domains_stand_in_the_tree_with_their_limits) {
  Tree tree;
  intel(tree);
  pmu(tree, "0");
  event(tree, "energy-cores", kScale);
  event(tree, "energy-ram", kScale);
  event(tree, "energy-psys", kScale);
  tree.file("sys/class/powercap/intel-rapl:3/name", "package-0\n");
  tree.file("sys/class/powercap/intel-rapl:3/constraint_0_max_power_uw", "300000000\n");
  const auto source = source_of(open(tree));
  const auto& domains = source->domains();
  CHECK_EQ(ids(*source), "package-0 core-0 dram-0 psys-0");
  CHECK(domains[0].role == Role::root);
  CHECK(domains[1].role == Role::part);
  CHECK_EQ(domains[1].parent, "package-0");
  CHECK(domains[2].role == Role::root);
  CHECK(domains[3].role == Role::whole);
  CHECK_EQ(domains[0].max_watts, 600.0);
  CHECK_EQ(domains[1].max_watts, 600.0);
  CHECK_EQ(domains[2].max_watts, 1000.0);
  CHECK_EQ(domains[3].max_watts, 10000.0);
  for (const Domain& domain : domains) {
    CHECK_EQ(domain.source, "rapl-perf");
    CHECK_EQ(domain.wrap_joules, 65536.0);
    CHECK_EQ(domain.update_s, 0x1p-10);
    CHECK(!domain.modelled);
  }
  CHECK_EQ(domains[2].device, "power/energy-ram/ on CPU 0");

  tree.cpuinfo("GenuineIntel", 6, 0x2A);
  CHECK(source_of(open(tree))->domains()[0].modelled);
}

TEST(each_package_costs_one_read_and_no_allocation) {
  need_two_cpus();
  Tree tree;
  intel(tree);
  tree.cpu(0, 0, 0, 0);
  tree.cpu(1, 1, 0, 0);
  pmu(tree, "0-1");
  event(tree, "energy-cores", kScale);
  event(tree, "energy-ram", kScale);
  const auto source = source_of(open(tree));
  CHECK_EQ(ids(*source), "package-0 core-0 dram-0 package-1 core-1 dram-1");
  std::vector<Tally> tallies(6);
  const uint64_t first = reads();
  const uint64_t second = reads();
  const size_t allocated = check::allocations();
  for (int i = 0; i < 10; ++i) source->read(tallies.data());
  CHECK_EQ(check::allocations(), allocated);
  const uint64_t third = reads();
  CHECK_EQ(third - second - (second - first), 20);
  for (const Tally& tally : tallies) CHECK_EQ(tally.failures, 0.0);
}

TEST(packages_are_looked_up_in_the_topology) {
  need_two_cpus();
  Tree tree;
  intel(tree);
  tree.cpu(0, 7, 0, 0);
  tree.cpu(1, 3, 0, 0);
  tree.cpu(2, 3, 0, 1);
  pmu(tree, "0-1");
  event(tree, "energy-psys", kScale);
  const auto source = source_of(open(tree));
  CHECK_EQ(ids(*source), "package-3 psys-3 package-7");
  CHECK_EQ(source->domains()[0].device, "power/energy-pkg/ on CPU 1");
  CHECK(source->home() == (std::vector<int>{1, 2}));
}

TEST(amd_dies_share_one_counter_and_intel_dies_do_not) {
  need_two_cpus();
  for (const bool is_amd : {true, false}) {
    Tree tree;
    if (is_amd) {
      amd(tree);
    } else {
      intel(tree);
    }
    tree.cpu(0, 0, 0, 0);
    tree.cpu(1, 0, 1, 1);
    pmu(tree, "0-1");
    event(tree, "energy-cores", kScale);
    event(tree, "energy-psys", kScale);
    const auto source = source_of(open(tree));
    if (is_amd) {
      CHECK_EQ(ids(*source), "package-0 core-0 psys-0");
      CHECK(noted(*source, "one counter of package 0"));
    } else {
      CHECK_EQ(ids(*source), "package-0-die-0 core-0-die-0 psys-0 package-0-die-1 core-0-die-1");
      CHECK_EQ(source->domains()[4].parent, "package-0-die-1");
      CHECK_EQ(source->notes().size(), 0);
      CHECK(source->home() == std::vector<int>{0});
      tree.file(kPower + "cpumask", "1\n");
      CHECK_EQ(ids(*source_of(open(tree))), "package-0 core-0 psys-0");
    }
  }
}

TEST(a_package_that_does_not_open_leaves_the_others) {
  const int absent = static_cast<int>(std::thread::hardware_concurrency()) + 1000;
  Tree tree;
  amd(tree);
  tree.cpu(0, 0, 0, 0);
  tree.cpu(absent, 4, 0, 0);
  pmu(tree, "0," + std::to_string(absent) + "," + std::to_string(absent + 1));
  const auto source = source_of(open(tree));
  CHECK_EQ(ids(*source), "package-0");
  CHECK(noted(*source, "package 4 cannot be read"));
  CHECK(noted(*source, "CPU " + std::to_string(absent + 1) + " of the cpumask is not on line"));
}

TEST(events_that_are_not_understood_are_left_out_and_named) {
  Tree tree;
  intel(tree);
  pmu(tree, "0");
  event(tree, "energy-foo", kScale);
  event(tree, "energy-ram", kScale);
  event(tree, "energy-gpu", kScale);
  event(tree, "energy-cores", kScale);
  event(tree, "energy-psys", kScale);
  tree.file(kPower + "events/energy-ram.unit", "Watts\n");
  tree.file(kPower + "events/energy-gpu.scale", "0,5\n");
  tree.file(kPower + "events/energy-cores", "config=2\n");
  tree.file(kPower + "events/energy-psys", "event=0xfe\n");  // no such event of the real PMU
  const auto source = source_of(open(tree));
  CHECK_EQ(ids(*source), "package-0");
  for (const char* words :
       {"energy-foo is left out", "energy-ram is left out: its unit is \"Watts\"",
        "energy-gpu is left out: its scale", "\"config=2\"",
        "energy-psys of package 0 does not open"}) {
    CHECK(noted(*source, words));
  }
}

TEST(without_a_package_event_another_leads) {
  Tree tree;
  intel(tree);
  pmu(tree, "0");
  event(tree, "energy-cores", kScale);
  event(tree, "energy-ram", kScale);
  Domain package;
  package.id = "package-0";
  package.kind = "package";
  package.package = 0;
  const auto rest = source_of(open(tree, {package}));
  CHECK_EQ(ids(*rest), "core-0 dram-0");
  std::vector<Tally> tallies(2);
  rest->read(tallies.data());
  rest->read(tallies.data());
  CHECK(tallies[0].joules > 0 && tallies[1].joules > 0);

  const auto all = source_of(open(tree));
  CHECK(source_of(open(tree, all->domains()))->domains().empty());
  tree.remove(kPower + "events/energy-pkg");
  CHECK_EQ(ids(*source_of(open(tree))), "core-0 dram-0");
}

TEST(the_kernel_starts_all_members_together_and_they_close_on_exec) {
  Tree tree;
  intel(tree);
  pmu(tree, "0");
  event(tree, "energy-ram", kScale);
  const size_t before = perf_descriptors().size();
  {
    const auto source = source_of(open(tree));
    const std::vector<int> descriptors = perf_descriptors();
    CHECK_EQ(descriptors.size(), before + 2);
    for (const int descriptor : descriptors) CHECK(fcntl(descriptor, F_GETFD) & FD_CLOEXEC);
    uint64_t group[7] = {};
    CHECK_EQ(::read(descriptors[0], group, sizeof group), sizeof group);
    // Started apart, they would differ by a system call: tens of thousands of ticks.
    CHECK_NEAR(static_cast<double>(group[3]), static_cast<double>(group[5]), 5000);
    CHECK_EQ(group[1], group[2]);
  }
  CHECK_EQ(perf_descriptors().size(), before);
}

TEST(values_are_found_by_id_and_flaws_are_counted) {
  Tree tree;
  intel(tree);
  pmu(tree, "0");
  event(tree, "energy-pkg", 0x1p-32);
  event(tree, "energy-ram", 0x1p-32);
  const auto source = source_of(open(tree));
  const std::vector<int> descriptors = perf_descriptors();
  const uint64_t pkg = id_of(descriptors[0]);
  const uint64_t ram = id_of(descriptors[1]);
  Answers group(descriptors[0]);
  constexpr uint64_t kHour = 3'600'000'000'000;
  constexpr uint64_t kJoule = uint64_t{1} << 32;
  uint64_t time = kHour;
  Tally tallies[2];
  const auto read = [&](const std::vector<uint64_t>& words) {
    group.answer(words);
    source->read(tallies);
  };
  const uint64_t base = 400'000 * kJoule;
  read({2, time, time, base, pkg, 7 * kJoule, ram});
  time += 1'000'000;
  read({2, time, time, 9 * kJoule, ram, base + 5 * kJoule, pkg});
  CHECK_EQ(tallies[0].joules, 5.0);
  CHECK_EQ(tallies[1].joules, 2.0);

  time += 1'000'000;  // enabled, but not running
  read({2, time, time - 1'000'000, base + 5 * kJoule, pkg, 9 * kJoule, ram});
  CHECK_EQ(tallies[0].failures, 1.0);
  CHECK_EQ(tallies[1].failures, 1.0);
  CHECK(!tallies[0].fresh);
  read({2, time, time - 1'000'000, base + 5 * kJoule, pkg, 9 * kJoule, ram});  // stands still
  CHECK_EQ(tallies[0].failures, 2.0);
  time += 1'000'000;  // ran for half of the time only
  read({2, time, time - 1'500'000, base + 6 * kJoule, pkg, 9 * kJoule, ram});
  CHECK_EQ(tallies[0].failures, 3.0);
  time += 1'000'000;  // out for a microsecond: another event was added
  read({2, time, time - 1'501'000, base + 8 * kJoule, pkg, 9 * kJoule, ram});
  CHECK_EQ(tallies[0].failures, 3.0);
  CHECK(tallies[0].fresh);
  CHECK_EQ(tallies[0].joules, 8.0);

  time += 1'000'000;  // one member lost
  read({2, time, time - 1'501'000, base + 9 * kJoule, pkg, 9 * kJoule, ram + 1000});
  CHECK_EQ(tallies[0].failures, 3.0);
  CHECK_EQ(tallies[1].failures, 4.0);
  CHECK_EQ(tallies[0].joules, 9.0);
  time += 1'000'000;  // a shorter group
  read({1, time, time - 1'501'000, base + 9 * kJoule, pkg});
  CHECK_EQ(tallies[0].failures, 4.0);

  time += 1'000'000;  // the driver's signed delta: back by 2^32 units of 2^-14 J, then 3 J on
  read(
      {2, time, time - 1'501'000, base + 12 * kJoule - (uint64_t{1} << 50), pkg, 10 * kJoule, ram});
  CHECK_EQ(tallies[0].joules, 12.0);
  CHECK_EQ(tallies[0].backwards, 1.0);
  CHECK_EQ(tallies[1].joules, 3.0);

  group.end();  // the PMU has gone: reads give end of file
  source->read(tallies);
  CHECK_EQ(tallies[0].failures, 5.0);
  CHECK_EQ(tallies[0].joules, 12.0);
}

TEST(a_process_without_rights_is_told_the_level_and_the_cure) {
  const auto level = jouletap::read_text("/proc/sys/kernel/perf_event_paranoid");
  if (!level || *jouletap::parse_integer(*level) <= 0) skip("this kernel lets anyone use perf");
  Tree tree;
  intel(tree);
  pmu(tree, "0");
  tree.file("proc/sys/kernel/perf_event_paranoid", "3\n");
  check::as_nobody([&] {
    const Refusal refusal = refusal_of(open(tree));
    CHECK(refusal.kind == Refusal::Kind::forbidden);
    CHECK_EQ(refusal.reason,
             "energy events need kernel.perf_event_paranoid of 0 or less, and it is 3");
    CHECK_EQ(refusal.fix, "sudo sysctl kernel.perf_event_paranoid=0");
  });
  tree.file("proc/sys/kernel/perf_event_paranoid", "-1\n");
  check::as_nobody([&] {
    const Refusal refusal = refusal_of(open(tree));
    CHECK(refusal.kind == Refusal::Kind::forbidden);
    CHECK(says(refusal.reason, "seccomp profile denies perf_event_open"));
    CHECK(says(refusal.fix, "--cap-add PERFMON"));
  });
}

TEST(a_missing_pmu_is_absent_and_a_senseless_one_broken) {
  Tree tree;
  intel(tree);
  const Refusal absent = refusal_of(open(tree));
  CHECK(absent.kind == Refusal::Kind::absent);
  CHECK(says(absent.reason, "/sys/bus/event_source/devices/power"));
  CHECK_EQ(absent.fix, "sudo modprobe rapl");

  pmu(tree, "0");
  const struct {
    const char* file;
    const char* text;
    const char* reason;
  } faults[] = {{"type", "energy", "power/type holds no number"},
                {"type", "4000000000", "does not open them"},
                {"cpumask", "", "cpumask lists no CPU"},
                {"cpumask", "9999", "only CPUs that are not on line"},
                {"events/energy-pkg.unit", "", "no energy event that can be used"}};
  for (const auto& fault : faults) {
    const std::string good = *jouletap::read_text(tree.path(kPower + fault.file));
    tree.file(kPower + fault.file, fault.text);
    const Refusal refusal = refusal_of(open(tree));
    CHECK(refusal.kind == Refusal::Kind::broken);
    CHECK(says(refusal.reason, fault.reason));
    tree.file(kPower + fault.file, good + "\n");
  }
  CHECK_EQ(ids(*source_of(open(tree))), "package-0");
}

TEST(single_cores_of_amd_are_parts_of_their_package) {
  need_two_cpus();
  Tree tree;
  amd(tree);
  tree.cpu(0, 0, 0, 0);
  tree.cpu(1, 0, 0, 8);
  pmu(tree, "0-1");
  event(tree, "energy-core", kScale);
  tree.remove(kPower + "events/energy-pkg");
  std::filesystem::rename(tree.path("sys/bus/event_source/devices/power"),
                          tree.path("sys/bus/event_source/devices/power_core"));
  const auto source = source_of(jouletap::open_rapl_perf_core(host_of(tree), {}));
  CHECK_EQ(ids(*source), "cpu-core-0-0 cpu-core-0-8");
  for (const Domain& domain : source->domains()) {
    CHECK_EQ(domain.source, "rapl-perf-core");
    CHECK_EQ(domain.kind, "cpu-core");
    CHECK(domain.role == Role::part);
    CHECK_EQ(domain.parent, "package-0");
  }
  Tally tallies[2];
  source->read(tallies);
  source->read(tallies);
  CHECK(tallies[0].joules > 0 && tallies[1].joules > 0);
  CHECK(refusal_of(open(tree)).kind == Refusal::Kind::absent);
}

}  // namespace
