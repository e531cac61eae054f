// Holds two sources of one domain against each other, and packages against each other.
#pragma once

#include <string>
#include <vector>

#include "source.h"
#include "tally.h"

namespace jouletap {

/// All domains at about one time.
struct Look {
  std::vector<Tally> read;    // those of which the joules are told
  std::vector<Tally> beside;  // those of other sources, which may show the same
};

/// Something that cannot be right.
struct Finding {
  std::string about;     // the same whenever the same is found
  std::string sentence;  // for a person
};

/// What one source counted of a domain between two looks.
struct Counted {
  double joules = 0;
  double seconds = 0;
  double sigma = 0;  // joules, from not knowing when the counter last moved
};

/// How two counts of one energy stand to each other.
struct Verdict {
  enum class Kind { agree, differ, unknown };
  Kind kind;
  double ratio;  // of ours to theirs
};

/// They agree within 2 % and what the updates of so short a time leave open: four standard
/// deviations and the energy of the time `apart` between their readings. Unknown where the time is
/// shorter than 0.2 s, or theirs do not count.
Verdict compare(const Counted& ours, const Counted& theirs, double apart_seconds);

/// The domains that two sources count differently from the first look to the last.
std::vector<Finding> disagreements(const std::vector<Domain>& read,
                                   const std::vector<Domain>& beside,
                                   const std::vector<Look>& looks);

/// The packages, or dies, that show one and the same counter in the looks, of which there are at
/// least five.
std::vector<Finding> repetitions(const std::vector<Domain>& read, const std::vector<Look>& looks);

}  // namespace jouletap
