// NVIDIA cards by NVIDIA's management library, on a thread of its own.
#include <pthread.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "../clock.h"
#include "../files.h"
#include "../gate.h"
#include "../signals.h"
#include "nvml_card.h"
#include "nvml_library.h"
#include "nvml_users.h"
#include "pci.h"
#include "sources.h"

namespace jouletap {
namespace {

namespace fs = std::filesystem;
using nvml::Card;
using nvml::Library;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr char kName[] = "nvml";
// Often enough to see when a counter of 100 ms moves; more rarely where that would cost more than
// 2 % of a core, or keep the driver busy for more than a quarter of the time.
constexpr int64_t kTickNs = 20'000'000;
constexpr int64_t kSlowestTickNs = 250'000'000;
constexpr int64_t kCpuShare = 50;
constexpr int64_t kBusyShare = 4;
// An answer no older than this is as good as a new one.
constexpr int64_t kFreshNs = 2'000'000;
constexpr int64_t kPatienceNs = 50'000'000;
constexpr int64_t kRenewNs = 1'000'000'000;

int64_t own_cpu_ns() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return int64_t{spent.tv_sec} * 1'000'000'000 + spent.tv_nsec;
}

struct Followed {
  size_t card;
  bool module;
  Gate gate = {};     // open while the card is used by those who are asked for
  Tally device = {};  // of all
};

class Nvml final : public Source {
 public:
  Nvml(std::unique_ptr<Library> library, std::vector<Card> cards, const Host& host)
      : library_(std::move(library)), cards_(std::move(cards)), users_(host) {}
  ~Nvml() override { stop(); }

  const std::vector<Domain>& domains() const override { return domains_; }
  const std::vector<std::string>& notes() const override { return notes_; }
  std::vector<std::string> warnings() const override { return warnings_; }
  std::vector<Domain> unread() const override { return unread_; }
  std::vector<DeviceShares> shares() const override { return users_.shares(); }

  void read(Tally* tallies) noexcept override {
    const std::lock_guard<std::mutex> lock(knowing_);
    const int64_t now = now_ns();
    for (Followed& followed : followed_) {
      tell(followed, now);
      followed.gate.tell(now, followed.device, *tallies++);
    }
  }

  void start() override {
    if (thread_.joinable() || library_ == nullptr) return;
    for (Card& card : cards_) card.begin();
    ask_all();
    ask_about_users();
    const SignalsBlocked blocked;
    thread_ = std::thread([this] { run(); });
  }

  void refresh() noexcept override {
    std::unique_lock<std::mutex> lock(waking_);
    if (!thread_.joinable() || stopping_ || now_ns() - finished_ns_ < kFreshNs) return;
    // An answer that is under way may have been asked for before now.
    const uint64_t wanted = started_ + 1;
    hurried_ = true;
    wake_.notify_all();
    answered_.wait_for(lock, nanoseconds(kPatienceNs),
                       [&] { return finished_ >= wanted || stopping_; });
  }

  void stop() noexcept override {
    {
      const std::lock_guard<std::mutex> lock(waking_);
      stopping_ = true;
    }
    wake_.notify_all();
    if (thread_.joinable()) thread_.join();
    library_.reset();  // nothing is read any more
  }

  double cpu_seconds() const override {
    return static_cast<double>(cpu_ns_.load(std::memory_order_relaxed)) * 1e-9;
  }

 private:
  friend class Opening;

  /// With knowing_ held.
  void tell(Followed& followed, int64_t now) const noexcept {
    const Card& card = cards_[followed.card];
    followed.module ? card.tell_module(now, followed.device) : card.tell(now, followed.device);
  }

  /// What is new about the users of the cards.
  void ask_about_users() noexcept {
    if (!users_.ask(*library_, cards_)) return;
    const std::lock_guard<std::mutex> lock(knowing_);
    const int64_t now = now_ns();
    for (Followed& followed : followed_) {
      const std::optional<bool> used = users_.used(followed.card);
      if (!used) continue;
      tell(followed, now);
      followed.gate.look(*used, now, followed.device);
    }
  }

  void ask_all() noexcept {
    const nvml::Functions& call = library_->call();
    for (Card& card : cards_) {
      card.ask(call);
      const std::lock_guard<std::mutex> lock(knowing_);
      card.take();
    }
    const bool orphaned =
        std::any_of(cards_.begin(), cards_.end(), [](const Card& card) { return card.orphaned(); });
    if (!orphaned || now_ns() - renewed_ns_ < kRenewNs) return;
    renewed_ns_ = now_ns();
    for (Card& card : cards_) card.forget();
    library_->renew();
  }

