// Counter: wraps, resets, glitches, stalls and folds, each derived from the energy that was set.
#include "counter.h"

#include <cmath>
#include <random>

#include "check.h"

using jouletap::Counter;
using jouletap::keep_alive_ns;
using jouletap::Tally;

namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1000 * kMs;
constexpr uint64_t kRange = uint64_t{1} << 32;

Counter::Spec spec(double unit) {
  Counter::Spec made;
  made.unit = unit;
  return made;
}

}  // namespace

TEST(the_first_look_is_a_baseline) {
  Counter counter(spec(1));
  Tally tally;
  counter.look(123456, kSecond, tally);
  CHECK_EQ(tally.joules, 0.0);
  CHECK(tally.fresh);
  counter.look(123460, 2 * kSecond, tally);
  CHECK_EQ(tally.joules, 4.0);
  CHECK_EQ(tally.covered_ms, 1000.0);
}

TEST(a_wrap_loses_nothing) {
  const double unit = 0x1p-14;
  Counter counter(spec(unit));
  Tally tally;
  counter.look(kRange - 10, 0, tally);
  counter.look(7, 100 * kMs, tally);
  CHECK_EQ(tally.joules, 17 * unit);
  CHECK_EQ(tally.wraps, 1.0);
  CHECK_EQ(tally.resets + tally.backwards + tally.ambiguous + tally.failures, 0.0);
}

TEST(any_modulus_is_exact) {
  Counter::Spec made = spec(1e-6);
  made.modulus = 19'500'001;
  Counter counter(made);
  Tally tally;
  counter.look(19'500'000, 0, tally);
  counter.look(0, kMs, tally);
  CHECK_EQ(tally.joules, 1e-6);
  CHECK_EQ(tally.wraps, 1.0);
}

// A walk of random steps, each within what the hardware can use, summed in whole counts.
TEST(random_walks_agree_with_whole_numbers) {
  std::mt19937_64 random(20261121);
  for (int walk = 0; walk < 200; ++walk) {
    const double unit = std::ldexp(1.0, -static_cast<int>(10 + random() % 9));
    Counter::Spec made = spec(unit);
    made.max_watts = 100 + static_cast<double>(random() % 900);
    Counter counter(made);
    Tally tally;
    uint64_t truth = random();
    const uint64_t start = truth;
    int64_t time = 0;
    counter.look(truth % kRange, time, tally);
    uint64_t wraps = 0;
    for (int look = 0; look < 200; ++look) {
      const int64_t longest = keep_alive_ns(static_cast<double>(kRange) * unit, made.max_watts);
      const int64_t step = 1 + static_cast<int64_t>(random() % static_cast<uint64_t>(longest));
      const double joules = made.max_watts * static_cast<double>(step) * 1e-9;
      const uint64_t counts = random() % (static_cast<uint64_t>(joules / unit) + 1);
      if (truth % kRange + counts >= kRange) ++wraps;
      truth += counts;
      time += step;
      counter.look(truth % kRange, time, tally);
    }
    const double expected = static_cast<double>(truth - start) * unit;
    CHECK_NEAR(tally.joules, expected, expected * 1e-12);
    CHECK_EQ(tally.wraps, static_cast<double>(wraps));
    CHECK_EQ(tally.resets + tally.backwards + tally.ambiguous, 0.0);
  }
}

TEST(a_gap_longer_than_a_wrap_is_ambiguous) {
  Counter counter(spec(0x1p-16));  // 65 536 J: 65.5 s at 1000 W
  Tally tally;
  counter.look(0, 0, tally);
  counter.look(1000, 65 * kSecond, tally);
  CHECK_EQ(tally.ambiguous, 0.0);
  counter.look(2000, (65 + 66) * kSecond, tally);
  CHECK_EQ(tally.ambiguous, 1.0);
  CHECK_EQ(tally.joules, 2000 * 0x1p-16);
}

