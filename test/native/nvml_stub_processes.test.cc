// Processes and instances of the stand-in for NVIDIA's library: records, history, what has no
// energy.
#include <algorithm>

#include "check.h"
#include "nvml_client.h"
#include "nvml_stub.h"

using namespace nvml_stub;

TEST(process_utilisation_comes_by_period_and_only_what_is_newer_in_microseconds) {
  const Stub stub;
  const Session nvml(NVML_STUB_570);
  const StubGpu gpu = stub.gpu();
  store(gpu.page().utilization_period_s, 100.0);
  store(gpu.page().utilization_kept, 4);
  gpu.begin(1050, {});
  Process steady = StubGpu::process(11);
  steady.sm_high = 30;
  steady.memory_high = 10;
  gpu.add(steady);
  Process bursts = StubGpu::process(22);  // 100 % in 50 of each 200 s
  bursts.sm_high = 100;
  bursts.period_s = 200;
  bursts.duty = 0.25;
  bursts.from_s = 100;
  bursts.until_s = 900;
  gpu.add(bursts);
  const Device device = nvml.device();
  uint32_t number = 0;
  const auto get = [&](uint64_t last_seen, ProcessSample* to) {
    return nvml("nvmlDeviceGetProcessUtilization", device, to, &number,
                static_cast<unsigned long long>(last_seen));
  };
  CHECK_EQ(get(0, nullptr), 7);
  CHECK_EQ(number, 5u);  // 11 at 700, 800, 900 and 1000 s; 22 for its burst from 700 to 750 s
  ProcessSample samples[8];
  number = 4;
  CHECK_EQ(get(0, samples), 7);
  number = 8;
  CHECK_EQ(get(0, samples), 0);
  CHECK_EQ(number, 5u);
  CHECK_EQ(samples[0].pid, 11u);
  CHECK_EQ(samples[0].sm, 30u);
  CHECK_EQ(samples[0].memory, 10u);
  CHECK_EQ(samples[2].pid, 22u);
  CHECK_EQ(samples[2].sm, 50u);
  CHECK_EQ(samples[4].timestamp_us - samples[3].timestamp_us, 100000000u);
  const uint64_t newest = samples[4].timestamp_us;
  number = 8;
  CHECK_EQ(get(newest / 1000000, samples), 0);  // in seconds: all of it again
  CHECK_EQ(number, 5u);
  number = 8;
  CHECK_EQ(get(newest - 1, samples), 0);
  CHECK_EQ(number, 1u);
  CHECK_EQ(samples[0].timestamp_us, newest);
  number = 8;
  CHECK_EQ(get(newest, samples), 6);
  Utilization rates{};
  CHECK_EQ(nvml("nvmlDeviceGetUtilizationRates", device, &rates), 0);
  CHECK_EQ(rates.gpu, 30u);
}