  void run() noexcept {
    pthread_setname_np(pthread_self(), "jouletap-nvml");
    int64_t due = now_ns() + kTickNs;
    std::unique_lock<std::mutex> lock(waking_);
    while (!stopping_) {
      const steady_clock::time_point until{
          std::chrono::duration_cast<steady_clock::duration>(nanoseconds(due))};
      wake_.wait_until(lock, until, [this] { return stopping_ || hurried_; });
      if (stopping_) break;
      hurried_ = false;
      ++started_;
      lock.unlock();
      const int64_t before = now_ns();
      const int64_t spent = own_cpu_ns();
      ask_all();
      const int64_t pause =
          std::max(kCpuShare * (own_cpu_ns() - spent), kBusyShare * (now_ns() - before));
      due = before + std::clamp(pause, kTickNs, kSlowestTickNs);
      lock.lock();
      finished_ = started_;
      finished_ns_ = now_ns();
      answered_.notify_all();
      lock.unlock();
      ask_about_users();
      cpu_ns_.store(own_cpu_ns(), std::memory_order_relaxed);
      lock.lock();
    }
    lock.unlock();
    users_.end(*library_, cards_);
  }

  std::unique_ptr<Library> library_;  // first: the cards' handles are its
  std::vector<Domain> domains_;
  std::vector<Domain> unread_;
  std::vector<std::string> notes_;
  std::vector<std::string> warnings_;

  std::mutex knowing_;  // what the cards tell; held only to copy and add up
  std::vector<Card> cards_;
  std::vector<Followed> followed_;
  nvml::Users users_;
  int64_t renewed_ns_ = 0;

  std::mutex waking_;  // never held while the driver is asked
  std::condition_variable wake_;
  std::condition_variable answered_;
  uint64_t started_ = 0;   // looks begun,
  uint64_t finished_ = 0;  // and over
  int64_t finished_ns_ = 0;
  bool hurried_ = false;
  bool stopping_ = false;
  std::atomic<int64_t> cpu_ns_{0};
  std::thread thread_;  // last: it uses all of the above
};

/// Why the library did not load or start, and what mends that.
Refusal refuse(const Host& host, const nvml::Failure& failure, bool has_card) {
  using Kind = Refusal::Kind;
  switch (failure.result) {
    case -1:
      if (!host.nvml.empty())
        return {Kind::broken, "NVIDIA's library could not be loaded: " + failure.text, ""};
      if (has_card) {
        return {Kind::broken,
                "there is an NVIDIA card, and no libnvidia-ml.so.1, which comes with NVIDIA's "
                "driver",
                "sudo apt-get install nvidia-driver"};
      }
      return {Kind::absent, "there is no libnvidia-ml.so.1, which comes with NVIDIA's driver", ""};
    case nvml::kDriverNotLoaded:
      return {has_card ? Kind::broken : Kind::absent, "NVIDIA's driver is not loaded",
              "sudo modprobe nvidia"};
    case nvml::kNoPermission:
      return {Kind::forbidden, "this user may not talk to NVIDIA's driver",
              "sudo chmod a+rw /dev/nvidia*"};
    case nvml::kOperatingSystem:
      return {Kind::masked,
              "the operating system, or the container, does not grant access to the GPUs",
              "docker run --gpus all …"};
    case nvml::kVersionMismatch:
      return {Kind::broken,
              "NVIDIA's driver was updated: its library and the loaded module differ in version",
              "sudo reboot"};
    case nvml::kGpuLost:
    case nvml::kResetRequired:
      return {Kind::broken, "a GPU has fallen off the bus or wants a reset", "sudo reboot"};
    default:
      return {Kind::broken,
              "NVIDIA's library answers " + std::to_string(failure.result) +
                  (failure.text.empty() ? "" : " (" + failure.text + ")"),
              ""};
  }
}

/// Finds the cards that are wanted and readable.
class Opening {
 public:
  Opening(const Host& host, const std::vector<Domain>& taken)
      : host_(host), taken_(taken), bus_(cards_by(host.root, kNvidia)) {}

  Opened run() {
    // Below another root the library is this system's: it is asked where that root has the driver.
    std::error_code ignored;
    const bool ours = host_.root == "/" || !host_.nvml.empty() ||
                      fs::exists(host_.root / "proc/driver/nvidia", ignored);
    if (!ours) {
      return Refusal{Refusal::Kind::absent,
                     "NVIDIA's driver is not loaded on the machine below " + host_.root.string(),
                     ""};
    }
    auto loaded = nvml::load(host_.nvml);
    if (const auto* failure = std::get_if<nvml::Failure>(&loaded)) {
      return refuse(host_, *failure, !bus_.empty());
    }
    library_ = std::move(std::get<std::unique_ptr<Library>>(loaded));
    unsigned count = 0;
    library_->call().DeviceGetCount_v2(&count);
    if (count == 0) {
      return Refusal{Refusal::Kind::absent, "NVIDIA's driver lists no GPU", ""};
    }
    meet(count);
    if (cards_.empty()) return Refusal{Refusal::Kind::broken, reasons_, ""};
    return follow();
  }

