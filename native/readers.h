// Reads several sources as one: their domains side by side, each with the time it was taken, and
// other sources in the place of those that are lost.
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

  /// Columns in the order of the sources; additive is set. Their number and ids never change.
  const std::vector<Domain>& domains() const { return domains_; }
  /// How many. Any thread.
  size_t columns() const { return tallies_.size(); }
  /// One a domain, as of the last reads.
  const std::vector<Tally>& tallies() const { return tallies_; }
  /// Reads every domain; time_ns() is then the middle of all their stamps.
  void read() noexcept;
  int64_t time_ns() const { return time_ns_; }
  /// Reads the domains that come from one system call with this one; only where its `call` is ≥ 0.
  void read_call(size_t column) noexcept;
  /// Whether both come from one system call.
  bool share_call(size_t a, size_t b) const noexcept;
  /// Whether the last read gave a value of every domain that is read here.
  bool settled() const noexcept;
  /// System calls of one read().
  size_t calls() const { return calls_; }
  /// Whether power has to be read here and integrated, which takes reads from time to time.
  bool integrates() const;
  /// CPUs on which a read is cheapest; empty: any.
  std::vector<int> home() const;

  /// Of how many columns the last read gave nothing; but for those of sources with a thread of
  /// their own, which mend themselves.
  size_t failing() const noexcept;
  /// The columns of which no read has given anything for at least so long.
  std::vector<size_t> lost(int64_t for_ns) const;

  struct Exchange {
    std::vector<size_t> columns;                   // that now have another source
    std::vector<std::unique_ptr<Source>> retired;  // what of sources is not needed any more
  };
  /// Reads lost columns through those of `sources` that have domains of their ids. What they count
  /// from their first read on is added to what was counted so far. A source with a thread of its
  /// own is not taken.
  Exchange exchange(const std::vector<size_t>& lost, std::vector<std::unique_ptr<Source>> sources);

  // Of sources with a thread of their own. Any thread that may wait; start() and stop() from one.
  void start();
  void refresh() noexcept;
  void stop() noexcept;
  double cpu_seconds() const;
  std::vector<DeviceShares> shares() const;

 private:
  struct Part {
    std::unique_ptr<Source> source;
    bool stamps;
    size_t first;  // the column of its first domain, where its domains are columns side by side
    // Else, of each domain:
    std::vector<int> columns;    // −1: not wanted
    std::vector<Tally> base;     // what others had counted of it before
    std::vector<Tally> counted;  // what this source has

    bool in_place() const { return columns.empty(); }
    Tally* tallies(std::vector<Tally>& all) noexcept;
  };
  size_t part_of(size_t column) const noexcept;
  void read_part(Part& part, int call) noexcept;
  void notice_sleep() noexcept;
  void merge(const Part& part) noexcept;
  void notice_failures() noexcept;
  void count_calls();
  void let_go(Exchange& done);

  std::vector<Part> parts_;
  std::vector<Source*> threaded_;  // of those, the ones with a thread; they stay
  std::vector<Domain> domains_;
  std::vector<Tally> tallies_;
  std::vector<bool> mended_elsewhere_;  // columns of sources with a thread
  std::vector<int64_t> failing_since_;  // 0: the last read was good
  std::vector<double> failures_;        // up to then
  int64_t (*suspended_)();
  int64_t slept_ns_;
  int64_t time_ns_ = 0;
  size_t calls_ = 0;
};

}  // namespace jouletap
