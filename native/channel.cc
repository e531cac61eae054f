#include "channel.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace jouletap {
namespace {

std::string refusal(const char* what) {
  return std::string(what) + ": " + std::generic_category().message(errno);
}

}  // namespace

std::variant<Channel, std::string> open_channel(int like) {
  termios ways;
  if (tcgetattr(like, &ways) != 0) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return refusal("no pipe can be made");
    return Channel{File(ends[0]), File(ends[1])};
  }
  File ours(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  char name[64];
  if (!ours || grantpt(ours.get()) != 0 || unlockpt(ours.get()) != 0 ||
      ptsname_r(ours.get(), name, sizeof name) != 0) {
    return refusal("no pseudo-terminal can be made");
  }
  File theirs(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
  // What the real terminal does to bytes it does when they come to it; nothing is ever typed here.
  ways.c_oflag &= ~static_cast<tcflag_t>(OPOST);
  ways.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  if (!theirs || tcsetattr(theirs.get(), TCSANOW, &ways) != 0) {
    return refusal("no pseudo-terminal can be opened");
  }
  copy_size(like, ours.get());
  return Channel{std::move(ours), std::move(theirs)};
}

bool copy_size(int like, int ours) {
  winsize size;
  return ioctl(like, TIOCGWINSZ, &size) == 0 && ioctl(ours, TIOCSWINSZ, &size) == 0;
}

}  // namespace jouletap
