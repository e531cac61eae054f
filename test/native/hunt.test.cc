// Hunt and what the sampler makes of it, over counters that step at known moments.
#include "hunt.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "check.h"
#include "clock.h"
#include "counter.h"
#include "sampler.h"

using namespace jouletap;

namespace {

constexpr double kTu = 0x1p-10;
constexpr double kUnit = 0x1p-14;

/// Joules since a start, by a power that is known at every moment.
using Curve = std::function<double(double seconds)>;

/// Counters that show the energy up to their last update, computed when they are read.
class Steps : public Source {
 public:
  struct Spec {
    Curve joules;
    double phase = 0;  // of the updates, seconds
    double tu = kTu;
    bool additive = true;
    double update_s = kTu;
    int package = -1;  // −1: its place
  };

  explicit Steps(std::vector<Spec> specs) : specs_(std::move(specs)), start_ns_(now_ns()) {
    for (size_t i = 0; i < specs_.size(); ++i) {
      Domain domain;
      domain.package = specs_[i].package < 0 ? static_cast<int>(i) : specs_[i].package;
      domain.id = "package-" + std::to_string(domain.package);
      domain.kind = "package";
      domain.source = "steps";
      if (!specs_[i].additive) domain.role = Role::part;
      if (!specs_[i].additive) domain.parent = "package-0";
      domain.unit = kUnit;
      domain.update_s = specs_[i].update_s;
      domain.max_watts = 1000;
      domain.call = static_cast<int>(i);
      domains_.push_back(domain);
      Counter::Spec spec;
      spec.unit = kUnit;
      spec.stall_ns = 20'000'000;
      counters_.emplace_back(spec);
    }
  }

  const std::vector<Domain>& domains() const override { return domains_; }
  const std::vector<std::string>& notes() const override { return notes_; }
  bool stamps() const override { return true; }
  void read(Tally* tallies) noexcept override {
    for (size_t i = 0; i < specs_.size(); ++i) read_call(static_cast<int>(i), tallies);
  }
  void read_call(int call, Tally* tallies) noexcept override {
    const auto i = static_cast<size_t>(call);
    const Spec& spec = specs_[i];
    const int64_t before = now_ns();
    const double now = since_start(before);
    const double update = std::floor((now - spec.phase) / spec.tu) * spec.tu + spec.phase;
    const auto raw = static_cast<uint64_t>(spec.joules(std::max(0.0, update)) / kUnit);
    tallies[i].stamp = stamp_between(before, now_ns());
    counters_[i].look(raw, tallies[i].stamp.time_ns, tallies[i]);
  }
  double since_start(int64_t ns) const { return static_cast<double>(ns - start_ns_) * 1e-9; }

