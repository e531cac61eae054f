// Sampler: the grid, the ring, the keep-alive and the thread, over sources of known truth.
#include "sampler.h"

#include <time.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>

#include "check.h"
#include "clock.h"
#include "counter.h"
#include "integral.h"

using namespace jouletap;

namespace {

int64_t cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

void wait_ms(int64_t ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

/// A register of constant power, computed from the clock at each read.
class Steady : public Source {
 public:
  struct Options {
    double watts = 50;
    double unit = 0x1p-14;
    uint64_t modulus = uint64_t{1} << 32;
    double max_watts = 1000;
    int64_t burn_ns = 0;  // CPU time of each read
  };

  explicit Steady(const Options& options) : options_(options), start_ns_(now_ns()) {
    Counter::Spec spec;
    spec.unit = options.unit;
    spec.modulus = options.modulus;
    spec.max_watts = options.max_watts;
    counter_ = Counter(spec);
    Domain domain;
    domain.id = "package-0";
    domain.kind = "package";
    domain.unit = options.unit;
    domain.max_watts = options.max_watts;
    domain.wrap_joules = static_cast<double>(options.modulus) * options.unit;
    domains_.push_back(domain);
  }

  const std::vector<Domain>& domains() const override { return domains_; }
  const std::vector<std::string>& notes() const override { return notes_; }

  void read(Tally* tallies) noexcept override {
    reads.fetch_add(1);
    const int64_t burnt_ns = cpu_ns() + options_.burn_ns;
    while (cpu_ns() < burnt_ns) {
    }
    wait_ms(hold_ms.exchange(0));
    const int64_t time = now_ns();
    if (failing) {
      counter_.miss(tallies[0]);
      return;
    }
    const double joules = options_.watts * static_cast<double>(time - start_ns_) * 1e-9;
    const auto units = static_cast<uint64_t>(joules / options_.unit);
    counter_.look(units % options_.modulus, time, tallies[0]);
    if (first_units_ == 0) first_units_ = units;
    read_joules = static_cast<double>(units - first_units_) * options_.unit;
  }

  std::atomic<int> reads{0};
  std::atomic<double> read_joules{0};  // the truth: from the first good read to the last
  std::atomic<bool> failing{false};
  std::atomic<int> hold_ms{0};  // how long the next read takes

 private:
  Options options_;
  int64_t start_ns_;
  uint64_t first_units_ = 0;
  Counter counter_;
  std::vector<Domain> domains_;
  std::vector<std::string> notes_;
};

/// A power gauge, integrated here.
class Gauge : public Source {
 public:
  explicit Gauge(bool has_thread) : has_thread_(has_thread), integral_(0) {
    Domain domain;
    domain.id = "gpu-0";
    domain.kind = "gpu";
    domain.method = Method::gauge;
    domains_.push_back(domain);
  }
  const std::vector<Domain>& domains() const override { return domains_; }
  const std::vector<std::string>& notes() const override { return notes_; }
  bool has_thread() const override { return has_thread_; }
  void read(Tally* tallies) noexcept override {
    const int64_t time_ns = now_ns();
    if (reads.fetch_add(1) == 0) first_ns = time_ns;
    widest_ns = std::max(widest_ns, last_ns == 0 ? 0 : time_ns - last_ns);
    last_ns = time_ns;
    integral_.add(watts, time_ns, tallies[0]);
  }

  std::atomic<int> reads{0};
  std::atomic<double> watts{100};
  // Of reads:
  int64_t first_ns = 0;
  int64_t last_ns = 0;
  int64_t widest_ns = 0;

 private:
  const bool has_thread_;
  Integral integral_;
  std::vector<Domain> domains_;
  std::vector<std::string> notes_;
};

void start(Sampler& sampler) {
  std::vector<double> baseline(sampler.snapshot_width());
  sampler.start(baseline.data());
}

struct Rig {
  explicit Rig(double interval_ms, size_t capacity = 4096, const Steady::Options& options = {},
               double max_overhead = 0) {
    auto made = std::make_unique<Steady>(options);
    source = made.get();
    std::vector<std::unique_ptr<Source>> sources;
    sources.push_back(std::move(made));
    sampler = std::make_unique<Sampler>(
        std::move(sources), Plan{std::llround(interval_ms * 1e6), capacity, max_overhead});
  }
  Steady* source;
  std::unique_ptr<Sampler> sampler;
};

}  // namespace

TEST(rows_are_on_the_grid_and_cumulative) {
  Rig rig(2);
  rig.sampler->record(true);
  start(*rig.sampler);
  wait_ms(300);
  rig.sampler->stop();
  std::vector<double> rows(2 * 4096);
  const size_t count = rig.sampler->read(rows.data(), 4096);
  const Overhead overhead = rig.sampler->overhead();
  CHECK(count >= 2);
  CHECK_EQ(static_cast<double>(count), overhead.rows + 2);  // and the first and the last
  CHECK_EQ(rows[1], 0.0);
  for (size_t i = 1; i < count; ++i) {
    CHECK(rows[2 * i] > rows[2 * i - 2]);
    CHECK(rows[2 * i + 1] >= rows[2 * i - 1]);
  }
  const double seconds = (rows[2 * (count - 1)] - rows[0]) / 1000;
  // To a nanosecond of rounding, every time of the grid has a row or is an overrun.
  CHECK_NEAR(seconds / 0.002, overhead.rows + overhead.overruns + 0.5, 0.5 + 1e-6);
  CHECK_NEAR(rows[2 * count - 1], rig.source->read_joules.load(), 1e-9);
  CHECK_EQ(overhead.overwritten, 0.0);
}

TEST(a_slow_reader_loses_rows_but_no_joule) {
  Rig rig(0.5, 8);
  rig.sampler->record(true);
  start(*rig.sampler);
  wait_ms(200);
  rig.sampler->stop();
  std::vector<double> rows(2 * 16);
  const size_t count = rig.sampler->read(rows.data(), 16);
  const Overhead overhead = rig.sampler->overhead();
  CHECK_EQ(count, 8u);
  CHECK_EQ(overhead.overwritten, overhead.rows + 2 - 8);
  std::vector<double> last(rig.sampler->snapshot_width());
  rig.sampler->sample(last.data());
  CHECK_EQ(rows[2 * 7], last[0]);
  CHECK_EQ(rows[2 * 7 + 1], last[3]);
}

TEST(nothing_is_kept_nor_read_unless_asked_for) {
  Rig rig(1);
  start(*rig.sampler);
  wait_ms(200);
  rig.sampler->stop();
  double rows[32];
  CHECK_EQ(rig.sampler->read(rows, 16), 0u);
  CHECK_EQ(rig.source->reads.load(), 2);  // at the start and at the end
  const Overhead overhead = rig.sampler->overhead();
  CHECK_EQ(overhead.rows + overhead.overruns, 0.0);
  CHECK_EQ(overhead.wake_ups, 0.0);
}

TEST(keeping_rows_begins_with_one_of_now) {
  Rig rig(3'600'000);
  start(*rig.sampler);
  rig.sampler->record(true);
  rig.sampler->record(true);
  double rows[32];
  CHECK_EQ(rig.sampler->read(rows, 16), 1u);
  rig.sampler->record(false);
  rig.sampler->stop();
  CHECK_EQ(rig.sampler->read(rows, 16), 0u);
}

// A counter that wraps every 200 ms is followed at an interval of an hour.
TEST(keep_alive_reads_catch_every_wrap) {
  Steady::Options options;
  options.watts = 500;
  options.unit = 1e-6;
  options.modulus = 100'000'000;
  Rig rig(3'600'000, 16, options);
  std::vector<double> from(rig.sampler->snapshot_width());
  std::vector<double> to(from);
  rig.sampler->start(from.data());
  wait_ms(1000);
  rig.sampler->sample(to.data());
  const double joules = rig.source->read_joules;
  rig.sampler->stop();
  CHECK(joules >= 500);  // of a second
  CHECK_NEAR(to[3] - from[3], joules, 1e-9);
  CHECK(to[6] - from[6] >= std::floor(joules / 100) - 1);       // wraps
  CHECK_EQ(to[7] + to[8] + to[9], 0.0);                         // resets, backwards, ambiguous
  CHECK(to[1] > from[1] && to[1] - from[1] < to[0] - from[0]);  // what it cost
  CHECK_NEAR(to[2], from[2], 100);                              // nobody suspended this machine
  CHECK_EQ(rig.sampler->overhead().rows, 0.0);
}

TEST(a_failing_read_gives_nan_and_the_thread_goes_on) {
  Rig rig(1);
  rig.source->failing = true;
  rig.sampler->record(true);
  start(*rig.sampler);
  while (rig.source->reads < 10) std::this_thread::yield();
  rig.source->failing = false;
  const int seen = rig.source->reads;
  while (rig.source->reads < seen + 10) std::this_thread::yield();
  rig.sampler->stop();
  std::vector<double> rows(2 * 4096);
  const size_t count = rig.sampler->read(rows.data(), 4096);
  CHECK(std::isnan(rows[1]));
  CHECK(!std::isnan(rows[2 * count - 1]));
}

TEST(stopping_is_prompt_and_starting_and_stopping_twice_is_harmless) {
  Rig rig(3'600'000);
  rig.sampler->stop();
  Rig other(3'600'000);
  start(*other.sampler);
  start(*other.sampler);
  const int64_t before = now_ns();
  other.sampler->stop();
  other.sampler->stop();
  CHECK(now_ns() - before < int64_t{2'000'000'000});
  start(*other.sampler);
  std::vector<double> snapshot(other.sampler->snapshot_width());
  const int reads = other.source->reads;
  other.sampler->sample(snapshot.data());
  CHECK_EQ(other.source->reads.load(), reads);
}

TEST(many_threads_may_ask_at_once) {
  Rig rig(0.2);
  rig.sampler->record(true);
  start(*rig.sampler);
  std::vector<std::thread> threads;
  std::atomic<bool> monotone{true};
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      std::vector<double> snapshot(rig.sampler->snapshot_width());
      std::vector<double> rows(2 * 64);
      double before = 0;
      for (int look = 0; look < 500; ++look) {
        rig.sampler->sample(snapshot.data());
        rig.sampler->read(rows.data(), 64);
        rig.sampler->overhead();
        if (snapshot[3] < before) monotone = false;
        before = snapshot[3];
      }
    });
  }
  for (auto& thread : threads) thread.join();
  rig.sampler->stop();
  CHECK(monotone.load());
}

