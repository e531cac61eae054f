// The orders that build the simulated host and change it while it runs, one a line.
#include <errno.h>

#include <cinttypes>
#include <cmath>
#include <cstdlib>
#include <sstream>

#include "tree.h"

namespace host {

namespace {

bool number(const std::string& text, double* value) {
  char* end = nullptr;
  *value = std::strtod(text.c_str(), &end);
  return !text.empty() && *end == '\0' && std::isfinite(*value);
}

bool integer(const std::string& text, uint64_t* value, int base = 0) {
  char* end = nullptr;
  errno = 0;
  *value = std::strtoull(text.c_str(), &end, base);
  return !text.empty() && text[0] != '-' && *end == '\0' && errno == 0;
}

/// "1.5": seconds since the start; "+1.5": from now.
bool moment(const std::string& text, double* value) {
  if (!number(text, value)) return false;
  if (text[0] == '+') *value += seconds_since_start();
  return true;
}

std::string unescape(const std::string& text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      plain += static_cast<char>(std::strtol(text.substr(i + 1, 2).c_str(), nullptr, 16));
      i += 2;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

using Options = std::map<std::string, std::string>;

/// Takes options out of a map; what is left at the end nobody knows.
class Taker {
 public:
  explicit Taker(Options& options) : options_(options) {}
  void real(const char* name, double* value) {
    take(name, [value](const std::string& text) { return number(text, value); });
  }
  void count(const char* name, uint64_t* value) {
    take(name, [value](const std::string& text) { return integer(text, value); });
  }
  void time(const char* name, double* value) {
    take(name, [value](const std::string& text) { return moment(text, value); });
  }
  std::string finish() {
    if (why_.empty() && !options_.empty()) why_ = "unknown option " + options_.begin()->first;
    return why_;
  }

 private:
  template <typename Parse>
  void take(const char* name, Parse parse) {
    const auto found = options_.find(name);
    if (found == options_.end()) return;
    if (!parse(found->second)) why_ = std::string(name) + "=" + found->second + " is not a number";
    options_.erase(found);
  }
  Options& options_;
  std::string why_;
};

}  // namespace

bool Tree::run(const std::string& line, std::string* why) {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::istringstream stream(line);
  Words words;
  Options options;
  std::string verb, word;
  stream >> verb;
  if (verb.empty() || verb[0] == '#') return true;
  while (stream >> word) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos) {
      words.push_back(word);
    } else {
      options[word.substr(0, equals)] = word.substr(equals + 1);
    }
  }
  *why = order(verb, words, options);
  if (why->empty()) return true;
  *why = line + ": " + *why;
  return false;
}

std::string Tree::order(const std::string& verb, const Words& words, Options& options) {
  if (verb == "power") {
    Profile profile;
    if (words.size() != 2) return "wanted: power ID PROFILE";
    if (!Profile::parse(words[1], &profile)) {
      return "a profile is W, step:W:W:S, ramp:W:W:S or square:W:W:S[:DUTY]";
    }
    auto& power = powers_[words[0]];
    double start = power ? seconds_since_start() : 0;
    Taker taker(options);
    taker.time("at", &start);
    const std::string why = taker.finish();
    if (!power) power = std::make_unique<Power>();
    if (why.empty()) power->set(profile, start);
    return why;
  }
  if (verb == "counter") return order_counter(words, options);
  if (verb == "stick" || verb == "release" || verb == "jump" || verb == "set") {
    return order_counter_change(verb, words, options);
  }
  if (verb == "fault" || verb == "mode" || verb == "latency" || verb == "vanish" ||
      verb == "appear" || verb == "heal") {
    return order_change(verb, words, options);
  }
  return order_file(verb, words, options);
}

