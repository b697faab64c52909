// Where KMS credentials come from: the configuration (the lab), or the instance metadata service,
// version 2, of EC2 (PUT a token, then read the role's temporary credentials with it). Kept until
// five minutes before they expire, as AWS's own clients do.
#pragma once

#include <vector>

#include "attest/base/clock.hpp"
#include "deploy/parent/config.hpp"
#include "peer/stream_io.hpp"

namespace concordat::parent {

enum class CredentialsErrc { unavailable = 1, bad_answer };
[[nodiscard]] base::CodeInfo describe(CredentialsErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(CredentialsErrc) {
  return "credentials";
}
[[nodiscard]] inline boost::system::error_code make_error_code(CredentialsErrc e) {
  return base::enum_code(e);
}

// The object that IMDS answers for a role. Expiration must be RFC 3339.
[[nodiscard]] base::Result<Credentials> parse_imds_credentials(std::string_view json);

class CredentialsSource {
 public:
  using Handler = std::function<void(const base::Result<Credentials>&)>;

  // `config` outlives the source.
  CredentialsSource(boost::asio::io_context& io, const CredentialsConfig& config);
  // `handler` is called once, possibly at once. Calls that come while one is under way share it.
  void get(Handler handler);

 private:
  void fetch_token();
  void fetch_role(const std::string& token);
  void fetch_credentials(const std::string& token, const std::string& role);
  void finish(const base::Result<Credentials>& result);
  [[nodiscard]] bool is_fresh() const;
  // GET `path` with `token`; `then` gets the body of a 200, anything else ends the fetch.
  void read(const std::string& path, const std::string& token,
            std::function<void(const std::string& body)> then);

  boost::asio::io_context& io_;
  const CredentialsConfig& config_;
  std::optional<Credentials> kept_;
  std::vector<Handler> waiting_;
};

}  // namespace concordat::parent
