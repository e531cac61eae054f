// What two sources of one domain, and two packages, must have in common.
#include "cross_check.h"

#include <cmath>

#include "check.h"

using namespace jouletap;

namespace {

constexpr double kUpdate = 1.0 / 1024;
using Kind = Verdict::Kind;

/// What a RAPL counter shows of so many watts.
Counted at(double watts, double seconds = 0.25) {
  return {watts * seconds, seconds, watts * kUpdate / std::sqrt(6)};
}

Domain domain(const std::string& kind, int package, const std::string& source, int die = -1) {
  Domain made;
  made.id = domain_id(kind, package, die);
  made.kind = kind;
  made.source = source;
  made.package = package;
  made.die = die;
  made.unit = 0x1p-14;
  made.update_s = kUpdate;
  return made;
}

/// A reading of so many joules at so many milliseconds.
Tally tally(double joules, double ms) {
  Tally made;
  made.joules = joules;
  made.stamp = {static_cast<int64_t>(ms * 1e6), 1000};
  made.raw = static_cast<uint64_t>(joules / 0x1p-14);
  made.fresh = true;
  return made;
}

/// Two looks, 250 ms apart, at domains of these watts.
std::vector<Look> looks(const std::vector<double>& read, const std::vector<double>& beside) {
  std::vector<Look> made(2);
  for (size_t look = 0; look < 2; ++look) {
    const double ms = 250.0 * static_cast<double>(look);
    for (const double watts : read) made[look].read.push_back(tally(watts * ms * 1e-3, ms));
    for (const double watts : beside) {
      made[look].beside.push_back(tally(watts * ms * 1e-3, ms + 0.1));
    }
  }
  return made;
}

std::string said(const std::vector<Domain>& read, const std::vector<Domain>& beside,
                 const std::vector<Look>& made) {
  std::string all;
  for (const Finding& finding : disagreements(read, beside, made)) {
    all += (all.empty() ? "" : " | ") + finding.sentence;
  }
  return all;
}

bool has(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

}  // namespace

TEST(two_sources_agree_within_two_percent) {
  CHECK(compare(at(65), at(65), 0).kind == Kind::agree);
  CHECK(compare(at(65 * 1.0027), at(65), 0).kind == Kind::agree);  // DRAM's two units
  CHECK(compare(at(65 * 1.019, 60), at(65, 60), 0).kind == Kind::agree);
  CHECK(compare(at(65 * 1.022, 60), at(65, 60), 0).kind == Kind::differ);
  CHECK(compare(at(65 / 1.022, 60), at(65, 60), 0).kind == Kind::differ);
  const Verdict verdict = compare(at(37), at(9.25), 0);
  CHECK(verdict.kind == Kind::differ);
  CHECK_NEAR(verdict.ratio, 4, 1e-12);
}

TEST(a_short_time_leaves_more_open) {
  // Updates: 4·√2·P·u/√6 is 0.9 % of 0.25 s.
  CHECK(compare(at(65 * 1.027), at(65), 0).kind == Kind::agree);
  CHECK(compare(at(65 * 1.032), at(65), 0).kind == Kind::differ);
  // And what was used while one was read and the other was not yet: 2 ms of 250.
  CHECK(compare(at(65 * 1.032), at(65), 0.002).kind == Kind::agree);
  CHECK(compare(at(65 * 1.040), at(65), 0.002).kind == Kind::differ);
}

TEST(readings_of_other_times_are_brought_to_one_time) {
  CHECK(compare(at(65, 0.26), at(65, 0.25), 0).kind == Kind::agree);
}

TEST(nothing_is_said_of_too_short_a_time_or_too_different_times_or_nothing) {
  CHECK(compare(at(65, 0.1), at(10, 0.1), 0).kind == Kind::unknown);
  CHECK(compare(at(65), at(10), 0.05).kind == Kind::unknown);
  CHECK(compare(at(0), at(0), 0).kind == Kind::unknown);
  CHECK(compare(at(65), at(0), 0).kind == Kind::unknown);  // theirs does not count
  CHECK(compare(at(0), at(65), 0).kind == Kind::differ);   // ours does not
}

TEST(sources_that_agree_are_no_finding) {
  CHECK_EQ(said({domain("package", 0, "rapl-perf"), domain("dram", 0, "rapl-perf")},
                {domain("dram", 0, "rapl-msr"), domain("package", 0, "rapl-msr")},
                looks({65, 9}, {9, 65})),
           std::string());
}

TEST(a_factor_of_four_in_memory_is_its_unit) {
  const std::vector<Domain> read{domain("dram", 0, "rapl-powercap")};
  const std::vector<Domain> beside{domain("dram", 0, "rapl-msr")};
  const std::string more = said(read, beside, looks({36}, {9}));
  CHECK(has(more, "dram-0: rapl-powercap, whose joules these are, counts 4 times what rapl-msr"));
  CHECK(has(more, "2^-16 J"));
  const std::string less = said(read, beside, looks({9}, {36}));
  CHECK(has(less, "counts 0.25 times what rapl-msr does"));
  CHECK(has(less, "2^-16 J"));
}

TEST(a_whole_factor_in_a_package_is_a_counter_added_up) {
  const std::vector<Domain> whole{domain("package", 0, "rapl-msr")};
  const std::vector<Domain> dies{domain("package", 0, "rapl-perf", 0),
                                 domain("package", 0, "rapl-perf", 1)};
  const std::string twice = said(dies, whole, looks({68, 68}, {68}));
  CHECK(has(twice, "package-0: rapl-perf, whose joules these are, counts 2 times"));
  CHECK(has(twice, "mirrored dies"));
  CHECK(has(said(whole, dies, looks({68}, {68, 68})), "counts 0.5 times what rapl-perf does"));
  CHECK_EQ(said(whole, dies, looks({68}, {30, 38})), std::string());  // dies that are real
  CHECK(has(said(whole, {domain("package", 0, "rapl-perf")}, looks({68 * 8}, {68})), "CCD"));
}

TEST(any_other_factor_may_be_a_missed_wrap_or_a_wrong_unit) {
  const std::string text = said({domain("package", 0, "rapl-perf")},
                                {domain("package", 0, "rapl-msr")}, looks({65}, {50}));
  CHECK(has(text, "counts 1.3 times"));
  CHECK(has(text, "A missed wrap or a wrong unit is possible."));
}

TEST(a_counter_that_stands_still_beside_one_that_moves_is_told) {
  const std::string text = said({domain("package", 0, "rapl-perf")},
                                {domain("package", 0, "rapl-msr")}, looks({0}, {40}));
  CHECK(has(text, "counts nothing, and rapl-msr 10 J in 0.25 s."));
}

TEST(each_source_beside_is_held_against_it) {
  const std::vector<Domain> read{domain("package", 0, "rapl-perf")};
  const auto found =
      disagreements(read, {domain("package", 0, "rapl-powercap"), domain("package", 0, "rapl-msr")},
                    looks({65}, {65, 130}));
  CHECK_EQ(found.size(), 1u);
  CHECK_EQ(found.front().about, std::string("package-0 by rapl-msr"));
}

TEST(a_flaw_in_between_leaves_no_verdict) {
  const std::vector<Domain> read{domain("package", 0, "rapl-perf")};
  const std::vector<Domain> beside{domain("package", 0, "rapl-msr")};
  auto made = looks({65}, {130});
  made[1].beside[0].resets = 1;
  CHECK_EQ(said(read, beside, made), std::string());
  made = looks({65}, {130});
  made[1].read[0].fresh = false;
  CHECK_EQ(said(read, beside, made), std::string());
}

TEST(two_packages_with_one_counter_are_told) {
  std::vector<Domain> read{domain("package", 0, "rapl-msr"), domain("package", 1, "rapl-msr")};
  const auto counts = [](const std::vector<uint64_t>& a, const std::vector<uint64_t>& b) {
    std::vector<Look> made(a.size());
    for (size_t i = 0; i < a.size(); ++i) {
      made[i].read = {tally(0, 0), tally(0, 0)};
      made[i].read[0].raw = a[i];
      made[i].read[1].raw = b[i];
    }
    return made;
  };
  const std::vector<uint64_t> moving{100, 207, 300, 411, 500, 613};
  const auto found = repetitions(read, counts(moving, moving));
  CHECK_EQ(found.size(), 1u);
  CHECK(has(found.front().sentence, "package-0 and package-1 show one and the same counter"));
  // It may step between the two reads of a look.
  CHECK_EQ(repetitions(read, counts(moving, {100, 207, 301, 411, 500, 613})).size(), 1u);
  CHECK(repetitions(read, counts(moving, {101, 208, 301, 412, 501, 614})).empty());
  CHECK(repetitions(read, counts({7, 7, 7, 7, 7}, {7, 7, 7, 7, 7})).empty());  // at rest
  CHECK(repetitions(read, counts({1, 2, 3, 4}, {1, 2, 3, 4})).empty());        // too few looks

  // Counts of perf begin when they are opened, one after the other.
  for (Domain& domain : read) domain.unit = 0x1p-32;
  CHECK_EQ(repetitions(read, counts(moving, {90, 197, 290, 401, 490, 603})).size(), 1u);
  CHECK(repetitions(read, counts(moving, {90, 197, 290, 402, 490, 603})).empty());
}