TEST(its_own_cost_is_counted) {
  Rig rig(0.5);
  start(*rig.sampler);
  rig.sampler->record(true);
  while (rig.source->reads < 200) wait_ms(5);
  const double running = rig.sampler->overhead().cpu_seconds;
  rig.sampler->stop();
  const double stopped = rig.sampler->overhead().cpu_seconds;
  CHECK(running > 0);
  CHECK(stopped >= running);
}

TEST(rows_that_would_cost_too_much_come_less_often) {
  Steady::Options options;
  options.burn_ns = 1'000'000;
  const double share = 0.05;
  const auto least = static_cast<int64_t>(static_cast<double>(options.burn_ns) / share);
  Rig rig(2, 4096, options, share);
  rig.sampler->record(true);
  start(*rig.sampler);
  while (rig.sampler->overhead().interval_ns < least) wait_ms(5);
  // It may still be a little too dear, and is then looked at once more.
  for (const double rows = rig.sampler->overhead().rows;
       rig.sampler->overhead().rows < rows + 20;) {
    wait_ms(5);
  }
  const Overhead before = rig.sampler->overhead();
  while (rig.sampler->overhead().rows < before.rows + 10) wait_ms(5);
  const Overhead after = rig.sampler->overhead();
  rig.sampler->stop();
  const double grid_s = (after.rows - before.rows) * static_cast<double>(before.interval_ns) * 1e-9;
  CHECK(after.cpu_seconds - before.cpu_seconds <= share * grid_s * 1.1);
  CHECK(after.interval_ns % 2'000'000 == 0);  // a whole number of the wished ones
  CHECK(after.interval_ns <= 8 * least);
  std::vector<double> rows(2 * 4096);
  const size_t count = rig.sampler->read(rows.data(), 4096);
  CHECK_NEAR(rows[2 * count - 1], rig.source->read_joules.load(), 1e-9);
}

