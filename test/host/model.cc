// Exact integrals of power curves, and counters computed from them at the moment of a read.
#include "model.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace host {

double Profile::watts(double t) const {
  switch (kind) {
    case Kind::constant:
      return first;
    case Kind::step:
      return t < seconds ? first : second;
    case Kind::ramp:
      return t < seconds ? first + (second - first) * t / seconds : second;
    case Kind::square:
      return std::fmod(t, seconds) < duty * seconds ? first : second;
  }
  return 0;
}

double Profile::joules(double t) const {
  const double before = std::min(t, seconds);
  switch (kind) {
    case Kind::constant:
      return first * t;
    case Kind::step:
      return first * before + second * (t - before);
    case Kind::ramp:
      return first * before + (second - first) * before * before / (2 * seconds) +
             second * (t - before);
    case Kind::square: {
      const double high = duty * seconds;
      const double rest = std::fmod(t, seconds);
      const double whole = std::round((t - rest) / seconds);
      return whole * (first * high + second * (seconds - high)) + first * std::min(rest, high) +
             second * std::max(0.0, rest - high);
    }
  }
  return 0;
}

bool Profile::parse(const std::string& text, Profile* profile) {
  const size_t colon = text.find(':');
  const std::string name = text.substr(0, colon);
  std::vector<double> numbers;
  size_t from = colon == std::string::npos ? 0 : colon + 1;
  while (from <= text.size()) {
    const size_t to = std::min(text.find(':', from), text.size());
    const std::string part = text.substr(from, to - from);
    char* end = nullptr;
    const double number = std::strtod(part.c_str(), &end);
    if (part.empty() || *end != '\0' || !std::isfinite(number) || number < 0) return false;
    numbers.push_back(number);
    from = to + 1;
  }
  Profile made;
  made.first = numbers[0];
  if (colon == std::string::npos) {
    if (numbers.size() != 1) return false;
  } else {
    if (name == "step") {
      made.kind = Kind::step;
    } else if (name == "ramp") {
      made.kind = Kind::ramp;
    } else if (name == "square") {
      made.kind = Kind::square;
    } else {
      return false;
    }
    const size_t most = made.kind == Kind::square ? 4 : 3;
    if (numbers.size() < 3 || numbers.size() > most || numbers[2] <= 0) return false;
    made.second = numbers[1];
    made.seconds = numbers[2];
    if (numbers.size() == 4) made.duty = numbers[3];
    if (made.duty > 1) return false;
  }
  *profile = made;
  return true;
}

void Power::set(const Profile& profile, double at) {
  while (!segments_.empty() && segments_.back().start >= at) segments_.pop_back();
  const double base = joules(at);
  segments_.push_back({at, base, profile});
}

const Power::Segment* Power::segment(double t) const {
  for (auto it = segments_.rbegin(); it != segments_.rend(); ++it) {
    if (it->start <= t) return &*it;
  }
  return nullptr;
}

double Power::watts(double t) const {
  const Segment* found = segment(t);
  return found ? found->profile.watts(t - found->start) : 0;
}

double Power::joules(double t) const {
  const Segment* found = segment(t);
  return found ? found->base + found->profile.joules(t - found->start) : 0;
}

Counter::Counter(const Power* power, const Spec& spec)
    : power_(power), spec_(spec), offset_(spec.seed) {
  if (spec_.nanojoules == 0) spec_.nanojoules = static_cast<uint64_t>(spec_.unit * 1e9);
}

void Counter::plan(Flaw flaw, double at, double amount) {
  const auto later = std::find_if(events_.begin(), events_.end(),
                                  [at](const Event& event) { return event.at > at; });
  events_.insert(later, {flaw, at, amount});
}

double Counter::last_update(double t) const {
  if (spec_.tu <= 0) return t;
  const auto moment = [this](double k) {
    // A fixed hash of k, so that an update's time does not depend on who asks.
    uint64_t mixed = static_cast<uint64_t>(static_cast<int64_t>(k)) * 0x9E3779B97F4A7C15u;
    mixed = (mixed ^ (mixed >> 29)) * 0xBF58476D1CE4E5B9u;
    const double share = static_cast<double>(mixed >> 11) / 9007199254740992.0;
    return spec_.phase + k * spec_.tu + share * spec_.jitter;
  };
  const double k = std::floor((t - spec_.phase) / spec_.tu);
  return moment(k) <= t ? moment(k) : moment(k - 1);
}

uint64_t Counter::value(double t) const {
  const double joules = power_->joules(std::max(0.0, last_update(t)));
  const __int128 counts = offset_ + static_cast<int64_t>(joules / spec_.unit);
  if (spec_.modulus == 0) {
    const uint64_t low = static_cast<uint64_t>(counts);
    return spec_.bits >= 64 ? low : low & ((uint64_t{1} << spec_.bits) - 1);
  }
  const __int128 modulus = spec_.modulus;
  return static_cast<uint64_t>((counts % modulus + modulus) % modulus);
}

uint64_t Counter::raw(double t) {
  while (!events_.empty() && events_.front().at <= t) {
    const Event event = events_.front();
    events_.erase(events_.begin());
    switch (event.flaw) {
      case Flaw::stick:
        frozen_ = stuck_ ? frozen_ : value(event.at);
        stuck_ = true;
        break;
      case Flaw::release:
        stuck_ = false;
        break;
      case Flaw::jump:
        offset_ += static_cast<int64_t>(event.amount / spec_.unit);
        break;
      case Flaw::set:
        offset_ = static_cast<int64_t>(event.amount);
        offset_ -=
            static_cast<int64_t>(power_->joules(std::max(0.0, last_update(event.at))) / spec_.unit);
        break;
    }
  }
  return stuck_ ? frozen_ : value(t);
}

uint64_t Counter::reg(double t) {
  const uint64_t counts = raw(t);
  return spec_.bits >= 64 ? counts : counts | spec_.reserved;
}

uint64_t Counter::energy_uj(double t) {
  const uint64_t counts = spec_.modulus ? raw(t) : raw(t) & 0xffffffffu;
  return static_cast<uint64_t>(static_cast<unsigned __int128>(counts) * spec_.nanojoules / 1000);
}

uint64_t Counter::total_uj(double t) {
  return static_cast<uint64_t>(static_cast<unsigned __int128>(raw(t)) * spec_.nanojoules / 1000);
}

uint64_t Counter::range_uj() const {
  const uint64_t most = spec_.modulus ? spec_.modulus - 1 : 0xffffffffu;
  return static_cast<uint64_t>(static_cast<unsigned __int128>(most) * spec_.nanojoules / 1000);
}

int64_t Gauge::value(double t) const {
  double at = t;
  if (refresh > 0) at = std::floor((t - phase) / refresh) * refresh + phase;
  at = std::max(0.0, at);
  const double from = std::max(0.0, at - window);
  const double watts = window > 0 && at > from
                           ? (power->joules(at) - power->joules(from)) / (at - from)
                           : power->watts(at);
  return std::llround(watts * scale);
}

}  // namespace host