 private:
  std::vector<Spec> specs_;
  int64_t start_ns_;
  std::vector<Domain> domains_;
  std::vector<Counter> counters_;
  std::vector<std::string> notes_;
};

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

std::vector<std::unique_ptr<Source>> steps(std::vector<Steps::Spec> specs) {
  std::vector<std::unique_ptr<Source>> sources;
  sources.push_back(std::make_unique<Steps>(std::move(specs)));
  return sources;
}

Curve constant(double watts) {
  return [watts](double seconds) { return watts * seconds; };
}

void wait_ms(double ms) {
  const int64_t until = now_ns() + std::llround(ms * 1e6);
  while (now_ns() < until) std::this_thread::yield();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Errors, in microseconds of the first domain's power, of windows of `ms`.
struct Errors {
  std::vector<double> size;
  double within_two = 0;  // share within twice what was claimed
};
Errors errors_of(Rig& rig, const Curve& truth, double watts, double ms, int count) {
  Errors errors;
  for (int i = 0; i < count; ++i) {
    rig.sampler->begin(rig.reading.data());
    const double from = rig.seconds();
    const double joules = rig.joules(0);
    double variance = rig.lag(0);
    wait_ms(ms);
    rig.sampler->end(rig.reading.data());
    variance += rig.lag(0) + kUnit * kUnit / 6;
    const double error = rig.joules(0) - joules - (truth(rig.seconds()) - truth(from));
    errors.size.push_back(std::abs(error) / watts * 1e6);
    if (std::abs(error) <= 2 * std::sqrt(variance)) errors.within_two += 1.0 / count;
    wait_ms(0.3);
  }
  return errors;
}

}  // namespace

// Blind, half of these windows would be off by more than 290 µs of power.
TEST(a_window_is_known_to_microseconds_of_its_power) {
  const Curve truth = constant(65);
  Rig rig({{truth, 0.0003}});
  const Errors errors = errors_of(rig, truth, 65, 3, 60);
  CHECK(median(errors.size) < 20);
  CHECK(errors.within_two > 0.8);
}

// What the code used ends where it ended, not at the next update: the power falls from 80 W to 20 W
// while the hunt goes on.
TEST(what_is_used_after_the_end_is_not_the_windows) {
  std::atomic<double> fall{1e9};
  const Curve truth = [&fall](double seconds) {
    return seconds < fall ? 80 * seconds : 80 * fall + 20 * (seconds - fall);
  };
  std::vector<double> errors;
  for (int i = 0; i < 15; ++i) {
    fall = 1e9;
    Rig rig({{truth, 0.0001}});
    rig.sampler->begin(rig.reading.data());
    const double from = rig.seconds();
    const double joules = rig.joules(0);
    wait_ms(4);
    fall = rig.source->since_start(now_ns());
    rig.sampler->end(rig.reading.data());
    const double error = rig.joules(0) - joules - 80 * (rig.seconds() - from);
    errors.push_back(std::abs(error) / 80 * 1e6);
  }
  CHECK(median(errors) < 30);
}

TEST(counters_with_updates_of_their_own_are_each_told_as_of_one_moment) {
  Rig rig({{constant(65), 0.0002}, {constant(10), 0.0007}});
  std::vector<double> first;
  std::vector<double> second;
  for (int i = 0; i < 20; ++i) {
    rig.sampler->begin(rig.reading.data());
    const double from = rig.seconds();
    const double before[] = {rig.joules(0), rig.joules(1)};
    wait_ms(2);
    rig.sampler->end(rig.reading.data());
    const double seconds = rig.seconds() - from;
    first.push_back(std::abs(rig.joules(0) - before[0] - 65 * seconds) / 65 * 1e6);
    second.push_back(std::abs(rig.joules(1) - before[1] - 10 * seconds) / 10 * 1e6);
  }
  CHECK(median(first) < 20);
  CHECK(median(second) < 40);
}

TEST(a_counter_that_is_not_added_or_stands_still_is_left_blind) {
  Rig rig({{constant(65)}, {constant(30), 0, kTu, false}, {constant(0)}});
  rig.sampler->begin(rig.reading.data());
  CHECK(rig.lag(0) >= 0);
  CHECK_EQ(rig.lag(1), -1.0);
  CHECK_EQ(rig.lag(2), -1.0);
}

TEST(what_a_hunt_costs_is_its_windows_own_cost) {
  Rig rig({{constant(65)}});
  rig.sampler->begin(rig.reading.data());  // learns
  const double learned = rig.sampler->overhead().cpu_seconds;
  rig.sampler->begin(rig.reading.data());
  const double from_ms = rig.reading[1];
  rig.sampler->end(rig.reading.data());
  const double to_ms = rig.reading[1];
  const double cost_ms = (rig.sampler->overhead().cpu_seconds - learned) * 1e3;
  // Both hunts spin for one update at least.
  CHECK(to_ms - from_ms > 1e3 * kTu);
  CHECK(to_ms - from_ms <= cost_ms + 0.1);
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
  Rig rig({{constant(65), 0.0004}, {constant(30), 0, kTu, false}}, {5'000'000, 4096, 0, true});
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

TEST(what_another_source_reads_more_slowly_is_left_blind) {
  Readers readers(steps({{constant(65), 0.0002}, {constant(10), 0.0007}}));
  Hunt hunt(readers);
  hunt.begin(readers, [] {});
  CHECK_EQ(hunt.told().size(), 2u);
  readers.exchange({1}, steps({{constant(10), 0, 0.1, true, 0.1, 1}}));
  hunt.begin(readers, [] {});
  CHECK_EQ(hunt.told().size(), 1u);
  CHECK_EQ(hunt.told()[0].column, 0u);
  readers.read();
  hunt.end(readers, now_ns(), [] {});
  CHECK_EQ(hunt.told().size(), 1u);
  double ages[2];
  hunt.ages(readers, ages);
  CHECK(std::isnan(ages[1]));
  // Even where nothing is left to follow.
  readers.exchange({0}, steps({{constant(65), 0, 0.1, true, 0.1, 0}}));
  hunt.begin(readers, [] {});
  CHECK(hunt.told().empty());
}

// Both are call 0 of a source of that name.
TEST(a_domain_that_was_opened_anew_is_followed_beside_what_was_not_lost) {
  Readers readers(steps({{constant(65), 0.0002}, {constant(10), 0.0007}}));
  Hunt hunt(readers);
  readers.exchange({1}, steps({{constant(10), 0.0007, kTu, true, kTu, 1}}));
  std::vector<double> sigmas;
  for (int i = 0; i < 11; ++i) {
    hunt.begin(readers, [] {});
    for (const Hunt::Told& told : hunt.told()) {
      if (told.column == 1) sigmas.push_back(std::sqrt(told.variance) / 10 * 1e6);
    }
  }
  CHECK(sigmas.size() > 5);
  CHECK(median(sigmas) < 100);  // µs of its power
}

TEST(a_counter_that_never_counted_anything_is_not_waited_for) {
  Readers readers(steps({{constant(65)}, {constant(0)}}));
  Hunt hunt(readers);
  readers.read();
  wait_ms(25);
  readers.read();
  CHECK(readers.tallies()[1].stalls > 0);
  hunt.begin(readers, [] {});  // learns
  std::vector<double> periods;
  for (int i = 0; i < 11; ++i) {
    const int64_t before = now_ns();
    hunt.begin(readers, [] {});
    periods.push_back(static_cast<double>(now_ns() - before) * 1e-9 / kTu);
  }
  CHECK(median(periods) < 6);
}

TEST(a_moment_long_past_is_told_with_the_doubt_of_the_time_since) {
  Readers readers(steps({{constant(65)}}));
  Hunt hunt(readers);
  hunt.begin(readers, [] {});
  const double from = hunt.told().at(0).joules;
  const int64_t from_ns = now_ns();
  wait_ms(5);
  const int64_t time_ns = now_ns();
  wait_ms(10);
  readers.read();
  hunt.end(readers, time_ns, [] {});
  const Hunt::Told told = hunt.told().at(0);
  const double seconds = static_cast<double>(time_ns - from_ns) * 1e-9;
  // The power was constant, which cannot be known.
  CHECK_NEAR(told.joules - from, 65 * seconds, 65 * 0.001);
  CHECK(told.variance > std::pow(0.2 * 65 * 0.010, 2));
}
