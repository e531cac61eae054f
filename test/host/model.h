// What the simulated hardware uses, and how its counters and gauges show it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace host {

/// A power curve with an exact integral. Seconds count from the moment it was set.
struct Profile {
  enum class Kind { constant, step, ramp, square };
  Kind kind = Kind::constant;
  double first = 0;    // watts: constant; before the step; at the ramp's foot; square's high half
  double second = 0;   // watts: after the step; at the ramp's top; square's low half
  double seconds = 1;  // the step's time, the ramp's length, the square's period
  double duty = 0.5;   // square: the share of a period at `first`

  double watts(double t) const;
  double joules(double t) const;
  /// "65", "step:10:65:2", "ramp:0:100:5", "square:80:20:0.5[:duty]".
  static bool parse(const std::string& text, Profile* profile);
};

/// One true consumption: a chain of profiles, kept whole, so that any past moment can be asked for.
class Power {
 public:
  /// From `at` on; what was set for later is dropped.
  void set(const Profile& profile, double at);
  double watts(double t) const;
  double joules(double t) const;

 private:
  struct Segment {
    double start;
    double base;  // joules at start
    Profile profile;
  };
  const Segment* segment(double t) const;
  std::vector<Segment> segments_;
};

/// An energy counter that steps every tu seconds, with flaws to order.
class Counter {
 public:
  struct Spec {
    double unit = 1.0 / 16384;  // joules of one count
    uint64_t nanojoules = 0;    // what powercap takes for the unit; 0: floor(unit × 1e9)
    double tu = 1.0 / 1024;     // seconds between updates; 0: continuous
    double phase = 0;           // seconds: updates at phase + k × tu
    double jitter = 0;          // an update comes up to this much late, seconds below tu
    uint64_t seed = 0;          // counts at the start
    int bits = 32;              // width of the register
    uint64_t modulus = 0;       // counts after which it starts again; 0: 2^bits
    uint64_t reserved = 0;      // set in the register beside a 32-bit count
  };

  Counter(const Power* power, const Spec& spec);

  enum class Flaw { stick, release, jump, set };
  /// From time `at`: stands still, moves on, leaps by `amount` joules, stands at `amount` counts.
  void plan(Flaw flaw, double at, double amount = 0);

  uint64_t raw(double t);        // counts, wrapped
  uint64_t reg(double t);        // as an MSR shows it
  uint64_t energy_uj(double t);  // as powercap shows it: the lower 32 bits × nanojoules
  uint64_t total_uj(double t);   // as hwmon shows it: every bit counts
  uint64_t range_uj() const;     // powercap's max_energy_range_uj

 private:
  struct Event {
    Flaw flaw;
    double at;
    double amount;
  };
  double last_update(double t) const;
  uint64_t value(double t) const;

  const Power* power_;
  Spec spec_;
  __int128 offset_;
  bool stuck_ = false;
  uint64_t frozen_ = 0;
  std::vector<Event> events_;  // still to come, by time
};

/// A power gauge: the mean of the last `window` seconds (0: the moment), renewed every `refresh`.
struct Gauge {
  const Power* power = nullptr;
  double window = 0;
  double refresh = 0;
  double phase = 0;
  double scale = 1e6;  // what one watt reads: 1e6 for microwatts

  int64_t value(double t) const;
};

}  // namespace host
