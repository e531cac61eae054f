// A sampler that four threads ask at once while its own reads at 10 kHz: run under ThreadSanitizer
// too.
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "check.h"
#include "clock.h"
#include "counter.h"
#include "sampler.h"

using namespace jouletap;

namespace {

constexpr int64_t kInterval = 100'000;  // 10 kHz
constexpr double kUnit = 0x1p-14;
constexpr uint64_t kModulus = 1000;  // wraps at about every hundredth read

/// A register that counts up by a few at each read; what it has counted is known exactly.
class Counting : public Source {
 public:
  explicit Counting(const std::string& id, uint64_t step) : step_(step) {
    Counter::Spec spec;
    spec.unit = kUnit;
    spec.modulus = kModulus;
    spec.max_watts = 1;
    counter_ = Counter(spec);
    Domain domain;
    domain.id = id;
    domain.kind = "package";
    domain.source = "made";
    domains_.push_back(domain);
  }

  const std::vector<Domain>& domains() const override { return domains_; }
  const std::vector<std::string>& notes() const override { return notes_; }
  void read(Tally* tallies) noexcept override {
    // Not atomic: the sampler promises to read from one thread at a time.
    if (reads_++ > 0) count_ += step_;
    counter_.look(count_ % kModulus, static_cast<int64_t>(reads_) * kInterval, tallies[0]);
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      seen_ = reads_;
    }
    more_.notify_all();
  }
  bool has_thread() const override { return true; }
  void refresh() noexcept override { refreshes.fetch_add(1); }

  /// Returns once it has been read so many times.
  void await(uint64_t reads) {
    std::unique_lock<std::mutex> lock(mutex_);
    more_.wait(lock, [&] { return seen_ >= reads; });
  }
  /// Only when the sampler has stopped.
  double joules() const { return static_cast<double>(count_) * kUnit; }
  uint64_t reads() const { return reads_; }

  std::atomic<int> refreshes{0};

 private:
  uint64_t step_;
  uint64_t count_ = 0;
  uint64_t reads_ = 0;
  Counter counter_;
  std::vector<Domain> domains_;
  std::vector<std::string> notes_;
  std::mutex mutex_;
  std::condition_variable more_;
  uint64_t seen_ = 0;
};

/// A register that steps about every millisecond, which begin() and end() wait for.
class Ticking : public Source {
 public:
  Ticking() {
    Domain domain;
    domain.id = "dram-0";
    domain.kind = "dram";
    domain.source = "made";
    domain.call = 0;
    domain.unit = kUnit;
    domain.update_s = static_cast<double>(kTickNs) * 1e-9;
    domain.max_watts = 1000;
    domains_.push_back(domain);
    Counter::Spec spec;
    spec.unit = kUnit;
    counter_ = Counter(spec);
  }

  const std::vector<Domain>& domains() const override { return domains_; }
  const std::vector<std::string>& notes() const override { return notes_; }
  bool stamps() const override { return true; }
  void read(Tally* tallies) noexcept override {
    ++reads_;
    const int64_t before = now_ns();
    const auto ticks = static_cast<uint64_t>((before - start_ns_) / kTickNs);
    tallies[0].stamp = stamp_between(before, now_ns());
    counter_.look(100 * ticks, tallies[0].stamp.time_ns, tallies[0]);
  }
  /// Only when the sampler has stopped.
  uint64_t reads() const { return reads_; }

 private:
  static constexpr int64_t kTickNs = 976'563;
  const int64_t start_ns_ = now_ns();
  uint64_t reads_ = 0;
  Counter counter_;
  std::vector<Domain> domains_;
  std::vector<std::string> notes_;
};

struct Rig {
  explicit Rig(size_t capacity, bool aligned = false) {
    auto one = std::make_unique<Counting>("package-0", 7);
    auto two = std::make_unique<Counting>("package-1", 11);
    first = one.get();
    second = two.get();
    auto three = std::make_unique<Ticking>();
    hunted = three.get();
    std::vector<std::unique_ptr<Source>> sources;
    sources.push_back(std::move(one));
    sources.push_back(std::move(two));
    sources.push_back(std::move(three));
    const Plan plan{kInterval, capacity, 0, aligned};
    sampler = std::make_unique<Sampler>(std::move(sources), plan);
    snapshot.resize(sampler->snapshot_width());
    header = Sampler({}, plan).snapshot_width();
  }
  /// The first field of a domain in a snapshot.
  double joules(const std::vector<double>& of, size_t domain) const {
    return of[header + Sampler::kTallyFields * domain];
  }

