// The socket loop over real sockets, with a clock that the test moves.
#include "net/server.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <string>
#include <vector>

#include "core/error.hpp"

namespace analytics::net {
namespace {

// A client's end of a connection.
class Client {
public:
    explicit Client(std::uint16_t port, int receive_buffer = 0) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        if (receive_buffer > 0) {
            setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
        }
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    }
    ~Client() { leave(); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    void send(std::string_view bytes) {
        EXPECT_EQ(::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL), static_cast<ssize_t>(bytes.size()));
    }
    void finish() { shutdown(socket_, SHUT_WR); }
    void leave() {
        if (socket_ >= 0) {
            close(socket_);
            socket_ = -1;
        }
    }
    // What has come so far; `over` once the server has ended its side.
    std::string& receive() {
        char piece[65536];
        for (;;) {
            const ssize_t size = recv(socket_, piece, sizeof piece, MSG_DONTWAIT);
            if (size <= 0) {
                reset = reset || (size < 0 && errno == ECONNRESET);
                over = over || size == 0 || reset;
                return got;
            }
            got.append(piece, static_cast<std::size_t>(size));
        }
    }

    std::string got;
    bool over = false;
    bool reset = false;

private:
    int socket_;
};

class NetServer : public ::testing::Test, public Handler {
protected:
    void on_request(ConnectionId connection, http::Request&& request, bool loopback) override {
        EXPECT_TRUE(loopback);
        requests.emplace_back(connection, std::move(request));
        if (at_once) {
            server->respond(connection, answer());
        }
    }
    void on_gone(ConnectionId connection) override { gone.push_back(connection); }
    void on_refused(int status) override { refused.push_back(status); }

    void SetUp() override { start({}); }

    void start(const Limits& limits) {
        server = std::make_unique<Server>(*this, limits);
        server->listen("127.0.0.1", 0);
    }

    static http::Response answer(std::string body = "ok") {
        http::Response response;
        response.body = std::move(body);
        return response;
    }

    // Lets the server work until the condition holds; what it waits for is already on its way through the kernel.
    template <typename Condition>
    bool until(Condition&& condition) {
        for (int turn = 0; turn < 2000; ++turn) {
            server->poll(now);
            if (condition()) {
                return true;
            }
            pollfd wait{server->descriptor(), POLLIN, 0};
            ::poll(&wait, 1, 5);
        }
        return false;
    }
    bool until_over(Client& client) {
        return until([&] { return client.receive(), client.over; });
    }
    bool until_got(Client& client, std::string_view text) {
        return until([&] { return client.receive().find(text) != std::string::npos; });
    }
    static int count(const std::string& text, std::string_view part) {
        int found = 0;
        for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
            ++found;
        }
        return found;
    }

    Time now = 1000 * kSecond;
    bool at_once = true;
    std::unique_ptr<Server> server;
    std::vector<std::pair<ConnectionId, http::Request>> requests;
    std::vector<ConnectionId> gone;
    std::vector<int> refused;
};

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";

TEST_F(NetServer, answers_and_keeps_the_connection) {
    Client client(server->port());
    client.send(kGet);
    ASSERT_TRUE(until_got(client, "ok"));
    client.got.clear();
    client.send(kGet);
    ASSERT_TRUE(until_got(client, "ok"));
    EXPECT_EQ(server->connections(), 1U);
    EXPECT_EQ(server->accepted(), 1U);
}

