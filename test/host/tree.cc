// Names, attributes and reads of the simulated host's files.
#include "tree.h"

#include <errno.h>
#include <time.h>

#include <cstdio>
#include <cstring>

namespace host {

namespace {

int64_t monotonic_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

const int64_t kStart = monotonic_ns();

void pause(double seconds) {
  if (seconds <= 0) return;
  timespec length;
  length.tv_sec = static_cast<time_t>(seconds);
  length.tv_nsec = static_cast<long>((seconds - static_cast<double>(length.tv_sec)) * 1e9);
  while (nanosleep(&length, &length) != 0 && errno == EINTR) {
  }
}

}  // namespace

double seconds_since_start(int64_t* ns) {
  const int64_t now = monotonic_ns();
  if (ns) *ns = now;
  return static_cast<double>(now - kStart) / 1e9;
}

Tree::Tree() {
  nodes_.push_back(std::make_unique<Node>());
  nodes_[0]->parent = kRoot;
}

uint64_t Tree::make(const std::string& path) {
  uint64_t id = kRoot;
  size_t from = 0;
  while (from < path.size()) {
    const size_t to = std::min(path.find('/', from), path.size());
    const std::string name = path.substr(from, to - from);
    uint64_t next = 0;
    for (const uint64_t child : at(id).children) {
      if (at(child).name == name) next = child;
    }
    if (next == 0) {
      auto node = std::make_unique<Node>();
      node->name = name;
      node->path = path.substr(0, to);
      node->parent = id;
      nodes_.push_back(std::move(node));
      next = nodes_.size();
      at(id).children.push_back(next);
    }
    id = next;
    from = to + 1;
  }
  return id;
}

Node* Tree::find(const std::string& path) {
  for (const auto& node : nodes_) {
    if (node->path == path) return node.get();
  }
  return nullptr;
}

bool Tree::hidden(uint64_t id) {
  while (id != kRoot) {
    if (at(id).hidden) return true;
    id = at(id).parent;
  }
  return false;
}

int Tree::lookup(uint64_t parent, const std::string& name, uint64_t* id) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (hidden(parent)) return -ENOENT;
  for (const uint64_t child : at(parent).children) {
    if (at(child).name == name && !at(child).hidden) {
      *id = child;
      return 0;
    }
  }
  return -ENOENT;
}

int Tree::attributes(uint64_t id, Attributes* attributes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const Node& node = at(id);
  uint64_t size = 4096;  // as sysfs says, whatever a file holds
  if (node.type == Node::Type::link) size = node.text.size();
  // Readers that trust a size would cut these short.
  if (node.type == Node::Type::truth || node.type == Node::Type::control ||
      node.type == Node::Type::msr) {
    size = 0;
  }
  *attributes = {node.type, node.mode, node.uid, node.gid, size};
  return 0;
}

int Tree::change(uint64_t id, const uint32_t* mode, const uint32_t* uid, const uint32_t* gid) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Node& node = at(id);
  if (mode) node.mode = *mode & 07777;
  if (uid) node.uid = *uid;
  if (gid) node.gid = *gid;
  return 0;
}

int Tree::link(uint64_t id, std::string* target) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (at(id).type != Node::Type::link) return -EINVAL;
  *target = at(id).text;
  return 0;
}

int Tree::list(uint64_t id, std::vector<Entry>* entries) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (hidden(id)) return -ENOENT;
  entries->push_back({id, ".", Node::Type::folder});
  entries->push_back({at(id).parent, "..", Node::Type::folder});
  for (const uint64_t child : at(id).children) {
    if (!at(child).hidden) entries->push_back({child, at(child).name, at(child).type});
  }
  return 0;
}

int Tree::open(uint64_t id, uint64_t* handle) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (hidden(id)) return -ENOENT;
  if (const Fault* found = fault(id, seconds_since_start(), true, at(id).reads + 1, -1)) {
    return -found->error;
  }
  *handle = ++last_handle_;
  return 0;
}

void Tree::close(uint64_t handle) {
  const std::lock_guard<std::mutex> lock(mutex_);
  handles_.erase(handle);
}

