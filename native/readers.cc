#include "readers.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace jouletap {
namespace {

// A thread that is held up between two clocks looks like a suspension; hardly twice in a row.
constexpr int64_t kShortestSleepNs = 100'000'000;
// Instead of the number of a system call.
constexpr int kAll = -1;

Tally sum(const Tally& base, const Tally& counted) noexcept {
  Tally all = counted;
  all.joules += base.joules;
  all.covered_ms += base.covered_ms;
  all.variance += base.variance;
  all.bias += base.bias;
  all.wraps += base.wraps;
  all.resets += base.resets;
  all.backwards += base.backwards;
  all.ambiguous += base.ambiguous;
  all.failures += base.failures;
  all.stalls += base.stalls;
  all.bridged += base.bridged;
  all.excess += base.excess;
  return all;
}

}  // namespace

Readers::Readers(std::vector<std::unique_ptr<Source>> sources, int64_t (*suspended)())
    : suspended_(suspended), slept_ns_(std::max(suspended(), suspended())) {
  for (auto& source : sources) {
    const size_t first = domains_.size();
    const auto& domains = source->domains();
    domains_.insert(domains_.end(), domains.begin(), domains.end());
    const bool threaded = source->has_thread();
    if (threaded) threaded_.push_back(source.get());
    mended_elsewhere_.resize(domains_.size(), threaded);
    const bool stamps = source->stamps();
    parts_.push_back({std::move(source), stamps, first, {}, {}, {}});
  }
  count_calls();
  choose_additive(domains_);
  tallies_.resize(domains_.size());
  failures_.resize(domains_.size());
  failing_since_.resize(domains_.size());
  for (size_t i = 0; i < domains_.size(); ++i) tallies_[i].method = domains_[i].method;
}

void Readers::count_calls() {
  calls_ = 0;
  for (const Part& part : parts_) {
    int last = -1;
    for (const Domain& domain : part.source->domains()) last = std::max(last, domain.call);
    calls_ += static_cast<size_t>(last + 1);
  }
}

void Readers::notice_sleep() noexcept {
  const int64_t slept_ns = suspended_();
  if (slept_ns - slept_ns_ <= kShortestSleepNs) return;
  const int64_t again_ns = suspended_();
  if (again_ns - slept_ns_ <= kShortestSleepNs) return;
  slept_ns_ = std::max(slept_ns, again_ns);
  for (const Part& part : parts_) part.source->resume();
}

Tally* Readers::Part::tallies(std::vector<Tally>& all) noexcept {
  return in_place() ? all.data() + first : counted.data();
}

void Readers::read() noexcept {
  notice_sleep();
  for (Part& part : parts_) read_part(part, kAll);
  int64_t earliest = std::numeric_limits<int64_t>::max();
  int64_t latest = 0;
  for (const Tally& tally : tallies_) {
    earliest = std::min(earliest, tally.stamp.time_ns);
    latest = std::max(latest, tally.stamp.time_ns);
  }
  time_ns_ = domains_.empty() ? now_ns() : midpoint(earliest, latest);
  notice_failures();
}

void Readers::read_call(size_t column) noexcept {
  notice_sleep();
  read_part(parts_[part_of(column)], domains_[column].call);
  notice_failures();
}

bool Readers::share_call(size_t a, size_t b) const noexcept {
  return domains_[a].call >= 0 && domains_[a].call == domains_[b].call && part_of(a) == part_of(b);
}

/// The domains of that call, or all.
void Readers::read_part(Part& part, int call) noexcept {
  Tally* const tallies = part.tallies(tallies_);
  const int64_t before = part.stamps ? 0 : now_ns();
  if (call == kAll) {
    part.source->read(tallies);
  } else {
    part.source->read_call(call, tallies);
  }
  if (!part.stamps) {
    const Stamp stamp = stamp_between(before, now_ns());
    const auto& domains = part.source->domains();
    for (size_t i = 0; i < domains.size(); ++i) {
      if (call == kAll || domains[i].call == call) tallies[i].stamp = stamp;
    }
  }
  merge(part);
}

void Readers::merge(const Part& part) noexcept {
  for (size_t i = 0; i < part.columns.size(); ++i) {
    if (part.columns[i] < 0) continue;
    tallies_[static_cast<size_t>(part.columns[i])] = sum(part.base[i], part.counted[i]);
  }
}

void Readers::notice_failures() noexcept {
  for (size_t i = 0; i < tallies_.size(); ++i) {
    const Tally& tally = tallies_[i];
    if (tally.fresh) {
      failing_since_[i] = 0;
    } else if (tally.failures > failures_[i] && failing_since_[i] == 0 && !mended_elsewhere_[i]) {
      failing_since_[i] = tally.stamp.time_ns;
    }
    failures_[i] = tally.failures;
  }
}

size_t Readers::failing() const noexcept {
  const auto good = std::count(failing_since_.begin(), failing_since_.end(), 0);
  return failing_since_.size() - static_cast<size_t>(good);
}