TEST_F(NetServer, answers_a_pipeline_in_order) {
    Client client(server->port());
    client.send(
        "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\nGET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(until([&] { return count(client.receive(), "HTTP/1.1 200") == 3; }));
    ASSERT_EQ(requests.size(), 3U);
    EXPECT_EQ(requests[2].second.path, "/3");
}

TEST_F(NetServer, serves_a_pipeline_one_at_a_time) {
    at_once = false;
    Client client(server->port());
    client.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
    ASSERT_TRUE(until([&] { return !requests.empty(); }));
    EXPECT_EQ(requests.size(), 1U);
    server->respond(requests[0].first, answer("one"));
    ASSERT_TRUE(until([&] { return requests.size() == 2; }));
    server->respond(requests[1].first, answer("two"));
    ASSERT_TRUE(until_got(client, "two"));
    EXPECT_LT(client.got.find("one"), client.got.find("two"));
}

TEST_F(NetServer, says_408_to_a_slow_header) {
    Client client(server->port());
    client.send("GET / HT");
    ASSERT_TRUE(until([&] { return server->deadline() <= now + 10 * kSecond; }));
    now += 10 * kSecond - 1;
    server->poll(now);
    EXPECT_EQ(client.receive(), "");
    now += kSecond;
    ASSERT_TRUE(until_over(client));
    EXPECT_TRUE(client.got.starts_with("HTTP/1.1 408 ")) << client.got;
    EXPECT_NE(client.got.find("{\"code\":\"request_timeout\""), std::string::npos);
    EXPECT_EQ(refused, std::vector<int>{408});
}

TEST_F(NetServer, says_408_to_a_slow_body_and_is_patient_with_one_that_moves) {
    Client client(server->port());
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + std::string(131072, 'a'));
    ASSERT_TRUE(until([&] { return server->held_bytes() == 131072; }));
    now += 31 * kSecond;  // of the 32 that 128 KiB have earned
    server->poll(now);
    EXPECT_EQ(client.receive(), "");
    now += 2 * kSecond;
    ASSERT_TRUE(until_over(client));
    EXPECT_TRUE(client.got.starts_with("HTTP/1.1 408 ")) << client.got;
    EXPECT_EQ(server->held_bytes(), 0U);
}

TEST_F(NetServer, closes_idle_connections) {
    Client fresh(server->port());
    Client used(server->port());
    used.send(kGet);
    ASSERT_TRUE(until_got(used, "ok"));
    now += 74 * kSecond;
    server->poll(now);
    EXPECT_EQ(server->connections(), 2U);
    now += 2 * kSecond;
    ASSERT_TRUE(until_over(used) && until_over(fresh));
    EXPECT_EQ(fresh.got, "");
}

TEST_F(NetServer, cuts_off_who_does_not_take_the_answer) {
    at_once = false;
    Client client(server->port(), 4096);
    client.send(kGet);
    ASSERT_TRUE(until([&] { return !requests.empty(); }));
    server->respond(requests[0].first, answer(std::string(8 << 20, 'x')));
    server->poll(now);
    ASSERT_EQ(server->connections(), 1U);
    now += 29 * kSecond;
    server->poll(now);
    EXPECT_EQ(server->connections(), 1U);
    now += 2 * kSecond;
    server->poll(now);
    EXPECT_EQ(server->connections(), 0U);
}

