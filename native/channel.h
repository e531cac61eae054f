// What the output of a command comes through on its way to where ours goes. For the command line.
#pragma once

#include <string>
#include <variant>

#include "files.h"

namespace jouletap {

/// Both ends are closed in programs that are started.
struct Channel {
  File ours;    ///< to read from
  File theirs;  ///< the command's stdout or stderr
};

/// A pipe; or, where `like` is a terminal, a pseudo-terminal with the size and the ways of that
/// one, but bytes come through it unchanged. It is nobody's controlling terminal. Otherwise a
/// sentence: why there is none.
std::variant<Channel, std::string> open_channel(int like);

/// Gives the pseudo-terminal at `ours` the size of the terminal `like`. False: it has none.
bool copy_size(int like, int ours);

}  // namespace jouletap
