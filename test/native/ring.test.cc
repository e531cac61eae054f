// Ring: order, overwriting, counting.
#include "ring.h"

#include "check.h"

using jouletap::Ring;

TEST(rows_come_out_in_order) {
  Ring ring(4, 2);
  for (int i = 0; i < 3; ++i) {
    double* row = ring.push();
    row[0] = i;
    row[1] = 10 * i;
  }
  double rows[8];
  CHECK_EQ(ring.pop(rows, 2), 2u);
  CHECK_EQ(rows[0], 0.0);
  CHECK_EQ(rows[3], 10.0);
  CHECK_EQ(ring.pop(rows, 4), 1u);
  CHECK_EQ(rows[0], 2.0);
  CHECK_EQ(ring.pop(rows, 4), 0u);
  CHECK_EQ(ring.overwritten(), 0u);
}

TEST(a_full_ring_overwrites_the_oldest_and_counts) {
  for (int pushed = 1; pushed <= 13; ++pushed) {
    Ring ring(4, 1);
    for (int i = 0; i < pushed; ++i) *ring.push() = i;
    const int kept = std::min(pushed, 4);
    CHECK_EQ(ring.overwritten(), static_cast<uint64_t>(pushed - kept));
    double rows[4];
    CHECK_EQ(ring.pop(rows, 4), static_cast<size_t>(kept));
    for (int i = 0; i < kept; ++i) CHECK_EQ(rows[i], static_cast<double>(pushed - kept + i));
  }
}
