// The kernel's side of the files: the raw /dev/fuse protocol, without libfuse.
#pragma once

#include <string>
#include <vector>

#include "tree.h"

struct fuse_attr;
struct fuse_in_header;

namespace host {

/// Opens /dev/fuse and mounts it on `folder`; the descriptor, or −1 with errno and what failed.
int mount_fuse(const std::string& folder, std::string* failed);

/// Answers requests. Several threads may serve one descriptor: a slow read holds up only itself.
class Server {
 public:
  Server(Tree& tree, int descriptor) : tree_(tree), descriptor_(descriptor) {}
  /// Returns when the folder is no longer mounted.
  void serve();

 private:
  void answer(const fuse_in_header& header, const char* body);
  void reply(const fuse_in_header& header, int error, const void* data, size_t size);
  void attributes(uint64_t id, fuse_attr* attr);
  void list(const fuse_in_header& header, const char* body);
  void change(const fuse_in_header& header, const char* body);

  Tree& tree_;
  int descriptor_;
};

}  // namespace host
