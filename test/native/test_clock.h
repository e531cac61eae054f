// A clock of the test's own in place of the system's, for the whole program that includes this: it
// goes on by two microseconds or so with each look, and where the thread is to be held up, by more.
// So a test of timing is as exact, and as unlucky, as it wants to be, however busy the machine is.
//
// One thread only, and none that sleeps.
#pragma once

#include <time.h>

#include <cmath>
#include <cstdint>

namespace test_clock {

struct State {
  int64_t ns = 1'000'000'000'000;
  uint64_t random = 1;
  double hold_share = 0;  // of the looks, after which the thread is held up
  double hold_ns = 0;     // mean of an exponential distribution
};

inline State& state() {
  static State state;
  return state;
}

/// Starts anew: held up after this share of looks, for as long on average; another seed, other
/// luck.
inline void start(double hold_share = 0, double hold_ns = 0, uint64_t seed = 1) {
  state().random = seed;
  state().hold_share = hold_share;
  state().hold_ns = hold_ns;
}

inline void go_on(double ns) { state().ns += std::llround(ns); }

/// Uniform in [0, 1): Knuth's MMIX generator.
inline double random() {
  state().random = state().random * 6364136223846793005u + 1442695040888963407u;
  return static_cast<double>(state().random >> 11) * 0x1p-53;
}

}  // namespace test_clock

extern "C" int clock_gettime(clockid_t /*clock*/, timespec* time) noexcept {
  test_clock::go_on(1200 + 1600 * test_clock::random());
  const test_clock::State& state = test_clock::state();
  if (test_clock::random() < state.hold_share) {
    test_clock::go_on(-state.hold_ns * std::log(1 - test_clock::random()));
  }
  time->tv_sec = state.ns / 1'000'000'000;
  time->tv_nsec = state.ns % 1'000'000'000;
  return 0;
}
