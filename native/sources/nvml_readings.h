// What the driver tells of one card's energy and power: which calls give it, and one answer a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "../anchored.h"
#include "nvml_library.h"

namespace jouletap::nvml {

/// How a family of cards refreshes its power gauge.
struct Gauge {
  double refresh_s;  // how often
  double window_s;   // over which time it then averages
};

/// From arXiv 2312.02741; what is not in it is taken for as blind as the worst.
Gauge gauge_of(unsigned architecture, const std::string& name);

/// Asks by one call of the driver a time, and at times by another for its history of power.
class Readings {
 public:
  struct Answer {
    bool good = false;
    bool lost = false;      // the driver has forgotten the card: it fell off, or was loaded anew
    bool orphaned = false;  // and wants to be initialised
    Anchored::Look look;
    double watts = -1;  // negative: none
    int64_t watts_ns = 0;
    Anchored::Look module;  // of the module that the card shares with a processor
    double module_watts = -1;
    std::vector<Sample> samples;  // new ones of the history; of its size only `count` are meant
    size_t count = 0;
    unsigned type = 0;      // of their values
    int64_t offset_ns = 0;  // from the monotonic clock to theirs
  };

  /// Finds out what the driver tells of this card. False where that is nothing.
  bool learn(const Functions& call, Device device, const std::string& name);
  /// Into `answer`, whose memory is used again. May take milliseconds.
  void ask(const Functions& call, Device device, Answer& answer) noexcept;

  /// What these readings are, for the arithmetic.
  const Anchored::Spec& card() const { return card_; }
  const Anchored::Spec& module() const { return module_; }
  bool has_module() const { return has_module_; }
  double refresh_s() const { return gauge_.refresh_s; }

 private:
  /// Calls of which each answer takes one, by turns.
  enum class Step { fields, energy, power };

  struct Offer {
    bool energy = false;
    bool instant = false;
    bool average = false;
    bool module = false;
    bool module_energy = false;
  };

  static Offer offered(const Functions& call, Device device);
  static size_t history_size(const Functions& call, Device device);
  void choose(const Offer& offer, const Functions& call, Device device, bool averages);
  int ask_fields(const Functions& call, Device device, Answer& answer) noexcept;
  int ask_energy(const Functions& call, Device device, Answer& answer) noexcept;
  int ask_power(const Functions& call, Device device, Answer& answer) noexcept;
  void drain(const Functions& call, Device device, Answer& answer) noexcept;
  int64_t refreshed_ns(uint64_t count, int64_t stamp_us, int64_t time_ns) noexcept;

  Gauge gauge_{};
  Anchored::Spec card_;
  Anchored::Spec module_;
  bool has_module_ = false;
  std::vector<Step> steps_;
  size_t turn_ = 0;
  std::vector<FieldValue> fields_;  // asked for in one call
  std::vector<FieldValue> values_;

  size_t history_ = 0;  // samples that the driver keeps; 0: not asked for
  uint64_t last_sample_us_ = 0;
  int64_t drained_ns_ = 0;
  int drains_ = 0;

  uint64_t count_ = 0;
  int64_t stamp_us_ = 0;
  int proofs_ = 0;          // that the counter's stamps stand still while it does
  bool disproved_ = false;  // they do not
};

}  // namespace jouletap::nvml
