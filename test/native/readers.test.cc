// Readers: several sources as one, through a suspension of the machine and the loss of one of them.
#include "readers.h"

#include <cmath>

#include "check.h"
#include "clock.h"
#include "counter.h"
#include "integral.h"

using namespace jouletap;

namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1000 * kMs;

/// What the machine shows: set by a test, read by its sources.
struct World {
  int64_t time_ns = kSecond;
  int64_t suspended_ns = 0;
  int suspended_looks = 0;
  double joules = 0;
  double watts = 0;
};
World world;

int64_t suspended() {
  ++world.suspended_looks;
  return world.suspended_ns;
}

Domain domain(const std::string& id, Method method) {
  Domain made;
  made.id = id;
  made.kind = "package";
  made.method = method;
  made.max_watts = 1000;
  return made;
}

/// A counter of whole millijoules and a gauge of one device.
class Made : public Source {
 public:
  Made() {
    Counter::Spec spec;
    spec.unit = 1e-3;
    counter_ = Counter(spec);
  }
  const std::vector<Domain>& domains() const override { return domains_; }
  const std::vector<std::string>& notes() const override { return notes_; }
  bool stamps() const override { return true; }
  void resume() noexcept override { counter_.resume(); }
  void read(Tally* tallies) noexcept override {
    counter_.look(static_cast<uint64_t>(world.joules * 1e3), world.time_ns, tallies[0]);
    gauge_.add(world.watts, world.time_ns, tallies[1]);
    tallies[0].stamp = tallies[1].stamp = {world.time_ns, 0};
  }

 private:
  Counter counter_;
  Integral gauge_;
  std::vector<Domain> domains_{domain("counted", Method::counter), domain("gauged", Method::gauge)};
  std::vector<std::string> notes_;
};

Readers readers_of(std::unique_ptr<Source> source) {
  std::vector<std::unique_ptr<Source>> sources;
  sources.push_back(std::move(source));
  return Readers(std::move(sources), suspended);
}

/// So much awake time at 10 W.
void live(int64_t ms) {
  world.time_ns += ms * kMs;
  world.joules += 10 * static_cast<double>(ms) * 1e-3;
  world.watts = 10;
}

}  // namespace

TEST(nothing_of_a_suspension_is_counted_or_integrated) {
  world = {};
  world.watts = 10;
  world.joules = 1000;
  Readers readers = readers_of(std::make_unique<Made>());
  readers.read();
  live(1000);
  readers.read();
  CHECK_NEAR(readers.tallies()[0].joules, 10, 1e-9);
  // An hour, for which the monotonic clock stands and the counter goes on.
  world.suspended_ns += 3600 * kSecond;
  world.joules += 500;
  readers.read();
  live(1000);
  readers.read();
  const Tally& counted = readers.tallies()[0];
  CHECK_NEAR(counted.joules, 20, 1e-9);
  CHECK_EQ(counted.covered_ms, 2000.0);
  CHECK_EQ(counted.failures, 1.0);
  CHECK_EQ(counted.resets + counted.backwards + counted.stalls, 0.0);
  CHECK_NEAR(readers.tallies()[1].joules, 20, 1e-9);
  CHECK_EQ(readers.tallies()[1].failures, 0.0);
}

TEST(one_call_notices_a_suspension_as_well) {
  world = {};
  Readers readers = readers_of(std::make_unique<Made>());
  readers.read();
  world.suspended_ns += kSecond;
  world.joules += 500;
  readers.read_call(0);
  CHECK_EQ(readers.tallies()[0].joules, 0.0);
  CHECK_EQ(readers.tallies()[0].failures, 1.0);
}

TEST(a_thread_that_was_held_up_between_two_clocks_is_no_suspension) {
  world = {};
  Readers readers = [] {
    std::vector<std::unique_ptr<Source>> sources;
    sources.push_back(std::make_unique<Made>());
    return Readers(std::move(sources), [] {
      const bool held_up = ++world.suspended_looks == 4;
      return world.suspended_ns + (held_up ? kSecond : 0);
    });
  }();
  readers.read();
  live(1000);
  readers.read();  // looks twice
  CHECK_EQ(world.suspended_looks, 5);
  CHECK_NEAR(readers.tallies()[0].joules, 10, 1e-9);
  CHECK_EQ(readers.tallies()[0].failures, 0.0);
}