 private:
  void meet(unsigned count) {
    const nvml::Functions& call = library_->call();
    for (unsigned i = 0; i < count; ++i) {
      // NVML numbers cards by their addresses; which of them one is could only be asked by waking
      // it.
      const std::string address = bus_.size() == count ? bus_[i] : "";
      const fs::path state = host_.root / "sys/bus/pci/devices" / address / "power/runtime_status";
      Card card(static_cast<int>(i), address, address.empty() ? File() : open_file(state));
      if (card.asleep()) {
        cards_.push_back(std::move(card));
        continue;
      }
      const std::string name = "GPU " + std::to_string(i);
      if (!card.meet(call)) {
        reason(name + " is not granted to this user or container");
      } else if (card.vgpu()) {
        reason(name +
               " is a vGPU, a share of a card whose energy only the virtual machine's host "
               "can read");
      } else {
        watch(card);
        cards_.push_back(std::move(card));
      }
    }
  }

  /// A card whose address only the driver could tell may fall asleep later.
  void watch(Card& card) const {
    card.watch(
        open_file(host_.root / "sys/bus/pci/devices" / card.gpu().pci / "power/runtime_status"));
  }

  void reason(const std::string& sentence) {
    reasons_ += (reasons_.empty() ? "" : "; ") + sentence;
    notes_.push_back("nvml: " + sentence + ".");
  }

  Opened follow() {
    std::vector<Gpu> gpus;
    for (const Card& card : cards_) gpus.push_back(card.gpu());
    const GpuChoice choice = choose_nvidia(gpus, beside(host_.gpus, host_.root, kAmd));
    std::vector<Card> chosen;
    std::vector<Followed> followed;
    std::vector<std::string> ids;
    for (const size_t at : choice.chosen) {
      Card& card = cards_[at];
      Domain domain = domain_of(card);
      if (is_taken(domain, taken_)) continue;
      if (!card.asleep() && !card.learn(library_->call())) {
        notes_.push_back("nvml: " + domain.id + " tells neither its energy nor its power.");
        unread_.push_back(std::move(domain));
        continue;
      }
      if (card.asleep()) {
        notes_.push_back("nvml: asleep, not woken, and counted as 0 W while asleep: " + domain.id +
                         ".");
      }
      const nvml::Readings& readings = card.readings();
      describe(readings.card(), domain);
      domain.update_s = readings.refresh_s();
      ids.push_back(domain.id);
      followed.push_back({chosen.size(), false});
      domains_.push_back(domain);
      if (readings.has_module()) {
        notes_.push_back("nvml: the energy counter of " + domain.id +
                         " may hold that of its whole module: its power is integrated instead.");
        domain.id = "module-" + card.gpu().pci;
        domain.kind = "module";
        domain.role = Role::whole;
        describe(readings.module(), domain);
        followed.push_back({chosen.size(), true});
        domains_.push_back(domain);
      }
      chosen.push_back(std::move(card));
    }
    auto source = std::make_unique<Nvml>(std::move(library_), std::move(chosen), host_);
    source->followed_ = std::move(followed);
    source->domains_ = std::move(domains_);
    source->unread_ = std::move(unread_);
    source->notes_ = std::move(notes_);
    source->notes_.insert(source->notes_.end(), choice.notes.begin(), choice.notes.end());
    source->warnings_ = choice.warnings;
    source->users_.meet(*source->library_, source->cards_, ids, source->notes_, source->warnings_);
    return source;
  }

  static void describe(const Anchored::Spec& spec, Domain& domain) {
    domain.method = spec.has_counter ? Method::counter : spec.gauge;
    domain.unit = spec.has_counter ? spec.unit : 0;
    domain.max_watts = spec.max_watts;
  }

  Domain domain_of(const Card& card) const {
    const Gpu& gpu = card.gpu();
    Domain domain;
    domain.id = "gpu-" + (gpu.pci.empty() ? std::to_string(gpu.index) : gpu.pci);
    domain.kind = "gpu";
    domain.source = kName;
    domain.role = Role::root;
    domain.may_rest = true;
    domain.device = {gpu.name, gpu.uuid, gpu.pci, library_->driver(), gpu.index};
    return domain;
  }

  const Host& host_;
  const std::vector<Domain>& taken_;
  const std::vector<std::string> bus_;  // addresses of the cards
  std::unique_ptr<Library> library_;
  std::vector<Card> cards_;
  std::vector<Domain> domains_;
  std::vector<Domain> unread_;
  std::vector<std::string> notes_;
  std::string reasons_;
};

}  // namespace

Opened open_nvml(const Host& host, const std::vector<Domain>& taken) {
  if (host.gpus.kind == GpuWish::Kind::none) {
    return Refusal{Refusal::Kind::absent, "no GPUs are wanted", ""};
  }
  return Opening(host, taken).run();
}

}  // namespace jouletap
