// perf: what is left out, what goes wrong in mid-run, and every way it can be refused.
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <thread>

#include "../../native/files.h"
#include "check.h"
#include "opened.h"
#include "ticks.h"

using check::amd;
using check::ids;
using check::intel;
using check::noted;
using check::refusal_of;
using check::says;
using check::source_of;
using jouletap::File;
using jouletap::Refusal;
using jouletap::Tally;
using ticks::event;
using ticks::kPower;
using ticks::kScale;
using ticks::open;
using ticks::perf_descriptors;
using ticks::pmu;

namespace {

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

}  // namespace
