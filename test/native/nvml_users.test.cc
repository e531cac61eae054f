// What is counted of NVIDIA's cards while wanted processes work there, and how a card's energy is
// divided among all of them.
#include "../../native/sources/nvml_users.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "check.h"
#include "nvml_stub.h"
#include "opened.h"

using check::Tree;
using jouletap::DeviceShares;
using jouletap::GpuWish;
using jouletap::Host;
using jouletap::Share;
using jouletap::Source;
using jouletap::Tally;
using jouletap::nvml::Card;
using jouletap::nvml::Division;
using jouletap::nvml::Library;
using nvml_stub::Function;
using nvml_stub::now_ns;
using nvml_stub::Process;
using nvml_stub::store;
using nvml_stub::Stub;
using nvml_stub::StubGpu;

namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr Function kComputeList = Function::nvmlDeviceGetComputeRunningProcesses_v3;
constexpr Function kGraphicsList = Function::nvmlDeviceGetGraphicsRunningProcesses_v3;
constexpr Function kUtilization = Function::nvmlDeviceGetProcessUtilization;

std::unique_ptr<Library> library_at(const char* path) {
  return std::move(std::get<std::unique_ptr<Library>>(jouletap::nvml::load(path)));
}

void until(int64_t time_ns) {
  std::this_thread::sleep_until(
      std::chrono::steady_clock::time_point(std::chrono::nanoseconds(time_ns)));
}

/// A made machine whose process 10 has the child 11, and whose process 20 is a stranger.
struct Machine {
  Machine() {
    process(1, 0);
    process(10, 1);
    process(11, 10);
    process(20, 1);
  }
  void process(int pid, int parent) const {
    std::string stat = std::to_string(pid) + " (x) S " + std::to_string(parent);
    for (int field = 5; field < 22; ++field) stat += " 0";
    tree.file("proc/" + std::to_string(pid) + "/stat", stat + " 5\n");
  }
  Host host() const {
    Host host = check::host_of(tree);
    host.gpus.kind = GpuWish::Kind::all;
    host.nvml = NVML_STUB_570;
    return host;
  }
  Tree tree;
};

std::unique_ptr<Source> open(const Host& host) {
  return check::source_of(jouletap::open_nvml(host, {}));
}

bool warned(const Source& source, const std::string& words) {
  const auto said = source.warnings();
  return std::any_of(said.begin(), said.end(),
                     [&](const std::string& one) { return check::says(one, words); });
}

double sum(const DeviceShares& device) {
  double joules = device.idle_joules + device.unattributed_joules;
  for (const Share& share : device.processes) joules += share.joules;
  return joules;
}

Share of(const DeviceShares& device, uint32_t pid) {
  for (const Share& share : device.processes) {
    if (share.pid == pid) return share;
  }
  return {pid, 0, 0};
}

/// A card that is read, and divided in rounds as short as the test wants them.
struct Divided {
  explicit Divided(const Library& library) : call(library.call()), card(0, "", {}) {
    card.meet(call);
    card.learn(call);
    card.begin();
    read();
    learnt = division.learn(call, card);
    division.round(call, card, false);
  }
  void read() {
    card.ask(call);
    card.take();
  }
  /// Reads for so long, and ends a round.
  DeviceShares round(double seconds, bool last = false) {
    const int64_t end = now_ns() + static_cast<int64_t>(seconds * 1e9);
    while (now_ns() < end) {
      read();
      until(std::min(end, now_ns() + 5'000'000));
    }
    read();
    division.round(call, card, last);
    return division.told();
  }

  const jouletap::nvml::Functions& call;
  Card card;
  Division division{"gpu"};
  bool learnt = false;
};

/// Samples come as often as Shares can tell apart, and the counter always tells.
void hasten(const StubGpu& gpu) {
  store(gpu.page().utilization_period_s, 0.06);
  store(gpu.page().energy_refresh_s, 0.0);
}

}  // namespace

TEST(energy_is_divided_by_use_and_none_is_lost) {
  const Stub stub;
  const StubGpu gpu = stub.gpu();
  hasten(gpu);
  gpu.watts(200);
  for (const auto& [pid, percent] : {std::pair{101u, 30.0}, {102u, 20.0}}) {
    Process process = StubGpu::process(pid);
    process.sm_high = percent;
    gpu.add(process);
  }
  const auto library = library_at(NVML_STUB_570);
  Divided divided(*library);
  const int64_t start = now_ns();
  divided.round(0.2);
  const DeviceShares told = divided.round(0.2);
  CHECK_NEAR(told.joules, gpu.joules(start, now_ns()), 200 * 0.02);
  CHECK_NEAR(sum(told), told.joules, 1e-6 * told.joules);
  CHECK_NEAR(of(told, 101).joules, 0.6 * told.joules, 1e-6 * told.joules);
  CHECK_NEAR(of(told, 102).joules, 0.4 * told.joules, 1e-6 * told.joules);
  CHECK_NEAR(of(told, 101).sm_seconds, 0.3 * 0.4, 0.3 * 0.07);
  CHECK(std::isnan(told.idle_watts));
}

