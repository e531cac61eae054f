// The files of the simulated host, what a read of each gives now, and the orders that change it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "model.h"

namespace host {

/// Seconds of CLOCK_MONOTONIC since the host started; *ns: the clock itself.
double seconds_since_start(int64_t* ns = nullptr);

struct Fault {
  enum class Kind { error, text, half };
  Kind kind = Kind::error;
  int error = 0;
  std::string text;
  bool on_open = false;                  // refuses the open instead of the read
  uint64_t after_reads = 0;              // reads of the file that are served before it
  uint64_t before_reads = ~uint64_t{0};  // and the last one that it spoils
  double from = 0;                       // seconds since start
  double until = 1e300;
  int64_t reg = -1;  // of an msr file; −1: all
};

struct Node {
  enum class Type { folder, link, text, energy, range, total, gauge, msr, truth, control };
  Type type = Type::folder;
  std::string name;
  std::string path;
  uint64_t parent = 0;
  std::vector<uint64_t> children;
  uint32_t mode = 0555;
  uint32_t uid = 0;
  uint32_t gid = 0;
  std::string text;  // of a text file; a link's target
  Counter* counter = nullptr;
  Gauge gauge;
  struct Register {
    uint64_t value;
    Counter* counter;  // null: `value`
  };
  std::map<uint64_t, Register> registers;
  std::vector<Fault> faults;
  bool hidden = false;
  double before_s = 0;  // latency of a read, before and after the value is taken
  double after_s = 0;
  uint64_t reads = 0;
};

/// All methods but run() before serving may be called from any thread. Errors are negative errno.
class Tree {
 public:
  Tree();

  /// Obeys one line; false, and why, if it is not an order. README.md lists the orders.
  bool run(const std::string& line, std::string* why);

  struct Attributes {
    Node::Type type;
    uint32_t mode, uid, gid;
    uint64_t size;
  };
  static constexpr uint64_t kRoot = 1;
  int lookup(uint64_t parent, const std::string& name, uint64_t* id);
  int attributes(uint64_t id, Attributes* attributes);
  /// Null: unchanged.
  int change(uint64_t id, const uint32_t* mode, const uint32_t* uid, const uint32_t* gid);
  int link(uint64_t id, std::string* target);
  struct Entry {
    uint64_t id;
    std::string name;
    Node::Type type;
  };
  int list(uint64_t id, std::vector<Entry>* entries);
  int open(uint64_t id, uint64_t* handle);
  void close(uint64_t handle);
  /// May sleep for as long as the file's latency says.
  int read(uint64_t id, uint64_t handle, uint64_t offset, uint32_t size, std::string* data);
  int write(uint64_t id, const std::string& data);

 private:
  using Words = std::vector<std::string>;
  using Options = std::map<std::string, std::string>;
  uint64_t make(const std::string& path);
  Node& at(uint64_t id) { return *nodes_[id - 1]; }
  Node* find(const std::string& path);
  bool hidden(uint64_t id);
  const Fault* fault(uint64_t id, double t, bool on_open, uint64_t reads, int64_t reg);
  int value(Node& node, uint64_t offset, uint32_t size, double t, std::string* data);
  std::string truth(double t, int64_t ns);

  // Orders; each returns why it cannot be obeyed, or nothing.
  std::string order(const std::string& verb, const Words& words, Options& options);
  std::string order_counter(const Words& words, Options& options);
  std::string order_counter_change(const std::string& verb, const Words& words, Options& options);
  std::string order_file(const std::string& verb, const Words& words, Options& options);
  std::string order_change(const std::string& verb, const Words& words, Options& options);
  std::string order_fault(Node& node, const Words& words, Options& options);

  std::mutex mutex_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::map<std::string, std::unique_ptr<Power>> powers_;
  std::map<std::string, std::unique_ptr<Counter>> counters_;
  std::unordered_map<uint64_t, std::string> handles_;  // what was read at offset 0
  uint64_t last_handle_ = 0;
  std::string last_error_ = "ok";
};

}  // namespace host
