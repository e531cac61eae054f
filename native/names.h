// The names by which the world knows how a domain counts, and why a source does not.
#pragma once

#include "source.h"
#include "tally.h"

namespace jouletap {

inline const char* name_of(Role role) {
  switch (role) {
    case Role::root:
      return "root";
    case Role::part:
      return "part";
    case Role::whole:
      break;
  }
  return "whole";
}

inline const char* name_of(Method method) {
  switch (method) {
    case Method::counter:
      return "energy-counter";
    case Method::samples:
      return "power-samples";
    case Method::gauge:
      return "power-gauge";
    case Method::average:
      break;
  }
  return "power-average";
}

inline const char* name_of(Refusal::Kind kind) {
  switch (kind) {
    case Refusal::Kind::absent:
      return "absent";
    case Refusal::Kind::forbidden:
      return "forbidden";
    case Refusal::Kind::masked:
      return "masked";
    case Refusal::Kind::broken:
      break;
  }
  return "broken";
}

}  // namespace jouletap