TEST(without_a_limit_rows_come_as_often_as_was_wished) {
  Steady::Options options;
  options.burn_ns = 1'000'000;
  Rig rig(2, 4096, options);
  rig.sampler->record(true);
  start(*rig.sampler);
  while (rig.sampler->overhead().rows < 80) wait_ms(5);
  CHECK_EQ(rig.sampler->overhead().interval_ns, int64_t{2'000'000});
}

TEST(a_row_that_is_late_is_told_by_how_much) {
  Rig rig(5);
  rig.sampler->record(true);
  start(*rig.sampler);
  while (rig.sampler->overhead().rows < 5) wait_ms(1);
  const double overruns = rig.sampler->overhead().overruns;
  rig.source->hold_ms = 50;  // of a driver
  while (rig.source->hold_ms != 0) wait_ms(1);
  const double rows = rig.sampler->overhead().rows;
  while (rig.sampler->overhead().rows < rows + 2) wait_ms(1);
  rig.sampler->stop();
  const Overhead overhead = rig.sampler->overhead();
  // The row after the held one was due 5 ms after that, and could not be before 50.
  CHECK(overhead.late_max_ns >= 45'000'000 - 100'000);
  CHECK(overhead.overruns - overruns >= 8);
  CHECK(overhead.late_p50_ns <= overhead.late_p99_ns);
  CHECK(overhead.late_p99_ns <= overhead.late_max_ns);
}

TEST(a_row_of_now_is_read_on_the_spot_while_it_runs) {
  Rig rig(3'600'000);
  double row[2] = {-1, -1};
  rig.sampler->read_now(row);
  CHECK_EQ(rig.source->reads.load(), 0);
  std::vector<double> from(rig.sampler->snapshot_width());
  rig.sampler->start(from.data());
  wait_ms(50);
  const int64_t before = now_ns();
  rig.sampler->read_now(row);
  const int64_t after = now_ns();
  CHECK_EQ(rig.source->reads.load(), 2);
  CHECK(row[0] >= static_cast<double>(before) * 1e-6 &&
        row[0] <= static_cast<double>(after) * 1e-6);
  CHECK(row[1] >= 50 * 0.05);
  CHECK_NEAR(row[1], rig.source->read_joules.load(), 1e-9);
  rig.sampler->stop();
  double last[2];
  rig.sampler->read_now(last);
  rig.sampler->read_now(row);
  CHECK_EQ(rig.source->reads.load(), 3);
  CHECK_EQ(row[0], last[0]);
  CHECK_EQ(row[1], last[1]);
  CHECK_EQ(rig.sampler->overhead().reads, 3.0);
}

TEST(a_power_gauge_is_integrated_though_nobody_wants_rows) {
  auto made = std::make_unique<Gauge>(false);
  Gauge& gauge = *made;
  std::vector<std::unique_ptr<Source>> sources;
  sources.push_back(std::move(made));
  Sampler sampler(std::move(sources), Plan{100'000'000, 16});
  std::vector<double> from(sampler.snapshot_width());
  std::vector<double> to(from);
  sampler.start(from.data());
  wait_ms(350);
  gauge.watts = 300;
  const int64_t stepped = now_ns();
  wait_ms(350);
  sampler.stop();
  sampler.sample(to.data());
  const double joules = 100e-9 * static_cast<double>(stepped - gauge.first_ns) +
                        300e-9 * static_cast<double>(gauge.last_ns - stepped);
  // The step may have been anywhere between two reads.
  CHECK_NEAR(to[3] - from[3], joules, 100e-9 * static_cast<double>(gauge.widest_ns));
  CHECK(gauge.reads >= 6);
  CHECK_EQ(sampler.overhead().rows + sampler.overhead().overruns, 0.0);
  CHECK(sampler.overhead().wake_ups >= 4);
}

TEST(a_gauge_with_a_thread_of_its_own_needs_no_reads) {
  auto made = std::make_unique<Gauge>(true);
  Gauge& gauge = *made;
  std::vector<std::unique_ptr<Source>> sources;
  sources.push_back(std::move(made));
  Sampler sampler(std::move(sources), Plan{10'000'000, 16});
  start(sampler);
  wait_ms(200);
  sampler.stop();
  CHECK_EQ(gauge.reads.load(), 2);
}

TEST(reads_end_when_rows_are_no_longer_wanted) {
  Rig rig(1);
  start(*rig.sampler);
  rig.sampler->record(true);
  while (rig.sampler->overhead().rows < 20) wait_ms(1);
  rig.sampler->record(false);
  const int reads = rig.source->reads;
  wait_ms(100);
  CHECK(rig.source->reads <= reads + 1);  // one may have been under way
  rig.sampler->stop();
}