std::vector<size_t> Readers::lost(int64_t for_ns) const {
  std::vector<size_t> columns;
  for (size_t i = 0; i < failing_since_.size(); ++i) {
    const int64_t since = failing_since_[i];
    if (since != 0 && tallies_[i].stamp.time_ns - since >= for_ns) columns.push_back(i);
  }
  return columns;
}

Readers::Exchange Readers::exchange(const std::vector<size_t>& lost,
                                    std::vector<std::unique_ptr<Source>> sources) {
  Exchange done;
  std::vector<size_t> wanted = lost;
  std::vector<Part> found;
  for (auto& source : sources) {
    const auto& domains = source->domains();
    Part part{nullptr, source->stamps(), 0, std::vector<int>(domains.size(), -1), {}, {}};
    part.base.resize(domains.size());
    part.counted.resize(domains.size());
    bool serves = false;
    for (size_t i = 0; i < domains.size() && !source->has_thread(); ++i) {
      part.counted[i].method = domains[i].method;
      const auto column = std::find_if(wanted.begin(), wanted.end(),
                                       [&](size_t at) { return domains_[at].id == domains[i].id; });
      if (column == wanted.end()) continue;
      part.columns[i] = static_cast<int>(*column);
      part.base[i] = tallies_[*column];
      done.columns.push_back(*column);
      wanted.erase(column);
      serves = true;
    }
    if (!serves) {
      done.retired.push_back(std::move(source));
      continue;
    }
    part.source = std::move(source);
    found.push_back(std::move(part));
  }
  let_go(done);
  for (Part& part : found) {
    for (size_t i = 0; i < part.columns.size(); ++i) {
      if (part.columns[i] < 0) continue;
      Domain& domain = domains_[static_cast<size_t>(part.columns[i])];
      const bool additive = domain.additive;
      domain = part.source->domains()[i];
      domain.additive = additive;
    }
    parts_.push_back(std::move(part));
  }
  count_calls();
  return done;
}

/// Ends what was read of the columns so far, and the sources of which nothing is left.
void Readers::let_go(Exchange& done) {
  const auto gone = [&](size_t column) {
    return std::find(done.columns.begin(), done.columns.end(), column) != done.columns.end();
  };
  for (size_t at = parts_.size(); at-- > 0;) {
    Part& part = parts_[at];
    const size_t count = part.source->domains().size();
    bool loses = false;
    bool keeps = false;
    for (size_t i = 0; i < count; ++i) {
      if (!part.in_place() && part.columns[i] < 0) continue;
      const bool goes =
          gone(part.in_place() ? part.first + i : static_cast<size_t>(part.columns[i]));
      loses = loses || goes;
      keeps = keeps || !goes;
    }
    if (!loses) continue;
    if (!keeps) {
      done.retired.push_back(std::move(part.source));
      parts_.erase(parts_.begin() + static_cast<std::ptrdiff_t>(at));
      continue;
    }
    if (part.in_place()) {
      for (size_t i = 0; i < count; ++i) {
        part.columns.push_back(static_cast<int>(part.first + i));
        part.counted.push_back(tallies_[part.first + i]);
      }
      part.base.resize(count);
    }
    for (int& column : part.columns) {
      if (column >= 0 && gone(static_cast<size_t>(column))) column = -1;
    }
  }
}

bool Readers::settled() const noexcept {
  for (size_t i = 0; i < domains_.size(); ++i) {
    if (domains_[i].call >= 0 && !tallies_[i].fresh) return false;
  }
  return true;
}

size_t Readers::part_of(size_t column) const noexcept {
  const auto feeds = [column](const Part& part) {
    if (!part.in_place())
      return std::find(part.columns.begin(), part.columns.end(), static_cast<int>(column)) !=
             part.columns.end();
    return column >= part.first && column - part.first < part.source->domains().size();
  };
  const auto part = std::find_if(parts_.begin(), parts_.end(), feeds);
  return static_cast<size_t>(part - parts_.begin());
}

bool Readers::integrates() const {
  return std::any_of(parts_.begin(), parts_.end(), [](const Part& part) {
    const auto& domains = part.source->domains();
    return !part.source->has_thread() &&
           std::any_of(domains.begin(), domains.end(),
                       [](const Domain& domain) { return domain.gauge(); });
  });
}

std::vector<int> Readers::home() const {
  for (const Part& part : parts_) {
    auto cpus = part.source->home();
    if (!cpus.empty()) return cpus;
  }
  return {};
}

void Readers::start() {
  for (Source* source : threaded_) source->start();
}

void Readers::refresh() noexcept {
  for (Source* source : threaded_) source->refresh();
}

void Readers::stop() noexcept {
  for (Source* source : threaded_) source->stop();
}

double Readers::cpu_seconds() const {
  double seconds = 0;
  for (const Source* source : threaded_) seconds += source->cpu_seconds();
  return seconds;
}

std::vector<DeviceShares> Readers::shares() const {
  std::vector<DeviceShares> all;
  for (const Source* source : threaded_) {
    for (DeviceShares& device : source->shares()) all.push_back(std::move(device));
  }
  return all;
}

}  // namespace jouletap
