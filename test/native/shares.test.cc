// Shares: what processes are given against the SM time that was set for them.
#include "shares.h"

#include <algorithm>
#include <random>

#include "check.h"

using jouletap::Share;
using jouletap::Shares;
using jouletap::UtilSample;

namespace {

constexpr int64_t kSecond = 1'000'000;  // of the driver's clock
constexpr int64_t kMs = 1'000;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Share of(const Shares& shares, uint32_t pid) {
  for (const Share& share : shares.shares()) {
    if (share.pid == pid) return share;
  }
  return {pid, 0, 0};
}

double sum(const Shares& shares) {
  double joules = shares.idle() + shares.unattributed();
  for (const Share& share : shares.shares()) joules += share.joules;
  return joules;
}

}  // namespace

TEST(energy_is_divided_by_sm_time) {
  // 200 W of which ours has 30 of 50 per cent: 120 W.
  Shares shares;
  for (int64_t s = 1; s <= 10; ++s) {
    shares.add(200, 1, {{1, s * kSecond, 30}, {2, s * kSecond, 20}});
  }
  CHECK_NEAR(of(shares, 1).joules, 120 * 10, 1e-9);
  CHECK_NEAR(of(shares, 2).joules, 80 * 10, 1e-9);
  CHECK_NEAR(of(shares, 1).sm_seconds, 0.3 * 10, 1e-9);
  CHECK_EQ(shares.idle(), 0.0);
  CHECK_EQ(shares.unattributed(), 0.0);
}

TEST(a_burst_counts_for_its_time_and_not_for_its_height) {
  // One process has all of the first 200 ms, the other a tenth of every period of 2 s.
  Shares shares;
  std::vector<UtilSample> samples = {{1, 200 * kMs, 90}};
  for (int64_t ms = 200; ms <= 2000; ms += 200) samples.push_back({2, ms * kMs, 10});
  shares.add(380, 2, samples);
  CHECK_NEAR(of(shares, 1).joules, 380 * (0.9 * 0.2) / (0.9 * 0.2 + 0.1 * 2), 1e-9);
  CHECK_NEAR(of(shares, 2).joules, 380 * (0.1 * 2) / (0.9 * 0.2 + 0.1 * 2), 1e-9);
}

TEST(a_sample_counts_for_the_time_since_the_sampling_before) {
  Shares shares;
  shares.add(10, 1, {{1, 1000 * kMs, 50}});
  // Periods of 700 ms and of 300 ms in the second round.
  shares.add(100, 1, {{1, 1700 * kMs, 60}, {2, 2000 * kMs, 40}});
  CHECK_NEAR(of(shares, 2).sm_seconds, 0.4 * 0.3, 1e-9);
  CHECK_NEAR(of(shares, 1).sm_seconds, 0.5 * 1 + 0.6 * 0.7, 1e-9);
  CHECK_NEAR(of(shares, 2).joules, 100 * (0.4 * 0.3) / (0.4 * 0.3 + 0.6 * 0.7), 1e-9);
}

TEST(samples_a_moment_apart_are_of_one_sampling) {
  Shares shares;
  shares.add(100, 1, {{1, 1000 * kMs, 50}, {2, 1020 * kMs, 50}});
  shares.add(100, 1, {{2, 2000 * kMs, 50}, {1, 2030 * kMs, 50}});
  CHECK_NEAR(of(shares, 1).joules, 100, 1e-9);
  CHECK_NEAR(of(shares, 2).joules, 100, 1e-9);
}

TEST(a_pause_is_not_time_on_the_sms) {
  Shares shares;
  shares.add(100, 1, {{1, 1 * kSecond, 50}});
  for (int round = 0; round < 58; ++round) shares.add(20, 1, {});
  // The first sampling after a minute counts as half of the round, like the second.
  shares.add(120, 1, {{1, 60'500 * kMs, 100}, {2, 61'000 * kMs, 100}});
  CHECK_NEAR(of(shares, 1).sm_seconds, 0.5 + 0.5, 1e-9);
  CHECK_NEAR(of(shares, 2).sm_seconds, 0.5, 1e-9);
  CHECK_NEAR(of(shares, 2).joules, (120 - 20) / 2.0, 1e-9);
}

