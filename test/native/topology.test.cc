// Topology and the small files below it, on made trees.
#include "topology.h"

#include <fcntl.h>

#include "check.h"
#include "files.h"

using namespace jouletap;

TEST(nothing_known_is_one_cpu) {
  const Tree tree;
  const Topology topology = read_topology(tree.root());
  CHECK_EQ(topology.cpus.size(), 1u);
  CHECK_EQ(topology.vendor, std::string());
  CHECK(!topology.intel() && !topology.amd());
}

TEST(packages_need_not_be_contiguous) {
  const Tree tree;
  tree.cpuinfo("AuthenticAMD", 0x19, 0x11, "AMD EPYC 9654");
  tree.cpu(0, 0, 0, 0);
  tree.cpu(1, 2, 0, 0);
  tree.cpu(2, 2, 1, 1);
  tree.cpu(10, 0, 0, 1);
  const Topology topology = read_topology(tree.root());
  CHECK(topology.amd());
  CHECK_EQ(topology.family, 0x19);
  CHECK_EQ(topology.brand, std::string("AMD EPYC 9654"));
  CHECK(topology.packages() == (std::vector<int>{0, 2}));
  CHECK(topology.dies(2) == (std::vector<int>{0, 1}));
  CHECK(topology.cpus_of(0) == (std::vector<int>{0, 10}));
  CHECK(topology.cpus_of(2, 1) == (std::vector<int>{2}));
  CHECK(topology.find(10) != nullptr && topology.find(3) == nullptr);
}

TEST(cpuinfo_alone_gives_packages) {
  const Tree tree;
  tree.file("proc/cpuinfo",
            "processor\t: 0\nvendor_id\t: GenuineIntel\nphysical id\t: 0\ncore id\t\t: 0\n\n"
            "processor\t: 1\nvendor_id\t: GenuineIntel\nphysical id\t: 1\ncore id\t\t: 0\n\n");
  const Topology topology = read_topology(tree.root());
  CHECK(topology.intel());
  CHECK(topology.packages() == (std::vector<int>{0, 1}));
}

TEST(a_virtual_machine_is_known_by_its_flag) {
  const Tree tree;
  tree.file("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu hypervisor lahf_lm\n");
  CHECK(read_topology(tree.root()).virtual_machine);
  tree.file("proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu hypervisors lahf_lm\n");
  CHECK(!read_topology(tree.root()).virtual_machine);
}

TEST(modelled_counters_are_known_by_family) {
  Topology topology;
  topology.vendor = "AuthenticAMD";
  topology.family = 0x17;
  topology.model = 0x31;
  CHECK(topology.modelled_rapl());
  topology.family = 0x19;
  CHECK(!topology.modelled_rapl());
}

TEST(lists_of_cpus) {
  CHECK(parse_cpu_list("0,4-6,9") == (std::vector<int>{0, 4, 5, 6, 9}));
  CHECK(parse_cpu_list("").empty());
  CHECK(parse_cpu_list("3-1").empty());
  CHECK(parse_cpu_list("a").empty());
}

TEST(numbers) {
  CHECK(parse_integer("0x1F") == 31);
  CHECK(parse_integer("42") == 42);
  CHECK(!parse_integer("42x") && !parse_integer("") && !parse_integer("0x"));
  CHECK(parse_double("2.3283064365386962890625e-10") == 0x1p-32);
  CHECK(!parse_double("1.5J") && !parse_double(""));
}

TEST(folders_are_listed_in_natural_order) {
  const Tree tree;
  for (const char* name : {"zone10", "zone9", "zone1000"}) tree.file(name, "");
  CHECK(list_folder(tree.root()) == (std::vector<std::string>{"zone9", "zone10", "zone1000"}));
  CHECK(list_folder(tree.path("absent")).empty());
}

TEST(a_number_is_read_again_and_again_from_one_descriptor) {
  const Tree tree;
  tree.file("n", "123\n");
  const File file = open_file(tree.path("n"));
  uint64_t value = 0;
  CHECK(read_number(file.get(), &value));
  CHECK_EQ(value, 123u);
  tree.file("n", "18446744073709551615\n");
  CHECK(read_number(file.get(), &value));
  CHECK_EQ(value, ~uint64_t{0});
  for (const char* garbage : {"", "\n", "12a\n", "-1\n", "99999999999999999999\n"}) {
    tree.file("n", garbage);
    CHECK(!read_number(file.get(), &value));
  }
  CHECK((fcntl(file.get(), F_GETFD) & FD_CLOEXEC) != 0);
}
