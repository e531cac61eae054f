// The stand-in for NVIDIA's library, held against closed forms of what its control page was told.
#include "nvml_stub.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "check.h"
#include "nvml_client.h"

using namespace nvml_stub;

namespace {

constexpr int64_t kSecond = 1000000000;

host::Profile constant(double watts) {
  host::Profile profile;
  profile.first = watts;
  return profile;
}

}  // namespace

TEST(initialisations_are_counted_and_handles_end_with_the_last) {
  const Stub stub(2);
  const Client nvml(NVML_STUB_570);
  uint32_t number = 0;
  CHECK_EQ(nvml("nvmlDeviceGetCount_v2", &number), 1);
  CHECK_EQ(nvml("nvmlShutdown"), 1);
  CHECK_EQ(nvml("nvmlInit_v2"), 0);
  CHECK_EQ(nvml("nvmlInitWithFlags", 0u), 0);
  CHECK_EQ(nvml("nvmlDeviceGetCount_v2", &number), 0);
  CHECK_EQ(number, 2u);
  const Device device = nvml.device(1);
  uint32_t index = 0;
  CHECK_EQ(nvml("nvmlDeviceGetIndex", device, &index), 0);
  CHECK_EQ(index, 1u);
  CHECK_EQ(nvml("nvmlShutdown"), 0);
  CHECK_EQ(nvml("nvmlDeviceGetIndex", device, &index), 0);
  CHECK_EQ(nvml("nvmlShutdown"), 0);
  CHECK_EQ(nvml("nvmlDeviceGetIndex", device, &index), 1);
  CHECK_EQ(nvml("nvmlInit_v2"), 0);
  CHECK_EQ(nvml("nvmlDeviceGetIndex", device, &index), 2);
  CHECK_EQ(nvml("nvmlDeviceGetIndex", static_cast<Device>(&index), &index), 2);
  CHECK_EQ(nvml("nvmlShutdown"), 0);
  CHECK_EQ(stub.calls(Function::nvmlInit_v2), 2u);
  CHECK_EQ(stub.calls(Function::nvmlInitWithFlags), 1u);
}

TEST(without_a_page_or_with_an_order_to_fail_there_is_no_initialisation) {
  const Client nvml(NVML_STUB_535);
  CHECK_EQ(nvml("nvmlInit_v2"), 9);
  setenv(kPathVariable, "/nowhere", 1);
  CHECK_EQ(nvml("nvmlInit_v2"), 9);
  const Stub stub;
  store(stub.control().init_code, 18);
  CHECK_EQ(nvml("nvmlInit_v2"), 18);
  store(stub.control().init_code, 0);
  CHECK_EQ(nvml("nvmlInit_v2"), 0);
  CHECK_EQ(nvml("nvmlShutdown"), 0);
}

TEST(each_generation_exports_what_its_driver_had) {
  const Client old(NVML_STUB_450);
  CHECK(!old.has("nvmlDeviceGetComputeRunningProcesses_v3"));
  CHECK(old.has("nvmlDeviceGetComputeRunningProcesses_v2"));
  CHECK(!old.has("nvmlDeviceGetRunningProcessDetailList"));
  CHECK(!old.has("nvmlDeviceGetNumGpuCores"));
  const Client early(NVML_STUB_535_43);
  CHECK(early.has("nvmlDeviceGetComputeRunningProcesses_v3"));
  CHECK(early.has("nvmlDeviceGetConfComputeMemSizeInfo"));
  CHECK(!early.has("nvmlDeviceGetRunningProcessDetailList"));
  const Client late(NVML_STUB_535);
  CHECK(late.has("nvmlDeviceGetRunningProcessDetailList"));
  CHECK(!late.has("nvmlDeviceGetProcessesUtilizationInfo"));
  CHECK(Client(NVML_STUB_570).has("nvmlDeviceGetProcessesUtilizationInfo"));
}

