// Histogram: its quantiles against those of the sorted values.
#include "histogram.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "check.h"

using namespace jouletap;

namespace {

/// The least value that `share` of all do not exceed.
int64_t exact(const std::vector<int64_t>& sorted, double share) {
  const auto wanted = std::ceil(share * static_cast<double>(sorted.size()));
  return sorted[static_cast<size_t>(std::max(1.0, wanted)) - 1];
}

constexpr double kShares[] = {0, 0.001, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1};

}  // namespace

TEST(quantiles_are_those_of_the_sorted_values_to_an_eighth) {
  std::mt19937_64 random(20261126);
  // From nothing to an hour, each order of magnitude as often as any other.
  std::uniform_real_distribution<double> exponent(0, std::log2(3.6e12));
  for (const size_t size : {size_t{1}, size_t{2}, size_t{7}, size_t{100}, size_t{20'000}}) {
    Histogram histogram;
    std::vector<int64_t> values;
    for (size_t i = 0; i < size; ++i) {
      values.push_back(static_cast<int64_t>(std::exp2(exponent(random))) - 1);
      histogram.add(values.back());
    }
    std::sort(values.begin(), values.end());
    for (const double share : kShares) {
      const int64_t want = exact(values, share);
      const int64_t got = histogram.quantile_ns(share);
      CHECK(got >= want);
      CHECK(got <= want + want / 8);
    }
    CHECK_EQ(histogram.most_ns(), values.back());
    CHECK_EQ(histogram.quantile_ns(1), values.back());
  }
}

TEST(every_duration_is_told_to_an_eighth_also_at_the_edges_of_its_slots) {
  for (int power = 0; power < 42; ++power) {
    for (const int64_t near : {-1, 0, 1}) {
      const int64_t value = (int64_t{1} << power) + near;
      Histogram histogram;
      histogram.add(value);
      histogram.add(int64_t{1} << 45);  // so that the most does not stand in
      const int64_t got = histogram.quantile_ns(0.5);
      CHECK(got >= value && got <= value + value / 8);
    }
  }
}

TEST(few_nanoseconds_are_told_exactly) {
  for (int64_t value = 0; value < 16; ++value) {
    Histogram histogram;
    histogram.add(value);
    histogram.add(1000);
    CHECK_EQ(histogram.quantile_ns(0.5), value);
  }
}

TEST(nothing_is_nothing_and_early_is_not_late) {
  Histogram histogram;
  for (const double share : kShares) CHECK_EQ(histogram.quantile_ns(share), int64_t{0});
  CHECK_EQ(histogram.most_ns(), int64_t{0});
  histogram.add(-5);
  CHECK_EQ(histogram.quantile_ns(0.5), int64_t{0});
  CHECK_EQ(histogram.most_ns(), int64_t{0});
}

TEST(a_duration_beyond_all_slots_is_still_the_most) {
  Histogram histogram;
  const int64_t month_ns = int64_t{30} * 24 * 3600 * 1'000'000'000;
  histogram.add(1000);
  histogram.add(month_ns);
  CHECK_EQ(histogram.most_ns(), month_ns);
  CHECK(histogram.quantile_ns(0.5) <= 1125);
}
