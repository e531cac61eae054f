// powercap: units and wraps made whole, zones known by name, dies and duplicates.
#include <sys/syscall.h>

#include "allocations.h"
#include "check.h"
#include "opened.h"
#include "zones.h"

using check::amd;
using check::ids;
using check::intel;
using check::noted;
using check::reads;
using check::source_of;
using jouletap::Domain;
using jouletap::Role;
using jouletap::Source;
using jouletap::Tally;
using zones::kClass;
using zones::open;
using zones::shown;
using zones::zone;

namespace {

/// Where set, answers every pread().
std::function<std::string()> scripted_pread;

}  // namespace

/// Stands before the C library's: a plain file cannot move by itself while it is being read.
extern "C" ssize_t pread(int descriptor, void* buffer, size_t size, off_t offset) {
  if (scripted_pread) {
    return static_cast<ssize_t>(scripted_pread().copy(static_cast<char*>(buffer), size));
  }
  return syscall(SYS_pread64, descriptor, buffer, size, offset);
}

namespace {

TEST(the_true_unit_is_recovered_and_no_count_is_lost) {
  struct {
    uint64_t nanojoules;
    double unit;
  } const units[] = {{61035, 0x1p-14}, {15258, 0x1p-16},  {15300, 15.3e-6},
                     {32000, 32e-6},   {1000000000, 1.0}, {3814, 0x1p-18}};
  for (const auto& [nanojoules, unit] : units) {
    Tree tree;
    intel(tree);
    const uint64_t start = 3'000'000'001;
    zone(tree, "intel-rapl:0", nanojoules == 1000000000 ? "psys" : "package-0", start, nanojoules);
    const auto source = source_of(open(tree));
    CHECK_EQ(source->domains()[0].unit, unit);
    CHECK_EQ(source->domains()[0].wrap_joules, 0x1p32 * unit);
    Tally tally;
    source->read(&tally);
    CHECK_EQ(tally.joules, 0.0);
    // Steps so small that a single count, lost to the cut to microjoules, would show.
    uint64_t counts = 0;
    for (const uint64_t step : {1U, 2U, 3U, 1000U}) {
      counts += step;
      tree.file(kClass + "intel-rapl:0/energy_uj", shown(start + counts, nanojoules));
      source->read(&tally);
      const double expected = static_cast<double>(counts) * unit;
      CHECK_NEAR(tally.joules, expected, 1e-12 * expected);
    }
  }
}

TEST(a_register_wraps_at_exactly_2_to_the_32) {
  for (const uint64_t nanojoules : {61035U, 15258U, 15300U}) {
    Tree tree;
    intel(tree);
    zone(tree, "intel-rapl:0", "package-0", 0xffffffff - 999, nanojoules);
    const auto source = source_of(open(tree));
    Tally tally;
    source->read(&tally);
    tree.file(kClass + "intel-rapl:0/energy_uj", shown(500, nanojoules));
    source->read(&tally);
    CHECK_NEAR(tally.joules, 1500 * source->domains()[0].unit, 1e-12);
    CHECK_EQ(tally.wraps, 1.0);
  }
}

TEST(a_range_of_no_known_form_is_a_counter_of_microjoules) {
  for (const uint64_t max : {uint64_t{999'999'999}, uint64_t{0xffffffff} * 500 / 1000}) {
    Tree tree;
    intel(tree);
    zone(tree, "intel-rapl:0", "package-0", 0);
    tree.file(kClass + "intel-rapl:0/max_energy_range_uj", std::to_string(max) + "\n");
    tree.file(kClass + "intel-rapl:0/energy_uj", std::to_string(max - 9) + "\n");
    const auto source = source_of(open(tree));
    CHECK_EQ(source->domains()[0].unit, 1e-6);
    Tally tally;
    source->read(&tally);
    tree.file(kClass + "intel-rapl:0/energy_uj", "10\n");
    source->read(&tally);
    CHECK_NEAR(tally.joules, 20e-6, 1e-15);
  }
}

TEST(zones_are_known_by_name_whatever_their_numbers) {
  Tree tree;
  intel(tree);
  zone(tree, "intel-rapl:0", "package-1", 1);
  zone(tree, "intel-rapl:0:0", "dram", 1, 15300);
  zone(tree, "intel-rapl:1", "psys", 1);
  zone(tree, "intel-rapl:2", "package-0", 1);
  zone(tree, "intel-rapl:2:0", "uncore", 1);
  zone(tree, "intel-rapl:2:1", "core", 1);
  zone(tree, "intel-rapl:2:2", "npu", 1);
  zone(tree, "intel-rapl:10", "psys-1", 1);
  zone(tree, "intel-rapl:11", "package-x", 1);
  tree.folder(kClass + "dtpm");
  tree.folder(kClass + "intel-rapl");
  const auto source = source_of(open(tree));
  CHECK_EQ(ids(*source), "package-1 dram-1 psys-0 package-0 uncore-0 core-0 psys-1");
  const auto& domains = source->domains();
  CHECK(domains[1].role == Role::root);
  CHECK_EQ(domains[1].gain, 0.0027);
  CHECK(domains[2].role == Role::whole);
  CHECK_EQ(domains[2].max_watts, 10000.0);
  CHECK(domains[4].role == Role::part);
  CHECK_EQ(domains[5].parent, "package-0");
  CHECK_EQ(domains[5].path, "/sys/class/powercap/intel-rapl:2:1/energy_uj");
  CHECK_EQ(domains[0].source, "rapl-powercap");
  CHECK(noted(*source, "\"npu\""));
  CHECK(noted(*source, "\"package-x\""));
  CHECK_EQ(source->notes().size(), 2);
}

TEST(zones_may_be_links_or_nested_folders) {
  Tree links;
  intel(links);
  for (const char* name : {"intel-rapl:0", "intel-rapl:0/intel-rapl:0:0"}) {
    const std::string folder = std::string("../../devices/virtual/powercap/intel-rapl/") + name;
    zone(links, folder, std::string(name).size() > 12 ? "dram" : "package-0", 1);
  }
  const std::string device = "sys/devices/virtual/powercap/intel-rapl";
  links.folder(kClass);
  links.link(kClass + "intel-rapl", device);
  links.link(kClass + "intel-rapl:0", device + "/intel-rapl:0");
  links.link(kClass + "intel-rapl:0:0", device + "/intel-rapl:0/intel-rapl:0:0");
  const auto linked = source_of(open(links));
  CHECK_EQ(ids(*linked), "package-0 dram-0");
  CHECK_EQ(linked->domains()[1].path, "/sys/class/powercap/intel-rapl:0:0/energy_uj");

  Tree nested;
  intel(nested);
  zone(nested, "intel-rapl/intel-rapl:0", "package-0", 1);
  zone(nested, "intel-rapl/intel-rapl:0/intel-rapl:0:0", "dram", 1);
  CHECK_EQ(ids(*source_of(open(nested))), "package-0 dram-0");

  // The folder of one control type, mounted in the place of the class.
  Tree half;
  intel(half);
  zone(half, "intel-rapl:0", "package-0", 1);
  zone(half, "intel-rapl:0/intel-rapl:0:0", "dram", 1);
  CHECK_EQ(ids(*source_of(open(half))), "package-0 dram-0");
}

TEST(mmio_fills_holes_and_never_repeats_a_package) {
  Tree tree;
  intel(tree);
  zone(tree, "intel-rapl-mmio:0", "package-0", 77, 15258);
  zone(tree, "intel-rapl-mmio:0:0", "dram", 77);
  zone(tree, "intel-rapl-mmio:1", "package-1", 5);
  zone(tree, "intel-rapl-mmio:1:0", "dram", 5);
  zone(tree, "intel-rapl:0", "package-0", 1);
  const auto source = source_of(open(tree));
  CHECK_EQ(ids(*source), "package-0 package-1 dram-1");
  CHECK_EQ(source->domains()[0].unit, 0x1p-14);
  CHECK(noted(*source, "intel-rapl-mmio:0 (package-0) repeats package-0"));
  CHECK(noted(*source, "intel-rapl-mmio:0:0 (dram)"));

  const auto rest = source_of(open(tree, source->domains()));
  CHECK(rest->domains().empty());
}

TEST(amd_has_one_counter_a_package_and_its_core_zone_is_left_out) {
  Tree tree;
  amd(tree);
  for (const char* die : {"0", "1"}) {
    const std::string name = std::string("intel-rapl:") + die;
    zone(tree, name, std::string("package-0-die-") + die, 42, 15258);
    zone(tree, name + ":0", "core", 7, 15258);
  }
  const auto source = source_of(open(tree));
  CHECK_EQ(ids(*source), "package-0");
  CHECK_EQ(source->domains()[0].die, -1);
  CHECK(noted(*source, "intel-rapl:1 (package-0-die-1) repeats package-0"));
  CHECK(noted(*source, "count a single core"));
}

TEST(real_dies_of_intel_are_domains_of_their_own) {
  Tree tree;
  intel(tree);
  zone(tree, "intel-rapl:0", "package-0-die-0", 1000);
  zone(tree, "intel-rapl:0:0", "dram", 1);
  zone(tree, "intel-rapl:1", "package-0-die-1", 2000);
  zone(tree, "intel-rapl:1:0", "core", 1);
  zone(tree, "intel-rapl:2", "package-1-die-0", 3000);
  const auto source = source_of(open(tree));
  CHECK_EQ(ids(*source), "package-0-die-0 dram-0-die-0 package-0-die-1 core-0-die-1 package-1");
  CHECK_EQ(source->domains()[3].parent, "package-0-die-1");
  CHECK(source->domains()[2].role == Role::root);
  std::vector<Tally> tallies(5);
  source->read(tallies.data());
  tree.file(kClass + "intel-rapl:0/energy_uj", shown(1100, 61035));
  tree.file(kClass + "intel-rapl:1/energy_uj", shown(2300, 61035));
  source->read(tallies.data());
  CHECK_NEAR(tallies[0].joules + tallies[2].joules, 400 * 0x1p-14, 1e-15);
}

/// Two Intel dies whose files answer raw counts chosen by the number of the read.
std::string dies_that_answer(const std::function<uint64_t(int)>& raw_of) {
  Tree tree;
  intel(tree);
  zone(tree, "intel-rapl:0", "package-0-die-0", 1000);
  zone(tree, "intel-rapl:1", "package-0-die-1", 1000);
  zone(tree, "intel-rapl:1:0", "dram", 1000);
  int read = 0;
  scripted_pread = [&] { return shown(raw_of(read++), 61035); };
  const auto source = source_of(open(tree));
  scripted_pread = nullptr;
  return ids(*source) + (noted(*source, "one and the same counter") ? " (merged)" : "");
}

TEST(dies_that_mirror_one_counter_are_merged) {
  // Opening reads the three zones; then each look reads die 0, die 1 and die 0 again.
  const auto moving = [](int read) {
    return uint64_t{5000} + 16 * static_cast<uint64_t>(read / 3);
  };
  const auto of_die_1 = [](int read) { return read >= 3 && read % 3 == 1; };
  CHECK_EQ(dies_that_answer(moving), "package-0 (merged)");
  // A step of the counter between two reads is no difference of the dies.
  CHECK_EQ(dies_that_answer([](int read) { return uint64_t{5000} + (read >= 10 ? 16U : 0U); }),
           "package-0 (merged)");
  const std::string apart = "package-0-die-0 package-0-die-1 dram-0-die-1";
  CHECK_EQ(dies_that_answer([](int) { return uint64_t{5000}; }), apart);
  CHECK_EQ(dies_that_answer([&](int read) { return moving(read) + (of_die_1(read) ? 1U : 0U); }),
           apart);
}

TEST(equal_dies_of_an_unknown_vendor_are_merged_even_at_rest) {
  Tree tree;
  zone(tree, "intel-rapl:0", "package-0-die-0", 1000);
  zone(tree, "intel-rapl:1", "package-0-die-1", 1000);
  CHECK_EQ(ids(*source_of(open(tree))), "package-0");
  zone(tree, "intel-rapl:1", "package-0-die-1", 1001);
  CHECK_EQ(ids(*source_of(open(tree))), "package-0-die-0 package-0-die-1");
}

TEST(limits_are_twice_the_tdp_of_the_package_zone) {
  Tree tree;
  intel(tree);
  zone(tree, "intel-rapl:0", "package-0", 1);
  zone(tree, "intel-rapl:0:0", "core", 1);
  zone(tree, "intel-rapl:0:1", "dram", 1);
  zone(tree, "intel-rapl:1", "package-1", 1);
  zone(tree, "intel-rapl:2", "package-2", 1);
  tree.file(kClass + "intel-rapl:0/constraint_0_max_power_uw", "300000000\n");
  tree.file(kClass + "intel-rapl:1/constraint_0_max_power_uw", "0\n");
  tree.file(kClass + "intel-rapl:2/constraint_0_max_power_uw", "15000000\n");
  const auto source = source_of(open(tree));
  const auto& domains = source->domains();
  CHECK_EQ(domains[0].max_watts, 600.0);
  CHECK_EQ(domains[1].max_watts, 600.0);
  CHECK_EQ(domains[2].max_watts, 1000.0);
  CHECK_EQ(domains[3].max_watts, 1000.0);
  CHECK_EQ(domains[4].max_watts, 500.0);
}

TEST(memory_of_sapphire_rapids_follows_the_package_unit) {
  Tree tree;
  tree.cpuinfo("GenuineIntel", 6, 0x8F);
  zone(tree, "intel-rapl:0", "package-0", 1);
  zone(tree, "intel-rapl:0:0", "dram", 100, 15300);
  const auto source = source_of(open(tree));
  CHECK(noted(*source, "dram-0"));
  CHECK_EQ(source->domains()[1].wrap_joules, 262144.0);
  Tally tallies[2];
  source->read(tallies);
  tree.file(kClass + "intel-rapl:0:0/energy_uj", shown(1100, 15300));
  source->read(tallies);
  CHECK_NEAR(tallies[1].joules, 1000 * 0x1p-14, 1e-12);
}

TEST(a_read_is_one_system_call_a_domain_and_allocates_nothing) {
  Tree tree;
  intel(tree);
  zone(tree, "intel-rapl:0", "package-0", 1);
  zone(tree, "intel-rapl:0:0", "core", 1);
  zone(tree, "intel-rapl:0:1", "dram", 1);
  const auto source = source_of(open(tree));
  Tally tallies[3];
  const uint64_t first = reads();
  const uint64_t second = reads();
  const size_t allocated = check::allocations();
  for (int i = 0; i < 10; ++i) source->read(tallies);
  CHECK_EQ(check::allocations(), allocated);
  const uint64_t third = reads();
  CHECK_EQ(third - second - (second - first), 30);
}

TEST(domains_already_taken_are_left_out) {
  Tree tree;
  intel(tree);
  zone(tree, "intel-rapl:0", "package-0-die-0", 1);
  zone(tree, "intel-rapl:0:0", "dram", 1);
  zone(tree, "intel-rapl:1", "package-0-die-1", 2);
  Domain package;
  package.id = "package-0";
  package.kind = "package";
  package.package = 0;
  CHECK_EQ(ids(*source_of(open(tree, {package}))), "dram-0-die-0");
}

}  // namespace
