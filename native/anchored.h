// An energy counter that is refreshed rarely, with a power gauge for the time in between.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "counter.h"
#include "integral.h"
#include "tally.h"

namespace jouletap {

/// Follows a device that has a counter, a gauge or both, as graphics cards do.
///
/// The counter is believed for what it has counted, and anchors the energy each time it is seen to
/// move; from there to now the gauge is integrated. The energy up to the first movement is the
/// gauge's, since nobody knows how old the first count was. Without a counter all of it is the
/// gauge's; without a gauge the last mean power is held for up to two updates.
///
/// A counter that stands still for three seconds while the gauge goes on is given up for the
/// gauge, from its last movement on. One that falls begins a new epoch, across which the gauge
/// counts. Not synchronised.
class Anchored {
 public:
  struct Spec {
    double unit = 1e-3;       // joules of one count
    double max_watts = 3000;  // no more than this is believed
    Method gauge = Method::gauge;
    int64_t window_ns = 0;            // over which a reading of the gauge averages
    int64_t update_ns = 100'000'000;  // between updates of the counter, until that has been seen
    double gain = 0;                  // relative error of the gauge, one standard deviation
    double unseen_watts = 0;          // error of its mean from time that it does not see, likewise
    bool has_counter = true;
    bool has_gauge = true;
  };

  /// What one call of the driver gave. Times are of the monotonic clock.
  struct Look {
    int64_t before_ns = 0;
    int64_t after_ns = 0;
    bool resting = false;  // switched off: it uses nothing
    bool counted = false;
    uint64_t count = 0;
    int64_t counted_ns = 0;  // when the counter was refreshed, by its own stamp; 0: not known
  };

  Anchored() = default;
  explicit Anchored(const Spec& spec);

  /// Goes on with what is now known of the device.
  void become(const Spec& spec) noexcept;
  /// A reading of the gauge; readings come in the order of time. Before the look of the same tick.
  void power(double watts, int64_t time_ns) noexcept;
  /// The driver answered.
  void look(const Look& look) noexcept;
  /// It did not.
  void miss() noexcept;
  /// Tells what was used up to time_ns, which lies after the last look.
  void tell(int64_t time_ns, Tally& tally) const noexcept;

 private:
  double integrated(int64_t time_ns) const noexcept;
  double tail(int64_t time_ns) const noexcept;
  double edge_variance() const noexcept;
  double missed_variance(double elapsed) const noexcept;
  double lag_variance(int64_t time_ns) const noexcept;
  double pending_variance() const noexcept { return gauge_.variance - anchor_variance_; }
  double pending_bias() const noexcept { return gauge_.bias - anchor_bias_; }
  void count(const Look& look) noexcept;
  void moved(const Look& look, double counted) noexcept;
  void compare(double counted, int64_t time_ns) noexcept;
  void open_epoch(double counted, int64_t time_ns) noexcept;
  void anchor(double joules, int64_t time_ns) noexcept;
  void keep_gauge(int64_t time_ns) noexcept;
  void keep_opening() noexcept;
  void note_update(int64_t interval_ns) noexcept;

  Spec spec_;
  Counter counter_;
  Integral integral_;
  Tally count_;  // by the counter alone
  Tally gauge_;  // by the gauge alone
  Tally own_;    // flaws and errors that will not be mended any more

  double watts_ = 0;      // the gauge's last, or the counter's mean between its last movements
  int64_t power_ns_ = 0;  // when the gauge was last read; 0: never
  double step2_ = 0;      // mean square of the gauge's steps, W²
  int64_t last_ns_ = 0;   // the last answer; 0: none yet
  int64_t known_ns_ = 0;  // the last of them that told anything
  double gauge_ms_ = 0;   // what the gauge had covered by then,
  double bridged_ = 0;    // and bridged
  bool answered_ = false;

  bool trusted_ = false;   // the counter
  bool anchored_ = false;  // the counter has been seen to move in this epoch
  uint64_t last_count_ = 0;
  int64_t unmoved_ns_ = 0;  // the counter has not moved before this
  int64_t moved_ns_ = 0;    // when it was last seen to have moved
  double joules_ = 0;       // up to the anchor
  int64_t anchor_ns_ = 0;   // the time of the last movement,
  double half_s_ = 0;       // known to ± this
  bool holed_ = false;      // the driver failed since,
  bool stood_ = false;      // the counter was seen not to move
  double anchor_gauge_ = 0;
  double anchor_variance_ = 0;
  double anchor_bias_ = 0;
  // From the first reading to the first movement only the gauge tells; how well, shows later.
  double opening_s_ = 0;
  double opening_step2_ = 0;  // J², of the step in power meanwhile
  double opening_variance_ = 0;
  double opening_bias_ = 0;
  int told_ = 0;  // times that counter and gauge were compared
  // What the gauge missed between movements: mean square, J² (−1: unknown), and their mean
  // distance.
  double residual2_ = -1;
  double residual_s_ = 0;
  std::array<int64_t, 7> intervals_{};
  size_t seen_ = 0;
  int64_t update_ns_ = 0;
};

}  // namespace jouletap
