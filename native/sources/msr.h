// Machine-specific registers through /dev/cpu/N/msr.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <utility>

#include "../files.h"

namespace jouletap {

/// One register: the file's offset is its number.
inline bool read_register(int descriptor, uint32_t number, uint64_t* value) noexcept {
  unsigned char bytes[8];
  if (::pread(descriptor, bytes, sizeof bytes, static_cast<off_t>(number)) != sizeof bytes) {
    return false;
  }
  *value = 0;
  for (int i = 7; i >= 0; --i) *value = *value << 8 | bytes[i];
  return true;
}

/// The registers of a package or die. A CPU that goes off line takes its file with it, and leaves
/// the registers to the others.
struct Registers {
  File file;
  File spare;

  bool read(uint32_t number, uint64_t* value) noexcept {
    if (read_register(file.get(), number, value)) return true;
    if (!spare || !read_register(spare.get(), number, value)) return false;
    std::swap(file, spare);
    return true;
  }
};

}  // namespace jouletap
