// What the sampler makes of hunts: what they cost, and rows that come just after an update.
#include <algorithm>
#include <cmath>
#include <memory>
#include <thread>
#include <vector>

#include "check.h"
#include "sampler.h"
#include "steps.h"

using namespace jouletap;

namespace {

struct Rig {
  explicit Rig(std::vector<Steps::Spec> specs, const Plan& plan = {}) {
    auto made = std::make_unique<Steps>(std::move(specs));
    source = made.get();
    std::vector<std::unique_ptr<Source>> sources;
    sources.push_back(std::move(made));
    sampler = std::make_unique<Sampler>(std::move(sources), plan);
    reading.resize(sampler->snapshot_width());
    sampler->start(reading.data());
    baseline = reading;
  }
  /// Of a reading: seconds since the source's start, and a domain's fields.
  double seconds() const { return source->since_start(std::llround(reading[0] * 1e6)); }
  double joules(size_t domain) const { return reading[3 + Sampler::kTallyFields * domain]; }
  double lag(size_t domain) const { return reading[3 + Sampler::kTallyFields * domain + 12]; }

  Steps* source;
  std::unique_ptr<Sampler> sampler;
  std::vector<double> reading;
  std::vector<double> baseline;
};

void wait_ms(double ms) {
  const int64_t until = now_ns() + std::llround(ms * 1e6);
  while (now_ns() < until) std::this_thread::yield();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

TEST(what_a_hunt_costs_is_its_windows_own_cost) {
  Rig rig({{constant(65)}});
  rig.sampler->begin(rig.reading.data());  // learns
  double most_ms = 0;
  for (int i = 0; i < 11; ++i) {
    const double before = rig.sampler->overhead().cpu_seconds;
    rig.sampler->begin(rig.reading.data());
    const double from_ms = rig.reading[1];
    rig.sampler->end(rig.reading.data());
    const double ms = rig.reading[1] - from_ms;
    CHECK(ms > 0);
    CHECK(ms <= (rig.sampler->overhead().cpu_seconds - before) * 1e3 + 0.1);
    most_ms = std::max(most_ms, ms);
  }
  // Each spins for one update at least, but for when it is held up.
  CHECK(most_ms > 1e3 * kTu);
}

TEST(a_hunt_delays_no_row) {
  Rig rig({{constant(65)}}, {1'000'000, 4096, 0, false});
  rig.sampler->record(true);
  for (int i = 0; i < 30; ++i) {
    rig.sampler->begin(rig.reading.data());
    rig.sampler->end(rig.reading.data());
  }
  rig.sampler->stop();
  std::vector<double> rows(2 * 4096);
  const size_t count = rig.sampler->read(rows.data(), 4096);
  const Overhead overhead = rig.sampler->overhead();
  CHECK_EQ(static_cast<double>(count), overhead.rows + 2);
  const double expected = std::floor((rows[2 * (count - 1)] - rows[0]) + 1e-6);
  CHECK_NEAR(overhead.rows + overhead.overruns, expected, 1.0);
}

TEST(aligned_rows_come_soon_after_an_update_and_tell_its_age) {
  Rig rig({{constant(65), 0.0004}, {constant(30), 0, kTu, 0, false}}, {5'000'000, 4096, 0, true});
  rig.sampler->record(true);
  std::vector<double> rows(5 * 4096);
  size_t count = 0;
  while (count < 80) {
    count += rig.sampler->read(rows.data() + 5 * count, 4096 - count);
    wait_ms(1);
  }
  rig.sampler->stop();
  std::vector<double> late;
  for (size_t i = 20; i < count; ++i) {
    const double* row = &rows[5 * i];
    CHECK(std::isnan(row[4]));  // not followed
    if (std::isnan(row[3])) continue;
    const double seconds = rig.source->since_start(std::llround(row[0] * 1e6));
    const double true_age = std::fmod(seconds - 0.0004, kTu) * 1e3;
    // Close to an update the reading is of one side of it and the row's time may be of the other.
    if (true_age > 0.02 && true_age < 0.95) late.push_back(std::abs(row[3] - true_age));
    CHECK(row[3] >= 0 && row[3] < 1e3 * kTu);
  }
  CHECK(late.size() > 20);
  CHECK(median(late) < 0.02);
}
