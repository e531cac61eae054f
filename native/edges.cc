#include "edges.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace jouletap {
namespace {

constexpr double kNsPerSecond = 1e9;
// A grid that rests on more edges than this is looked at again only every few edges.
constexpr size_t kSettled = 16;
constexpr size_t kAtOnce = 8;
// So many of the last edges elsewhere: the counter has another grid now, or it may have.
constexpr size_t kAstray = 6;
constexpr size_t kDoubtful = 3;
// What a quartz may drift with temperature, of its rate and per second: 18 ppm a minute.
constexpr double kDrift = 3e-7;

double square(double x) { return x * x; }

/// The middle one; reorders them.
double median(double* values, size_t count) {
  std::nth_element(values, values + count / 2, values + count);
  return values[count / 2];
}

double density(double x) { return std::exp(-x * x / 2) * 0.3989422804014327; }
double below(double x) { return std::erfc(-x * 0.7071067811865476) / 2; }

}  // namespace

Edges::Edges(double nominal_s) : hint_ns_(nominal_s * kNsPerSecond) {}

double Edges::period_error_ns() const noexcept {
  return known_ ? std::sqrt(grid_.period_variance) : std::numeric_limits<double>::infinity();
}

void Edges::saw(int64_t time_ns, int64_t half_ns) noexcept {
  const Seen now{time_ns, std::max<int64_t>(0, half_ns), 0, false};
  if (count_ > 0) {
    Seen& last = seen(count_ - 1);
    if (now.time_ns + now.half_ns < last.time_ns - last.half_ns) {
      *this = Edges(hint_ns_ / kNsPerSecond);  // the clock began anew
    } else if (now.time_ns - now.half_ns < last.time_ns + last.half_ns ||
               now.time_ns == last.time_ns) {
      if (now.half_ns < last.half_ns) {
        last.time_ns = now.time_ns;
        last.half_ns = now.half_ns;
      }
      return;
    }
  }
  if (count_ == kKept) drop(1);
  ++count_;
  seen(count_ - 1) = now;
  ++fresh_;
  if (known_) {
    if (fresh_ >= kAtOnce || grid_.edges < kSettled) follow();
  } else if (count_ >= kFewest && fresh_ >= patience_) {
    search();
  }
}

Edges::Edge Edges::last(int64_t at_ns) const noexcept {
  if (!known_) return {at_ns, std::numeric_limits<double>::infinity()};
  // Rounded to nanoseconds the edge may be on either side.
  const double index = std::floor(index_of(at_ns));
  const Edge after = edge(index + 1);
  if (after.time_ns <= at_ns) return after;
  const Edge before = edge(index);
  return before.time_ns <= at_ns ? before : edge(index - 1);
}

Edges::Edge Edges::next(int64_t at_ns) const noexcept {
  if (!known_) return {at_ns, std::numeric_limits<double>::infinity()};
  const double index = std::floor(index_of(at_ns));
  const Edge before = edge(index);
  if (before.time_ns > at_ns) return before;
  const Edge after = edge(index + 1);
  return after.time_ns > at_ns ? after : edge(index + 2);
}

Edges::Edge Edges::refine(int64_t time_ns, int64_t half_ns) const noexcept {
  const double half = static_cast<double>(std::max<int64_t>(0, half_ns));
  const Edge alone{time_ns, half / std::sqrt(3.0)};
  if (!known_ || half > kWidest * grid_.period) return alone;

  // Where the grid says that it is, from the edge itself, in ns.
  const double index = std::round(index_of(time_ns));
  const double line = grid_.offset + (index - grid_.centre) * grid_.period;
  double mean = line - static_cast<double>(time_ns - grid_.origin_ns);
  double variance = grid_variance(index);
  for (size_t i = count_ - fresh_; i-- > 0 && seen(i).time_ns >= time_ns;) {
    const Seen& same = seen(i);
    if (same.time_ns != time_ns || same.half_ns != half_ns || !same.fits) continue;
    // The grid rests on this edge too: what would it say without? (Leverage of a least squares
    // fit.)
    const double own = square(grid_.spread) + variance_of(half_ns);
    const double leverage = line_variance(index) / own;
    if (leverage > 0.9) return alone;
    mean += mean * leverage / (1 - leverage);
    variance += line_variance(index) * leverage / (1 - leverage);
  }
  const double sigma = std::sqrt(variance + square(grid_.spread));
  if (sigma > 4 * half || std::fabs(mean) > half + 3 * sigma) return alone;

  // A normal distribution cut off at the ends of the bracket.
  const double low = (-half - mean) / sigma;
  const double high = (half - mean) / sigma;
  const double mass = below(high) - below(low);
  const double shift = (density(low) - density(high)) / mass;
  const double shrunk = 1 + (low * density(low) - high * density(high)) / mass - square(shift);
  const double best = std::clamp(mean + sigma * shift, -half, half);
  return {time_ns + std::llround(best),
          std::min(alone.error_ns, sigma * std::sqrt(std::max(0.0, shrunk)))};
}

