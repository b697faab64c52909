#include "keyservice/audit_records.hpp"

#include <algorithm>

#include "keyservice/audit/error_copy.hpp"
#include "keyservice/audit/limits.hpp"
#include "keyservice/audit/tile.hpp"
#include "keyservice/parent_store.hpp"

namespace concordat::keyservice {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;

namespace {

constexpr std::string_view kWriter = "writer";
// Behind every name that begins with the prefix of a folder of files: those go on with a digit.
constexpr char kBehindDigits = 'z';

audit::Errc code_of(const Error& error) {
  if (error.is(ParentStoreErrc::predecessor_missing)) return audit::Errc::superseded;
  if (error.is(ParentStoreErrc::full)) return audit::Errc::store_full;
  return audit::Errc::unreachable;
}

Error of_audit(const Error& error) {
  return Error(code_of(error), error.to_string());
}

Status read_write(const Result<HttpReply>& reply) {
  return reply ? read_store_write(*reply) : Status(reply.error());
}

Result<std::optional<Bytes>> read_get(const Result<HttpReply>& reply) {
  if (!reply) return reply.error();
  return read_store_get(*reply);
}

}  // namespace

std::string audit_record_prefix(std::string_view custodian) {
  return "audit." + std::string(custodian) + ".";
}

std::string audit_record_name(std::string_view custodian, std::string_view file, std::size_t part) {
  std::string out = audit_record_prefix(custodian);
  for (const char c : file)
    out += c == '/' ? '_' : c;
  if (part != 0) out += "-" + std::to_string(part);
  return out;
}

std::optional<std::string> audit_file_in(std::string_view custodian, std::string_view record) {
  const std::string prefix = audit_record_prefix(custodian);
  if (!record.starts_with(prefix)) return std::nullopt;
  std::string file(record.substr(prefix.size()));
  if (file == kWriter || file.find('-') != std::string::npos) return std::nullopt;
  std::ranges::replace(file, '_', '/');
  return file;
}

// What one call takes of a write.
struct AuditRecords::Writing {
  std::vector<StoreBatch> batches;  // the last one ends with the last file
  std::size_t next = 0, under_way = 0;
  Status outcome;
  Done done;
};

struct AuditRecords::Reading {
  std::string file;
  Bytes content;
  std::size_t parts = 0;
  OnContent done;
};

std::string AuditRecords::checkpoint_name() const {
  return audit_record_name(custodian_, audit::kCheckpointName);
}

template <class Body, class Wanting>
void AuditRecords::exchange(HttpRequest request, Body body, Wanting wanting) {
  exchange_(std::move(request), lifetime_.guard(std::move(body), std::move(wanting)));
}

void AuditRecords::claim(const audit::BootId& writer, Done done) {
  writer_version_.clear();
  checkpoint_version_.reset();
  look_at_writer(base::to_bytes(writer.view()), std::move(done), kMaxTries);
}

void AuditRecords::look_at_writer(Bytes writer, Done done, unsigned tries) {
  const std::string name = audit_record_name(custodian_, kWriter);
  const auto wanting = [done] { done(Error(audit::Errc::unreachable)); };
  exchange(
      store_get(name),
      [this, name, writer = std::move(writer), done, tries,
       wanting](const Result<HttpReply>& reply) {
        const auto there = read_get(reply);
        if (!there) return done(of_audit(there.error()));
        std::optional<std::string> expected;
        if (*there) expected = store_version(**there);
        exchange(
            store_put(name, writer, expected),
            [this, writer, done, tries](const Result<HttpReply>& put) {
              const Status claimed = read_write(put);
              if (!claimed && claimed.error().is(ParentStoreErrc::conflict) && tries > 1) {
                return look_at_writer(writer, done, tries - 1);
              }
              if (!claimed) return done(of_audit(claimed.error()));
              writer_version_ = store_version(writer);
              done({});
            },
            wanting);
      },
      wanting);
}

void AuditRecords::write(audit::FilesPtr files, Done done) {
  const auto writing = std::make_shared<Writing>();
  std::size_t room = 0;
  const auto add = [&](std::string name, BytesView content) {
    auto& batches = writing->batches;
    if (batches.empty() || content.size() > room ||
        batches.back().puts.size() == kMaxStoreBatchPuts) {
      batches.push_back(
          {StoreBatch::Behind{audit_record_name(custodian_, kWriter), writer_version_}, {}});
      room = kMaxStoreBatchContent;
    }
    room -= content.size();
    batches.back().puts.push_back({std::move(name), std::nullopt, base::to_bytes(content)});
  };
  for (const audit::File& file : *files) {
    const BytesView content = file.content;
    // A record that is full is followed by another one, which may be empty.
    for (std::size_t part = 0; part * kMaxStoreEntry <= content.size(); ++part) {
      const std::size_t from = part * kMaxStoreEntry;
      add(audit_record_name(custodian_, file.name, part),
          content.subspan(from, std::min(kMaxStoreEntry, content.size() - from)));
    }
  }
  StoreBatch::Put& last = writing->batches.back().puts.back();
  if (last.name == checkpoint_name()) last.expected = checkpoint_version_;
  writing->done = std::move(done);
  next_batches(writing);
}

// All but the last at once, within bounds; then the last.
void AuditRecords::next_batches(const WritingPtr& writing) {
  const std::size_t last = writing->batches.size() - 1;
  while (writing->outcome && writing->next <= last && writing->under_way < kAtOnce &&
         (writing->next < last || writing->under_way == 0)) {
    const std::size_t batch = writing->next++;
    ++writing->under_way;
    try {
      put(writing, batch, kMaxTries);
    } catch (const std::bad_alloc&) {
      --writing->under_way;
      writing->outcome = Error(audit::Errc::unreachable);
    }
  }
  const bool is_over = writing->under_way == 0 && (!writing->outcome || writing->next > last);
  if (is_over && writing->done) std::exchange(writing->done, {})(std::move(writing->outcome));
}

void AuditRecords::put(const WritingPtr& writing, std::size_t batch, unsigned tries) {
  exchange(
      store_put_together(writing->batches[batch]),
      [this, writing, batch, tries](const Result<HttpReply>& reply) {
        const Status written = read_write(reply);
        const bool is_other = !written && written.error().is(ParentStoreErrc::conflict);
        if (is_other && tries > 1) return look_at(writing, batch, 0, tries - 1);
        on_put(writing, batch, written);
      },
      [this, writing, batch] { on_put(writing, batch, Error(ParentStoreErrc::unavailable)); });
}

// What is there of a batch, one after the other, so that it is replaced. An earlier batch left it,
// whose boot ended before its checkpoint was written. A checkpoint that is not the last one of this
// boot is another writer's.
void AuditRecords::look_at(const WritingPtr& writing, std::size_t batch, std::size_t record,
                           unsigned tries) {
  std::vector<StoreBatch::Put>& puts = writing->batches[batch].puts;
  if (record == puts.size()) return put(writing, batch, tries);
  exchange(
      store_get(puts[record].name),
      [this, writing, batch, record, tries](const Result<HttpReply>& reply) {
        const auto there = read_get(reply);
        if (!there) return on_put(writing, batch, there.error());
        StoreBatch::Put& what = writing->batches[batch].puts[record];
        std::optional<std::string> version;
        if (*there) version = store_version(**there);
        const bool is_written = *there && **there == what.content;
        if (what.name == checkpoint_name() && version != what.expected && !is_written) {
          return on_put(writing, batch, Error(ParentStoreErrc::conflict, what.name));
        }
        what.expected = std::move(version);
        look_at(writing, batch, record + 1, tries);
      },
      [this, writing, batch] { on_put(writing, batch, Error(ParentStoreErrc::unavailable)); });
}

void AuditRecords::on_put(const WritingPtr& writing, std::size_t batch, const Status& outcome) {
  --writing->under_way;
  const StoreBatch::Put& last = writing->batches[batch].puts.back();
  const bool has_checkpoint = last.name == checkpoint_name();
  if (outcome && has_checkpoint) checkpoint_version_ = store_version(last.content);
  if (!outcome && writing->outcome) {
    const bool is_other = has_checkpoint && outcome.error().is(ParentStoreErrc::conflict);
    writing->outcome = audit::with_code(
        make_error_code(is_other ? audit::Errc::superseded : code_of(outcome.error())),
        outcome.error());
  }
  next_batches(writing);
}

void AuditRecords::remove(const std::string& prefix, Done done) {
  const std::string mapped = audit_record_name(custodian_, prefix);
  exchange(
      store_remove_range(mapped, mapped + kBehindDigits),
      [done](const Result<HttpReply>& reply) {
        const Status removed = read_write(reply);
        done(removed ? Status() : Status(of_audit(removed.error())));
      },
      [done] { done(Error(audit::Errc::unreachable)); });
}

void AuditRecords::read(const std::string& name, OnContent done) {
  const auto reading = std::make_shared<Reading>();
  reading->file = name;
  reading->done = std::move(done);
  read_part(reading);
}

void AuditRecords::read_part(const ReadingPtr& reading) {
  exchange(
      store_get(audit_record_name(custodian_, reading->file, reading->parts)),
      [this, reading](const Result<HttpReply>& reply) {
        auto part = read_get(reply);
        if (!part) return reading->done(of_audit(part.error()));
        if (!*part && reading->parts == 0) return reading->done(std::optional<Bytes>());
        if (!*part) return reading->done(Error(audit::Errc::file_missing, reading->file));
        if (reading->file == audit::kCheckpointName) checkpoint_version_ = store_version(**part);
        reading->content.insert(reading->content.end(), (*part)->begin(), (*part)->end());
        ++reading->parts;
        const bool is_full = (*part)->size() >= kMaxStoreEntry;
        if (is_full && reading->content.size() <= audit::kMaxEvidence) return read_part(reading);
        reading->done(std::optional(std::move(reading->content)));
      },
      [reading] { reading->done(Error(audit::Errc::unreachable)); });
}

}  // namespace concordat::keyservice