std::string Tree::order_counter(const Words& words, Options& options) {
  if (words.size() != 2) return "wanted: counter ID POWER";
  const auto power = powers_.find(words[1]);
  if (power == powers_.end()) return "no power named " + words[1];
  Counter::Spec spec;
  uint64_t bits = 32;
  Taker taker(options);
  taker.real("unit", &spec.unit);
  taker.count("nj", &spec.nanojoules);
  taker.real("tu", &spec.tu);
  taker.real("phase", &spec.phase);
  taker.real("jitter", &spec.jitter);
  taker.count("seed", &spec.seed);
  taker.count("bits", &bits);
  taker.count("modulus", &spec.modulus);
  taker.count("reserved", &spec.reserved);
  const std::string why = taker.finish();
  if (!why.empty()) return why;
  if (spec.unit <= 0 || spec.tu < 0 || spec.jitter < 0 || bits < 1 || bits > 64) {
    return "unit is above 0, tu and jitter at least 0, bits 1 to 64";
  }
  spec.bits = static_cast<int>(bits);
  // A counter that has files keeps its place in memory: the files point to it.
  auto& counter = counters_[words[0]];
  if (counter) {
    *counter = Counter(power->second.get(), spec);
  } else {
    counter = std::make_unique<Counter>(power->second.get(), spec);
  }
  return "";
}

std::string Tree::order_counter_change(const std::string& verb, const Words& words,
                                       Options& options) {
  using Flaw = Counter::Flaw;
  const auto found = words.empty() ? counters_.end() : counters_.find(words[0]);
  if (found == counters_.end()) return "no such counter";
  const bool amount_wanted = verb == "jump" || verb == "set";
  double amount = 0;
  if (words.size() != (amount_wanted ? 2 : 1) || (amount_wanted && !number(words[1], &amount))) {
    return "wanted: jump COUNTER JOULES, set COUNTER COUNTS, stick COUNTER or release COUNTER";
  }
  double start = seconds_since_start();
  Taker taker(options);
  taker.time("at", &start);
  const std::string why = taker.finish();
  if (!why.empty()) return why;
  const Flaw flaw = verb == "stick"     ? Flaw::stick
                    : verb == "release" ? Flaw::release
                    : verb == "jump"    ? Flaw::jump
                                        : Flaw::set;
  found->second->plan(flaw, start, amount);
  return "";
}

std::string Tree::order_file(const std::string& verb, const Words& words, Options& options) {
  Node made;
  uint64_t mode = 0444;
  size_t wanted = 3;
  if (verb == "folder") {
    wanted = 1;
    mode = 0755;
  } else if (verb == "link") {
    wanted = 2;
    made.type = Node::Type::link;
    if (words.size() == 2) made.text = words[1];
    mode = 0777;
  } else if (verb == "truth" || verb == "control") {
    wanted = 1;
    made.type = verb == "truth" ? Node::Type::truth : Node::Type::control;
    if (verb == "control") mode = 0644;
  } else if (verb == "text" || verb == "energy" || verb == "range" || verb == "total" ||
             verb == "gauge" || verb == "msr") {
    if (verb == "msr") wanted = 2;
    if (words.size() > 1 && !integer(words[1], &mode, 8)) return words[1] + " is not a mode";
  } else {
    return "no such order";
  }
  if (words.size() != wanted) return "wanted: " + std::to_string(wanted) + " words";
  if (verb == "text") {
    made.type = Node::Type::text;
    made.text = unescape(words[2]);
  } else if (verb == "energy" || verb == "range" || verb == "total") {
    made.type = verb == "energy"  ? Node::Type::energy
                : verb == "range" ? Node::Type::range
                                  : Node::Type::total;
    const auto counter = counters_.find(words[2]);
    if (counter == counters_.end()) return "no such counter";
    made.counter = counter->second.get();
  } else if (verb == "gauge") {
    made.type = Node::Type::gauge;
    const auto power = powers_.find(words[2]);
    if (power == powers_.end()) return "no such power";
    made.gauge.power = power->second.get();
    Taker taker(options);
    taker.real("window", &made.gauge.window);
    taker.real("refresh", &made.gauge.refresh);
    taker.real("phase", &made.gauge.phase);
    taker.real("scale", &made.gauge.scale);
    const std::string why = taker.finish();
    if (!why.empty()) return why;
  } else if (verb == "msr") {
    made.type = Node::Type::msr;
    for (const auto& [key, content] : options) {
      uint64_t reg = 0;
      Node::Register entry{0, nullptr};
      const auto counter = counters_.find(content);
      if (counter != counters_.end()) entry.counter = counter->second.get();
      if (!integer(key, &reg) || (!entry.counter && !integer(content, &entry.value))) {
        return "wanted: REGISTER=NUMBER or REGISTER=COUNTER, not " + key + "=" + content;
      }
      made.registers[reg] = entry;
    }
    options.clear();
  }
  if (!options.empty()) return "unknown option " + options.begin()->first;
  Node& node = at(make(words[0]));
  made.mode = static_cast<uint32_t>(mode);
  made.name = node.name;
  made.path = node.path;
  made.parent = node.parent;
  made.children = node.children;
  node = made;
  return "";
}

