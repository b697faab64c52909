#include "deploy/lab/cpio.hpp"

#include <set>

namespace concordat::lab {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;

constexpr std::string_view kMagic = "070701";
constexpr std::string_view kTrailer = "TRAILER!!!";
constexpr std::size_t kFields = 13;
constexpr std::size_t kDigits = 8;
constexpr std::size_t kHeader = kMagic.size() + kFields * kDigits;
constexpr std::size_t kMaxPath = 1024;

// Places of the fields that are read.
constexpr std::size_t kModeField = 1;
constexpr std::size_t kFileSizeField = 6;
constexpr std::size_t kNameSizeField = 11;

constexpr std::uint32_t kTypeMask = 0170000;
constexpr std::uint32_t kDirectory = 0040000;
constexpr std::uint32_t kRegular = 0100000;
constexpr std::uint32_t kExecutable = 0111;

constexpr std::size_t padding(std::size_t size) {
  return (4 - size % 4) % 4;
}

void append_hex(Bytes& out, std::uint32_t value) {
  const std::uint8_t big_endian[] = {
      static_cast<std::uint8_t>(value >> 24), static_cast<std::uint8_t>(value >> 16),
      static_cast<std::uint8_t>(value >> 8), static_cast<std::uint8_t>(value)};
  base::append(out, base::as_bytes(base::to_hex(big_endian)));
}

class Archive {
 public:
  void add(std::string_view name, std::uint32_t mode, BytesView content) {
    const std::uint32_t links = (mode & kTypeMask) == kDirectory ? 2 : 1;
    base::append(out_, base::as_bytes(kMagic));
    const std::uint32_t fields[kFields] = {next_inode_++,
                                           mode,
                                           0,
                                           0,
                                           links,
                                           0,
                                           static_cast<std::uint32_t>(content.size()),
                                           0,
                                           0,
                                           0,
                                           0,
                                           static_cast<std::uint32_t>(name.size() + 1),
                                           0};
    // newc's order is ino, mode, uid, gid, nlink, mtime, size, four device numbers, name size, sum.
    for (const std::uint32_t field : fields)
      append_hex(out_, field);
    base::append(out_, base::as_bytes(name));
    out_.push_back(0);
    pad();
    base::append(out_, content);
    pad();
  }
  Bytes take() && { return std::move(out_); }

 private:
  void pad() { out_.resize(out_.size() + padding(out_.size())); }

  Bytes out_;
  std::uint32_t next_inode_ = 1;
};

// "a/b/c" -> "a", "a/b".
template <class Visit>
void for_each_parent(std::string_view path, Visit visit) {
  for (auto at = path.find('/'); at != std::string_view::npos; at = path.find('/', at + 1)) {
    visit(path.substr(0, at));
  }
}

struct Entry {
  std::uint32_t mode = 0;
  std::string_view name;
  BytesView content;
};

class Cursor {
 public:
  explicit Cursor(BytesView archive) : archive_(archive) {}

  Result<Entry> next() {
    CONCORDAT_TRY(const BytesView header, take(kHeader));
    if (!base::equal(header.first(kMagic.size()), base::as_bytes(kMagic))) {
      return fail(CpioErrc::bad_magic);
    }
    Entry entry;
    CONCORDAT_TRY(entry.mode, field(header, kModeField));
    CONCORDAT_TRY(const std::uint32_t size, field(header, kFileSizeField));
    CONCORDAT_TRY(const std::uint32_t name_size, field(header, kNameSizeField));
    CONCORDAT_TRY(const BytesView name, take(name_size));
    if (name.empty() || name.back() != 0) return fail(CpioErrc::bad_path);
    entry.name = base::as_text(name.first(name.size() - 1));
    CONCORDAT_CHECK(skip_padding());
    CONCORDAT_TRY(entry.content, take(size));
    CONCORDAT_CHECK(skip_padding());
    return entry;
  }

  // Boot loaders pad archives with zero bytes.
  base::Status finish() const {
    for (const std::uint8_t byte : archive_.subspan(offset_)) {
      if (byte != 0) return fail(CpioErrc::trailing_bytes);
    }
    return {};
  }

  Error fail(CpioErrc code) const {
    return Error(code, "at byte " + std::to_string(offset_) + " of the archive");
  }

