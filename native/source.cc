#include "source.h"

#include <algorithm>

#ifdef __linux__
#include "sources/sources.h"
#endif

namespace jouletap {

const std::vector<SourceEntry>& all_sources() {
#ifdef __linux__
  static const std::vector<SourceEntry> sources = {
      {"rapl-perf", open_rapl_perf, true, false},
      {"rapl-powercap", open_rapl_powercap, true, false},
      {"rapl-msr", open_rapl_msr, true, false},
      {"nvml", open_nvml, true, true},  // before hwmon, which may know the same cards less well
      {"hwmon", open_hwmon, true, false},
      {"rapl-perf-core", open_rapl_perf_core, false, false},
  };
#else
  static const std::vector<SourceEntry> sources;
#endif
  return sources;
}

bool same_joules(const Domain& a, const Domain& b) {
  if (a.id == b.id) return true;
  // One of them counts the whole package, the other a die of it.
  return a.kind == b.kind && a.package >= 0 && a.package == b.package && (a.die < 0) != (b.die < 0);
}

bool is_taken(const Domain& domain, const std::vector<Domain>& taken) {
  return std::any_of(taken.begin(), taken.end(),
                     [&](const Domain& other) { return same_joules(domain, other); });
}

void choose_additive(std::vector<Domain>& domains) {
  const auto is_read = [&](const std::string& id) {
    return std::any_of(domains.begin(), domains.end(),
                       [&](const Domain& domain) { return domain.id == id; });
  };
  bool any = false;
  for (auto& domain : domains) {
    domain.additive =
        domain.role == Role::root ||
        (domain.role == Role::part && !domain.parent.empty() && !is_read(domain.parent));
    any = any || domain.additive;
  }
  if (any) return;
  // Wholes of different kinds hold each other: only those of the first kind are summed.
  const auto first = std::find_if(domains.begin(), domains.end(),
                                  [](const Domain& domain) { return domain.role == Role::whole; });
  if (first == domains.end()) return;
  for (auto& domain : domains) {
    domain.additive = domain.role == Role::whole && domain.kind == first->kind;
  }
}

std::string domain_id(const std::string& kind, int package, int die) {
  std::string id = kind + "-" + std::to_string(package);
  if (die >= 0) id += "-die-" + std::to_string(die);
  return id;
}

Refusal absent(const Host& host, const std::string& reason, const std::string& fix) {
  if (!host.topology.virtual_machine) return {Refusal::Kind::absent, reason, fix};
  return {Refusal::Kind::absent,
          reason + "; this is a virtual machine, and its host keeps the counters to itself", ""};
}

namespace {

/// What a total of `read` will lack: of what is known to be there, that which would be summed.
std::vector<std::string> gaps_in(const std::vector<Domain>& read, std::vector<Domain> there,
                                 const Topology& topology) {
  const auto is_package = [](const Domain& domain) { return domain.kind == "package"; };
  if (std::any_of(read.begin(), read.end(), is_package)) {
    for (const int package : topology.packages()) {
      const auto has = [package, is_package](const Domain& domain) {
        return is_package(domain) && domain.package == package;
      };
      // Without topology files package 0 is only supposed.
      if (topology.packages().size() < 2 || std::any_of(read.begin(), read.end(), has)) continue;
      Domain unread;
      unread.id = domain_id("package", package);
      there.push_back(unread);
    }
  }
  std::vector<std::string> sentences;
  for (const Domain& domain : there) {
    const std::string sentence = domain.id + " cannot be read: its joules are not in the total.";
    const bool said = std::find(sentences.begin(), sentences.end(), sentence) != sentences.end();
    if (domain.role == Role::root && !is_taken(domain, read) && !said)
      sentences.push_back(sentence);
  }
  return sentences;
}

}  // namespace

namespace {

bool is_wanted(const SourceEntry& entry, const std::vector<std::string>& names) {
  return names.empty() ? entry.automatic
                       : std::find(names.begin(), names.end(), entry.name) != names.end();
}

/// The source, if it opened and has anything to read.
std::unique_ptr<Source> usable(Opened opened) {
  auto* source = std::get_if<std::unique_ptr<Source>>(&opened);
  if (source == nullptr || (*source)->domains().empty()) return nullptr;
  return std::move(*source);
}

bool is_rapl(const std::string& source) { return source.rfind("rapl-", 0) == 0; }

}  // namespace

Selection select(const Host& host, const std::vector<std::string>& names) {
  Selection selection;
  std::vector<Domain> taken;
  std::vector<Domain> unread;
  for (const auto& entry : all_sources()) {
    if (!is_wanted(entry, names)) continue;
    Opened opened = entry.open(host, taken);
    if (auto* refusal = std::get_if<Refusal>(&opened)) {
      selection.refusals.emplace_back(entry.name, std::move(*refusal));
      continue;
    }
    auto& source = std::get<std::unique_ptr<Source>>(opened);
    const auto left = source->unread();
    unread.insert(unread.end(), left.begin(), left.end());
    const auto said = source->warnings();
    selection.warnings.insert(selection.warnings.end(), said.begin(), said.end());
    if (source->domains().empty()) continue;
    const auto& domains = source->domains();
    const auto& notes = source->notes();
    taken.insert(taken.end(), domains.begin(), domains.end());
    selection.notes.insert(selection.notes.end(), notes.begin(), notes.end());
    selection.sources.push_back(std::move(source));
  }
  if (host.gpus.kind == GpuWish::Kind::list && selection.warnings.empty() &&
      std::none_of(taken.begin(), taken.end(),
                   [](const Domain& domain) { return domain.kind.rfind("gpu", 0) == 0; })) {
    selection.warnings.push_back("The list of GPUs names none that can be read here.");
  }
  const auto gaps = gaps_in(taken, std::move(unread), host.topology);
  selection.warnings.insert(selection.warnings.end(), gaps.begin(), gaps.end());
  return selection;
}

std::vector<std::unique_ptr<Source>> open_anew(const Host& host,
                                               const std::vector<std::string>& names,
                                               const std::vector<Domain>& lost,
                                               std::vector<Domain> taken) {
  std::vector<std::unique_ptr<Source>> sources;
  const auto is_lost = [&lost](const Domain& domain) {
    return std::any_of(lost.begin(), lost.end(),
                       [&](const Domain& other) { return other.id == domain.id; });
  };
  for (const auto& entry : all_sources()) {
    if (!is_wanted(entry, names) || entry.mends_itself) continue;
    auto source = usable(entry.open(host, taken));
    if (source == nullptr) continue;
    const size_t known = taken.size();
    for (const Domain& domain : source->domains()) {
      if (!is_lost(domain)) taken.push_back(domain);
    }
    // What nobody had before would be read for nothing.
    if (taken.size() > known) source = usable(entry.open(host, taken));
    if (source == nullptr) continue;
    taken.insert(taken.end(), source->domains().begin(), source->domains().end());
    sources.push_back(std::move(source));
  }
  return sources;
}

std::vector<std::unique_ptr<Source>> open_twins(const Host& host, const std::vector<Domain>& read) {
  std::vector<std::unique_ptr<Source>> twins;
  for (const auto& entry : all_sources()) {
    const auto by_another = [&entry](const Domain& domain) {
      return is_rapl(domain.source) && domain.source != entry.name;
    };
    if (!entry.automatic || !is_rapl(entry.name) ||
        std::none_of(read.begin(), read.end(), by_another)) {
      continue;
    }
    if (auto twin = usable(entry.open(host, {}))) twins.push_back(std::move(twin));
  }
  return twins;
}

}  // namespace jouletap
