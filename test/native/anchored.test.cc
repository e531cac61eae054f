// Anchored: a counter that is refreshed rarely and a gauge that does not see all, against a power
// curve that is known at every time. Time is made: ten minutes of a card take no time.
#include "anchored.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "check.h"

using namespace jouletap;

namespace {

constexpr double kNs = 1e9;
/// Of 200 W through a counter that is refreshed every 100 ms and read blindly, J.
const double kBlind = 200 * 0.1 / std::sqrt(6.0);

int64_t ns(double seconds) { return std::llround(seconds * kNs); }

/// Power by turns: `high` for `duty` of every period, else `low`.
struct Curve {
  double low = 200;
  double high = 200;
  double period = 1;
  double duty = 0.5;

  double joules(double t) const {
    const double turns = std::floor(t / period);
    const double rest = t - turns * period;
    const double burst = duty * period;
    const double full = high * burst + low * (period - burst);
    return turns * full + high * std::min(rest, burst) + low * std::max(0.0, rest - burst);
  }
};

/// A card as its driver shows it; times in seconds since it was made.
struct Made {
  Curve curve;
  double refresh = 0.1;  // of the counter and of the gauge,
  double phase = 0;      // at phase + k × refresh
  double window = 0.025;
  double gauge_gain = 1;
  double offset = 0;     // joules of the counter
  double stuck_at = -1;  // the counter stands still from then on
  double start = 1000;   // so that no time is negative

  double updated(double t) const { return std::floor((t - phase) / refresh) * refresh + phase; }
  uint64_t millijoules(double t) const {
    const double seen = stuck_at >= 0 ? std::min(t, stuck_at) : t;
    return static_cast<uint64_t>((curve.joules(start + updated(seen)) + offset) * 1000);
  }
  double watts(double t) const {
    const double at = start + updated(t);
    return gauge_gain * (curve.joules(at) - curve.joules(at - window)) / window;
  }
  double joules(double from, double to) const {
    return curve.joules(start + to) - curve.joules(start + from);
  }
};

Anchored::Spec counted() {
  Anchored::Spec spec;
  spec.window_ns = ns(0.025);
  spec.gain = 0.05;
  spec.unseen_watts = 0.75 * 400 / std::sqrt(12.0);
  return spec;
}

/// Looks at a made card every `tick`, and keeps what is told at the looks.
struct Run {
  explicit Run(const Anchored::Spec& spec) : anchored(spec), spec(spec) {}

  /// Ticks, late by up to 4 ms, so that they fall on every phase of the updates.
  void until(const Made& made, double end) {
    for (; time < end; time += tick + 0.004 * late(random)) look(made);
  }
  void look(const Made& made) {
    if (spec.has_gauge) anchored.power(made.watts(time), ns(1 + time));
    Anchored::Look look;
    look.before_ns = ns(1 + time) - 50'000;
    look.after_ns = ns(1 + time) + 50'000;
    look.counted = spec.has_counter;
    look.count = made.millijoules(time);
    if (stamped) look.counted_ns = ns(1 + made.updated(time));
    anchored.look(look);
  }
  /// Of a time after the last look.
  Tally at(double t) {
    anchored.tell(ns(1 + t), tally);
    return tally;
  }

  Anchored anchored;
  Anchored::Spec spec;
  Tally tally;
  double time = 0;
  double tick = 0.02;
  bool stamped = false;
  std::mt19937 random{3};
  std::uniform_real_distribution<double> late{0, 1};
};

/// One standard deviation of what was used between two looks.
double sigma(const Tally& from, const Tally& to) {
  const double bias = to.bias - from.bias;
  return std::sqrt(from.lag_variance + to.lag_variance + (to.variance - from.variance) +
                   bias * bias);
}

struct Coverage {
  int one = 0;
  int two = 0;
  int all = 0;
  double worst = 0;  // in standard deviations
};

/// Errors of many windows, at phases of all kinds, in units of their stated uncertainty.
Coverage cover(double window, const std::function<Made(double random)>& make,
               const Anchored::Spec& spec, double lead = 0.5) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> uniform(0, 1);
  Coverage coverage;
  for (int i = 0; i < 500; ++i) {
    const Made made = make(uniform(random));
    Run run(spec);
    run.random.seed(static_cast<unsigned>(i));
    const double from = lead + 0.3 * uniform(random);
    run.until(made, from);
    const Tally first = run.at(from);
    const double to = from + window * (1 + 0.2 * uniform(random));
    run.until(made, to);
    const Tally last = run.at(to);
    const double error = std::fabs(last.joules - first.joules - made.joules(from, to));
    const double stated = sigma(first, last);
    coverage.one += error <= stated;
    coverage.two += error <= 2 * stated;
    coverage.worst = std::max(coverage.worst, error / stated);
    ++coverage.all;
  }
  return coverage;
}

}  // namespace

