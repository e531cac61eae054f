#include "gpu_entry.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <numeric>

namespace jouletap {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::string trim(const std::string& text) {
  constexpr char kBlanks[] = " \t\r\n\v\f";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

bool starts(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

bool digits(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

std::optional<long long> number(const std::string& text, int base, bool whole) {
  char* end = nullptr;
  const long long value = std::strtoll(text.c_str(), &end, base);
  if (end == text.c_str() || (whole && *end != '\0')) return std::nullopt;
  return value;
}

std::string quoted(const std::string& text) { return '"' + text + '"'; }

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " and " : ", ";
    text += words[i];
  }
  return text;
}

std::string label(const Gpu& gpu) {
  std::string text = "GPU " + std::to_string(gpu.index);
  const std::string& address = gpu.pci.empty() ? gpu.uuid : gpu.pci;
  if (gpu.name.empty() && address.empty()) return text;
  const char* comma = gpu.name.empty() || address.empty() ? "" : ", ";
  return text + " (" + gpu.name + comma + address + ")";
}

std::string mig_name(const Gpu& gpu, size_t mig) {
  const MigInstance& part = gpu.migs[mig];
  if (!part.uuid.empty()) return part.uuid;
  return "MIG-" + gpu.uuid + "/" + std::to_string(part.gpu_instance) + "/" +
         std::to_string(part.compute_instance);
}

std::string why_absent(std::vector<int> indices) {
  if (indices.empty()) return "does not exist: there is none";
  std::sort(indices.begin(), indices.end());
  const std::string first = std::to_string(indices.front());
  if (indices.size() == 1) return "does not exist: there is only " + first;
  if (indices.back() - indices.front() == static_cast<int>(indices.size()) - 1) {
    return "does not exist: there are " + first + " to " + std::to_string(indices.back());
  }
  std::vector<std::string> words;
  for (const int index : indices) words.push_back(std::to_string(index));
  return "does not exist: there are " + joined(words);
}

std::string why_absent(size_t count) {
  std::vector<int> indices(count);
  std::iota(indices.begin(), indices.end(), 0);
  return why_absent(indices);
}

std::optional<PciAddress> pci_address(const std::string& text) {
  PciAddress at{};
  int used = 0;
  if (std::sscanf(text.c_str(), "%8x:%2x:%2x.%1x%n", &at[0], &at[1], &at[2], &at[3], &used) == 4 &&
      static_cast<size_t>(used) == text.size()) {
    return at;
  }
  at[0] = 0;
  if (std::sscanf(text.c_str(), "%2x:%2x.%1x%n", &at[1], &at[2], &at[3], &used) == 3 &&
      static_cast<size_t>(used) == text.size()) {
    return at;
  }
  return std::nullopt;
}

std::vector<Card> cards_of(const std::vector<Gpu>& gpus) {
  std::vector<Card> cards;
  for (const Gpu& gpu : gpus) cards.push_back({cards.size(), gpu});
  return cards;
}

bool is_identifier(const std::string& entry) {
  return starts(entry, "GPU-") || starts(entry, "MIG-");
}

namespace {

/// The only one of several candidates, or why not.
Entry only(const std::vector<Named>& found, const std::string& what) {
  if (found.size() == 1) return {found.front(), ""};
  return {std::nullopt, found.empty() ? "is no " + what : "fits more than one " + what};
}

Entry by_uuid(const std::vector<Card>& cards, const std::string& entry) {
  std::vector<Named> found;
  for (size_t i = 0; entry.size() > 4 && i < cards.size(); ++i) {
    if (starts(lower(cards[i].gpu.uuid), lower(entry))) found.push_back({i, std::nullopt, false});
  }
  return only(found, "GPU's UUID");
}

/// "MIG-<UUID>", or the older "MIG-GPU-<UUID>/<GPU instance>/<compute instance>".
Entry by_mig(const std::vector<Card>& cards, const std::string& entry) {
  const std::string mig = "MIG instance's id";
  std::vector<Named> found;
  if (starts(entry, "MIG-GPU-")) {
    const std::vector<std::string> parts = split(entry.substr(4), '/');
    if (parts.size() != 3 || !digits(parts[1]) || !digits(parts[2])) return only(found, mig);
    const Entry card = by_uuid(cards, parts[0]);
    if (!card.named) return card;
    const Gpu& gpu = cards[card.named->card].gpu;
    for (size_t i = 0; i < gpu.migs.size(); ++i) {
      if (gpu.migs[i].gpu_instance == number(parts[1]) &&
          gpu.migs[i].compute_instance == number(parts[2])) {
        found.push_back({card.named->card, i, false});
      }
    }
    return only(found, mig);
  }
  for (size_t i = 0; entry.size() > 4 && i < cards.size(); ++i) {
    for (size_t j = 0; j < cards[i].gpu.migs.size(); ++j) {
      if (starts(lower(cards[i].gpu.migs[j].uuid), lower(entry))) found.push_back({i, j, false});
    }
  }
  return only(found, mig);
}

}  // namespace

Entry identify(const std::vector<Card>& cards, const std::string& entry) {
  return starts(entry, "MIG-") ? by_mig(cards, entry) : by_uuid(cards, entry);
}

Entry look_up(const std::vector<Card>& cards, const std::string& entry) {
  if (is_identifier(entry)) return identify(cards, entry);
  const std::optional<PciAddress> address = pci_address(entry);
  const std::vector<std::string> parts = split(entry, ':');
  const bool divided = !address && parts.size() == 2 && digits(parts[1]);
  if (!address && !((divided || parts.size() == 1) && digits(parts[0]))) {
    return {std::nullopt, "is no GPU"};
  }
  std::vector<int> indices;
  for (size_t i = 0; i < cards.size(); ++i) {
    const Gpu& gpu = cards[i].gpu;
    indices.push_back(gpu.index);
    if (address ? pci_address(gpu.pci) == address : gpu.index == number(parts[0])) {
      if (!divided) return {Named{i, std::nullopt, !address}, ""};
      const long long mig = *number(parts[1]);
      if (mig < static_cast<long long>(gpu.migs.size())) {
        return {Named{i, static_cast<size_t>(mig), true}, ""};
      }
      return {std::nullopt, "is no MIG instance"};
    }
  }
  return {std::nullopt, address ? "is no GPU's address" : why_absent(indices)};
}

std::string named_as(const std::string& entry) {
  return digits(entry) ? "GPU " + entry : quoted(entry);
}

}  // namespace jouletap
