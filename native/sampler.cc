#include "sampler.h"

#include <pthread.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "clock.h"
#include "counter.h"
#include "signals.h"
#ifdef __linux__
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#endif

namespace jouletap {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr double kMsPerNs = 1e-6;
#ifdef __linux__
constexpr int kRealtimePriority = 55;

double own_cpu_seconds() { return seconds_of(CLOCK_THREAD_CPUTIME_ID); }
int own_thread_id() { return static_cast<int>(syscall(SYS_gettid)); }
#else
double own_cpu_seconds() { return 0; }
int own_thread_id() { return 0; }
#endif

// What a counter that begins anew unseen can lose at the most.
constexpr int64_t kLongestRestNs = 10'000'000'000;
// A gauge is looked at this often where nobody asks for more; a hole of a second loses energy.
constexpr int64_t kUsualGaugeNs = 100'000'000;
constexpr int64_t kLongestGaugeNs = 500'000'000;
// The cost is looked at after so many rows and so much time.
constexpr double kCostRows = 16;
constexpr int64_t kCostNs = 100'000'000;
// A stream of rows learns the updates of a counter no more often than this; twice as seldom after
// each time that it could not.
constexpr int64_t kHuntNs = 200'000'000;
constexpr int64_t kLongestHuntNs = 25'600'000'000;
constexpr double kLongestIntervalNs = 3.6e12;

steady_clock::time_point at(int64_t time_ns) {
  return steady_clock::time_point(
      std::chrono::duration_cast<steady_clock::duration>(nanoseconds(time_ns)));
}

int64_t longest_rest(const Readers& readers, int64_t interval_ns) {
  int64_t rest = kLongestRestNs;
  double update_s = static_cast<double>(kLongestGaugeNs) * 1e-9;
  for (const Domain& domain : readers.domains()) {
    const int64_t period = keep_alive_ns(domain.wrap_joules, domain.max_watts);
    if (period > 0) rest = std::min(rest, period);
    if (domain.gauge()) update_s = std::min(update_s, domain.update_s);
  }
  if (!readers.integrates()) return rest;
  const auto update_ns = static_cast<int64_t>(update_s * 1e9);
  return std::min(rest, std::max(update_ns, std::min(interval_ns, kUsualGaugeNs)));
}

}  // namespace

Sampler::Sampler(std::vector<std::unique_ptr<Source>> sources, const Plan& plan, Reserve reserve)
    : aligned_(plan.aligned),
      readers_(std::move(sources)),
      hunt_(readers_),
      rest_ns_(longest_rest(readers_, plan.interval_ns)),
      max_overhead_(plan.max_overhead),
      interval_ns_(std::max<int64_t>(1, plan.interval_ns)),
      ring_(std::max<size_t>(1, plan.capacity), row_width()),
      watch_(reading_, readers_, std::move(reserve), [this] {
        rest_ns_ = longest_rest(readers_, interval_ns_);
        look_anew();
      }) {}

Sampler::~Sampler() { stop(); }

void Sampler::start(double* into) {
  if (thread_.joinable() || stopping_) {
    sample(into);
    return;
  }
  readers_.start();
  int64_t start_ns = 0;
  {
    const std::lock_guard<std::mutex> lock(reading_);
    read_all();
    if (recording_) emit();
    start_ns = readers_.time_ns();
    snapshot(into, start_ns);
    next_row_ = start_ns + interval_ns_;
    running_ = true;
  }
  const SignalsBlocked blocked;
  thread_ = std::thread([this, start_ns] { run(start_ns); });
  watch_.start();
}