TEST(a_device_is_found_by_index_uuid_and_bus_and_says_what_it_is) {
  const Stub stub(2);
  const Session nvml(NVML_STUB_570);
  Device device = nullptr;
  CHECK_EQ(nvml("nvmlDeviceGetHandleByUUID", "GPU-5eed0000-0000-4000-8000-000000000001", &device),
           0);
  CHECK(device == nvml.device(1));
  CHECK_EQ(nvml("nvmlDeviceGetHandleByUUID", "GPU-none", &device), 6);
  CHECK_EQ(nvml("nvmlDeviceGetHandleByPciBusId_v2", "0000:42:00.0", &device), 0);
  CHECK(device == nvml.device(1));
  CHECK_EQ(nvml("nvmlDeviceGetHandleByIndex_v2", 2u, &device), 2);
  PciInfo pci{};
  CHECK_EQ(nvml("nvmlDeviceGetPciInfo_v3", device, &pci), 0);
  CHECK_EQ(std::string(pci.bus_id), "00000000:42:00.0");
  CHECK_EQ(pci.bus, 0x42u);
  char text[96];
  CHECK_EQ(nvml("nvmlDeviceGetUUID", device, text, 40u), 7);
  CHECK_EQ(nvml("nvmlDeviceGetUUID", device, text, 96u), 0);
  CHECK_EQ(std::string(text), "GPU-5eed0000-0000-4000-8000-000000000001");
  CHECK_EQ(nvml("nvmlSystemGetDriverVersion", text, 80u), 0);
  CHECK_EQ(std::string(text), "570.86.15");
  uint32_t number = 0;
  CHECK_EQ(nvml("nvmlDeviceGetMaxClockInfo", device, 1u, &number), 0);
  CHECK_EQ(number, 1410u);
  CHECK_EQ(nvml("nvmlDeviceGetMinorNumber", device, static_cast<uint32_t*>(nullptr)), 2);
}

TEST(the_counter_is_the_exact_integral_of_any_curve) {
  const Stub stub;
  const Session nvml(NVML_STUB_570);
  const StubGpu gpu = stub.gpu();
  Gpu& page = gpu.page();
  store(page.energy_refresh_s, 0.0);
  store(page.energy_offset_mj, 7);
  const auto after = [&](int64_t start, double seconds) {
    store(page.energy_stuck_ns, static_cast<uint64_t>(start + nanoseconds(seconds)));
    return nvml.energy_mj(nvml.device());
  };
  using Kind = host::Profile::Kind;
  int64_t start = gpu.begin(60, {Kind::square, 300, 100, 2, 0.25});
  CHECK_EQ(after(start, 10), 1500007u);     // 5 × (0.5 s × 300 W + 1.5 s × 100 W)
  CHECK_EQ(after(start, 10.25), 1575007u);  // and a quarter of a second high
  start = gpu.begin(60, {Kind::ramp, 0, 200, 4, 0});
  CHECK_EQ(after(start, 2), 100007u);  // half of the way: ½ × 2 s × 100 W
  CHECK_EQ(after(start, 5), 600007u);
  start = gpu.begin(60, {Kind::step, 50, 150, 3, 0});
  CHECK_EQ(after(start, 4), 300007u);
  gpu.watts(1000, start + 5 * kSecond);
  CHECK_EQ(after(start, 5.5), 950007u);  // 3 × 50 + 2 × 150 + 0.5 × 1000
  CHECK_NEAR(gpu.joules(start + 4 * kSecond, start + 6 * kSecond), 1150, 1e-9);
}

TEST(a_reading_lies_between_what_was_used_before_and_after_it) {
  const Stub stub;
  const Session nvml(NVML_STUB_570);
  const StubGpu gpu = stub.gpu();
  store(gpu.page().energy_refresh_s, 0.0);
  const Device device = nvml.device();
  const auto start = static_cast<int64_t>(gpu.page().start_ns);
  for (int i = 0; i < 1000; ++i) {
    const double before = seconds_between(start, now_ns()) * 100e3 + 1e6;
    const auto mj = static_cast<double>(nvml.energy_mj(device));
    const double after = seconds_between(start, now_ns()) * 100e3 + 1e6;
    CHECK(mj >= std::floor(before) && mj <= after);
  }
}

