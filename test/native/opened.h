// What tests of sources share: made hosts, what an open function gave, and its cost.
#pragma once

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "../../native/sources/sources.h"
#include "check.h"

namespace check {

inline void intel(const Tree& tree) { tree.cpuinfo("GenuineIntel", 6, 0x55); }
inline void amd(const Tree& tree) { tree.cpuinfo("AuthenticAMD", 0x19, 1); }

inline jouletap::Host host_of(const Tree& tree) {
  return {tree.root(), jouletap::read_topology(tree.root())};
}

inline std::unique_ptr<jouletap::Source> source_of(jouletap::Opened opened) {
  if (auto* refusal = std::get_if<jouletap::Refusal>(&opened)) {
    throw std::runtime_error("refused: " + refusal->reason);
  }
  return std::move(std::get<std::unique_ptr<jouletap::Source>>(opened));
}

inline jouletap::Refusal refusal_of(const jouletap::Opened& opened) {
  if (const auto* refusal = std::get_if<jouletap::Refusal>(&opened)) return *refusal;
  throw std::runtime_error("opened");
}

/// The ids of its domains, in order, with spaces between.
inline std::string ids(const jouletap::Source& source) {
  std::string all;
  for (const auto& domain : source.domains()) all += (all.empty() ? "" : " ") + domain.id;
  return all;
}

inline bool says(const std::string& sentence, const std::string& words) {
  return sentence.find(words) != std::string::npos;
}

inline bool noted(const jouletap::Source& source, const std::string& words) {
  const auto& notes = source.notes();
  return std::any_of(notes.begin(), notes.end(),
                     [&](const std::string& note) { return says(note, words); });
}

/// A source that must have opened, with its tallies.
class Reader {
 public:
  explicit Reader(jouletap::Opened opened)
      : source(source_of(std::move(opened))), tallies(source->domains().size()) {}

  void read() { source->read(tallies.data()); }
  size_t index(const std::string& id) const {
    const auto& domains = source->domains();
    for (size_t i = 0; i < domains.size(); ++i) {
      if (domains[i].id == id) return i;
    }
    throw std::runtime_error("no domain " + id + " among " + ids());
  }
  const jouletap::Domain& domain(const std::string& id) const {
    return source->domains()[index(id)];
  }
  const jouletap::Tally& tally(const std::string& id) const { return tallies[index(id)]; }
  double watts(const std::string& id) const {
    return tally(id).joules / tally(id).covered_ms * 1e3;
  }
  std::string ids() const { return check::ids(*source); }
  /// Of these domains and no others, those that make the total.
  std::string additive() const {
    std::vector<jouletap::Domain> domains = source->domains();
    jouletap::choose_additive(domains);
    std::string all;
    for (const auto& domain : domains) {
      if (domain.additive) all += (all.empty() ? "" : " ") + domain.id;
    }
    return all;
  }
  bool notes_say(const std::string& words) const { return noted(*source, words); }

  std::unique_ptr<jouletap::Source> source;
  std::vector<jouletap::Tally> tallies;
};

/// Times this thread has called read(2) or pread(2).
inline uint64_t reads() {
  std::ifstream io("/proc/thread-self/io");
  std::string key;
  uint64_t value = 0;
  while (io >> key >> value) {
    if (key == "syscr:") return value;
  }
  skip("/proc/thread-self/io does not count reads here");
}

}  // namespace check