TEST(a_constant_power_is_known_far_better_than_an_update_of_the_counter) {
  Made made;
  made.phase = 0.03;
  Run run(counted());
  run.until(made, 0.01);
  const Tally first = run.at(0.011);
  run.until(made, 6);
  const Tally last = run.at(6);
  const double used = made.joules(0.011, 6);
  CHECK_NEAR(last.joules - first.joules, used, 200 * 0.02);  // a tick; an update is 20 J
  CHECK(last.method == Method::counter);
  CHECK(sigma(first, last) < 0.6 * kBlind);
  CHECK_NEAR(last.covered_ms - first.covered_ms, 5989, 1);
  CHECK_EQ(last.failures + last.resets + last.stalls + last.backwards, 0.0);
}

TEST(the_baseline_is_nothing_whatever_the_counter_stands_at) {
  Made made;
  made.offset = 5e6;
  Run run(counted());
  run.look(made);
  CHECK(run.at(50e-6).joules <= 200 * 100e-6);
}

TEST(stated_uncertainties_hold_what_they_say_for_windows_of_all_lengths) {
  for (const double window : {0.5, 1.0, 10.0}) {
    const Coverage steady = cover(
        window,
        [](double random) {
          Made made;
          made.phase = 0.1 * random;
          return made;
        },
        counted());
    CHECK(steady.one >= 0.68 * steady.all - 3 * std::sqrt(0.68 * 0.32 * steady.all));
    CHECK(steady.two >= 0.95 * steady.all - 3 * std::sqrt(0.95 * 0.05 * steady.all));
  }
}

TEST(they_hold_too_where_power_comes_in_bursts_that_the_gauge_mostly_misses) {
  for (const double period : {0.05, 0.047, 0.35}) {
    const Coverage spiky = cover(
        2,
        [period](double random) {
          Made made;
          made.curve = {80, 380, period, 0.2};
          made.phase = 0.1 * random;
          made.start = 1000 + random;
          return made;
        },
        counted(), 1.5);
    CHECK(spiky.one >= 0.68 * spiky.all - 3 * std::sqrt(0.68 * 0.32 * spiky.all));
    CHECK(spiky.two >= 0.95 * spiky.all - 3 * std::sqrt(0.95 * 0.05 * spiky.all));
  }
}

// 10 ms at 400 W, 40 ms at 50 W, and a gauge that always looks at the same part of that: nothing in
// its readings tells of the error, only what is known of the gauge.
TEST(a_gauge_alone_states_the_error_of_the_time_that_it_does_not_see) {
  Anchored::Spec spec = counted();
  spec.has_counter = false;
  double worst = 0;
  const Coverage locked = cover(
      5,
      [&](double random) {
        Made made;
        made.curve = {50, 400, 0.05, 0.2};
        made.start = 1000 + 0.05 * random;
        worst = std::max(worst, std::fabs(made.watts(1) - 120));
        return made;
      },
      spec);
  CHECK(worst > 60);  // W, of 120
  CHECK(locked.one >= 0.68 * locked.all);
  CHECK_EQ(locked.two, locked.all);
}

TEST(a_gauge_that_sees_all_of_the_time_has_no_such_error) {
  Anchored::Spec spec = counted();
  spec.has_counter = false;
  spec.window_ns = ns(0.1);
  spec.unseen_watts = 0;
  spec.gain = 0;
  Made made;
  made.window = 0.1;
  Run run(spec);
  run.until(made, 1);
  const Tally first = run.at(1);
  run.until(made, 11);
  const Tally last = run.at(11);
  CHECK_NEAR(last.joules - first.joules, 2000, 1e-6 * 2000);
  CHECK(last.method == Method::gauge);
  CHECK_EQ(last.bias, 0.0);
}

TEST(a_counter_alone_is_followed_with_its_last_mean_power_in_between) {
  Anchored::Spec spec = counted();
  spec.has_gauge = false;
  Made made;
  Run run(spec);
  run.until(made, 2);
  const Tally first = run.at(2);
  run.until(made, 7);
  const Tally last = run.at(7);
  CHECK_NEAR(last.joules - first.joules, 1000, 200 * 0.02);
  CHECK(last.method == Method::counter);
  CHECK_NEAR(last.covered_ms - first.covered_ms, 5000, 100);
}

