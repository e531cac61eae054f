// A control page for a C++ test: a file of its own that the stub in the same process is told of.
//
// Everything not offered here is a knob of the page: store(stub.control().latency_us, 5000).
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "../nvml/defaults.h"

namespace nvml_stub {

/// What a test does to one GPU, and asks about it. Cheap to copy; lives as long as its Stub.
class StubGpu {
 public:
  explicit StubGpu(Gpu& page) : page_(&page) {}

  Gpu& page() const { return *page_; }

  /// A new power, in force a millisecond from now or at `at`, so that no reading knows the past
  /// otherwise than the next one. Returns when.
  int64_t curve(const host::Profile& profile, int64_t at = 0) const {
    if (at == 0) at = now_ns() + 1000000;
    const uint64_t count = load(page_->segment_count);
    if (count == kMaxSegments) throw std::runtime_error("the control page has no more segments");
    if (count > 0 && static_cast<int64_t>(page_->segments[count - 1].start_ns) > at) {
      throw std::runtime_error("a later power was set before");
    }
    page_->segments[count] = {static_cast<uint64_t>(at),
                              joules_at(*page_, at),
                              static_cast<uint64_t>(profile.kind),
                              profile.first,
                              profile.second,
                              profile.seconds,
                              profile.duty,
                              0};
    store(page_->segment_count, count + 1);
    return at;
  }
  int64_t watts(double watts, int64_t at = 0) const {
    host::Profile profile;
    profile.first = watts;
    return curve(profile, at);
  }

  /// Lets it have begun in the past, with this curve: what depends on its age need not be awaited.
  /// Returns when. Before any other power is set.
  int64_t begin(double seconds_ago, const host::Profile& profile) const {
    const int64_t start = now_ns() - nanoseconds(seconds_ago);
    store(page_->segment_count, 0);
    store(page_->start_ns, static_cast<uint64_t>(start));
    return curve(profile, start);
  }

  void lose() const { store(page_->lost, 1); }
  void recover() const { store(page_->lost, 0); }
  void forbid() const { store(page_->forbidden, 1); }

  void fail(Function function, int code, uint64_t times = kForever) const {
    strike(page_->faults[static_cast<size_t>(function)], code, times);
  }
  void mend(Function function) const { fail(function, 0, 0); }
  void fail(Field field, int code, uint64_t times = kForever) const {
    strike(page_->fields[static_cast<size_t>(field)].fault, code, times);
  }
  void mend(Field field) const { fail(field, 0, 0); }
  void value_type(Field field, uint64_t type) const {
    store(page_->fields[static_cast<size_t>(field)].value_type, type);
  }
  void zero_gauge(uint64_t times) const { store(page_->zero_reads_left, times); }

  /// The counter begins anew at 0.
  void reset_energy() const {
    const auto shown = static_cast<int64_t>(energy_mj(*page_, now_ns(), false));
    store(page_->energy_offset_mj, load(page_->energy_offset_mj) - shown);
  }
  void stick_energy() const { store(page_->energy_stuck_ns, static_cast<uint64_t>(now_ns())); }
  void release_energy() const { store(page_->energy_stuck_ns, 0); }

  /// A module that draws so much beside the GPU and tells of it, as Grace Hopper's does.
  void module(double watts, bool energy_counts_it) const {
    store(page_->module_watts, watts);
    store(page_->energy_of_module, energy_counts_it ? 1 : 0);
    for (const Field field : {Field::module_energy, Field::module_average, Field::module_instant}) {
      mend(field);
    }
  }

  /// Switches MIG on, with an instance in `slot` whose ids are slot + 1 and 0.
  void mig(size_t slot) const {
    Mig& mig = page_->migs[slot];
    mig.gpu_instance = slot + 1;
    mig.compute_instance = 0;
    std::snprintf(mig.uuid, sizeof mig.uuid, "MIG-%.*s-%zu", 80, page_->uuid + 4, slot);
    store(mig.present, 1);
    store(page_->mig_current, 1);
    store(page_->mig_pending, 1);
  }

  /// A process to fill in before `add`: always there, with no use.
  static Process process(uint32_t pid) {
    Process made{};
    made.pid = pid;
    made.gpu_instance = made.compute_instance = kNoInstance;
    made.duty = 0.5;
    made.from_s = -std::numeric_limits<double>::infinity();
    made.until_s = std::numeric_limits<double>::infinity();
    return made;
  }
  void add(const Process& process) const {
    const uint64_t count = load(page_->process_count);
    if (count == kMaxProcesses) throw std::runtime_error("the control page has no more processes");
    page_->processes[count] = process;
    store(page_->process_count, count + 1);
  }

  /// Calls of the driver for this GPU.
  uint64_t calls(Function function) const {
    return load(page_->calls[static_cast<size_t>(function)]);
  }
  uint64_t calls() const {
    uint64_t sum = 0;
    for (const uint64_t& number : page_->calls) sum += load(number);
    return sum;
  }

  /// What it truly used between two times of CLOCK_MONOTONIC.
  double joules(int64_t from, int64_t to) const {
    return joules_at(*page_, to) - joules_at(*page_, from);
  }

 private:
  static void strike(Fault& fault, int code, uint64_t times) {
    store(fault.left, 0);
    store(fault.code, static_cast<uint64_t>(code));
    store(fault.left, times);
  }

  Gpu* page_;
};

/// A page with `gpus` GPUs. One at a time: the stub reads its path from the environment at
/// nvmlInit.
class Stub {
 public:
  explicit Stub(uint64_t gpus = 1) {
    std::string path = (std::filesystem::temp_directory_path() / "nvml-stub-XXXXXX").string();
    const int file = mkstemp(path.data());
    if (file < 0) throw std::runtime_error("mkstemp failed");
    path_ = path;
    void* at = MAP_FAILED;
    if (ftruncate(file, sizeof(Control)) == 0) {
      at = mmap(nullptr, sizeof(Control), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    }
    close(file);
    if (at == MAP_FAILED) throw std::runtime_error("no control page");
    control_ = static_cast<Control*>(at);
    fill_control(*control_, gpus, static_cast<uint64_t>(now_ns()));
    setenv(kPathVariable, path_.c_str(), 1);
  }
  ~Stub() {
    unsetenv(kPathVariable);
    munmap(control_, sizeof(Control));
    unlink(path_.c_str());
  }
  Stub(const Stub&) = delete;
  Stub& operator=(const Stub&) = delete;

  Control& control() const { return *control_; }
  StubGpu gpu(size_t index = 0) const { return StubGpu(control_->gpus[index]); }

  /// Calls of the driver in all.
  uint64_t calls(Function function) const {
    return load(control_->calls[static_cast<size_t>(function)]);
  }
  void reset_calls() const {
    for (uint64_t& number : control_->calls) store(number, 0);
    for (Gpu& gpu : control_->gpus) {
      for (uint64_t& number : gpu.calls) store(number, 0);
    }
  }

 private:
  std::string path_;
  Control* control_ = nullptr;
};

}  // namespace nvml_stub
