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

#include "histogram.h"
#include "hunt.h"
#include "readers.h"
#include "ring.h"
#include "source.h"
#include "tally.h"
#include "watch.h"

namespace jouletap {

/// What the sampler itself cost and missed.
struct Overhead {
  double cpu_seconds = 0;   // of its threads, and of calls on their callers' threads
  double reads = 0;         // times all domains were read, for whatever reason
  double rows = 0;          // of those, on the grid
  double overwritten = 0;   // rows that nobody fetched in time; their energy is in the next
  double overruns = 0;      // grid times that passed while the thread could not run
  double wake_ups = 0;      // of the thread
  double system_calls = 0;  // that read, or wait for the next time
  int64_t late_p50_ns = 0;  // how late the thread woke for a row: median,
  int64_t late_p99_ns = 0;  // 99th percentile, each to an eighth,
  int64_t late_max_ns = 0;  // most
  int64_t interval_ns = 0;  // between rows; longer than wished for where max_overhead made it so
  int thread_id = 0;        // the system's, of the running thread; 0: none
  bool realtime = false;    // whether the thread runs under SCHED_FIFO
};

/// How a sampler is to work.
struct Plan {
  int64_t interval_ns = 100'000'000;  // between rows
  size_t capacity = 1024;             // rows kept for read(), at least 1
  double max_overhead = 0;            // share of one CPU that rows may take; 0: no limit
  bool aligned = false;               // rows come just after an update, and with their ages
};

/// Reads its sources every interval while rows are kept or power has to be integrated; else only as
/// often as no wrap goes unseen. Public methods may be called from any thread; start() and stop()
/// from one at a time.
class Sampler {
 public:
  /// reserve: where lost sources are looked for, and what they are held against.
  Sampler(std::vector<std::unique_ptr<Source>> sources, const Plan& plan, Reserve reserve = {});
  ~Sampler();
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  /// Columns 1…n of every row; additive is set. Their number and ids never change.
  std::vector<Domain> domains();
  /// Sentences that belong beside every later number: what has been found since start().
  std::vector<std::string> findings() const { return watch_.findings(); }
  /// Grows with every finding and every change of domains().
  uint32_t changes() const { return watch_.changes(); }

  /// Takes the baseline, which fills snapshot_width() doubles as sample() does, and starts the
  /// thread. While it runs already, the same as sample().
  void start(double* into);
  /// Ends the thread after a last row; it has ended when this returns. Idempotent; not restartable.
  void stop();
  /// Keeps rows from now on, the first of them now; before that, and after record(false), none.
  void record(bool on);
  /// Reads every domain now, on the caller's thread, and fills snapshot_width() doubles:
  /// milliseconds, how many of CPU time sampling has taken so far, how many the machine has been
  /// suspended since boot, then for each domain the fields of Tally, `method` by its number,
  /// `fresh` as 0 or 1, and last how many milliseconds its reading may lie from that time. Slow
  /// devices are asked anew first, for up to 50 ms each. Before start() and after stop() it repeats
  /// the last one without reading.
  void sample(double* into);
  /// The same, for the begin of a stretch of time: hunts for the updates of fast counters first,
  /// and gives what they would show at the moment of its return; lag_variance says how surely.
  /// Takes some milliseconds.
  void begin(double* into);
  /// The same for the end of a stretch: as of the moment of the call, though it returns later.
  void end(double* into);
  /// As sample(), in haste: milliseconds and joules as in a row, without ages; asks no slow device.
  void read_now(double* into);
  /// Moves up to max_rows of the oldest kept rows to `into`: milliseconds, then each domain's
  /// joules since start, NaN where it could not be read; where rows are aligned then for each how
  /// many milliseconds before its reading that was true, NaN where not known. Returns how many.
  size_t read(double* into, size_t max_rows);
  Overhead overhead();
  /// How the energy of devices was divided among processes since start(); complete after stop().
  std::vector<DeviceShares> shares() const { return readers_.shares(); }

  size_t row_width() const { return 1 + (aligned_ ? 2 : 1) * readers_.columns(); }
  size_t snapshot_width() const { return 3 + kTallyFields * readers_.columns(); }
  static constexpr size_t kTallyFields = 16;

 private:
  void run(int64_t start_ns) noexcept;  // the thread
  void settle_in() noexcept;            // gives the thread its name, priority and place
  /// With reading_ held: one of the grid, for which the thread woke so late.
  void row(int64_t now_ns, int64_t late_ns) noexcept;
  Hunt::Aim aim(int64_t due_ns) noexcept;  // at an update
  void restrain(int64_t now_ns) noexcept;
  double cpu_seconds() const noexcept;  // with reading_ held
  // With reading_ held: all as of the last reading, relative to a time; what the hunt knows better.
  void snapshot(double* into, int64_t time_ns) const noexcept;
  void tell_hunted(double* into) const noexcept;
  void give_way(std::unique_lock<std::mutex>& lock) noexcept;
  void fill_row(double* row) const noexcept;
  void read_all() noexcept;   // with reading_ held
  void look_anew() noexcept;  // lets the thread look anew at what is wanted
  void emit() noexcept;       // with reading_ held: keeps a row of the last reading

  const bool aligned_;
  std::mutex reading_;  // guards the readers and the counts of overhead
  Readers readers_;
  Hunt hunt_;
  int64_t hunted_ns_ = 0;         // when the thread last did
  std::atomic<int> waiting_{0};   // rows that want reading_: a hunt lets them
  std::atomic<int64_t> rest_ns_;  // longest time between reads while nobody wants rows
  const double max_overhead_;
  int64_t interval_ns_;
  std::atomic<int64_t> next_row_{0};
  double rows_seen_ = 0;  // when the cost was last looked at: rows,
  double cpu_seen_ = 0;   // CPU time,
  int64_t time_seen_ = 0;
  Overhead overhead_;
  int cpu_clock_ = 0;  // of the running thread
  Histogram lateness_;
  std::atomic<bool> running_{false};

  std::mutex keeping_;  // the ring; held only to copy
  Ring ring_;
  std::atomic<bool> recording_{false};

  std::mutex waking_;  // never held while reading
  std::condition_variable wake_;
  bool stopping_ = false;
  bool changed_ = false;  // the thread has to look anew at what is wanted
  std::thread thread_;    // it uses all of the above
  Watch watch_;           // and so does its thread
};

}  // namespace jouletap