TEST(a_reset_is_flagged_and_its_interval_not_claimed) {
  const double unit = 0x1p-14;
  Counter counter(spec(unit));
  Tally tally;
  counter.look(1'000'000'000, 0, tally);
  counter.look(1'000'100'000, kSecond, tally);
  const double before = tally.joules;
  counter.look(50'000, 2 * kSecond, tally);  // began anew at zero
  CHECK_EQ(tally.resets, 1.0);
  CHECK(!tally.fresh);
  CHECK_EQ(tally.joules, before);
  counter.look(150'000, 3 * kSecond, tally);
  CHECK(tally.fresh);
  CHECK_EQ(tally.joules, before + 100'000 * unit);
  CHECK_EQ(tally.covered_ms, 2000.0);
}

TEST(a_jump_back_is_flagged_and_never_negative) {
  const double unit = 0x1p-14;
  Counter counter(spec(unit));
  Tally tally;
  counter.look(2'000'000'000, 0, tally);
  counter.look(1'999'000'000, 100 * kMs, tally);
  CHECK_EQ(tally.backwards, 1.0);
  CHECK_EQ(tally.joules, 0.0);
  counter.look(1'999'010'000, 200 * kMs, tally);
  CHECK_EQ(tally.joules, 10'000 * unit);
  CHECK_EQ(tally.covered_ms, 100.0);
}

TEST(one_odd_reading_costs_nothing) {
  const double unit = 0x1p-14;
  Counter counter(spec(unit));
  Tally tally;
  counter.look(1'000'000'000, 0, tally);
  counter.look(0xffffffff, 100 * kMs, tally);
  CHECK(!tally.fresh);
  counter.look(1'000'010'000, 200 * kMs, tally);
  CHECK_EQ(tally.joules, 10'000 * unit);
  CHECK_EQ(tally.covered_ms, 200.0);
  CHECK_EQ(tally.backwards, 1.0);
}

TEST(a_missed_read_is_counted_and_the_next_spans_it) {
  Counter counter(spec(0x1p-14));
  Tally tally;
  counter.look(0, 0, tally);
  counter.miss(tally);
  CHECK(!tally.fresh);
  CHECK_EQ(tally.failures, 1.0);
  CHECK_EQ(tally.covered_ms, 0.0);
  counter.look(16384, 500 * kMs, tally);
  CHECK_EQ(tally.joules, 1.0);
  CHECK_EQ(tally.covered_ms, 500.0);
}

TEST(a_counter_that_stands_still_is_not_covered) {
  Counter counter(spec(0x1p-14));
  Tally tally;
  counter.look(0, 0, tally);
  counter.look(1000, 100 * kMs, tally);
  for (int64_t time = 200; time <= 3000; time += 100) counter.look(1000, time * kMs, tally);
  CHECK_EQ(tally.stalls, 1.0);
  CHECK_EQ(tally.covered_ms, 100.0);
  counter.look(2000, 3100 * kMs, tally);
  counter.look(3000, 3200 * kMs, tally);
  CHECK_EQ(tally.stalls, 1.0);
  CHECK_EQ(tally.covered_ms, 200.0);
  CHECK_EQ(tally.joules, 3000 * 0x1p-14);
}

TEST(a_part_may_stand_still_for_ever) {
  Counter::Spec made = spec(0x1p-14);
  made.stall_ns = 0;
  Counter counter(made);
  Tally tally;
  counter.look(7, 0, tally);
  counter.look(7, 100 * kSecond, tally);
  CHECK_EQ(tally.stalls, 0.0);
  CHECK_EQ(tally.covered_ms, 100'000.0);
}

TEST(reserved_bits_do_not_count_where_the_width_is_observed) {
  Counter::Spec made = spec(0x1p-16);
  made.observe_width = true;
  Counter counter(made);
  Tally tally;
  const uint64_t reserved = uint64_t{0xabcd} << 32;  // set, but not part of the count
  counter.look(reserved | 0xfffffff0, 0, tally);
  counter.look(reserved | 0x10, kMs, tally);
  counter.look(reserved | 0x20, 2 * kMs, tally);
  CHECK_EQ(tally.joules, 0x30 * 0x1p-16);
  CHECK_EQ(tally.wraps, 1.0);
}

TEST(a_64_bit_counter_is_recognised_by_its_upper_half) {
  Counter::Spec made = spec(0x1p-16);
  made.observe_width = true;
  Counter counter(made);
  Tally tally;
  counter.look(0xfffffff0, 0, tally);
  counter.look(kRange + 0x10, kMs, tally);
  CHECK_EQ(tally.joules, 0x20 * 0x1p-16);
  // 200 kJ in 400 s: three wraps of a 32-bit counter.
  const auto counts = static_cast<uint64_t>(200'000 / 0x1p-16);
  counter.look(kRange + 0x10 + counts, 400 * kSecond, tally);
  CHECK_EQ(tally.joules, (0x20 + static_cast<double>(counts)) * 0x1p-16);
  CHECK_EQ(tally.ambiguous + tally.wraps, 0.0);
}

TEST(a_perf_count_that_falls_by_a_whole_register_is_mended) {
  for (const int exponent : {14, 16}) {
    Counter::Spec made = spec(0x1p-32);
    made.modulus = 0;
    made.folds = true;
    Counter counter(made);
    Tally tally;
    const uint64_t fold = uint64_t{1} << (64 - exponent);
    const uint64_t start = fold * 3 + 12345;
    const uint64_t used = uint64_t{400} << 32;  // 400 J
    counter.look(start, 0, tally);
    counter.look(start + used - fold, kSecond, tally);
    CHECK_EQ(tally.joules, 400.0);
    CHECK_EQ(tally.backwards, 1.0);
    CHECK(tally.fresh);
  }
}

TEST(a_perf_count_that_starts_again_is_a_reset) {
  Counter::Spec made = spec(0x1p-32);
  made.modulus = 0;
  made.folds = true;
  Counter counter(made);
  Tally tally;
  counter.look(uint64_t{5000} << 32, 0, tally);
  counter.look(uint64_t{1} << 32, kSecond, tally);
  counter.look(uint64_t{11} << 32, 2 * kSecond, tally);
  CHECK_EQ(tally.resets, 1.0);
  CHECK_EQ(tally.joules, 10.0);
}

TEST(keep_alive_is_a_quarter_of_the_shortest_wrap) {
  CHECK_EQ(keep_alive_ns(65536, 500), static_cast<int64_t>(65536.0 / 500 / 4 * 1e9));
  CHECK_EQ(keep_alive_ns(0, 500), 0);
}

TEST(a_count_that_falls_below_zero_is_mended) {
  Counter::Spec made = spec(0x1p-32);
  made.modulus = 0;
  made.folds = true;
  Counter counter(made);
  Tally tally;
  const uint64_t fold = uint64_t{1} << (64 - 14);
  const auto joules = [](uint64_t count) { return count << 32; };
  // perf counts from 0 when it is opened: the first fall takes it below.
  counter.look(joules(10), 0, tally);
  counter.look(joules(110) - fold, kSecond, tally);
  CHECK_EQ(tally.joules, 100.0);
  CHECK(tally.fresh);
  counter.look(joules(210) - fold, 2 * kSecond, tally);
  CHECK_EQ(tally.joules, 200.0);
  CHECK_EQ(tally.backwards, 1.0);
  // and one of TPMI falls at every wrap
  counter.look(joules(310) - 2 * fold, 3 * kSecond, tally);
  CHECK_EQ(tally.joules, 300.0);
  CHECK_EQ(tally.backwards, 2.0);
  CHECK_EQ(tally.resets + tally.failures + tally.ambiguous, 0.0);
  CHECK_EQ(tally.covered_ms, 3000.0);
}

TEST(tpmi_falls_at_every_wrap_of_its_register_and_nothing_is_lost) {
  std::mt19937_64 random(7);
  for (const int exponent : {14, 16}) {
    Counter::Spec made = spec(0x1p-32);
    made.modulus = 0;
    made.folds = true;
    Counter counter(made);
    Tally tally;
    const int shift = 32 - exponent;  // the register's units to those of perf
    uint64_t truth = random() % kRange;
    const uint64_t start = truth;
    uint64_t count = 0;
    uint64_t wraps = 0;
    counter.look(count, 0, tally);
    for (int64_t look = 1; look <= 2000; ++look) {
      const uint64_t used = random() % (uint64_t{16'000} << exponent);  // 16 s at 1000 W
      const uint64_t before = truth % kRange;
      truth += used;
      count += (truth % kRange - before) << shift;  // without regard to wraps
      wraps += (before + used) / kRange;
      counter.look(count, look * 16 * kSecond, tally);
    }
    CHECK(wraps > 50);
    CHECK_NEAR(tally.joules, std::ldexp(static_cast<double>(truth - start), -exponent), 1e-6);
    CHECK_EQ(tally.backwards, static_cast<double>(wraps));
    CHECK_EQ(tally.resets + tally.ambiguous, 0.0);
  }
}

TEST(a_missed_keep_alive_of_perf_is_ambiguous_from_half_the_range_on) {
  Counter::Spec made = spec(0x1p-32);  // 1000 W: half of 65 536 J in 32.768 s
  made.modulus = 0;
  made.folds = true;
  Counter counter(made);
  Tally tally;
  counter.look(0, 0, tally);
  counter.look(uint64_t{32} << 32, 32 * kSecond, tally);
  CHECK_EQ(tally.ambiguous, 0.0);
  counter.look(uint64_t{64} << 32, (32 + 33) * kSecond, tally);
  CHECK_EQ(tally.ambiguous, 1.0);
  CHECK_EQ(tally.joules, 64.0);  // what is counted is not dropped
}

TEST(a_time_of_failing_reads_may_hide_a_wrap) {
  Counter counter(spec(0x1p-16));  // 65 536 J: 65.5 s at 1000 W
  Tally tally;
  counter.look(0, 0, tally);
  for (int look = 0; look < 4; ++look) counter.miss(tally);
  counter.look(1000, 66 * kSecond, tally);
  CHECK_EQ(tally.ambiguous, 1.0);
  CHECK_EQ(tally.failures, 4.0);
}

TEST(an_odd_reading_in_between_does_not_hide_that_a_wrap_may_be_missed) {
  Counter counter(spec(0x1p-16));
  Tally tally;
  counter.look(1'000'000'000, 0, tally);
  counter.look(0xffffffff, 40 * kSecond, tally);  // 50 kJ in 40 s: no
  CHECK_EQ(tally.backwards, 1.0);
  counter.look(1'000'065'536, 66 * kSecond, tally);
  CHECK_EQ(tally.joules, 1.0);
  CHECK_EQ(tally.ambiguous, 1.0);
}

TEST(after_a_suspension_the_next_look_is_a_baseline) {
  for (const uint64_t woken : {uint64_t{1'500'000}, uint64_t{1'000'000}, uint64_t{5}}) {
    Counter counter(spec(0x1p-14));  // which went on, stood, or began anew
    Tally tally;
    counter.look(0, 0, tally);
    counter.look(1'000'000, kSecond, tally);
    const double before = tally.joules;
    counter.resume();
    counter.look(woken, 3 * kSecond, tally);
    CHECK(tally.fresh);
    CHECK_EQ(tally.joules, before);
    CHECK_EQ(tally.failures, 1.0);
    CHECK_EQ(tally.covered_ms, 1000.0);
    counter.look(woken + 16384, 4 * kSecond, tally);
    CHECK_EQ(tally.joules, before + 1);
    CHECK_EQ(tally.covered_ms, 2000.0);
    CHECK_EQ(tally.resets + tally.backwards + tally.wraps + tally.stalls + tally.ambiguous, 0.0);
  }
}

TEST(a_suspension_before_the_first_look_says_nothing) {
  Counter counter(spec(1));
  Tally tally;
  counter.resume();
  counter.look(7, kSecond, tally);
  CHECK_EQ(tally.failures, 0.0);
}

TEST(a_suspension_forgets_an_odd_reading) {
  Counter counter(spec(0x1p-14));
  Tally tally;
  counter.look(2'000'000'000, 0, tally);
  counter.look(1'000'000'000, 100 * kMs, tally);
  counter.resume();
  counter.look(3'000'000'000, 200 * kMs, tally);
  counter.look(1'000'000'000, 300 * kMs, tally);  // neither the old nor the odd, but from now on
  CHECK_EQ(tally.joules, 0.0);
  counter.look(3'000'000'000, 400 * kMs, tally);
  CHECK_EQ(tally.joules, 0.0);
  CHECK_EQ(tally.covered_ms, 200.0);
}
