// Divides the energy of one device among the processes that used it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <unordered_map>
#include <vector>

namespace jouletap {

/// What one process did in one sampling period of the driver
/// (nvmlProcessUtilizationSample_t: pid, timeStamp, smUtil).
struct UtilSample {
  uint32_t pid = 0;
  int64_t time_us = 0;  // when the period ended, on the driver's clock
  double sm = 0;        // 0…100: per cent of the period in which its kernels were on the SMs
};

/// What a process has used so far.
struct Share {
  uint32_t pid = 0;
  double joules = 0;      // modelled: no counter knows of processes
  double sm_seconds = 0;  // seconds of the whole device
};

/// Divides the energy of a device, round by round, by what each process had of the SMs:
///
///   idle = min(joules, idle_watts · seconds)
///   joules of p = (joules − idle) · Σ sm of p · dt ÷ Σ sm of all · dt
///
/// Where no process used the SMs the rest is unattributed. idle + unattributed + all shares =
/// measured, but for rounding, and none is ever negative. The shares are a model: they take it that
/// a second on the SMs costs the same whoever has it.
///
/// dt is the time since the sampling before; samples less than 50 ms apart are of one sampling (the
/// driver's period is 1/6 to 1 s). Where that is not known (the first sampling, one after a pause,
/// since a driver keeps silent of idle processes, or one that comes late) it is the round divided
/// by its samplings. Where the processes of one sampling have more than 100 per cent together they
/// are scaled to 100.
///
/// idle_watts is the least mean power of a round in which no process used the SMs. Until there has
/// been one it is not known, and the idle part is 0; energy that has been divided is not divided
/// again. So a round must be longer than the driver's period: a shorter one holds no sample and
/// would pass for idle.
///
/// Calls come from one thread, that of the device: it allocates.
class Shares {
 public:
  /// Accounts `joules` that the device used over `seconds`, with the samples that the driver took
  /// meanwhile, in any order. A sample that is no newer than the last one of its process counts
  /// nothing, so the driver's buffer may be handed in more than once. What is negative or no number
  /// counts as 0, and sm beyond 100 as 100.
  void add(double joules, double seconds, const std::vector<UtilSample>& samples);

  double measured() const { return measured_; }
  double idle() const { return idle_; }
  double unattributed() const { return unattributed_; }
  /// The processes that used the SMs, in the order in which they were first seen to.
  const std::vector<Share>& shares() const { return shares_; }
  /// NaN until known.
  double idle_watts() const { return idle_watts_; }

 private:
  struct Use {
    size_t share;  // in shares_
    double sm_seconds;
  };
  std::vector<Use> uses(double seconds, std::vector<UtilSample> samples);
  size_t share_of(uint32_t pid);

  double measured_ = 0;
  double idle_ = 0;
  double unattributed_ = 0;
  double idle_watts_ = std::numeric_limits<double>::quiet_NaN();
  std::vector<Share> shares_;
  std::unordered_map<uint32_t, size_t> places_;    // in shares_
  std::unordered_map<uint32_t, int64_t> last_us_;  // of each process's samples
  int64_t sampled_us_ = 0;                         // the last sampling of the device
  bool sampled_ = false;
};

}  // namespace jouletap
