// concordat attest verify | show: formats it reads, options, output word for word, exit statuses.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "attest/base/cbor.hpp"
#include "attest/base/file.hpp"
#include "tests/cli/run_cli.hpp"
#include "tests/support/test_chain.hpp"
#include "tests/support/vectors.hpp"

namespace concordat {
namespace {

using base::Bytes;
using nlohmann::json;
using test::Ran;
using test::run_cli;
using test::TestChain;

class AttestCli : public testing::Test {
 protected:
  AttestCli() {
    std::string name = (std::filesystem::temp_directory_path() / "attest_cli_XXXXXX").string();
    folder_ = mkdtemp(name.data());
    root_ = write("root.der", chain_.der(test::root));
    file_ = write("document.cbor", chain_.document());
  }
  ~AttestCli() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, base::BytesView content) {
    const auto path = folder_ / name;
    EXPECT_TRUE(base::write_file(path, content));
    return path.string();
  }
  std::string write(const std::string& name, const std::string& content) {
    return write(name, base::as_bytes(content));
  }

  // `verify FILE --root ... --at document` and whatever else.
  Ran verify(const std::string& file, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"attest", "verify", file,       "--root",
                                       root_,    "--at",   "document", "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_cli(arguments);
  }
  std::string code_of(const Ran& ran) {
    const json answer = json::parse(ran.out);
    if (answer.at("verdict") == "accept") {
      EXPECT_EQ(ran.status, 0);
      return "accepted";
    }
    EXPECT_EQ(ran.status, 2);
    EXPECT_FALSE(answer.contains("claims"));
    return answer.at("step").get<std::string>() + "/" + answer.at("code").get<std::string>();
  }

