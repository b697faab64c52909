#include "tests/token/soft_token.hpp"

#include <sodium.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <vector>

#include "deploy/token/session.hpp"

namespace concordat::test {
namespace {

using base::Bytes;

CK_BBOOL kTrue = CK_TRUE;

void require(CK_RV code, const char* what) {
  if (code != CKR_OK) throw std::runtime_error(std::string(what) + ": " + std::to_string(code));
}

// A template that keeps what its entries point to.
class Template {
 public:
  void number(CK_ATTRIBUTE_TYPE type, CK_ULONG value) {
    bytes(type, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
  }
  void yes(CK_ATTRIBUTE_TYPE type) { bytes(type, {&kTrue, sizeof kTrue}); }
  void bytes(CK_ATTRIBUTE_TYPE type, base::BytesView value) {
    if (value.empty()) return;
    values_.push_back(base::to_bytes(value));
    attributes_.push_back({type, values_.back().data(), values_.back().size()});
  }
  [[nodiscard]] CK_ATTRIBUTE* data() { return attributes_.data(); }
  [[nodiscard]] CK_ULONG size() const { return attributes_.size(); }

 private:
  std::vector<Bytes> values_;  // moving a vector of vectors keeps the inner buffers where they are
  std::vector<CK_ATTRIBUTE> attributes_;
};

// Writing to a token: logged in, and out again at the end.
class Writer {
 public:
  explicit Writer(const std::string& label)
      : module_(token::Module::load(kSoftHsm).value()), functions_(module_->functions()) {
    token::Uri uri;
    uri.token = label;
    const token::Slot slot = token::find_one_slot(*module_, uri).value();
    require(functions_.C_OpenSession(slot.id, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr,
                                     &session_),
            "C_OpenSession");
    std::string pin = SoftTokens::kPin;
    require(functions_.C_Login(session_, CKU_USER, reinterpret_cast<CK_UTF8CHAR_PTR>(pin.data()),
                               pin.size()),
            "C_Login");
  }
  ~Writer() { functions_.C_CloseSession(session_); }

  void generate(CK_MECHANISM_TYPE type, Template& public_half, Template& private_half) {
    CK_MECHANISM mechanism{type, nullptr, 0};
    CK_OBJECT_HANDLE one = 0;
    CK_OBJECT_HANDLE other = 0;
    require(
        functions_.C_GenerateKeyPair(session_, &mechanism, public_half.data(), public_half.size(),
                                     private_half.data(), private_half.size(), &one, &other),
        "C_GenerateKeyPair");
    public_object_ = one;
  }
  void create(Template& object) {
    require(functions_.C_CreateObject(session_, object.data(), object.size(), &public_object_),
            "C_CreateObject");
  }
  void destroy_public_key() {
    require(functions_.C_DestroyObject(session_, public_object_), "C_DestroyObject");
  }

 private:
  std::unique_ptr<token::Module> module_;
  CK_FUNCTION_LIST& functions_;
  CK_SESSION_HANDLE session_ = 0;
  CK_OBJECT_HANDLE public_object_ = 0;
};

void name(Template& out, const SoftKey& key) {
  out.yes(CKA_TOKEN);
  out.bytes(CKA_LABEL, base::as_bytes(key.label));
  out.bytes(CKA_ID, key.id);
}

constexpr std::array<std::uint8_t, 5> kEd25519{0x06, 0x03, 0x2b, 0x65, 0x70};
constexpr std::array<std::uint8_t, 10> kP256{0x06, 0x08, 0x2a, 0x86, 0x48,
                                             0xce, 0x3d, 0x03, 0x01, 0x07};

void import_pair(Writer& writer, const SoftKey& key, Template& public_half,
                 Template& private_half) {
  Bytes point{0x04, crypto_sign_PUBLICKEYBYTES};
  point.resize(2 + crypto_sign_PUBLICKEYBYTES);
  Bytes secret(crypto_sign_SECRETKEYBYTES);
  crypto_sign_seed_keypair(point.data() + 2, secret.data(), key.seed.data());
  private_half.number(CKA_CLASS, CKO_PRIVATE_KEY);
  private_half.number(CKA_KEY_TYPE, CKK_EC_EDWARDS);
  private_half.bytes(CKA_EC_PARAMS, kEd25519);
  private_half.bytes(CKA_VALUE, key.seed);
  writer.create(private_half);
  public_half.number(CKA_CLASS, CKO_PUBLIC_KEY);
  public_half.number(CKA_KEY_TYPE, CKK_EC_EDWARDS);
  public_half.bytes(CKA_EC_POINT, point);
  writer.create(public_half);
}

}  // namespace

SoftTokens::SoftTokens() {
  const std::string tokens = folder_.path() / "tokens";
  const std::string configuration = folder_.path() / "softhsm2.conf";
  std::filesystem::create_directory(tokens);
  std::ofstream(configuration) << "directories.tokendir = " << tokens
                               << "\nobjectstore.backend = file\nlog.level = ERROR\n";
  ::setenv("SOFTHSM2_CONF", configuration.c_str(), 1);
}

SoftTokens::~SoftTokens() {
  ::unsetenv("SOFTHSM2_CONF");
}

void SoftTokens::add_token(const std::string& label) {
  const std::string command = "softhsm2-util --init-token --free --label '" + label +
                              "' --so-pin 12345678 --pin " + kPin + " >/dev/null";
  if (std::system(command.c_str()) != 0) throw std::runtime_error(command);
}

void SoftTokens::add_key(const std::string& token, const SoftKey& key) {
  Writer writer(token);
  Template public_half;
  Template private_half;
  name(public_half, key);
  name(private_half, key);
  public_half.yes(CKA_VERIFY);
  public_half.bytes(CKA_EC_PARAMS, kEd25519);
  private_half.yes(CKA_PRIVATE);
  private_half.yes(CKA_SENSITIVE);
  private_half.yes(CKA_SIGN);
  if (key.always_authenticate) private_half.yes(CKA_ALWAYS_AUTHENTICATE);
  if (key.seed.empty()) {
    writer.generate(CKM_EC_EDWARDS_KEY_PAIR_GEN, public_half, private_half);
  } else {
    import_pair(writer, key, public_half, private_half);
  }
  if (!key.with_public_key) writer.destroy_public_key();
}

void SoftTokens::add_p256_key(const std::string& token, const std::string& label) {
  Writer writer(token);
  Template public_half;
  Template private_half;
  name(public_half, {label});
  name(private_half, {label});
  public_half.bytes(CKA_EC_PARAMS, kP256);
  writer.generate(CKM_EC_KEY_PAIR_GEN, public_half, private_half);
}

}  // namespace concordat::test
