#include "shares.h"

#include <algorithm>
#include <cmath>

namespace jouletap {
namespace {

constexpr double kOneSampling = 0.05;

/// Seconds between two times of a driver, which may be any numbers.
double between(int64_t from_us, int64_t to_us) {
  return (static_cast<double>(to_us) - static_cast<double>(from_us)) * 1e-6;
}

double sane(double value) { return std::isfinite(value) && value > 0 ? value : 0; }

}  // namespace

size_t Shares::share_of(uint32_t pid) {
  const auto [place, fresh] = places_.try_emplace(pid, shares_.size());
  if (fresh) shares_.push_back({pid, 0, 0});
  return place->second;
}

std::vector<Shares::Use> Shares::uses(double seconds, std::vector<UtilSample> samples) {
  std::stable_sort(samples.begin(), samples.end(),
                   [](const UtilSample& a, const UtilSample& b) { return a.time_us < b.time_us; });
  std::vector<std::vector<UtilSample>> samplings;
  for (const UtilSample& sample : samples) {
    const auto [last, first] = last_us_.try_emplace(sample.pid, sample.time_us);
    if (!first && sample.time_us <= last->second) continue;
    last->second = sample.time_us;
    if (samplings.empty() ||
        between(samplings.back().front().time_us, sample.time_us) >= kOneSampling) {
      samplings.emplace_back();
    }
    samplings.back().push_back(sample);
  }

  std::vector<Use> found;
  for (const std::vector<UtilSample>& sampling : samplings) {
    const int64_t time_us = sampling.front().time_us;
    double dt = sampled_ ? between(sampled_us_, time_us) : 0;
    if (dt < kOneSampling || dt > seconds) dt = seconds / static_cast<double>(samplings.size());
    sampled_us_ = sampled_ ? std::max(sampled_us_, time_us) : time_us;
    sampled_ = true;
    double sum = 0;
    for (const UtilSample& sample : sampling) sum += std::min(100.0, sane(sample.sm));
    for (const UtilSample& sample : sampling) {
      const double part = std::min(100.0, sane(sample.sm)) / std::max(100.0, sum);
      if (part * dt > 0) found.push_back({share_of(sample.pid), part * dt});
    }
  }
  return found;
}

void Shares::add(double joules, double seconds, const std::vector<UtilSample>& samples) {
  joules = sane(joules);
  seconds = sane(seconds);
  measured_ += joules;
  const std::vector<Use> found = uses(seconds, samples);
  double used = 0;
  for (const Use& use : found) used += use.sm_seconds;

  // A counter that stood still says nothing about idle power.
  if (used == 0 && joules > 0 && seconds > 0) {
    idle_watts_ = std::fmin(idle_watts_, joules / seconds);  // the number, if one is none
  }
  const double idle = std::isnan(idle_watts_) ? 0 : std::min(joules, idle_watts_ * seconds);
  idle_ += idle;
  const double rest = joules - idle;
  if (used == 0) unattributed_ += rest;
  for (const Use& use : found) {
    shares_[use.share].joules += rest * (use.sm_seconds / used);
    shares_[use.share].sm_seconds += use.sm_seconds;
  }
}

}  // namespace jouletap
