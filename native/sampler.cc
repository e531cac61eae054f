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
#include <time.h>
#endif

namespace jouletap {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr double kMsPerNs = 1e-6;
#ifdef __linux__
constexpr int kRealtimePriority = 55;

double seconds_of(clockid_t clock) {
  timespec time{};
  if (clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double own_cpu_seconds() { return seconds_of(CLOCK_THREAD_CPUTIME_ID); }
#else
double own_cpu_seconds() { return 0; }
#endif

steady_clock::time_point at(int64_t time_ns) {
  return steady_clock::time_point(
      std::chrono::duration_cast<steady_clock::duration>(nanoseconds(time_ns)));
}

std::vector<Domain> domains_of(const std::vector<std::unique_ptr<Source>>& sources) {
  std::vector<Domain> domains;
  for (const auto& source : sources) {
    domains.insert(domains.end(), source->domains().begin(), source->domains().end());
  }
  choose_additive(domains);
  return domains;
}

int64_t shortest_keep_alive(const std::vector<Domain>& domains) {
  int64_t shortest = 0;
  for (const auto& domain : domains) {
    const int64_t period = keep_alive_ns(domain.wrap_joules, domain.max_watts);
    if (period > 0 && (shortest == 0 || period < shortest)) shortest = period;
  }
  return shortest;
}

}  // namespace

Sampler::Sampler(std::vector<std::unique_ptr<Source>> sources, int64_t interval_ns, size_t capacity)
    : sources_(std::move(sources)),
      domains_(domains_of(sources_)),
      interval_ns_(std::max<int64_t>(1, interval_ns)),
      keep_alive_ns_(shortest_keep_alive(domains_)),
      tallies_(domains_.size()),
      ring_(std::max<size_t>(1, capacity), 1 + domains_.size()) {
  for (size_t i = 0; i < domains_.size(); ++i) tallies_[i].method = domains_[i].method;
}

Sampler::~Sampler() { stop(); }

void Sampler::start(double* into) {
  if (thread_.joinable() || stopping_) {
    sample(into);
    return;
  }
  for (const auto& source : sources_) source->start();
  int64_t start_ns = 0;
  {
    const std::lock_guard<std::mutex> lock(reading_);
    read_sources();
    emit();
    snapshot(into);
    start_ns = time_ns_;
    running_ = true;
  }
  const SignalsBlocked blocked;
  thread_ = std::thread([this, start_ns] { run(start_ns); });
}

void Sampler::stop() {
  if (thread_.joinable()) refresh_sources();
  {
    const std::lock_guard<std::mutex> lock(waking_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  for (const auto& source : sources_) source->stop();
}

void Sampler::record(bool on) {
  if (recording_.exchange(on) || !on) return;
  const std::lock_guard<std::mutex> lock(reading_);
  if (!running_) return;
  read_sources();
  emit();
}

void Sampler::sample(double* into) {
  const double before = own_cpu_seconds();
  if (running_) refresh_sources();
  const std::lock_guard<std::mutex> lock(reading_);
  if (running_) read_sources();
  snapshot(into);
  overhead_.cpu_seconds += own_cpu_seconds() - before;
}

/// Without reading_, so that a slow device delays this caller and no row.
void Sampler::refresh_sources() noexcept {
  for (const auto& source : sources_) source->refresh();
}

void Sampler::snapshot(double* into) const noexcept {
  *into++ = static_cast<double>(time_ns_) * kMsPerNs;
  *into++ = static_cast<double>(taken_ns_) * kMsPerNs;
  *into++ = static_cast<double>(suspended_ns()) * kMsPerNs;
  for (const Tally& tally : tallies_) {
    for (const double field :
         {tally.joules, tally.covered_ms, tally.variance, tally.wraps, tally.resets,
          tally.backwards, tally.ambiguous, tally.failures, tally.stalls, tally.bridged, tally.bias,
          tally.excess, tally.lag_variance, static_cast<double>(tally.method),
          tally.fresh ? 1.0 : 0.0}) {
      *into++ = field;
    }
  }
}

size_t Sampler::read(double* into, size_t max_rows) {
  const std::lock_guard<std::mutex> lock(keeping_);
  return ring_.pop(into, max_rows);
}

Overhead Sampler::overhead() {
  const std::lock_guard<std::mutex> lock(reading_);
  Overhead overhead = overhead_;
#ifdef __linux__
  clockid_t clock;
  if (running_ && thread_.joinable() &&
      pthread_getcpuclockid(thread_.native_handle(), &clock) == 0) {
    overhead.cpu_seconds += seconds_of(clock);
  }
#endif
  for (const auto& source : sources_) overhead.cpu_seconds += source->cpu_seconds();
  const std::lock_guard<std::mutex> keeping(keeping_);
  overhead.overwritten = static_cast<double>(ring_.overwritten());
  return overhead;
}

std::vector<DeviceShares> Sampler::shares() const {
  std::vector<DeviceShares> all;
  for (const auto& source : sources_) {
    for (DeviceShares& device : source->shares()) all.push_back(std::move(device));
  }
  return all;
}

void Sampler::read_sources() noexcept {
  const int64_t before = now_ns();
  Tally* tallies = tallies_.data();
  for (const auto& source : sources_) {
    source->read(tallies);
    tallies += source->domains().size();
  }
  const int64_t after = now_ns();
  time_ns_ = midpoint(before, after);
  taken_ns_ = after - before;
  ++overhead_.reads;
}

void Sampler::emit() noexcept {
  if (!recording_) return;
  const std::lock_guard<std::mutex> lock(keeping_);
  double* row = ring_.push();
  *row++ = static_cast<double>(time_ns_) * kMsPerNs;
  for (const Tally& tally : tallies_) {
    *row++ = tally.fresh ? tally.joules : std::numeric_limits<double>::quiet_NaN();
  }
}

void Sampler::settle_in() noexcept {
#ifdef __linux__
  pthread_setname_np(pthread_self(), "jouletap");
  prctl(PR_SET_TIMERSLACK, 1UL);  // nanoseconds; the default of 50 µs is most of a wake-up's delay
  const sched_param priority{kRealtimePriority};
  // pthread functions return the error, positive.
  const bool realtime = pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority) == 0;
  {
    const std::lock_guard<std::mutex> lock(reading_);
    overhead_.realtime = realtime;
  }
  for (const auto& source : sources_) {
    const auto home = source->home();
    if (home.empty()) continue;
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    for (const int cpu : home) {
      if (cpu < CPU_SETSIZE) CPU_SET(cpu, &cpus);
    }
    // Where it is not allowed the reads cost an interrupt more, and are as right.
    sched_setaffinity(0, sizeof cpus, &cpus);
    break;
  }
#endif
}

void Sampler::run(int64_t start_ns) noexcept {
  settle_in();
  int64_t last_read = start_ns;
  int64_t next_row = last_read + interval_ns_;
  std::unique_lock<std::mutex> waking(waking_);
  while (!stopping_) {
    int64_t due = next_row;
    if (keep_alive_ns_ > 0) due = std::min(due, last_read + keep_alive_ns_);
    if (wake_.wait_until(waking, at(due), [this] { return stopping_; })) break;
    waking.unlock();
    const int64_t now = now_ns();
    {
      const std::lock_guard<std::mutex> lock(reading_);
      read_sources();
      last_read = time_ns_;
      if (now >= next_row) {
        emit();
        ++overhead_.rows;
        const int64_t passed = (now - next_row) / interval_ns_;
        overhead_.overruns += static_cast<double>(passed);
        next_row += (passed + 1) * interval_ns_;
      }
    }
    waking.lock();
  }
  waking.unlock();
  const std::lock_guard<std::mutex> lock(reading_);
  read_sources();
  emit();
  // Grid times that passed before the end could be noticed.
  if (time_ns_ >= next_row) {
    overhead_.overruns += static_cast<double>((time_ns_ - next_row) / interval_ns_ + 1);
  }
  running_ = false;
  overhead_.cpu_seconds += own_cpu_seconds();
}

}  // namespace jouletap