const Fault* Tree::fault(uint64_t id, double t, bool on_open, uint64_t reads, int64_t reg) {
  for (;; id = at(id).parent) {
    for (const Fault& fault : at(id).faults) {
      if (fault.on_open == on_open && reads > fault.after_reads && reads <= fault.before_reads &&
          t >= fault.from && t < fault.until && (fault.reg < 0 || fault.reg == reg)) {
        return &fault;
      }
    }
    if (id == kRoot) return nullptr;
  }
}

int Tree::read(uint64_t id, uint64_t handle, uint64_t offset, uint32_t size, std::string* data) {
  double before, after;
  bool msr;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    msr = at(id).type == Node::Type::msr;
    if (!msr && offset > 0) {  // the rest of what was read at offset 0
      const std::string& whole = handles_[handle];
      if (offset < whole.size()) *data = whole.substr(offset, size);
      return 0;
    }
    before = at(id).before_s;
    after = at(id).after_s;
  }
  int error = 0;
  pause(before);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    Node& node = at(id);
    ++node.reads;
    int64_t ns;
    const double t = seconds_since_start(&ns);
    const Fault* found = fault(id, t, false, node.reads, msr ? static_cast<int64_t>(offset) : -1);
    if (hidden(id)) {
      error = -ENODEV;
    } else if (found && found->kind == Fault::Kind::error) {
      error = -found->error;
    } else if (found && found->kind == Fault::Kind::text) {
      *data = found->text;
    } else {
      if (node.type == Node::Type::truth) {
        *data = truth(t, ns);
      } else {
        error = value(node, offset, size, t, data);
      }
      if (found) data->resize(data->size() / 2);
    }
    if (!msr && error == 0) handles_[handle] = *data;
    if (data->size() > size) data->resize(size);
  }
  pause(after);
  return error;
}

int Tree::value(Node& node, uint64_t offset, uint32_t size, double t, std::string* data) {
  switch (node.type) {
    case Node::Type::text:
      *data = node.text;
      return 0;
    case Node::Type::energy:
      *data = std::to_string(node.counter->energy_uj(t)) + "\n";
      return 0;
    case Node::Type::range:
      *data = std::to_string(node.counter->range_uj()) + "\n";
      return 0;
    case Node::Type::total:
      *data = std::to_string(node.counter->total_uj(t)) + "\n";
      return 0;
    case Node::Type::gauge:
      *data = std::to_string(node.gauge.value(t)) + "\n";
      return 0;
    case Node::Type::control:
      *data = last_error_ + "\n";
      return 0;
    case Node::Type::msr: {
      if (size % 8 != 0) return -EINVAL;
      const auto found = node.registers.find(offset);
      if (found == node.registers.end()) return -EIO;
      const auto& [fixed, counter] = found->second;
      const uint64_t word = counter ? counter->reg(t) : fixed;
      char bytes[8];
      std::memcpy(bytes, &word, sizeof bytes);
      // The real driver does not move on inside a call: the same register again and again.
      for (uint32_t done = 0; done < size; done += 8) data->append(bytes, sizeof bytes);
      return 0;
    }
    default:
      return -EISDIR;
  }
}

std::string Tree::truth(double t, int64_t ns) {
  char number[64];
  std::snprintf(number, sizeof number, "{\"ns\":%lld,\"seconds\":%.9f,\"joules\":{",
                static_cast<long long>(ns), t);
  std::string text = number;
  const char* comma = "";
  for (const auto& [id, power] : powers_) {
    std::snprintf(number, sizeof number, "\":%.9f", power->joules(t));
    text += comma + ("\"" + id) + number;
    comma = ",";
  }
  text += "},\"reads\":{";
  comma = "";
  for (const auto& node : nodes_) {
    if (node->reads == 0 || node->type == Node::Type::truth) continue;
    text += comma + ("\"" + node->path + "\":") + std::to_string(node->reads);
    comma = ",";
  }
  return text + "}}\n";
}

int Tree::write(uint64_t id, const std::string& data) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (at(id).type != Node::Type::control) return -EACCES;
  }
  size_t from = 0;
  while (from < data.size()) {
    const size_t to = std::min(data.find('\n', from), data.size());
    std::string why;
    if (!run(data.substr(from, to - from), &why)) {
      const std::lock_guard<std::mutex> lock(mutex_);
      last_error_ = why;
      return -EINVAL;
    }
    from = to + 1;
  }
  return static_cast<int>(data.size());
}

}  // namespace host
