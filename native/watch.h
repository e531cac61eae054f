// Watches over a sampler's sources on a thread of its own, so that no row waits for it: puts others
// in the place of lost ones, and holds each against what else shows the same.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cross_check.h"
#include "readers.h"
#include "source.h"

namespace jouletap {

/// Where else joules can be had. Called on the watch's thread, which may take its time.
struct Reserve {
  using Sources = std::vector<std::unique_ptr<Source>>;
  /// Sources for lost domains, without those whose joules `taken` holds; empty: none are looked
  /// for.
  std::function<Sources(const std::vector<Domain>& lost, const std::vector<Domain>& taken)> anew;
  /// Other sources of what is read; empty: nothing is cross-checked.
  std::function<Sources(const std::vector<Domain>& read)> twins;
};

/// Public methods may be called from any thread, start() and stop() from one at a time.
class Watch {
 public:
  /// `reading` guards the readers. `exchanged` is called after domains have got another source,
  /// with it held.
  Watch(std::mutex& reading, Readers& readers, Reserve reserve, std::function<void()> exchanged);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  /// After the baseline. Cross-checks once, soon, and then waits to be told.
  void start();
  /// Waits for what is being opened right now. Idempotent; not restartable.
  void stop();
  /// Of how many columns the last read gave nothing. With `reading` held.
  void tell(size_t failing) noexcept;
  /// Sentences that belong beside every later number.
  std::vector<std::string> findings() const;
  /// Grows with every finding and every exchange.
  uint32_t changes() const { return changes_; }

  /// What it took of what Overhead counts.
  struct Cost {
    double reads = 0;
    double system_calls = 0;
    double cpu_seconds = 0;
  };
  Cost cost() const;

 private:
  void run() noexcept;  // the thread
  /// A domain that has got another source.
  struct Move {
    std::string id;
    std::string from;
    std::string to;
  };
  bool rest(int64_t ns);
  void cross_check();
  std::vector<Look> look_often(Readers& beside);
  Look look(Readers& beside);
  void mend();
  bool mend_once();
  void tell_of(const std::vector<Move>& moves);
  void find(std::string sentence);
  void charge(const Readers& readers);

  std::mutex& reading_;
  Readers& readers_;
  const Reserve reserve_;
  const std::function<void()> exchanged_;
  std::atomic<size_t> failing_{0};
  std::atomic<uint32_t> changes_{0};

  mutable std::mutex telling_;  // guards what is told of it
  std::vector<std::string> findings_;
  std::vector<Move> moves_;  // the last one of each domain
  Cost cost_;
  int cpu_clock_ = 0;  // of the running thread
  bool running_ = false;

  std::mutex waking_;
  std::condition_variable wake_;
  bool stopping_ = false;
  bool told_ = false;   // more has failed since it was last looked at
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace jouletap
