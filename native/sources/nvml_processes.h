// Who works on a card, as its driver tells: the processes there, and what each has of the SMs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "../shares.h"
#include "nvml_library.h"

namespace jouletap::nvml {

/// The lists of processes that compute or draw on a card or on its MIG instances. Records have
/// grown and shrunk between drivers without a sign (16, 24 or 32 bytes), so a list is fetched into
/// room for the largest, and their size told by what has been written. One call of the driver for
/// each of the two lists, more only where they outgrow the room. Allocates.
class ProcessLists {
 public:
  /// Puts their numbers into `pids`, in any order. Else returns what the driver answered:
  /// kNotSupported where it gives no lists at all.
  int ask(const Library& library, Device device, std::vector<int>& pids);

 private:
  using List = int (*)(Device device, unsigned* count, void* infos);
  int append(List list, size_t usual_size, Device device, std::vector<int>& pids);

  std::vector<unsigned char> bytes_;
  size_t room_ = 5;  // records
};

/// The driver's history of what each process had of a card's SMs.
class UtilHistory {
 public:
  /// Adds to `samples` what is new since the last call, the first time all that the driver
  /// remembers; one call of the driver, two where the room for it is made. Else returns what that
  /// answered. Allocates.
  int ask(const Functions& call, Device device, std::vector<UtilSample>& samples);

 private:
  std::vector<ProcessUtilization> records_;
  uint64_t last_us_ = 0;  // on the driver's clock, whichever that is
};

}  // namespace jouletap::nvml