TEST(a_read_looks_once_at_how_long_the_machine_was_suspended) {
  world = {};
  Readers readers = readers_of(std::make_unique<Made>());
  const int before = world.suspended_looks;
  readers.read();
  CHECK_EQ(world.suspended_looks, before + 1);
}

namespace {

/// Domains whose millijoules a test sets, and which may fail.
class Counters : public Source {
 public:
  struct State {
    double joules = 0;
    bool failing = false;
  };

  Counters(const std::string& name, const std::vector<std::string>& ids, double unit = 1e-3)
      : states(ids.size()), unit_(unit) {
    for (const std::string& id : ids) {
      domains_.push_back(domain(id, Method::counter));
      domains_.back().source = name;
      domains_.back().unit = unit;
      domains_.back().call = static_cast<int>(domains_.size()) - 1;
      Counter::Spec spec;
      spec.unit = unit;
      counters_.emplace_back(spec);
    }
  }
  ~Counters() override {
    if (gone != nullptr) *gone = true;
  }
  const std::vector<Domain>& domains() const override { return domains_; }
  const std::vector<std::string>& notes() const override { return notes_; }
  bool stamps() const override { return stamped; }
  void read(Tally* tallies) noexcept override {
    for (size_t i = 0; i < states.size(); ++i) read_call(static_cast<int>(i), tallies);
  }
  void read_call(int call, Tally* tallies) noexcept override {
    const auto i = static_cast<size_t>(call);
    tallies[i].stamp = {world.time_ns, 0};
    if (states[i].failing) {
      counters_[i].miss(tallies[i]);
    } else {
      const auto raw = static_cast<uint64_t>(std::llround(states[i].joules / unit_));
      counters_[i].look(raw, world.time_ns, tallies[i]);
    }
  }

  std::vector<State> states;
  bool* gone = nullptr;
  bool stamped = true;

 private:
  double unit_;
  std::vector<Counter> counters_;
  std::vector<Domain> domains_;
  std::vector<std::string> notes_;
};

std::vector<std::unique_ptr<Source>> one(std::unique_ptr<Source> source) {
  std::vector<std::unique_ptr<Source>> sources;
  sources.push_back(std::move(source));
  return sources;
}

void pass(int64_t ms) { world.time_ns += ms * kMs; }

}  // namespace

TEST(what_fails_for_a_while_is_lost_and_what_comes_back_is_not) {
  world = {};
  auto made = std::make_unique<Counters>("first", std::vector<std::string>{"a", "b"});
  Counters& source = *made;
  Readers readers(one(std::move(made)), suspended);
  readers.read();
  CHECK_EQ(readers.failing(), 0u);
  source.states[0].failing = source.states[1].failing = true;
  readers.read();
  CHECK_EQ(readers.failing(), 2u);
  CHECK(readers.lost(kSecond).empty());
  pass(999);
  readers.read();
  CHECK(readers.lost(kSecond).empty());
  source.states[1].failing = false;
  pass(1);
  readers.read();
  CHECK_EQ(readers.failing(), 1u);
  CHECK(readers.lost(kSecond) == std::vector<size_t>{0});
  source.states[1].failing = true;
  pass(999);
  readers.read();
  CHECK(readers.lost(kSecond) == std::vector<size_t>{0});
}

