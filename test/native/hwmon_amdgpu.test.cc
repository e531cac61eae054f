// AMD cards by their energy accumulator, on made trees: which accumulators are believed, and what
// becomes of those that are not.
#include "allocations.h"
#include "chips.h"
#include "clock.h"
#include "gpu_metrics.h"
#include "sources/hwmon_chips.h"

using namespace jouletap;
using check::Reader;
using check::refusal_of;
using chips::let_time_pass;
using chips::Machine;

namespace {

constexpr double kUnit = 1.0 / 65536;  // joules of a count

class Cards : public Machine {
 public:
  static std::string address(int n) { return "0000:0" + std::to_string(n) + ":00.0"; }
  static std::string id(int n) { return "gpu-" + address(n); }

  /// A card hwmonN whose gauge shows these watts.
  void card(int n, int watts) const {
    chip(n, "amdgpu", address(n));
    set(n, "power1_average", std::to_string(watts) + "000000");
  }
  void metrics(int n, const std::string& table) const {
    tree.file("sys/devices/" + address(n) + "/gpu_metrics", table);
  }
};

}  // namespace

TEST(a_chip_knows_its_device) {
  const Cards cards;
  cards.card(3, 100);
  cards.tree.file("sys/devices/" + Cards::address(3) + "/product_name", "AMD Instinct MI210\n");
  cards.tree.folder("sys/bus/pci/drivers/amdgpu");
  cards.tree.link("sys/devices/" + Cards::address(3) + "/driver", "sys/bus/pci/drivers/amdgpu");
  cards.chip(4, "power_meter", "ACPI000D:00");
  const std::vector<HwmonChip> chips = find_hwmon_chips(cards.tree.root());
  CHECK_EQ(chips[0].pci, "0000:03:00.0");
  CHECK_EQ(chips[0].driver, "amdgpu");
  CHECK_EQ(chips[0].product, "AMD Instinct MI210");
  CHECK_EQ(chips[1].address, "ACPI000D:00");
  CHECK_EQ(chips[1].pci + chips[1].driver + chips[1].product, "");
}

TEST(an_accumulator_of_any_revision_is_a_counter) {
  for (int content = 0; content <= 9; ++content) {
    const Cards cards;
    cards.card(3, 100);
    cards.metrics(3, gpu_metrics::any(content, 5'000'000, 100));
    Reader reader(cards.open_with());
    CHECK_EQ(reader.ids(), "gpu-0000:03:00.0");
    const Domain& gpu = reader.domain("gpu-0000:03:00.0");
    CHECK(!gpu.gauge());
    CHECK(gpu.role == Role::root);
    CHECK_EQ(gpu.unit, kUnit);
    CHECK_EQ(gpu.wrap_joules, content < 4 ? 65536.0 : 0.0);
    CHECK_EQ(gpu.path, "/sys/class/hwmon/hwmon3/device/gpu_metrics");
    CHECK(reader.source->notes().empty());
    reader.read();
    CHECK_EQ(reader.tally(gpu.id).joules, 0.0);
    cards.metrics(3, gpu_metrics::any(content, 5'000'000 + 6'553'600, 100));
    reader.read();
    CHECK_EQ(reader.tally(gpu.id).joules, 100.0);
    CHECK(reader.tally(gpu.id).fresh);
    CHECK_EQ(reader.tally(gpu.id).failures, 0.0);
    CHECK_EQ(reader.tally(gpu.id).variance, 0.0);
  }
}

