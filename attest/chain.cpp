#include "attest/chain.hpp"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "attest/base/hash.hpp"

namespace concordat::attest {
namespace {

using base::Error;
using base::Result;
using base::Status;
using base::UnixMillis;

std::string place(std::size_t index) {
  return "cabundle[" + std::to_string(index) + "]";
}

// What OpenSSL's path validation is asked to do with signatures. Chains run leaf first here.
struct PathJob {
  std::span<X509* const> expected;
  bool only_leaf_signature;
  Errc failure = Errc::chain_invalid;
  std::size_t failed_at = 0;  // index into `expected`
};

int give_up(X509_STORE_CTX* context, PathJob& job, Errc failure, std::size_t at) {
  job.failure = failure;
  job.failed_at = at;
  X509_STORE_CTX_set_error(context, X509_V_ERR_APPLICATION_VERIFICATION);
  return 0;
}

// Stands in for OpenSSL's loop over signatures and times at the end of X509_verify_cert, after path
// building and extensions: the path must be the document's own, and signatures of CAs that the
// cache knows are not computed again. Times were compared before, to the millisecond.
int verify_signatures(X509_STORE_CTX* context) {
  auto& job = *static_cast<PathJob*>(X509_STORE_CTX_get_app_data(context));
  const STACK_OF(X509)* built = X509_STORE_CTX_get0_chain(context);
  if (sk_X509_num(built) != static_cast<int>(job.expected.size())) {
    return give_up(context, job, Errc::chain_broken, 0);
  }
  for (std::size_t i = 0; i < job.expected.size(); ++i) {
    if (sk_X509_value(built, static_cast<int>(i)) != job.expected[i]) {
      return give_up(context, job, Errc::chain_broken, i);
    }
  }
  // From the root's side, so that no key is used before its certificate is proven. The root is
  // pinned by its bytes; its signature over itself would prove nothing.
  const std::size_t first = job.only_leaf_signature ? 0 : job.expected.size() - 2;
  for (std::size_t i = first + 1; i-- > 0;) {
    if (X509_verify(job.expected[i], X509_get0_pubkey(job.expected[i + 1])) != 1) {
      return give_up(context, job, Errc::certificate_signature_invalid, i);
    }
  }
  return 1;
}

// Borrowed certificates, freed as a container only.
struct ShallowStackDeleter {
  void operator()(STACK_OF(X509) * stack) const noexcept { sk_X509_free(stack); }
};
using ShallowStack = std::unique_ptr<STACK_OF(X509), ShallowStackDeleter>;

std::string place_in_path(std::size_t leaf_first_index, std::size_t path_size) {
  return leaf_first_index == 0 ? "certificate" : place(path_size - 1 - leaf_first_index);
}

Error path_error(X509_STORE_CTX* context, const PathJob& job) {
  const int error = X509_STORE_CTX_get_error(context);
  const std::size_t size = job.expected.size();
  ERR_clear_error();
  if (error == X509_V_ERR_APPLICATION_VERIFICATION) {
    return Error(job.failure, place_in_path(job.failed_at, size));
  }
  const int depth = X509_STORE_CTX_get_error_depth(context);
  const auto at = std::min(static_cast<std::size_t>(std::max(depth, 0)), size - 1);
  const Errc code =
      error == X509_V_ERR_PATH_LENGTH_EXCEEDED ? Errc::path_length_exceeded : Errc::chain_invalid;
  return Error(code, place_in_path(at, size) + ": " + X509_verify_cert_error_string(error));
}

// `path` leaf first, root last.
Status validate_path(std::span<X509* const> path, bool authorities_known) {
  PathJob job{path, authorities_known};
  const base::X509StorePtr store(X509_STORE_new());
  const base::X509StoreContextPtr context(X509_STORE_CTX_new());
  const ShallowStack intermediates(sk_X509_new_null());
  if (!store || !context || !intermediates) return base::openssl_error("validating a chain");
  X509_STORE_set_verify(store.get(), verify_signatures);
  bool ready = X509_STORE_add_cert(store.get(), path.back()) == 1;
  for (X509* certificate : path.subspan(1, path.size() - 2)) {
    ready = ready && sk_X509_push(intermediates.get(), certificate) > 0;
  }
  ready = ready &&
          X509_STORE_CTX_init(context.get(), store.get(), path.front(), intermediates.get()) == 1;
  if (!ready) return base::openssl_error("validating a chain");
  X509_STORE_CTX_set_app_data(context.get(), &job);
  if (X509_verify_cert(context.get()) != 1) return path_error(context.get(), job);
  return {};
}

base::Sha256Digest path_key(std::string_view domain, base::BytesView leaf,
                            const std::vector<base::Bytes>& cabundle) {
  base::Sha256 hash;
  const auto add = [&hash](base::BytesView part) {
    // Lengths first, so that no two paths hash alike by moving a boundary.
    const std::array<std::uint8_t, 2> size{static_cast<std::uint8_t>(part.size() >> 8),
                                           static_cast<std::uint8_t>(part.size())};
    hash.update(size).update(part);
  };
  add(base::as_bytes(domain));
  add(leaf);
  for (const base::Bytes& certificate : cabundle)
    add(certificate);
  return hash.finish();
}

}  // namespace

class ChainVerifier {
 public:
  ChainVerifier(const DocumentFields& fields, TrustedRoot root, UnixMillis at, ChainCache* cache)
      : fields_(fields), root_(std::move(root)), at_(at), cache_(cache) {}