TEST(idle_power_is_learnt_while_nobody_works_and_only_the_rest_is_divided) {
  const Stub stub;
  const StubGpu gpu = stub.gpu();
  hasten(gpu);
  gpu.watts(50);
  const auto library = library_at(NVML_STUB_570);
  until(now_ns() + kSecond / 20);
  Divided divided(*library);
  DeviceShares told = divided.round(0.4);
  CHECK_NEAR(told.idle_watts, 50, 2);
  CHECK_NEAR(told.idle_joules, told.joules, 1e-9);
  const double before = told.idle_joules;
  const int64_t begin = gpu.watts(250);
  Process process = StubGpu::process(101);
  process.sm_high = 40;
  process.from_s =
      static_cast<double>(begin - static_cast<int64_t>(nvml_stub::load(gpu.page().start_ns))) *
      1e-9;
  gpu.add(process);
  told = divided.round(0.4);
  CHECK_NEAR(told.idle_joules - before, 50 * 0.4, 3);
  CHECK_NEAR(of(told, 101).joules, 200 * 0.4, 8);
  CHECK_NEAR(sum(told), told.joules, 1e-6 * told.joules);
}

TEST(a_short_last_round_without_samples_teaches_nothing) {
  const Stub stub;
  const StubGpu gpu = stub.gpu();
  store(gpu.page().energy_refresh_s, 0.0);
  store(gpu.page().utilization_period_s, 100.0);  // as if it were between two samplings
  gpu.watts(300);
  const auto library = library_at(NVML_STUB_570);
  until(now_ns() + kSecond / 20);
  Divided divided(*library);
  DeviceShares told = divided.round(0.1, true);
  CHECK(std::isnan(told.idle_watts));
  CHECK(told.joules > 25);
  CHECK_NEAR(told.unattributed_joules, told.joules, 1e-9);
  // Once idle power is known, its part is told apart from what is above it.
  Divided taught(*library);
  const double idle_watts = taught.round(0.1).idle_watts;
  gpu.watts(400);
  until(now_ns() + kSecond / 50);
  told = taught.round(0.1, true);
  CHECK_EQ(told.idle_watts, idle_watts);
  CHECK(told.unattributed_joules > 5);
  CHECK(told.idle_joules > 50);
  CHECK_NEAR(sum(told), told.joules, 1e-6 * told.joules);
}

TEST(where_the_driver_does_not_tell_nothing_is_attributed) {
  const Stub stub;
  const StubGpu gpu = stub.gpu();
  hasten(gpu);
  Process process = StubGpu::process(101);
  process.sm_high = 30;
  gpu.add(process);
  const auto library = library_at(NVML_STUB_570);
  gpu.fail(kUtilization, 3);
  Divided silent(*library);
  CHECK(!silent.learnt);
  DeviceShares told = silent.round(0.1);
  CHECK(told.joules > 5);
  CHECK_EQ(told.unattributed_joules, told.joules);
  CHECK(std::isnan(told.idle_watts));

  gpu.mend(kUtilization);
  gpu.mig(0);
  stub.reset_calls();
  Divided parted(*library);
  CHECK(!parted.learnt);
  told = parted.round(0.1);
  CHECK_EQ(told.unattributed_joules, told.joules);
  CHECK_EQ(gpu.calls(kUtilization), 0u);
}

TEST(rounds_in_which_the_driver_fails_are_unattributed_and_the_others_are_not) {
  const Stub stub;
  const StubGpu gpu = stub.gpu();
  hasten(gpu);
  Process process = StubGpu::process(101);
  process.sm_high = 30;
  gpu.add(process);
  const auto library = library_at(NVML_STUB_570);
  Divided divided(*library);
  CHECK(divided.learnt);
  const double first = divided.round(0.1).joules;
  gpu.fail(kUtilization, 999, 1);
  DeviceShares told = divided.round(0.1);
  CHECK_NEAR(told.unattributed_joules, told.joules - first, 1e-9);
  const double failed = told.unattributed_joules;
  told = divided.round(0.1);
  CHECK_EQ(told.unattributed_joules, failed);
  CHECK_NEAR(of(told, 101).joules, told.joules - failed, 1e-6 * told.joules);
}

