"""Which folder may see which, as data. A change here is a change of the architecture: say why."""

import re

# Lowest first: a folder sees itself and what stands before it.
LAYERS = ["attest/base", "attest", "policy", "peer", "session", "keyservice", "client", "application", "deploy"]
# These see everything, and nothing sees them.
OBSERVERS = ["tests", "bench", "examples"]
# What an application is built on, and all that it may link of this project: nothing that opens channels, judges policy or
# holds the custodian's keys comes with it.
INSTALLED = {"concordat_application_server_io", "concordat_client_io", "concordat_c_io"}
INSTALLED_MAY_LINK = INSTALLED | {"concordat_application_core", "concordat_client", "concordat_secret", "concordat_log",
                                  "concordat_json_events", "concordat_backoff", "concordat_peer_address",
                                  "concordat_peer_io", "concordat_asio"}
# Headers that nobody who builds on the installed ones should have to parse.
HEAVY_HEADERS = re.compile(r"boost/(asio|beast|json|url)\b|nlohmann/|openssl/")

# Sockets, ioctls and the event loop. Cores take bytes and events and return bytes and actions.
IO_HEADERS = re.compile(r"boost/(asio|beast)\b|sys/(socket|ioctl|un|epoll|eventfd|vfs)\.h|netinet/"
                        r"|netdb\.h|linux/vm_sockets\.h|poll\.h")
# Libraries in deploy/ that are parts of programs' wiring without "_io" in their name.
IO_LIBRARIES_IN_DEPLOY: set[str] = set()

# Headers that take ten seconds to parse, and the files that do it for all.
COSTLY_HEADERS = re.compile(r"CLI/")
MAY_INCLUDE_COSTLY = {"deploy/command_line/command_line.cpp"}

# A lab root reaches a program only through this library.
CUSTOM_ROOT_LIBRARY = "concordat_attest_custom_root"
# Offline commands and the lab. What opens a channel in production is not here, and must never be; `concordat` is for its
# offline commands (attest verify --root), and opens channels by the library below.
CUSTOM_ROOT_PROGRAMS = {"concordat", "concordat-lab", "concordat-custodian-lab", "concordat-worker-lab",
                        "concordat-worker-cheat-lab", "concordat-lab-hypervisor", "concordat-lab-kms"}
# What opens channels for operators: it takes the roots that a program's main hands it, and knows none but AWS's.
CHANNEL_LIBRARIES = {"concordat_operator_link_io"}
# The main whose channels trust AWS's roots whatever the command line says.
PRODUCTION_OPERATOR_MAIN = "deploy/cli/main.cpp"
# What is deployed on EC2, and the twin that shows that the test below looks for the right thing.
PRODUCTION_PROGRAMS = {"concordat-custodian": "concordat-custodian-lab", "concordat-worker": "concordat-worker-lab",
                       "concordat-parent": None}
# Names that no production program may contain (as `nm --demangle` prints them).
LAB_SYMBOLS = re.compile(r"\btrust_anchors_from_root\b|\bconcordat::lab::")

MAX_LINES = 600
