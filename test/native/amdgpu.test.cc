// gpu_metrics tables of every revision, whole and spoilt, and the list of AMD cards.
#include "sources/amdgpu.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "allocations.h"
#include "check.h"
#include "files.h"
#include "gpu_metrics.h"

using namespace jouletap;
using gpu_metrics::any;

namespace {

constexpr uint64_t kEnergy = 0x0000'00c0'ffee'1234;

/// Parses what one read gives of a table: as much as is asked for.
int parse(const std::string& table, GpuMetrics* metrics) {
  const size_t size = std::min(table.size(), kGpuMetricsBytes);
  errno = 0;
  const bool good =
      parse_gpu_metrics(reinterpret_cast<const uint8_t*>(table.data()), size, metrics);
  return good ? 0 : errno;
}

GpuMetrics parsed(const std::string& table) {
  GpuMetrics metrics;
  CHECK_EQ(parse(table, &metrics), 0);
  return metrics;
}

void node(const Tree& tree, int n, const std::string& gpu_id, const std::string& properties) {
  const std::string folder = "sys/class/kfd/kfd/topology/nodes/" + std::to_string(n) + "/";
  tree.file(folder + "gpu_id", gpu_id + "\n");
  tree.file(folder + "properties", properties);
}

std::string shown(const std::vector<AmdGpu>& gpus) {
  std::string all;
  for (const AmdGpu& gpu : gpus) {
    all += std::to_string(gpu.index) + " " + gpu.pci + " " + gpu.uuid + " " + gpu.name + "\n";
  }
  return all;
}

}  // namespace

TEST(the_made_tables_are_as_long_as_the_kernels) {
  const size_t sizes[] = {80, 96, 104, 120, 288, 360, 1664, 2208, 3360};
  for (int content = 0; content <= 8; ++content) {
    CHECK_EQ(any(content, 0, 0).size(), sizes[content]);
  }
}

TEST(energy_and_power_of_every_revision) {
  for (int content = 0; content <= 9; ++content) {
    const uint64_t energy = content == 0 ? kEnergy & 0xffffffff : kEnergy;
    const GpuMetrics metrics = parsed(any(content, energy, 287));
    CHECK_EQ(metrics.format, 1);
    CHECK_EQ(metrics.content, content);
    CHECK_EQ(metrics.energy.value_or(0), energy);
    CHECK_EQ(metrics.watts.value_or(0), 287);
    CHECK_EQ(metrics.wide, content >= 4);
  }
}

TEST(all_ones_are_no_value) {
  for (int content = 0; content <= 9; ++content) {
    const GpuMetrics metrics = parsed(any(content, ~uint64_t{0}, 0xffff));
    CHECK(!metrics.energy);
    CHECK(!metrics.watts);
  }
}

TEST(ones_in_32_bits_are_no_value_where_firmware_counts_in_32) {
  CHECK(!parsed(any(3, 0xffffffff, 20)).energy);
  CHECK_EQ(parsed(any(4, 0xffffffff, 20)).energy.value_or(0), 0xffffffff);
}

TEST(an_apu_has_no_accumulator) {
  for (const int format : {2, 3}) {
    const GpuMetrics metrics = parsed(gpu_metrics::with_header(std::string(128, 'x'), format, 4));
    CHECK_EQ(metrics.format, format);
    CHECK(!metrics.energy);
    CHECK(!metrics.watts);
  }
}

TEST(unknown_revisions_are_named_and_not_guessed) {
  for (const auto& [format, content] : {std::pair{1, 10}, {0, 3}, {4, 0}, {255, 255}}) {
    GpuMetrics metrics;
    CHECK_EQ(parse(gpu_metrics::with_header(any(3, 1, 1), format, content), &metrics),
             EPROTONOSUPPORT);
    CHECK_EQ(metrics.format, format);
    CHECK_EQ(metrics.content, content);
    CHECK(!metrics.energy);
  }
}

TEST(a_table_cut_anywhere_is_torn) {
  for (int content = 0; content <= 9; ++content) {
    const std::string whole = any(content, kEnergy, 100);
    for (size_t size = 0; size < std::min(whole.size(), kGpuMetricsBytes); ++size) {
      GpuMetrics metrics;
      CHECK_EQ(parse(whole.substr(0, size), &metrics), size == 0 ? ENODATA : EINVAL);
      CHECK(!metrics.energy);
    }
  }
}

