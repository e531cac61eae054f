// gpu_metrics tables, built from the declarations of Linux' kgd_pp_interface.h as a compiler would.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace gpu_metrics {

struct Field {
  std::string name;
  size_t bytes;
  size_t count = 1;
};
using Fields = std::vector<Field>;

inline Fields operator+(Fields a, const Fields& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

inline const Fields kClock{{"system_clock_counter", 8}};
inline const Fields kEnergyAndClock = Fields{{"energy_accumulator", 8}} + kClock;

/// What follows the header in gpu_metrics_v1_<content>, for content 0 to 8.
inline Fields fields_of(int content) {
  const Fields sensors{{"temperature", 2, 6}, {"activity", 2, 3}, {"socket_power", 2}};
  const Fields clocks{{"average_clocks", 2, 7}, {"current_clocks", 2, 7}};
  const Fields card =
      sensors + kEnergyAndClock + clocks +
      Fields{{"throttle_status", 4}, {"current_fan_speed", 2}, {"pcie_link", 2, 2},
             {"padding", 2},         {"activity_acc", 4, 2},   {"temperature_hbm", 2, 4}};
  const Fields stamp{{"firmware_timestamp", 8}};
  const Fields front{{"temperature", 2, 3}, {"socket_power", 2}, {"activity", 2, 2}};
  const Fields vcn{{"vcn_activity", 2, 4}};
  const Fields status{{"throttle_status", 4}, {"gfxclk_lock_status", 4}};
  const Fields cycles{
      {"accumulation_counter", 4}, {"residency_acc", 4, 5}, {"gfxclk_lock_status", 4}};
  const Fields links{{"links", 2, 4}, {"activity_acc", 4, 2}, {"pcie", 8, 5}};
  const Fields nak{{"pcie_nak", 4, 2}};
  const Fields xgmi{{"xgmi_data", 8, 16}};
  const Fields tail = stamp + Fields{{"current_clocks", 2, 20}, {"current_uclk", 2}, {"last", 2}};
  const Fields state{{"xgmi_link_status", 2, 8}, {"padding", 2}};
  const Fields bandwidth{{"mem_max_bandwidth", 8}};
  // Statistics of eight partitions, which are aligned to 8 bytes, and one more number.
  const auto partitions = [](size_t bytes) {
    return Fields{{"xcp_stats", 8, bytes}, {"pcie_other_end", 4}};
  };
  switch (content) {
    case 0:
      return kClock + sensors + Fields{{"energy_accumulator", 4}} + clocks +
             Fields{{"throttle_status", 4}, {"current_fan_speed", 2}, {"pcie_link", 1, 2}};
    case 1:
      return card;
    case 2:
      return card + stamp;
    case 3:
      return card + stamp +
             Fields{{"voltage", 2, 3}, {"padding1", 2}, {"indep_throttle_status", 8}};
    case 4:
      return front + vcn + kEnergyAndClock + status + links + xgmi + tail;
    case 5:
      return front + vcn + Fields{{"jpeg_activity", 2, 32}} + kEnergyAndClock + status + links +
             nak + xgmi + tail;
    case 6:
      return front + kEnergyAndClock + cycles + links + nak + xgmi + tail + partitions(168);
    case 7:
      return front + bandwidth + kEnergyAndClock + cycles + links + nak + xgmi + state + tail +
             partitions(232);
    case 8:
      return front + bandwidth + kEnergyAndClock + cycles + links + nak + xgmi + state + tail +
             partitions(376);
    default:
      throw std::runtime_error("no layout of v1_" + std::to_string(content));
  }
}

inline void put(std::string& bytes, size_t at, uint64_t value, size_t size) {
  for (size_t i = 0; i < size; ++i) bytes[at + i] = static_cast<char>(value >> (8 * i) & 0xff);
}

inline std::string with_header(std::string bytes, int format, int content) {
  put(bytes, 0, bytes.size(), 2);
  put(bytes, 2, static_cast<uint64_t>(format), 1);
  put(bytes, 3, static_cast<uint64_t>(content), 1);
  return bytes;
}

/// A table v1_0 to v1_8 whose other fields hold noise, so that a wrong offset shows.
inline std::string table(int content, uint64_t energy, uint64_t watts) {
  std::string bytes(4, '\0');
  size_t widest = 2;
  const auto align = [&](size_t to) { bytes.resize((bytes.size() + to - 1) / to * to, '\x5a'); };
  for (const Field& field : fields_of(content)) {
    widest = std::max(widest, field.bytes);
    align(field.bytes);
    const size_t at = bytes.size();
    for (size_t i = 0; i < field.bytes * field.count; ++i) {
      bytes += static_cast<char>((at + i) * 37 + 11);
    }
    if (field.name == "energy_accumulator") put(bytes, at, energy, field.bytes);
    if (field.name == "socket_power") put(bytes, at, watts, field.bytes);
  }
  align(widest);
  return with_header(bytes, 1, content);
}

/// An attribute of a table v1_9: enumerators of amdgpu_metrics_attr_unit, _type and _id.
struct Attribute {
  uint64_t unit;
  uint64_t type;
  uint64_t id;
  std::vector<uint64_t> values;
};
constexpr uint64_t kU16 = 2;
constexpr uint64_t kU32 = 4;
constexpr uint64_t kU64 = 6;

/// A table v1_9: attributes one after another, each after its encoding, without padding.
inline std::string list(const std::vector<Attribute>& attributes) {
  std::string bytes(8, '\0');
  put(bytes, 4, attributes.size(), 4);
  const auto append = [&](uint64_t value, size_t size) {
    bytes.resize(bytes.size() + size);
    put(bytes, bytes.size() - size, value, size);
  };
  for (const Attribute& attribute : attributes) {
    append(
        attribute.unit << 24 | attribute.type << 20 | attribute.id << 10 | attribute.values.size(),
        8);
    const size_t size = attribute.type == kU16 ? 2 : attribute.type == kU32 ? 4 : 8;
    for (const uint64_t value : attribute.values) append(value, size);
  }
  return with_header(bytes, 1, 9);
}

/// The list as firmware of MI300 fills it: power is the fourth, energy the eighth.
inline std::string list(uint64_t energy, uint64_t watts) {
  return list({{2, kU16, 0, {41}},
               {2, kU16, 1, {42}},
               {2, kU16, 2, {43}},
               {3, kU16, 3, {watts}},
               {7, kU16, 4, {97}},
               {7, kU16, 5, {98}},
               {6, kU64, 6, {8192}},
               {0, kU64, 7, {energy}},
               {4, kU64, 8, {1234567}},
               {1, kU16, 30, {1, 2, 3, 4, 5, 6, 7, 8}},
               {0, kU32, 9, {77}}});
}

/// A table of that revision, list or not.
inline std::string any(int content, uint64_t energy, uint64_t watts) {
  return content == 9 ? list(energy, watts) : table(content, energy, watts);
}

}  // namespace gpu_metrics
