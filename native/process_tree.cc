#include "process_tree.h"

#include <sstream>
#include <system_error>
#include <utility>

#include "files.h"

namespace jouletap {
namespace {

// No chain of parents is longer; one that seems to be is torn by processes that come and go.
constexpr size_t kDeepest = 4096;
// Fields of /proc/PID/stat behind the name: proc(5) calls the parent the 4th and the start the 22nd
// of all.
constexpr int kParent = 1;
constexpr int kStart = 19;
// The kernel's number of the first namespace of processes (PROC_PID_INIT_INO, linux/proc_ns.h).
constexpr char kFirstNamespace[] = "pid:[4026531836]";

}  // namespace

ProcessTree::ProcessTree(std::filesystem::path proc, const std::vector<int>& pids)
    : proc_(std::move(proc)) {
  for (const int pid : pids) {
    const int64_t start = read(pid).start;
    if (start > 0) {
      known_[pid] = start;
    } else {
      missing_.push_back(pid);
    }
  }
}

ProcessTree::Process ProcessTree::read(int pid) const {
  const auto text = read_text(proc_ / std::to_string(pid) / "stat");
  // The name stands in brackets and may hold some itself.
  const size_t name_end = text ? text->rfind(')') : std::string::npos;
  if (name_end == std::string::npos) return {};
  std::istringstream fields(text->substr(name_end + 1));
  Process process;
  std::string field;
  for (int i = 0; i <= kStart && fields >> field; ++i) {
    if (i == kParent) process.parent = static_cast<int>(parse_integer(field).value_or(0));
    if (i == kStart) process.start = parse_integer(field).value_or(0);
  }
  return process;
}

bool ProcessTree::is_known(int pid, int64_t start) const {
  const auto found = known_.find(pid);
  return found != known_.end() && found->second == start;
}

bool ProcessTree::holds(int pid) {
  std::vector<std::pair<int, int64_t>> line;
  while (pid > 0 && line.size() < kDeepest) {
    const Process process = read(pid);
    if (process.start <= 0) return false;
    if (is_known(pid, process.start)) {
      for (const auto& [descendant, start] : line) known_[descendant] = start;
      return true;
    }
    line.emplace_back(pid, process.start);
    pid = process.parent;
  }
  return false;
}

bool ProcessTree::own_numbers() const {
  std::error_code none;
  const auto space = std::filesystem::read_symlink(proc_ / "self/ns/pid", none);
  return !none && space != kFirstNamespace;
}

}  // namespace jouletap
