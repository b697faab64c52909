// One party's part in one run, between enclaves: dials the others through its parent, takes the
// streams that come, forms, counts the run, runs the protocol, and makes the receipt.
//
//   forming    Forming; begun anew where a newer policy came
//     | formed
//   counting   by the ledger, where there is an input; channels wait, none is read
//     | counted; otherwise the others are told that this party declines
//   running    messaging::Run; Forming stays, and makes cut streams anew, to the same seats
//     | what is to be kept is sealed, then confirmed; output or stop, told through Events::ended
//   leaving    until everybody has what was sent, or the farewell's time is over; then is_over()
//
// Nothing of the input moves before the session has formed. One io_context, one thread.
#pragma once

#include <boost/asio/steady_timer.hpp>

#include "attest/base/log.hpp"
#include "peer/nsm_worker_io.hpp"
#include "peer/party.hpp"
#include "peer/reserved_memory_io.hpp"
#include "session/forming.hpp"
#include "session/host/ended.hpp"
#include "session/host/errc.hpp"
#include "session/host/party_stream_io.hpp"
#include "session/host/seat_channel.hpp"
#include "session/run_ledger.hpp"

namespace concordat::session::host {

// What a run needs of its enclave. References outlive it.
struct Environment {
  boost::asio::io_context& io;
  peer::Party& party;  // policies, clock, roots
  peer::NsmWorker& nsm;
  RunLedger& ledger;
  base::Logger& log;
  // A stream to that party's enclave, by way of the parent; whose it is shows in the handshake.
  std::function<void(const PartyEntry&, peer::ConnectHandler)> dial;
  // Of a lab's program that shows what becomes of a party that cheats; empty everywhere else.
  std::function<std::unique_ptr<Protocol>(std::unique_ptr<Protocol>)> deviate{};
};

struct Order {
  DescriptorPtr descriptor;
  PartyIndex self = 0;
  std::unique_ptr<Intake> intake;    // that has taken in everything
  std::optional<InputDigest> input;  // of what it took in; none: no input came
  // How long to wait for the others; from the first attempt on.
  std::chrono::milliseconds forming = limits::kFormingTime;
  // Until others have what this party sent; the rounds' time is the descriptor's.
  std::chrono::milliseconds farewell = std::chrono::seconds(10);
};

enum class Stage { forming, formed, leaving };
[[nodiscard]] std::string_view to_string(Stage stage) noexcept;

class HostedRun : public std::enable_shared_from_this<HostedRun> {
 public:
  // Called on the io_context; `ended` exactly once, `over` last.
  struct Events {
    std::function<void(Stage, const std::string& detail)> progress;
    // Has what the run says to keep sealed, durably, and says so: only then is the result
    // confirmed. The output lives until then.
    std::function<void(const Output&, std::function<void(base::Status)>)> keep;
    std::function<void(Ended)> ended;
    std::function<void()> over;
  };

  // Errors of the descriptor, of one's own policy's rule for it, and of time.
  [[nodiscard]] static base::Result<std::shared_ptr<HostedRun>> start(Environment environment,
                                                                      Order order, Events events);
  HostedRun(Environment environment, Order order, Events events);
  HostedRun(const HostedRun&) = delete;
  HostedRun& operator=(const HostedRun&) = delete;

  // A stream that says it is for this session, and comes from there, as one's own parent says;
  // `first` was read from it already.
  void accept(peer::StreamSocket socket, base::Bytes first, const std::string& source);
  // While it forms it begins anew; a run under way ends where the newer policy refuses a seat,
  // and the others are told.
  void policy_changed() noexcept;
  void policy_lapsed(const base::Error& why) noexcept;
  // Ends it, and every stream; others whom it has formed with are told.
  void cancel(const base::Error& why) noexcept;

  [[nodiscard]] const DescriptorPtr& descriptor() const noexcept { return order_.descriptor; }

 private:
  // A seat of a formed run, seen from here.
  struct SeatLink {
    StreamId stream = 0;  // 0: none
    std::optional<SeatChannel> channel;
  };

  // What others call: want of memory in it ends this run, at once, and neither the program nor
  // another run. What was changed halfway is not looked at again.
  template <class Step>
  void guarded(const Step& step) noexcept {
    try {
      step();
    } catch (const std::bad_alloc&) {
      fail(base::Error(Errc::out_of_memory));
    }
  }