std::string Tree::order_change(const std::string& verb, const Words& words, Options& options) {
  Node* node = words.empty() ? nullptr : find(words[0]);
  if (!node) return "no such path";
  if (verb == "fault") return order_fault(*node, words, options);
  if (!options.empty()) return "unknown option " + options.begin()->first;
  if (verb == "mode") {
    uint64_t mode = 0;
    if (words.size() != 2 || !integer(words[1], &mode, 8)) return "wanted: mode PATH OCTAL";
    node->mode = static_cast<uint32_t>(mode) & 07777;
  } else if (verb == "latency") {
    double before = 0, after = 0;
    if (words.size() < 2 || words.size() > 3 || !number(words[1], &before) ||
        (words.size() == 3 && !number(words[2], &after)) || before < 0 || after < 0) {
      return "wanted: latency PATH MS [MS]";
    }
    node->before_s = before / 1000;
    node->after_s = after / 1000;
  } else if (words.size() != 1) {
    return "wanted: " + verb + " PATH";
  } else if (verb == "heal") {
    node->faults.clear();
    node->before_s = node->after_s = 0;
  } else {
    node->hidden = verb == "vanish";
  }
  return "";
}

std::string Tree::order_fault(Node& node, const Words& words, Options& options) {
  static const std::map<std::string, int> kErrors = {
      {"eio", EIO},       {"eacces", EACCES}, {"eperm", EPERM},   {"enodev", ENODEV},
      {"enoent", ENOENT}, {"enxio", ENXIO},   {"eagain", EAGAIN}, {"enodata", ENODATA},
  };
  Fault fault;
  if (words.size() == 3 && words[2] == "open") fault.on_open = true;
  if (words.size() != (fault.on_open ? 3 : 2)) return "wanted: fault PATH KIND [open]";
  const std::string& kind = words[1];
  if (const auto error = kErrors.find(kind); error != kErrors.end()) {
    fault.error = error->second;
  } else if (fault.on_open) {
    return "an open can only be refused with an error";
  } else if (kind == "garbage" || kind == "empty") {
    fault.kind = Fault::Kind::text;
    fault.text = kind == "empty" ? "" : "g@rbage\n";
  } else if (kind == "text") {
    fault.kind = Fault::Kind::text;
    fault.text = unescape(options["is"]);
    options.erase("is");
  } else if (kind == "half") {
    fault.kind = Fault::Kind::half;
  } else {
    return "a fault is eio, eacces, eperm, enodev, enoent, enxio, eagain, enodata, garbage, "
           "empty, half or text is=…";
  }
  uint64_t reg = 0;
  const bool one = options.count("reg") > 0;
  uint64_t more = 0, times = 0;
  const bool first = options.count("times") > 0;
  Taker taker(options);
  taker.count("reg", &reg);
  taker.count("after", &more);
  taker.count("times", &times);
  taker.time("from", &fault.from);
  taker.time("until", &fault.until);
  const std::string why = taker.finish();
  if (!why.empty()) return why;
  fault.after_reads = node.reads + more;
  if (first) fault.before_reads = fault.after_reads + times;
  if (one) fault.reg = static_cast<int64_t>(reg);
  node.faults.push_back(fault);
  return "";
}

}  // namespace host
