// AMD graphics cards: what amdgpu's gpu_metrics table says of energy, and the list of the cards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace jouletap {

/// Joules of one count of the energy accumulator: 2^-16, about 15.259 µJ (Linux,
/// kgd_pp_interface.h; the same as in AMD SMI for every card).
constexpr double kGpuMetricsJoules = 1.0 / 65536;

/// Bytes of a table that are read: energy and power are near its front in all revisions.
constexpr size_t kGpuMetricsBytes = 512;

struct GpuMetrics {
  int format = 0;                  // 1: a card; 2 and 3: an APU, which has no accumulator
  int content = 0;                 // the revision is v<format>_<content>
  std::optional<uint64_t> energy;  // counts since the card's start
  std::optional<uint16_t> watts;   // of the socket
  bool wide = false;               // energy counts in 64 bits; else perhaps in 32
};

/// Decodes a table, or as much of it as fits kGpuMetricsBytes. False, and errno: EINVAL for one
/// that is short or torn, EPROTONOSUPPORT (format and content are set) for an unknown revision.
bool parse_gpu_metrics(const uint8_t* bytes, size_t size, GpuMetrics* metrics) noexcept;

/// Reads and decodes an open gpu_metrics file by one pread. Does not allocate. False, and errno:
/// the above, or what the driver says; EOPNOTSUPP: this card has no table.
bool read_gpu_metrics(int descriptor, GpuMetrics* metrics) noexcept;

/// A card as ROCm counts it.
struct AmdGpu {
  int index = 0;     // what ROCR_VISIBLE_DEVICES and HIP_VISIBLE_DEVICES count from
  std::string pci;   // "0000:03:00.0"; partitions of one card share it
  std::string uuid;  // "GPU-" and 16 hexadecimal digits; empty if the card has none
  std::string name;  // what it is sold as, or its code name; may be empty
};

/// AMD's cards in ROCm's order, that of the kernel's KFD topology; where that has none, those
/// that amdgpu drives, by PCI address. Wakes none.
std::vector<AmdGpu> list_amd_gpus(const std::filesystem::path& root);

}  // namespace jouletap
