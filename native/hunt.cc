#include "hunt.h"

#include <algorithm>
#include <cmath>

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
// What the power of two updates may differ by, for nothing but doubt about their edges.
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

double Hunt::Quarry::watts() const {
  const double seconds = static_cast<double>(last().time_ns - last(1).time_ns) / kNsPerSecond;
  return (last().joules - last(1).joules) / seconds;
}

Hunt::Hunt(const Readers& readers) {
  const auto& domains = readers.domains();
  for (size_t column = 0; column < domains.size(); ++column) {
    if (!is_followed(domains[column])) continue;
    const double update_s = domains[column].update_s;
    quarries_.push_back({column, update_s * kNsPerSecond, Edges(update_s)});
  }
  told_.reserve(quarries_.size());
}

void Hunt::aim(const Readers& readers) {
  told_.clear();
  for (Quarry& quarry : quarries_) {
    const Tally& tally = readers.tallies()[quarry.column];
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
  quarry.usual_half_ns = std::min(quarry.usual_half_ns + 1, to.half_ns);
  if (to.half_ns <= kWidestHalfNs) quarry.good = quarry.latest;
  // The thread may have been held up in the first.
  if (to.half_ns < quarry.first.stamp.half_ns / 2) quarry.first = quarry.latest;
  if (!stepped || quarry.count == quarry.found.size()) return;
  // The edge is uniform between two moments. Each is known to a quarter of a usual read, which has
  // its work in its middle, and to all of what a read took longer than that.
  const double gap = static_cast<double>(to.time_ns - from.time_ns) / 2;
  const auto doubt = [&quarry](const Stamp& stamp) {
    const auto usual = static_cast<double>(quarry.usual_half_ns);
    return square(usual / 4) + square(static_cast<double>(stamp.half_ns) - usual) / 4;
  };
  const auto half_ns = std::llround(std::sqrt(square(gap) + doubt(from) + doubt(to)));
  if (to.time_ns - from.time_ns + from.half_ns + to.half_ns > 2 * kWidestHalfNs) {
    learn(quarry);
    quarry.count = quarry.fed = 0;
    return;
  }
  const auto edge = quarry.edges.refine(midpoint(from.time_ns, to.time_ns), half_ns);
  quarry.found[quarry.count++] = {edge.time_ns, edge.error_ns, half_ns, tally.joules};
}

void Hunt::learn(Quarry& quarry) const {
  for (; quarry.fed < quarry.count; ++quarry.fed) {
    const Edge& edge = quarry.found[quarry.fed];
    quarry.edges.saw(edge.time_ns, edge.half_ns);
  }
}

template <typename Done>
void Hunt::spin(Readers& readers, const std::function<void()>& pause, double periods, Done done) {
  double update_ns = 0;
  for (const Quarry& quarry : quarries_) update_ns = std::max(update_ns, quarry.update_ns);
  const int64_t limit = now_ns() + static_cast<int64_t>(periods * update_ns);
  while (!done() && now_ns() < limit) {
    const Domain* read = nullptr;
    for (Quarry& quarry : quarries_) {
      const Domain& domain = readers.domains()[quarry.column];
      const bool at_hand =
          read != nullptr && read->call == domain.call && read->source == domain.source;
      if (!at_hand) {
        readers.read_call(quarry.column);
        ++calls_;
      }
      read = &domain;
      look(quarry, readers.tallies()[quarry.column]);
    }
    pause();
  }
}

int64_t Hunt::begin(Readers& readers, const std::function<void()>& pause) {
  const auto all = [this](size_t edges) {
    return std::all_of(quarries_.begin(), quarries_.end(),
                       [edges](const Quarry& quarry) { return quarry.count >= edges; });
  };
  readers.read();
  aim(readers);
  if (std::any_of(quarries_.begin(), quarries_.end(),
                  [](const Quarry& quarry) { return !quarry.edges.known(); })) {
    spin(readers, pause, kLearningPeriods, [&] { return all(kLearningEdges); });
    for (Quarry& quarry : quarries_) learn(quarry);
    readers.read();
    aim(readers);
  }
  spin(readers, pause, kPeriods, [&] {
    if (!all(2)) return false;
    const auto most =
        std::max_element(quarries_.begin(), quarries_.end(),
                         [](const Quarry& a, const Quarry& b) { return a.watts() < b.watts(); });
    return most == quarries_.end() || now_ns() - most->last().time_ns < kSinceEdgeNs;
  });
  readers.read();
  const int64_t time_ns = now_ns();
  for (Quarry& quarry : quarries_) {
    const Tally& tally = readers.tallies()[quarry.column];
    if (quarry.count >= 2) {
      tell(quarry, time_ns, quarry.last(), quarry.last(1), 0);
    } else {
      guess(quarry, time_ns, quarry.good, tally);
    }
  }
  return time_ns;
}

void Hunt::end(Readers& readers, int64_t time_ns, const std::function<void()>& pause) {
  aim(readers);
  spin(readers, pause, kPeriods, [this] {
    return std::all_of(quarries_.begin(), quarries_.end(),
                       [](const Quarry& quarry) { return quarry.count >= 2; });
  });
  for (Quarry& quarry : quarries_) {
    if (quarry.count < 2) {
      guess(quarry, time_ns, quarry.first, readers.tallies()[quarry.column]);
      continue;
    }
    const Edge& near = quarry.found[0];
    const Edge& far = quarry.found[1];
    const double after = static_cast<double>(near.time_ns - time_ns) / kNsPerSecond;
    const double update = static_cast<double>(far.time_ns - near.time_ns) / kNsPerSecond;
    const double watts = (far.joules - near.joules) / update;
    // Had the power not changed with the end of the stretch, this would have been used since.
    double variance = 0;
    if (quarry.edges.known()) {
      const Edges::Edge last = quarry.edges.last(time_ns);
      const double seconds = static_cast<double>(near.time_ns - last.time_ns) / kNsPerSecond;
      const double doubt = kNoise * watts * std::hypot(last.error_ns, near.error_ns) / kNsPerSecond;
      const double differs = (near.joules - quarry.first.joules) - watts * seconds;
      if (std::abs(differs) > doubt) variance = square(differs / seconds * after) / 3;
    }
    tell(quarry, time_ns, near, far, variance);
  }
  for (Quarry& quarry : quarries_) learn(quarry);
}

/// Without edges in this hunt: by those that others have taught, or as half a period.
void Hunt::guess(const Quarry& quarry, int64_t time_ns, const Look& base, const Tally& tally) {
  const Lag from = lag_of(quarry, quarry.first);
  const Lag to = lag_of(quarry, quarry.good);
  const double seconds =
      seconds_between(quarry.first.stamp, quarry.good.stamp) - to.seconds + from.seconds;
  // The mean of all time where the hunt was too short to tell.
  const bool told = seconds > quarry.update_ns / kNsPerSecond;
  if (!told && tally.covered_ms <= 0) return;
  const double watts = told ? (quarry.good.joules - quarry.first.joules) / seconds
                            : tally.joules / (tally.covered_ms * 1e-3);
  const double share = told ? std::hypot(from.error, to.error) / seconds : 1;
  const Lag lag = lag_of(quarry, base);
  const double since =
      lag.seconds + static_cast<double>(time_ns - base.stamp.time_ns) / kNsPerSecond;
  told_.push_back({quarry.column, base.joules + watts * since,
                   square(watts) * (square(lag.error) + square(share * since))});
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
  if (since > doubt && period - since > doubt) return {since, error};
  return {period / 2, std::hypot(period, 2 * half) * kUniform};
}

void Hunt::tell(const Quarry& quarry, int64_t time_ns, const Edge& near, const Edge& far,
                double more_variance) {
  const double update = static_cast<double>(far.time_ns - near.time_ns) / kNsPerSecond;
  const double watts = (far.joules - near.joules) / update;
  const double beside = static_cast<double>(time_ns - near.time_ns) / kNsPerSecond;
  const double share = std::abs(beside / update);
  const double joules = near.joules + watts * beside;
  const double timing =
      watts / kNsPerSecond * std::hypot((1 + share) * near.error_ns, share * far.error_ns);
  told_.push_back({quarry.column, joules, square(timing) + more_variance});
}

}  // namespace jouletap