// A driver that takes long is asked rarely; then the counter has moved at every look.
TEST(looks_that_are_rarer_than_updates_do_not_make_the_updates_rare) {
  Made made;
  Run run(counted());
  run.tick = 0.25;
  run.until(made, 5);
  const Tally first = run.at(run.time);
  const double from = run.time;
  run.until(made, 10);
  const Tally last = run.at(run.time);
  CHECK_NEAR(last.joules - first.joules, made.joules(from, run.time), 200 * 0.1);
  CHECK(sigma(first, last) < 2 * kBlind);
}

TEST(a_stamp_of_the_update_is_better_than_a_guess_between_two_looks) {
  Made made;
  made.phase = 0.013;
  Run run(counted());
  run.stamped = true;
  run.until(made, 1);
  const Tally first = run.at(1);
  run.until(made, 3);
  const Tally last = run.at(3);
  CHECK_NEAR(last.joules - first.joules, 400, 200 * 0.002);
  CHECK(sigma(first, last) < 0.2 * kBlind);
}

TEST(a_counter_that_stands_still_while_power_flows_is_given_up_without_losing_a_joule) {
  for (const double stuck_at : {0.0, 2.0}) {
    Made made;
    made.stuck_at = stuck_at;
    Run run(counted());
    run.until(made, 20);
    const Tally last = run.at(20);
    CHECK_NEAR(last.joules, 4000, 200 * 0.03);
    CHECK(last.method == Method::gauge);
    CHECK_EQ(last.stalls, 1.0);
    CHECK(last.bias > 0);  // the gauge's errors are all of it now
  }
}

TEST(an_idle_card_whose_counter_does_not_move_is_not_suspected) {
  Made made;
  made.curve = {0, 0, 1, 0.5};
  Run run(counted());
  run.until(made, 20);
  CHECK_EQ(run.at(20).stalls, 0.0);
  CHECK_EQ(run.at(20).joules, 0.0);
}

TEST(a_driver_that_is_loaded_anew_begins_an_epoch_and_takes_nothing_back) {
  Made made;
  Run run(counted());
  run.until(made, 5);
  const double before = run.at(5).joules;
  made.offset = -made.curve.joules(made.start + 5);  // counts from zero again
  run.until(made, 10);
  const Tally last = run.at(10);
  CHECK(last.joules >= before);
  CHECK_NEAR(last.joules, 2000, 200 * 0.03);  // the gauge spans the moment
  CHECK_EQ(last.resets, 1.0);
  CHECK_EQ(last.wraps, 0.0);
  CHECK(last.method == Method::counter);
}