TEST(only_the_card_on_which_the_tree_works_is_counted_from_when_it_does) {
  const Machine machine;
  const Stub stub(2);
  for (size_t i = 0; i < 2; ++i) {
    store(stub.gpu(i).page().energy_refresh_s, 0.0);
    stub.gpu(i).begin(5, {});
    stub.gpu(i).page().segments[0].first = 100;
  }
  Process child = StubGpu::process(11);
  child.from_s = 5.4;  // 0.4 s from now
  stub.gpu(1).add(child);
  stub.gpu(0).add(StubGpu::process(20));  // a stranger
  Host host = machine.host();
  host.pids = {10};
  const auto source = open(host);
  CHECK_EQ(source->warnings().size(), 1u);
  CHECK(check::says(source->warnings().at(0),
                    "counted only while process 10 or a descendant of it works there"));
  CHECK_EQ(source->domains().size(), 2u);
  source->start();
  std::vector<Tally> first(2);
  source->read(first.data());
  std::vector<Tally> tallies = first;
  const auto began = static_cast<int64_t>(nvml_stub::load(stub.gpu(1).page().start_ns)) +
                     5 * kSecond + 4 * (kSecond / 10);
  until(began + 16 * (kSecond / 10));
  source->refresh();
  source->read(tallies.data());
  const int64_t end = now_ns();
  source->stop();
  CHECK_EQ(tallies[0].joules - first[0].joules, 0.0);
  CHECK(tallies[0].fresh);
  CHECK_NEAR(tallies[0].covered_ms - first[0].covered_ms, 2000, 100);
  const double sigma = std::sqrt(tallies[1].variance + tallies[1].lag_variance);
  CHECK_NEAR(sigma, 100 * 1 / std::sqrt(12.0), 10);
  CHECK_NEAR(tallies[1].joules - first[1].joules, stub.gpu(1).joules(began, end), 2 * sigma);
}

TEST(a_card_whose_lists_the_driver_does_not_give_is_counted_whole_with_a_warning) {
  const Machine machine;
  const Stub stub;
  const StubGpu gpu = stub.gpu();
  gpu.fail(kComputeList, 3);
  gpu.fail(kGraphicsList, 3);
  Host host = machine.host();
  host.pids = {10, 99};
  const auto source = open(host);
  CHECK(warned(*source, "does not tell which processes work on gpu-0000:41:00.0: all"));
  CHECK(warned(*source, "there is no process 99"));
  source->start();
  Tally first;
  source->read(&first);
  const int64_t begin = now_ns();
  until(begin + kSecond / 4);
  source->refresh();
  Tally tally = first;
  source->read(&tally);
  source->stop();
  CHECK_NEAR(tally.joules - first.joules, gpu.joules(begin, now_ns()), 100 * 0.05);
}

TEST(the_driver_is_asked_about_processes_as_rarely_as_is_promised_or_not_at_all) {
  const Machine machine;
  const Stub stub;
  const StubGpu gpu = stub.gpu();
  gpu.add(StubGpu::process(11));
  const auto run = [&](const Host& host, double seconds) {
    stub.reset_calls();
    const auto source = open(host);
    source->start();
    until(now_ns() + static_cast<int64_t>(seconds * 1e9));
    source->stop();
    return source->shares();
  };
  CHECK(run(machine.host(), 0.1).empty());
  for (const Function list : {kComputeList, kGraphicsList, kUtilization}) {
    CHECK_EQ(gpu.calls(list), 0u);
  }
  Host host = machine.host();
  host.pids = {10};
  host.shares = true;
  const int64_t start = now_ns();
  const auto shares = run(host, 2.2);
  const auto seconds = static_cast<uint64_t>((now_ns() - start) / kSecond);
  // When it is opened, when it is started, and from then on.
  for (const Function list : {kComputeList, kGraphicsList}) {
    CHECK(gpu.calls(list) >= 3 && gpu.calls(list) <= 2 + seconds);
  }
  CHECK(gpu.calls(kUtilization) >= 4);  // the size, twice the beginning, and the last round
  CHECK(gpu.calls(kUtilization) <= 2 * (3 + seconds / 2));  // without use the size is never known
  CHECK_EQ(shares.size(), 1u);
  CHECK_EQ(shares[0].id, std::string("gpu-0000:41:00.0"));
  CHECK_NEAR(shares[0].joules, 100 * 2.2, 100 * 0.1);
  CHECK_NEAR(sum(shares[0]), shares[0].joules, 1e-6 * shares[0].joules);
}
