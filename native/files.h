// Small files of sysfs and procfs.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace jouletap {

/// The file's text without trailing white space; nothing if it cannot be read.
std::optional<std::string> read_text(const std::filesystem::path& path);

/// A decimal or 0x integer that fills the whole text.
std::optional<int64_t> parse_integer(const std::string& text);

/// A decimal number that fills the whole text, whatever the locale.
std::optional<double> parse_double(const std::string& text);

/// Lists such as "0,4-7"; empty if the text is not one.
std::vector<int> parse_cpu_list(const std::string& text);

/// Names in a folder, in natural order ("b2" before "b10"); empty if it cannot be listed.
std::vector<std::string> list_folder(const std::filesystem::path& path);

/// A path for people: as it would be called on the machine below root, with a leading slash.
std::string below(const std::filesystem::path& root, const std::filesystem::path& path);

/// A descriptor that closes itself.
class File {
 public:
  File() = default;
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();
  int get() const { return descriptor_; }
  /// From then on it is the caller's to close.
  int release() { return std::exchange(descriptor_, -1); }
  explicit operator bool() const { return descriptor_ >= 0; }

 private:
  int descriptor_ = -1;
};

/// Opens for reading with O_CLOEXEC; errno tells why it failed.
File open_file(const std::filesystem::path& path);

/// Reads an unsigned decimal integer at offset 0 of an open sysfs file by one pread (a few more
/// after EAGAIN or EINTR). Does not allocate. False, and errno, if there is none: EINVAL for
/// garbage, ENODATA for an empty file.
bool read_number(int descriptor, uint64_t* value) noexcept;

/// Whether an open power/runtime_status file says that its device sleeps, or is about to. To ask
/// the device itself would wake it. False where there is no such file.
bool is_suspended(const File& status) noexcept;

}  // namespace jouletap
