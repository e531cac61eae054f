// Reads several sources as one: their domains side by side, each with the time it was taken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "clock.h"
#include "source.h"

namespace jouletap {

/// The sources of one sampler. Not synchronised, but for what says otherwise.
class Readers {
 public:
  /// suspended: nanoseconds that the machine has been suspended since boot.
  explicit Readers(std::vector<std::unique_ptr<Source>> sources,
                   int64_t (*suspended)() = suspended_ns);

  /// Columns in the order of the sources; additive is set.
  const std::vector<Domain>& domains() const { return domains_; }
  /// One a domain, as of the last reads.
  const std::vector<Tally>& tallies() const { return tallies_; }
  /// Reads every domain; time_ns() is then the middle of all their stamps.
  void read() noexcept;
  int64_t time_ns() const { return time_ns_; }
  /// Reads the domains that come from one system call with this one; only where its `call` is ≥ 0.
  void read_call(size_t column) noexcept;
  /// Whether the last read gave a value of every domain that is read here.
  bool settled() const noexcept;
  /// System calls of one read().
  size_t calls() const { return calls_; }
  /// Whether power has to be read here and integrated, which takes reads from time to time.
  bool integrates() const;
  /// CPUs on which a read is cheapest; empty: any.
  std::vector<int> home() const;

  // Of sources with a thread of their own. Any thread that may wait; start() and stop() from one.
  void start();
  void refresh() noexcept;
  void stop() noexcept;
  double cpu_seconds() const;
  std::vector<DeviceShares> shares() const;

 private:
  struct Part {
    std::unique_ptr<Source> source;
    size_t first;  // its first column
    bool stamps;
  };
  const Part& part_of(size_t column) const noexcept;
  void notice_sleep() noexcept;

  std::vector<Part> parts_;
  std::vector<Domain> domains_;
  std::vector<Tally> tallies_;
  int64_t (*suspended_)();
  int64_t slept_ns_;
  int64_t time_ns_ = 0;
  size_t calls_ = 0;
};

}  // namespace jouletap
