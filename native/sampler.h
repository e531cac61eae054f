// The thread that reads sources on a fixed grid of times.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "ring.h"
#include "source.h"
#include "tally.h"

namespace jouletap {

/// What the sampler itself cost and missed.
struct Overhead {
  double cpu_seconds = 0;  // of the thread, and of sample() on its callers' threads
  double reads = 0;        // times all domains were read, for whatever reason
  double rows = 0;         // of those, on the grid
  double overwritten = 0;  // rows that nobody fetched in time; their energy is in the next
  double overruns = 0;     // grid times that passed while the thread could not run
  bool realtime = false;   // whether the thread runs under SCHED_FIFO
};

/// Reads its sources every interval_ns, and more often where a counter would wrap unseen. Public
/// methods may be called from any thread; start() and stop() from one at a time.
class Sampler {
 public:
  /// capacity: rows kept for read(), at least 1.
  Sampler(std::vector<std::unique_ptr<Source>> sources, int64_t interval_ns, size_t capacity);
  ~Sampler();
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  /// Columns 1…n of every row; additive is set.
  const std::vector<Domain>& domains() const { return domains_; }

  /// Takes the baseline, which fills snapshot_width() doubles as sample() does, and starts the
  /// thread. While it runs already, the same as sample().
  void start(double* into);
  /// Ends the thread after a last row; it has ended when this returns. Idempotent; not restartable.
  void stop();
  /// Keeps rows from now on; before that, and after record(false), none are kept.
  void record(bool on);
  /// Reads every domain now, on the caller's thread, and fills snapshot_width() doubles:
  /// milliseconds, how many of them the reading took, how many the machine has been suspended
  /// since boot, then for each domain the fields of Tally, `method` by its number, `fresh` last, as
  /// 0 or 1. Slow devices are asked anew first, for up to 50 ms each. Before start() and after
  /// stop() it repeats the last one without reading.
  void sample(double* into);
  /// Moves up to max_rows of the oldest kept rows to `into`: milliseconds, then each domain's
  /// joules since start, NaN where it could not be read. Returns how many.
  size_t read(double* into, size_t max_rows);
  Overhead overhead();
  /// How the energy of devices was divided among processes since start(); complete after stop().
  std::vector<DeviceShares> shares() const;

  size_t row_width() const { return 1 + domains_.size(); }
  size_t snapshot_width() const { return 3 + kTallyFields * domains_.size(); }
  static constexpr size_t kTallyFields = 15;

 private:
  void run(int64_t start_ns) noexcept;         // the thread; its grid begins at start_ns
  void settle_in() noexcept;                   // gives the thread its name, priority and place
  void snapshot(double* into) const noexcept;  // with reading_ held
  void read_sources() noexcept;                // with reading_ held
  void refresh_sources() noexcept;             // without
  void emit() noexcept;  // with reading_ held: keeps a row of the last reading

  std::vector<std::unique_ptr<Source>> sources_;
  std::vector<Domain> domains_;
  const int64_t interval_ns_;
  int64_t keep_alive_ns_;  // longest time between reads; 0: no limit

  std::mutex reading_;  // guards sources, tallies and the counts of overhead
  std::vector<Tally> tallies_;
  int64_t time_ns_ = 0;   // of the last reading: its middle
  int64_t taken_ns_ = 0;  // how long it took
  Overhead overhead_;
  std::atomic<bool> running_{false};

  std::mutex keeping_;  // the ring; held only to copy
  Ring ring_;
  std::atomic<bool> recording_{false};

  std::mutex waking_;  // never held while reading
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace jouletap