TEST(each_sample_is_used_once) {
  Shares shares;
  const std::vector<UtilSample> samples = {{1, kSecond, 30}, {2, kSecond, 30}, {1, kSecond, 30}};
  shares.add(100, 1, samples);
  CHECK_NEAR(of(shares, 1).joules, 50, 1e-9);
  // The whole buffer again, with one new sample.
  shares.add(100, 1, {{1, kSecond, 30}, {2, kSecond, 30}, {2, 2 * kSecond, 30}});
  CHECK_NEAR(of(shares, 1).joules, 50, 1e-9);
  CHECK_NEAR(of(shares, 2).joules, 150, 1e-9);
  CHECK_NEAR(of(shares, 1).sm_seconds, 0.3, 1e-9);
  CHECK_NEAR(of(shares, 2).sm_seconds, 0.6, 1e-9);
}

TEST(a_sample_that_comes_late_does_not_stretch_the_next) {
  Shares shares;
  shares.add(100, 1, {{1, 2000 * kMs, 50}});
  shares.add(100, 1, {{2, 1500 * kMs, 50}});  // of the time before; for want of better, the round
  shares.add(100, 1, {{1, 2500 * kMs, 50}});
  shares.add(100, 1, {{2, 2520 * kMs, 50}});
  CHECK_NEAR(of(shares, 2).sm_seconds, 0.5 + 0.5, 1e-9);
  CHECK_NEAR(of(shares, 1).sm_seconds, 0.5 * 1 + 0.5 * 0.5, 1e-9);
}

TEST(times_may_be_any_numbers) {
  Shares shares;
  shares.add(100, 1, {{1, INT64_MAX, 50}, {2, INT64_MIN, 50}});
  shares.add(100, 1, {{3, 0, 50}});
  CHECK_NEAR(sum(shares), 200, 1e-9);
}

TEST(more_than_all_of_the_sms_is_scaled_to_all) {
  Shares shares;
  shares.add(0, 1, {{9, kSecond, 0}});
  shares.add(100, 1, {{1, 1500 * kMs, 90}, {2, 1500 * kMs, 60}, {3, 2000 * kMs, 100}});
  CHECK_NEAR(of(shares, 1).sm_seconds, 0.5 * 90 / 150, 1e-9);
  CHECK_NEAR(of(shares, 2).sm_seconds, 0.5 * 60 / 150, 1e-9);
  CHECK_NEAR(of(shares, 3).joules, 50, 1e-9);
}

TEST(idle_power_is_the_least_of_a_round_without_use) {
  Shares shares;
  CHECK(std::isnan(shares.idle_watts()));
  // Not known yet: all of it is the process's, and stays so.
  shares.add(200, 1, {{1, 1 * kSecond, 100}});
  CHECK_EQ(shares.idle(), 0.0);
  shares.add(60, 2, {});
  CHECK_EQ(shares.idle_watts(), 30.0);
  CHECK_EQ(shares.idle(), 60.0);
  CHECK_NEAR(of(shares, 1).joules, 200, 1e-9);
  // From now on it is kept apart.
  shares.add(200, 1, {{1, 4 * kSecond, 100}});
  CHECK_NEAR(shares.idle(), 60 + 30, 1e-9);
  CHECK_NEAR(of(shares, 1).joules, 200 + 170, 1e-9);
  // A process that is there and does nothing is no use; what is above idle is nobody's.
  shares.add(50, 1, {{1, 5 * kSecond, 0}});
  CHECK_EQ(shares.idle_watts(), 30.0);
  CHECK_NEAR(shares.unattributed(), 20, 1e-9);
  shares.add(25, 1, {});
  CHECK_EQ(shares.idle_watts(), 25.0);
  CHECK_NEAR(shares.idle(), 90 + 30 + 25, 1e-9);
  // Never more than there is.
  shares.add(5, 1, {{1, 7 * kSecond, 100}});
  CHECK_NEAR(shares.idle(), 145 + 5, 1e-9);
  CHECK_NEAR(of(shares, 1).joules, 370, 1e-9);
}

