// powercap: units and wraps made whole, zones known by name, and every way they can be refused.
#include <sys/syscall.h>

#include <map>

#include "../../native/sources/sources.h"
#include "allocations.h"
#include "check.h"

using jouletap::Domain;
using jouletap::Host;
using jouletap::Opened;
using jouletap::Refusal;
using jouletap::Role;
using jouletap::Source;
using jouletap::Tally;

namespace {

const std::string kClass = "sys/class/powercap/";

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

/// What a zone shows of a register: the kernel's arithmetic.
std::string shown(uint64_t raw, uint64_t nanojoules) {
  return std::to_string(raw * nanojoules / 1000) + "\n";
}

void zone(const Tree& tree, const std::string& name, const std::string& label, uint64_t raw,
          uint64_t nanojoules = 61035) {
  tree.file(kClass + name + "/name", label + "\n");
  tree.file(kClass + name + "/energy_uj", shown(raw, nanojoules));
  tree.file(kClass + name + "/max_energy_range_uj", shown(0xffffffff, nanojoules));
}

void intel(const Tree& tree) { tree.cpuinfo("GenuineIntel", 6, 0x55); }
void amd(const Tree& tree) { tree.cpuinfo("AuthenticAMD", 0x19, 1); }

Opened open(const Tree& tree, const std::vector<Domain>& taken = {}) {
  return jouletap::open_rapl_powercap(Host{tree.root(), jouletap::read_topology(tree.root())},
                                      taken);
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

bool noted(const Source& source, const std::string& words) {
  for (const std::string& note : source.notes()) {
    if (note.find(words) != std::string::npos) return true;
  }
  return false;
}

bool says(const std::string& sentence, const std::string& words) {
  return sentence.find(words) != std::string::npos;
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

TEST(a_counter_of_unknown_range_is_taken_never_to_wrap) {
  for (const char* text : {"", "many\n", "0\n", "99999999999999999999999\n"}) {
    Tree tree;
    intel(tree);
    zone(tree, "intel-rapl:0", "package-0", 1000);
    tree.file(kClass + "intel-rapl:0/max_energy_range_uj", text);
    const auto source = source_of(open(tree));
    CHECK_EQ(source->domains()[0].wrap_joules, 0.0);
    CHECK(noted(*source, "intel-rapl:0 does not tell max_energy_range_uj"));
    Tally tally;
    source->read(&tally);
    tree.file(kClass + "intel-rapl:0/energy_uj", "5\n");
    source->read(&tally);
    CHECK_EQ(tally.joules, 0.0);
    CHECK(!tally.fresh);
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
  CHECK_EQ(domains[5].device, "/sys/class/powercap/intel-rapl:2:1/energy_uj");
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
  CHECK_EQ(linked->domains()[1].device, "/sys/class/powercap/intel-rapl:0:0/energy_uj");

  Tree nested;
  intel(nested);
  zone(nested, "intel-rapl/intel-rapl:0", "package-0", 1);
  zone(nested, "intel-rapl/intel-rapl:0/intel-rapl:0:0", "dram", 1);
  CHECK_EQ(ids(*source_of(open(nested))), "package-0 dram-0");
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

TEST(a_failing_read_is_counted_and_the_next_good_one_spans_the_gap) {
  Tree tree;
  intel(tree);
  zone(tree, "intel-rapl:0", "package-0", 1000);
  zone(tree, "intel-rapl:0:0", "dram", 1000);
  const auto source = source_of(open(tree));
  Tally tallies[2];
  source->read(tallies);
  double failures = 0;
  for (const char* text : {"", "\n", "n/a\n", "-5\n", "262143328851\n", "18446744073709551615\n"}) {
    tree.file(kClass + "intel-rapl:0/energy_uj", text);
    source->read(tallies);
    CHECK_EQ(tallies[0].failures, ++failures);
    CHECK(!tallies[0].fresh);
    CHECK(tallies[1].fresh);
  }
  tree.file(kClass + "intel-rapl:0/energy_uj", shown(1700, 61035));
  source->read(tallies);
  CHECK(tallies[0].fresh);
  CHECK_NEAR(tallies[0].joules, 700 * 0x1p-14, 1e-15);
  CHECK_EQ(tallies[1].failures, 0.0);
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

TEST(forbidden_files_are_named_with_their_mode_and_the_cure) {
  Tree tree;
  intel(tree);
  zone(tree, "intel-rapl:0", "package-0", 1);
  zone(tree, "intel-rapl:0:0", "dram", 1);
  chmod(tree.path(kClass + "intel-rapl:0/energy_uj").c_str(), 0400);
  check::as_nobody([&] {
    const auto source = source_of(open(tree));
    CHECK_EQ(ids(*source), "dram-0");
    CHECK(noted(*source, "/sys/class/powercap/intel-rapl:0/energy_uj may not be read"));
  });
  chmod(tree.path(kClass + "intel-rapl:0:0/energy_uj").c_str(), 0400);
  check::as_nobody([&] {
    const Refusal refusal = refusal_of(open(tree));
    CHECK(refusal.kind == Refusal::Kind::forbidden);
    CHECK(says(refusal.reason, "/sys/class/powercap/intel-rapl:0/energy_uj"));
    CHECK(says(refusal.reason, "mode is 0400"));
    CHECK_EQ(refusal.fix, "sudo chmod a+r /sys/class/powercap/*/energy_uj");
  });
}

TEST(the_cure_for_forbidden_files_works) {
  Tree tree;
  intel(tree);
  zone(tree, "intel-rapl:0", "package-0", 1);
  zone(tree, "intel-rapl:0:0", "dram", 1);
  tree.folder(kClass + "intel-rapl");
  for (const char* name : {"intel-rapl:0", "intel-rapl:0:0"}) {
    chmod(tree.path(kClass + name + "/energy_uj").c_str(), 0400);
  }
  const std::string cure = "chmod a+r " + tree.root().string() + "/sys/class/powercap/*/energy_uj";
  CHECK_EQ(std::system(cure.c_str()), 0);
  check::as_nobody([&] { CHECK_EQ(ids(*source_of(open(tree))), "package-0 dram-0"); });
}

TEST(an_empty_folder_or_dangling_links_are_masked) {
  for (const char* what : {"empty", "control type", "dangling"}) {
    Tree tree;
    intel(tree);
    tree.folder(kClass);
    if (what == std::string("control type")) tree.folder(kClass + "intel-rapl");
    if (what == std::string("dangling")) tree.link(kClass + "intel-rapl:0", "sys/devices/none");
    const Refusal refusal = refusal_of(open(tree));
    CHECK(refusal.kind == Refusal::Kind::masked);
    CHECK_EQ(refusal.reason, "/sys/class/powercap is empty: the container runtime hides it");
    CHECK(says(refusal.fix, "systempaths=unconfined"));
  }
}

TEST(a_missing_folder_is_absent) {
  Tree tree;
  intel(tree);
  const Refusal refusal = refusal_of(open(tree));
  CHECK(refusal.kind == Refusal::Kind::absent);
  CHECK(says(refusal.reason, "/sys/class/powercap"));
  CHECK_EQ(refusal.fix, "sudo modprobe intel_rapl_msr");
  Tree nothing;
  CHECK_EQ(refusal_of(open(nothing)).fix, "");
}

TEST(a_zone_that_opens_but_gives_no_number_is_left_out) {
  Tree tree;
  intel(tree);
  zone(tree, "intel-rapl:0", "package-0", 1);
  zone(tree, "intel-rapl:0:0", "dram", 1);
  zone(tree, "intel-rapl:0:1", "core", 1);
  tree.file(kClass + "intel-rapl:0:0/energy_uj", "broken\n");
  tree.remove(kClass + "intel-rapl:0:1/energy_uj");
  const auto source = source_of(open(tree));
  CHECK_EQ(ids(*source), "package-0");
  CHECK(noted(*source, "intel-rapl:0:0/energy_uj cannot be read: it holds no number"));
  CHECK(noted(*source, "intel-rapl:0:1/energy_uj cannot be read: No such file"));
  tree.remove(kClass + "intel-rapl:0/energy_uj");
  tree.folder(kClass + "intel-rapl:0/energy_uj");
  const Refusal refusal = refusal_of(open(tree));
  CHECK(refusal.kind == Refusal::Kind::broken);
  CHECK(says(refusal.reason, "intel-rapl:0/energy_uj cannot be read: Is a directory"));
}

}  // namespace
