// perf: real group reads of a real PMU; joules, places and limits of its domains.
#include <algorithm>
#include <filesystem>
#include <thread>

#include "allocations.h"
#include "check.h"
#include "opened.h"
#include "ticks.h"

using check::amd;
using check::host_of;
using check::ids;
using check::intel;
using check::noted;
using check::reads;
using check::refusal_of;
using check::source_of;
using jouletap::Domain;
using jouletap::File;
using jouletap::Refusal;
using jouletap::Role;
using jouletap::Source;
using jouletap::Tally;
using ticks::event;
using ticks::kPower;
using ticks::kScale;
using ticks::need_two_cpus;
using ticks::open;
using ticks::open_tick_counter;
using ticks::pmu;
using ticks::tick_type;

namespace {

uint64_t count_of(const File& counter) {
  uint64_t value = 0;
  if (::read(counter.get(), &value, sizeof value) != sizeof value) {
    throw std::runtime_error("cannot read ticks");
  }
  return value;
}

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
  const uint64_t before_first = count_of(counter);
  source->read(tallies.data());
  const uint64_t after_first = count_of(counter);
  for (const Tally& tally : tallies) CHECK_EQ(tally.joules, 0.0);
  // Of the order of a sampling interval; what matters is counted, not timed.
  while (count_of(counter) - after_first < 50'000'000) std::this_thread::yield();
  const uint64_t before_second = count_of(counter);
  source->read(tallies.data());
  const uint64_t after_second = count_of(counter);

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
  CHECK_EQ(domains[2].path, "power/energy-ram/ on CPU 0");

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
  CHECK_EQ(source->domains()[0].path, "power/energy-pkg/ on CPU 1");
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
