// Counts what a test program takes from the heap: what reads on a grid of times must not.
//
// Include it in exactly one file of a program.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace check {

inline std::atomic<size_t> allocation_count{0};

/// Calls of operator new so far, on all threads.
inline size_t allocations() { return allocation_count.load(); }

}  // namespace check

// Not inlined: the compiler would take malloc() and delete for a mismatched pair.
#define CHECK_NEW __attribute__((noinline))

CHECK_NEW void* operator new(size_t size, const std::nothrow_t&) noexcept {
  ++check::allocation_count;
  return std::malloc(size == 0 ? 1 : size);
}
CHECK_NEW void* operator new(size_t size) {
  void* memory = operator new(size, std::nothrow);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
CHECK_NEW void operator delete(void* memory) noexcept { std::free(memory); }
CHECK_NEW void operator delete(void* memory, size_t) noexcept { std::free(memory); }
CHECK_NEW void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

#undef CHECK_NEW
