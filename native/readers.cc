#include "readers.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace jouletap {
namespace {

// A thread that is held up between two clocks looks like a suspension; hardly twice in a row.
constexpr int64_t kShortestSleepNs = 100'000'000;

}  // namespace

Readers::Readers(std::vector<std::unique_ptr<Source>> sources, int64_t (*suspended)())
    : suspended_(suspended), slept_ns_(std::max(suspended(), suspended())) {
  for (auto& source : sources) {
    const size_t first = domains_.size();
    int last_call = -1;
    for (const Domain& domain : source->domains()) {
      domains_.push_back(domain);
      last_call = std::max(last_call, domain.call);
    }
    calls_ += static_cast<size_t>(last_call + 1);
    const bool stamps = source->stamps();
    parts_.push_back({std::move(source), first, stamps});
  }
  choose_additive(domains_);
  tallies_.resize(domains_.size());
  for (size_t i = 0; i < domains_.size(); ++i) tallies_[i].method = domains_[i].method;
}

void Readers::notice_sleep() noexcept {
  const int64_t slept_ns = suspended_();
  if (slept_ns - slept_ns_ <= kShortestSleepNs) return;
  const int64_t again_ns = suspended_();
  if (again_ns - slept_ns_ <= kShortestSleepNs) return;
  slept_ns_ = std::max(slept_ns, again_ns);
  for (const Part& part : parts_) part.source->resume();
}

void Readers::read() noexcept {
  notice_sleep();
  int64_t earliest = std::numeric_limits<int64_t>::max();
  int64_t latest = 0;
  for (const Part& part : parts_) {
    Tally* tallies = tallies_.data() + part.first;
    Tally* const end = tallies + part.source->domains().size();
    if (part.stamps) {
      part.source->read(tallies);
    } else {
      const int64_t before = now_ns();
      part.source->read(tallies);
      const Stamp stamp = stamp_between(before, now_ns());
      for (Tally* tally = tallies; tally != end; ++tally) tally->stamp = stamp;
    }
    for (; tallies != end; ++tallies) {
      earliest = std::min(earliest, tallies->stamp.time_ns);
      latest = std::max(latest, tallies->stamp.time_ns);
    }
  }
  time_ns_ = domains_.empty() ? now_ns() : midpoint(earliest, latest);
}

void Readers::read_call(size_t column) noexcept {
  notice_sleep();
  const Part& part = part_of(column);
  part.source->read_call(domains_[column].call, tallies_.data() + part.first);
}

bool Readers::settled() const noexcept {
  for (size_t i = 0; i < domains_.size(); ++i) {
    if (domains_[i].call >= 0 && !tallies_[i].fresh) return false;
  }
  return true;
}

const Readers::Part& Readers::part_of(size_t column) const noexcept {
  auto part = parts_.end();
  do {
    --part;
  } while (part->first > column);
  return *part;
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
  for (const Part& part : parts_) part.source->start();
}

void Readers::refresh() noexcept {
  for (const Part& part : parts_) part.source->refresh();
}

void Readers::stop() noexcept {
  for (const Part& part : parts_) part.source->stop();
}

double Readers::cpu_seconds() const {
  double seconds = 0;
  for (const Part& part : parts_) seconds += part.source->cpu_seconds();
  return seconds;
}

std::vector<DeviceShares> Readers::shares() const {
  std::vector<DeviceShares> all;
  for (const Part& part : parts_) {
    for (DeviceShares& device : part.source->shares()) all.push_back(std::move(device));
  }
  return all;
}

}  // namespace jouletap