// The grid.

double Edges::index_of(int64_t time_ns) const noexcept {
  return grid_.centre +
         (static_cast<double>(time_ns - grid_.origin_ns) - grid_.offset) / grid_.period;
}

Edges::Edge Edges::edge(double index) const noexcept {
  const double after = grid_.offset + (index - grid_.centre) * grid_.period;
  return {grid_.origin_ns + std::llround(after),
          std::sqrt(grid_variance(index) + square(grid_.spread))};
}

/// Of a moment that lies anywhere in its bracket; clocks tell whole nanoseconds.
double Edges::variance_of(int64_t half_ns) noexcept {
  return (square(static_cast<double>(half_ns)) + 0.25) / 3;
}

double Edges::line_variance(double index) const noexcept {
  return grid_.phase_variance + square(index - grid_.centre) * grid_.period_variance;
}

/// Of the line, and of a period that drifts from its mean over `span`: the middle of a parabola
/// misses its ends, and more beyond.
double Edges::grid_variance(double index) const noexcept {
  const double away = std::fabs(index - grid_.centre) * grid_.period;
  const double beyond = std::max(0.0, away - grid_.span / 2);
  const double bend =
      kDrift / 2 * (beyond * (beyond + grid_.span) + square(grid_.span) / 6) / kNsPerSecond;
  return line_variance(index) + square(bend);
}

double Edges::residual(const Seen& edge) const noexcept {
  return static_cast<double>(edge.time_ns - grid_.origin_ns) - grid_.offset -
         (static_cast<double>(edge.index) - grid_.centre) * grid_.period;
}

bool Edges::usable(const Seen& edge) const noexcept {
  return static_cast<double>(edge.half_ns) <= kWidest * grid_.period;
}

// Following a grid that is known.

void Edges::drop(size_t count) noexcept {
  first_ = (first_ + count) % kKept;
  count_ -= count;
  fresh_ = std::min(fresh_, count_);
}

void Edges::follow() noexcept {
  for (size_t i = count_ - fresh_; i < count_; ++i) {
    const double index = index_of(seen(i).time_ns);
    if (std::sqrt(grid_variance(index)) > kAmbiguous * grid_.period) {
      // So long unseen that the edges since cannot be numbered: the period is still worth a hint.
      hint_ns_ = grid_.period;
      forget(i);
      return;
    }
    seen(i).index = std::llround(index);
  }
  fresh_ = 0;
  const bool fitted = fit(kRounds);

  size_t looked = 0;
  size_t astray = 0;
  size_t lately = 0;  // of the newest
  for (size_t i = count_; i-- > 0;) {
    if (!usable(seen(i))) continue;
    ++looked;
    if (!seen(i).fits) ++astray;
    if (looked != kAtOnce) continue;
    lately = astray;
    if (lately < kAstray) continue;
    forget(i);
    return;
  }
  if (!fitted || grid_.edges < kFewest || lately >= kDoubtful || 4 * astray > looked) {
    forget(0);
    return;
  }
  if (count_ >= 2 * searched_) {
    search();
  } else {
    coarsen();
  }
  if (known_) drop_old();
}

/// Begins anew with the edges from `from` on.
void Edges::forget(size_t from) noexcept {
  drop(from);
  known_ = false;
  if (count_ >= kFewest) search();
}

/// Edges of longer ago would tell more of the drift since than of the grid now: the drift bends
/// the line by kDrift · span² / 12, against half the error of one edge.
void Edges::drop_old() noexcept {
  double variance = 0;
  for (size_t i = 0; i < count_; ++i) variance += variance_of(seen(i).half_ns);
  const double error =
      std::sqrt(variance / static_cast<double>(count_) + square(grid_.spread)) / kNsPerSecond;
  const double longest = std::sqrt(6 * error / kDrift) * kNsPerSecond;
  const int64_t newest = seen(count_ - 1).time_ns;
  while (count_ > kSettled && static_cast<double>(newest - seen(0).time_ns) > longest) drop(1);
}

/// If all edges for a while were multiples of some periods, those together are the period.
void Edges::coarsen() noexcept {
  if (grid_.edges < kSettled) return;
  int64_t base = 0;
  int64_t common = 0;
  bool first = true;
  for (size_t i = 0; i < count_ && common != 1; ++i) {
    if (!seen(i).fits) continue;
    if (first) base = seen(i).index;
    first = false;
    common = std::gcd(common, seen(i).index - base);
  }
  if (common <= 1) return;
  const auto factor = static_cast<double>(common);
  grid_.centre = (grid_.centre - static_cast<double>(base)) / factor;
  grid_.period *= factor;
  for (size_t i = 0; i < count_; ++i) seen(i).index = std::llround(index_of(seen(i).time_ns));
  fit(kRounds);
}

