#include "hunt.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "clock.h"

namespace jouletap {
namespace {

constexpr double kNsPerSecond = 1e9;
// Slower counters would hold their caller up.
constexpr double kSlowestUpdate = 0.005;
constexpr double kPeriods = 8;
constexpr double kLearningPeriods = 20;
constexpr size_t kLearningEdges = 12;
// As long as this after its edge a counter is as good as on it.
constexpr int64_t kSinceEdgeNs = 50'000;
// A row comes so long after an update.
constexpr int64_t kAfterEdgeNs = 30'000;
// An update is known well enough if it is as well as this, or as its jitter lets it; and is lost if
// it is worse than this share of a period.
constexpr double kSureNs = 10'000;
constexpr double kSurer = 1.5;
constexpr double kLost = 0.1;
// Periods from the moment that is told of to the edge, or look, that tells of it.
constexpr double kFarthest = 1.5;
// Of the power that a look farther than that takes for the one at the end, and of what it changes
// by where that cannot be known: one standard deviation.
constexpr double kUnseen = 0.3;
// Hunts for a stretch to begin with, where something holds the thread up.
constexpr int kAttempts = 3;
// A ramp leaves half to all of its share beside the edge.
constexpr double kExposed = 0.75;
// So many standard deviations are nothing but doubt about edges.
constexpr double kNoise = 3;

double seconds_between(const Stamp& from, const Stamp& to) {
  return static_cast<double>(to.time_ns - from.time_ns) / kNsPerSecond;
}

bool is_followed(const Domain& domain) {
  return domain.additive && domain.method == Method::counter && !domain.may_rest &&
         domain.call >= 0 && domain.update_s > 0 && domain.update_s <= kSlowestUpdate;
}

/// Standard deviation of a uniform distribution of width 1.
const double kUniform = 1 / std::sqrt(12.0);

double square(double value) { return value * value; }

}  // namespace

Hunt::Hunt(const Readers& readers) {
  const auto& domains = readers.domains();
  for (size_t column = 0; column < domains.size(); ++column) {
    if (!is_followed(domains[column])) continue;
    const double update_s = domains[column].update_s;
    quarries_.push_back({column, update_s * kNsPerSecond, Edges(update_s)});
  }
  told_.reserve(quarries_.size());
}

/// The one with the most power just now.
const Hunt::Quarry* Hunt::strongest() const {
  const Quarry* most = nullptr;
  for (const Quarry& quarry : quarries_) {
    if (!quarry.followed) continue;
    if (most == nullptr || most->update_watts < quarry.update_watts) most = &quarry;
  }
  return most;
}

const Hunt::Quarry* Hunt::main() const {
  const Quarry* const most = strongest();
  return most == nullptr || !most->edges.known() ? nullptr : most;
}

bool Hunt::all_have(size_t edges) const {
  return std::all_of(quarries_.begin(), quarries_.end(), [edges](const Quarry& quarry) {
    return !quarry.followed || quarry.count >= edges;
  });
}

bool Hunt::is_lost(int64_t now_ns) const {
  const Quarry* const quarry = main();
  return quarry == nullptr ||
         quarry->edges.next(now_ns).error_ns > kLost * quarry->edges.period_ns();
}

Hunt::Aim Hunt::aim_at(int64_t at_ns) const {
  const Quarry* const quarry = main();
  if (quarry == nullptr || is_lost(at_ns)) return {at_ns, false};
  const Edges::Edge edge = quarry->edges.next(at_ns - 1);
  const auto doubt_ns = std::llround(kNoise * edge.error_ns);
  if (edge.error_ns <= std::max(kSureNs, kSurer * quarry->edges.jitter_ns())) {
    return {edge.time_ns + doubt_ns + kAfterEdgeNs, false};
  }
  return {edge.time_ns - doubt_ns - kAfterEdgeNs, true};
}

void Hunt::confirm(Readers& readers) {
  const Quarry* const quarry = main();
  if (quarry == nullptr) return;
  aim(readers);
  const double error = kNoise * quarry->edges.next(now_ns()).error_ns + kAfterEdgeNs;
  spin(readers, [] {}, 3 * error / quarry->update_ns, [quarry] { return quarry->count > 0; });
  for (Quarry& each : quarries_) learn(each);
}

void Hunt::ages(const Readers& readers, double* into) const {
  std::fill_n(into, readers.domains().size(), std::numeric_limits<double>::quiet_NaN());
  for (const Quarry& quarry : quarries_) {
    const Stamp& stamp = readers.tallies()[quarry.column].stamp;
    if (!is_followed(readers.domains()[quarry.column])) continue;
    const Lag lag = lag_of(quarry, {0, stamp});
    if (lag.on_grid) into[quarry.column] = lag.seconds * 1e3;
  }
}

void Hunt::read(Readers& readers) {
  readers.read();
  ++reads_;
  calls_ += static_cast<double>(readers.calls());
}

void Hunt::aim(const Readers& readers) {
  told_.clear();
  for (Quarry& quarry : quarries_) {
    const Tally& tally = readers.tallies()[quarry.column];
    const bool dead = tally.joules <= 0 && tally.stalls > 0;
    quarry.followed = is_followed(readers.domains()[quarry.column]) && !dead;
    quarry.first = quarry.latest = quarry.good = {tally.joules, tally.stamp};
    quarry.count = quarry.fed = 0;
  }
}

void Hunt::look(Quarry& quarry, const Tally& tally) const {
  if (!tally.fresh) return;
  const Stamp from = quarry.latest.stamp;
  const Stamp to = tally.stamp;
  const bool stepped = tally.joules != quarry.latest.joules;
  quarry.latest = {tally.joules, to};
  quarry.usual_half_ns = std::min(quarry.usual_half_ns + quarry.usual_half_ns / 64 + 1, to.half_ns);
  const int64_t widest = std::max(kWidestHalfNs, 4 * quarry.usual_half_ns);
  const bool sure = !quarry.edges.known() || lag_of(quarry, quarry.latest).on_grid;
  if (to.half_ns <= widest && sure) quarry.good = quarry.latest;
  // The thread may have been held up in the first.
  const bool unsure = to.half_ns < quarry.first.stamp.half_ns / 2 ||
                      (quarry.edges.known() && !lag_of(quarry, quarry.first).on_grid);
  const bool before_edges = !stepped && quarry.count == 0;
  if (before_edges && unsure && to.half_ns <= widest) quarry.first = quarry.latest;
  if (!stepped || quarry.count == quarry.found.size()) return;
  // The edge is uniform between two moments, and each of these within its read; of what that took
  // longer than usual it may have been at either end.
  const double gap = static_cast<double>(to.time_ns - from.time_ns) / 2;
  const auto doubt = [&quarry](const Stamp& stamp) {
    const auto usual = static_cast<double>(quarry.usual_half_ns);
    return square(usual / 4) + square(static_cast<double>(stamp.half_ns) - usual) / 4;
  };
  const auto half_ns = std::llround(std::sqrt(square(gap) + doubt(from) + doubt(to)));
  if (to.time_ns - from.time_ns + from.half_ns + to.half_ns > 2 * widest) {
    learn(quarry);
    quarry.count = quarry.fed = 0;
    return;
  }
  const int64_t seen_ns = midpoint(from.time_ns, to.time_ns);
  const Edges::Edge edge = quarry.edges.refine(seen_ns, half_ns);
  quarry.found[quarry.count++] = {edge.time_ns, edge.error_ns, tally.joules, seen_ns, half_ns};
  if (quarry.count >= 2) {
    quarry.update_watts = update_between(quarry.last(1), quarry.last()).watts;
  }
}

void Hunt::learn(Quarry& quarry) const {
  for (; quarry.fed < quarry.count; ++quarry.fed) {
    const Edge& edge = quarry.found[quarry.fed];
    quarry.edges.saw(edge.seen_ns, edge.half_ns);
  }
}

template <typename Done>
void Hunt::spin(Readers& readers, const std::function<void()>& pause, double periods, Done done) {
  double update_ns = 0;
  for (const Quarry& quarry : quarries_) {
    if (quarry.followed) update_ns = std::max(update_ns, quarry.update_ns);
  }
  const int64_t limit = now_ns() + static_cast<int64_t>(periods * update_ns);
  while (!done() && now_ns() < limit) {
    const Quarry* read = nullptr;
    for (Quarry& quarry : quarries_) {
      // During a pause another source may have taken over.
      quarry.followed = quarry.followed && is_followed(readers.domains()[quarry.column]);
      if (!quarry.followed) continue;
      if (read == nullptr || !readers.share_call(read->column, quarry.column)) {
        readers.read_call(quarry.column);
        ++calls_;
      }
      read = &quarry;
      look(quarry, readers.tallies()[quarry.column]);
    }
    pause();
  }
}

int64_t Hunt::begin(Readers& readers, const std::function<void()>& pause) {
  read(readers);
  aim(readers);
  if (std::any_of(quarries_.begin(), quarries_.end(),
                  [](const Quarry& quarry) { return quarry.followed && !quarry.edges.known(); })) {
    spin(readers, pause, kLearningPeriods, [this] { return all_have(kLearningEdges); });
    for (Quarry& quarry : quarries_) learn(quarry);
    read(readers);
    aim(readers);
  }
  for (int attempt = 1;; ++attempt) {
    spin(readers, pause, kPeriods, [this] {
      if (!all_have(2)) return false;
      const Quarry* const most = strongest();
      return most == nullptr || now_ns() - most->last().time_ns < kSinceEdgeNs;
    });
    read(readers);
    const int64_t time_ns = now_ns();
    // The thread may have been held up just now, and a stretch can as well begin a little later.
    const bool sound = std::all_of(quarries_.begin(), quarries_.end(), [&](const Quarry& quarry) {
      return !quarry.followed ||
             (quarry.count >= 2 && is_near(quarry, quarry.last().time_ns, time_ns));
    });
    if (!sound && attempt < kAttempts) {
      aim(readers);
      continue;
    }
    for (const Quarry& quarry : quarries_) {
      const size_t last = std::max<size_t>(2, quarry.count) - 1;
      tell(quarry, time_ns, last, last - 1, quarry.good, readers.tallies()[quarry.column]);
    }
    return time_ns;
  }
}

void Hunt::end(Readers& readers, int64_t time_ns, const std::function<void()>& pause) {
  aim(readers);
  spin(readers, pause, kPeriods, [this] { return all_have(3); });
  for (const Quarry& quarry : quarries_) {
    tell(quarry, time_ns, 0, 1, quarry.first, readers.tallies()[quarry.column]);
  }
  for (Quarry& quarry : quarries_) learn(quarry);
}

bool Hunt::is_near(const Quarry& quarry, int64_t there_ns, int64_t time_ns) {
  return std::abs(static_cast<double>(there_ns - time_ns)) < kFarthest * quarry.update_ns;
}

Hunt::Told Hunt::unknown(const Quarry& quarry) {
  return {quarry.column, 0, std::numeric_limits<double>::infinity()};
}

void Hunt::tell(const Quarry& quarry, int64_t time_ns, size_t near, size_t far, const Look& base,
                const Tally& tally) {
  if (!quarry.followed) return;
  Told answer = unknown(quarry);
  if (quarry.count >= 2 && is_near(quarry, quarry.found[near].time_ns, time_ns)) {
    answer = told(quarry, time_ns, near, far);
  } else {
    answer = guess(quarry, time_ns, base, tally);
  }
  if (std::isfinite(answer.variance) && std::isfinite(answer.joules)) told_.push_back(answer);
}

Hunt::Told Hunt::guess(const Quarry& quarry, int64_t time_ns, const Look& base,
                       const Tally& tally) {
  const Lag from = lag_of(quarry, quarry.first);
  const Lag to = lag_of(quarry, quarry.good);
  const double seconds =
      seconds_between(quarry.first.stamp, quarry.good.stamp) - to.seconds + from.seconds;
  // The mean of all time where the hunt was too short to tell.
  const bool told = seconds > quarry.update_ns / kNsPerSecond;
  if (!told && tally.covered_ms <= 0) return unknown(quarry);
  const double watts = told ? (quarry.good.joules - quarry.first.joules) / seconds
                            : tally.joules / (tally.covered_ms * 1e-3);
  if (watts <= 0) return unknown(quarry);
  const double share = told ? std::hypot(from.error, to.error) / seconds : 1;
  const Lag lag = lag_of(quarry, base);
  const double since =
      lag.seconds + static_cast<double>(time_ns - base.stamp.time_ns) / kNsPerSecond;
  // Beside the edge it may have been what it was when it was last seen.
  const double change = quarry.update_watts > 0 ? watts - quarry.update_watts : 0;
  // From far away even that is not known.
  const double unseen = is_near(quarry, base.stamp.time_ns, time_ns) ? 0 : kUnseen * watts;
  const double variance =
      square(watts * lag.error) +
      square(since) * std::max({square(watts * share), square(change), square(unseen)});
  return {quarry.column, base.joules + watts * since, variance};
}

/// How long before a look its value was true.
Hunt::Lag Hunt::lag_of(const Quarry& quarry, const Look& look) {
  const double period =
      (quarry.edges.known() ? quarry.edges.period_ns() : quarry.update_ns) / kNsPerSecond;
  const double half = static_cast<double>(look.stamp.half_ns) / kNsPerSecond;
  const Edges::Edge last = quarry.edges.last(look.stamp.time_ns);
  const double error = last.error_ns / kNsPerSecond;
  const double since = static_cast<double>(look.stamp.time_ns - last.time_ns) / kNsPerSecond;
  // Nearer to an edge than this the reading may be of before or after it.
  const double doubt = kNoise * error + half;
  if (since > doubt && period - since > doubt) return {since, error, true};
  return {period / 2, std::hypot(period, 2 * half) * kUniform, false};
}

Hunt::Told Hunt::told(const Quarry& quarry, int64_t time_ns, size_t near, size_t far) {
  const Edge& from = quarry.found[near];
  const Update update =
      update_between(quarry.found[std::min(near, far)], quarry.found[std::max(near, far)]);
  const double beside = static_cast<double>(time_ns - from.time_ns) / kNsPerSecond;
  const double share = std::abs(beside) / update.seconds;
  const double timing = update.watts / kNsPerSecond *
                        std::hypot((1 + share) * from.error_ns, share * quarry.found[far].error_ns);
  // That power need not be the one beside the edge, if it is not that of its neighbours either.
  const Update before = update_before(quarry, std::min(near, far));
  double change = change_between(before, update);
  if (far > near && far + 1 < quarry.count) {
    const Update after = update_between(quarry.found[far], quarry.found[far + 1]);
    change = std::max(change, change_between(update, after));
  }
  // A ramp leaves a share of its change beside the edge; a burst all of itself, as likely as that.
  const double abrupt = change / std::max(update.watts, before.watts);
  const double exposed = share + (std::sqrt(share) - share) * abrupt;
  const double power = kExposed * change * exposed * update.seconds;
  return {quarry.column, from.joules + update.watts * beside, square(timing) + square(power)};
}

/// Watts, but for what may be doubt about edges.
double Hunt::change_between(const Update& before, const Update& after) {
  const double noise = square(after.watts * std::hypot(before.error, after.error));
  if (!std::isfinite(noise)) return kUnseen * after.watts;
  return std::sqrt(std::max(0.0, square(after.watts - before.watts) - noise));
}

Hunt::Update Hunt::update_between(const Edge& from, const Edge& to) {
  const double seconds = static_cast<double>(to.time_ns - from.time_ns) / kNsPerSecond;
  const double error = std::hypot(from.error_ns, to.error_ns) / kNsPerSecond / seconds;
  return {seconds, (to.joules - from.joules) / seconds, error};
}

/// The one that ended with an edge of the hunt; before its first edge, as far as the grid tells.
Hunt::Update Hunt::update_before(const Quarry& quarry, size_t edge) {
  if (edge > 0) return update_between(quarry.found[edge - 1], quarry.found[edge]);
  const Edges::Edge last = quarry.edges.last(quarry.first.stamp.time_ns);
  Update update =
      update_between({last.time_ns, last.error_ns, quarry.first.joules}, quarry.found[0]);
  // So close to each other both are the same edge.
  const bool apart = update.seconds * kNsPerSecond > quarry.update_ns / 2;
  if (!apart) update.error = std::numeric_limits<double>::infinity();
  return update;
}

}  // namespace jouletap
