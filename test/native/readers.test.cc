// Readers: several sources as one, through a suspension of the machine.
#include "readers.h"

#include "check.h"
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
