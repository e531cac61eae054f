// Counts the instructions of one thread, for the bench: nothing else uses it.
#pragma once

#include <string>
#include <utility>
#include <variant>

#include "files.h"

namespace jouletap {

/// Instructions that one thread of this process has executed, in user mode and in the kernel. While
/// it is open, every context switch of that thread is dearer: no CPU time is to be taken meanwhile.
class Instructions {
 public:
  /// Counts from now on. thread: its id, as gettid(2) gives it; 0: the caller. Otherwise a
  /// sentence: why the kernel counts none.
  static std::variant<Instructions, std::string> open(int thread);
  /// Since open(), on any thread. NaN if that cannot be read, or was not counted all the time.
  double count() const noexcept;

 private:
  explicit Instructions(File event) : event_(std::move(event)) {}
  File event_;
};

}  // namespace jouletap
