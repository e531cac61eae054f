// Integral: power readings against the energy of the power that was set.
#include "integral.h"

#include "check.h"

using jouletap::Integral;
using jouletap::Tally;

namespace {
constexpr int64_t kMs = 1'000'000;
}

TEST(constant_power_is_exact) {
  Integral integral;
  Tally tally;
  for (int64_t ms = 0; ms <= 2000; ms += 100) integral.add(65, ms * kMs, tally);
  CHECK_NEAR(tally.joules, 130, 1e-9);
  CHECK_EQ(tally.covered_ms, 2000.0);
  CHECK_EQ(tally.variance, 0.0);
}

TEST(a_ramp_is_exact_by_the_trapezoid) {
  Integral integral;
  Tally tally;
  for (int64_t ms = 0; ms <= 1000; ms += 50) integral.add(static_cast<double>(ms), ms * kMs, tally);
  CHECK_NEAR(tally.joules, 500, 1e-9);  // ∫ 1000·t dt over 1 s
}

TEST(a_step_is_within_its_variance) {
  Integral integral;
  Tally tally;
  integral.add(0, 0, tally);
  integral.add(100, 100 * kMs, tally);
  CHECK_NEAR(tally.variance, 100.0 * 0.1 * 100 * 0.1 / 12, 1e-12);
}

TEST(an_averaged_reading_is_taken_half_a_window_earlier) {
  Integral integral(200 * kMs);
  Tally tally;
  // Power steps from 10 to 110 W at 1 s; the gauge shows the mean of the last 200 ms.
  for (int64_t ms = 0; ms <= 3000; ms += 10) {
    const double over = std::min(1.0, std::max(0.0, static_cast<double>(ms - 1000) / 200));
    integral.add(10 + 100 * over, ms * kMs, tally);
  }
  CHECK_NEAR(tally.joules, 10.0 * 3 + 100 * 2, 1e-6);
}

TEST(falling_power_never_takes_energy_back) {
  Integral integral(1000 * kMs);
  Tally tally;
  double before = 0;
  for (int64_t ms = 0; ms <= 5000; ms += 100) {
    integral.add(ms < 2000 ? 300 : 5, ms * kMs, tally);
    CHECK(tally.joules >= before);
    before = tally.joules;
  }
}

TEST(a_short_hole_is_bridged_and_a_long_one_is_not) {
  Integral integral;
  Tally tally;
  integral.add(50, 0, tally);
  integral.miss(tally);
  integral.add(50, 500 * kMs, tally);
  CHECK_NEAR(tally.joules, 25, 1e-9);
  CHECK_EQ(tally.bridged, 1.0);
  CHECK_EQ(tally.covered_ms, 500.0);
  integral.miss(tally);
  integral.add(50, 2500 * kMs, tally);
  CHECK_NEAR(tally.joules, 25, 1e-9);
  CHECK_EQ(tally.covered_ms, 500.0);
  integral.add(50, 2600 * kMs, tally);
  CHECK_NEAR(tally.joules, 30, 1e-9);
  CHECK_EQ(tally.failures, 2.0);
}
