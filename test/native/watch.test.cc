// Watch, through a sampler: lost sources and their heirs, and the cross-check, over known powers.
#include "watch.h"

#include <atomic>
#include <cmath>

#include "check.h"
#include "clock.h"
#include "counter.h"
#include "sampler.h"

using namespace jouletap;

namespace {

/// Registers of constant power, computed from the clock at each read.
class Steady : public Source {
 public:
  struct Spec {
    std::string id;
    double watts;
    double unit = 0x1p-14;
    uint64_t seed = 0;
  };
  /// failing, not null: whether its reads give nothing.
  Steady(const std::string& name, const std::vector<Spec>& specs,
         const std::atomic<bool>* failing = nullptr)
      : specs_(specs), failing_(failing) {
    for (const Spec& spec : specs) {
      Domain domain;
      domain.id = spec.id;
      domain.kind = spec.id.substr(0, spec.id.find('-'));
      domain.package = spec.id.back() - '0';
      domain.source = name;
      domain.unit = spec.unit;
      domain.update_s = 1e-9;
      domain.max_watts = 1000;
      domain.call = static_cast<int>(domains_.size());
      domains_.push_back(domain);
      Counter::Spec counter;
      counter.unit = spec.unit;
      counters_.emplace_back(counter);
    }
  }
  const std::vector<Domain>& domains() const override { return domains_; }
  const std::vector<std::string>& notes() const override { return notes_; }
  void read(Tally* tallies) noexcept override {
    const int64_t time = now_ns();
    for (size_t i = 0; i < specs_.size(); ++i) {
      if (failing_ != nullptr && *failing_) {
        counters_[i].miss(tallies[i]);
        continue;
      }
      const double joules = specs_[i].watts * static_cast<double>(time) * 1e-9;
      const auto counts = static_cast<uint64_t>(joules / specs_[i].unit) + specs_[i].seed;
      counters_[i].look(counts % (uint64_t{1} << 32), time, tallies[i]);
    }
  }

