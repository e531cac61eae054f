// Counter against counts kept in 128 bits: any unit, modulus, power and gaps that the hardware can
// have.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>

#include "check.h"
#include "counter.h"

using jouletap::Counter;
using jouletap::keep_alive_ns;
using jouletap::Tally;

namespace {

using Random = std::mt19937_64;
__extension__ using Whole = unsigned __int128;

constexpr int64_t kSecond = 1'000'000'000;
constexpr Whole kNarrow = Whole{1} << 32;
constexpr Whole kWide = Whole{1} << 64;
constexpr double kUlp = std::numeric_limits<double>::epsilon();

double within(Random& random, double low, double high) {
  return std::uniform_real_distribution<double>(low, high)(random);
}

/// A whole number below `limit`.
Whole below(Random& random, Whole limit) {
  const Whole drawn = (Whole{random()} << 64) | random();
  return drawn % limit;
}

/// A counter as it is: what it has counted since ever, of which a reading shows the remainder.
struct Truth {
  Counter::Spec spec;
  Whole modulus;
  Whole count;
  int64_t time_ns = 0;
  double wraps = 0;
  uint64_t reserved = 0;  // bits that are set and do not count

  double wrap_joules() const { return static_cast<double>(modulus) * spec.unit; }
  uint64_t shown() const { return static_cast<uint64_t>(count % modulus) | reserved; }
  /// Uses some of what the hardware can in that time.
  void pass(Random& random, int64_t ns) {
    // Rounding must not make it more than the hardware can.
    const double most = spec.max_watts * static_cast<double>(ns) * 1e-9 / spec.unit * (1 - 1e-9);
    double share = within(random, 0, 1);
    if (random() % 8 == 0) share = 0;
    if (random() % 8 == 0) share = 1;
    const auto used = static_cast<Whole>(most * share);
    wraps += static_cast<double>((count + used) / modulus - count / modulus);
    count += used;
    time_ns += ns;
  }
};

double any_unit(Random& random) {
  const std::array<double, 4> odd = {15.3e-6, 1, 1e-6, 1.0 / 4294967296};
  const uint64_t pick = random() % 13;
  if (pick < odd.size()) return odd[pick];
  return std::ldexp(1.0, -static_cast<int>(10 + pick - odd.size()));  // 2^-10 … 2^-18 J
}

Truth any_truth(Random& random) {
  Truth truth{};
  truth.spec.unit = any_unit(random);
  truth.spec.max_watts = 15 * std::pow(200, within(random, 0, 1));  // to 3 kW
  truth.spec.stall_ns = 0;
  switch (random() % 4) {
    case 0:  // powercap's max_energy_range_uj + 1
      truth.modulus = 1'000'000'000 + below(random, Whole{1} << 40);
      truth.spec.unit = 1e-6;
      truth.spec.modulus = static_cast<uint64_t>(truth.modulus);
      break;
    case 1:
      truth.modulus = kWide;
      truth.spec.modulus = 0;
      break;
    default:
      truth.modulus = kNarrow;
      break;
  }
  // Near the end of the range as often as anywhere: that is where wraps are.
  truth.count =
      random() % 2 == 0 ? below(random, truth.modulus) : truth.modulus - 1 - below(random, 1000);
  return truth;
}

double flaws(const Tally& tally) {
  return tally.resets + tally.backwards + tally.ambiguous + tally.failures + tally.stalls;
}

/// The joules of a tally of so many looks may be off by a rounding of each product and each sum.
double rounding(int looks, double joules) { return (looks + 1) * kUlp * joules; }

/// Looks at the truth at random times within the keep-alive, and holds the tally against it.
void follow(Random& random, Truth truth, int looks) {
  Counter counter(truth.spec);
  Tally tally;
  const Whole start = truth.count;
  const bool wraps = truth.spec.modulus != 0;
  // A counter of 64 bits never wraps in anyone's life: its gaps are as long as they like.
  const int64_t longest =
      wraps ? keep_alive_ns(truth.wrap_joules(), truth.spec.max_watts) : 100'000 * kSecond;
  counter.look(truth.shown(), truth.time_ns, tally);
  double before = 0;
  for (int look = 0; look < looks; ++look) {
    const double share = std::pow(10, within(random, -6, 0));
    truth.pass(random, std::max<int64_t>(1, static_cast<int64_t>(share * longest)));
    // A count that has passed 2^64 in perf's own variable is nothing that can be mended.
    if (!wraps && truth.count >= kWide) return;
    if (random() % 16 == 0) {
      counter.miss(tally);
      --tally.failures;
    }
    counter.look(truth.shown(), truth.time_ns, tally);
    CHECK(tally.joules >= before);
    before = tally.joules;
  }
  const double counts = static_cast<double>(truth.count - start);
  CHECK_NEAR(tally.joules, counts * truth.spec.unit, rounding(looks, counts * truth.spec.unit));
  CHECK_EQ(tally.wraps, truth.wraps);
  CHECK_EQ(flaws(tally), 0.0);
  CHECK_NEAR(tally.covered_ms, static_cast<double>(truth.time_ns) * 1e-6,
             rounding(2 * looks, static_cast<double>(truth.time_ns) * 1e-6));
}

}  // namespace

