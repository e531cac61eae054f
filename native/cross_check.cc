#include "cross_check.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

namespace jouletap {
namespace {

constexpr double kTolerance = 0.02;
constexpr double kSigmas = 4;
constexpr double kLeastSeconds = 0.2;
// Readings that lie further apart than this share of the time are of different times.
constexpr double kMostApart = 0.05;
// How far from a whole factor one is still taken for it.
constexpr double kFactorTolerance = 0.05;
constexpr int kMostDies = 16;
constexpr size_t kLeastLooks = 5;
// perf counts units of 2^-32 J from its opening; registers, and powercap, tell theirs as they are.
constexpr double kFinestRegister = 1e-9;

/// Domains whose joules together are those of others together: mostly one and one.
struct Pair {
  std::string id;
  std::vector<size_t> ours;
  std::vector<size_t> theirs;
};

void include(std::vector<size_t>& columns, size_t column) {
  if (std::find(columns.begin(), columns.end(), column) == columns.end()) columns.push_back(column);
}

/// Of each source beside, what shows the same domain; a whole package stands against its dies.
std::vector<Pair> pairs_of(const std::vector<Domain>& read, const std::vector<Domain>& beside) {
  std::vector<Pair> pairs;
  for (size_t i = 0; i < read.size(); ++i) {
    for (size_t j = 0; j < beside.size(); ++j) {
      if (beside[j].source == read[i].source || !same_joules(read[i], beside[j])) continue;
      const std::string& id = read[i].die < 0 ? read[i].id : beside[j].id;
      auto pair = std::find_if(pairs.begin(), pairs.end(), [&](const Pair& other) {
        return other.id == id && beside[other.theirs.front()].source == beside[j].source;
      });
      if (pair == pairs.end()) pair = pairs.insert(pair, {id, {}, {}});
      include(pair->ours, i);
      include(pair->theirs, j);
    }
  }
  return pairs;
}

double flaws(const Tally& tally) {
  return tally.resets + tally.backwards + tally.ambiguous + tally.failures + tally.stalls;
}

/// Nothing where a reading is missing or odd.
std::optional<Counted> counted(const std::vector<size_t>& columns,
                               const std::vector<Domain>& domains, const std::vector<Tally>& from,
                               const std::vector<Tally>& to) {
  Counted all;
  double variance = 0;
  for (const size_t column : columns) {
    const Tally& first = from[column];
    const Tally& last = to[column];
    if (!first.fresh || !last.fresh || flaws(first) != flaws(last)) return std::nullopt;
    const double joules = last.joules - first.joules;
    const double seconds = static_cast<double>(last.stamp.time_ns - first.stamp.time_ns) * 1e-9;
    if (seconds <= 0) return std::nullopt;
    const double unseen = joules / seconds * domains[column].update_s;
    const double unit = domains[column].unit;
    all.joules += joules;
    all.seconds = seconds;
    variance += 2 * (unseen * unseen + unit * unit) / 12;
  }
  all.sigma = std::sqrt(variance);
  return all;
}

double seconds_apart(const Stamp& a, const Stamp& b) {
  return static_cast<double>(std::abs(a.time_ns - b.time_ns) + a.half_ns + b.half_ns) * 1e-9;
}

double seconds_apart(const Pair& pair, const Look& look) {
  double most = 0;
  for (const size_t i : pair.ours) {
    for (const size_t j : pair.theirs) {
      most = std::max(most, seconds_apart(look.read[i].stamp, look.beside[j].stamp));
    }
  }
  return most;
}

bool is_about(double value, double factor) {
  return std::abs(value / factor - 1) <= kFactorTolerance;
}

/// Which rule explains the factor.
std::string explain(const std::string& kind, double ratio) {
  const double factor = std::max(ratio, 1 / ratio);
  if (kind == "dram" && is_about(factor, 4)) {
    return "That is the factor between the units of memory: from Haswell to Ice Lake servers count "
           "it in 2^-16 J, others in the package's unit.";
  }
  const double whole = std::round(factor);
  if (kind == "package" && whole >= 2 && whole <= kMostDies && is_about(factor, whole)) {
    return "A whole factor is what comes of one counter that shows under each die of a package "
           "(mirrored dies, or a CPU of each CCD in the cpumask) and is added up.";
  }
  return "A missed wrap or a wrong unit is possible.";
}

std::string sentence_of(const Pair& pair, const Domain& ours, const Domain& theirs,
                        const Counted& other, double ratio) {
  char text[160];
  if (ratio <= 0) {
    std::snprintf(text, sizeof text, "counts nothing, and %s %.3g J in %.2f s",
                  theirs.source.c_str(), other.joules, other.seconds);
    return pair.id + ": " + ours.source + ", whose joules these are, " + text + ".";
  }
  std::snprintf(text, sizeof text, "counts %.3g times what %s does", ratio, theirs.source.c_str());
  return pair.id + ": " + ours.source + ", whose joules these are, " + text + ". " +
         explain(ours.kind, ratio);
}

bool repeats(size_t a, size_t b, bool from_opening, const std::vector<Look>& looks) {
  const auto raw = [&looks](size_t look, size_t column) { return looks[look].read[column].raw; };
  size_t equal = 0;
  for (size_t look = 0; look < looks.size(); ++look) {
    if (!looks[look].read[a].fresh || !looks[look].read[b].fresh) return false;
    const uint64_t apart = from_opening ? raw(0, b) - raw(0, a) : 0;
    if (raw(look, b) - raw(look, a) == apart) ++equal;
  }
  // A counter may step between the reads of its two names; then they differ in that look.
  const bool same = from_opening ? equal == looks.size() : 2 * equal > looks.size();
  return same && raw(0, a) != raw(looks.size() - 1, a);
}

}  // namespace

Verdict compare(const Counted& ours, const Counted& theirs, double apart_seconds) {
  if (ours.seconds < kLeastSeconds || theirs.seconds < kLeastSeconds || theirs.joules <= 0 ||
      apart_seconds > kMostApart * ours.seconds) {
    return {Verdict::Kind::unknown, 0};
  }
  const double expected = theirs.joules / theirs.seconds * ours.seconds;
  const double most = std::max(ours.joules, expected);
  const double allowed = kTolerance * most + kSigmas * std::hypot(ours.sigma, theirs.sigma) +
                         most / ours.seconds * apart_seconds;
  const bool agree = std::abs(ours.joules - expected) <= allowed;
  return {agree ? Verdict::Kind::agree : Verdict::Kind::differ, ours.joules / expected};
}

std::vector<Finding> disagreements(const std::vector<Domain>& read,
                                   const std::vector<Domain>& beside,
                                   const std::vector<Look>& looks) {
  std::vector<Finding> findings;
  const Look& first = looks.front();
  const Look& last = looks.back();
  for (const Pair& pair : pairs_of(read, beside)) {
    const auto ours = counted(pair.ours, read, first.read, last.read);
    const auto theirs = counted(pair.theirs, beside, first.beside, last.beside);
    if (!ours || !theirs) continue;
    const double apart = seconds_apart(pair, first) + seconds_apart(pair, last);
    const Verdict verdict = compare(*ours, *theirs, apart);
    if (verdict.kind != Verdict::Kind::differ) continue;
    const Domain& mine = read[pair.ours.front()];
    const Domain& other = beside[pair.theirs.front()];
    findings.push_back(
        {pair.id + " by " + other.source, sentence_of(pair, mine, other, *theirs, verdict.ratio)});
  }
  return findings;
}

std::vector<Finding> repetitions(const std::vector<Domain>& read, const std::vector<Look>& looks) {
  std::vector<Finding> findings;
  if (looks.size() < kLeastLooks) return findings;
  for (size_t a = 0; a < read.size(); ++a) {
    if (read[a].kind != "package" || read[a].unit <= 0) continue;
    for (size_t b = a + 1; b < read.size(); ++b) {
      if (read[b].kind != "package" || read[b].source != read[a].source) continue;
      if (!repeats(a, b, read[a].unit < kFinestRegister, looks)) continue;
      const std::string both = read[a].id + " and " + read[b].id;
      findings.push_back(
          {both, both + " show one and the same counter: its joules are in the total twice."});
    }
  }
  return findings;
}

}  // namespace jouletap
