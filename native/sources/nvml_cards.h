// NVIDIA's cards as a source: asked on a thread of its own, so that they delay nobody.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "../gate.h"
#include "../source.h"
#include "nvml_card.h"
#include "nvml_library.h"
#include "nvml_users.h"

namespace jouletap::nvml {

/// What was found to follow.
struct Found {
  /// The energy of a card, or of its module.
  struct Followed {
    size_t card;
    bool module;
  };

  std::unique_ptr<Library> library;
  std::vector<Card> cards;
  std::vector<Domain> domains;
  std::vector<Followed> followed;  // by domain
  std::vector<std::string> ids;    // by card
  std::vector<Domain> unread;
  std::vector<std::string> notes;
  std::vector<std::string> warnings;
};

class Cards final : public Source {
 public:
  Cards(Found found, const Host& host);
  ~Cards() override { stop(); }

  const std::vector<Domain>& domains() const override { return found_.domains; }
  const std::vector<std::string>& notes() const override { return found_.notes; }
  std::vector<std::string> warnings() const override { return found_.warnings; }
  std::vector<Domain> unread() const override { return found_.unread; }
  std::vector<DeviceShares> shares() const override { return users_.shares(); }
  void read(Tally* tallies) noexcept override;

  bool has_thread() const override { return true; }
  void start() override;
  void refresh() noexcept override;
  void stop() noexcept override;
  double cpu_seconds() const override;

 private:
  struct Column {
    Found::Followed followed;
    Gate gate;     // open while the card is used by those who are asked for
    Tally device;  // of all
  };

  void tell(Column& column, int64_t now) const noexcept;  // with knowing_ held
  void ask_all() noexcept;
  void ask_about_users() noexcept;
  void run() noexcept;

  std::mutex knowing_;  // what the cards tell; held only to copy and add up
  Found found_;         // of it only `cards` changes
  std::vector<Column> columns_;
  Users users_;
  int64_t renewed_ns_ = 0;

  std::mutex waking_;  // never held while the driver is asked
  std::condition_variable wake_;
  std::condition_variable answered_;
  uint64_t started_ = 0;   // looks begun,
  uint64_t finished_ = 0;  // and over,
  int64_t finished_ns_ = 0;
  bool hurried_ = false;
  bool running_ = false;
  std::atomic<bool> stopping_{false};
  std::atomic<int64_t> cpu_ns_{0};
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace jouletap::nvml