TEST(the_counter_moves_at_its_refreshes_only_and_can_be_reset_or_stuck_or_gain) {
  const Stub stub;
  const Session nvml(NVML_STUB_570);
  const StubGpu gpu = stub.gpu();
  Gpu& page = gpu.page();
  store(page.energy_refresh_s, 100.0);
  store(page.energy_phase_s, 20.0);
  gpu.begin(350, constant(10));
  const Device device = nvml.device();
  CHECK_EQ(nvml.energy_mj(device), 1000000u + 3200000u);  // refreshed at 20, 120, 220, 320 s
  store(page.energy_gain, 0.95);
  CHECK_EQ(nvml.energy_mj(device), 1000000u + 3040000u);
  gpu.reset_energy();
  CHECK_EQ(nvml.energy_mj(device), 0u);
  store(page.energy_gain, 1.0);
  store(page.energy_offset_mj, 5);
  store(page.energy_stuck_ns, page.start_ns + 130 * uint64_t{kSecond});
  CHECK_EQ(nvml.energy_mj(device), 1200005u);
  gpu.release_energy();
  CHECK_EQ(nvml.energy_mj(device), 3200005u);
}

TEST(a_gauge_is_the_mean_of_its_window_before_the_last_refresh) {
  const Stub stub;
  const Session nvml(NVML_STUB_570);
  const StubGpu gpu = stub.gpu();
  store(gpu.page().gauge_refresh_s, 60.0);
  gpu.begin(100, {host::Profile::Kind::step, 100, 300, 59.99, 0});
  const Device device = nvml.device();
  CHECK_EQ(nvml.field(device, 186).value.u32, 180000u);  // 15 ms at 100 W, 10 ms at 300 W
  CHECK_EQ(nvml.field(device, 185).value.u32, 102000u);  // 990 ms at 100 W, 10 ms at 300 W
  uint32_t mw = 0;
  CHECK_EQ(nvml("nvmlDeviceGetPowerUsage", device, &mw), 0);
  CHECK_EQ(mw, 102000u);
  store(gpu.page().usage_window_s, 0.0);
  store(gpu.page().gauge_gain, 0.5);
  CHECK_EQ(nvml("nvmlDeviceGetPowerUsage", device, &mw), 0);
  CHECK_EQ(mw, 150000u);
  gpu.zero_gauge(2);
  CHECK_EQ(nvml.field(device, 186).value.u32, 0u);
  CHECK_EQ(nvml("nvmlDeviceGetPowerUsage", device, &mw), 0);
  CHECK_EQ(mw, 0u);
  CHECK_EQ(nvml.field(device, 185).value.u32, 51000u);
}

TEST(one_call_answers_many_fields_each_with_its_own_code_type_and_stamp) {
  const Stub stub;
  const Session nvml(NVML_STUB_570);
  const StubGpu gpu = stub.gpu();
  gpu.value_type(Field::instant, 5);
  gpu.value_type(Field::total_energy, 2);
  FieldValue values[6]{};
  const uint32_t ids[6] = {191, 83, 186, 186, 9999, 160};
  for (int i = 0; i < 6; ++i) values[i].id = ids[i];
  values[3].scope = 1;
  const int64_t before = clock_ns(CLOCK_REALTIME) / 1000;
  CHECK_EQ(nvml("nvmlDeviceGetFieldValues", nvml.device(), 6, &values[0]), 0);
  const int64_t after = clock_ns(CLOCK_REALTIME) / 1000;
  CHECK_EQ(values[0].value_type, 3u);
  CHECK_EQ(values[1].value_type, 2u);
  CHECK_EQ(values[2].value_type, 5u);
  CHECK_EQ(values[2].value.i32, 100000);
  CHECK(values[2].value.u64 != 100000);  // whoever reads the wrong member finds junk
  CHECK_EQ(values[3].code, 3);
  CHECK_EQ(values[4].code, 2);
  CHECK_EQ(values[5].code, 3);
  CHECK(values[0].timestamp_us >= before - 50 && values[2].timestamp_us <= after + 50);
  CHECK_EQ(gpu.calls(Function::nvmlDeviceGetFieldValues), 1u);

  store(stub.control().stamp_flaw, static_cast<uint64_t>(StampFlaw::hour_late));
  CHECK(nvml.field(nvml.device(), 83).timestamp_us >= after + 3600 * 1000000ll - 50);
  store(stub.control().stamp_flaw, static_cast<uint64_t>(StampFlaw::zero));
  CHECK_EQ(nvml.field(nvml.device(), 83).timestamp_us, 0);
  store(stub.control().stamp_flaw, static_cast<uint64_t>(StampFlaw::none));
  store(stub.control().stamp, static_cast<uint64_t>(Stamp::refresh));
  store(gpu.page().energy_refresh_s, 100.0);
  const int64_t refreshed = gpu.begin(150, constant(1)) + 100 * kSecond;
  const int64_t stamp = nvml.field(nvml.device(), 83).timestamp_us;
  CHECK_NEAR(seconds_between(refreshed + clock_ahead_ns(CLOCK_REALTIME), stamp * 1000), 0, 50e-6);
}

