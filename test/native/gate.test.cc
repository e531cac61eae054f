// The gate: what passes of a device that is used at times, looked at once a second.
#include "gate.h"

#include "check.h"

using jouletap::Gate;
using jouletap::Method;
using jouletap::Tally;

namespace {

constexpr double kWatts = 100;

int64_t ns(double seconds) { return static_cast<int64_t>(seconds * 1e9); }

/// A device that draws 100 W, after so many seconds.
Tally device(double seconds) {
  Tally tally;
  tally.joules = kWatts * seconds;
  tally.excess = kWatts * seconds;
  tally.covered_ms = 1000 * seconds;
  tally.lag_variance = 0;
  tally.fresh = true;
  return tally;
}

struct Watched {
  Gate gate;
  Tally passed;

  void look(double seconds, bool used) { gate.look(used, ns(seconds), device(seconds)); }
  const Tally& tell(double seconds) {
    gate.tell(ns(seconds), device(seconds), passed);
    return passed;
  }
};

}  // namespace

TEST(all_passes_as_it_is_where_nobody_looks) {
  Gate gate;
  Tally all = device(3);
  all.variance = 4;
  all.bias = 5;
  all.resets = 1;
  all.lag_variance = 6;
  all.method = Method::gauge;
  Tally passed;
  gate.tell(ns(3), all, passed);
  CHECK_EQ(passed.joules, all.joules);
  CHECK_EQ(passed.covered_ms, all.covered_ms);
  CHECK_EQ(passed.variance, 4.0);
  CHECK_EQ(passed.bias, 5.0);
  CHECK_EQ(passed.resets, 1.0);
  CHECK_EQ(passed.lag_variance, 6.0);
  CHECK(passed.method == Method::gauge);
  CHECK(passed.fresh);
}

TEST(a_device_that_is_not_used_stands_still_and_is_known) {
  Watched watched;
  for (int s = 0; s <= 10; ++s) watched.look(s, false);
  const Tally& passed = watched.tell(10.5);
  CHECK_EQ(passed.joules, 0.0);
  CHECK_EQ(passed.variance + passed.lag_variance, 0.0);
  CHECK_NEAR(passed.covered_ms, 10500, 1e-6);
  CHECK(passed.fresh);
}

TEST(its_failures_do_not_matter_while_it_is_not_used) {
  Watched watched;
  watched.look(0, false);
  Tally lost = device(1);
  lost.failures = 7;
  lost.fresh = false;
  watched.gate.tell(ns(5), lost, watched.passed);
  CHECK_EQ(watched.passed.failures, 0.0);
  CHECK_NEAR(watched.passed.covered_ms, 5000, 1e-6);
  CHECK(watched.passed.fresh);
  watched.gate.look(true, ns(5), lost);
  lost.failures = 9;
  watched.gate.tell(ns(6), lost, watched.passed);
  CHECK_EQ(watched.passed.failures, 2.0);
  CHECK(!watched.passed.fresh);
}

TEST(what_was_used_at_the_first_look_is_known_from_there_on) {
  Watched watched;
  watched.look(0, true);
  CHECK_EQ(watched.tell(3).joules, 300.0);
  CHECK_EQ(watched.passed.variance, 0.0);
}

TEST(a_beginning_lies_half_way_between_two_looks_give_or_take) {
  Watched watched;
  watched.look(0, false);
  watched.look(1, false);
  CHECK_EQ(watched.tell(1.9).joules, 0.0);
  watched.look(2, true);
  CHECK_NEAR(watched.tell(2).joules, kWatts * 0.5, 1e-9);
  watched.look(3, true);
  CHECK_NEAR(watched.tell(4).joules, kWatts * 2.5, 1e-9);
  CHECK_NEAR(watched.passed.variance, 100 * 100 / 12.0, 1e-9);
  CHECK_EQ(watched.passed.lag_variance, 0.0);
  CHECK_NEAR(watched.passed.covered_ms, 4000, 1e-6);
}

TEST(an_end_takes_nothing_back_that_was_told_and_says_how_much_that_may_be) {
  Watched watched;
  watched.look(0, true);
  watched.look(1, true);
  CHECK_EQ(watched.tell(2).joules, 200.0);
  watched.look(2, false);
  CHECK_EQ(watched.tell(2).joules, 200.0);
  CHECK_EQ(watched.tell(9).joules, 200.0);
  // Truly used: from 100 to 200 J, uniformly.
  CHECK_NEAR(watched.passed.variance + watched.passed.lag_variance, 100 * 100 / 3.0, 1e-9);
  CHECK_NEAR(watched.passed.covered_ms, 9000, 1e-6);
}

TEST(an_end_that_was_not_told_yet_lies_half_way) {
  Watched watched;
  watched.look(0, true);
  watched.look(1, true);
  watched.tell(1.25);
  watched.look(2, false);
  CHECK_NEAR(watched.tell(3).joules, 150, 1e-9);
  CHECK_EQ(watched.passed.lag_variance, 0.0);
}

TEST(many_uses_are_neither_too_much_nor_too_little) {
  // Used in the second half of each period, found out at whole seconds: at every phase, since the
  // period is to a second as the golden ratio has it.
  const double period = 7.618033988749895;
  const int periods = 1000;
  const auto seconds = static_cast<int>(periods * period);
  Watched watched;
  double told = 0;
  for (int s = 0; s <= seconds; ++s) {
    watched.look(s, std::fmod(s, period) >= period / 2);
    for (const double part : {0.0, 0.3, 0.6}) {
      const double joules = watched.tell(s + part).joules;
      CHECK(joules >= told);
      told = joules;
    }
  }
  const double sigma = std::sqrt(watched.passed.variance + watched.passed.lag_variance);
  CHECK_NEAR(told, kWatts * periods * period / 2, 2 * sigma);
  CHECK_NEAR(sigma, std::sqrt(2 * periods / 12.0) * kWatts, 0.1 * sigma);
}

TEST(a_lag_of_which_nothing_is_known_stays_so_but_for_what_the_gate_knows) {
  Watched watched;
  Tally all = device(1);
  all.lag_variance = -1;
  watched.gate.tell(ns(1), all, watched.passed);
  CHECK_EQ(watched.passed.lag_variance, -1.0);
  watched.gate.look(true, ns(1), all);
  all = device(2);
  all.lag_variance = -1;
  watched.gate.tell(ns(2), all, watched.passed);
  watched.gate.look(false, ns(2), all);
  CHECK_EQ(watched.tell(3).lag_variance, 50.0 * 50.0);
  CHECK_NEAR(watched.passed.variance, 100 * 100 / 12.0, 1e-9);
}

TEST(the_errors_of_the_device_pass_with_its_energy) {
  Gate gate;
  Tally at = device(0);
  gate.look(false, ns(0), at);
  at = device(1);
  at.variance = 50;
  at.bias = 5;
  at.lag_variance = 3;
  gate.look(true, ns(1), at);
  at = device(2);
  at.variance = 70;
  at.bias = 6;
  at.lag_variance = 4;
  Tally passed;
  gate.tell(ns(2), at, passed);
  // 20 of the use itself, 3 of not knowing the device's energy at its beginning.
  CHECK_NEAR(passed.variance, 20 + 3 + 100 * 100 / 12.0, 1e-9);
  CHECK_NEAR(passed.bias, 1, 1e-9);
  CHECK_NEAR(passed.lag_variance, 4, 1e-9);
  // A gauge beside a counter is compared over the same time.
  CHECK_NEAR(passed.excess, passed.joules, 1e-9);
}