 private:
  Result<BytesView> take(std::size_t size) {
    if (size > archive_.size() - offset_) return fail(CpioErrc::truncated);
    const BytesView out = archive_.subspan(offset_, size);
    offset_ += size;
    return out;
  }
  base::Status skip_padding() {
    CONCORDAT_CHECK(take(padding(offset_)));
    return {};
  }
  Result<std::uint32_t> field(BytesView header, std::size_t index) const {
    const auto digits = header.subspan(kMagic.size() + index * kDigits, kDigits);
    const auto bytes = base::from_hex(base::as_text(digits));
    if (!bytes) return fail(CpioErrc::bad_number);
    std::uint32_t value = 0;
    for (const std::uint8_t byte : *bytes)
      value = value << 8 | byte;
    return value;
  }

  BytesView archive_;
  std::size_t offset_ = 0;
};

// What was seen so far; takes a further entry only where it fits.
class TreeBuilder {
 public:
  base::Status add(const Entry& entry, const Cursor& cursor) {
    if (entry.name == ".") return {};  // the root itself, as some tools write it
    if (!is_archive_path(entry.name)) return cursor.fail(CpioErrc::bad_path);
    const std::string path(entry.name);
    if (files_.contains(path)) return cursor.fail(CpioErrc::duplicate_path);
    bool below_a_file = false;
    for_each_parent(path, [&](std::string_view parent) {
      below_a_file = below_a_file || files_.contains(std::string(parent));
    });
    if (below_a_file) return cursor.fail(CpioErrc::bad_path);
    const std::uint32_t type = entry.mode & kTypeMask;
    if (type == kDirectory) {
      note_directories(path + "/");
      return {};
    }
    if (type != kRegular) return cursor.fail(CpioErrc::unsupported_type);
    if (directories_.contains(path)) return cursor.fail(CpioErrc::duplicate_path);
    note_directories(path);
    files_[path] = {(entry.mode & kExecutable) != 0, base::to_bytes(entry.content)};
    return {};
  }
  FileTree take() && { return std::move(files_); }

 private:
  void note_directories(std::string_view path) {
    for_each_parent(path, [&](std::string_view parent) { directories_.emplace(parent); });
  }

  FileTree files_;
  std::set<std::string> directories_;
};

}  // namespace

base::CodeInfo describe(CpioErrc code) noexcept {
  switch (code) {
    case CpioErrc::bad_magic:
      return {"bad_magic", "not a newc archive"};
    case CpioErrc::bad_number:
      return {"bad_number", "a header field is not hexadecimal"};
    case CpioErrc::truncated:
      return {"truncated", "the archive ends too early"};
    case CpioErrc::bad_path:
      return {"bad_path", "a path that has no place below the root"};
    case CpioErrc::unsupported_type:
      return {"unsupported_type", "neither a regular file nor a directory"};
    case CpioErrc::duplicate_path:
      return {"duplicate_path", "a path comes twice"};
    case CpioErrc::trailing_bytes:
      return {"trailing_bytes", "bytes after the trailer"};
  }
  return {"unknown", "unknown archive error"};
}

bool is_archive_path(std::string_view path) noexcept {
  if (path.empty() || path.size() > kMaxPath || path.find('\0') != std::string_view::npos) {
    return false;
  }
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    const std::string_view component = path.substr(start, end - start);
    if (component.empty() || component == "." || component == "..") return false;
    start = end + 1;
  }
  return true;
}

base::Bytes write_cpio(const FileTree& files) {
  Archive archive;
  std::set<std::string, std::less<>> directories;
  for (const auto& [path, file] : files) {
    for_each_parent(path, [&](std::string_view parent) {
      if (directories.emplace(parent).second) archive.add(parent, kDirectory | 0755, {});
    });
    archive.add(path, kRegular | (file.executable ? 0755u : 0644u), file.content);
  }
  archive.add(kTrailer, 0, {});
  return std::move(archive).take();
}

base::Result<FileTree> read_cpio(base::BytesView bytes) {
  Cursor cursor(bytes);
  TreeBuilder tree;
  for (;;) {
    CONCORDAT_TRY(const Entry entry, cursor.next());
    if (entry.name == kTrailer) break;
    CONCORDAT_CHECK(tree.add(entry, cursor));
  }
  CONCORDAT_CHECK(cursor.finish());
  return std::move(tree).take();
}

}  // namespace concordat::lab