void Sampler::stop() {
  watch_.stop();
  if (thread_.joinable()) readers_.refresh();
  {
    const std::lock_guard<std::mutex> lock(waking_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  readers_.stop();
}

void Sampler::record(bool on) {
  if (!on) {
    recording_ = false;
    return;
  }
  {
    const std::lock_guard<std::mutex> lock(reading_);
    if (recording_) return;
    if (running_) {
      read_all();
      emit();
      next_row_ = readers_.time_ns() + interval_ns_;
    }
    recording_ = true;  // last, so that the thread never sees it with a time long past
  }
  look_anew();
}

void Sampler::look_anew() noexcept {
  {
    const std::lock_guard<std::mutex> lock(waking_);
    changed_ = true;
  }
  wake_.notify_all();
}

std::vector<Domain> Sampler::domains() {
  const std::lock_guard<std::mutex> lock(reading_);
  return readers_.domains();
}

void Sampler::sample(double* into) {
  const double before = own_cpu_seconds();
  // Without reading_, so that a slow device delays this caller and no row.
  if (running_) readers_.refresh();
  const std::lock_guard<std::mutex> lock(reading_);
  if (running_) read_all();
  // A second look tells a glitch from a counter that has begun anew.
  if (running_ && !readers_.settled()) read_all();
  overhead_.cpu_seconds += own_cpu_seconds() - before;
  snapshot(into, readers_.time_ns());
}

void Sampler::begin(double* into) {
  if (!running_ || !hunt_.follows()) return sample(into);
  const double before = own_cpu_seconds();
  readers_.refresh();
  const std::lock_guard<std::mutex> hunting(hunting_);
  std::unique_lock<std::mutex> lock(reading_);
  if (!running_) return snapshot(into, readers_.time_ns());
  const double cpu = cpu_seconds();
  const int64_t time_ns = hunt_.begin(readers_, [&] { give_way(lock); });
  snapshot(into, time_ns);
  tell_hunted(into);
  into[1] = cpu * 1e3;  // the hunt is part of what the stretch costs
  overhead_.cpu_seconds += own_cpu_seconds() - before;
}

void Sampler::end(double* into) {
  if (!running_ || !hunt_.follows()) return sample(into);
  const int64_t time_ns = now_ns();
  const double before = own_cpu_seconds();
  const std::lock_guard<std::mutex> hunting(hunting_);
  std::unique_lock<std::mutex> lock(reading_);
  if (!running_) return snapshot(into, readers_.time_ns());
  read_all();
  snapshot(into, time_ns);
  hunt_.end(readers_, time_ns, [&] { give_way(lock); });
  tell_hunted(into);
  overhead_.cpu_seconds += own_cpu_seconds() - before;
  into[1] = cpu_seconds() * 1e3;
}

/// A hunt takes long: the thread's rows go first.
void Sampler::give_way(std::unique_lock<std::mutex>& lock) noexcept {
  if (waiting_ == 0) return;
  lock.unlock();
  while (waiting_ != 0) std::this_thread::yield();
  lock.lock();
}

std::unique_lock<std::mutex> Sampler::take_turn() noexcept {
  ++waiting_;
  std::unique_lock<std::mutex> lock(reading_);
  --waiting_;
  return lock;
}

void Sampler::tell_hunted(double* into) const noexcept {
  for (const Hunt::Told& told : hunt_.told()) {
    double* fields = into + 3 + kTallyFields * told.column;
    fields[0] = told.joules;
    fields[12] = told.variance;
    fields[15] = 0;
  }
}

void Sampler::read_now(double* into) {
  const int64_t before = now_ns();
  const std::lock_guard<std::mutex> lock(reading_);
  if (running_) read_all();
  fill_row(into);
  // The CPU clock would cost as much as the reading.
  overhead_.cpu_seconds += static_cast<double>(now_ns() - before) * 1e-9;
}

void Sampler::snapshot(double* into, int64_t time_ns) const noexcept {
  *into++ = static_cast<double>(time_ns) * kMsPerNs;
  *into++ = cpu_seconds() * 1e3;
  *into++ = static_cast<double>(suspended_ns()) * kMsPerNs;
  for (const Tally& tally : readers_.tallies()) {
    const int64_t skew_ns = std::abs(tally.stamp.time_ns - time_ns) + tally.stamp.half_ns;
    for (const double field :
         {tally.joules, tally.covered_ms, tally.variance, tally.wraps, tally.resets,
          tally.backwards, tally.ambiguous, tally.failures, tally.stalls, tally.bridged, tally.bias,
          tally.excess, tally.lag_variance, static_cast<double>(tally.method),
          tally.fresh ? 1.0 : 0.0, static_cast<double>(skew_ns) * kMsPerNs}) {
      *into++ = field;
    }
  }
}

void Sampler::fill_row(double* row) const noexcept {
  *row++ = static_cast<double>(readers_.time_ns()) * kMsPerNs;
  for (const Tally& tally : readers_.tallies()) {
    *row++ = tally.fresh ? tally.joules : std::numeric_limits<double>::quiet_NaN();
  }
}

size_t Sampler::read(double* into, size_t max_rows) {
  const std::lock_guard<std::mutex> lock(keeping_);
  return ring_.pop(into, max_rows);
}

double Sampler::cpu_seconds() const noexcept {
  double seconds = overhead_.cpu_seconds + readers_.cpu_seconds() + watch_.cost().cpu_seconds;
#ifdef __linux__
  if (overhead_.thread_id != 0) seconds += seconds_of(cpu_clock_);
#endif
  return seconds;
}

Overhead Sampler::overhead() {
  const std::lock_guard<std::mutex> lock(reading_);
  Overhead overhead = overhead_;
  overhead.reads += hunt_.reads();
  overhead.system_calls += hunt_.calls();
  overhead.cpu_seconds = cpu_seconds();
  overhead.late_p50_ns = lateness_.quantile_ns(0.5);
  overhead.late_p99_ns = lateness_.quantile_ns(0.99);
  overhead.late_max_ns = lateness_.most_ns();
  overhead.interval_ns = interval_ns_;
  const Watch::Cost watched = watch_.cost();
  overhead.reads += watched.reads;
  overhead.system_calls += watched.system_calls;
  const std::lock_guard<std::mutex> keeping(keeping_);
  overhead.overwritten = static_cast<double>(ring_.overwritten());
  return overhead;
}

void Sampler::read_all() noexcept {
  readers_.read();
  watch_.tell(readers_.failing());
  ++overhead_.reads;
  overhead_.system_calls += static_cast<double>(readers_.calls());
}

void Sampler::emit() noexcept {
  const std::lock_guard<std::mutex> lock(keeping_);
  double* const row = ring_.push();
  fill_row(row);
  if (aligned_) hunt_.ages(readers_, row + 1 + readers_.columns());
}

void Sampler::settle_in() noexcept {
  const std::lock_guard<std::mutex> lock(reading_);
  overhead_.thread_id = own_thread_id();
#ifdef __linux__
  pthread_getcpuclockid(pthread_self(), &cpu_clock_);
  pthread_setname_np(pthread_self(), "jouletap");
  prctl(PR_SET_TIMERSLACK, 1UL);  // nanoseconds; the default of 50 µs is most of a wake-up's delay
  const sched_param priority{kRealtimePriority};
  // pthread functions return the error, positive.
  overhead_.realtime = pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority) == 0;
  const std::vector<int> home = readers_.home();
  if (home.empty()) return;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  for (const int cpu : home) {
    if (cpu < CPU_SETSIZE) CPU_SET(cpu, &cpus);
  }
  // Where it is not allowed the reads cost an interrupt more, and are as right.
  sched_setaffinity(0, sizeof cpus, &cpus);
#endif
}

void Sampler::run(int64_t start_ns) noexcept {
  settle_in();
  int64_t last_read = start_ns;
  Hunt::Aim due{};
  std::unique_lock<std::mutex> waking(waking_);
  while (!stopping_) {
    changed_ = false;
    due = {last_read + rest_ns_, false};
    if (recording_) due.wake_ns = std::min<int64_t>(next_row_, due.wake_ns);
    if (recording_ && aligned_) {
      waking.unlock();
      due = aim(due.wake_ns);
      waking.lock();
    }
    if (wake_.wait_until(waking, at(due.wake_ns), [this] { return stopping_ || changed_; }))
      continue;
    waking.unlock();
    {
      const auto lock = take_turn();
      ++overhead_.wake_ups;
      ++overhead_.system_calls;
      const int64_t late = now_ns() - due.wake_ns;
      if (due.confirm) {
        const std::unique_lock<std::mutex> hunting(hunting_, std::try_to_lock);
        if (hunting) hunt_.confirm(readers_);
      }
      const int64_t now = now_ns();
      read_all();
      last_read = readers_.time_ns();
      if (recording_ && now >= next_row_) row(now, late);
    }
    waking.lock();
  }
  waking.unlock();
  const std::lock_guard<std::mutex> lock(reading_);
  read_all();
  if (!readers_.settled()) read_all();
  if (recording_) {
    emit();
    // Grid times that passed before the end could be noticed.
    const int64_t wanted = aligned_ ? std::max<int64_t>(due.wake_ns, next_row_) : next_row_.load();
    const int64_t passed = readers_.time_ns() - wanted;
    if (passed >= 0) overhead_.overruns += static_cast<double>(passed / interval_ns_ + 1);
  }
  overhead_.cpu_seconds += own_cpu_seconds();
  overhead_.thread_id = 0;
  running_ = false;
}

void Sampler::row(int64_t now_ns, int64_t late_ns) noexcept {
  emit();
  lateness_.add(late_ns);
  ++overhead_.rows;
  overhead_.overruns += static_cast<double>(late_ns / interval_ns_);
  next_row_ = next_row_ + ((now_ns - next_row_) / interval_ns_ + 1) * interval_ns_;
  if (max_overhead_ > 0) restrain(now_ns);
}

Hunt::Aim Sampler::aim(int64_t due_ns) noexcept {
  const auto lock = take_turn();
  const int64_t now = now_ns();
  if (hunt_.is_lost(now) && now >= hunt_next_ns_) {
    const std::unique_lock<std::mutex> hunting(hunting_, std::try_to_lock);
    if (hunting) {
      hunt_.begin(readers_, [] {});
      const bool lost = hunt_.is_lost(now_ns());
      hunt_pause_ns_ =
          lost && hunt_pause_ns_ > 0 ? std::min(2 * hunt_pause_ns_, kLongestHuntNs) : kHuntNs;
      hunt_next_ns_ = now + hunt_pause_ns_;
    }
  }
  return hunt_.aim_at(std::max(due_ns, now));
}

/// Makes the interval so much longer that rows cost no more than they may.
void Sampler::restrain(int64_t now_ns) noexcept {
  if (time_seen_ != 0 &&
      (now_ns - time_seen_ < kCostNs || overhead_.rows - rows_seen_ < kCostRows)) {
    return;
  }
  const double cpu = own_cpu_seconds();
  if (time_seen_ != 0) {
    const double share = (cpu - cpu_seen_) / (static_cast<double>(now_ns - time_seen_) * 1e-9);
    const double factor = std::ceil(share / max_overhead_);
    if (factor > 1) {
      const double longer = factor * static_cast<double>(interval_ns_);
      interval_ns_ = static_cast<int64_t>(std::min(longer, kLongestIntervalNs));
      next_row_ = now_ns + interval_ns_;
    }
  }
  time_seen_ = now_ns;
  cpu_seen_ = cpu;
  rows_seen_ = overhead_.rows;
}

}  // namespace jouletap
