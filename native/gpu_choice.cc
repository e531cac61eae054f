#include "gpu_choice.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <tuple>

#include "gpu_entry.h"

namespace jouletap {
namespace {

/// A list in an environment variable, and who reads it.
struct List {
  std::string variable;
  std::string value;
  std::string reader;  // "CUDA"

  std::string names(const std::string& entry) const {
    return variable + " names " + named_as(entry);
  }
};

std::optional<List> list_in(const GpuWish& wish, const std::string& variable,
                            const std::string& reader, bool empty_is_set) {
  const auto found = wish.environment.find(variable);
  if (found == wish.environment.end()) return std::nullopt;
  if (!empty_is_set && found->second.empty()) return std::nullopt;
  return List{variable, found->second, reader};
}

enum class Repeat { warn, skip, end };

/// Reads entries up to the first that names nothing, and says where the list ends.
std::vector<Named> walk(const List& list, Repeat repeat,
                        const std::function<Entry(const std::string&)>& read, GpuChoice& choice) {
  std::vector<Named> named;
  std::vector<std::string> entries = split(list.value, ',');
  // ROCr and HIP do not see an empty entry at the end.
  if (list.reader != "CUDA" && entries.back().empty()) entries.pop_back();
  bool warned = false;
  for (size_t i = 0; i < entries.size() && !list.value.empty(); ++i) {
    const bool last = i + 1 == entries.size();
    Entry entry = read(entries[i]);
    if (entry.named) {
      const bool seen = std::any_of(named.begin(), named.end(),
                                    [&](const Named& other) { return other.same(*entry.named); });
      if (!seen) {
        named.push_back(*entry.named);
        continue;
      }
      if (repeat == Repeat::warn && !warned) {
        warned = true;
        choice.warnings.push_back(list.names(trim(entries[i])) + " again. It is followed once; " +
                                  list.reader +
                                  " accepts no list which names a device twice, and shows none.");
      }
      if (repeat != Repeat::end) continue;
      entry.why = "it has named before";
    }
    std::string rest;
    for (size_t j = i + 1; j < entries.size(); ++j) rest += (rest.empty() ? "" : ",") + entries[j];
    const std::string tail =
        list.reader + " reads no further" + (last ? "." : ": " + quoted(rest) + " is left out.");
    if (!entry.why.empty()) {
      choice.warnings.push_back(list.names(trim(entries[i])) + ", which " + entry.why + ". " +
                                tail);
    } else if (!last) {
      choice.notes.push_back(list.variable + ": at " + quoted(trim(entries[i])) + " " + tail);
    }
    break;
  }
  return named;
}

/// The cards that a list with the host's numbers leaves, with the MIG instances that it leaves.
std::vector<Card> host_list(const std::vector<Card>& cards, const List& list, GpuChoice& choice) {
  std::vector<std::string> seen;
  std::vector<Named> named;
  std::vector<std::string> warnings;
  bool indices = true;
  for (const std::string& part : split(list.value, ',')) {
    const std::string entry = trim(part);
    if (entry.empty()) continue;
    indices = indices && !is_identifier(entry);
    const std::string card = is_identifier(entry) ? entry : split(entry, ':').front();
    if (std::find(seen.begin(), seen.end(), card) == seen.end()) seen.push_back(card);
    const Entry found = look_up(cards, entry);
    if (found.named) {
      named.push_back(*found.named);
    } else {
      warnings.push_back(list.names(entry) + ", which " + found.why + ".");
    }
  }
  // No more cards than it names: it has been applied, and the driver has numbered them anew.
  if (cards.size() <= seen.size() && (indices || named.empty())) return cards;
  choice.warnings.insert(choice.warnings.end(), warnings.begin(), warnings.end());
  std::vector<Card> left;
  for (size_t i = 0; i < cards.size(); ++i) {
    Card card = cards[i];
    card.gpu.migs.clear();
    bool here = false;
    bool whole = false;
    for (const Named& name : named) {
      if (name.card != i) continue;
      here = true;
      whole = whole || !name.mig;
      if (name.mig) card.gpu.migs.push_back(cards[i].gpu.migs[*name.mig]);
    }
    if (whole) card.gpu.migs = cards[i].gpu.migs;
    if (here) left.push_back(std::move(card));
  }
  return left;
}

bool by_pci(const Card& a, const Card& b) {
  const std::optional<PciAddress> at = pci_address(a.gpu.pci);
  const std::optional<PciAddress> bt = pci_address(b.gpu.pci);
  return std::make_tuple(!at, at, a.gpu.index) < std::make_tuple(!bt, bt, b.gpu.index);
}

/// Puts cards into the order in which CUDA counts them; whether that is by PCI address alone.
bool order_as_cuda(std::vector<Card>& cards, const GpuWish& wish) {
  std::stable_sort(cards.begin(), cards.end(), by_pci);
  const auto order = wish.environment.find("CUDA_DEVICE_ORDER");
  if (order != wish.environment.end() && order->second == "PCI_BUS_ID") return true;
  const auto fastest =
      std::max_element(cards.begin(), cards.end(),
                       [](const Card& a, const Card& b) { return a.gpu.speed < b.gpu.speed; });
  if (fastest != cards.end()) std::rotate(cards.begin(), fastest, fastest + 1);
  return false;
}

/// Says how indices were taken, where the cards differ and it matters.
void tell_order(const std::vector<Card>& cards, const std::vector<Named>& named,
                GpuChoice& choice) {
  const bool differ = std::any_of(cards.begin(), cards.end(), [&](const Card& card) {
    return card.gpu.name != cards.front().gpu.name;
  });
  if (!differ || named.size() == cards.size()) return;
  std::vector<std::string> taken;
  for (const Named& name : named) {
    if (name.by_index) {
      taken.push_back(std::to_string(name.card) + " was taken for " + label(cards[name.card].gpu));
    }
  }
  if (taken.empty()) return;
  const bool known =
      std::any_of(cards.begin(), cards.end(), [](const Card& card) { return card.gpu.speed > 0; });
  choice.warnings.push_back(
      "CUDA counts the fastest GPU first, " +
      std::string(known ? "and these GPUs differ" : "and which of these that is, is not known") +
      ": in CUDA_VISIBLE_DEVICES, " + joined(taken) +
      ". With CUDA_DEVICE_ORDER=PCI_BUS_ID the numbers are those of nvidia-smi.");
}

void tell_migs(const Gpu& gpu, const std::vector<std::string>& parts, GpuChoice& choice) {
  if (parts.empty()) return;
  choice.warnings.push_back(label(gpu) + ": the joules are the whole card's, of which " +
                            joined(parts) + (parts.size() == 1 ? " is a part." : " are parts."));
}

/// Leaves one MIG instance, as CUDA does, where any of the cards is divided.
void keep_one_mig(const std::vector<Card>& cards, std::vector<Named>& named, GpuChoice& choice) {
  const auto first = std::find_if(named.begin(), named.end(), [&](const Named& name) {
    return !cards[name.card].gpu.migs.empty();
  });
  if (first == named.end()) return;
  const Named kept = *first;
  const Gpu& gpu = cards[kept.card].gpu;
  const std::string part = mig_name(gpu, kept.mig.value_or(0));
  std::vector<std::string> left_out;
  for (size_t i = 0; i < cards.size(); ++i) {
    const bool named_here =
        std::any_of(named.begin(), named.end(), [&](const Named& name) { return name.card == i; });
    if (named_here && i != kept.card) left_out.push_back(label(cards[i].gpu));
  }
  if (!left_out.empty()) {
    choice.warnings.push_back("CUDA shows one MIG instance and no GPU beside it, here " + part +
                              ": " + joined(left_out) + (left_out.size() == 1 ? " is" : " are") +
                              " left out. The option 'all' follows every GPU.");
  }
  tell_migs(gpu, {part}, choice);
  named = {kept};
}

void take(const std::vector<Card>& cards, const std::vector<Named>& named, GpuChoice& choice) {
  for (const Named& name : named) choice.chosen.push_back(cards[name.card].position);
  std::sort(choice.chosen.begin(), choice.chosen.end());
  choice.chosen.erase(std::unique(choice.chosen.begin(), choice.chosen.end()), choice.chosen.end());
}

void take_all(const std::vector<Card>& cards, GpuChoice& choice) {
  for (const Card& card : cards) choice.chosen.push_back(card.position);
  std::sort(choice.chosen.begin(), choice.chosen.end());
}

std::vector<Named> every(const std::vector<Card>& cards) {
  std::vector<Named> named(cards.size());
  for (size_t i = 0; i < cards.size(); ++i) named[i].card = i;
  return named;
}

void tell_hidden(const List& list, const std::string& make, GpuChoice& choice) {
  choice.warnings.push_back(list.variable + "=" + quoted(list.value) + " hides every " + make +
                            " GPU: none is followed.");
}

void choose_list(const std::vector<Card>& cards, const GpuWish& wish, const std::string& make,
                 GpuChoice& choice) {
  const std::vector<Card> others = cards_of(wish.others);
  std::vector<Named> named;
  for (const std::string& item : wish.list) {
    const std::string entry = trim(item);
    const Entry found = look_up(cards, entry);
    if (found.named) {
      named.push_back(*found.named);
    } else if (!look_up(others, entry).named) {
      choice.warnings.push_back(named_as(entry) + " " + found.why + ".");
    }
  }
  for (size_t i = 0; i < cards.size(); ++i) {
    std::vector<std::string> parts;
    for (const Named& name : named) {
      if (name.card == i && name.mig) parts.push_back(mig_name(cards[i].gpu, *name.mig));
    }
    tell_migs(cards[i].gpu, parts, choice);
  }
  take(cards, named, choice);
  if (choice.chosen.empty() && wish.others.empty()) {
    choice.warnings.push_back("The list of GPUs names no " + make + " GPU: none is followed.");
  }
}

/// Whether the wish is one that every make answers alike; then it is answered.
bool choose_simply(const std::vector<Card>& cards, const GpuWish& wish, const std::string& make,
                   GpuChoice& choice) {
  if (wish.kind == GpuWish::Kind::all) take_all(cards, choice);
  if (wish.kind == GpuWish::Kind::list && !cards.empty()) choose_list(cards, wish, make, choice);
  return wish.kind != GpuWish::Kind::visible || cards.empty();
}

/// A negative index ends a list on purpose.
Entry at_index(std::optional<long long> index, size_t count) {
  if (!index) return {std::nullopt, "is no GPU"};
  if (*index < 0) return {};
  if (*index >= static_cast<long long>(count)) return {std::nullopt, why_absent(count)};
  return {Named{static_cast<size_t>(*index), std::nullopt, true}, ""};
}

/// What CUDA_VISIBLE_DEVICES names among cards that are in CUDA's order.
std::vector<Named> read_cuda(const std::vector<Card>& cards, const List& list, GpuChoice& choice) {
  std::optional<bool> identifiers;
  const auto read = [&](const std::string& text) -> Entry {
    const std::string entry = trim(text);
    const bool identifier = is_identifier(entry);
    if (identifiers.value_or(identifier) != identifier) {
      return {std::nullopt, "is of another kind than the first"};
    }
    identifiers = identifier;
    if (identifier) return identify(cards, entry);
    return at_index(number(entry), cards.size());
  };
  return walk(list, Repeat::warn, read, choice);
}

/// What ROCR_VISIBLE_DEVICES names.
std::vector<Named> read_rocr(const std::vector<Card>& cards, const List& list, GpuChoice& choice) {
  const auto read = [&](const std::string& text) -> Entry {
    const std::string entry = trim(text);
    if (starts(lower(entry), "g")) return identify(cards, entry);
    return at_index(number(entry, 0, true), cards.size());
  };
  return walk(list, Repeat::end, read, choice);
}

/// What HIP_VISIBLE_DEVICES, or a variable in its place, names.
std::vector<Named> read_hip(const std::vector<Card>& cards, const List& list, GpuChoice& choice) {
  const auto read = [&](const std::string& entry) -> Entry {
    if (entry.find("GPU-") != std::string::npos) {
      for (size_t i = 0; i < cards.size(); ++i) {
        std::string uuid = lower(cards[i].gpu.uuid);  // the runtime's is in lower case
        if (starts(uuid, "gpu-")) uuid.replace(0, 4, "GPU-");
        if (uuid.find(entry) != std::string::npos) return {Named{i, std::nullopt, false}, ""};
      }
      return {std::nullopt, "is no GPU's UUID"};
    }
    const std::optional<long long> index = number(entry);
    const bool plain = index && entry == std::to_string(*index);
    return at_index(plain ? index : std::nullopt, cards.size());
  };
  return walk(list, Repeat::skip, read, choice);
}

}  // namespace

const std::vector<std::string>& gpu_variables() {
  static const std::vector<std::string> names = {"NVIDIA_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES",
                                                 "CUDA_DEVICE_ORDER",      "SLURM_STEP_GPUS",
                                                 "SLURM_JOB_GPUS",         "ROCR_VISIBLE_DEVICES",
                                                 "HIP_VISIBLE_DEVICES",    "GPU_DEVICE_ORDINAL"};
  return names;
}

GpuChoice choose_nvidia(const std::vector<Gpu>& gpus, const GpuWish& wish) {
  const char* make = "NVIDIA";
  GpuChoice choice;
  std::vector<Card> cards = cards_of(gpus);
  if (choose_simply(cards, wish, make, choice)) return choice;
  std::optional<List> list = list_in(wish, "NVIDIA_VISIBLE_DEVICES", "", false);
  const std::string given = list ? trim(list->value) : "all";
  if (given == "none") {
    cards.clear();
  } else if (!given.empty() && given != "all" && given != "void") {
    cards = host_list(cards, *list, choice);
  }
  if (cards.empty()) {
    tell_hidden(*list, make, choice);
    return choice;
  }
  const bool by_address = order_as_cuda(cards, wish);
  std::vector<Named> named;
  list = list_in(wish, "CUDA_VISIBLE_DEVICES", "CUDA", true);
  if (list) {
    named = read_cuda(cards, *list, choice);
    if (!by_address) tell_order(cards, named, choice);
  } else {
    list = list_in(wish, "SLURM_STEP_GPUS", "", false);
    if (!list) list = list_in(wish, "SLURM_JOB_GPUS", "", false);
    if (list) cards = host_list(cards, *list, choice);
    named = every(cards);
  }
  if (named.empty()) tell_hidden(*list, make, choice);
  keep_one_mig(cards, named, choice);
  take(cards, named, choice);
  return choice;
}

GpuChoice choose_amd(const std::vector<Gpu>& gpus, const GpuWish& wish) {
  const char* make = "AMD";
  GpuChoice choice;
  std::vector<Card> cards = cards_of(gpus);
  if (choose_simply(cards, wish, make, choice)) return choice;
  std::stable_sort(cards.begin(), cards.end(),
                   [](const Card& a, const Card& b) { return a.gpu.index < b.gpu.index; });
  std::vector<Named> named = every(cards);
  std::optional<List> list = list_in(wish, "ROCR_VISIBLE_DEVICES", "ROCr", true);
  if (list) {
    named = read_rocr(cards, *list, choice);
    std::vector<Card> left;
    for (const Named& name : named) left.push_back(cards[name.card]);
    cards = std::move(left);
  }
  std::optional<List> hip;
  for (const char* variable :
       {"HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL"}) {
    if (!hip) hip = list_in(wish, variable, "HIP", false);
  }
  if (hip && !cards.empty()) {
    list = hip;
    named = read_hip(cards, *list, choice);
  } else {
    named = every(cards);
  }
  if (named.empty()) tell_hidden(*list, make, choice);
  take(cards, named, choice);
  return choice;
}

}  // namespace jouletap