TEST(a_counter_holds_what_was_used_while_the_driver_failed) {
  Made made;
  Run run(counted());
  run.until(made, 3);
  double misses = 0;
  for (; run.time < 6; run.time += 0.02, ++misses) run.anchored.miss();
  const Tally lost = run.at(6);
  CHECK(!lost.fresh);
  CHECK_NEAR(lost.joules, 600, 5);
  run.until(made, 10);
  const Tally last = run.at(10);
  CHECK(last.fresh);
  CHECK_NEAR(last.joules, 2000, 200 * 0.05);
  CHECK_EQ(last.failures, misses);
  CHECK_NEAR(last.covered_ms, 10'000, 30);
}

TEST(a_gauge_does_not_hold_it_and_says_so) {
  Anchored::Spec spec = counted();
  spec.has_counter = false;
  Made made;
  Run run(spec);
  run.until(made, 3);
  for (; run.time < 6; run.time += 0.02) run.anchored.miss();
  run.until(made, 10);
  const Tally last = run.at(10);
  CHECK_NEAR(last.joules, 1400, 10);
  CHECK_NEAR(last.covered_ms, 7000, 50);
}

TEST(energy_never_falls_whatever_counter_and_gauge_say) {
  std::mt19937 random(11);
  std::uniform_real_distribution<double> uniform(0, 1);
  Run run(counted());
  Made made;
  double before = 0;
  for (int i = 0; i < 20'000; ++i, run.time += 0.02) {
    if (uniform(random) < 0.05) {
      run.anchored.miss();
    } else {
      made.gauge_gain = 2 * uniform(random);
      if (uniform(random) < 0.01) made.offset = 1e5 * uniform(random);
      run.look(made);
    }
    const double now = run.at(run.time + 0.001).joules;
    CHECK(now >= before);
    before = now;
  }
}

TEST(silence_of_a_gauge_is_a_gap_and_not_a_trapezoid) {
  Anchored::Spec spec = counted();
  spec.has_counter = false;
  Made made;
  Run run(spec);
  run.until(made, 3);
  // The driver answers, and tells nothing.
  for (; run.time < 60; run.time += 0.02) {
    Anchored::Look look;
    look.before_ns = look.after_ns = ns(1 + run.time);
    run.anchored.look(look);
  }
  const Tally silent = run.at(60);
  CHECK(!silent.fresh);
  CHECK(silent.failures > 0);
  run.until(made, 63);
  const Tally last = run.at(63);
  CHECK(last.fresh);
  CHECK(last.joules < 200 * 8);
  CHECK_NEAR(last.covered_ms, 7000, 1100);
}

TEST(a_driver_that_hangs_is_no_longer_believed_after_a_second) {
  for (const bool has_counter : {true, false}) {
    Anchored::Spec spec = counted();
    spec.has_counter = has_counter;
    Made made;
    Run run(spec);
    run.until(made, 3);
    CHECK(run.at(3.5).fresh);
    const Tally hung = run.at(63);
    CHECK(!hung.fresh);
    CHECK(hung.joules < 200 * 4.1);
    run.time = 63;
    run.until(made, 66);
    const Tally last = run.at(66);
    // The counter has counted on.
    CHECK_NEAR(last.joules, has_counter ? 200 * 66 : 200 * 6, 200 * 1.1);
    CHECK_NEAR(last.covered_ms, has_counter ? 66'000 : 6000, 1100);
    CHECK(has_counter || last.failures > 0);
  }
}

TEST(a_hole_before_the_counter_first_moved_is_told_by_the_counter) {
  for (const Method gauge : {Method::samples, Method::gauge}) {
    Anchored::Spec spec = counted();
    spec.gauge = gauge;
    Made made;
    made.curve = {300, 300, 1, 0.5};
    made.phase = 0.09;
    Run run(spec);
    run.until(made, 0.06);
    for (; run.time < 10; run.time += 0.02) run.anchored.miss();
    run.until(made, 12);
    const Tally last = run.at(12);
    CHECK_NEAR(last.joules, 300 * 12, 300 * 0.1);
    CHECK(std::fabs(last.joules - 300 * 12) < 3 * std::sqrt(last.variance + last.lag_variance));
  }
}

TEST(a_card_that_wakes_keeps_its_counter) {
  Made made;
  made.curve = {30, 30, 1, 0.5};
  Run run(counted());
  run.until(made, 2);
  for (; run.time < 12; run.time += 0.02) {
    run.anchored.power(0, ns(1 + run.time));
    Anchored::Look look;
    look.before_ns = look.after_ns = ns(1 + run.time);
    look.resting = true;
    run.anchored.look(look);
  }
  made.curve = {80, 80, 1, 0.5};
  made.start += 1000;  // whatever it counts from now on
  made.offset = 30.0 * 1002 - 80.0 * 2012;
  run.until(made, 20);
  const Tally last = run.at(20);
  CHECK_EQ(last.stalls, 0.0);
  CHECK(last.method == Method::counter);
}

TEST(a_counter_without_a_gauge_is_right_on_average) {
  Anchored::Spec spec = counted();
  spec.has_gauge = false;
  double errors = 0;
  for (int i = 0; i < 100; ++i) {
    Made made;
    made.phase = 0.001 * i;
    Run run(spec);
    run.until(made, 3);
    errors += run.at(3).joules - made.joules(0, 3);
  }
  CHECK_NEAR(errors / 100, 0, 200 * 0.01);
}

TEST(what_is_learned_later_takes_nothing_back) {
  Anchored::Spec unknown;
  Run run(unknown);
  for (; run.time < 5; run.time += 0.02) {
    run.anchored.power(0, ns(1 + run.time));
    Anchored::Look look;
    look.before_ns = look.after_ns = ns(1 + run.time);
    look.resting = true;
    run.anchored.look(look);
  }
  run.anchored.miss();
  const Tally before = run.at(5);
  run.anchored.become(counted());
  run.until(Made(), 10);
  const Tally last = run.at(10);
  CHECK(last.covered_ms >= before.covered_ms);
  CHECK_NEAR(last.covered_ms, 10'000, 100);
  CHECK_EQ(last.failures, 1.0);
  CHECK_NEAR(last.joules, 1000, 200 * 0.05);
}

TEST(what_the_gauge_tells_beside_the_counter_is_kept_for_comparison) {
  Made made;
  made.gauge_gain = 1.2;
  Run run(counted());
  run.until(made, 1);
  const Tally first = run.at(1);
  run.until(made, 61);
  const Tally last = run.at(61);
  CHECK_NEAR(last.joules - first.joules, 12'000, 20);
  CHECK_NEAR((last.excess - first.excess) / (last.joules - first.joules), 0.2, 0.005);
}
