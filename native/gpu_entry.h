// What one entry of a list of graphics cards names, and how a card is called in a sentence.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "gpu_choice.h"

namespace jouletap {

/// A card that is left at some stage: its position in the caller's list, and the MIG instances that
/// are left of it.
struct Card {
  size_t position = 0;
  Gpu gpu;
};

std::vector<Card> cards_of(const std::vector<Gpu>& gpus);

/// What an entry names: a card by its place among the cards, or one MIG instance of it.
struct Named {
  size_t card = 0;
  std::optional<size_t> mig;
  bool by_index = false;

  bool same(const Named& other) const { return card == other.card && mig == other.mig; }
};

/// What an entry comes to: something named, or the words after "which …" that say why nothing is.
struct Entry {
  std::optional<Named> named;
  std::string why;
};

/// Whether an entry is a UUID or a MIG id, by its first letters.
bool is_identifier(const std::string& entry);
/// A UUID ("GPU-…"), a MIG id ("MIG-…" or "MIG-GPU-…/1/0"), or a prefix that fits one only.
Entry identify(const std::vector<Card>& cards, const std::string& entry);
/// An entry with the driver's numbers: "1", "1:0" (the first MIG instance of 1), an identifier, or
/// a PCI address.
Entry look_up(const std::vector<Card>& cards, const std::string& entry);

using PciAddress = std::array<unsigned, 4>;  // domain, bus, device, function
/// "0000:65:00.0", "00000000:65:00.0" or "65:00.0".
std::optional<PciAddress> pci_address(const std::string& text);

/// As strtol reads: leading blanks, a sign, digits, and whatever follows; too large is LLONG_MAX.
/// Nothing where there is no digit or, if `whole`, where something follows.
std::optional<long long> number(const std::string& text, int base = 10, bool whole = false);
/// The parts between separators; one empty part for an empty text.
std::vector<std::string> split(const std::string& text, char separator);
std::string trim(const std::string& text);
std::string lower(std::string text);
bool starts(const std::string& text, const std::string& prefix);
/// Nothing but digits, and one at least.
bool digits(const std::string& text);

/// "GPU 1 (NVIDIA A100, 0000:65:00.0)"
std::string label(const Gpu& gpu);
/// The UUID of a MIG instance, or the older id.
std::string mig_name(const Gpu& gpu, size_t mig);
/// "GPU 7" for an index, else the entry in quotes.
std::string named_as(const std::string& entry);
/// "does not exist: there are 0 to 3"
std::string why_absent(std::vector<int> indices);
/// The same where indices count from 0.
std::string why_absent(size_t count);
std::string quoted(const std::string& text);
/// "a, b and c"
std::string joined(const std::vector<std::string>& words);

}  // namespace jouletap
