// Timeline: the true moment always lies within what it says, whatever delays, slew and leaps there
// are.
#include "timeline.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "check.h"

using jouletap::Stamp;
using jouletap::Timeline;

namespace {

constexpr double kUs = 1e3;
constexpr double kMs = 1e6;
constexpr double kSecond = 1e9;

/// Two clocks, known exactly: theirs runs evenly, ours is slewed against it, and may leap.
struct Clocks {
  double theirs = 0;
  double ours = 0;
  double slew = 0;  // ours gains this share

  void advance(double ns) {
    theirs += ns;
    ours += ns * (1 + slew);
  }
};

int64_t shown(double ns) { return static_cast<int64_t>(std::floor(ns)); }

double within(std::mt19937_64& random, double low, double high) {
  return std::uniform_real_distribution<double>(low, high)(random);
}

/// From 20 ns to 20 µs, and one in a hundred a pre-emption of up to 5 ms.
double delay(std::mt19937_64& random) {
  if (random() % 100 == 0) return within(random, 0, 5 * kMs);
  return 20 * std::pow(1000, within(random, 0, 1));
}

struct Look {
  int64_t before;
  int64_t theirs;
  int64_t after;
  double truth;  // of our clock, as theirs was read
};

Look look(Clocks& clocks, std::mt19937_64& random) {
  Look seen{};
  seen.before = shown(clocks.ours);
  clocks.advance(delay(random));
  seen.theirs = shown(clocks.theirs);
  seen.truth = clocks.ours;
  clocks.advance(delay(random));
  seen.after = shown(clocks.ours);
  return seen;
}

/// The truth is within the stamp, and the stamp within the look.
bool holds(const Stamp& stamp, const Look& seen) {
  return stamp.half_ns >= 0 && shown(seen.truth) >= stamp.time_ns - stamp.half_ns &&
         shown(seen.truth) <= stamp.time_ns + stamp.half_ns &&
         2 * stamp.half_ns <= seen.after - seen.before + 1 && stamp.time_ns >= seen.before &&
         stamp.time_ns <= seen.after;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

TEST(the_first_look_is_its_own_middle) {
  Timeline timeline;
  const Stamp stamp = timeline.map(1000, 77, 1011);
  CHECK_EQ(stamp.time_ns, 1005);
  CHECK_EQ(stamp.half_ns, 6);  // both 1000 and 1011 are within
}

TEST(one_quick_look_sharpens_the_slow_ones_after_it) {
  Timeline timeline;
  timeline.map(5'000'000, 1'000'000, 5'000'020);
  // 100 µs later, with 40 µs on either side: 50 ns of slew, and a few of rounding.
  const Stamp stamp = timeline.map(5'060'000, 1'100'000, 5'140'000);
  CHECK_NEAR(static_cast<double>(stamp.time_ns), 5'100'010, 2);
  CHECK(stamp.half_ns <= 10 + 51 + 4);
}

TEST(slew_at_its_limit_never_excludes_the_truth) {
  for (const double slew : {-500e-6, 500e-6}) {
    for (const bool exact : {true, false}) {
      std::mt19937_64 random(7);
      Timeline timeline;
      Clocks clocks{123.4, 9e12, slew};
      int wrong = 0;
      for (int i = 0; i < 20'000; ++i) {
        clocks.advance(within(random, 0, 200 * kUs));
        Look seen = look(clocks, random);
        // The tightest look there is leaves nothing to spare.
        if (exact && i % 10 == 0) seen.before = seen.after = shown(seen.truth);
        if (!holds(timeline.map(seen.before, seen.theirs, seen.after), seen)) ++wrong;
      }
      CHECK_EQ(wrong, 0);
    }
  }
}

TEST(the_truth_is_within_for_any_delays_and_slew_that_turns) {
  std::mt19937_64 random(20260411);
  int looks = 0;
  int wrong = 0;
  for (int run = 0; run < 200; ++run) {
    Timeline timeline;
    Clocks clocks{within(random, 0, 1e15), within(random, 0, 1e15), 0};
    const double interval = 20 * kUs * std::pow(10, within(random, 0, 5));  // to 2 s
    for (int i = 0; i < 250; ++i) {
      if (random() % 8 == 0) clocks.slew = within(random, -500e-6, 500e-6);
      clocks.advance(within(random, 0, 2 * interval));
      const Look seen = look(clocks, random);
      ++looks;
      if (!holds(timeline.map(seen.before, seen.theirs, seen.after), seen)) ++wrong;
    }
  }
  CHECK_EQ(looks, 50'000);
  CHECK_EQ(wrong, 0);
}

TEST(a_leap_of_either_clock_costs_no_wrong_stamp) {
  std::mt19937_64 random(99);
  int wrong = 0;
  for (int run = 0; run < 500; ++run) {
    Timeline timeline;
    Clocks clocks{0, 1e12, within(random, -500e-6, 500e-6)};
    for (int i = 0; i < 60; ++i) {
      clocks.advance(within(random, 0, 2 * kMs));
      if (random() % 15 == 0) {
        // More than the longest look is wide: 20 ms to 100 s, ours or theirs, on or back.
        const double leap = 20 * kMs * std::pow(5000, within(random, 0, 1));
        (random() % 2 == 0 ? clocks.ours : clocks.theirs) += random() % 2 == 0 ? leap : -leap;
      }
      const Look seen = look(clocks, random);
      if (!holds(timeline.map(seen.before, seen.theirs, seen.after), seen)) ++wrong;
    }
  }
  CHECK_EQ(wrong, 0);
}

// A leap within the bounds cannot be told from slew; one narrow look ends it.
TEST(a_leap_too_small_to_be_told_is_forgotten_at_the_next_narrow_look) {
  Timeline timeline;
  timeline.map(0, 0, 10'000);  // the offset is 0 … 10 µs: it is 2 µs, and now becomes 14 µs
  timeline.map(1'005'000, 1'000'000, 1'030'000);
  const Stamp stamp = timeline.map(2'013'900, 2'000'000, 2'014'100);
  CHECK(std::abs(stamp.time_ns - 2'014'000) <= stamp.half_ns);
  const Stamp next = timeline.map(2'100'000, 2'100'000, 2'200'000);
  CHECK(std::abs(next.time_ns - 2'114'000) <= next.half_ns);
  CHECK(next.half_ns < 200);
}

TEST(stamps_are_much_tighter_than_the_usual_look) {
  for (const double interval : {100 * kUs, 1 * kMs}) {
    std::mt19937_64 random(5);
    Timeline timeline;
    Clocks clocks{0, 1e12, 30e-6};
    std::vector<double> brackets;
    std::vector<double> halves;
    for (int i = 0; i < 20'000; ++i) {
      clocks.slew = 30e-6 + 20e-6 * std::sin(i * 1e-3);
      clocks.advance(interval);
      const Look seen = look(clocks, random);
      brackets.push_back(static_cast<double>(seen.after - seen.before) / 2);
      const Stamp stamp = timeline.map(seen.before, seen.theirs, seen.after);
      halves.push_back(static_cast<double>(stamp.half_ns));
    }
    std::printf("  every %g µs: look ± %.0f ns, stamp ± %.0f ns (medians)\n", interval / kUs,
                median(brackets), median(halves));
    CHECK(median(halves) < median(brackets) / (interval < kMs ? 5 : 2));
    // Even the worst: once a quick look has been had, a pre-emption costs its slew alone.
    const double worst = *std::max_element(halves.begin() + 100, halves.end());
    CHECK(worst < *std::max_element(brackets.begin(), brackets.end()) / 50);
  }
}

TEST(looks_far_apart_are_worth_no_less_than_themselves) {
  std::mt19937_64 random(11);
  Timeline timeline;
  Clocks clocks{0, 0, -200e-6};
  for (int i = 0; i < 1000; ++i) {
    clocks.advance(within(random, 0, 1e6) * kSecond);  // up to eleven days
    const Look seen = look(clocks, random);
    CHECK(holds(timeline.map(seen.before, seen.theirs, seen.after), seen));
  }
}
