// Requests of the kernel → calls of the tree → replies.
#include "fuse.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace host {

namespace {

constexpr size_t kBuffer = 128 * 1024;
constexpr uint32_t kMaxWrite = 4096;
constexpr uint32_t kMinor = 31;  // the protocol as written down here

uint32_t type_bits(Node::Type type) {
  switch (type) {
    case Node::Type::folder:
      return S_IFDIR;
    case Node::Type::link:
      return S_IFLNK;
    case Node::Type::msr:  // a character device in life; that needs a driver behind it
    default:
      return S_IFREG;
  }
}

template <typename T>
T as(const char* body) {
  T value;
  std::memcpy(&value, body, sizeof value);
  return value;
}

}  // namespace

int mount_fuse(const std::string& folder, std::string* failed) {
  const int descriptor = open("/dev/fuse", O_RDWR | O_CLOEXEC);
  if (descriptor < 0) {
    *failed = "open /dev/fuse";
    return -1;
  }
  // allow_other: other users get past EACCES. default_permissions: the kernel keeps the mode bits.
  const std::string options = "fd=" + std::to_string(descriptor) +
                              ",rootmode=40000,user_id=0,group_id=0,allow_other,"
                              "default_permissions";
  if (mount("jouletap-host", folder.c_str(), "fuse", MS_NOSUID | MS_NODEV, options.c_str()) != 0) {
    const int error = errno;
    close(descriptor);
    errno = error;
    *failed = "mount a FUSE file system";
    return -1;
  }
  return descriptor;
}

void Server::serve() {
  std::vector<char> buffer(kBuffer);
  for (;;) {
    const ssize_t size = read(descriptor_, buffer.data(), buffer.size());
    if (size < 0) {
      if (errno == EINTR || errno == ENOENT || errno == EAGAIN) continue;
      return;  // ENODEV: unmounted
    }
    if (static_cast<size_t>(size) < sizeof(fuse_in_header)) continue;
    const auto header = as<fuse_in_header>(buffer.data());
    if (header.opcode == FUSE_DESTROY) return;
    buffer[std::min(static_cast<size_t>(size), kBuffer - 1)] = '\0';
    answer(header, buffer.data() + sizeof header);
  }
}

void Server::reply(const fuse_in_header& header, int error, const void* data, size_t size) {
  if (error != 0) size = 0;
  fuse_out_header out{};
  out.len = static_cast<uint32_t>(sizeof out + size);
  out.error = error;
  out.unique = header.unique;
  iovec parts[2] = {{&out, sizeof out}, {const_cast<void*>(data), size}};
  // ENOENT: the request was interrupted. Nothing waits for the answer.
  if (writev(descriptor_, parts, size > 0 ? 2 : 1) < 0 && errno != ENOENT) return;
}

void Server::attributes(uint64_t id, fuse_attr* attr) {
  Tree::Attributes found;
  tree_.attributes(id, &found);
  attr->ino = id;
  attr->size = found.size;
  attr->mode = type_bits(found.type) | found.mode;
  attr->nlink = found.type == Node::Type::folder ? 2 : 1;
  attr->uid = found.uid;
  attr->gid = found.gid;
  attr->blksize = 4096;
}

void Server::list(const fuse_in_header& header, const char* body) {
  const auto in = as<fuse_read_in>(body);
  std::vector<Tree::Entry> entries;
  const int error = tree_.list(header.nodeid, &entries);
  std::string packed;
  for (size_t i = in.offset; i < entries.size(); ++i) {
    const Tree::Entry& entry = entries[i];
    fuse_dirent item{};
    item.ino = entry.id;
    item.off = i + 1;
    item.namelen = static_cast<uint32_t>(entry.name.size());
    item.type = type_bits(entry.type) >> 12;
    const size_t length = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + entry.name.size());
    if (packed.size() + length > in.size) break;
    std::string record(length, '\0');
    std::memcpy(record.data(), &item, FUSE_NAME_OFFSET);
    std::memcpy(record.data() + FUSE_NAME_OFFSET, entry.name.data(), entry.name.size());
    packed += record;
  }
  reply(header, error, packed.data(), packed.size());
}

void Server::change(const fuse_in_header& header, const char* body) {
  const auto in = as<fuse_setattr_in>(body);
  tree_.change(header.nodeid, in.valid & FATTR_MODE ? &in.mode : nullptr,
               in.valid & FATTR_UID ? &in.uid : nullptr, in.valid & FATTR_GID ? &in.gid : nullptr);
  fuse_attr_out out{};
  attributes(header.nodeid, &out.attr);
  reply(header, 0, &out, sizeof out);
}

void Server::answer(const fuse_in_header& header, const char* body) {
  switch (header.opcode) {
    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
      return;  // these want no reply
    case FUSE_INIT: {
      const auto in = as<fuse_init_in>(body);
      fuse_init_out out{};
      out.major = FUSE_KERNEL_VERSION;
      out.minor = std::min(in.minor, kMinor);
      out.max_background = 16;
      out.max_write = kMaxWrite;
      return reply(header, 0, &out, sizeof out);
    }
    case FUSE_LOOKUP: {
      fuse_entry_out out{};  // valid for no time at all: names come and go, modes change
      const int error = tree_.lookup(header.nodeid, body, &out.nodeid);
      if (error == 0) attributes(out.nodeid, &out.attr);
      return reply(header, error, &out, sizeof out);
    }
    case FUSE_GETATTR: {
      fuse_attr_out out{};
      attributes(header.nodeid, &out.attr);
      return reply(header, 0, &out, sizeof out);
    }
    case FUSE_SETATTR:
      return change(header, body);
    case FUSE_READLINK: {
      std::string target;
      const int error = tree_.link(header.nodeid, &target);
      return reply(header, error, target.data(), target.size());
    }
    case FUSE_OPENDIR: {
      const fuse_open_out out{};
      return reply(header, 0, &out, sizeof out);
    }
    case FUSE_READDIR:
      return list(header, body);
    case FUSE_OPEN: {
      fuse_open_out out{};
      out.open_flags = FOPEN_DIRECT_IO;  // every read comes here, with its own offset and size
      const int error = tree_.open(header.nodeid, &out.fh);
      return reply(header, error, &out, sizeof out);
    }
    case FUSE_READ: {
      const auto in = as<fuse_read_in>(body);
      std::string data;
      const int error = tree_.read(header.nodeid, in.fh, in.offset, in.size, &data);
      return reply(header, error, data.data(), data.size());
    }
    case FUSE_WRITE: {
      const auto in = as<fuse_write_in>(body);
      const int written = tree_.write(header.nodeid, std::string(body + sizeof in, in.size));
      fuse_write_out out{};
      out.size = written < 0 ? 0 : static_cast<uint32_t>(written);
      return reply(header, std::min(written, 0), &out, sizeof out);
    }
    case FUSE_RELEASE:
      tree_.close(as<fuse_release_in>(body).fh);
      return reply(header, 0, nullptr, 0);
    case FUSE_RELEASEDIR:
    case FUSE_FLUSH:
    case FUSE_ACCESS:
      return reply(header, 0, nullptr, 0);
    default:
      return reply(header, -ENOSYS, nullptr, 0);
  }
}

}  // namespace host
