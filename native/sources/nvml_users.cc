#include "nvml_users.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "../clock.h"

namespace jouletap::nvml {
namespace {

constexpr double kSecondsPerNs = 1e-9;
// Lists of processes cost the driver more than readings do.
constexpr int64_t kLookNs = 1'000'000'000;
// Longer than the driver's sampling period, which is up to a second: see Shares.
constexpr int64_t kRoundNs = 2'000'000'000;

std::string because(int result) {
  return result == kNotSupported ? "" : " (code " + std::to_string(result) + ")";
}

}  // namespace

bool Division::ask(const Functions& call, const Card& card) {
  samples_.clear();
  if (silent_ || card.asleep() || card.handle() == nullptr) return false;
  // Of a card with MIG the driver does not tell (nvml.h).
  const int result =
      card.gpu().migs.empty() ? history_.ask(call, card.handle(), samples_) : kNotSupported;
  silent_ = result == kNotSupported;
  return result == kSuccess;
}

bool Division::learn(const Functions& call, const Card& card) {
  learnt_ = ask(call, card);
  return !silent_;
}

void Division::add(double joules, double seconds, bool asked, bool last) {
  const bool used = std::any_of(samples_.begin(), samples_.end(),
                                [](const UtilSample& sample) { return sample.sm > 0; });
  if (asked && (used || !last)) {
    shares_.add(joules, seconds, samples_);
    return;
  }
  // Nobody told who worked. Idle power was drawn all the same, and none is learnt.
  const bool known = !std::isnan(shares_.idle_watts());
  const double idle = known ? std::min(joules, shares_.idle_watts() * seconds) : 0;
  idle_ += idle;
  left_ += joules - idle;
}

void Division::round(const Functions& call, const Card& card, bool last) {
  const bool begins = ended_ns_ == 0;
  // A card that slept until now has a past, too.
  const bool knew = learnt_ && !begins;
  const bool asked = ask(call, card);
  learnt_ = learnt_ || asked;
  const int64_t now = now_ns();
  const double before = card_.joules;
  card.tell(now, card_);
  // A round in which it slept for a while teaches no idle power.
  const bool whole = card.gaps() == gaps_;
  gaps_ = card.gaps();
  if (!begins) {
    add(card_.joules - before, static_cast<double>(now - ended_ns_) * kSecondsPerNs,
        asked && knew && whole, last);
  }
  ended_ns_ = now;
}

DeviceShares Division::told() const {
  DeviceShares told = told_;
  told.joules = shares_.measured() + idle_ + left_;
  told.idle_joules = shares_.idle() + idle_;
  told.unattributed_joules = shares_.unattributed() + left_;
  told.idle_watts = shares_.idle_watts();
  told.processes = shares_.shares();
  return told;
}

Users::Users(const Host& host) : pids_(host.pids), divides_(host.shares) {
  if (!pids_.empty()) tree_.emplace(host.root / "proc", pids_);
}

void Users::say_whose(std::vector<std::string>& warnings) const {
  std::string whose;
  for (const int pid : pids_) whose += (whose.empty() ? "" : ", ") + std::to_string(pid);
  whose = pids_.size() == 1 ? "process " + whose + " or a descendant of it works"
                            : "processes " + whose + " or descendants of them work";
  warnings.push_back("NVIDIA's GPUs are counted only while " + whose +
                     " there, which is looked up once a second: a shorter use may not be seen.");
  for (const int pid : tree_->missing()) {
    warnings.push_back("nvml: there is no process " + std::to_string(pid) +
                       ", so no GPU is counted for it.");
  }
  if (tree_->own_numbers()) {
    warnings.push_back(
        "nvml: processes have numbers of their own in this container: where the driver tells the "
        "machine's numbers, no GPU is found in use (docker run --pid=host …).");
  }
}

void Users::meet(const Library& library, const std::vector<Card>& cards,
                 const std::vector<std::string>& ids, std::vector<std::string>& notes,
                 std::vector<std::string>& warnings) {
  used_.resize(cards.size());
  if (tree_) say_whose(warnings);
  for (size_t i = 0; i < cards.size(); ++i) {
    const bool awake = cards[i].handle() != nullptr;
    if (tree_ && awake) {
      const int result = lists_.ask(library, cards[i].handle(), running_);
      if (result != kSuccess) {
        warnings.push_back("nvml: the driver does not tell which processes work on " + ids[i] +
                           because(result) + ": all of its energy is counted.");
      }
    }
    if (!divides_) continue;
    divisions_.emplace_back(ids[i]);
    if (awake && !divisions_.back().learn(library.call(), cards[i])) {
      notes.push_back("nvml: the driver does not tell what each process has of " + ids[i] +
                      ": none of its energy is attributed.");
    }
    told_.push_back(divisions_.back().told());
  }
}

std::optional<bool> Users::look(const Library& library, const Card& card) {
  if (card.asleep()) return false;
  if (card.handle() == nullptr) return std::nullopt;
  if (lists_.ask(library, card.handle(), running_) != kSuccess) return std::nullopt;
  return std::any_of(running_.begin(), running_.end(),
                     [this](int pid) { return tree_->holds(pid); });
}

void Users::divide(const Library& library, const std::vector<Card>& cards, bool last) {
  std::vector<DeviceShares> told;
  for (size_t i = 0; i < divisions_.size(); ++i) {
    divisions_[i].round(library.call(), cards[i], last);
    told.push_back(divisions_[i].told());
  }
  const std::lock_guard<std::mutex> lock(telling_);
  told_.swap(told);
}

bool Users::ask(const Library& library, const std::vector<Card>& cards) noexcept {
  const int64_t now = now_ns();
  try {
    if (divides_ && now >= round_ns_) {
      round_ns_ = now + kRoundNs;
      divide(library, cards, false);
    }
    if (!tree_ || now < look_ns_) return false;
    look_ns_ = now + kLookNs;
    for (size_t i = 0; i < cards.size(); ++i) used_[i] = look(library, cards[i]);
    return true;
  } catch (...) {
    return false;  // out of memory: later again
  }
}

void Users::end(const Library& library, const std::vector<Card>& cards) noexcept {
  try {
    divide(library, cards, true);
  } catch (...) {
    // Out of memory: the last round is missing from what is divided and from its sum alike.
  }
}

std::vector<DeviceShares> Users::shares() const {
  const std::lock_guard<std::mutex> lock(telling_);
  return told_;
}

}  // namespace jouletap::nvml
