// Made machines with hwmon chips.
#pragma once

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "opened.h"

namespace chips {

/// A made machine with chips.
class Machine {
 public:
  /// A chip hwmonN whose device bears that address.
  void chip(int n, const std::string& name, const std::string& address) const {
    tree.folder("sys/devices/" + address);
    tree.file(file(n, "name"), name + "\n");
    tree.link(file(n, "device"), "sys/devices/" + address);
  }
  void set(int n, const std::string& name, const std::string& text) const {
    tree.file(file(n, name), text + "\n");
  }
  static std::string file(int n, const std::string& name) {
    return "sys/class/hwmon/hwmon" + std::to_string(n) + "/" + name;
  }
  void runtime_status(const std::string& address, const std::string& status) const {
    tree.file("sys/bus/pci/devices/" + address + "/power/runtime_status", status + "\n");
  }
  jouletap::Opened open_with(const std::vector<jouletap::Domain>& taken = {}) const {
    return jouletap::open_hwmon(check::host_of(tree), taken);
  }

  Tree tree;
};

/// Time must pass for power to become energy.
inline void let_time_pass(int milliseconds = 5) {
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

}  // namespace chips