// Fitting a line through edges that have their numbers.

/// From a first line: chooses the edges that fit and draws the line through them, so many times.
bool Edges::fit(int rounds) noexcept {
  for (int round = 0; round < rounds; ++round) {
    choose();
    if (!draw()) return false;
    estimate_jitter();
  }
  return true;
}

/// Edges fit that are off by no more than their bracket and three times the usual distance.
void Edges::choose() noexcept {
  std::array<double, kKept> off;
  size_t count = 0;
  for (size_t i = begin_; i < count_; ++i) {
    if (usable(seen(i))) off[count++] = std::fabs(residual(seen(i)));
  }
  if (count == 0) return;
  const double scale = 1.4826 * median(off.data(), count);  // σ, if it were normal
  for (size_t i = begin_; i < count_; ++i) {
    Seen& one = seen(i);
    const double allowed = static_cast<double>(one.half_ns) + 3 * scale + 1;
    one.fits = usable(one) && std::fabs(residual(one)) <= allowed;
  }
}

/// The line of weighted least squares.
bool Edges::draw() noexcept {
  const int64_t origin = seen(count_ - 1).time_ns;
  const int64_t base = seen(count_ - 1).index;
  const auto weigh = [this](const Seen& one) {
    return 1 / (square(grid_.spread) + variance_of(one.half_ns));
  };
  double weight = 0;
  double index = 0;
  double time = 0;
  size_t edges = 0;
  int64_t first = origin;
  int64_t last = origin;
  for (size_t i = begin_; i < count_; ++i) {
    const Seen& one = seen(i);
    if (!one.fits) continue;
    if (edges++ == 0) first = one.time_ns;
    last = one.time_ns;
    const double w = weigh(one);
    weight += w;
    index += w * static_cast<double>(one.index - base);
    time += w * static_cast<double>(one.time_ns - origin);
  }
  if (edges < 3) return false;
  index /= weight;
  time /= weight;
  double indices = 0;
  double both = 0;
  for (size_t i = begin_; i < count_; ++i) {
    const Seen& one = seen(i);
    if (!one.fits) continue;
    const double away = static_cast<double>(one.index - base) - index;
    indices += weigh(one) * square(away);
    both += weigh(one) * away * (static_cast<double>(one.time_ns - origin) - time);
  }
  if (!(indices > 0 && both > 0)) return false;
  grid_.origin_ns = origin;
  grid_.offset = time;
  grid_.centre = index + static_cast<double>(base);
  grid_.period = both / indices;
  grid_.phase_variance = 1 / weight;
  grid_.period_variance = 1 / indices;
  grid_.span = static_cast<double>(last - first);
  grid_.edges = edges;
  return true;
}

/// The jitter that makes the squares of the edges' distances, each over its variance, add up to
/// what they should (Paule and Mandel 1982).
void Edges::estimate_jitter() noexcept {
  const double freedom = static_cast<double>(grid_.edges) - 2;
  double squares = 0;
  double widest = 0;
  for (size_t i = begin_; i < count_; ++i) {
    if (!seen(i).fits) continue;
    squares += square(residual(seen(i)));
    widest = std::max(widest, variance_of(seen(i).half_ns));
  }
  // No more than the answer, from where Newton's steps never overshoot.
  double variance = std::max(0.0, squares / freedom - widest);
  double excess = 0;
  double weight = 0;
  for (int round = 0; round < 20; ++round) {
    excess = -freedom;
    weight = 0;
    double slope = 0;
    for (size_t i = begin_; i < count_; ++i) {
      if (!seen(i).fits) continue;
      const double total = variance + variance_of(seen(i).half_ns);
      const double share = square(residual(seen(i))) / total;
      excess += share;
      slope += share / total;
      weight += 1 / total;
    }
    if (excess <= 1e-4 * freedom || slope <= 0) break;
    variance += excess / slope;
  }
  grid_.jitter = std::sqrt(variance);
  // Student: of a few edges the tails are longer. And where the brackets hide the jitter there may
  // be more of it than seems: the mean of a normal distribution about the estimate, cut off at 0,
  // would be right if any jitter were as likely as none; half of that is reckoned with.
  const double error = std::sqrt(freedom) / weight;
  const double estimate = (variance + std::min(0.0, excess / weight)) / error;
  const double hidden = error * density(estimate) / std::max(1e-9, below(estimate)) / 2;
  grid_.spread = std::sqrt(variance * freedom / std::max(1.0, freedom - 2) + hidden);
}

}  // namespace jouletap