TEST(an_accumulator_of_32_bits_wraps_and_one_of_64_does_not) {
  struct Step {
    int content;
    uint64_t from;
    uint64_t to;
    double wraps;
  };
  const uint64_t range = uint64_t{1} << 32;
  for (const Step& step :
       {Step{0, range - 65536, 65536, 1}, Step{3, range - 65536, 65536, 1},
        Step{3, range - 65536, range + 65536, 0}, Step{5, range - 65536, range + 65536, 0},
        Step{3, 7 * range - 65536, 7 * range + 65536, 0}}) {
    const Cards cards;
    cards.card(3, 100);
    cards.metrics(3, gpu_metrics::any(step.content, step.from, 100));
    Reader reader(cards.open_with());
    reader.read();
    cards.metrics(3, gpu_metrics::any(step.content, step.to, 100));
    reader.read();
    CHECK_EQ(reader.tallies[0].joules, 2.0);
    CHECK_EQ(reader.tallies[0].wraps, step.wraps);
  }
}

TEST(a_card_without_a_usable_accumulator_is_a_gauge) {
  struct Case {
    std::string table;
    std::string note;  // empty: nothing is wrong with the card
  };
  const std::string whole = gpu_metrics::table(3, 1000, 40);
  for (const Case& test : {
           Case{gpu_metrics::table(3, ~uint64_t{0}, 40), ""},
           Case{gpu_metrics::table(3, 0xffffffff, 40), ""},
           Case{gpu_metrics::table(3, ~uint64_t{0}, 0xffff), ""},
           Case{gpu_metrics::with_header(std::string(128, 'x'), 2, 3), ""},
           Case{gpu_metrics::table(3, 0, 40), "(it stands at 0)"},
           Case{gpu_metrics::table(3, 0, 0), "(it stands at 0)"},
           Case{gpu_metrics::table(3, 1000, 0xffff), "nothing beside it tells"},
           Case{gpu_metrics::with_header(whole, 1, 12), "(gpu_metrics v1.12 is not known)"},
           Case{gpu_metrics::with_header(whole, 4, 0), "(gpu_metrics v4.0 is not known)"},
           Case{whole.substr(0, 60), "(gpu_metrics is torn)"},
           Case{whole + "x", "(gpu_metrics is torn)"},
           Case{whole.substr(0, 3), "(gpu_metrics is torn)"},
           Case{"", "(gpu_metrics: No data available)"},
       }) {
    const Cards cards;
    cards.card(3, 40);
    cards.metrics(3, test.table);
    Reader reader(cards.open_with());
    CHECK(reader.domain(Cards::id(3)).gauge());
    CHECK_EQ(reader.domain(Cards::id(3)).path, "/sys/class/hwmon/hwmon3/power1_average");
    CHECK_EQ(reader.source->notes().size(), test.note.empty() ? 0u : 1u);
    CHECK(test.note.empty() || reader.notes_say(Cards::id(3) + " "));
    CHECK(test.note.empty() || reader.notes_say(test.note));
    reader.read();
    let_time_pass();
    reader.read();
    CHECK_NEAR(reader.watts(Cards::id(3)), 40, 1e-9);
  }
}

TEST(an_apu_keeps_to_its_gauge_whatever_its_table_says) {
  const Cards cards;
  cards.card(3, 15);
  cards.set(3, "power1_label", "slowPPT");
  cards.metrics(3, gpu_metrics::table(4, 1000, 15));
  Reader reader(cards.open_with());
  CHECK(reader.domain(Cards::id(3)).gauge());
  CHECK(reader.domain(Cards::id(3)).role == Role::part);
}

TEST(the_second_die_of_a_package_is_left_out) {
  for (const std::string gauge : {"0", ""}) {
    const Cards cards;
    cards.card(3, 500);
    cards.metrics(3, gpu_metrics::table(3, 7'000'000, 500));
    cards.card(4, 0);
    cards.set(4, "power1_average", gauge);
    cards.metrics(4, gpu_metrics::table(3, 0, 0));
    Reader reader(cards.open_with());
    CHECK_EQ(reader.ids(), Cards::id(3));
    CHECK_EQ(reader.source->notes().size(), 1u);
    CHECK(reader.notes_say("other die counts both: " + Cards::id(4)));
  }
}

