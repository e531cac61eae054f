// The way of a command's output: bytes come through it as they are, from a terminal like ours.
#include "channel.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <string>
#include <variant>

#include "check.h"

using jouletap::Channel;

namespace {

Channel opened(int like) {
  auto made = jouletap::open_channel(like);
  if (const auto* why = std::get_if<std::string>(&made)) check::skip(*why);
  return std::get<Channel>(std::move(made));
}

/// A terminal to be like.
int made_terminal() {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0) check::skip("no pseudo-terminal can be made here");
  return terminal;
}

std::string through(const Channel& channel, const std::string& bytes) {
  CHECK_EQ(write(channel.theirs.get(), bytes.data(), bytes.size()),
           static_cast<ssize_t>(bytes.size()));
  char got[64];
  const auto length = read(channel.ours.get(), got, sizeof got);
  return {got, static_cast<size_t>(length < 0 ? 0 : length)};
}

const std::string kBytes("a\nb\r\n\t\x04\x03\xff\0z", 11);

}  // namespace

TEST(to_no_terminal_it_is_a_pipe) {
  const auto channel = opened(-1);
  CHECK(!isatty(channel.theirs.get()));
  CHECK_EQ(through(channel, kBytes), kBytes);
  CHECK(!jouletap::copy_size(-1, channel.ours.get()));
}

TEST(to_a_terminal_it_is_one_of_the_same_size_that_changes_no_byte) {
  const jouletap::File like(made_terminal());
  winsize size{33, 77, 0, 0};
  CHECK_EQ(ioctl(like.get(), TIOCSWINSZ, &size), 0);
  const auto channel = opened(like.get());
  CHECK(isatty(channel.theirs.get()));
  CHECK_EQ(through(channel, kBytes), kBytes);

  winsize seen{};
  CHECK_EQ(ioctl(channel.theirs.get(), TIOCGWINSZ, &seen), 0);
  CHECK_EQ(seen.ws_row, 33);
  CHECK_EQ(seen.ws_col, 77);
  size.ws_col = 99;
  CHECK_EQ(ioctl(like.get(), TIOCSWINSZ, &size), 0);
  CHECK(jouletap::copy_size(like.get(), channel.ours.get()));
  CHECK_EQ(ioctl(channel.theirs.get(), TIOCGWINSZ, &seen), 0);
  CHECK_EQ(seen.ws_col, 99);
}

TEST(it_is_closed_in_programs_that_are_started) {
  const auto channel = opened(-1);
  CHECK_EQ(fcntl(channel.ours.get(), F_GETFD), FD_CLOEXEC);
  CHECK_EQ(fcntl(channel.theirs.get(), F_GETFD), FD_CLOEXEC);
}
