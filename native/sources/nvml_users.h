// What a meter wants to know of the processes on NVIDIA's cards: whether its own work there, and
// what each is given of the energy.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "../process_tree.h"
#include "../source.h"
#include "nvml_card.h"
#include "nvml_processes.h"

namespace jouletap::nvml {

/// Divides the energy of one card among the processes that used it, in rounds. See Shares.
class Division {
 public:
  explicit Division(std::string id) { told_.id = std::move(id); }

  /// Asks whether the driver tells who uses the card; what it remembers of before is left out.
  /// False where it never will.
  bool learn(const Functions& call, const Card& card);
  /// Ends a round, and the first time only begins one. Where nobody can be asked (the card sleeps
  /// or is lost, the driver does not tell) what is above idle power is unattributed. `last`: it may
  /// be too short to hold a sample, so to hold none says nothing.
  void round(const Functions& call, const Card& card, bool last);
  DeviceShares told() const;

 private:
  bool ask(const Functions& call, const Card& card);
  void add(double joules, double seconds, bool asked, bool last);

  DeviceShares told_;  // its id
  UtilHistory history_;
  std::vector<UtilSample> samples_;
  bool learnt_ = false;  // whether what the driver remembers of before is known, and
  bool silent_ = false;  // whether it tells nothing
  Shares shares_;
  // Joules of rounds of which nobody told who worked:
  double idle_ = 0;
  double left_ = 0;    // the rest
  uint64_t gaps_ = 0;  // of the card, when the last round ended,
  Tally card_;         // and its energy, and
  int64_t ended_ns_ = 0;
};

/// Asks about processes as often as is due. All from the thread that asks the cards, but shares().
class Users {
 public:
  explicit Users(const Host& host);

  /// Finds out what the driver tells of the processes on these cards, of which domain `ids[i]` is
  /// cards[i]; says what is chosen, and what cannot be had. Before the first ask.
  void meet(const Library& library, const std::vector<Card>& cards,
            const std::vector<std::string>& ids, std::vector<std::string>& notes,
            std::vector<std::string>& warnings);
  /// True where used() is news.
  bool ask(const Library& library, const std::vector<Card>& cards) noexcept;
  /// Ends the last round.
  void end(const Library& library, const std::vector<Card>& cards) noexcept;

  /// Whether the wanted processes work on a card; nothing where that is not known now.
  std::optional<bool> used(size_t card) const { return used_[card]; }
  /// Up to the end of the last round. Any thread.
  std::vector<DeviceShares> shares() const;

 private:
  std::optional<bool> look(const Library& library, const Card& card);
  void divide(const Library& library, const std::vector<Card>& cards, bool last);
  void say_whose(std::vector<std::string>& warnings) const;

  std::vector<int> pids_;
  std::optional<ProcessTree> tree_;
  ProcessLists lists_;
  std::vector<int> running_;
  std::vector<std::optional<bool>> used_;  // by card
  int64_t look_ns_ = 0;                    // when it is due, and
  int64_t round_ns_ = 0;                   // the end of the round
  bool divides_ = false;
  std::vector<Division> divisions_;  // by card

  mutable std::mutex telling_;  // held only to copy or to exchange
  std::vector<DeviceShares> told_;
};

}  // namespace jouletap::nvml