  // hosted_run_io.cpp: streams, time, the end.
  [[nodiscard]] std::optional<peer::Now> now();
  [[nodiscard]] StreamId add_stream(peer::StreamSocket socket, base::Bytes first);
  void close_stream(StreamId stream) noexcept;
  void close_all_streams() noexcept;
  void send(StreamId stream, base::BytesView bytes);
  void mint(StreamId stream, attest::MintRequest request, peer::MintPriority priority);
  void on_bytes(StreamId stream, base::BytesView bytes);
  void on_stream_ended(StreamId stream);
  void on_document(StreamId stream, const base::Result<base::Bytes>& document);
  void dial(PartyIndex party, std::function<void(base::Result<peer::StreamSocket>)> done);
  void arm();
  void on_time();
  void judge_anew();
  void progress(Stage stage, std::string detail);
  void tell(Ended ended) noexcept;
  void fail(base::Error why, std::vector<Named> named = {}) noexcept;
  void finish() noexcept;
  [[nodiscard]] FormedChannel* held_channel(StreamId stream);

  // forming_io.cpp
  [[nodiscard]] base::Status begin_forming(const peer::Now& now);
  void begin_anew(const base::Error& why, const peer::Now& now);
  void on_dialled(PartyIndex party, base::Result<peer::StreamSocket> socket);
  void perform(FormingOrders orders);
  void note_refusals();
  void look_at_forming();
  void forming_took_too_long();

  // running_io.cpp
  void begin_run(FormedSession formed);
  void count_run();
  void on_counted(const base::Status& counted);
  void decline(const base::Error& why);
  void abandon(base::Error why);
  void end_by_policy(const base::Error& why, const peer::Now& now);
  [[nodiscard]] messaging::Group group() const;
  [[nodiscard]] base::Status start_protocol(const peer::Now& now);
  void adopt_channels(const peer::Now& now);
  void on_seat_bytes(PartyIndex party, base::BytesView bytes, const peer::Now& now);
  void adopt(PartyIndex party, FormedChannel channel, const peer::Now& now);
  void hold(PartyIndex party, FormedChannel channel);
  void let_go(StreamId stream);
  void lose(PartyIndex party, const peer::Now& now);
  void cut(PartyIndex party, const peer::Now& now);
  // All confirmed it; told or not.
  [[nodiscard]] bool has_output() const {
    return run_ && run_->outcome() != nullptr && !run_->outcome()->stop;
  }
  void seal_if_wanted();
  void on_kept(const base::Status& kept);
  void pump();
  void work_on();
  void work();
  void write_to(PartyIndex party, SeatLink& seat, const peer::Now& now);
  void look_at_run(const peer::Now& now);
  void tell_output(const peer::Now& now);
  void tell_stop();
  [[nodiscard]] base::Status judge_seats(const policy::Policy& policy) const;

  Environment environment_;
  Order order_;
  Events events_;
  boost::asio::steady_timer timer_;
  base::MonotonicMillis form_until_;
  StreamId next_stream_ = 1;
  std::map<StreamId, std::shared_ptr<PartyStream>> streams_;
  std::map<StreamId, std::size_t> early_;  // bytes of a stream while it forms

  std::unique_ptr<Forming> forming_;
  std::uint64_t attempt_ = 0;                      // of forming
  std::optional<base::MonotonicMillis> begin_at_;  // an attempt, after a newer policy
  std::map<PartyIndex, base::Error> refusals_;     // the latest of each party
  std::set<std::pair<PartyIndex, std::string>> told_refusals_;
  std::optional<base::Error> last_failure_;

  std::optional<FormedSession> formed_;
  std::unique_ptr<messaging::Run> run_;
  std::map<PartyIndex, SeatLink> seats_;
  // Of formed_'s channels, while the run is counted: what they brought lies there still.
  std::set<StreamId> ended_early_;
  std::map<StreamId, PartyIndex> seat_of_;
  bool pumping_ = false;
  bool working_ = false;  // a part of it is posted
  bool sealing_ = false;
  bool told_ = false;
  bool over_ = false;
  Ended end_;  // until it is told
  // To say that it has ended, and that it is over.
  peer::ReservedMemoryPtr last_words_ = std::make_shared<peer::ReservedMemory>();
  peer::ReservedMemoryPtr farewell_ = std::make_shared<peer::ReservedMemory>();
};

}  // namespace concordat::session::host
