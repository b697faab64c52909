#include "deploy/parent/config.hpp"

#include <gtest/gtest.h>

#include "attest/base/json.hpp"

namespace concordat::parent {
namespace {

base::Error refusal(std::string_view text) {
  const auto parsed = parse_config(text);
  return parsed ? base::Error() : parsed.error();
}

// A file that is right but for what `parts` adds to it.
std::string with(const std::string& parts) {
  return R"({"enclaves": {"w": {"dial": "vsock:17:7100", "role": "worker"}})" + parts + "}";
}

TEST(ParentConfig, TheExampleIsValid) {
  const Config config = parse_config(example_config()).value();
  EXPECT_EQ(config.enclaves.at("custodian").store, "custodian");
  EXPECT_EQ(config.enclaves.at("worker-1").settings.at("custodians"), "custodian");
  EXPECT_EQ(config.egress.at("kms.eu-central-1.amazonaws.com:443"),
            peer::Endpoint(peer::TcpEndpoint{"kms.eu-central-1.amazonaws.com", 443}));
  EXPECT_EQ(config.peers.enclaves.at("worker-2"),
            peer::Endpoint(peer::TcpEndpoint{"10.0.0.2", 7001}));
  EXPECT_TRUE(config.credentials->imds.has_value());
  EXPECT_EQ(enclave_with_context_id(config, 17), "enclave/worker-1");
  EXPECT_EQ(enclave_with_context_id(config, 18), std::nullopt);
}

TEST(ParentConfig, RefusesUnknownKeysInEveryPart) {
  EXPECT_EQ(refusal(with(R"(,"extra": 1)")).to_string(), "unknown key: extra");
  for (const std::string part : {"relay", "policy", "peers"}) {
    EXPECT_EQ(refusal(with(",\"" + part + R"(": {"extra": 1})")).to_string(),
              "unknown key: " + part + ".extra");
  }
  EXPECT_EQ(refusal(with(R"(,"relay": {"limits": {"max_stream": 1}})")).to_string(),
            "unknown key: relay.limits.max_stream");
  EXPECT_EQ(refusal(with(R"(,"store": {"sqlite": "/s", "x": 1})")).to_string(),
            "unknown key: store.x");
  EXPECT_EQ(refusal(with(R"(,"store": {"sqlite": "/s"}, "announce": {"address": "tcp:a:1",
                          "enclaves": ["w"], "x": 1})"))
                .to_string(),
            "unknown key: announce.x");
  EXPECT_EQ(refusal(with(R"(,"operator": {"listen": "unix:/o", "x": 1})")).to_string(),
            "unknown key: operator.x");
  EXPECT_EQ(refusal(with(R"(,"credentials": {"imds": "tcp:1.2.3.4:80", "x": 1})")).to_string(),
            "unknown key: credentials.x");
  EXPECT_EQ(
      refusal(R"({"enclaves": {"w": {"dial": "vsock:17:1", "role": "w", "x": 1}}})").to_string(),
      "unknown key: enclaves.w.x");
  EXPECT_TRUE(refusal(with(R"(,"policy": {"envelope": "/a", "envelope": "/b"})"))
                  .is(base::JsonErrc::duplicate_key));
}

TEST(ParentConfig, NamesThePlaceOfAWrongValue) {
  EXPECT_EQ(refusal("{}").to_string(), "a key is missing: enclaves");
  EXPECT_EQ(refusal(R"({"enclaves": {"W": {}}})").to_string(),
            "the value is not allowed: enclaves.W: want a name of a-z, 0-9 and -, at most 63 "
            "characters");
  EXPECT_EQ(refusal(R"({"enclaves": {"w": {"dial": "vsock:x:1", "role": "w"}}})").to_string(),
            "not a vsock context id: enclaves.w.dial: \"x\", want a number below 2^32 or any");
  EXPECT_EQ(refusal(with(R"(,"relay": {"limits": {"max_streams": 0}})")).to_string(),
            "the value is not allowed: relay.limits.max_streams: 0 is not between 1 and 100000");
  EXPECT_EQ(refusal(with(R"(,"policy": {"envelope": "policy.json"})")).to_string(),
            "a path in the configuration must be absolute: policy.envelope: \"policy.json\" is not "
            "absolute");
  EXPECT_TRUE(refusal(with(R"(,"operator": {"listen": "unix:o"})")).is(ConfigErrc::bad_path));
  EXPECT_TRUE(refusal(with(R"(,"relay": {"unix_mode": "660"})")).is(base::JsonErrc::bad_value));
  EXPECT_TRUE(refusal(with(R"(,"egress": {"KMS:443": null})")).is(base::JsonErrc::bad_value));
  EXPECT_TRUE(
      refusal(with(R"(,"credentials": {"access_key_id": "A"})")).is(base::JsonErrc::missing_key));
}

TEST(ParentConfig, TheOperatorsEndpointIsLocal) {
  for (const std::string bad : {"tcp:0.0.0.0:9000", "tcp:10.0.0.1:9000", "vsock:3:9000"}) {
    EXPECT_TRUE(
        refusal(with(R"(,"operator": {"listen": ")" + bad + "\"}")).is(base::JsonErrc::bad_value));
  }
  for (const std::string good : {"tcp:127.0.0.1:0", "unix:/run/o.sock"}) {
    EXPECT_TRUE(parse_config(with(R"(,"operator": {"listen": ")" + good + "\"}")).has_value());
  }
}

TEST(ParentConfig, ACallerIsKnownByOneThingOnly) {
  EXPECT_TRUE(refusal(R"({"enclaves": {"a": {"dial": "vsock:17:1", "role": "w"},
                                        "b": {"dial": "vsock:17:2", "role": "w"}}})")
                  .is(ConfigErrc::ambiguous));
  EXPECT_TRUE(refusal(R"({"enclaves": {
      "a": {"dial": "unix:/a", "listen": "unix:/r", "role": "w"},
      "b": {"dial": "unix:/b", "listen": "unix:/r", "role": "w"}}})")
                  .is(ConfigErrc::ambiguous));
  EXPECT_TRUE(refusal(R"({"enclaves": {"a": {"dial": "unix:/a", "role": "w"}}})")
                  .is(ConfigErrc::missing_part));
  // A shared socket where callers look alike.
  EXPECT_TRUE(
      refusal(with(R"(,"relay": {"listen": ["unix:/shared"]})")).is(base::JsonErrc::bad_value));
  EXPECT_TRUE(refusal(with(R"(,"peers": {"parents": {"p": {"dial": "tcp:h:1",
      "enclaves": ["w"]}}})"))
                  .is(ConfigErrc::ambiguous));
}

