// A wrapping, resetting or 64-bit counter → joules since the first look, with the flaws counted.
#pragma once

#include <cstdint>

#include "tally.h"

namespace jouletap {

/// Turns the readings of one energy counter into a growing tally. Looks come from one thread.
///
/// A difference is believed only if the hardware can have used it: at most max_watts × (time since
/// the last look + one second). A reading beyond that is set aside. If the next one agrees with the
/// old readings it was a glitch, and nothing is lost; if it agrees with the odd one the counter has
/// begun anew, and the energy between is not known and not guessed.
class Counter {
 public:
  struct Spec {
    double unit = 0;                       // joules of one count
    double max_watts = 1000;               // see above; twice the TDP where that is known
    uint64_t modulus = uint64_t{1} << 32;  // counts after which it starts again; 0: 2^64
    /// Registers whose upper half may or may not count: 64 bits once it has been seen to.
    bool observe_width = false;
    /// perf's power PMU: a count of 64 bits, negative ones included, that may fall by 2^32 units of
    /// the register (2^(64 − ESU) counts).
    bool folds = false;
    /// Standing still for longer than this is a stall; 0: it may stand still for ever.
    int64_t stall_ns = 1'000'000'000;
  };

  Counter() = default;
  explicit Counter(const Spec& spec) : spec_(spec) {}

  /// A reading taken at time_ns.
  void look(uint64_t raw, int64_t time_ns, Tally& tally) noexcept;
  /// A read that gave nothing.
  void miss(Tally& tally) noexcept;
  /// The machine was suspended, and what the counter did meanwhile is not known: the next look is a
  /// new baseline, and the time before it a gap.
  void resume() noexcept { resumed_ = started_; }
  const Spec& spec() const { return spec_; }

 private:
  struct Reading {
    uint64_t raw;
    int64_t time_ns;
  };
  struct Step {
    double joules;
    bool believable;
    bool wrapped;
    bool folded;
  };
  Step step(const Reading& from, const Reading& to) noexcept;
  void accept(const Step& step, const Reading& reading, Tally& tally) noexcept;
  void begin(const Reading& reading, Tally& tally) noexcept;

  Spec spec_;
  Reading last_{};
  Reading odd_{};
  bool started_ = false;
  bool odd_seen_ = false;
  bool resumed_ = false;
  bool narrow_ = false;    // observe_width: the upper half turned out not to count
  int64_t moved_ns_ = 0;   // when the count last moved
  double settled_ms_ = 0;  // covered time up to then
  bool stalled_ = false;
};

/// The longest time between looks at which no wrap can be missed, in nanoseconds: a quarter of the
/// time in which max_watts fills wrap_joules; 0 where the counter never wraps.
int64_t keep_alive_ns(double wrap_joules, double max_watts);

}  // namespace jouletap
