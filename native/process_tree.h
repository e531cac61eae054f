// Processes and their descendants, by procfs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

namespace jouletap {

/// Some processes and all their descendants. A process that was once seen to be one of them stays
/// one when its parents end; one whose parents ended before it was asked about is not known.
/// Numbers that are given out anew are told apart by the time at which a process started.
///
/// Not synchronised; reads files and allocates.
class ProcessTree {
 public:
  /// `proc` is the folder of procfs.
  ProcessTree(std::filesystem::path proc, const std::vector<int>& pids);

  /// Whether a running process is of the tree.
  bool holds(int pid);
  /// Of the processes that it was made of, those that did not run then.
  const std::vector<int>& missing() const { return missing_; }
  /// Whether these numbers may not be the machine's: the caller lives in a container that counts
  /// processes by itself.
  bool own_numbers() const;

 private:
  struct Process {
    int parent = 0;
    int64_t start = 0;  // ticks since boot; 0: it does not run
  };
  Process read(int pid) const;
  bool is_known(int pid, int64_t start) const;

  std::filesystem::path proc_;
  std::unordered_map<int, int64_t> known_;  // start by number
  std::vector<int> missing_;
};

}  // namespace jouletap
