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

TEST(rows_that_go_past_the_end_come_out_in_order) {
  for (int first = 0; first < 4; ++first) {
    for (int kept = 0; kept <= 4; ++kept) {
      Ring ring(4, 2);
      double rows[8];
      for (int i = 0; i < first; ++i) ring.push();
      ring.pop(rows, 4);
      for (int i = 0; i < kept; ++i) {
        double* row = ring.push();
        row[0] = i;
        row[1] = 10 * i;
      }
      CHECK_EQ(ring.pop(rows, 4), static_cast<size_t>(kept));
      CHECK_EQ(ring.size(), 0u);
      for (int i = 0; i < kept; ++i) {
        CHECK_EQ(rows[2 * i], static_cast<double>(i));
        CHECK_EQ(rows[2 * i + 1], 10.0 * i);
      }
    }
  }
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