TEST(a_second_die_alone_is_refused_with_the_reason) {
  const Cards cards;
  cards.card(4, 0);
  cards.metrics(4, gpu_metrics::table(3, 0, 0));
  const Refusal refusal = refusal_of(cards.open_with());
  CHECK(refusal.kind == Refusal::Kind::absent);
  CHECK(check::says(refusal.reason, "other die counts both: " + Cards::id(4)));
}

TEST(a_card_asleep_at_opening_is_not_asked_for_its_table) {
  const Cards cards;
  cards.card(3, 40);
  cards.runtime_status(Cards::address(3), "suspended");
  // A table that would be noted if it were read.
  cards.metrics(3, gpu_metrics::with_header("xxxxxxxx", 1, 99));
  Reader reader(cards.open_with());
  CHECK(reader.domain(Cards::id(3)).gauge());
  CHECK_EQ(reader.source->notes().size(), 1u);
  CHECK(reader.notes_say("asleep, not woken"));
}

TEST(an_accumulator_stands_while_its_card_sleeps) {
  const Cards cards;
  cards.card(3, 100);
  cards.runtime_status(Cards::address(3), "active");
  cards.metrics(3, gpu_metrics::table(5, 65536, 100));
  Reader reader(cards.open_with());
  reader.read();
  cards.metrics(3, gpu_metrics::table(5, 3 * 65536, 100));
  reader.read();
  const Tally& tally = reader.tallies[0];
  CHECK_EQ(tally.joules, 2.0);
  cards.runtime_status(Cards::address(3), "suspended");
  cards.metrics(3, "what a read would count as a failure");
  // Long enough for a count that stands still to be taken for stuck.
  for (int i = 0; i < 3; ++i) {
    let_time_pass(400);
    reader.read();
    CHECK(tally.fresh);
  }
  CHECK_EQ(tally.joules, 2.0);
  CHECK_EQ(tally.failures, 0.0);
  CHECK_EQ(tally.stalls, 0.0);
  CHECK(tally.covered_ms >= 1200);
  cards.runtime_status(Cards::address(3), "active");
  cards.metrics(3, gpu_metrics::table(5, 4 * 65536, 100));
  reader.read();
  CHECK_EQ(tally.joules, 3.0);
}

TEST(a_table_that_spoils_in_mid_run_is_a_miss_and_the_next_read_spans_it) {
  const std::string whole = gpu_metrics::table(3, 65536, 100);
  for (const std::string& spoilt :
       {std::string(), whole.substr(0, 50), gpu_metrics::with_header(whole, 1, 77),
        gpu_metrics::table(3, ~uint64_t{0}, 100)}) {
    const Cards cards;
    cards.card(3, 100);
    cards.metrics(3, whole);
    Reader reader(cards.open_with());
    reader.read();
    cards.metrics(3, spoilt);
    reader.read();
    CHECK_EQ(reader.tallies[0].failures, 1.0);
    CHECK(!reader.tallies[0].fresh);
    CHECK_EQ(reader.tallies[0].joules, 0.0);
    cards.metrics(3, gpu_metrics::table(3, 3 * 65536, 100));
    reader.read();
    CHECK_EQ(reader.tallies[0].joules, 2.0);
    CHECK(reader.tallies[0].fresh);
  }
}

TEST(a_card_that_vanishes_hurts_nobody_else) {
  const Cards cards;
  for (const int n : {3, 4}) {
    cards.card(n, 100);
    cards.metrics(n, gpu_metrics::table(8, 65536, 100));
  }
  Reader reader(cards.open_with());
  reader.read();
  cards.metrics(3, "");
  cards.tree.remove("sys/devices/" + Cards::address(3));
  cards.metrics(4, gpu_metrics::table(8, 2 * 65536, 100));
  reader.read();
  CHECK(!reader.tally(Cards::id(3)).fresh);
  CHECK_EQ(reader.tally(Cards::id(4)).joules, 1.0);
}

