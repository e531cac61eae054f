#include "hunt.h"

#include <algorithm>
#include <cmath>

#include "clock.h"

namespace jouletap {
namespace {

constexpr double kNsPerSecond = 1e9;
// Slower counters would hold their caller up.
constexpr double kSlowestUpdate = 0.005;
// A wider bracket is a thread that was held up: the next edge is better.
constexpr int64_t kWidestHalfNs = 25'000;
constexpr double kPeriods = 5;
constexpr double kLearningPeriods = 20;
constexpr size_t kLearningEdges = 12;
// As long as this after its edge a counter is as good as on it.
constexpr int64_t kSinceEdgeNs = 50'000;
// What the power of two updates may differ by, for nothing but doubt about their edges.
constexpr double kNoise = 3;

bool is_followed(const Domain& domain) {
  return domain.additive && domain.method == Method::counter && !domain.may_rest &&
         domain.call >= 0 && domain.update_s > 0 && domain.update_s <= kSlowestUpdate;
}

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
    quarries_.push_back({column, Edges(domains[column].update_s)});
  }
  told_.reserve(quarries_.size());
}

void Hunt::aim(const Readers& readers) {
  told_.clear();
  for (Quarry& quarry : quarries_) {
    const Tally& tally = readers.tallies()[quarry.column];
    quarry.joules = quarry.from = tally.joules;
    quarry.stamp = tally.stamp;
    quarry.count = quarry.fed = 0;
  }
}

void Hunt::look(Quarry& quarry, const Tally& tally) const {
  if (!tally.fresh) return;
  const Stamp from = quarry.stamp;
  const Stamp to = tally.stamp;
  const bool stepped = tally.joules != quarry.joules;
  quarry.stamp = to;
  quarry.joules = tally.joules;
  if (!stepped || quarry.count == quarry.found.size()) return;
  // The edge is uniform between two moments that are themselves known to some nanoseconds.
  const auto gap = static_cast<double>(to.time_ns - from.time_ns);
  const double ends =
      (square(static_cast<double>(from.half_ns)) + square(static_cast<double>(to.half_ns))) / 6;
  const auto half_ns = std::llround(std::sqrt(square(gap) / 4 + ends));
  if (half_ns > kWidestHalfNs) {
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
  double update_s = 0;
  for (const Quarry& quarry : quarries_) {
    update_s = std::max(update_s, readers.domains()[quarry.column].update_s);
  }
  const int64_t limit = now_ns() + static_cast<int64_t>(periods * update_s * kNsPerSecond);
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
    if (quarry.count >= 2) tell(quarry, time_ns, quarry.last(), quarry.last(1), 0);
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
    if (quarry.count < 2) continue;
    const Edge& near = quarry.found[0];
    const Edge& far = quarry.found[1];
    const double after = static_cast<double>(near.time_ns - time_ns) / kNsPerSecond;
    const double update = static_cast<double>(far.time_ns - near.time_ns) / kNsPerSecond;
    const double watts = (far.joules - near.joules) / update;
    // Had the power not changed with the end of the stretch, this would have been used since.
    double variance = 0;
    if (quarry.edges.known()) {
      const double period = quarry.edges.period_ns() / kNsPerSecond;
      const double doubt = kNoise * watts * M_SQRT2 / kNsPerSecond *
                           std::hypot(quarry.edges.jitter_ns(), near.error_ns);
      const double differs = (near.joules - quarry.from) - watts * period;
      if (std::abs(differs) > doubt) variance = square(differs / period * after) / 3;
    }
    tell(quarry, time_ns, near, far, variance);
  }
  for (Quarry& quarry : quarries_) learn(quarry);
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