TEST(ParentConfig, NoEnclaveReachesTheOperatorsEndpoint) {
  const std::string operators = R"(,"operator": {"listen": "tcp:127.0.0.1:7201"})";
  EXPECT_TRUE(refusal(with(R"(,"egress": {"kms.example:443": "tcp:127.0.0.1:7201"})" + operators))
                  .is(ConfigErrc::ambiguous));
  EXPECT_TRUE(parse_config(with(R"(,"egress": {"kms.example:443": null})" + operators)));
}

TEST(ParentConfig, StatementsAreKeptBesideThePolicy) {
  const auto config = parse_config(with(R"(,"policy": {"envelope": "/var/p.json"})")).value();
  EXPECT_EQ(config.freshness, "/var/p.json.freshness");
  EXPECT_EQ(parse_config(with(R"(,"policy": {"envelope": "/p", "freshness": "/f"})"))->freshness,
            "/f");
}

TEST(ParentConfig, AStoreFolderNeedsAStore) {
  EXPECT_EQ(refusal(R"({"enclaves": {"a": {"dial": "vsock:17:1", "role": "w", "store": "s"}}})")
                .to_string(),
            "a part of the configuration is missing: enclaves.a.store: the file has no section "
            "\"store\"");
}

TEST(ParentConfig, AStoreIsOneOfTwo) {
  const auto store = [](const std::string& text) { return refusal(with(",\"store\": " + text)); };
  EXPECT_TRUE(store("{}").is(ConfigErrc::missing_part));
  EXPECT_TRUE(store(R"({"sqlite": "/s", "etcd": {"endpoints": ["tcp:a:1"]}})")
                  .is(ConfigErrc::missing_part));
  EXPECT_TRUE(store(R"({"sqlite": "s"})").is(ConfigErrc::bad_path));
  EXPECT_TRUE(store(R"({"etcd": {"endpoints": []}})").is(base::JsonErrc::bad_value));
  EXPECT_TRUE(store(R"({"etcd": {"endpoints": ["http://a:1"]}})").code().failed());
  EXPECT_TRUE(store(R"({"etcd": {"endpoints": ["tcp:a:1"], "prefix": "a/b"}})")
                  .is(base::JsonErrc::bad_value));
  EXPECT_TRUE(
      store(R"({"etcd": {"endpoints": ["tcp:a:1"], "tls": {}}})").is(base::JsonErrc::missing_key));
  EXPECT_TRUE(store(R"({"etcd": {"endpoints": ["tcp:a:1"],
                        "tls": {"authorities": "/a", "key": "/k"}}})")
                  .is(ConfigErrc::missing_part));
  EXPECT_TRUE(store(R"({"sqlite": "/s", "max_bytes": 1048577})").is(base::JsonErrc::bad_value));
  const Config config = parse_config(with(R"(,"store": {"etcd": {
      "endpoints": ["tcp:a:2379", "tcp:b:2379"], "prefix": "prod",
      "tls": {"authorities": "/ca", "certificate": "/c", "key": "/k"}}, "max_entries": 5})"))
                            .value();
  EXPECT_EQ(config.store->etcd->endpoints.size(), 2u);
  EXPECT_EQ(config.store->etcd->prefix, "prod");
  EXPECT_EQ(config.store->etcd->tls->key, "/k");
  EXPECT_EQ(config.store->limits.max_entries, 5u);
}

