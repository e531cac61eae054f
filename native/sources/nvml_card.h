// One NVIDIA card: what it is, whether it is there and awake, and its energy.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "../anchored.h"
#include "../files.h"
#include "../gpu_choice.h"
#include "nvml_library.h"
#include "nvml_readings.h"

namespace jouletap::nvml {

/// Asked by one thread at a time; `ask` may take milliseconds, `take` and `tell` do not.
class Card {
 public:
  /// What can be known without talking to the card itself, which may sleep. `state` is the file of
  /// its runtime status.
  Card(int index, std::string pci, File state);

  /// Gets hold of the card and asks what it is; what the driver answers to the first.
  int meet(const Functions& call);
  /// Watches the file of its runtime status, now that its address is known.
  void watch(File state) { state_ = std::move(state); }
  /// Asks which readings it gives. False where it gives none.
  bool learn(const Functions& call);
  /// Whether it is switched off: to ask it anything would wake it.
  bool asleep() const noexcept { return is_suspended(state_); }

  /// The next `take` is the baseline: what the driver remembers of before is not counted.
  void begin() { begun_ = false; }
  /// Asks the driver for its readings.
  void ask(const Functions& call) noexcept;
  /// Accounts what the last `ask` gave.
  void take() noexcept;
  /// Energy of the card, or of the module that it shares with a processor, up to now.
  void tell(int64_t time_ns, Tally& tally) const noexcept { card_.tell(time_ns, tally); }
  void tell_module(int64_t time_ns, Tally& tally) const noexcept { module_.tell(time_ns, tally); }
  /// Whether the driver has to be initialised anew before it knows the card again.
  bool orphaned() const { return handle_ == nullptr && orphaned_; }
  /// Its handle has died with the library's initialisation.
  void forget() {
    handle_ = nullptr;
    orphaned_ = false;
    sought_ns_ = 0;
  }

  const Gpu& gpu() const { return gpu_; }
  Device handle() const { return handle_; }
  bool vgpu() const { return vgpu_; }
  /// Looks so far at which it slept or gave nothing.
  uint64_t gaps() const { return gaps_; }
  const Readings& readings() const { return readings_; }

 private:
  void meet_again(const Functions& call) noexcept;
  void take_power(double watts, int64_t time_ns) noexcept;

  Gpu gpu_;
  File state_;
  Device handle_ = nullptr;
  bool vgpu_ = false;
  bool known_ = false;    // what it tells
  bool learned_ = false;  // that is new: `take` begins anew with it
  bool orphaned_ = false;
  int64_t sought_ns_ = 0;
  Readings readings_;
  Readings::Answer answer_;
  Anchored card_;
  Anchored module_;
  bool begun_ = false;
  bool slept_ = false;
  uint64_t gaps_ = 0;
  double watts_ = 0;  // the last reading of the gauge, 0 while asleep
};

}  // namespace jouletap::nvml
