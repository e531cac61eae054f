// The bare loop of the bench: how often it reads, and what it says where it cannot.
#include "floor.h"

#include <unistd.h>

#include <cmath>
#include <string>
#include <variant>

#include "check.h"
#include "instructions.h"

namespace {

using jouletap::Floor;
using jouletap::FloorCount;
using jouletap::FloorReads;
using jouletap::Instructions;
using jouletap::run_floor;

constexpr int64_t kMillisecond = 1'000'000;

TEST(reads_files_and_registers_every_interval) {
  const Tree tree;
  tree.file("energy_uj", "123456789\n");
  tree.file("msr", std::string(64, 'x'));
  FloorReads reads;
  reads.files = {tree.path("energy_uj").string()};
  reads.registers = {{tree.path("msr").string(), 56}};
  const auto done = run_floor(reads, kMillisecond, 30, FloorCount::nothing);
  const auto* floor = std::get_if<Floor>(&done);
  CHECK(floor != nullptr);
  if (floor == nullptr) return;
  CHECK_EQ(floor->rows, 30);
  CHECK(floor->cpu_seconds > 0);
  CHECK(std::isnan(floor->instructions));
  CHECK(std::isnan(floor->missed));
}

TEST(leaves_out_grid_times_that_passed_before_it_woke) {
  const Tree tree;
  tree.file("energy_uj", "1\n");
  FloorReads reads;
  reads.files = {tree.path("energy_uj").string()};
  // No wait and read can be had every 10 ns: most of the grid passes in each.
  const auto hasty = run_floor(reads, 10, 10'000, FloorCount::missed);
  const auto* floor = std::get_if<Floor>(&hasty);
  CHECK(floor != nullptr);
  if (floor == nullptr) return;
  CHECK_EQ(floor->rows + floor->missed, 10'000);
  CHECK(floor->rows >= 1);
  CHECK(floor->missed > 9'000);
}

TEST(misses_nothing_where_there_is_time) {
  const auto calm = run_floor({}, 500 * kMillisecond, 2, FloorCount::missed);
  const auto* floor = std::get_if<Floor>(&calm);
  CHECK(floor != nullptr);
  if (floor == nullptr) return;
  CHECK_EQ(floor->rows, 2);
  CHECK_EQ(floor->missed, 0);
}

TEST(says_which_file_cannot_be_opened) {
  FloorReads reads;
  reads.files = {"/nowhere/energy_uj"};
  const auto done = run_floor(reads, kMillisecond, 1, FloorCount::nothing);
  const auto* why = std::get_if<std::string>(&done);
  CHECK(why != nullptr);
  if (why != nullptr)
    CHECK_EQ(*why, "/nowhere/energy_uj cannot be opened: No such file or directory");
}

TEST(says_where_a_read_gave_nothing) {
  const Tree tree;
  tree.file("empty", "");
  tree.file("short", "1234");
  FloorReads empty;
  empty.files = {tree.path("empty").string()};
  CHECK(
      std::holds_alternative<std::string>(run_floor(empty, kMillisecond, 1, FloorCount::nothing)));
  FloorReads beyond;
  beyond.registers = {{tree.path("short").string(), 0}};
  CHECK(
      std::holds_alternative<std::string>(run_floor(beyond, kMillisecond, 1, FloorCount::nothing)));
}

TEST(counts_instructions_where_the_kernel_does) {
  const Tree tree;
  tree.file("energy_uj", "1\n");
  FloorReads reads;
  reads.files = {tree.path("energy_uj").string()};
  const auto opened = Instructions::open(0);
  const auto done = run_floor(reads, kMillisecond, 20, FloorCount::instructions);
  if (const auto* why = std::get_if<std::string>(&opened)) {
    const auto* same = std::get_if<std::string>(&done);
    CHECK(same != nullptr && *same == *why);
    skip(*why);
  }
  const auto* floor = std::get_if<Floor>(&done);
  CHECK(floor != nullptr);
  // A wait and a read cannot be had for fewer.
  if (floor != nullptr) CHECK(floor->instructions / floor->rows > 500);
  const double before = std::get<Instructions>(opened).count();
  volatile int value = 0;
  for (int i = 0; i < 100'000; ++i) value = value + 1;
  CHECK(std::get<Instructions>(opened).count() - before > 300'000);
}

TEST(counts_no_thread_that_is_not_there) {
  CHECK(std::holds_alternative<std::string>(Instructions::open(0x7fffffff)));
}

}  // namespace