TEST(process_lists_have_the_records_of_their_driver) {
  const Stub stub;
  const StubGpu gpu = stub.gpu();
  for (const uint32_t pid : {101u, 102u, 103u}) {
    Process process = StubGpu::process(pid);
    process.memory_bytes = pid << 20;
    process.graphics = pid == 103;
    gpu.add(process);
  }
  Process ended = StubGpu::process(104);
  ended.until_s = -1;
  gpu.add(ended);
  const std::string compute = "nvmlDeviceGetComputeRunningProcesses";
  const auto stride_of = [&](const char* path, const std::string& name) {
    const Session nvml(path);
    const Device device = nvml.device();
    uint32_t number = 0;
    CHECK_EQ(nvml(name.c_str(), device, &number, static_cast<void*>(nullptr)), 7);
    CHECK_EQ(number, 2u);
    unsigned char bytes[4 * 32];
    std::fill(std::begin(bytes), std::end(bytes), uint8_t{0xee});
    number = 4;
    CHECK_EQ(nvml(name.c_str(), device, &number, static_cast<void*>(bytes)), 0);
    CHECK_EQ(number, 2u);
    const auto* last = std::find_if(std::rbegin(bytes), std::rend(bytes), [](uint8_t byte) {
                         return byte != 0xee;
                       }).base();
    const size_t stride = static_cast<size_t>(last - bytes) / 2;
    uint32_t pid = 0;
    std::copy_n(bytes + stride, 4, reinterpret_cast<unsigned char*>(&pid));
    CHECK_EQ(pid, 102u);
    return stride;
  };
  CHECK_EQ(stride_of(NVML_STUB_450, compute), 16u);
  CHECK_EQ(stride_of(NVML_STUB_450, compute + "_v2"), 24u);
  CHECK_EQ(stride_of(NVML_STUB_535_43, compute + "_v3"), 32u);
  CHECK_EQ(stride_of(NVML_STUB_535, compute + "_v3"), 24u);
  CHECK_EQ(stride_of(NVML_STUB_570, compute + "_v3"), 24u);
  store(stub.control().list_stride, 16);
  CHECK_EQ(stride_of(NVML_STUB_570, compute + "_v3"), 16u);

  const Session nvml(NVML_STUB_570);
  const Device device = nvml.device();
  ProcessRecord records[3];
  uint32_t number = 0;
  CHECK_EQ(nvml("nvmlDeviceGetGraphicsRunningProcesses_v2", device, &number, &records[0]), 7);
  CHECK_EQ(number, 1u);
  store(gpu.page().list_growth, 1);
  number = 0;
  CHECK_EQ(nvml((compute + "_v3").c_str(), device, &number, &records[0]), 7);
  CHECK_EQ(number, 1u);
  CHECK_EQ(nvml((compute + "_v3").c_str(), device, &number, &records[0]), 7);
  CHECK_EQ(number, 2u);
  DetailList details{1u << 24 | 24, 0, 3, records};
  CHECK_EQ(nvml("nvmlDeviceGetRunningProcessDetailList", device, &details), 0);
  CHECK_EQ(details.count, 2u);
  CHECK_EQ(records[1].memory_bytes, uint64_t{102} << 20);
  CHECK_EQ(records[1].gpu_instance, 0xffffffffu);
  MemoryInfo memory{};
  CHECK_EQ(nvml("nvmlDeviceGetMemoryInfo", device, &memory), 0);
  CHECK_EQ(memory.used, uint64_t{101 + 102 + 103} << 20);
}

TEST(instances_have_no_energy_and_empty_slots_are_not_found) {
  const Stub stub;
  const Session nvml(NVML_STUB_570);
  const StubGpu gpu = stub.gpu();
  const Device device = nvml.device();
  uint32_t number = 9;
  Device mig = nullptr;
  CHECK_EQ(nvml("nvmlDeviceGetMaxMigDeviceCount", device, &number), 0);
  CHECK_EQ(number, 0u);
  gpu.mig(2);
  CHECK_EQ(nvml("nvmlDeviceGetMaxMigDeviceCount", device, &number), 0);
  CHECK_EQ(number, 7u);
  CHECK_EQ(nvml("nvmlDeviceGetMigDeviceHandleByIndex", device, 0u, &mig), 6);
  CHECK_EQ(nvml("nvmlDeviceGetMigDeviceHandleByIndex", device, 2u, &mig), 0);
  CHECK_EQ(nvml("nvmlDeviceIsMigDeviceHandle", mig, &number), 0);
  CHECK_EQ(number, 1u);
  CHECK_EQ(nvml("nvmlDeviceGetGpuInstanceId", mig, &number), 0);
  CHECK_EQ(number, 3u);
  char uuid[96];
  CHECK_EQ(nvml("nvmlDeviceGetUUID", mig, uuid, 96u), 0);
  CHECK_EQ(std::string(uuid).rfind("MIG-", 0), 0u);
  Device same = nullptr;
  CHECK_EQ(nvml("nvmlDeviceGetHandleByUUID", static_cast<const char*>(uuid), &same), 0);
  CHECK(same == mig);
  CHECK_EQ(nvml("nvmlDeviceGetDeviceHandleFromMigDeviceHandle", mig, &same), 0);
  CHECK(same == device);
  unsigned long long mj = 0;
  CHECK_EQ(nvml("nvmlDeviceGetTotalEnergyConsumption", mig, &mj), 3);
  CHECK_EQ(nvml("nvmlDeviceGetPowerUsage", mig, &number), 3);
  CHECK_EQ(nvml.field(mig, 83).code, 3);
}
