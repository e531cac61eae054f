// Integral against the same trapezoids in longer numbers: whatever the power and whenever it is
// read.
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "check.h"
#include "integral.h"

using jouletap::Integral;
using jouletap::Tally;

namespace {

using Random = std::mt19937_64;

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1000 * kMs;
constexpr double kUlp = std::numeric_limits<double>::epsilon();

double within(Random& random, double low, double high) {
  return std::uniform_real_distribution<double>(low, high)(random);
}

struct Reading {
  int64_t time_ns;
  double watts;
  bool missed;  // the read before it gave nothing
};

/// Power that walks, steps and rests, read at random times.
std::vector<Reading> any_readings(Random& random) {
  std::vector<Reading> readings;
  int64_t time = static_cast<int64_t>(random() % static_cast<uint64_t>(100'000 * kSecond));
  const double scale = std::pow(10, within(random, -1, 3.5));
  double watts = within(random, 0, scale);
  const auto count = 2 + random() % 200;
  for (uint64_t i = 0; i < count; ++i) {
    if (random() % 4 == 0) watts = within(random, 0, scale);
    if (random() % 16 == 0) watts = 0;
    watts = std::clamp(watts + within(random, -0.05, 0.05) * scale, 0.0, scale);
    const bool missed = random() % 10 == 0;
    readings.push_back({time, watts, missed});
    const double gap = std::pow(10, within(random, 3, random() % 8 == 0 ? 9.5 : 8));  // ns
    time += 1 + static_cast<int64_t>(gap);
  }
  return readings;
}

/// What of it is told: all but holes of more than a second around a miss.
bool told(const Reading& from, const Reading& to) {
  return !to.missed || to.time_ns - from.time_ns <= kSecond;
}

long double trapezoid(const Reading& from, const Reading& to) {
  return (static_cast<long double>(from.watts) + to.watts) / 2 *
         static_cast<long double>(to.time_ns - from.time_ns) * 1e-9L;
}

void read(Integral& integral, const Reading& reading, Tally& tally) {
  if (reading.missed) integral.miss(tally);
  integral.add(reading.watts, reading.time_ns, tally);
}

double rounding(size_t readings, long double joules) {
  return static_cast<double>(readings + 4) * 2 * kUlp * static_cast<double>(joules);
}

}  // namespace

TEST(the_total_is_the_sum_of_the_trapezoids) {
  Random random(1);
  for (int run = 0; run < 10'000; ++run) {
    const auto readings = any_readings(random);
    Integral integral;
    Tally tally;
    long double joules = 0;
    long double variance = 0;
    long double covered_ns = 0;
    double misses = 0;
    double bridged = 0;
    double before = 0;
    for (size_t i = 0; i < readings.size(); ++i) {
      read(integral, readings[i], tally);
      CHECK(tally.joules >= before);
      CHECK(tally.fresh);
      before = tally.joules;
      if (readings[i].missed) ++misses;
      if (i == 0 || !told(readings[i - 1], readings[i])) continue;
      const auto elapsed = static_cast<long double>(readings[i].time_ns - readings[i - 1].time_ns);
      joules += trapezoid(readings[i - 1], readings[i]);
      const long double step =
          (static_cast<long double>(readings[i].watts) - readings[i - 1].watts) * elapsed * 1e-9L;
      variance += step * step / 12;
      covered_ns += elapsed;
      if (readings[i].missed) ++bridged;
    }
    CHECK_NEAR(tally.joules, static_cast<double>(joules), rounding(readings.size(), joules));
    CHECK_NEAR(tally.variance, static_cast<double>(variance),
               4 * rounding(readings.size(), variance));
    CHECK_NEAR(tally.covered_ms, static_cast<double>(covered_ns * 1e-6L),
               rounding(readings.size(), covered_ns * 1e-6L));
    CHECK_EQ(tally.failures, misses);
    CHECK_EQ(tally.bridged, bridged);
  }
}

TEST(parts_add_up_to_the_whole) {
  Random random(2);
  for (int run = 0; run < 5000; ++run) {
    const auto readings = any_readings(random);
    Integral integral;
    Tally tally;
    std::vector<double> looks{0};
    for (const Reading& reading : readings) {
      read(integral, reading, tally);
      if (random() % 5 == 0) looks.push_back(tally.joules);
    }
    looks.push_back(tally.joules);
    long double parts = 0;
    for (size_t i = 1; i < looks.size(); ++i) {
      CHECK(looks[i] >= looks[i - 1]);
      parts += static_cast<long double>(looks[i]) - looks[i - 1];
    }
    CHECK_NEAR(static_cast<double>(parts), tally.joules, rounding(looks.size(), parts));
  }
}

// Power that is a line between readings has the same energy however often it is read.
TEST(more_readings_of_the_same_lines_change_nothing) {
  Random random(3);
  for (int run = 0; run < 3000; ++run) {
    const auto readings = any_readings(random);
    Integral coarse;
    Integral fine;
    Tally one;
    Tally other;
    coarse.add(readings[0].watts, readings[0].time_ns, one);
    fine.add(readings[0].watts, readings[0].time_ns, other);
    for (size_t i = 1; i < readings.size(); ++i) {
      const Reading& from = readings[i - 1];
      const Reading& to = readings[i];
      coarse.add(to.watts, to.time_ns, one);
      const int64_t gap = to.time_ns - from.time_ns;
      for (int part = 1; part <= 3; ++part) {
        const int64_t at = from.time_ns + gap * part / 4;
        if (at == from.time_ns) continue;
        const double share = static_cast<double>(at - from.time_ns) / static_cast<double>(gap);
        fine.add(from.watts + (to.watts - from.watts) * share, at, other);
      }
      fine.add(to.watts, to.time_ns, other);
      CHECK(other.variance <= one.variance * (1 + 1e-9));
    }
    CHECK_NEAR(other.joules, one.joules, rounding(8 * readings.size(), one.joules));
    CHECK_NEAR(other.covered_ms, one.covered_ms, 1e-9 * one.covered_ms);
  }
}

// Of power that is even from the last good reading to the next a bridge tells the truth.
TEST(a_bridged_hole_loses_nothing_and_a_longer_one_only_itself) {
  Random random(4);
  for (int run = 0; run < 5000; ++run) {
    const double watts = within(random, 0, 500);
    Integral integral;
    Tally tally;
    int64_t time = 0;
    long double told_s = 0;
    integral.add(watts, time, tally);
    for (int i = 0; i < 50; ++i) {
      const bool hole = random() % 3 == 0;
      const int64_t gap = 1 + static_cast<int64_t>(random() % static_cast<uint64_t>(2 * kSecond));
      for (uint64_t tries = 0; hole && tries < 1 + random() % 3; ++tries) integral.miss(tally);
      time += gap;
      integral.add(watts, time, tally);
      if (!hole || gap <= kSecond) told_s += static_cast<long double>(gap) * 1e-9L;
    }
    CHECK_NEAR(tally.joules, static_cast<double>(told_s * watts), rounding(50, told_s * watts));
    CHECK_NEAR(tally.covered_ms, static_cast<double>(told_s * 1000), rounding(50, told_s * 1000));
  }
}

// A gauge of the mean over a window tells of half of it ago; held from there, it neither falls nor
// loses: when the power has been even for a window all is there.
TEST(an_averaging_gauge_ends_with_all_of_the_energy) {
  Random random(5);
  for (int run = 0; run < 3000; ++run) {
    const int64_t window = 1 + static_cast<int64_t>(random() % static_cast<uint64_t>(kSecond));
    const auto readings = any_readings(random);
    Integral integral(window);
    Tally tally;
    long double joules = 0;
    double before = 0;
    for (size_t i = 0; i < readings.size(); ++i) {
      read(integral, readings[i], tally);
      CHECK(tally.joules >= before);
      before = tally.joules;
      if (i > 0 && told(readings[i - 1], readings[i])) {
        joules += trapezoid(readings[i - 1], readings[i]);
      }
    }
    // From here on the power of the first reading, which was held back at first, until the tally
    // has caught up with what it never took back.
    const Reading& last = readings.back();
    const double even = std::max(1.0, readings.front().watts);
    int64_t time = last.time_ns + 1;
    const Reading turned{time, even, false};
    joules += trapezoid(last, turned);
    integral.add(even, time, tally);
    const long double held = (static_cast<long double>(even) - readings.front().watts) *
                             static_cast<long double>(window / 2) * 1e-9L;
    const long double most = 4000 * static_cast<long double>(window) * 1e-9L;
    const auto wait = static_cast<int64_t>(most / even * 1e9L) + kSecond;
    integral.add(even, time += wait, tally);
    joules += static_cast<long double>(even) * static_cast<long double>(wait) * 1e-9L;
    CHECK_NEAR(tally.joules, static_cast<double>(joules + held),
               rounding(readings.size() + 8, joules));
  }
}
