// Descendants, by made procfs and by that of this system.
#include "process_tree.h"

#include <signal.h>

#include "check.h"

using check::Tree;
using jouletap::ProcessTree;

namespace {

/// A process of a made procfs: the fields of proc(5), of which the 4th and the 22nd matter.
void process(const Tree& tree, int pid, int parent, int start, const std::string& name = "x") {
  std::string stat = std::to_string(pid) + " (" + name + ") S " + std::to_string(parent);
  for (int field = 5; field < 22; ++field) stat += " 0";
  tree.file("proc/" + std::to_string(pid) + "/stat", stat + " " + std::to_string(start) + " 9 9\n");
}

}  // namespace

TEST(children_and_their_children_are_of_the_tree_and_nobody_else) {
  const Tree tree;
  process(tree, 1, 0, 1);
  process(tree, 10, 1, 5);
  process(tree, 11, 10, 6, "a) S 1 (b");
  process(tree, 12, 11, 7, "x 1 1 1");
  process(tree, 20, 1, 6);
  ProcessTree processes(tree.root() / "proc", {10});
  CHECK(processes.missing().empty());
  CHECK(processes.holds(10));
  CHECK(processes.holds(12));
  CHECK(processes.holds(11));
  CHECK(!processes.holds(1));
  CHECK(!processes.holds(20));
  CHECK(!processes.holds(99));
  CHECK(!processes.holds(0));
  CHECK(!processes.holds(-1));
}

TEST(a_process_that_is_known_remains_when_its_parents_end) {
  const Tree tree;
  process(tree, 1, 0, 1);
  process(tree, 10, 1, 5);
  process(tree, 11, 10, 6);
  process(tree, 12, 11, 7);
  ProcessTree processes(tree.root() / "proc", {10});
  CHECK(processes.holds(12));
  tree.remove("proc/10");
  tree.remove("proc/11");
  process(tree, 12, 1, 7);
  CHECK(processes.holds(12));
}

TEST(a_number_that_is_given_out_anew_is_another_process) {
  const Tree tree;
  process(tree, 1, 0, 1);
  process(tree, 10, 1, 5);
  ProcessTree processes(tree.root() / "proc", {10});
  process(tree, 10, 1, 50);
  process(tree, 11, 10, 51);
  CHECK(!processes.holds(10));
  CHECK(!processes.holds(11));
}

TEST(what_is_not_there_is_missing_and_never_found) {
  const Tree tree;
  process(tree, 1, 0, 1);
  process(tree, 10, 1, 5);
  tree.file("proc/13/stat", "13 (garbage");
  tree.file("proc/14/stat", "14 (x) S 10 0");
  ProcessTree processes(tree.root() / "proc", {12, 10, 13});
  CHECK_EQ(processes.missing().size(), 2u);
  CHECK_EQ(processes.missing()[0], 12);
  CHECK(!processes.holds(13));
  CHECK(!processes.holds(14));
}

TEST(a_circle_of_parents_ends) {
  const Tree tree;
  process(tree, 7, 8, 1);
  process(tree, 8, 7, 1);
  process(tree, 10, 1, 5);
  ProcessTree processes(tree.root() / "proc", {10});
  CHECK(!processes.holds(7));
}

TEST(numbers_of_ones_own_are_told_by_the_namespace) {
  const Tree tree;
  CHECK(!ProcessTree(tree.root() / "proc", {}).own_numbers());
  tree.folder("proc/self/ns");
  const auto pid = tree.path("proc/self/ns/pid");
  std::filesystem::create_symlink("pid:[4026531836]", pid);
  CHECK(!ProcessTree(tree.root() / "proc", {}).own_numbers());
  std::filesystem::remove(pid);
  std::filesystem::create_symlink("pid:[4026532999]", pid);
  CHECK(ProcessTree(tree.root() / "proc", {}).own_numbers());
}

TEST(a_real_child_is_of_the_tree_of_its_parent) {
  const pid_t child = fork();
  if (child == 0) {
    pause();
    _exit(0);
  }
  ProcessTree own("/proc", {getpid()});
  CHECK(own.holds(getpid()));
  CHECK(own.holds(child));
  ProcessTree childs("/proc", {child});
  CHECK(childs.holds(child));
  CHECK(!childs.holds(getpid()));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  CHECK(!own.holds(child));
}