TEST_F(NetServer, says_431_and_413_before_all_came) {
    Client head(server->port());
    head.send("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(17000, 'a'));
    ASSERT_TRUE(until_got(head, "HTTP/1.1 431 "));
    Client body(server->port());
    body.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n" + std::string(100000, 'a'));
    ASSERT_TRUE(until_over(body));
    EXPECT_TRUE(body.got.starts_with("HTTP/1.1 413 ")) << body.got;
}

TEST_F(NetServer, continues_when_asked) {
    Client client(server->port());
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
    ASSERT_TRUE(until_got(client, "HTTP/1.1 100 Continue\r\n\r\n"));
    client.send("ab");
    ASSERT_TRUE(until_got(client, "ok"));
    EXPECT_EQ(requests.at(0).second.body, "ab");
}

TEST_F(NetServer, notices_who_leaves_while_served) {
    at_once = false;
    Client client(server->port());
    client.send(kGet);
    ASSERT_TRUE(until([&] { return !requests.empty(); }));
    client.leave();
    ASSERT_TRUE(until([&] { return !gone.empty(); }));
    EXPECT_EQ(gone.front(), requests.front().first);
    server->respond(requests.front().first, answer());
    ASSERT_TRUE(until([&] { return server->connections() == 0; }));
}

TEST_F(NetServer, answers_who_only_ended_its_side) {
    at_once = false;
    Client client(server->port());
    client.send(kGet);
    client.finish();
    ASSERT_TRUE(until([&] { return !requests.empty() && !gone.empty(); }));
    server->respond(requests.front().first, answer());
    ASSERT_TRUE(until_over(client));
    EXPECT_NE(client.got.find("ok"), std::string::npos);
}

TEST_F(NetServer, says_503_to_too_many) {
    Limits limits;
    limits.connections = 2;
    start(limits);
    Client first(server->port());
    Client second(server->port());
    ASSERT_TRUE(until([&] { return server->connections() == 2; }));
    Client third(server->port());
    ASSERT_TRUE(until_got(third, "HTTP/1.1 503 "));
    EXPECT_NE(third.got.find("Retry-After: 1\r\n"), std::string::npos);
    third.leave();
    first.leave();
    ASSERT_TRUE(until([&] { return server->connections() == 1; }));
    Client fourth(server->port());
    fourth.send(kGet);
    EXPECT_TRUE(until_got(fourth, "ok"));
}

TEST_F(NetServer, holds_no_more_than_it_may) {
    Limits limits;
    limits.held_bytes = 1000;
    start(limits);
    Client client(server->port());
    client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000\r\n\r\n" + std::string(2000, 'a'));
    ASSERT_TRUE(until_got(client, "HTTP/1.1 503 "));
}

TEST_F(NetServer, leaves_bodies_out_of_answers_to_head) {
    Client client(server->port());
    client.send("HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    ASSERT_TRUE(until_over(client));
    EXPECT_NE(client.got.find("Content-Length: 2\r\n"), std::string::npos);
    EXPECT_TRUE(client.got.ends_with("Connection: close\r\n\r\n"));
}

TEST_F(NetServer, streams_until_one_side_ends) {
    at_once = false;
    Client client(server->port());
    client.send(kGet);
    ASSERT_TRUE(until([&] { return !requests.empty(); }));
    const ConnectionId id = requests.front().first;
    server->start_stream(id, http::Response());
    EXPECT_TRUE(server->write_stream(id, "first"));
    ASSERT_TRUE(until_got(client, "5\r\nfirst\r\n"));
    now += 3600 * kSecond;  // nobody is in a hurry
    server->poll(now);
    EXPECT_TRUE(server->write_stream(id, "second"));
    ASSERT_TRUE(until_got(client, "6\r\nsecond\r\n"));
    server->end_stream(id);
    ASSERT_TRUE(until_over(client));
    EXPECT_TRUE(client.got.ends_with("0\r\n\r\n"));
    EXPECT_FALSE(server->write_stream(id, "third"));
}

TEST_F(NetServer, drops_listeners_that_do_not_listen) {
    at_once = false;
    Client client(server->port(), 4096);
    client.send(kGet);
    ASSERT_TRUE(until([&] { return !requests.empty(); }));
    const ConnectionId id = requests.front().first;
    server->start_stream(id, http::Response());
    const std::string message(64 * 1024, 'm');
    int written = 0;
    while (written < 1000 && server->write_stream(id, message)) {
        ++written;
    }
    EXPECT_LT(written, 1000);
    server->poll(now);
    EXPECT_EQ(server->connections(), 0U);
}

// A client that has asked for a result, and the stream that it gets. It takes little by itself.
class NetResult : public NetServer {
protected:
    void begin(std::string_view request) {
        at_once = false;
        client = std::make_unique<Client>(server->port(), 4096);
        client->send(request);
        ASSERT_TRUE(until([&] { return !requests.empty(); }));
        id = requests.front().first;
        server->start_stream(id, http::Response(), Server::Stream::result);
    }
    // More than the kernel holds for the client.
    void fill() {
        while (server->unsent(id) < 8 * piece.size()) {
            ASSERT_TRUE(server->write_stream(id, piece));
            written += piece.size();
        }
    }
    std::size_t taken() { return client->receive().size(); }

    const std::string piece = std::string(64 * 1024, '~');
    std::size_t written = 0;
    std::unique_ptr<Client> client;
    ConnectionId id = 0;
};

TEST_F(NetResult, waits_for_slow_clients) {
    begin(kGet);
    fill();
    EXPECT_GT(server->unsent(id), Limits().stream_bytes);  // where a listener would have been dropped
    for (int turn = 0; turn < 5; ++turn) {
        now += 29 * kSecond;
        const std::size_t before = server->unsent(id);
        ASSERT_TRUE(until([&] { return taken(), server->unsent(id) < before; }));
        fill();
    }
    server->end_stream(id);
    ASSERT_TRUE(until_over(*client));
    EXPECT_TRUE(client->got.ends_with("0\r\n\r\n"));
    EXPECT_EQ(count(client->got, "~"), static_cast<int>(written));
    EXPECT_TRUE(gone.empty());
    EXPECT_EQ(server->unsent(id), 0U);
}

TEST_F(NetResult, ends_for_who_takes_nothing) {
    begin(kGet);
    fill();
    now += 29 * kSecond;
    server->poll(now);
    EXPECT_TRUE(gone.empty());
    now += 2 * kSecond;
    server->poll(now);
    server->poll(now);
    EXPECT_EQ(gone, std::vector<ConnectionId>{id});
    EXPECT_EQ(server->connections(), 0U);
    EXPECT_FALSE(server->write_stream(id, piece));
}

TEST_F(NetResult, has_no_deadline_while_the_writer_is_slow) {
    begin(kGet);
    ASSERT_TRUE(server->write_stream(id, "1"));
    ASSERT_TRUE(until_got(*client, "1\r\n1\r\n"));
    now += 3600 * kSecond;
    server->poll(now);
    ASSERT_TRUE(server->write_stream(id, "2"));
    ASSERT_TRUE(until_got(*client, "1\r\n2\r\n"));
    EXPECT_TRUE(gone.empty());
}

TEST_F(NetResult, is_seen_to_be_cut_off) {
    begin(kGet);
    ASSERT_TRUE(server->write_stream(id, "1"));
    server->cut_stream(id);
    ASSERT_TRUE(until_over(*client));
    EXPECT_TRUE(client->got.ends_with("1\r\n1\r\n"));
    EXPECT_FALSE(client->reset);
    EXPECT_FALSE(server->write_stream(id, "2"));
    server->cut_stream(id);
}

TEST_F(NetResult, is_seen_to_be_cut_off_without_chunks) {
    begin("GET / HTTP/1.0\r\n\r\n");
    ASSERT_TRUE(server->write_stream(id, "1"));
    server->cut_stream(id);
    ASSERT_TRUE(until_over(*client));
    EXPECT_TRUE(client->reset);
}

// As when the process is killed: whatever closes the connection, its end does not look like that of a whole answer.
TEST_F(NetResult, is_seen_to_be_unfinished_without_chunks) {
    begin("GET / HTTP/1.0\r\n\r\n");
    ASSERT_TRUE(server->write_stream(id, "1"));
    ASSERT_TRUE(until_got(*client, "1"));
    server.reset();
    while (!client->over) {
        client->receive();
    }
    EXPECT_TRUE(client->reset);
}

TEST_F(NetResult, of_a_client_that_sends_no_more_is_seen_to_be_unfinished) {
    begin("GET / HTTP/1.0\r\n\r\n");
    ASSERT_TRUE(server->write_stream(id, "1"));
    client->finish();
    ASSERT_TRUE(until_over(*client));
    EXPECT_TRUE(client->reset);
}

TEST_F(NetResult, ends_as_a_whole_without_chunks) {
    begin("GET / HTTP/1.0\r\n\r\n");
    ASSERT_TRUE(server->write_stream(id, "1"));
    server->end_stream(id);
    ASSERT_TRUE(until_over(*client));
    EXPECT_TRUE(client->got.ends_with("\r\n\r\n1"));
    EXPECT_FALSE(client->reset);
}

TEST_F(NetServer, drains) {
    at_once = false;
    Client idle(server->port());
    Client served(server->port());
    served.send(kGet);
    ASSERT_TRUE(until([&] { return !requests.empty() && server->connections() == 2; }));
    server->stop_listening();
    server->begin_draining();
    ASSERT_TRUE(until_over(idle));
    server->respond(requests.front().first, answer());
    ASSERT_TRUE(until_over(served));
    EXPECT_NE(served.got.find("Connection: close"), std::string::npos);
}

TEST_F(NetServer, keeps_its_socket_when_another_is_refused) {
    const std::uint16_t port = server->port();
    EXPECT_THROW(server->listen("203.0.113.1", 1), Error);
    EXPECT_THROW(server->listen("example.com", 1), Error);
    EXPECT_EQ(server->port(), port);
}

}  // namespace
}  // namespace analytics::net
