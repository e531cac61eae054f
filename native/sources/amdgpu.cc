#include "amdgpu.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <map>
#include <sstream>
#include <system_error>
#include <utility>

#include "../files.h"

namespace jouletap {
namespace {

namespace fs = std::filesystem;

constexpr size_t kHeaderBytes = 4;
constexpr uint16_t kNoWatts = 0xffff;
constexpr uint64_t kNoEnergy = ~uint64_t{0};
// What the kernel hands on where new firmware of RDNA 3 dropped its 32-bit accumulator.
constexpr uint64_t kNoEnergy32 = 0xffffffff;

// Where structs gpu_metrics_v1_0 to v1_8 of Linux' kgd_pp_interface.h have the two. Revisions do
// not append to one another.
struct Layout {
  size_t watts;  // u16
  size_t energy;
  size_t energy_bytes;
  bool wide;
};
constexpr Layout kCards[] = {
    {34, 36, 4, false}, {22, 24, 8, false}, {22, 24, 8, false},
    {22, 24, 8, false}, {10, 24, 8, true},  {10, 88, 8, true},
    {10, 16, 8, true},  {10, 24, 8, true},  {10, 24, 8, true},
};
constexpr int kLastFixed = 8;

// From v1_9 on a table is a list: encoding (u64), values, encoding, values, …, without padding.
constexpr int kList = 9;
constexpr size_t kListStart = 8;
constexpr uint64_t kSocketWattsId = 3;
constexpr uint64_t kEnergyId = 7;

template <typename T>
T load(const uint8_t* bytes) noexcept {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

void set_watts(uint16_t watts, GpuMetrics* metrics) noexcept {
  if (watts != kNoWatts) metrics->watts = watts;
}

void set_energy(uint64_t energy, GpuMetrics* metrics) noexcept {
  if (energy == kNoEnergy || (!metrics->wide && energy == kNoEnergy32)) return;
  metrics->energy = energy;
}

bool parse_fixed(const uint8_t* bytes, size_t size, GpuMetrics* metrics) noexcept {
  const Layout& layout = kCards[metrics->content];
  if (size < layout.energy + layout.energy_bytes) return false;
  metrics->wide = layout.wide;
  set_watts(load<uint16_t>(bytes + layout.watts), metrics);
  const uint8_t* energy = bytes + layout.energy;
  set_energy(layout.energy_bytes == 4 ? load<uint32_t>(energy) : load<uint64_t>(energy), metrics);
  return true;
}

bool parse_list(const uint8_t* bytes, size_t size, GpuMetrics* metrics) noexcept {
  if (size < kListStart) return false;
  metrics->wide = true;
  auto left = load<uint32_t>(bytes + kHeaderBytes);
  for (size_t at = kListStart; left > 0 && at + 8 <= size; --left) {
    const auto encoding = load<uint64_t>(bytes + at);
    const uint64_t count = encoding & 0x3ff;
    const uint64_t id = encoding >> 10 & 0x3ff;
    // u8, s8, u16, s16, u32, s32, u64, s64
    const uint64_t type = encoding >> 20 & 0xf;
    const size_t value_bytes = size_t{1} << (type / 2);
    at += 8;
    if (type > 7 || at + count * value_bytes > size) break;
    if (count == 1 && id == kSocketWattsId && value_bytes == 2) {
      set_watts(load<uint16_t>(bytes + at), metrics);
    }
    if (count == 1 && id == kEnergyId && value_bytes == 8) {
      set_energy(load<uint64_t>(bytes + at), metrics);
    }
    at += count * value_bytes;
  }
  return true;
}

bool fail(int error) noexcept {
  errno = error;
  return false;
}

/// The lines "name value" of a KFD node.
std::map<std::string, uint64_t> read_properties(const fs::path& path) {
  std::map<std::string, uint64_t> properties;
  std::istringstream lines(read_text(path).value_or(""));
  std::string name;
  std::string text;
  while (lines >> name >> text) {
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc{} && end == text.data() + text.size()) properties[name] = value;
  }
  return properties;
}

template <typename... Values>
std::string format(const char* pattern, Values... values) {
  char text[40];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

std::string uuid_of(uint64_t unique_id) {
  return unique_id == 0 ? "" : format("GPU-%016llx", static_cast<unsigned long long>(unique_id));
}

std::vector<AmdGpu> list_kfd(const fs::path& root) {
  const fs::path nodes = root / "sys/class/kfd/kfd/topology/nodes";
  std::vector<AmdGpu> gpus;
  for (const std::string& node : list_folder(nodes)) {
    // 0 for a CPU; unreadable for a card that a container may not use, which ROCm does not count.
    const auto gpu_id = read_text(nodes / node / "gpu_id");
    if (!gpu_id || gpu_id->empty() || *gpu_id == "0") continue;
    auto properties = read_properties(nodes / node / "properties");
    if (properties.count("location_id") == 0) continue;
    // Bits 28 to 31 of the location may number a partition.
    const uint64_t location = properties["location_id"];
    AmdGpu gpu;
    gpu.index = static_cast<int>(gpus.size());
    gpu.pci =
        format("%04x:%02x:%02x.%x", static_cast<unsigned>(properties["domain"]),
               static_cast<unsigned>(location >> 8 & 0xff),
               static_cast<unsigned>(location >> 3 & 0x1f), static_cast<unsigned>(location & 7));
    gpu.uuid = uuid_of(properties["unique_id"]);
    gpu.name = read_text(root / "sys/bus/pci/devices" / gpu.pci / "product_name").value_or("");
    if (gpu.name.empty()) gpu.name = read_text(nodes / node / "name").value_or("");
    gpus.push_back(std::move(gpu));
  }
  return gpus;
}

std::vector<AmdGpu> list_pci(const fs::path& root) {
  const fs::path devices = root / "sys/bus/pci/devices";
  std::vector<std::string> addresses = list_folder(devices);
  std::sort(addresses.begin(), addresses.end());  // hexadecimal, of one width
  std::vector<AmdGpu> gpus;
  for (const std::string& address : addresses) {
    std::error_code error;
    const fs::path driver = fs::read_symlink(devices / address / "driver", error);
    if (error || driver.filename() != "amdgpu") continue;
    AmdGpu gpu;
    gpu.index = static_cast<int>(gpus.size());
    gpu.pci = address;
    const std::string digits = read_text(devices / address / "unique_id").value_or("");
    uint64_t unique_id = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), unique_id, 16);
    gpu.uuid = uuid_of(unique_id);
    gpu.name = read_text(devices / address / "product_name").value_or("");
    gpus.push_back(std::move(gpu));
  }
  return gpus;
}

}  // namespace