  Result<std::shared_ptr<const VerifiedLeaf>> verify() {
    base::Sha256Digest leaf_key;
    base::Sha256Digest authorities_key;
    std::shared_ptr<const VerifiedAuthorities> authorities;
    if (cache_) {
      leaf_key = path_key("leaf", fields_.certificate, fields_.cabundle);
      if (auto known = cache_->find_leaf(leaf_key, at_)) return known;
      authorities_key = path_key("authorities", {}, fields_.cabundle);
      authorities = cache_->find_authorities(authorities_key, at_);
    }
    const bool known = authorities != nullptr;
    if (!known) {
      CONCORDAT_TRY(authorities, parse_authorities());
    }
    CONCORDAT_TRY(auto leaf, verify_leaf(*authorities, known));
    // Kept only now: path lengths and names hold for a whole path that ends in a leaf.
    if (cache_ && !known) cache_->insert(authorities_key, authorities);
    if (cache_) cache_->insert(leaf_key, leaf);
    return leaf;
  }

 private:
  // Parsed and linked by name, signatures not yet verified.
  Result<std::shared_ptr<const VerifiedAuthorities>> parse_authorities() {
    VerifiedAuthorities path;
    CONCORDAT_CHECK(append(path, std::move(root_.certificate)));
    for (std::size_t i = 1; i < fields_.cabundle.size(); ++i) {
      CONCORDAT_TRY(Certificate certificate, parse_certificate(fields_.cabundle[i], place(i)));
      CONCORDAT_CHECK(append(path, std::move(certificate)));
    }
    return std::make_shared<const VerifiedAuthorities>(std::move(path));
  }

  Status append(VerifiedAuthorities& path, Certificate certificate) const {
    const std::size_t index = path.certificates.size();
    CONCORDAT_CHECK(require_authority(certificate.x509.get(), place(index)));
    if (index > 0) {
      CONCORDAT_CHECK(require_issued(*path.certificates.back(), *certificate.x509, place(index)));
    }
    CONCORDAT_CHECK(require_valid(certificate.validity, at_, place(index)));
    path.validity =
        index == 0 ? certificate.validity : path.validity.intersected(certificate.validity);
    path.certificates.push_back(std::move(certificate.x509));
    return {};
  }

  Result<std::shared_ptr<const VerifiedLeaf>> verify_leaf(const VerifiedAuthorities& authorities,
                                                          bool authorities_known) const {
    constexpr std::string_view kWhere = "certificate";
    CONCORDAT_TRY(const Certificate leaf, parse_certificate(fields_.certificate, kWhere));
    CONCORDAT_CHECK(require_leaf(leaf.x509.get(), kWhere));
    CONCORDAT_CHECK(require_issued(*authorities.certificates.back(), *leaf.x509, kWhere));
    CONCORDAT_CHECK(require_valid(leaf.validity, at_, kWhere));
    std::vector<X509*> path{leaf.x509.get()};
    for (auto it = authorities.certificates.rbegin(); it != authorities.certificates.rend(); ++it) {
      path.push_back(it->get());
    }
    CONCORDAT_CHECK(validate_path(path, authorities_known));
    return std::make_shared<const VerifiedLeaf>(
        VerifiedLeaf{base::PkeyPtr(X509_get_pubkey(leaf.x509.get())), leaf.validity,
                     leaf.validity.intersected(authorities.validity)});
  }

  // Names and key identifiers; the signature comes later.
  static Status require_issued(X509& issuer, X509& subject, std::string_view where) {
    const int issued = X509_check_issued(&issuer, &subject);
    if (issued == X509_V_OK) return {};
    return Error(Errc::chain_broken,
                 std::string(where) + ": " + X509_verify_cert_error_string(issued));
  }

  const DocumentFields& fields_;
  TrustedRoot root_;
  UnixMillis at_;
  ChainCache* cache_;
};

Result<VerifiedChain> verify_chain(const DocumentFields& fields, const TrustAnchors& anchors,
                                   UnixMillis at, ChainCache* cache) {
  // Before the cache, so that a path proven under one set of anchors serves no other.
  CONCORDAT_TRY(TrustedRoot root, anchors.open(fields.cabundle.front()));
  const RootKind kind = root.kind;
  CONCORDAT_TRY(auto leaf, ChainVerifier(fields, std::move(root), at, cache).verify());
  return VerifiedChain{std::move(leaf), kind};
}

}  // namespace concordat::attest
