// The nvml source against the stand-in for NVIDIA's library: what it opens, what it counts, what it
// asks, and what it does when the driver fails.
#include <chrono>
#include <cmath>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "clock.h"
#include "nvml_stub.h"
#include "opened.h"

using namespace jouletap;
using check::Reader;
using check::refusal_of;
using check::says;
using nvml_stub::Field;
using nvml_stub::Function;
using nvml_stub::load;
using nvml_stub::store;
using nvml_stub::Stub;

namespace {

constexpr char kGpu0[] = "gpu-0000:41:00.0";
constexpr char kGpu1[] = "gpu-0000:42:00.0";

/// A made machine whose NVIDIA library is a generation of the stub.
class Machine {
 public:
  explicit Machine(const char* library = NVML_STUB_570) : library_(library) {}

  /// A card on the bus, whose power the kernel manages.
  void card(const std::string& address, const std::string& status) const {
    const std::string folder = "sys/bus/pci/devices/" + address + "/";
    tree.file(folder + "vendor", "0x10de\n");
    tree.file(folder + "class", "0x030200\n");
    tree.file(folder + "power/runtime_status", status + "\n");
  }
  Opened open_with(const GpuWish& gpus = {}) const {
    Host host{tree.root(), read_topology(tree.root())};
    host.gpus = gpus;
    host.nvml = library_;
    return open_nvml(host, {});
  }

  Tree tree;

 private:
  std::string library_;
};

/// Joules are compared with the truth around the readings, give or take the uncertainty told.
class Measured {
 public:
  explicit Measured(Opened opened) : reader(std::move(opened)) {
    reader.source->start();
    reader.read();
    first_ns = now_ns();
    first = reader.tallies;
  }
  ~Measured() { reader.source->stop(); }

