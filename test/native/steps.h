// Counters that step at known moments.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "clock.h"
#include "counter.h"
#include "source.h"

namespace jouletap {

constexpr double kTu = 0x1p-10;
constexpr double kUnit = 0x1p-14;

/// Joules since a start, by a power that is known at every moment.
using Curve = std::function<double(double seconds)>;

/// Counters that show the energy up to their last update, computed when they are read.
class Steps : public Source {
 public:
  struct Spec {
    Curve joules;
    double phase = 0;  // of the updates, seconds
    double tu = kTu;
    double jitter = 0;  // each is late by up to this share of a period
    bool additive = true;
    double update_s = kTu;
    int package = -1;  // −1: its place
  };

  explicit Steps(std::vector<Spec> specs) : specs_(std::move(specs)), start_ns_(now_ns()) {
    for (size_t i = 0; i < specs_.size(); ++i) {
      Domain domain;
      domain.package = specs_[i].package < 0 ? static_cast<int>(i) : specs_[i].package;
      domain.id = "package-" + std::to_string(domain.package);
      domain.kind = "package";
      domain.source = "steps";
      if (!specs_[i].additive) domain.role = Role::part;
      if (!specs_[i].additive) domain.parent = "package-0";
      domain.unit = kUnit;
      domain.update_s = specs_[i].update_s;
      domain.max_watts = 1000;
      domain.call = static_cast<int>(i);
      domains_.push_back(domain);
      Counter::Spec spec;
      spec.unit = kUnit;
      spec.stall_ns = 20'000'000;
      counters_.emplace_back(spec);
    }
  }

  const std::vector<Domain>& domains() const override { return domains_; }
  const std::vector<std::string>& notes() const override { return notes_; }
  bool stamps() const override { return true; }
  void read(Tally* tallies) noexcept override {
    for (size_t i = 0; i < specs_.size(); ++i) read_call(static_cast<int>(i), tallies);
  }
  void read_call(int call, Tally* tallies) noexcept override {
    const auto i = static_cast<size_t>(call);
    const Spec& spec = specs_[i];
    const int64_t before = now_ns();
    const double now = since_start(now_ns());
    double number = std::floor((now - spec.phase) / spec.tu);
    if (now < edge(spec, number)) --number;
    if (now >= edge(spec, number + 1)) ++number;
    const double update = edge(spec, number);
    const auto raw = static_cast<uint64_t>(spec.joules(std::max(0.0, update)) / kUnit);
    tallies[i].stamp = stamp_between(before, now_ns());
    counters_[i].look(raw, tallies[i].stamp.time_ns, tallies[i]);
  }
  int64_t start_ns() const { return start_ns_; }
  double since_start(int64_t ns) const { return static_cast<double>(ns - start_ns_) * 1e-9; }

 private:
  /// When an update happens.
  static double edge(const Spec& spec, double number) {
    const double late = std::fmod(std::abs(std::sin(number * 12.9898) * 43758.5453), 1.0);
    return (number + late * spec.jitter) * spec.tu + spec.phase;
  }

  std::vector<Spec> specs_;
  int64_t start_ns_;
  std::vector<Domain> domains_;
  std::vector<Counter> counters_;
  std::vector<std::string> notes_;
};

inline std::vector<std::unique_ptr<Source>> steps(std::vector<Steps::Spec> specs,
                                                  int64_t* start_ns = nullptr) {
  auto made = std::make_unique<Steps>(std::move(specs));
  if (start_ns != nullptr) *start_ns = made->start_ns();
  std::vector<std::unique_ptr<Source>> sources;
  sources.push_back(std::move(made));
  return sources;
}

inline Curve constant(double watts) {
  return [watts](double seconds) { return watts * seconds; };
}

}  // namespace jouletap
