#include "files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <locale>
#include <sstream>
#include <system_error>
#include <utility>

namespace jouletap {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool natural_less(const std::string& a, const std::string& b) {
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() && j < b.size()) {
    if (is_digit(a[i]) && is_digit(b[j])) {
      size_t end_i = i;
      size_t end_j = j;
      while (end_i < a.size() && is_digit(a[end_i])) ++end_i;
      while (end_j < b.size() && is_digit(b[end_j])) ++end_j;
      if (end_i - i != end_j - j) return end_i - i < end_j - j;
      const int order = a.compare(i, end_i - i, b, j, end_j - j);
      if (order != 0) return order < 0;
      i = end_i;
      j = end_j;
    } else {
      if (a[i] != b[j]) return a[i] < b[j];
      ++i;
      ++j;
    }
  }
  return a.size() - i < b.size() - j;
}

}  // namespace

std::optional<std::string> read_text(const std::filesystem::path& path) {
  const File file = open_file(path);
  if (!file) return std::nullopt;
  std::string text;
  char buffer[4096];
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    text.append(buffer, static_cast<size_t>(got));
  }
  const size_t end = text.find_last_not_of(" \t\r\n");
  text.resize(end == std::string::npos ? 0 : end + 1);
  return text;
}

std::optional<int64_t> parse_integer(const std::string& text) {
  const bool hexadecimal = text.rfind("0x", 0) == 0 || text.rfind("0X", 0) == 0;
  const char* first = text.data() + (hexadecimal ? 2 : 0);
  const char* last = text.data() + text.size();
  int64_t value = 0;
  const auto [end, error] = std::from_chars(first, last, value, hexadecimal ? 16 : 10);
  if (error != std::errc{} || end != last || first == last) return std::nullopt;
  return value;
}

std::optional<double> parse_double(const std::string& text) {
  std::istringstream stream(text);
  stream.imbue(std::locale::classic());
  double value = 0;
  stream >> value;
  if (text.empty() || stream.fail() || !stream.eof()) return std::nullopt;
  return value;
}

std::vector<int> parse_cpu_list(const std::string& text) {
  std::vector<int> cpus;
  std::istringstream stream(text);
  std::string part;
  while (std::getline(stream, part, ',')) {
    const size_t dash = part.find('-', 1);
    const auto first = parse_integer(part.substr(0, dash));
    const auto last = dash == std::string::npos ? first : parse_integer(part.substr(dash + 1));
    if (!first || !last || *first < 0 || *last < *first || *last > 1'000'000) return {};
    for (int64_t cpu = *first; cpu <= *last; ++cpu) cpus.push_back(static_cast<int>(cpu));
  }
  return cpus;
}

std::vector<std::string> list_folder(const std::filesystem::path& path) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator it(path, error), end; !error && it != end;
       it.increment(error)) {
    names.push_back(it->path().filename().string());
  }
  std::sort(names.begin(), names.end(), natural_less);
  return names;
}

std::string below(const std::filesystem::path& root, const std::filesystem::path& path) {
  return (std::filesystem::path("/") / path.lexically_relative(root)).string();
}

File::File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

File open_file(const std::filesystem::path& path) {
  return File(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

bool read_number(int descriptor, uint64_t* value) noexcept {
  char text[32];
  ssize_t got = -1;
  for (int attempt = 0; attempt < 4; ++attempt) {
    got = ::pread(descriptor, text, sizeof text, 0);
    if (got >= 0 || (errno != EAGAIN && errno != EINTR)) break;
  }
  if (got < 0) return false;
  const char* last = text + got;
  while (last > text && (last[-1] == '\n' || last[-1] == ' ')) --last;
  if (last == text) {
    errno = ENODATA;
    return false;
  }
  const auto [end, error] = std::from_chars(text, last, *value);
  if (error != std::errc{} || end != last) {
    errno = EINVAL;
    return false;
  }
  return true;
}

bool is_suspended(const File& status) noexcept {
  constexpr char kState[] = "suspend";  // "suspended", "suspending"
  char text[sizeof kState - 1];
  return status && ::pread(status.get(), text, sizeof text, 0) == sizeof text &&
         std::memcmp(text, kState, sizeof text) == 0;
}

}  // namespace jouletap
