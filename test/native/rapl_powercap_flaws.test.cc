// powercap: what goes wrong in mid-run, and every way it can be refused.
#include <sys/stat.h>

#include <cstdlib>

#include "check.h"
#include "opened.h"
#include "zones.h"

using check::ids;
using check::intel;
using check::noted;
using check::refusal_of;
using check::says;
using check::source_of;
using jouletap::Refusal;
using jouletap::Tally;
using zones::kClass;
using zones::open;
using zones::shown;
using zones::zone;

namespace {

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