  /// Looks of the source's thread until the card has been asked so often.
  static void asked(const nvml_stub::StubGpu& gpu, uint64_t times) {
    const uint64_t before = gpu.calls(Function::nvmlDeviceGetFieldValues);
    while (gpu.calls(Function::nvmlDeviceGetFieldValues) < before + times) wait(1);
  }
  static void wait(int64_t ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

  void read() {
    reader.source->refresh();
    reader.read();
    last_ns = now_ns();
  }
  double joules(const std::string& id) const {
    const size_t at = reader.index(id);
    return reader.tallies[at].joules - first[at].joules;
  }
  double sigma(const std::string& id) const {
    const size_t at = reader.index(id);
    const Tally& from = first[at];
    const Tally& to = reader.tallies[at];
    const double bias = std::max(0.0, to.bias - from.bias);
    return std::sqrt(from.lag_variance + to.lag_variance +
                     std::max(0.0, to.variance - from.variance) + bias * bias);
  }
  /// Within five of them, and a joule for the time between the readings and the truth.
  void check_truth(const std::string& id, const nvml_stub::StubGpu& gpu) const {
    CHECK_NEAR(joules(id), gpu.joules(first_ns, last_ns), 5 * sigma(id) + 1);
  }

  Reader reader;
  std::vector<Tally> first;
  int64_t first_ns = 0;
  int64_t last_ns = 0;
};

host::Profile steady(double watts) { return {host::Profile::Kind::constant, watts, 0, 1, 0.5}; }

GpuWish visible(const std::string& cuda) {
  GpuWish wish;
  wish.environment["CUDA_VISIBLE_DEVICES"] = cuda;
  return wish;
}

}  // namespace

TEST(each_card_is_a_domain_that_is_added_and_says_what_it_is) {
  const Stub stub(2);
  Reader reader(Machine().open_with());
  CHECK_EQ(reader.ids(), std::string(kGpu0) + " " + kGpu1);
  CHECK_EQ(reader.additive(), reader.ids());
  const Domain& card = reader.domain(kGpu1);
  CHECK_EQ(card.kind, "gpu");
  CHECK_EQ(card.source, "nvml");
  CHECK_EQ(card.device.name, "NVIDIA A100-SXM4-40GB");
  CHECK_EQ(card.device.uuid, "GPU-5eed0000-0000-4000-8000-000000000001");
  CHECK_EQ(card.device.pci, "0000:42:00.0");
  CHECK_EQ(card.device.driver, "570.86.15");
  CHECK_EQ(card.device.index, 1);
  CHECK(card.method == Method::counter);
}

TEST(every_generation_of_the_driver_gives_the_true_energy_of_each_card) {
  for (const char* library : {NVML_STUB_450, NVML_STUB_535_43, NVML_STUB_535, NVML_STUB_570}) {
    const Stub stub(2);
    stub.gpu(0).begin(5, steady(200));
    stub.gpu(1).begin(5, {host::Profile::Kind::square, 300, 100, 0.5, 0.5});
    Measured measured(Machine(library).open_with());
    Measured::wait(700);
    measured.read();
    measured.check_truth(kGpu0, stub.gpu(0));
    measured.check_truth(kGpu1, stub.gpu(1));
    CHECK(measured.reader.tally(kGpu0).method == Method::counter);
    CHECK(measured.sigma(kGpu0) < 0.2 * measured.joules(kGpu0));
    CHECK_EQ(measured.reader.tally(kGpu0).failures, 0.0);
  }
}

TEST(a_look_is_one_call_a_card_and_the_library_is_started_once) {
  const Stub stub(2);
  Measured measured(Machine().open_with());
  Measured::asked(stub.gpu(0), 3);
  stub.reset_calls();
  Measured::asked(stub.gpu(0), 20);
  // The other card is asked after this one, at the same look.
  for (const size_t i : {0, 1}) {
    CHECK_EQ(stub.gpu(i).calls(), stub.gpu(i).calls(Function::nvmlDeviceGetFieldValues));
  }
  CHECK(stub.gpu(1).calls() + 1 >= stub.gpu(0).calls());
  CHECK_EQ(stub.calls(Function::nvmlInitWithFlags) + stub.calls(Function::nvmlInit_v2), 0u);
  CHECK_EQ(stub.calls(Function::nvmlShutdown), 0u);
}

TEST(a_driver_without_an_instant_is_asked_for_its_history_besides) {
  const Stub stub;
  Measured measured(Machine(NVML_STUB_450).open_with());
  Measured::asked(stub.gpu(), 25);  // at first it is asked at every look
  stub.reset_calls();
  Measured::asked(stub.gpu(), 30);
  const uint64_t looks = stub.gpu().calls(Function::nvmlDeviceGetFieldValues);
  const uint64_t drains = stub.gpu().calls(Function::nvmlDeviceGetSamples);
  CHECK_EQ(stub.gpu().calls(), looks + drains);
  CHECK(drains > 0 && drains <= looks / 2);
}

TEST(the_library_is_let_go_with_the_source) {
  const Stub stub;
  {
    Measured measured(Machine().open_with());
  }
  CHECK_EQ(stub.calls(Function::nvmlInitWithFlags), 1u);
  CHECK_EQ(stub.calls(Function::nvmlShutdown), 1u);
}

// The order of trust: counter, history, instant, average, whatever nvmlDeviceGetPowerUsage is.
TEST(what_a_card_lacks_the_next_best_stands_in_for) {
  const Stub stub;
  const auto check = [&](Method method) {
    stub.gpu().begin(5, steady(200));
    Measured measured(Machine().open_with());
    CHECK(measured.reader.domain(kGpu0).method == method);
    Measured::wait(500);
    measured.read();
    measured.check_truth(kGpu0, stub.gpu());
    CHECK(measured.reader.tally(kGpu0).method == method);
    CHECK_EQ(measured.reader.tally(kGpu0).failures, 0.0);
    CHECK(method == Method::counter || measured.sigma(kGpu0) > 1);
  };
  check(Method::counter);
  stub.gpu().fail(Field::total_energy, 3);
  check(Method::counter);  // by nvmlDeviceGetTotalEnergyConsumption
  stub.gpu().fail(Function::nvmlDeviceGetTotalEnergyConsumption, 3);
  check(Method::samples);
  stub.gpu().fail(Function::nvmlDeviceGetSamples, 3);
  check(Method::gauge);
  stub.gpu().fail(Field::instant, 3);
  check(Method::average);
  stub.gpu().fail(Field::average, 3);
  check(Method::gauge);  // an A100's is no average
  stub.gpu().fail(Function::nvmlDeviceGetPowerUsage, 3);
  const Opened opened = Machine().open_with();
  const auto& source = std::get<std::unique_ptr<Source>>(opened);
  CHECK(source->domains().empty());
  CHECK_EQ(source->unread().size(), 1u);
  CHECK(check::noted(*source, "neither its energy nor its power"));
}

TEST(history_is_read_by_whichever_clock_stamps_it) {
  for (const auto clock : {nvml_stub::SampleClock::boottime, nvml_stub::SampleClock::realtime,
                           nvml_stub::SampleClock::monotonic}) {
    const Stub stub;
    stub.gpu().fail(Field::total_energy, 3);
    stub.gpu().fail(Function::nvmlDeviceGetTotalEnergyConsumption, 3);
    store(stub.control().sample_clock, static_cast<uint64_t>(clock));
    stub.gpu().begin(20, steady(150));
    Measured measured(Machine().open_with());
    Measured::wait(500);
    measured.read();
    CHECK(measured.reader.tally(kGpu0).method == Method::samples);
    CHECK_NEAR(measured.joules(kGpu0), stub.gpu().joules(measured.first_ns, measured.last_ns), 5);
  }
}

TEST(stamps_that_are_wrong_do_no_harm_and_right_ones_help) {
  using nvml_stub::Stamp;
  using nvml_stub::StampFlaw;
  for (const Stamp stamp : {Stamp::query, Stamp::refresh}) {
    for (const StampFlaw flaw : {StampFlaw::none, StampFlaw::zero, StampFlaw::hour_late}) {
      const Stub stub;
      store(stub.control().stamp, static_cast<uint64_t>(stamp));
      store(stub.control().stamp_flaw, static_cast<uint64_t>(flaw));
      stub.gpu().begin(5, steady(200));
      Measured measured(Machine().open_with());
      Measured::wait(400);
      measured.read();
      measured.check_truth(kGpu0, stub.gpu());
    }
  }
}

TEST(values_are_read_in_whatever_type_they_come) {
  for (const uint64_t type : {0, 1, 2, 3, 4, 5}) {
    const Stub stub;
    stub.gpu().value_type(Field::total_energy, type);
    stub.gpu().value_type(Field::instant, type);
    stub.gpu().begin(5, steady(100));
    Measured measured(Machine().open_with());
    Measured::wait(250);
    measured.read();
    measured.check_truth(kGpu0, stub.gpu());
  }
}

TEST(not_supported_now_and_then_and_a_gauge_of_nothing_lose_nothing) {
  const Stub stub;
  stub.gpu().begin(5, steady(200));
  stub.gpu().fail(Field::total_energy, 3, 1);
  stub.gpu().fail(Field::instant, 3, 2);
  Measured measured(Machine().open_with());
  CHECK(measured.reader.domain(kGpu0).method == Method::counter);
  Measured::asked(stub.gpu(), 5);
  stub.gpu().fail(Field::total_energy, 3, 5);
  Measured::asked(stub.gpu(), 8);
  stub.gpu().fail(Field::instant, 3, 5);
  Measured::asked(stub.gpu(), 8);
  stub.gpu().zero_gauge(5);
  Measured::asked(stub.gpu(), 8);
  measured.read();
  measured.check_truth(kGpu0, stub.gpu());
  CHECK_EQ(measured.reader.tally(kGpu0).failures, 0.0);
}

TEST(a_card_that_is_lost_is_flagged_found_again_and_the_others_go_on) {
  const Stub stub(2);
  for (const size_t i : {0, 1}) stub.gpu(i).begin(5, steady(200));
  Measured measured(Machine().open_with());
  Measured::asked(stub.gpu(1), 10);
  stub.gpu(0).lose();
  Measured::asked(stub.gpu(1), 10);
  measured.read();
  CHECK(!measured.reader.tally(kGpu0).fresh);
  CHECK(measured.reader.tally(kGpu0).failures > 0);
  CHECK(measured.reader.tally(kGpu1).fresh);
  measured.check_truth(kGpu1, stub.gpu(1));
  stub.gpu(0).recover();
  while (!measured.reader.tally(kGpu0).fresh) measured.read();
  Measured::asked(stub.gpu(0), 20);
  measured.read();
  measured.check_truth(kGpu0, stub.gpu(0));  // its counter went on
  CHECK_EQ(measured.reader.tally(kGpu1).failures, 0.0);
}

TEST(a_driver_that_is_loaded_anew_is_initialised_anew_and_begins_an_epoch) {
  const Stub stub;
  stub.gpu().begin(5, steady(200));
  Measured measured(Machine().open_with());
  Measured::asked(stub.gpu(), 10);
  stub.gpu().fail(Function::nvmlDeviceGetFieldValues, 1, 1);
  while (measured.reader.tally(kGpu0).failures == 0) measured.read();
  stub.gpu().reset_energy();
  while (!measured.reader.tally(kGpu0).fresh) measured.read();
  Measured::asked(stub.gpu(), 20);
  measured.read();
  CHECK_EQ(stub.calls(Function::nvmlInitWithFlags), 2u);
  CHECK_EQ(stub.calls(Function::nvmlShutdown), 1u);
  CHECK_EQ(measured.reader.tally(kGpu0).resets, 1.0);
  CHECK(measured.joules(kGpu0) > 0);
  CHECK(measured.joules(kGpu0) <= stub.gpu().joules(measured.first_ns, measured.last_ns) + 5);
}

TEST(a_counter_that_is_always_the_same_is_not_believed) {
  const Stub stub;
  stub.gpu().begin(5, steady(200));
  stub.gpu().stick_energy();
  Measured measured(Machine().open_with());
  while (measured.reader.tally(kGpu0).stalls == 0) measured.read();
  CHECK(measured.reader.tally(kGpu0).method == Method::gauge);
  measured.check_truth(kGpu0, stub.gpu());
}

TEST(a_card_that_sleeps_is_not_touched_and_is_followed_once_it_wakes) {
  const Stub stub(2);
  Machine machine;
  machine.card("0000:41:00.0", "suspended");
  machine.card("0000:42:00.0", "active");
  stub.gpu(0).begin(5, steady(200));
  Measured measured(machine.open_with());
  CHECK(measured.reader.notes_say("asleep, not woken"));
  CHECK(measured.reader.domain(kGpu0).method == Method::gauge);  // the least that it may tell
  Measured::asked(stub.gpu(1), 10);
  measured.read();
  CHECK_EQ(stub.gpu(0).calls(), 0u);
  CHECK_EQ(measured.joules(kGpu0), 0.0);
  CHECK(measured.reader.tally(kGpu0).fresh);
  machine.card("0000:41:00.0", "active");
  Measured::asked(stub.gpu(0), 20);
  const double begun = stub.gpu(0).joules(measured.first_ns, now_ns());
  measured.read();
  CHECK(measured.joules(kGpu0) > 0);
  CHECK(measured.joules(kGpu0) < begun);
  machine.card("0000:41:00.0", "suspended");
  Measured::asked(stub.gpu(1), 2);
  stub.reset_calls();
  Measured::asked(stub.gpu(1), 10);
  CHECK_EQ(stub.gpu(0).calls(), 0u);
}

TEST(cards_are_numbered_by_their_addresses_as_hexadecimal_numbers) {
  const Stub stub(3);
  Machine machine;
  const uint64_t buses[] = {0x19, 0x3b, 0x5d};
  for (size_t i = 0; i < 3; ++i) store(stub.gpu(i).page().pci_bus, buses[i]);
  for (const char* address : {"0000:3b:00.0", "0000:19:00.0", "0000:5d:00.0"}) {
    machine.card(address, "active");
  }
  Reader reader(machine.open_with(visible("0")));
  CHECK_EQ(reader.ids(), "gpu-0000:19:00.0");
  CHECK_EQ(reader.domain("gpu-0000:19:00.0").device.index, 0);
}

TEST(a_card_that_fell_off_the_bus_is_told_of_beside_the_total) {
  const Stub stub(2);
  stub.gpu(0).lose();
  const auto source = check::source_of(Machine().open_with());
  CHECK_EQ(check::ids(*source), kGpu1);
  CHECK(check::noted(*source, "GPU 0 has fallen off the bus"));
  CHECK_EQ(source->unread().size(), 1u);
}

TEST(the_module_of_a_superchip_is_shown_and_not_added) {
  const Stub stub;
  stub.gpu().begin(5, steady(300));
  stub.gpu().module(150, true);
  Measured measured(Machine().open_with());
  CHECK_EQ(measured.reader.ids(), std::string(kGpu0) + " module-0000:41:00.0");
  CHECK_EQ(measured.reader.additive(), kGpu0);
  CHECK(measured.reader.domain("module-0000:41:00.0").role == Role::whole);
  Measured::wait(700);
  measured.read();
  // The counter counts the module, whatever its scope says.
  CHECK(measured.reader.tally(kGpu0).method != Method::counter);
  measured.check_truth(kGpu0, stub.gpu());
  const double seconds = static_cast<double>(measured.last_ns - measured.first_ns) * 1e-9;
  CHECK_NEAR(measured.joules("module-0000:41:00.0"), 450 * seconds,
             5 * measured.sigma("module-0000:41:00.0") + 1);
}

TEST(a_wish_is_followed_and_what_is_missing_is_said) {
  const Stub stub(4);
  CHECK_EQ(Reader(Machine().open_with(visible("1"))).ids(), kGpu1);
  CHECK_EQ(check::source_of(Machine().open_with(visible("")))->domains().size(), 0u);
  GpuWish wish;
  wish.kind = GpuWish::Kind::list;
  wish.list = {"1", "7"};
  const auto source = check::source_of(Machine().open_with(wish));
  CHECK_EQ(check::ids(*source), kGpu1);
  CHECK_EQ(source->warnings().size(), 1u);
  CHECK(says(source->warnings().at(0), "7"));
  wish.kind = GpuWish::Kind::none;
  stub.reset_calls();
  CHECK(says(refusal_of(Machine().open_with(wish)).reason, "no GPUs are wanted"));
  CHECK_EQ(stub.calls(Function::nvmlInitWithFlags), 0u);
}

TEST(a_part_by_mig_stands_for_its_card_and_says_so) {
  const Stub stub(2);
  stub.gpu(1).mig(0);
  stub.gpu(1).mig(2);
  const std::string id = stub.gpu(1).page().migs[2].uuid;
  const auto source = check::source_of(Machine().open_with(visible(id)));
  CHECK_EQ(check::ids(*source), kGpu1);
  CHECK_EQ(source->warnings().size(), 1u);
  CHECK(says(source->warnings().at(0), id) && says(source->warnings().at(0), "whole card"));
}

TEST(a_vgpu_is_refused_with_a_sentence) {
  const Stub stub;
  store(stub.gpu().page().virtualization_mode, 2);
  const Refusal refusal = refusal_of(Machine().open_with());
  CHECK(says(refusal.reason, "vGPU"));
  CHECK(says(refusal.reason, "host"));
}

TEST(a_card_that_is_not_granted_is_named_and_the_others_are_read) {
  const Stub stub(2);
  stub.gpu(0).forbid();
  Reader reader(Machine().open_with());
  CHECK_EQ(reader.ids(), kGpu1);
  CHECK(reader.notes_say("GPU 0 is not granted"));
}

TEST(each_failure_to_start_has_a_sentence_and_a_cure) {
  using Kind = Refusal::Kind;
  struct Row {
    uint64_t code;
    Kind kind;
    const char* reason;
    const char* fix;
  };
  const Stub stub;
  for (const Row& row : {Row{9, Kind::absent, "driver is not loaded", "modprobe nvidia"},
                         Row{17, Kind::masked, "does not grant access", "--gpus all"},
                         Row{18, Kind::broken, "differ in version", "reboot"},
                         Row{4, Kind::forbidden, "may not talk", "/dev/nvidia"},
                         Row{999, Kind::broken, "999", ""}}) {
    store(stub.control().init_code, row.code);
    const Refusal refusal = refusal_of(Machine().open_with());
    CHECK(refusal.kind == row.kind);
    CHECK(says(refusal.reason, row.reason));
    CHECK(says(refusal.fix, row.fix));
  }
  store(stub.control().init_code, 9);
  Machine machine;
  machine.card("0000:41:00.0", "active");
  CHECK(refusal_of(machine.open_with()).kind == Kind::broken);
  CHECK(refusal_of(Machine("/nowhere/libnvidia-ml.so.1").open_with()).kind == Kind::broken);
}

TEST(without_a_library_of_its_own_another_root_is_not_asked) {
  Machine machine("");
  const Refusal refusal = refusal_of(machine.open_with());
  CHECK(refusal.kind == Refusal::Kind::absent);
  CHECK(says(refusal.reason, "below " + machine.tree.root().string()));
}

// The sampler's thread and whoever ends a span are kept by no driver.
TEST(a_slow_driver_keeps_no_reader_waiting) {
  const Stub stub;
  Measured measured(Machine().open_with());
  store(stub.control().latency_us, 2'000'000);
  Measured::asked(stub.gpu(), 1);  // begun: it is counted before it sleeps
  const uint64_t calls = stub.gpu().calls();
  for (int i = 0; i < 1000; ++i) measured.reader.read();
  measured.reader.source->refresh();
  CHECK_EQ(stub.gpu().calls(), calls);
  store(stub.control().latency_us, 0);
}
