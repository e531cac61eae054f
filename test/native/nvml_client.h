// One generation of the stub, loaded as a program would load it.
#pragma once

#include <dlfcn.h>

#include <stdexcept>
#include <string>

#include "../nvml/stub.h"

namespace nvml_stub {

class Client {
 public:
  explicit Client(const char* path) : library_(dlopen(path, RTLD_NOW | RTLD_LOCAL)) {
    if (library_ == nullptr) throw std::runtime_error(dlerror());
  }
  ~Client() { dlclose(library_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool has(const char* name) const { return dlsym(library_, name) != nullptr; }

  /// Calls by name: the types of the arguments are as the caller gives them.
  template <typename... Arguments>
  int operator()(const char* name, Arguments... arguments) const {
    auto* function = reinterpret_cast<int (*)(Arguments...)>(dlsym(library_, name));
    if (function == nullptr) throw std::runtime_error(std::string("no ") + name);
    return function(arguments...);
  }

  const char* words_for(int code) const {
    auto* function = reinterpret_cast<const char* (*)(int)>(dlsym(library_, "nvmlErrorString"));
    return function != nullptr ? function(code) : "";
  }

  Device device(uint32_t index = 0) const {
    Device found = nullptr;
    if ((*this)("nvmlDeviceGetHandleByIndex_v2", index, &found) != kSuccess) {
      throw std::runtime_error("no device " + std::to_string(index));
    }
    return found;
  }
  uint64_t energy_mj(Device device) const {
    unsigned long long mj = 0;
    if ((*this)("nvmlDeviceGetTotalEnergyConsumption", device, &mj) != kSuccess) {
      throw std::runtime_error("no energy");
    }
    return mj;
  }
  FieldValue field(Device device, uint32_t id, uint32_t scope = 0) const {
    FieldValue value{};
    value.id = id;
    value.scope = scope;
    value.code = kUnknown;
    (*this)("nvmlDeviceGetFieldValues", device, 1, &value);
    return value;
  }

 private:
  void* library_;
};

/// A client between nvmlInit and nvmlShutdown.
class Session : public Client {
 public:
  explicit Session(const char* path) : Client(path) {
    if (const int code = (*this)("nvmlInit_v2")) {
      throw std::runtime_error("nvmlInit gives " + std::to_string(code));
    }
  }
  ~Session() { (*this)("nvmlShutdown"); }
};

}  // namespace nvml_stub
