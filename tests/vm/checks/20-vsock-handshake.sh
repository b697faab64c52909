# A handshake between two enclaves through concordat-parent, every stream AF_VSOCK. The devices are
# those of 10-nsm-device. In this guest every caller has context id 1, by which the parent knows
# `payments`, as on EC2; the custodian gets a socket of its own, or it could not be told from it.
cat >/run/parent.json <<'CONFIG'
{
  "enclaves": {
    "custodian": {"dial": "vsock:1:7100", "listen": "vsock:any:7001", "role": "custodian"},
    "payments": {"dial": "vsock:1:7200", "role": "payments"}
  },
  "relay": {"listen": ["vsock:any:7000"]}
}
CONFIG
start concordat-parent --config /run/parent.json &&
  vm_vsock_handshake_test