 private:
  std::vector<Spec> specs_;
  const std::atomic<bool>* failing_;
  std::vector<Counter> counters_;
  std::vector<Domain> domains_;
  std::vector<std::string> notes_;
};

using Specs = std::vector<Steady::Spec>;

Reserve::Sources one(const std::string& name, const Specs& specs,
                     const std::atomic<bool>* failing = nullptr) {
  Reserve::Sources sources;
  sources.push_back(std::make_unique<Steady>(name, specs, failing));
  return sources;
}

std::vector<double> start(Sampler& sampler) {
  std::vector<double> baseline(sampler.snapshot_width());
  sampler.start(baseline.data());
  return baseline;
}

std::vector<double> sample(Sampler& sampler) {
  std::vector<double> snapshot(sampler.snapshot_width());
  sampler.sample(snapshot.data());
  return snapshot;
}

void until(const std::function<bool()>& condition) {
  while (!condition()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

constexpr int64_t kHour = int64_t{3'600'000'000'000};
constexpr size_t kJoules = 3;
constexpr size_t kCovered = 4;
constexpr size_t kFailures = 10;

/// What a cross-check of these found, once it is over.
std::vector<std::string> checked(const Specs& read, Reserve::Sources beside) {
  Reserve reserve;
  std::atomic<bool> closed{false};
  /// Tells when the check lets go of what it has opened.
  class Last : public Steady {
   public:
    explicit Last(std::atomic<bool>& flag) : Steady("last", {}), flag_(flag) {}
    ~Last() override { flag_ = true; }

   private:
    std::atomic<bool>& flag_;
  };
  reserve.twins = [&](const std::vector<Domain>&) {
    beside.push_back(std::make_unique<Last>(closed));
    return std::move(beside);
  };
  Sampler sampler(one("rapl-perf", read), {kHour, 1}, reserve);
  start(sampler);
  until([&] { return closed.load(); });
  auto findings = sampler.findings();
  CHECK_EQ(findings.empty(), sampler.changes() == 0);
  sampler.stop();
  return findings;
}

}  // namespace

TEST(a_lost_source_gives_way_to_another_and_no_joule_that_was_counted_is_lost) {
  std::atomic<bool> failing{false};
  Reserve reserve;
  std::vector<std::string> asked;
  reserve.anew = [&](const std::vector<Domain>& lost, const std::vector<Domain>& taken) {
    for (const Domain& domain : lost) asked.push_back("lost " + domain.id);
    for (const Domain& domain : taken) asked.push_back("taken " + domain.id);
    return one("rapl-powercap", {{"package-0", 50, 1e-6}});
  };
  Reserve::Sources sources = one("rapl-perf", {{"package-0", 50}}, &failing);
  sources.push_back(std::make_unique<Steady>("hwmon", Specs{{"board-0", 5}}));
  Sampler sampler(std::move(sources), {kHour, 1}, reserve);
  const std::vector<double> begin = start(sampler);
  until([&] { return now_ns() * 1e-6 > begin[0] + 200; });
  const std::vector<double> well = sample(sampler);
  failing = true;
  sample(sampler);  // the thread is told by this, and by nothing else
  until([&] { return sampler.changes() > 0; });
  const std::vector<double> mended = sample(sampler);
  until([&] { return now_ns() * 1e-6 > mended[0] + 200; });
  const std::vector<double> end = sample(sampler);
  sampler.stop();

  CHECK(asked == (std::vector<std::string>{"lost package-0", "taken board-0"}));
  CHECK(sampler.findings() ==
        std::vector<std::string>{"package-0 is read by rapl-powercap since rapl-perf lost it."});
  CHECK_EQ(sampler.domains()[0].source, std::string("rapl-powercap"));
  CHECK_EQ(sampler.domains()[0].unit, 1e-6);
  CHECK_EQ(sampler.domains()[1].source, std::string("hwmon"));
  CHECK(mended[0] - well[0] >= 1000);
  CHECK(end[kFailures] >= 2);
  // What is told is what was used in the time that is covered, and that is all but the loss.
  CHECK_NEAR(end[kJoules], 50e-3 * end[kCovered], 0.01);
  CHECK(end[kCovered] >= (well[0] - begin[0]) + (end[0] - mended[0]) - 1);
  CHECK(end[kCovered] <= end[0] - begin[0] - 1000);
  const size_t board = kJoules + Sampler::kTallyFields;
  CHECK_NEAR(end[board], 5e-3 * (end[0] - begin[0]), 0.01);
}

TEST(a_source_that_comes_back_by_itself_is_kept) {
  std::atomic<bool> failing{true};
  std::atomic<int> opened{0};
  Reserve reserve;
  reserve.anew = [&](const std::vector<Domain>&, const std::vector<Domain>&) {
    ++opened;
    return Reserve::Sources{};
  };
  Sampler sampler(one("rapl-perf", {{"package-0", 50}}, &failing), {kHour, 1}, reserve);
  start(sampler);
  failing = false;
  const double reads = sampler.overhead().reads;
  until([&] { return sampler.overhead().reads > reads; });  // it is looked at again, and is well
  sampler.stop();
  CHECK_EQ(opened.load(), 0);
  CHECK_EQ(sampler.changes(), 0u);
}

TEST(what_is_found_again_by_the_same_source_is_told_of_all_its_domains_at_once) {
  std::atomic<bool> failing{true};
  Reserve reserve;
  const Specs specs{{"package-0", 50}, {"core-0", 30}, {"dram-0", 5}};
  reserve.anew = [&](const std::vector<Domain>&, const std::vector<Domain>&) {
    return one("rapl-perf", specs);
  };
  Sampler sampler(one("rapl-perf", specs, &failing), {kHour, 1}, reserve);
  start(sampler);
  until([&] { return sampler.changes() > 0; });
  sampler.stop();
  CHECK(sampler.findings() ==
        std::vector<std::string>{"package-0, core-0 and dram-0 are read by rapl-perf, which lost "
                                 "them and was opened anew."});
}

TEST(stopping_does_not_wait_for_what_is_not_due) {
  std::atomic<bool> failing{true};
  Reserve reserve;
  reserve.anew = [](const std::vector<Domain>&, const std::vector<Domain>&) {
    return Reserve::Sources{};
  };
  reserve.twins = [](const std::vector<Domain>&) { return one("rapl-msr", {{"package-0", 9}}); };
  Sampler sampler(one("rapl-perf", {{"package-0", 50}}, &failing), {kHour, 1}, reserve);
  start(sampler);
  const int64_t before = now_ns();
  sampler.stop();
  CHECK(now_ns() - before < 90'000'000);
}

TEST(sources_that_agree_are_not_worth_a_word) {
  CHECK(checked({{"package-0", 65}, {"dram-0", 9}},
                one("rapl-msr", {{"dram-0", 9, 0x1p-16}, {"package-0", 65}}))
            .empty());
}

TEST(a_source_that_counts_four_times_as_much_is_told_with_the_rule) {
  const auto findings = checked({{"package-0", 65}, {"dram-0", 36}},
                                one("rapl-msr", {{"dram-0", 9}, {"package-0", 65}}));
  CHECK_EQ(findings.size(), 1u);
  const std::string& finding = findings.front();
  CHECK(finding.find("dram-0: rapl-perf, whose joules these are, counts 4") == 0);
  CHECK(finding.find("2^-16 J") != std::string::npos);
}

TEST(packages_with_one_counter_are_told_and_those_of_one_power_are_not) {
  const auto findings = checked({{"package-0", 65, 1e-6}, {"package-1", 65, 1e-6}}, {});
  CHECK_EQ(findings.size(), 1u);
  CHECK(findings.front().find("package-0 and package-1 show one and the same counter") == 0);
  CHECK(checked({{"package-0", 65}, {"package-1", 65, 0x1p-14, 12345}}, {}).empty());
}

TEST(what_the_check_costs_is_counted) {
  Reserve reserve;
  reserve.twins = [](const std::vector<Domain>&) { return one("rapl-msr", {{"package-0", 65}}); };
  Sampler sampler(one("rapl-perf", {{"package-0", 65}, {"core-0", 9}}), {kHour, 1}, reserve);
  start(sampler);
  CHECK_EQ(sampler.overhead().reads, 1.0);
  until([&] { return sampler.overhead().reads >= 1 + 2 * 6; });
  const Overhead overhead = sampler.overhead();
  CHECK(overhead.system_calls >= 2 + 6 * 3);
  sampler.stop();
}
