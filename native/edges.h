// When a counter updates: period, phase and jitter, learned from the updates that were seen.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace jouletap {

/// Follows the updates ("edges") of one counter. They are taken to lie about a grid of even times,
/// each off by a jitter of its own; a lateness that they share is part of the grid's phase.
///
/// The period is the greatest that the edges are multiples of: at worst the grid is too coarse,
/// which leaves edges out, but never invents one. It is believed once it explains what was seen far
/// better than chance would, and given up when edges go elsewhere. Only the last edges count, at
/// most 64, and fewer where the period may have drifted meanwhile.
///
/// Fixed memory, no allocation. Looking at an edge takes about a microsecond; searching for a new
/// period, seldom, up to a millisecond. Not synchronised.
class Edges {
 public:
  struct Edge {
    int64_t time_ns;
    double error_ns;  // one standard deviation
  };

  /// nominal_s: the period that the hardware is said to have, where to search too; 0: not known.
  explicit Edges(double nominal_s = 0);

  /// One update happened within time_ns ± half_ns. Updates in between may have gone unseen. In the
  /// order of time; a bracket that overlaps the last is of the same update, and the narrower is
  /// kept.
  void saw(int64_t time_ns, int64_t half_ns) noexcept;

  /// Whether at least 8 edges fit a grid. Until then next() and last() know nothing.
  bool known() const noexcept { return known_; }
  /// Time between edges, in nanoseconds; 0 until known. And its standard deviation.
  double period_ns() const noexcept { return known_ ? grid_.period : 0; }
  double period_error_ns() const noexcept;
  /// One standard deviation of an edge about the grid, the brackets' own width taken out.
  double jitter_ns() const noexcept { return known_ ? grid_.jitter : 0; }

  /// The edge of the grid at or before at_ns, and the one after it. The error is that of the edge,
  /// with its jitter, and grows with the distance from those seen. Before known(): at_ns ±
  /// infinity.
  Edge last(int64_t at_ns) const noexcept;
  Edge next(int64_t at_ns) const noexcept;

  /// The best estimate of an edge that was bracketed, whether saw() has been told of it or not:
  /// within its bracket, and never less sure than the bracket alone (half_ns / √3).
  Edge refine(int64_t time_ns, int64_t half_ns) const noexcept;

 private:
  static constexpr size_t kKept = 64;
  static constexpr size_t kFewest = 8;
  // Of a period: a wider bracket does not tell which edge it holds, nor does a less certain grid.
  static constexpr double kWidest = 0.25;
  static constexpr double kAmbiguous = 0.125;
  static constexpr int kRounds = 3;

  struct Seen {
    int64_t time_ns;
    int64_t half_ns;
    int64_t index;  // of its edge on the grid, from an arbitrary one
    bool fits;
  };
  /// A line through edges: time = origin + offset + (index − centre) · period.
  struct Grid {
    int64_t origin_ns = 0;
    double offset = 0;
    double centre = 0;
    double period = 0;
    double jitter = 0;
    double spread = 0;  // the jitter to reckon with: it was estimated from few edges
    double phase_variance = 0;
    double period_variance = 0;
    double span = 0;  // from the first to the last edge that it rests on
    size_t edges = 0;
  };
  struct Intervals;
  struct Best {
    double period = 0;
    double evidence = 0;
    double tries = 0;
  };

  const Seen& seen(size_t i) const noexcept { return ring_[(first_ + i) % kKept]; }
  Seen& seen(size_t i) noexcept { return ring_[(first_ + i) % kKept]; }
  void drop(size_t count) noexcept;

  bool usable(const Seen& edge) const noexcept;
  double residual(const Seen& edge) const noexcept;
  static double variance_of(int64_t half_ns) noexcept;
  double index_of(int64_t time_ns) const noexcept;
  double line_variance(double index) const noexcept;
  double grid_variance(double index) const noexcept;
  Edge edge(double index) const noexcept;

  void follow() noexcept;
  void forget(size_t from) noexcept;
  void coarsen() noexcept;
  void drop_old() noexcept;

  bool fit(int rounds) noexcept;
  void choose() noexcept;
  bool draw() noexcept;
  void estimate_jitter() noexcept;

  void search() noexcept;
  void scan(const Intervals& intervals, double low, double high, double step, Best& best) noexcept;
  bool try_period(const Intervals& intervals, double period) noexcept;
  size_t number(double longest) noexcept;
  double evidence() const noexcept;

  double hint_ns_;
  std::array<Seen, kKept> ring_{};
  size_t first_ = 0;
  size_t count_ = 0;
  size_t fresh_ = 0;     // of them, not looked at yet
  size_t begin_ = 0;     // the first of them that the fit is of
  size_t searched_ = 0;  // how many there were at the last search
  size_t patience_ = 1;  // fresh ones before the next, while none is known
  bool known_ = false;
  Grid grid_;
};

}  // namespace jouletap
