// Finding a period of which the edges that were seen are multiples, when none is known.
#include <algorithm>
#include <cmath>
#include <cstddef>

#include "edges.h"

namespace jouletap {
namespace {

// Intervals that the first, coarse search looks at: the shortest, up to so many times the usual.
constexpr size_t kLooked = 24;
constexpr double kLongest = 16;
// The shortest intervals may be of so many periods.
constexpr double kLongestGap = 64;
// Periods tried in one turn of the longest of them, and at most.
constexpr double kTries = 12;
constexpr double kMostTries = 4096;
constexpr int kMostFits = 96;
// Of two periods a priori the longer is the likelier, in proportion: a false edge between true ones
// must not halve it.
constexpr double kCoarser = 1;
// A grid must explain the edges e^7 times better than the best of as many chance ones would.
constexpr double kConvinced = 7;
// √(2πe): width of the uniform distribution that tells as little as a normal one.
constexpr double kNormalWidth = 4.132731354122493;

/// How far a number, at least 0, is from a whole one; std::round is a call.
double off_whole(double x) { return x - static_cast<double>(static_cast<int64_t>(x + 0.5)); }

}  // namespace

/// Intervals between edges, shortest first.
struct Edges::Intervals {
  std::array<double, kKept> ns;
  size_t count = 0;
  size_t looked = 0;
  double bracket = 0;  // the lower quartile of the brackets' half-widths

