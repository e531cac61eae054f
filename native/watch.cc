#include "watch.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "clock.h"
#include "signals.h"
#ifdef __linux__
#include <time.h>
#endif

namespace jouletap {
namespace {

// Short measurements do not pay for the cross-check.
constexpr int64_t kSettleNs = 100'000'000;
constexpr int kLooks = 6;
constexpr int64_t kBetweenLooksNs = 50'000'000;
// Looks at ours and at theirs that lie further apart are taken again, so many times.
constexpr int64_t kApartNs = 3'000'000;
constexpr int kTries = 4;
// Something that has failed for so long is lost.
constexpr int64_t kLostNs = 1'000'000'000;
constexpr int64_t kLongestPauseNs = 30'000'000'000;

/// Who reads these domains, and since when.
std::string sentence_of(const std::vector<std::string>& ids, const std::string& from,
                        const std::string& to) {
  std::string sentence;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (i > 0) sentence += i + 1 < ids.size() ? ", " : " and ";
    sentence += ids[i];
  }
  const bool one = ids.size() == 1;
  sentence += (one ? " is read by " : " are read by ") + to;
  const std::string them = one ? "it" : "them";
  if (from == to) return sentence + ", which lost " + them + " and was opened anew.";
  return sentence + " since " + from + " lost " + them + ".";
}

}  // namespace

Watch::Watch(std::mutex& reading, Readers& readers, Reserve reserve,
             std::function<void()> exchanged)
    : reading_(reading),
      readers_(readers),
      reserve_(std::move(reserve)),
      exchanged_(std::move(exchanged)) {}

Watch::~Watch() { stop(); }

void Watch::start() {
  if ((!reserve_.anew && !reserve_.twins) || thread_.joinable() || stopping_) return;
  const SignalsBlocked blocked;
  thread_ = std::thread([this] { run(); });
}