TEST(a_counter_that_stood_still_teaches_no_idle_power) {
  Shares shares;
  shares.add(0, 1, {});
  CHECK(std::isnan(shares.idle_watts()));
}

TEST(without_seconds_the_energy_is_nobodys) {
  Shares shares;
  shares.add(7, 0, {{1, kSecond, 50}});
  shares.add(3, 0, {});
  CHECK_EQ(shares.unattributed(), 10.0);
  CHECK_EQ(shares.shares().size(), size_t{0});
  CHECK(std::isnan(shares.idle_watts()));
}

TEST(what_is_no_number_counts_nothing) {
  Shares shares;
  shares.add(kNaN, 1, {{1, 1 * kSecond, 50}});
  shares.add(-5, 1, {{1, 2 * kSecond, 50}});
  CHECK_EQ(shares.measured(), 0.0);
  shares.add(10, kNaN, {{1, 3 * kSecond, 50}});
  shares.add(10, -1, {{1, 4 * kSecond, 50}});
  CHECK_EQ(shares.unattributed(), 20.0);
  shares.add(10, 1, {{1, 5 * kSecond, kNaN}, {2, 5 * kSecond, -3}, {3, 5 * kSecond, 4294967295.0}});
  CHECK_NEAR(of(shares, 3).joules, 10, 1e-9);
  CHECK_NEAR(of(shares, 3).sm_seconds, 1, 1e-9);
  CHECK_NEAR(sum(shares), 30, 1e-9);
}

TEST(all_parts_make_up_what_was_measured) {
  std::mt19937_64 random(20261121);
  const auto chance = [&](double p) { return std::bernoulli_distribution(p)(random); };
  const auto between = [&](double a, double b) {
    return std::uniform_real_distribution<double>(a, b)(random);
  };
  Shares shares;
  double truth = 0;
  int64_t now_us = 1'700'000'000 * kSecond;
  std::vector<UtilSample> samples;
  for (int round = 0; round < 20'000; ++round) {
    const double seconds = chance(0.01) ? 0 : between(0.2, 3);
    const double joules = chance(0.02) ? 0 : between(10, 700) * std::max(seconds, 0.1);
    if (!chance(0.1)) samples.clear();  // else the driver's buffer comes again
    const int samplings = chance(0.2) ? 0 : static_cast<int>(between(0, 6));
    for (int i = 0; i < samplings; ++i) {
      now_us += static_cast<int64_t>(between(1, 1e6));
      for (uint32_t pid = 1; pid <= 5; ++pid) {
        // Processes come and go: each number is used for a while, and later again.
        const uint32_t who = pid + static_cast<uint32_t>(round / 500 % 7) * 3;
        if (chance(0.5)) samples.push_back({who, now_us, chance(0.2) ? 0 : between(0, 100)});
      }
    }
    std::shuffle(samples.begin(), samples.end(), random);
    const std::vector<Share> before = shares.shares();
    const double idle = shares.idle();
    const double unattributed = shares.unattributed();
    shares.add(joules, seconds, samples);
    truth += joules;
    // Nothing shrinks, in any round.
    CHECK(shares.idle() >= idle && shares.unattributed() >= unattributed);
    CHECK(shares.shares().size() >= before.size());
    for (size_t i = 0; i < before.size(); ++i) {
      CHECK(shares.shares()[i].pid == before[i].pid);
      CHECK(shares.shares()[i].joules >= before[i].joules);
      CHECK(shares.shares()[i].sm_seconds >= before[i].sm_seconds);
    }
    CHECK_NEAR(sum(shares), truth, 1e-9 * truth);
  }
  CHECK_NEAR(shares.measured(), truth, 1e-9 * truth);
  CHECK(shares.idle() > 0 && shares.unattributed() > 0);
  CHECK_EQ(shares.shares().size(), size_t{23});  // 5 numbers, from 1, 4, 7, … 19
}
