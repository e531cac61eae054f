#include "nvml_cards.h"

#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "../clock.h"
#include "../signals.h"

namespace jouletap::nvml {
namespace {

using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// Often enough to see when a counter of 100 ms moves. More rarely, but at least four times a
// second, where that would cost more than 2 % of a core; and as rarely as leaves the driver free
// for three quarters of the time.
constexpr int64_t kTickNs = 20'000'000;
constexpr int64_t kSlowestTickNs = 250'000'000;
constexpr int64_t kCpuShare = 50;
constexpr int64_t kBusyShare = 4;
// An answer no older than this is as good as a new one.
constexpr int64_t kFreshNs = 2'000'000;
constexpr int64_t kPatienceNs = 50'000'000;
constexpr int64_t kRenewNs = 1'000'000'000;

int64_t own_cpu_ns() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return int64_t{spent.tv_sec} * 1'000'000'000 + spent.tv_nsec;
}

}  // namespace

Cards::Cards(Found found, const Host& host) : found_(std::move(found)), users_(host) {
  for (const Found::Followed& followed : found_.followed) columns_.push_back({followed, {}, {}});
  users_.meet(*found_.library, found_.cards, found_.ids, found_.notes, found_.warnings);
}

void Cards::read(Tally* tallies) noexcept {
  const std::lock_guard<std::mutex> lock(knowing_);
  const int64_t now = now_ns();
  for (Column& column : columns_) {
    tell(column, now);
    column.gate.tell(now, column.device, *tallies++);
  }
}

void Cards::start() {
  if (thread_.joinable() || found_.library == nullptr) return;
  for (Card& card : found_.cards) card.begin();
  ask_all();
  ask_about_users();
  const SignalsBlocked blocked;
  thread_ = std::thread([this] { run(); });
  const std::lock_guard<std::mutex> lock(waking_);
  running_ = true;
}

void Cards::refresh() noexcept {
  std::unique_lock<std::mutex> lock(waking_);
  if (!running_ || stopping_ || now_ns() - finished_ns_ < kFreshNs) return;
  // An answer that is under way may have been asked for before now.
  const uint64_t wanted = started_ + 1;
  hurried_ = true;
  wake_.notify_all();
  answered_.wait_for(lock, nanoseconds(kPatienceNs),
                     [&] { return finished_ >= wanted || stopping_; });
}

void Cards::stop() noexcept {
  {
    const std::lock_guard<std::mutex> lock(waking_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  found_.library.reset();  // nothing is read any more
}

double Cards::cpu_seconds() const {
  return static_cast<double>(cpu_ns_.load(std::memory_order_relaxed)) * 1e-9;
}

void Cards::tell(Column& column, int64_t now) const noexcept {
  const Card& card = found_.cards[column.followed.card];
  column.followed.module ? card.tell_module(now, column.device) : card.tell(now, column.device);
}

void Cards::ask_all() noexcept {
  const Functions& call = found_.library->call();
  bool orphaned = false;
  for (Card& card : found_.cards) {
    if (stopping_) return;  // whoever ends this waits for one call at most
    card.ask(call);
    orphaned = orphaned || card.orphaned();
    const std::lock_guard<std::mutex> lock(knowing_);
    card.take();
  }
  if (!orphaned || now_ns() - renewed_ns_ < kRenewNs) return;
  renewed_ns_ = now_ns();
  for (Card& card : found_.cards) card.forget();
  found_.library->renew();
}

/// What is new about the users of the cards.
void Cards::ask_about_users() noexcept {
  if (!users_.ask(*found_.library, found_.cards)) return;
  const std::lock_guard<std::mutex> lock(knowing_);
  const int64_t now = now_ns();
  for (Column& column : columns_) {
    const std::optional<bool> used = users_.used(column.followed.card);
    if (!used) continue;
    tell(column, now);
    column.gate.look(*used, now, column.device);
  }
}

void Cards::run() noexcept {
  pthread_setname_np(pthread_self(), "jouletap-nvml");
  int64_t due = now_ns() + kTickNs;
  std::unique_lock<std::mutex> lock(waking_);
  while (!stopping_) {
    const steady_clock::time_point until{
        std::chrono::duration_cast<steady_clock::duration>(nanoseconds(due))};
    wake_.wait_until(lock, until, [this] { return stopping_ || hurried_; });
    if (stopping_) break;
    hurried_ = false;
    ++started_;
    lock.unlock();
    const int64_t before = now_ns();
    const int64_t spent = own_cpu_ns();
    ask_all();
    const int64_t dear = std::min(kCpuShare * (own_cpu_ns() - spent), kSlowestTickNs);
    due = before + std::max({kTickNs, dear, kBusyShare * (now_ns() - before)});
    lock.lock();
    finished_ = started_;
    finished_ns_ = now_ns();
    answered_.notify_all();
    lock.unlock();
    ask_about_users();
    cpu_ns_.store(own_cpu_ns(), std::memory_order_relaxed);
    lock.lock();
  }
  lock.unlock();
  users_.end(*found_.library, found_.cards);
}

}  // namespace jouletap::nvml