TEST(a_table_that_says_it_ends_before_its_energy_is_torn) {
  for (int content = 0; content <= 8; ++content) {
    GpuMetrics metrics;
    const std::string stub = any(content, kEnergy, 100).substr(0, 16);
    CHECK_EQ(parse(gpu_metrics::with_header(stub, 1, content), &metrics), EINVAL);
  }
}

TEST(a_list_that_lies_is_read_no_further_than_it_goes) {
  // More attributes than there are, more values than fit, a type that is none.
  std::string greedy = gpu_metrics::list(kEnergy, 100);
  gpu_metrics::put(greedy, 4, 0xffffffff, 4);
  CHECK_EQ(parsed(greedy).energy.value_or(0), kEnergy);
  std::string wide = gpu_metrics::list({{0, gpu_metrics::kU64, 7, {kEnergy}}});
  gpu_metrics::put(wide, 8, 6 << 20 | 7 << 10 | 1023, 8);
  CHECK(!parsed(wide).energy);
  gpu_metrics::put(wide, 8, 15 << 20 | 7 << 10 | 1, 8);
  CHECK(!parsed(wide).energy);
  CHECK(!parsed(gpu_metrics::list({{0, gpu_metrics::kU32, 7, {5}}})).energy);
}

TEST(one_read_takes_nothing_from_the_heap) {
  Tree tree;
  tree.file("gpu_metrics", any(8, kEnergy, 300));
  const File file = open_file(tree.path("gpu_metrics"));
  GpuMetrics metrics;
  const size_t before = check::allocations();
  const bool good = read_gpu_metrics(file.get(), &metrics);
  CHECK_EQ(check::allocations(), before);
  CHECK(good);
  CHECK_EQ(metrics.energy.value_or(0), kEnergy);
}

TEST(cards_are_listed_in_the_order_of_kfd) {
  Tree tree;
  node(tree, 0, "0", "cpu_cores_count 64\nsimd_count 0\nlocation_id 0\ndomain 0\n");
  node(tree, 1, "51743",
       "simd_count 416\nlocation_id 49920\ndomain 0\nunique_id 1311768467463790320\n");
  node(tree, 2, "4711", "simd_count 80\nlocation_id 768\ndomain 1\nunique_id 0\n");
  // The last of 64 bits, device 31, function 7, and a partition in the upper bits.
  node(tree, 10, "815", "location_id 536872703\ndomain 0\nunique_id 18446744073709551615\n");
  tree.file("sys/bus/pci/devices/0000:c3:00.0/product_name", "AMD Instinct MI210\n");
  tree.file("sys/class/kfd/kfd/topology/nodes/2/name", "navi21\n");
  CHECK_EQ(shown(list_amd_gpus(tree.root())),
           "0 0000:c3:00.0 GPU-123456789abcdef0 AMD Instinct MI210\n"
           "1 0001:03:00.0  navi21\n"
           "2 0000:06:1f.7 GPU-ffffffffffffffff \n");
}

TEST(a_card_that_a_container_may_not_use_has_no_index) {
  Tree tree;
  node(tree, 1, "", "");
  tree.folder("sys/class/kfd/kfd/topology/nodes/2");
  node(tree, 3, "7", "location_id 768\n");
  node(tree, 4, "8", "simd_count 80\n");
  CHECK_EQ(shown(list_amd_gpus(tree.root())), "0 0000:03:00.0  \n");
}

TEST(without_kfd_cards_are_listed_by_address) {
  Tree tree;
  const auto device = [&](const std::string& address, const std::string& driver) {
    tree.folder("sys/bus/pci/drivers/" + driver);
    tree.link("sys/bus/pci/devices/" + address + "/driver", "sys/bus/pci/drivers/" + driver);
  };
  device("0000:10:00.0", "amdgpu");
  device("0000:9f:00.0", "amdgpu");
  device("0000:03:00.0", "amdgpu");
  device("0000:04:00.0", "i915");
  tree.folder("sys/bus/pci/devices/0000:05:00.0");
  tree.file("sys/bus/pci/devices/0000:9f:00.0/unique_id", "00f0a0b0c0d0e0f0\n");
  node(tree, 0, "0", "cpu_cores_count 8\n");
  CHECK_EQ(shown(list_amd_gpus(tree.root())),
           "0 0000:03:00.0  \n"
           "1 0000:10:00.0  \n"
           "2 0000:9f:00.0 GPU-00f0a0b0c0d0e0f0 \n");
  Tree nothing;
  CHECK(list_amd_gpus(nothing.root()).empty());
}
