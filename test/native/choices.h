// Rows and made cards for the tests of which cards are followed.
#pragma once

#include "check.h"
#include "gpu_choice.h"

using jouletap::choose_amd;
using jouletap::choose_nvidia;
using jouletap::Gpu;
using jouletap::GpuChoice;
using jouletap::GpuWish;

using Environment = std::map<std::string, std::string>;
using Positions = std::vector<size_t>;

/// One row: what is set, which positions are followed, and words of the one warning or note ("" for
/// none at all).
struct Row {
  const char* says;
  Environment environment;
  Positions chosen;
  std::string warning;
  std::string note = "";
};

inline std::string show(const Positions& positions) {
  std::string text = "{";
  for (const size_t position : positions) text += " " + std::to_string(position);
  return text + " }";
}

inline bool anywhere(const std::vector<std::string>& sentences, const std::string& words) {
  if (words.empty()) return sentences.empty();
  for (const std::string& sentence : sentences) {
    if (sentence.find(words) != std::string::npos) return true;
  }
  return false;
}

inline void check_row(const char* says, const GpuChoice& choice, const Positions& chosen,
                      const std::string& warning, const std::string& note = "") {
  const std::string what = says;
  check::check_eq(__FILE__, __LINE__, show(choice.chosen), show(chosen), what.c_str());
  std::string said;
  for (const std::string& sentence : choice.warnings) said += "\n    warned: " + sentence;
  for (const std::string& sentence : choice.notes) said += "\n    noted: " + sentence;
  if (!anywhere(choice.warnings, warning)) {
    check::fail(__FILE__, __LINE__, what + ": not warned of as '" + warning + "'" + said);
  }
  if (!anywhere(choice.notes, note)) {
    check::fail(__FILE__, __LINE__, what + ": not noted as '" + note + "'" + said);
  }
  for (const std::string& sentence : choice.warnings) {
    if (sentence.back() != '.') check::fail(__FILE__, __LINE__, "no sentence: " + sentence);
  }
}

inline GpuWish visible(const Environment& environment) {
  GpuWish wish;
  wish.environment = environment;
  return wish;
}

inline GpuWish listed(const std::vector<std::string>& list) {
  GpuWish wish;
  wish.kind = GpuWish::Kind::list;
  wish.list = list;
  return wish;
}

/// Four equal cards. The UUIDs of 1 and 2 share "GPU-e4".
inline std::vector<Gpu> four() {
  return {
      {0, "GPU-9942190a-aa31-4ff1-4aa9-c388d80f85f1", "0000:17:00.0", "A100", 1e7, {}},
      {1, "GPU-e429a63e-c61c-4795-b757-5132caeb8e70", "0000:65:00.0", "A100", 1e7, {}},
      {2, "GPU-e4e1dfbc-0a0f-6ad8-5ff6-dc942a8b9d98", "0000:b3:00.0", "A100", 1e7, {}},
      {3, "GPU-1c20e77d-1c1a-d9ed-fe37-18b8466a78ad", "0000:ca:00.0", "A100", 1e7, {}},
  };
}

inline std::vector<Gpu> radeons() {
  return {
      {0, "GPU-a1b2c3d4e5f60718", "0000:03:00.0", "MI210", 0, {}},
      {1, "GPU-a1b2ffffffffffff", "0000:43:00.0", "MI210", 0, {}},
      {2, "", "0000:83:00.0", "MI210", 0, {}},
      {3, "GPU-deadbeefdeadbeef", "0000:c3:00.0", "MI210", 0, {}},
  };
}

inline Environment cuda(const std::string& value) { return {{"CUDA_VISIBLE_DEVICES", value}}; }
