// The last N rows.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace jouletap {

/// A ring of rows of equal width. A row that finds it full takes the place of the oldest, which is
/// counted. All memory is taken at construction. Not synchronised: the sampler's mutex guards it.
class Ring {
 public:
  Ring(size_t capacity, size_t width)
      : rows_(capacity * width), capacity_(capacity), width_(width) {}

  /// Where the next row goes; valid until the next call.
  double* push() {
    double* row = &rows_[(first_ + size_) % capacity_ * width_];
    if (size_ < capacity_) {
      ++size_;
    } else {
      first_ = (first_ + 1) % capacity_;
      ++overwritten_;
    }
    return row;
  }

  /// Moves up to max_rows of the oldest rows to `into`; returns how many.
  size_t pop(double* into, size_t max_rows) {
    const size_t count = std::min(max_rows, size_);
    const size_t to_end = std::min(count, capacity_ - first_);
    into = std::copy_n(rows_.data() + first_ * width_, to_end * width_, into);
    std::copy_n(rows_.data(), (count - to_end) * width_, into);
    first_ = (first_ + count) % capacity_;
    size_ -= count;
    return count;
  }

  size_t size() const { return size_; }
  size_t width() const { return width_; }
  uint64_t overwritten() const { return overwritten_; }

 private:
  std::vector<double> rows_;
  size_t capacity_;
  size_t width_;
  size_t first_ = 0;
  size_t size_ = 0;
  uint64_t overwritten_ = 0;
};

}  // namespace jouletap