bool parse_gpu_metrics(const uint8_t* bytes, size_t size, GpuMetrics* metrics) noexcept {
  *metrics = {};
  if (size < kHeaderBytes) return fail(size == 0 ? ENODATA : EINVAL);
  if (size != std::min<size_t>(load<uint16_t>(bytes), kGpuMetricsBytes)) return fail(EINVAL);
  metrics->format = bytes[2];
  metrics->content = bytes[3];
  if (metrics->format == 2 || metrics->format == 3) return true;
  if (metrics->format != 1 || metrics->content > kList) return fail(EPROTONOSUPPORT);
  const bool whole = metrics->content <= kLastFixed ? parse_fixed(bytes, size, metrics)
                                                    : parse_list(bytes, size, metrics);
  return whole || fail(EINVAL);
}

bool read_gpu_metrics(int descriptor, GpuMetrics* metrics) noexcept {
  uint8_t bytes[kGpuMetricsBytes];
  ssize_t got = -1;
  for (int attempt = 0; attempt < 4; ++attempt) {
    got = ::pread(descriptor, bytes, sizeof bytes, 0);
    if (got >= 0 || (errno != EAGAIN && errno != EINTR)) break;
  }
  return got >= 0 && parse_gpu_metrics(bytes, static_cast<size_t>(got), metrics);
}

std::vector<AmdGpu> list_amd_gpus(const fs::path& root) {
  std::vector<AmdGpu> gpus = list_kfd(root);
  return gpus.empty() ? list_pci(root) : gpus;
}

}  // namespace jouletap