  /// How well they are multiples of a period: each at most 1.
  double score(double frequency) const noexcept {
    double sum = 0;
    for (size_t i = 0; i < looked; ++i) {
      const double off = off_whole(ns[i] * frequency);
      sum += std::max(0.0, 1 - 36 * off * off);
    }
    return sum;
  }
};

/// The greatest period is also that of the greatest evidence: of half of it the edges are multiples
/// too, but off by twice the share.
void Edges::search() noexcept {
  fresh_ = 0;
  begin_ = 0;
  known_ = false;
  searched_ = count_;
  Intervals intervals;
  std::array<double, kKept> halves;
  for (size_t i = 0; i + 1 < count_; ++i) {
    intervals.ns[i] = static_cast<double>(seen(i + 1).time_ns - seen(i).time_ns);
    halves[i] = static_cast<double>(seen(i).half_ns);
  }
  intervals.count = count_ - 1;
  const auto last = intervals.ns.begin() + static_cast<std::ptrdiff_t>(intervals.count);
  std::sort(intervals.ns.begin(), last);
  std::nth_element(halves.begin(), halves.begin() + intervals.count / 4,
                   halves.begin() + intervals.count);
  intervals.bracket = halves[intervals.count / 4];
  const double usual = intervals.ns[intervals.count / 4];
  const auto longer = std::upper_bound(intervals.ns.begin(), last, kLongest * usual);
  intervals.looked = std::min(kLooked, static_cast<size_t>(longer - intervals.ns.begin()));

  const double longest = intervals.ns[intervals.looked - 1];
  const double step = 1 / (kTries * longest);
  const double coarsest = 0.9 / longest;
  const double shortest = std::max(usual / kLongestGap, intervals.bracket / kWidest);
  const double finest = std::min(1.1 / shortest, coarsest + kMostTries * step);

  Best best;
  scan(intervals, coarsest, finest, step, best);
  if (hint_ns_ > 0 && 0.95 / hint_ns_ > finest) {
    scan(intervals, 0.95 / hint_ns_, std::min(1.05 / hint_ns_, 0.95 / hint_ns_ + kMostTries * step),
         step, best);
  }
  // A coarse grid of few edges and a false one beats a fine grid that takes the false one in.
  known_ = best.evidence > kConvinced + std::log(std::max(1.0, best.tries)) &&
           try_period(intervals, best.period) && fit(kRounds) && grid_.edges >= kFewest;
  if (known_) drop(begin_);
  begin_ = 0;
  patience_ = known_ ? 1 : std::min(kKept, 2 * patience_);
}

/// Tries the frequencies from low to high, and keeps the period of most evidence.
void Edges::scan(const Intervals& intervals, double low, double high, double step,
                 Best& best) noexcept {
  const double promising = 0.4 * static_cast<double>(intervals.looked);
  double before = 0;
  double here = intervals.score(low);
  int fits = 0;
  for (double frequency = low; frequency <= high; frequency += step) {
    const double after = intervals.score(frequency + step);
    if (here >= promising && here > before && here >= after && fits < kMostFits) {
      ++fits;
      if (try_period(intervals, 1 / frequency)) {
        const double found = evidence() + kCoarser * std::log(grid_.period / intervals.ns[0]);
        if (found > best.evidence) best = {grid_.period, found, best.tries};
      }
    }
    before = here;
    here = after;
    ++best.tries;
  }
}

/// Fits a grid of about this period to the newest edges; false if not most of them lie on it.
bool Edges::try_period(const Intervals& intervals, double period) noexcept {
  // Shorter intervals sharpen the period until longer ones can be told apart by it.
  double products = 0;
  double squares = 0;
  double errors = 0;
  double used = 0;
  double longest = intervals.ns[intervals.count - 1] + 1;
  for (size_t i = 0; i < intervals.count; ++i) {
    const double interval = intervals.ns[i];
    const double turns = std::round(interval / period);
    if (i >= intervals.looked && squares > 0) {
      const double error = std::sqrt(errors / std::max(1.0, used - 1) / squares);
      if (error * turns > kAmbiguous * period) {
        longest = interval;
        break;
      }
    }
    const double off = interval - turns * period;
    if (turns < 1 || std::fabs(off) > 0.25 * period) continue;
    products += interval * turns;
    squares += turns * turns;
    errors += off * off + intervals.bracket * intervals.bracket / 1.5 + 1;
    ++used;
    // The first few are measured by the period that was guessed.
    if (i + 1 >= intervals.looked || i + 1 == intervals.count) period = products / squares;
  }
  if (used < 3) return false;

  grid_ = Grid{};
  grid_.period = period;
  begin_ = number(longest);
  if (!draw()) return false;
  estimate_jitter();
  for (int round = 0; round < 2; ++round) {
    for (size_t i = begin_; i < count_; ++i)
      seen(i).index = std::llround(index_of(seen(i).time_ns));
    if (!fit(1)) return false;
  }
  size_t candidates = 0;
  for (size_t i = begin_; i < count_; ++i) candidates += usable(seen(i)) ? 1 : 0;
  return 2 * grid_.edges >= kFewest && 10 * grid_.edges >= 6 * candidates;
}

/// Numbers the edges from the newest back to the first interval of `longest` or more, each from a
/// neighbour that seems to be on the grid. Returns where that begins.
size_t Edges::number(double longest) noexcept {
  size_t anchor = count_ - 1;
  seen(anchor).index = 0;
  seen(anchor).fits = usable(seen(anchor));
  int astray = 0;
  size_t i = count_ - 1;
  while (i > 0) {
    if (static_cast<double>(seen(i).time_ns - seen(i - 1).time_ns) >= longest) break;
    Seen& one = seen(--i);
    const double turns = static_cast<double>(seen(anchor).time_ns - one.time_ns) / grid_.period;
    one.index = seen(anchor).index - std::llround(turns);
    one.fits = usable(one) && std::fabs(off_whole(turns)) < 0.25;
    // Two in a row: it is the anchor that is off.
    astray = one.fits ? 0 : astray + 1;
    if (one.fits || astray == 2) {
      anchor = i;
      astray = 0;
    }
  }
  return i;
}

/// The logarithm of how much better the grid explains the edges than chance would: a normal
/// distribution about it against a uniform one, and a share of outliers.
double Edges::evidence() const noexcept {
  double sum = 0;
  double all = 0;
  for (size_t i = begin_; i < count_; ++i) {
    if (!usable(seen(i))) continue;
    ++all;
    if (!seen(i).fits) continue;
    const double variance = grid_.jitter * grid_.jitter + variance_of(seen(i).half_ns);
    sum -= std::log(kNormalWidth * std::sqrt(variance) / grid_.period);
  }
  const auto fit = static_cast<double>(grid_.edges);
  sum *= (fit - 2) / fit;  // phase and period were fitted
  if (fit < all) sum += fit * std::log(fit / all) + (all - fit) * std::log((all - fit) / all);
  return sum;
}

}  // namespace jouletap