TEST(ParentConfig, AnnouncesOnlyWhatIsHereAndOnlyInAStore) {
  const std::string announce =
      R"(,"announce": {"address": "tcp:10.0.0.1:7001", "enclaves": ["w"]})";
  EXPECT_TRUE(refusal(with(announce)).is(ConfigErrc::missing_part));
  const std::string store = R"(,"store": {"sqlite": "/s"})";
  const Config config = parse_config(with(store + announce)).value();
  EXPECT_EQ(config.announce->ttl, std::chrono::seconds(15));
  EXPECT_EQ(config.announce->enclaves, std::set<std::string>{"w"});
  EXPECT_EQ(refusal(with(store + R"(,"announce": {"address": "tcp:a:1", "enclaves": ["x"]})"))
                .to_string(),
            "a part of the configuration is missing: announce.enclaves: the section \"enclaves\" "
            "has no \"x\"");
}

TEST(ParentConfig, AnEnclaveHasNoEgressAndNoCredentialsUnlessItIsGivenThem) {
  const Config config = parse_config(example_config()).value();
  const std::string kms = "kms.eu-central-1.amazonaws.com:443";
  EXPECT_EQ(config.enclaves.at("custodian").egress, std::set<std::string>{kms});
  EXPECT_TRUE(config.enclaves.at("custodian").credentials);
  EXPECT_TRUE(config.enclaves.at("worker-1").egress.empty());
  EXPECT_FALSE(config.enclaves.at("worker-1").credentials);
}

TEST(ParentConfig, WhatAnEnclaveIsGivenMustBeThere) {
  EXPECT_EQ(refusal(R"({"enclaves": {"a": {"dial": "vsock:17:1", "role": "w",
                                            "egress": ["kms.example:443"]}},
                        "egress": {"kms.example:444": null}})")
                .to_string(),
            "a part of the configuration is missing: enclaves.a.egress: the section \"egress\" has "
            "no \"kms.example:443\"");
  EXPECT_EQ(refusal(R"({"enclaves": {"a": {"dial": "vsock:17:1", "role": "w",
                                            "credentials": true}}})")
                .to_string(),
            "a part of the configuration is missing: enclaves.a.credentials: the file has no "
            "section \"credentials\"");
  EXPECT_TRUE(refusal(R"({"enclaves": {"a": {"dial": "vsock:17:1", "role": "w",
                                              "credentials": "yes"}}})")
                  .is(base::JsonErrc::wrong_type));
}

TEST(ParentConfig, FileErrorsNameTheFile) {
  EXPECT_EQ(read_config("/nowhere/parent.json").error().to_string(),
            "cannot read the file: /nowhere/parent.json: No such file or directory");
}

}  // namespace
}  // namespace concordat::parent
