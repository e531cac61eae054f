// What NVIDIA's driver tells of the processes on a card: lists of every size, and samples of use.
#include "../../native/sources/nvml_processes.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "check.h"
#include "nvml_stub.h"

using jouletap::UtilSample;
using jouletap::nvml::Library;
using jouletap::nvml::ProcessLists;
using jouletap::nvml::UtilHistory;
using nvml_stub::Function;
using nvml_stub::now_ns;
using nvml_stub::Process;
using nvml_stub::store;
using nvml_stub::Stub;
using nvml_stub::StubGpu;

namespace {

constexpr Function kComputeList = Function::nvmlDeviceGetComputeRunningProcesses_v3;
constexpr Function kGraphicsList = Function::nvmlDeviceGetGraphicsRunningProcesses_v3;
constexpr Function kUtilization = Function::nvmlDeviceGetProcessUtilization;

std::unique_ptr<Library> library_at(const char* path) {
  return std::move(std::get<std::unique_ptr<Library>>(jouletap::nvml::load(path)));
}

jouletap::nvml::Device device_of(const Library& library) {
  jouletap::nvml::Device device = nullptr;
  library.call().DeviceGetHandleByIndex_v2(0, &device);
  return device;
}

std::vector<int> sorted(std::vector<int> pids) {
  std::sort(pids.begin(), pids.end());
  return pids;
}

void until(int64_t time_ns) {
  std::this_thread::sleep_until(
      std::chrono::steady_clock::time_point(std::chrono::nanoseconds(time_ns)));
}

}  // namespace

TEST(lists_are_read_whatever_the_size_of_their_records) {
  const Stub stub;
  for (const uint32_t pid : {101u, 102u, 103u, 104u}) {
    Process process = StubGpu::process(pid);
    process.graphics = pid == 103;
    // The least and the most that any byte may be, which is what the size is told from.
    process.memory_bytes = pid == 104 ? UINT64_MAX : 0;
    stub.gpu().add(process);
  }
  for (const char* path : {NVML_STUB_450, NVML_STUB_535_43, NVML_STUB_535, NVML_STUB_570}) {
    for (const uint64_t size : {0u, 16u, 24u, 32u}) {
      store(stub.control().list_stride, size);
      const auto library = library_at(path);
      ProcessLists lists;
      std::vector<int> pids{7};
      CHECK_EQ(lists.ask(*library, device_of(*library), pids), 0);
      CHECK(sorted(pids) == std::vector<int>({101, 102, 103, 104}));
    }
  }
}

TEST(a_list_of_one_and_an_empty_list_are_read_too) {
  const Stub stub;
  for (const uint64_t size : {16u, 24u, 32u}) {
    store(stub.control().list_stride, size);
    store(stub.gpu().page().process_count, 0);
    const auto library = library_at(NVML_STUB_570);
    ProcessLists lists;
    std::vector<int> pids{7};
    CHECK_EQ(lists.ask(*library, device_of(*library), pids), 0);
    CHECK(pids.empty());
    stub.gpu().add(StubGpu::process(101));
    CHECK_EQ(lists.ask(*library, device_of(*library), pids), 0);
    CHECK(pids == std::vector<int>({101}));
  }
}

TEST(a_list_that_outgrows_its_room_is_fetched_again_and_the_room_is_kept) {
  const Stub stub;
  const StubGpu gpu = stub.gpu();
  const auto library = library_at(NVML_STUB_570);
  const auto device = device_of(*library);
  ProcessLists lists;
  std::vector<int> pids;
  std::vector<int> expected;
  uint64_t calls = 0;
  for (int pid = 101; pid <= 116; ++pid) {
    gpu.add(StubGpu::process(static_cast<uint32_t>(pid)));
    expected.push_back(pid);
    const uint64_t before = gpu.calls(kComputeList);
    CHECK_EQ(lists.ask(*library, device, pids), 0);
    CHECK(sorted(pids) == expected);
    calls = gpu.calls(kComputeList) - before;
    CHECK(calls == 1 || (calls == 2 && (pid == 106 || pid == 116)));
  }
  CHECK_EQ(lists.ask(*library, device, pids), 0);
  CHECK(gpu.calls(kGraphicsList) > 0);
}

TEST(processes_of_instances_are_in_the_list_of_their_card) {
  const Stub stub;
  stub.gpu().mig(0);
  Process process = StubGpu::process(101);
  process.gpu_instance = 1;
  process.compute_instance = 0;
  stub.gpu().add(process);
  const auto library = library_at(NVML_STUB_570);
  ProcessLists lists;
  std::vector<int> pids;
  CHECK_EQ(lists.ask(*library, device_of(*library), pids), 0);
  CHECK(pids == std::vector<int>({101}));
}

TEST(one_list_that_is_not_offered_leaves_the_other_and_a_failure_is_no_empty_list) {
  const Stub stub;
  const StubGpu gpu = stub.gpu();
  gpu.add(StubGpu::process(101));
  const auto library = library_at(NVML_STUB_570);
  const auto device = device_of(*library);
  ProcessLists lists;
  std::vector<int> pids;
  gpu.fail(kGraphicsList, 3);
  CHECK_EQ(lists.ask(*library, device, pids), 0);
  CHECK_EQ(pids.size(), 1u);
  gpu.fail(kComputeList, 999, 1);
  CHECK_EQ(lists.ask(*library, device, pids), 999);
  gpu.fail(kComputeList, 3);
  CHECK_EQ(lists.ask(*library, device, pids), 3);
  gpu.mend(kGraphicsList);
  CHECK_EQ(lists.ask(*library, device, pids), 0);
  CHECK(pids.empty());
}

TEST(each_sample_of_use_is_given_once) {
  const Stub stub;
  const StubGpu gpu = stub.gpu();
  store(gpu.page().utilization_period_s, 0.02);
  gpu.begin(10, {});
  Process process = StubGpu::process(101);
  process.sm_high = 30;
  gpu.add(process);
  const auto library = library_at(NVML_STUB_570);
  const auto device = device_of(*library);
  UtilHistory history;
  std::vector<UtilSample> samples;
  CHECK_EQ(history.ask(library->call(), device, samples), 0);
  CHECK(samples.size() >= 99);  // all that the driver remembers
  CHECK_EQ(gpu.calls(kUtilization), 2u);
  const int64_t newest = samples.back().time_us;
  samples.clear();
  until(now_ns() + 100'000'000);
  CHECK_EQ(history.ask(library->call(), device, samples), 0);
  CHECK_EQ(gpu.calls(kUtilization), 3u);
  CHECK(samples.size() >= 4);
  CHECK_EQ(samples.front().time_us, newest + 20'000);
  for (const UtilSample& sample : samples) CHECK_EQ(sample.sm, 30.0);
}

TEST(no_use_is_no_failure_and_a_driver_without_it_says_so) {
  const Stub stub;
  const auto library = library_at(NVML_STUB_570);
  const auto device = device_of(*library);
  UtilHistory history;
  std::vector<UtilSample> samples;
  CHECK_EQ(history.ask(library->call(), device, samples), 0);
  CHECK(samples.empty());
  stub.gpu().fail(kUtilization, 3);
  CHECK_EQ(history.ask(library->call(), device, samples), 3);
}