TEST(a_driver_of_450_knows_no_power_fields) {
  const Stub stub;
  const Session nvml(NVML_STUB_450);
  CHECK_EQ(nvml.field(nvml.device(), 83).code, 0);
  for (const uint32_t id : {185u, 186u, 191u}) CHECK_EQ(nvml.field(nvml.device(), id).code, 3);
}

TEST(faults_last_as_long_as_ordered) {
  const Stub stub(2);
  const Session nvml(NVML_STUB_570);
  const StubGpu gpu = stub.gpu();
  const Device device = nvml.device();
  gpu.fail(Field::energy, 3, 2);
  for (const int code : {3, 3, 0}) CHECK_EQ(nvml.field(device, 191).code, code);
  gpu.fail(Function::nvmlDeviceGetFieldValues, 10, 1);
  FieldValue value{};
  value.id = 83;
  value.code = 77;
  CHECK_EQ(nvml("nvmlDeviceGetFieldValues", device, 1, &value), 10);
  CHECK_EQ(value.code, 77);
  CHECK_EQ(nvml("nvmlDeviceGetFieldValues", device, 1, &value), 0);
  gpu.fail(Function::nvmlDeviceGetPowerUsage, 3);
  uint32_t mw = 0;
  for (int i = 0; i < 3; ++i) CHECK_EQ(nvml("nvmlDeviceGetPowerUsage", device, &mw), 3);
  gpu.mend(Function::nvmlDeviceGetPowerUsage);
  CHECK_EQ(nvml("nvmlDeviceGetPowerUsage", device, &mw), 0);

  gpu.lose();
  Device again = nullptr;
  CHECK_EQ(nvml("nvmlDeviceGetFieldValues", device, 1, &value), 15);
  CHECK_EQ(nvml("nvmlDeviceGetHandleByIndex_v2", 0u, &again), 15);
  CHECK_EQ(nvml.field(nvml.device(1), 83).code, 0);
  gpu.recover();
  CHECK_EQ(nvml.field(device, 83).code, 0);

  stub.gpu(1).forbid();
  CHECK_EQ(nvml("nvmlDeviceGetHandleByIndex_v2", 1u, &again), 4);
}

TEST(a_gpu_that_nobody_asked_for_was_not_called) {
  const Stub stub(3);
  const Session nvml(NVML_STUB_570);
  const Device device = nvml.device(2);
  for (int i = 0; i < 5; ++i) nvml.energy_mj(device);
  CHECK_EQ(stub.gpu(0).calls(), 0u);
  CHECK_EQ(stub.gpu(1).calls(), 0u);
  CHECK_EQ(stub.gpu(2).calls(Function::nvmlDeviceGetTotalEnergyConsumption), 5u);
  CHECK_EQ(stub.gpu(2).calls(), 6u);
  stub.reset_calls();
  CHECK_EQ(stub.gpu(2).calls() + stub.calls(Function::nvmlInit_v2), 0u);
}

TEST(a_call_takes_as_long_as_ordered_and_reads_at_its_end) {
  const Stub stub;
  const Session nvml(NVML_STUB_570);
  store(stub.control().latency_us, 20000);
  store(stub.gpu().page().energy_refresh_s, 0.0);
  const Device device = nvml.device();
  const int64_t before = now_ns();
  const uint64_t mj = nvml.energy_mj(device);
  CHECK(now_ns() - before >= 20000000);
  const auto start = static_cast<int64_t>(stub.gpu().page().start_ns);
  CHECK(static_cast<double>(mj) >= 1e6 + (seconds_between(start, before) + 0.02) * 100e3 - 1);
}