  TestChain chain_;
  std::filesystem::path folder_;
  std::string root_;
  std::string file_;
};

std::string golden(const std::string& name) {
  const auto path = std::filesystem::path(CONCORDAT_SOURCE_DIR) / "tests/cli/golden" / name;
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST_F(AttestCli, AcceptedAsJsonAndAsText) {
  const Ran as_json = verify(file_);
  EXPECT_EQ(as_json.out, golden("verify_accept.json"));
  EXPECT_EQ(as_json.status, 0);
  EXPECT_EQ(as_json.err, "");
  const Ran as_text = run_cli({"attest", "verify", "--root", root_, "--at", "document", file_});
  EXPECT_EQ(as_text.out, golden("verify_accept.txt"));
  EXPECT_EQ(as_text.status, 0);
}

TEST_F(AttestCli, RefusedAsJsonAndAsText) {
  Bytes bad = chain_.document();
  bad.back() ^= 1;
  const std::string file = write("bad.cbor", bad);
  const Ran as_json = verify(file);
  EXPECT_EQ(as_json.out, golden("verify_refuse.json"));
  EXPECT_EQ(as_json.status, 2);
  const Ran as_text = run_cli({"attest", "verify", "--root", root_, "--at", "document", file});
  EXPECT_EQ(as_text.out, golden("verify_refuse.txt"));
  EXPECT_EQ(as_text.status, 2);
}

TEST_F(AttestCli, FieldsThatAreAbsentArePrintedLikeNullOnes) {
  auto fields = chain_.fields();
  fields.public_key = fields.user_data = fields.nonce = std::nullopt;
  const std::string null_fields = verify(write("null.cbor", chain_.document(fields))).out;
  // The same payload without its last three entries, which are null.
  Bytes payload = lab::encode_payload(fields);
  base::cbor::Writer end;
  end.text("public_key").null().text("user_data").null().text("nonce").null().raw(Bytes{0xff});
  ASSERT_TRUE(base::as_text(payload).ends_with(base::as_text(end.view())));
  payload.resize(payload.size() - end.view().size());
  payload.push_back(0xff);
  const auto document = lab::sign_document(payload, chain_.key(test::leaf)).value();
  const Ran absent = verify(write("absent.cbor", document));
  EXPECT_EQ(code_of(absent), "accepted");
  EXPECT_EQ(absent.out, null_fields);
  const json claims = json::parse(absent.out).at("claims");
  for (const char* key : {"public_key", "user_data", "nonce"}) {
    EXPECT_TRUE(claims.at(key).is_null()) << key;
  }
  EXPECT_EQ(code_of(verify(folder_ / "absent.cbor", {"--nonce", "00"})), "nonce/nonce_missing");
}

TEST_F(AttestCli, ShowSaysLoudlyThatNothingIsVerified) {
  const Ran as_json = run_cli({"attest", "show", file_, "--json"});
  EXPECT_EQ(as_json.out, golden("show.json"));
  EXPECT_EQ(as_json.status, 0);
  EXPECT_NE(as_json.err.find("UNVERIFIED"), std::string::npos);
  const Ran as_text = run_cli({"attest", "show", file_});
  EXPECT_EQ(as_text.out, golden("show.txt"));
  EXPECT_EQ(as_text.status, 0);
  const Ran refused = run_cli({"attest", "show", root_, "--json"});
  EXPECT_EQ(json::parse(refused.out).at("step"), "parse");
  EXPECT_EQ(refused.status, 2);
}

TEST_F(AttestCli, ShowPrintsWhatADocumentSaysWithoutItsControlCharacters) {
  auto fields = chain_.fields();
  fields.module_id = "i-1\x1b[31m\n\xc3\xa9";
  const std::string file = write("hostile.cbor", chain_.document(fields));
  const Ran shown = run_cli({"attest", "show", file});
  EXPECT_NE(shown.out.find(R"("i-1\u001b[31m\n\u00e9")"), std::string::npos) << shown.out;
}

// `text` broken into lines of 64 characters.
std::string wrapped(std::string text, const std::string& line_end) {
  for (std::size_t at = 64; at < text.size(); at += 64 + line_end.size())
    text.insert(at, line_end);
  return text + line_end;
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

std::string with_colons(const std::string& hex) {
  std::string out;
  for (std::size_t at = 0; at < hex.size(); at += 2)
    out.append(at == 0 ? "" : ":").append(hex, at, 2);
  return out;
}

std::string url_safe(std::string base64) {
  std::ranges::replace(base64, '+', '-');
  std::ranges::replace(base64, '/', '_');
  return base64;
}

std::string unpadded(std::string base64) {
  return base64.substr(0, base64.find('='));
}

TEST_F(AttestCli, RawBase64AndHexAreToldApart) {
  auto fields = chain_.fields();
  for (const std::size_t padding : {0u, 1u, 2u}) {
    Bytes document;
    do {  // a length that wants this much padding, and both characters that alphabets differ in
      fields.user_data->push_back(1);
      document = chain_.document(fields);
    } while ((3 - document.size() % 3) % 3 != padding ||
             base::to_base64(document).find('+') == std::string::npos ||
             base::to_base64(document).find('/') == std::string::npos);
    const std::string base64 = base::to_base64(document);
    const std::string hex = base::to_hex(document);
    for (const std::string& text :
         {base64, wrapped(base64, "\n"), wrapped(base64, "\r\n"), unpadded(base64),
          url_safe(base64), unpadded(url_safe(base64)), "\xef\xbb\xbf" + base64, hex, upper(hex),
          " " + upper(hex) + "\n", wrapped(hex, "\r\n"), "0x" + hex, "0X" + upper(hex),
          with_colons(hex), wrapped(with_colons(hex), "\n"), "\xef\xbb\xbf" + with_colons(hex)}) {
      EXPECT_EQ(code_of(verify(write("text", text))), "accepted") << text.substr(0, 80);
    }
  }
}

TEST_F(AttestCli, TextOfTwoReadingsIsNone) {
  const Bytes document = chain_.document();
  const std::string base64 = base::to_base64(document);
  const std::string hex = base::to_hex(document);
  std::string mixed = url_safe(base64).substr(0, base64.size() / 2) + "+-" + base64;
  for (const std::string& text : {std::string("0x"),
                                  "0x0x" + hex,
                                  "0x" + base64,
                                  hex.substr(1),
                                  hex + ":",
                                  ":" + hex,
                                  "8:4:" + hex.substr(2),
                                  with_colons(hex).substr(0, 6) + hex.substr(4),
                                  with_colons(hex) + "::00",
                                  base64 + "=",
                                  unpadded(base64) + "A====",
                                  mixed,
                                  "\"" + base64 + "\"",
                                  "{\"document\":\"" + base64 + "\"}",
                                  "data:application/cbor;base64," + base64,
                                  "-----BEGIN DOCUMENT-----\n" + base64,
                                  base64 + std::string(1, '\0'),
                                  "\xff\xfe" + base64,
                                  "\xef\xbb\xbf\xef\xbb\xbf" + base64,
                                  "\xef\xbb\xbf" + std::string(base::as_text(document))}) {
    const Ran ran = verify(write("text", text));
    EXPECT_EQ(ran.status, 2) << text.substr(0, 80);
    EXPECT_EQ(json::parse(ran.out).at("step"), "parse") << text.substr(0, 80);
  }
}

TEST_F(AttestCli, WhatIsNoDocumentIsRefusedNotAnError) {
  EXPECT_EQ(code_of(verify(write("empty", std::string()))), "parse/truncated");
  EXPECT_EQ(code_of(verify(write("space", std::string(" \n")))), "parse/malformed_cbor");
  EXPECT_EQ(code_of(verify(write("prose", std::string("no document")))), "parse/malformed_cbor");
  EXPECT_EQ(code_of(verify(write("odd", std::string("8444a")))), "parse/malformed_cbor");
  EXPECT_EQ(code_of(verify(write("der", chain_.der(test::leaf)))), "parse/not_cose_sign1");
  EXPECT_EQ(code_of(verify(write("big", Bytes(16'385, 0x84)))), "parse/document_too_large");
  EXPECT_EQ(code_of(verify(write("huge", Bytes(1 << 20, 0x84)))), "parse/document_too_large");
  // A name that JSON cannot hold.
  EXPECT_EQ(code_of(verify(write("\xff", Bytes(1 << 20, 0x84)))), "parse/document_too_large");
}

TEST_F(AttestCli, TimeOfVerification) {
  const auto at = [&](const char* time) {
    return code_of(run_cli({"attest", "verify", file_, "--root", root_, "--json", "--at", time}));
  };
  EXPECT_EQ(at("document"), "accepted");
  EXPECT_EQ(at("now"), "chain/certificate_expired");
  EXPECT_EQ(at("2026-01-15T12:00:00Z"), "accepted");
  EXPECT_EQ(at("2026-01-15T13:00:00+01:00"), "accepted");
  EXPECT_EQ(at("2026-01-15T14:30:00Z"), "accepted");  // old, but its certificates hold
  EXPECT_EQ(at("2026-01-15T15:00:01Z"), "chain/certificate_expired");
  EXPECT_EQ(at("2026-01-15T11:00:00Z"), "chain/certificate_not_yet_valid");
}

TEST_F(AttestCli, NowIsTheDefaultAndLimitsTheAge) {
  const base::UnixMillis now = base::system_wall_clock();
  const TestChain chain(now - std::chrono::hours(1));
  const std::string root = write("live.der", chain.der(test::root));
  const auto made = [&](base::UnixMillis timestamp) {
    auto fields = chain.fields();
    fields.timestamp = timestamp;
    const std::string file = write("live.cbor", chain.document(fields));
    return code_of(run_cli({"attest", "verify", file, "--root", root, "--json"}));
  };
  EXPECT_EQ(made(now), "accepted");
  EXPECT_EQ(made(now - std::chrono::minutes(6)), "time/document_too_old");
  EXPECT_EQ(made(now + std::chrono::minutes(10)), "time/document_from_future");
}

TEST_F(AttestCli, RootsAreAwsUnlessGiven) {
  const Ran aws = run_cli({"attest", "verify", file_, "--at", "document", "--json"});
  EXPECT_EQ(code_of(aws), "root/untrusted_root");
  EXPECT_EQ(json::parse(aws.out).at("root"), "aws");
  const TestChain other;
  root_ = write("other.der", other.der(test::root));
  const Ran custom = verify(file_);
  EXPECT_EQ(code_of(custom), "root/untrusted_root");
  EXPECT_EQ(json::parse(custom.out).at("root"), "custom");
  root_ =
      write("root.pem", "-----BEGIN CERTIFICATE-----\n" + base::to_base64(chain_.der(test::root)) +
                            "\n-----END CERTIFICATE-----\n");
  EXPECT_EQ(code_of(verify(file_)), "accepted");
}

TEST_F(AttestCli, NonceAndPcrsAsAsked) {
  const std::string nonce = base::to_hex(test::nonce());
  EXPECT_EQ(code_of(verify(file_, {"--nonce", nonce})), "accepted");
  EXPECT_EQ(code_of(verify(file_, {"--nonce", nonce + "00"})), "nonce/nonce_mismatch");
  const auto pcr = [](const char* index, std::uint8_t byte) {
    return std::string(index) + "=" + test::pcr_of(byte).hex();
  };
  EXPECT_EQ(code_of(verify(file_, {"--pcr", pcr("0", 1), "--pcr", pcr("4", 4)})), "accepted");
  EXPECT_EQ(code_of(verify(file_, {"--pcr", pcr("0", 1), "--pcr", pcr("4", 5)})),
            "pcr/pcr_mismatch");
  EXPECT_EQ(code_of(verify(file_, {"--pcr", pcr("9", 0)})), "pcr/pcr_missing");
  // An option's value ends where the next argument begins.
  EXPECT_EQ(run_cli({"attest", "verify", "--pcr", pcr("0", 1), file_, "--root", root_, "--at",
                     "document"})
                .status,
            0);
}

TEST_F(AttestCli, DebugOnlyWhenAllowed) {
  auto fields = chain_.fields();
  fields.pcrs[0] = fields.pcrs[1] = fields.pcrs[2] = attest::PcrValue();
  const std::string file = write("debug.cbor", chain_.document(fields));
  EXPECT_EQ(code_of(verify(file)), "debug/debug_mode");
  const Ran allowed = verify(file, {"--allow-debug"});
  EXPECT_EQ(code_of(allowed), "accepted");
  EXPECT_EQ(json::parse(allowed.out).at("claims").at("debug"), true);
  EXPECT_EQ(json::parse(verify(file_).out).at("claims").at("debug"), false);
}

TEST_F(AttestCli, UsageAndInputErrorsEndWithOneAndSayWhere) {
  const auto expect_usage = [](const std::vector<std::string>& arguments, const std::string& word) {
    const Ran ran = run_cli(arguments);
    EXPECT_EQ(ran.status, 1) << word;
    EXPECT_EQ(ran.out, "") << word;
    EXPECT_NE(ran.err.find(word), std::string::npos) << ran.err;
  };
  const std::string hex48 = test::pcr_of(1).hex();
  expect_usage({}, "subcommand");
  expect_usage({"atest"}, "atest");
  expect_usage({"attest"}, "subcommand");
  expect_usage({"attest", "verify"}, "FILE");
  expect_usage({"attest", "verify", file_, "--bogus"}, "--bogus");
  expect_usage({"attest", "verify", (folder_ / "absent").string()}, "absent");
  expect_usage({"attest", "verify", folder_.string()}, folder_.string());
  expect_usage({"attest", "show", (folder_ / "absent").string()}, "absent");
  expect_usage({"attest", "verify", file_, "--at", "yesterday"}, "--at");
  expect_usage({"attest", "verify", file_, "--at", ""}, "--at");
  expect_usage({"attest", "verify", file_, "--root", file_}, "--root");
  expect_usage({"attest", "verify", file_, "--root", ""}, "--root");
  const std::string pem = "-----BEGIN CERTIFICATE-----\n" +
                          base::to_base64(chain_.der(test::root)) + "\n-----END CERTIFICATE-----\n";
  expect_usage({"attest", "verify", file_, "--root", write("two.pem", pem + pem)}, "--root");
  expect_usage({"attest", "verify", file_, "--nonce", "xyz"}, "--nonce");
  expect_usage({"attest", "verify", file_, "--nonce", ""}, "--nonce");
  for (const std::string& pcr :
       {std::string("0"), "=" + hex48, "32=" + hex48, "-1=" + hex48, "0x=" + hex48,
        "0=" + hex48.substr(2), std::string("0="), "0= " + hex48}) {
    expect_usage({"attest", "verify", file_, "--pcr=" + pcr}, "--pcr");
  }
}

TEST_F(AttestCli, HelpHasExamplesAndSucceeds) {
  for (const char* command : {"verify", "show"}) {
    const Ran help = run_cli({"attest", command, "--help"});
    EXPECT_EQ(help.status, 0);
    EXPECT_NE(help.out.find("Examples:"), std::string::npos);
    for (const char* form : {"raw CBOR", "base64", "hex", "standard input"}) {
      EXPECT_NE(help.out.find(form), std::string::npos) << form;
    }
  }
}

// The programs themselves: `-` reads standard input, and statuses arrive at the shell.
TEST_F(AttestCli, TheProgramAndItsLabTwin) {
  const auto status_of = [](const std::string& command) {
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  };
  for (const std::string program : {CONCORDAT_PROGRAM, CONCORDAT_LAB_PROGRAM}) {
    const std::string verify = program + " attest verify --root " + root_;
    EXPECT_EQ(status_of(verify + " --at document - >/dev/null <" + file_), 0);
    EXPECT_EQ(status_of(verify + " - >/dev/null <" + file_), 2);
    EXPECT_EQ(status_of(verify + " --at nonsense - >/dev/null 2>&1 <" + file_), 1);
    EXPECT_EQ(status_of(verify + " --at document " + file_ + " >/dev/full 2>&1"), 1);
  }
}

TEST_F(AttestCli, GenuineDocumentsUnderAwssRoot) {
  CONCORDAT_REQUIRE_VECTORS();
  const auto folder = test::vectors_folder();
  std::ifstream index(folder / "genuine/index.json");
  for (const json& row : json::parse(index)) {
    if (row.at("kind") != "enclave") continue;
    const std::string file = (folder / row.at("file").get<std::string>()).string();
    const Ran ran =
        run_cli({"attest", "verify", file, "--at", "document", "--allow-debug", "--json"});
    ASSERT_EQ(ran.status, 0) << ran.out;
    const json answer = json::parse(ran.out);
    EXPECT_EQ(answer.at("root"), "aws");
    EXPECT_EQ(answer.at("step"), nullptr);
    for (const char* key :
         {"module_id", "digest", "timestamp_ms", "pcrs", "public_key", "user_data", "nonce"}) {
      EXPECT_EQ(answer.at("claims").at(key), row.at(key)) << file;
    }
    EXPECT_EQ(run_cli({"attest", "verify", file}).status, 2);
  }
}

}  // namespace
}  // namespace concordat