TEST(a_card_that_starts_anew_is_flagged_and_never_negative) {
  const Cards cards;
  cards.card(3, 100);
  cards.metrics(3, gpu_metrics::table(6, 900 * 65536, 100));
  Reader reader(cards.open_with());
  reader.read();
  cards.metrics(3, gpu_metrics::table(6, 1 * 65536, 100));
  reader.read();
  CHECK_EQ(reader.tallies[0].joules, 0.0);
  CHECK_EQ(reader.tallies[0].resets, 1.0);
  cards.metrics(3, gpu_metrics::table(6, 2 * 65536, 100));
  reader.read();
  CHECK_EQ(reader.tallies[0].joules, 1.0);
}

TEST(the_gauge_goes_on_for_an_accumulator_that_stands_still) {
  const Cards cards;
  cards.card(3, 200);
  const auto show = [&](uint64_t energy) { cards.metrics(3, gpu_metrics::table(3, energy, 200)); };
  show(65536);
  Reader reader(cards.open_with());
  const Tally& tally = reader.tallies[0];
  const int64_t begun_ns = now_ns();
  reader.read();
  show(2 * 65536);
  reader.read();
  CHECK_EQ(tally.joules, 1.0);
  let_time_pass(500);
  reader.read();
  CHECK_EQ(tally.joules, 1.0);
  CHECK_EQ(tally.stalls, 0.0);
  CHECK(tally.method == Method::counter);
  cards.metrics(3, "");
  reader.read();
  CHECK_EQ(tally.failures, 1.0);
  show(2 * 65536);
  const double moved_ms = tally.covered_ms;
  let_time_pass(550);
  reader.read();
  CHECK_EQ(tally.stalls, 1.0);
  CHECK(tally.method == Method::gauge);
  CHECK_EQ(tally.failures, 1.0);
  // From the last move, half a second before moved_ms, to now: at 200 W.
  CHECK(tally.joules > 1 + 200 * 1.05);
  CHECK(tally.joules < 1 + 200 * tally.covered_ms / 1000);
  CHECK(tally.covered_ms >= moved_ms + 550);

  const double joules = tally.joules;
  const double covered_ms = tally.covered_ms;
  show(5000 * uint64_t{65536});  // it is never believed again: that would count twice
  let_time_pass(20);
  reader.read();
  CHECK_EQ(tally.stalls, 1.0);
  CHECK(tally.method == Method::gauge);
  CHECK_NEAR(tally.joules - joules, 200 * (tally.covered_ms - covered_ms) / 1000, 1e-6);
  CHECK(tally.covered_ms >= covered_ms + 20);

  CHECK(tally.covered_ms <= static_cast<double>(now_ns() - begun_ns) * 1e-6);

  cards.metrics(3, "");
  reader.read();
  CHECK_EQ(tally.failures, 2.0);
  CHECK(!tally.fresh);
}

TEST(an_idle_card_may_stand_still) {
  const Cards cards;
  cards.card(3, 0);
  cards.metrics(3, gpu_metrics::table(3, 65536, 0));
  Reader reader(cards.open_with());
  for (int i = 0; i < 3; ++i) {
    reader.read();
    let_time_pass(510);
  }
  reader.read();
  CHECK_EQ(reader.tallies[0].joules, 0.0);
  CHECK_EQ(reader.tallies[0].stalls, 0.0);
}

TEST(reading_takes_nothing_from_the_heap_and_one_read_a_card) {
  const Cards cards;
  cards.card(3, 100);
  cards.metrics(3, gpu_metrics::table(8, 65536, 100));
  Reader reader(cards.open_with());
  reader.read();
  const size_t before = check::allocations();
  reader.read();
  CHECK_EQ(check::allocations(), before);
  const uint64_t counting = check::reads();
  const uint64_t from = check::reads();
  reader.read();
  CHECK_EQ(check::reads() - from, 1 + (from - counting));
}
