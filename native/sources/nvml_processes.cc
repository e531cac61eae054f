#include "nvml_processes.h"

#include <algorithm>
#include <cstring>

namespace jouletap::nvml {
namespace {

// No record ends with it: its last byte is the highest of a size, which is 0, or 0xff for unknown,
// or of an instance's number, likewise.
constexpr unsigned char kUnwritten = 0xa5;
constexpr size_t kSlackBytes = 64;
// Lists may grow between two calls.
constexpr int kAttempts = 4;
// More are no answer.
constexpr unsigned kMost = 100'000;

/// Bytes of one record, of `count` in what was kUnwritten throughout.
size_t record_size(const std::vector<unsigned char>& bytes, size_t count, size_t usual_size) {
  const auto end = std::find_if(bytes.rbegin(), bytes.rend(),
                                [](unsigned char byte) { return byte != kUnwritten; });
  const auto written = static_cast<size_t>(bytes.rend() - end);
  for (const size_t size : {sizeof(ProcessV1), sizeof(ProcessV2), Library::kLargestProcess}) {
    if (written == count * size) return size;
  }
  return usual_size;
}

}  // namespace

int ProcessLists::append(List list, size_t usual_size, Device device, std::vector<int>& pids) {
  if (list == nullptr) return kNotSupported;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    bytes_.assign(room_ * Library::kLargestProcess + kSlackBytes, kUnwritten);
    auto count = static_cast<unsigned>(room_);
    const int result = list(device, &count, bytes_.data());
    if (result == kInsufficientSize && count <= kMost) {
      room_ = 2 * std::max<size_t>(room_, count) + 5;
      continue;
    }
    if (result != kSuccess) return result;
    const size_t records = std::min<size_t>(count, room_);
    const size_t size = record_size(bytes_, records, usual_size);
    for (size_t i = 0; i < records; ++i) {
      unsigned pid = 0;
      std::memcpy(&pid, &bytes_[i * size], sizeof pid);
      pids.push_back(static_cast<int>(pid));
    }
    return kSuccess;
  }
  return kInsufficientSize;
}

int ProcessLists::ask(const Library& library, Device device, std::vector<int>& pids) {
  const Functions& call = library.call();
  const size_t usual_size = library.process_size();
  pids.clear();
  const int computing = append(call.DeviceGetComputeRunningProcesses, usual_size, device, pids);
  if (computing != kSuccess && computing != kNotSupported) return computing;
  const int drawing = append(call.DeviceGetGraphicsRunningProcesses, usual_size, device, pids);
  return drawing == kNotSupported ? computing : drawing;
}

int UtilHistory::ask(const Functions& call, Device device, std::vector<UtilSample>& samples) {
  if (call.DeviceGetProcessUtilization == nullptr) return kNotSupported;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto count = static_cast<unsigned>(records_.size());
    const int result = call.DeviceGetProcessUtilization(
        device, records_.empty() ? nullptr : records_.data(), &count, last_us_);
    if (result == kNotFound) return kSuccess;  // nothing newer
    const bool sized = result == kSuccess && records_.empty();
    if (sized && count == 0) return kSuccess;
    if ((sized || result == kInsufficientSize) && count <= kMost) {
      records_.resize(2 * std::max<size_t>(records_.size(), count) + 5);
      continue;
    }
    if (result != kSuccess) return result;
    uint64_t newest_us = last_us_;
    for (size_t i = 0; i < std::min<size_t>(count, records_.size()); ++i) {
      const ProcessUtilization& record = records_[i];
      // Drivers leave some of the room as it was.
      if (record.pid == 0 || record.sm > 100 || record.timestamp <= last_us_) continue;
      samples.push_back(
          {record.pid, static_cast<int64_t>(record.timestamp), static_cast<double>(record.sm)});
      newest_us = std::max<uint64_t>(newest_us, record.timestamp);
    }
    last_us_ = newest_us;
    return kSuccess;
  }
  return kInsufficientSize;
}

}  // namespace jouletap::nvml