void Watch::stop() {
  {
    const std::lock_guard<std::mutex> lock(waking_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Watch::tell(size_t failing) noexcept {
  const size_t before = failing_.exchange(failing);
  if (failing <= before) return;
  {
    const std::lock_guard<std::mutex> lock(waking_);
    told_ = true;
  }
  wake_.notify_all();
}

std::vector<std::string> Watch::findings() const {
  const std::lock_guard<std::mutex> lock(telling_);
  std::vector<std::string> sentences = findings_;
  std::vector<Move> moves = moves_;
  while (!moves.empty()) {
    const Move first = moves.front();
    std::vector<std::string> ids;
    const auto alike = [&](const Move& move) {
      if (move.from != first.from || move.to != first.to) return false;
      ids.push_back(move.id);
      return true;
    };
    moves.erase(std::remove_if(moves.begin(), moves.end(), alike), moves.end());
    sentences.push_back(sentence_of(ids, first.from, first.to));
  }
  return sentences;
}

Watch::Cost Watch::cost() const {
  const std::lock_guard<std::mutex> lock(telling_);
  Cost cost = cost_;
  if (running_) cost.cpu_seconds += seconds_of(cpu_clock_);
  return cost;
}

void Watch::find(std::string sentence) {
  const std::lock_guard<std::mutex> lock(telling_);
  findings_.push_back(std::move(sentence));
  ++changes_;
}

void Watch::charge(const Readers& readers) {
  const std::lock_guard<std::mutex> lock(telling_);
  ++cost_.reads;
  cost_.system_calls += static_cast<double>(readers.calls());
}

void Watch::run() noexcept {
#ifdef __linux__
  pthread_setname_np(pthread_self(), "jouletap-watch");
  {
    const std::lock_guard<std::mutex> lock(telling_);
    running_ = pthread_getcpuclockid(pthread_self(), &cpu_clock_) == 0;
  }
#endif
  try {
    if (reserve_.twins && !rest(kSettleNs)) cross_check();
    std::unique_lock<std::mutex> waking(waking_);
    while (reserve_.anew && !stopping_) {
      wake_.wait(waking, [this] { return stopping_ || told_; });
      if (stopping_) break;
      waking.unlock();
      mend();
      waking.lock();
    }
  } catch (...) {
    // Memory is short: what is measured goes on without this.
  }
#ifdef __linux__
  const std::lock_guard<std::mutex> lock(telling_);
  cost_.cpu_seconds += seconds_of(CLOCK_THREAD_CPUTIME_ID);
  running_ = false;
#endif
}

/// Whether it was ended meanwhile.
bool Watch::rest(int64_t ns) {
  std::unique_lock<std::mutex> waking(waking_);
  return wake_.wait_for(waking, std::chrono::nanoseconds(ns), [this] { return stopping_; });
}

void Watch::cross_check() {
  std::vector<Domain> read;
  {
    const std::lock_guard<std::mutex> lock(reading_);
    read = readers_.domains();
  }
  Readers beside(reserve_.twins(read));
  const auto is_package = [](const Domain& domain) { return domain.kind == "package"; };
  if (beside.columns() == 0 && std::count_if(read.begin(), read.end(), is_package) < 2) return;
  const auto examine = [&] {
    const std::vector<Look> looks = look_often(beside);
    std::vector<Finding> found;
    if (looks.empty()) return found;
    found = disagreements(read, beside.domains(), looks);
    for (Finding& finding : repetitions(read, looks)) found.push_back(std::move(finding));
    return found;
  };
  // A burst between two reads may look like a finding, but not twice.
  const std::vector<Finding> first = examine();
  if (first.empty()) return;
  for (const Finding& again : examine()) {
    const bool twice = std::any_of(first.begin(), first.end(), [&](const Finding& finding) {
      return finding.about == again.about;
    });
    if (twice) find(again.sentence);
  }
}

/// Empty where it was ended meanwhile, or a source exchanged.
std::vector<Look> Watch::look_often(Readers& beside) {
  std::vector<Look> looks;
  const uint32_t before = changes_;
  for (int i = 0; i < kLooks; ++i) {
    if (i > 0 && rest(kBetweenLooksNs)) return {};
    looks.push_back(look(beside));
  }
  if (changes_ != before) looks.clear();
  return looks;
}

Look Watch::look(Readers& beside) {
  Look look;
  for (int i = 0; i < kTries; ++i) {
    const int64_t before = now_ns();
    {
      const std::lock_guard<std::mutex> lock(reading_);
      readers_.read();
      charge(readers_);
      look.read = readers_.tallies();
    }
    if (beside.columns() > 0) {
      beside.read();
      charge(beside);
    }
    look.beside = beside.tallies();
    if (now_ns() - before < kApartNs) break;
  }
  return look;
}

void Watch::mend() {
  int64_t pause = kLostNs;
  int64_t due = now_ns() + pause;
  while (true) {
    {
      std::unique_lock<std::mutex> waking(waking_);
      const std::chrono::nanoseconds left(std::max<int64_t>(0, due - now_ns()));
      wake_.wait_for(waking, left, [this] { return stopping_ || told_; });
      if (stopping_) return;
      if (std::exchange(told_, false)) {
        // What fails now is not to wait as long as what failed before.
        pause = kLostNs;
        due = std::min(due, now_ns() + pause);
        continue;
      }
    }
    if (mend_once()) return;
    pause = std::min(2 * pause, kLongestPauseNs);
    due = now_ns() + pause;
  }
}

/// Whether all is well.
bool Watch::mend_once() {
  std::vector<Domain> lost;
  std::vector<Domain> taken;
  {
    const std::lock_guard<std::mutex> lock(reading_);
    readers_.read();
    charge(readers_);
    failing_ = readers_.failing();
    if (failing_ == 0) return true;
    const auto columns = readers_.lost(kLostNs);
    for (size_t i = 0; i < readers_.columns(); ++i) {
      const bool is_lost = std::find(columns.begin(), columns.end(), i) != columns.end();
      (is_lost ? lost : taken).push_back(readers_.domains()[i]);
    }
  }
  if (lost.empty()) return false;

  Reserve::Sources sources = reserve_.anew(lost, taken);
  if (sources.empty()) return false;
  Readers::Exchange done;
  std::vector<Move> moves;
  {
    const std::lock_guard<std::mutex> lock(reading_);
    // What has come back by itself meanwhile stays with its source.
    done = readers_.exchange(readers_.lost(kLostNs), std::move(sources));
    readers_.read();
    charge(readers_);
    failing_ = readers_.failing();
    for (const size_t column : done.columns) {
      const Domain& domain = readers_.domains()[column];
      const auto before = std::find_if(lost.begin(), lost.end(),
                                       [&](const Domain& one) { return one.id == domain.id; });
      if (before != lost.end()) moves.push_back({domain.id, before->source, domain.source});
    }
    if (!done.columns.empty()) exchanged_();
  }
  tell_of(moves);
  return failing_ == 0;
}

void Watch::tell_of(const std::vector<Move>& moves) {
  const std::lock_guard<std::mutex> lock(telling_);
  for (const Move& move : moves) {
    const auto same = [&move](const Move& other) { return other.id == move.id; };
    moves_.erase(std::remove_if(moves_.begin(), moves_.end(), same), moves_.end());
    moves_.push_back(move);
  }
  if (!moves.empty()) ++changes_;
}

}  // namespace jouletap