  Counting* first;
  Counting* second;
  Ticking* hunted;
  std::unique_ptr<Sampler> sampler;
  std::vector<double> snapshot;
  size_t header;
};

/// What one thread saw go wrong, counted where it may not print.
struct Wrong {
  int time = 0;      // samples or rows out of order
  int joules = 0;    // that fell
  int apart = 0;     // two domains of one read that were not read together
  int overhead = 0;  // a count of it that fell
  int width = 0;     // more rows than asked for
};

/// Domains count 7 and 11 a read, from the same read on.
bool together(double one, double two) {
  return std::llround(one / kUnit) * 11 == std::llround(two / kUnit) * 7;
}

void ask_for_everything_at_once(bool aligned) {
  constexpr size_t kCapacity = 64;
  constexpr int kThreads = 4;
  constexpr int kLooks = 400;
  constexpr int kHunts = 10;
  Rig rig(kCapacity, aligned);
  rig.sampler->record(true);
  rig.sampler->start(rig.snapshot.data());
  CHECK_EQ(rig.joules(rig.snapshot, 0), 0.0);

  std::array<Wrong, kThreads> wrong;
  std::vector<std::thread> threads;
  std::atomic<uint64_t> fetched{0};
  for (int number = 0; number < kThreads; ++number) {
    threads.emplace_back([&, number] {
      Wrong& mine = wrong[static_cast<size_t>(number)];
      std::vector<double> snapshot(rig.sampler->snapshot_width());
      std::vector<double> rows(rig.sampler->row_width() * 16);
      double sampled[3] = {-1, -1, -1};
      double row_before[3] = {-1, -1, -1};
      double reads = 0;
      double cpu = 0;
      for (int look = 0; look < kLooks; ++look) {
        rig.sampler->sample(snapshot.data());
        const double now[3] = {snapshot[0], rig.joules(snapshot, 0), rig.joules(snapshot, 1)};
        if (now[0] < sampled[0]) ++mine.time;
        if (now[1] <= sampled[1] || now[2] <= sampled[2]) ++mine.joules;
        if (!together(now[1], now[2])) ++mine.apart;
        std::copy(now, now + 3, sampled);

        if (look % (kLooks / kHunts) == number) {
          rig.sampler->begin(snapshot.data());
          const double begun[3] = {snapshot[0], rig.joules(snapshot, 0), rig.joules(snapshot, 2)};
          rig.sampler->end(snapshot.data());
          if (begun[0] < sampled[0] || snapshot[0] < begun[0]) ++mine.time;
          if (rig.joules(snapshot, 0) <= begun[1]) ++mine.joules;
          if (!(begun[2] >= 0 && rig.joules(snapshot, 2) >= 0)) ++mine.joules;
          sampled[1] = rig.joules(snapshot, 0);
          sampled[2] = rig.joules(snapshot, 1);
          rig.sampler->read_now(rows.data());
          if (rows[1] <= sampled[1] || rows[2] <= sampled[2]) ++mine.joules;
          if (!together(rows[1], rows[2])) ++mine.apart;
        }

        const size_t count = rig.sampler->read(rows.data(), 16);
        if (count > 16) ++mine.width;
        fetched += count;
        for (size_t i = 0; i < count; ++i) {
          const double* row = &rows[i * rig.sampler->row_width()];
          if (row[0] < row_before[0]) ++mine.time;
          if (row[1] < row_before[1] || row[2] < row_before[2]) ++mine.joules;
          if (!together(row[1], row[2])) ++mine.apart;
          std::copy(row, row + 3, row_before);
        }

        const Overhead overhead = rig.sampler->overhead();
        if (overhead.reads < reads || overhead.cpu_seconds < cpu) ++mine.overhead;
        reads = overhead.reads;
        cpu = overhead.cpu_seconds;
        if (look % 50 == number) rig.sampler->record(look % 100 < 50);
        rig.sampler->shares();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  rig.sampler->record(true);
  rig.sampler->stop();

  for (const Wrong& each : wrong) {
    CHECK_EQ(each.time, 0);
    CHECK_EQ(each.joules, 0);
    CHECK_EQ(each.apart, 0);
    CHECK_EQ(each.overhead, 0);
    CHECK_EQ(each.width, 0);
  }
  // Nothing is lost: the last sample and the last row tell all that was counted.
  rig.sampler->sample(rig.snapshot.data());
  CHECK_EQ(rig.joules(rig.snapshot, 0), rig.first->joules());
  CHECK_EQ(rig.joules(rig.snapshot, 1), rig.second->joules());
  std::vector<double> rows(rig.sampler->row_width() * kCapacity);
  const size_t left = rig.sampler->read(rows.data(), kCapacity);
  CHECK(left >= 1 && left <= kCapacity);
  const double* last = &rows[(left - 1) * rig.sampler->row_width()];
  CHECK_EQ(last[0], rig.snapshot[0]);
  CHECK_EQ(last[1], rig.first->joules());
  CHECK_EQ(last[2], rig.second->joules());
  // Both sources at every read, and the sampler counts its reads right.
  CHECK_EQ(rig.first->reads(), rig.second->reads());
  CHECK(rig.hunted->reads() > rig.first->reads());
  CHECK_EQ(rig.sampler->overhead().reads, static_cast<double>(rig.first->reads()));
  CHECK(rig.first->reads() >= kThreads * kLooks);
  // Each sample and each begin asks slow devices anew; so does stop.
  CHECK_EQ(rig.first->refreshes.load(), kThreads * (kLooks + kHunts) + 1);
}

}  // namespace

TEST(four_threads_ask_for_everything_at_once) { ask_for_everything_at_once(false); }

TEST(four_threads_ask_while_rows_follow_updates) { ask_for_everything_at_once(true); }

// Four readers share the rows among them: each row goes to one of them, or was overwritten.
TEST(every_row_is_fetched_once_or_counted_as_overwritten) {
  Rig rig(32);
  rig.sampler->record(true);
  rig.sampler->start(rig.snapshot.data());
  std::atomic<uint64_t> fetched{0};
  std::atomic<bool> stopped{false};
  std::vector<std::vector<double>> times(4);
  std::vector<std::thread> threads;
  for (auto& mine : times) {
    threads.emplace_back([&] {
      std::vector<double> rows(rig.sampler->row_width() * 8);
      bool last = false;
      while (!last) {
        last = stopped;
        size_t count = 0;
        while ((count = rig.sampler->read(rows.data(), 8)) > 0) {
          for (size_t i = 0; i < count; ++i) mine.push_back(rows[i * rig.sampler->row_width()]);
          fetched += count;
        }
        std::this_thread::yield();
      }
    });
  }
  rig.first->await(3000);
  rig.sampler->stop();
  stopped = true;
  for (auto& thread : threads) thread.join();
  const Overhead overhead = rig.sampler->overhead();
  // The first, those on the grid, and the last.
  CHECK_EQ(static_cast<double>(fetched) + overhead.overwritten, overhead.rows + 2);
  std::vector<double> all;
  for (const auto& mine : times) {
    CHECK(std::is_sorted(mine.begin(), mine.end()));
    all.insert(all.end(), mine.begin(), mine.end());
  }
  std::sort(all.begin(), all.end());
  CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
}

TEST(asking_while_it_stops_is_harmless) {
  for (int round = 0; round < 20; ++round) {
    Rig rig(16);
    rig.sampler->record(true);
    rig.sampler->start(rig.snapshot.data());
    std::atomic<bool> stopped{false};
    std::array<int, 3> fell{};
    std::vector<std::thread> threads;
    for (int& mine : fell) {
      threads.emplace_back([&] {
        std::vector<double> snapshot(rig.sampler->snapshot_width());
        std::vector<double> rows(rig.sampler->row_width() * 4);
        double before = 0;
        for (int after = 0; after < 3; after += stopped ? 1 : 0) {
          rig.sampler->begin(snapshot.data());
          rig.sampler->sample(snapshot.data());
          rig.sampler->end(snapshot.data());
          rig.sampler->read(rows.data(), 4);
          rig.sampler->overhead();
          if (rig.joules(snapshot, 0) < before) ++mine;
          before = rig.joules(snapshot, 0);
        }
      });
    }
    rig.first->await(30);
    rig.sampler->stop();
    stopped = true;
    for (auto& thread : threads) thread.join();
    for (const int count : fell) CHECK_EQ(count, 0);
    rig.sampler->sample(rig.snapshot.data());
    CHECK_EQ(rig.joules(rig.snapshot, 0), rig.first->joules());
  }
}
