// The containment of domains, and the choice of what is summed.
#include "source.h"

#include "check.h"

using namespace jouletap;

namespace {

Domain domain(const std::string& kind, int package, Role role, const std::string& parent = "",
              int die = -1) {
  Domain made;
  made.kind = kind;
  made.package = package;
  made.die = die;
  made.id = domain_id(kind, package, die);
  made.role = role;
  made.parent = parent;
  return made;
}

std::string summed(std::vector<Domain> domains) {
  choose_additive(domains);
  std::string ids;
  for (const auto& one : domains) {
    if (one.additive) ids += one.id + " ";
  }
  return ids;
}

}  // namespace

TEST(packages_and_memory_are_summed_and_nothing_inside_or_around) {
  CHECK_EQ(summed({domain("package", 0, Role::root), domain("core", 0, Role::part, "package-0"),
                   domain("dram", 0, Role::root), domain("package", 1, Role::root),
                   domain("psys", 0, Role::whole)}),
           std::string("package-0 dram-0 package-1 "));
}

TEST(a_part_is_summed_only_without_its_parent) {
  CHECK_EQ(summed({domain("core", 0, Role::part, "package-0"), domain("psys", 0, Role::whole)}),
           std::string("core-0 "));
  CHECK_EQ(summed({domain("rail", 0, Role::part)}), std::string());
}

TEST(a_whole_is_summed_only_when_alone_and_only_one_kind_of_it) {
  CHECK_EQ(summed({domain("psys", 0, Role::whole), domain("psys", 1, Role::whole),
                   domain("platform", 0, Role::whole)}),
           std::string("psys-0 psys-1 "));
}

TEST(no_command_brings_counters_into_a_virtual_machine) {
  Host host;
  CHECK_EQ(absent(host, "there is none", "sudo modprobe it").fix, std::string("sudo modprobe it"));
  host.topology.virtual_machine = true;
  const Refusal refusal = absent(host, "there is none", "sudo modprobe it");
  CHECK_EQ(refusal.fix, std::string());
  CHECK(refusal.reason.find("virtual machine") != std::string::npos);
}

TEST(a_package_and_its_dies_are_the_same_joules) {
  const Domain whole = domain("package", 0, Role::root);
  const Domain die = domain("package", 0, Role::root, "", 1);
  CHECK(same_joules(whole, die) && same_joules(die, whole));
  CHECK(!same_joules(die, domain("package", 0, Role::root, "", 0)));
  CHECK(!same_joules(whole, domain("package", 1, Role::root)));
  CHECK(!same_joules(whole, domain("core", 0, Role::part)));
}