TEST(another_source_goes_on_where_the_lost_one_stopped) {
  world = {};
  bool gone = false;
  auto made = std::make_unique<Counters>("first", std::vector<std::string>{"a", "b"});
  Counters& first = *made;
  first.gone = &gone;
  Readers readers(one(std::move(made)), suspended);
  readers.read();
  first.states = {{10, false}, {20, false}};
  pass(1000);
  readers.read();
  first.states[0].failing = true;
  pass(1000);
  readers.read();

  // It knows one domain that is lost, one that is not and one that nobody asked for.
  auto other = std::make_unique<Counters>("second", std::vector<std::string>{"z", "b", "a"}, 0.5);
  Counters& second = *other;
  second.states = {{1, false}, {2, false}, {500, false}};
  auto done = readers.exchange({0}, one(std::move(other)));
  CHECK(done.columns == std::vector<size_t>{0});
  CHECK(done.retired.empty());
  readers.read();  // the baseline
  CHECK_EQ(readers.failing(), 0u);
  CHECK_EQ(readers.tallies()[0].joules, 10.0);
  first.states[1].joules = 23;
  second.states[2].joules = 504;
  pass(1000);
  readers.read();
  const Tally& a = readers.tallies()[0];
  CHECK_EQ(a.joules, 14.0);
  CHECK_EQ(a.covered_ms, 2000.0);  // the first and the last of three seconds
  CHECK_EQ(a.failures, 1.0);
  CHECK(a.fresh);
  CHECK_EQ(readers.tallies()[1].joules, 23.0);
  CHECK_EQ(readers.tallies()[1].failures, 0.0);
  CHECK_EQ(readers.domains()[0].source, std::string("second"));
  CHECK_EQ(readers.domains()[0].unit, 0.5);
  CHECK(readers.domains()[0].additive);
  CHECK_EQ(readers.domains()[1].source, std::string("first"));

  // One call reads it where it is now.
  second.states[2].joules = 505;
  readers.read_call(0);
  CHECK_EQ(readers.tallies()[0].joules, 15.0);
  first.states[1].joules = 24;
  readers.read_call(1);
  CHECK_EQ(readers.tallies()[1].joules, 24.0);

  // The second one has b as well, and the first is not needed any more.
  first.states[1].failing = true;
  pass(1000);
  readers.read();
  auto third = std::make_unique<Counters>("third", std::vector<std::string>{"b"});
  Counters& last = *third;
  done = readers.exchange({1}, one(std::move(third)));
  CHECK_EQ(done.retired.size(), 1u);
  CHECK(!gone);
  done.retired.clear();
  CHECK(gone);
  readers.read();
  last.states[0].joules = 5;
  second.states[2].joules = 510;
  pass(1000);
  readers.read();
  CHECK_EQ(readers.tallies()[0].joules, 20.0);
  CHECK_EQ(readers.tallies()[1].joules, 29.0);
  CHECK_EQ(readers.calls(), 4u);
}

TEST(what_nobody_has_lost_is_not_exchanged) {
  world = {};
  Readers readers(one(std::make_unique<Counters>("first", std::vector<std::string>{"a"})),
                  suspended);
  const auto done = readers.exchange(
      {}, one(std::make_unique<Counters>("second", std::vector<std::string>{"a"})));
  CHECK(done.columns.empty());
  CHECK_EQ(done.retired.size(), 1u);
  CHECK_EQ(readers.domains()[0].source, std::string("first"));
}

TEST(one_call_is_stamped_where_its_source_does_not) {
  world = {};
  auto made = std::make_unique<Counters>("first", std::vector<std::string>{"a", "b"});
  made->stamped = false;
  Readers readers(one(std::move(made)), suspended);
  readers.read();
  const int64_t before = now_ns();
  readers.read_call(1);
  CHECK(readers.tallies()[0].stamp.time_ns <= before);
  CHECK(readers.tallies()[1].stamp.time_ns >= before);
}

// A source that was opened anew beside what it still had numbers its calls from 0 again.
TEST(calls_of_one_number_are_one_only_within_one_source) {
  world = {};
  Readers readers(one(std::make_unique<Counters>("first", std::vector<std::string>{"a", "b"})),
                  suspended);
  CHECK(readers.share_call(1, 1));
  CHECK(!readers.share_call(0, 1));
  readers.exchange({1}, one(std::make_unique<Counters>("first", std::vector<std::string>{"b"})));
  CHECK_EQ(readers.domains()[0].call, readers.domains()[1].call);
  CHECK(!readers.share_call(0, 1));
}