TEST(the_drivers_ring_of_samples_gives_what_is_newer) {
  const Stub stub;
  const Session nvml(NVML_STUB_570);
  const StubGpu gpu = stub.gpu();
  store(gpu.page().samples_period_s, 100.0);
  store(gpu.page().samples_kept, 5);
  const int64_t start = gpu.begin(1050, {host::Profile::Kind::step, 40, 80, 850, 0});
  const Device device = nvml.device();
  uint32_t type = 9;
  uint32_t number = 0;
  const auto get = [&](uint32_t what, uint64_t last_seen, Sample* to) {
    return nvml("nvmlDeviceGetSamples", device, what, static_cast<unsigned long long>(last_seen),
                &type, &number, to);
  };
  CHECK_EQ(get(0, 0, nullptr), 0);
  CHECK_EQ(number, 5u);
  Sample samples[5];
  CHECK_EQ(get(0, 0, samples), 0);
  CHECK_EQ(type, 1u);
  CHECK_EQ(number, 5u);  // of 600, 700 … 1000 s
  const uint32_t expected[5] = {40000, 40000, 40000, 80000, 80000};
  for (int i = 0; i < 5; ++i) CHECK_EQ(samples[i].value.u32, expected[i]);
  const auto stamp = static_cast<int64_t>(samples[4].timestamp_us) * 1000;
  const int64_t booted = start + 1000 * kSecond + clock_ahead_ns(CLOCK_BOOTTIME);
  CHECK_NEAR(seconds_between(booted, stamp), 0, 50e-6);
  CHECK_EQ(samples[4].timestamp_us - samples[3].timestamp_us, 100000000u);
  CHECK_EQ(get(0, samples[2].timestamp_us, samples), 0);
  CHECK_EQ(number, 2u);
  const uint64_t newest = samples[1].timestamp_us;
  number = 5;
  CHECK_EQ(get(0, newest, samples), 6);
  number = 5;
  CHECK_EQ(get(2, 0, samples), 3);
  number = 2;
  CHECK_EQ(get(0, 0, samples), 0);  // the oldest that fit
  CHECK_EQ(samples[1].timestamp_us, newest - 300000000u);
  constexpr int64_t kUptime = int64_t{58} * 86400 * 1000000;
  store(stub.control().sample_clock_offset_us, kUptime);
  number = 5;
  CHECK_EQ(get(0, 0, samples), 0);
  CHECK_EQ(samples[4].timestamp_us, newest + uint64_t{kUptime});
  store(gpu.page().module_watts, 60.0);
  CHECK_EQ(get(7, 0, samples), 0);
  CHECK_EQ(samples[4].value.u32, 140000u);
}

TEST(a_module_draws_more_than_its_gpu) {
  const Stub stub;
  const Session nvml(NVML_STUB_570);
  const StubGpu gpu = stub.gpu();
  store(gpu.page().energy_refresh_s, 100.0);
  gpu.begin(150, constant(100));
  const Device device = nvml.device();
  CHECK_EQ(nvml.field(device, 186, 1).code, 3);
  CHECK_EQ(nvml.field(device, 186, 2).code, 3);
  gpu.module(40, false);
  CHECK_EQ(nvml.field(device, 186, 1).value.u32, 140000u);
  CHECK_EQ(nvml.field(device, 191, 1).value.u64, 1000000u + 14000000u);
  CHECK_EQ(nvml.field(device, 191).value.u64, 1000000u + 10000000u);
  gpu.module(40, true);
  CHECK_EQ(nvml.field(device, 191).value.u64, 1000000u + 14000000u);
  CHECK_EQ(nvml.energy_mj(device), 1000000u + 14000000u);
  gpu.mend(Field::memory_instant);
  CHECK_EQ(nvml.field(device, 186, 2).value.u32, 0u);  // success, and nothing: not supported
}

TEST(many_threads_are_counted_exactly) {
  const Stub stub(2);
  const Session nvml(NVML_STUB_570);
  const StubGpu gpu = stub.gpu();
  gpu.fail(Field::energy, 3, 100);
  std::atomic<uint64_t> failed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const Device device = nvml.device();
      for (int k = 0; k < 500; ++k) {
        if (nvml.field(device, 191).code == 3) ++failed;
        nvml("nvmlInit_v2");
        nvml("nvmlShutdown");
      }
    });
  }
  for (int k = 0; k < 50; ++k) gpu.watts(k);
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(gpu.calls(Function::nvmlDeviceGetFieldValues), 2000u);
  CHECK_EQ(failed, 100u);
  CHECK_EQ(stub.calls(Function::nvmlInit_v2), 2001u);
}