TEST(joules_and_wraps_are_those_of_the_whole_count) {
  Random random(20'260'128);
  for (int run = 0; run < 12'000; ++run) follow(random, any_truth(random), 1 + run % 40);
}

TEST(one_step_is_exact) {
  Random random(3);
  for (int run = 0; run < 10'000; ++run) {
    Truth truth = any_truth(random);
    if (truth.spec.modulus == 0) continue;
    Counter counter(truth.spec);
    Tally tally;
    const Whole start = truth.count;
    counter.look(truth.shown(), 0, tally);
    truth.pass(random, keep_alive_ns(truth.wrap_joules(), truth.spec.max_watts));
    counter.look(truth.shown(), truth.time_ns, tally);
    CHECK_EQ(tally.joules, static_cast<double>(truth.count - start) * truth.spec.unit);
  }
}

TEST(an_observed_width_is_found_whether_it_is_32_bits_or_64) {
  Random random(4);
  for (int run = 0; run < 3000; ++run) {
    Truth truth = any_truth(random);
    truth.spec.unit = std::ldexp(1.0, -16);
    truth.spec.modulus = static_cast<uint64_t>(kNarrow);
    truth.spec.observe_width = true;
    const bool wide = run % 2 == 0;
    truth.modulus = wide ? kWide : kNarrow;
    truth.count = random() % 2 == 0 ? below(random, kNarrow) : kNarrow - 1 - below(random, 1000);
    truth.wraps = 0;
    if (!wide) {
      if (run % 4 == 1) truth.reserved = random() << 32;
      follow(random, truth, 1 + run % 40);
      continue;
    }
    // Within the keep-alive of 32 bits until its upper half has been seen to count.
    Counter counter(truth.spec);
    Tally tally;
    const Whole start = truth.count;
    counter.look(truth.shown(), 0, tally);
    const double narrow = static_cast<double>(kNarrow) * truth.spec.unit;
    for (int look = 0; look < 40; ++look) {
      const bool seen = truth.count >= kNarrow;
      const int64_t longest = keep_alive_ns(narrow, truth.spec.max_watts) * (seen ? 50 : 1);
      truth.pass(random, 1 + static_cast<int64_t>(below(random, static_cast<Whole>(longest))));
      counter.look(truth.shown(), truth.time_ns, tally);
    }
    const double joules = static_cast<double>(truth.count - start) * truth.spec.unit;
    CHECK_NEAR(tally.joules, joules, rounding(40, joules));
    CHECK_EQ(tally.wraps, 0.0);
    CHECK_EQ(flaws(tally), 0.0);
  }
}

TEST(a_gap_as_long_as_a_wrap_is_ambiguous_and_none_shorter) {
  Random random(5);
  for (int run = 0; run < 5000; ++run) {
    Truth truth = any_truth(random);
    if (truth.spec.modulus == 0) continue;
    const double wrap_s = truth.wrap_joules() / truth.spec.max_watts;
    if (wrap_s > 1e8) continue;
    // Far from a wrap or near to one.
    const double off = run % 4 < 2 ? within(random, 1e-6, 1e-3) : within(random, 1e-3, 0.999);
    const double share = run % 2 == 0 ? 1 - off : 1 / (1 - off);
    Counter counter(truth.spec);
    Tally tally;
    counter.look(truth.shown(), 0, tally);
    truth.pass(random, std::max<int64_t>(1, std::llround(wrap_s * share * 1e9)));
    counter.look(truth.shown(), truth.time_ns, tally);
    CHECK_EQ(tally.ambiguous, share > 1 ? 1.0 : 0.0);
    CHECK(tally.joules >= 0);
    // What it claims is the truth, or that less some whole wraps: never more.
    const double seconds = static_cast<double>(truth.time_ns) * 1e-9;
    CHECK(tally.joules <= seconds * truth.spec.max_watts);
  }
}

TEST(a_perf_count_that_falls_by_a_register_is_mended_and_counted) {
  Random random(6);
  for (int run = 0; run < 10'000; ++run) {
    // perf shifts the register's counts left to units of 2^-32 J, so a missing wrap of it, or one
    // too many, is 2^(64 − ESU) of those: 2^32 counts of the register.
    const auto exponent = static_cast<int>(10 + random() % 9);
    const Whole fold = Whole{1} << (64 - exponent);
    Counter::Spec spec;
    spec.unit = 1.0 / 4294967296;
    spec.modulus = 0;
    spec.folds = true;
    spec.max_watts = within(random, 50, 1000);
    spec.stall_ns = 0;
    Counter counter(spec);
    Tally tally;
    Whole truth = fold * (1 + below(random, 4)) + below(random, fold);
    Whole shown = truth;
    const Whole start = truth;
    int64_t time = 0;
    double folds = 0;
    const auto show = [&](Whole count) { counter.look(static_cast<uint64_t>(count), time, tally); };
    show(shown);
    double before = 0;
    const int looks = 1 + run % 20;
    for (int look = 0; look < looks; ++look) {
      // Up to the keep-alive of perf's signed differences, of at most half the register; and less
      // than the next finer register holds, so that the fall says whose it was.
      const int64_t ns = 1 + static_cast<int64_t>(random() % static_cast<uint64_t>(keep_alive_ns(
                                                                 32768, spec.max_watts)));
      const double most = spec.max_watts * static_cast<double>(ns) * 1e-9 / spec.unit;
      const Whole used = static_cast<Whole>(most * within(random, 0, 0.999)) + 1;
      truth += used;
      shown += used;
      time += ns;
      if (random() % 3 == 0 && shown > fold) {
        shown -= fold;
        ++folds;
      }
      show(shown);
      CHECK(tally.joules >= before);
      before = tally.joules;
    }
    const double joules = static_cast<double>(truth - start) * spec.unit;
    CHECK_NEAR(tally.joules, joules, rounding(looks, joules));
    CHECK_EQ(tally.backwards, folds);
    CHECK_EQ(tally.resets + tally.ambiguous, 0.0);
  }
}

TEST(nothing_that_a_counter_may_show_makes_joules_fall_or_leap) {
  Random random(7);
  for (int run = 0; run < 10'000; ++run) {
    Truth truth = any_truth(random);
    truth.spec.observe_width = truth.spec.modulus == static_cast<uint64_t>(kNarrow) && run % 3 == 0;
    truth.spec.folds = truth.spec.modulus == 0 && run % 2 == 0;
    Counter counter(truth.spec);
    Tally tally;
    int64_t time = 0;
    double before = 0;
    uint64_t raw = random();
    for (int look = 0; look < 20; ++look) {
      if (random() % 3 == 0) raw = random() >> (random() % 64);
      raw += random() % 1000;
      const auto gap = static_cast<int64_t>(random() % static_cast<uint64_t>(100 * kSecond));
      counter.look(raw, time += gap, tally);
      CHECK(tally.joules >= before);
      before = tally.joules;
    }
    // At most what the hardware can, with a second of lag at each look.
    const double most =
        truth.spec.max_watts * (static_cast<double>(time) * 1e-9 + 20) + 40 * truth.spec.unit;
    CHECK(tally.joules <= most);
    CHECK(tally.covered_ms <= static_cast<double>(time) * 1e-6 + 1e-3);
  }
}

TEST(the_keep_alive_is_a_quarter_of_the_shortest_wrap_for_any_counter) {
  Random random(8);
  for (int run = 0; run < 10'000; ++run) {
    const double joules = std::pow(10, within(random, -3, 20));
    const double watts = std::pow(10, within(random, -1, 5));
    const double seconds = static_cast<double>(keep_alive_ns(joules, watts)) * 1e-9;
    CHECK(seconds * watts <= joules / 4 * (1 + 1e-12));
    CHECK(seconds >= std::min(joules / watts / 4, 864'000.0) * (1 - 1e-9) - 1e-9);
  }
}
