// SPDX-License-Identifier: Apache-2.0

/*
 * The C++ face: the signatures that tt-metal calls, that each call becomes the message of the same name, and that a
 * question without a server throws. What the messages look like in detail is tested with the C library.
 */

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/allocation_client.hpp"

using tt::tt_metal::AllocationClient;

static_assert(noexcept(AllocationClient::is_enabled()));
static_assert(noexcept(AllocationClient::report_allocation(0, 0, 0, 0)));
static_assert(noexcept(AllocationClient::report_deallocation(0, 0)));
static_assert(noexcept(AllocationClient::report_cb_allocation(0, 0, 0)));
static_assert(noexcept(AllocationClient::report_cb_deallocation(0, 0, 0)));
static_assert(noexcept(AllocationClient::report_kernel_load(0, 0, 0)));
static_assert(noexcept(AllocationClient::report_kernel_unload(0, 0, 0)));
static_assert(!std::is_default_constructible_v<AllocationClient>);

#define REQUIRE(condition)                                                                                             \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                               \
            std::exit(1);                                                                                              \
        }                                                                                                              \
    } while (0)

namespace
{

int listen_at(const std::string &path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(listener, reinterpret_cast<sockaddr *>(&address), sizeof(address)) == 0);
    REQUIRE(listen(listener, 8) == 0);
    return listener;
}

template <typename Frame> Frame receive(int fd)
{
    Frame frame;
    static_assert(sizeof(frame) == TT_ALLOC_FRAME_112);
    REQUIRE(recv(fd, &frame, sizeof(frame), MSG_WAITALL) == static_cast<ssize_t>(sizeof(frame)));
    return frame;
}

void expect_report(int fd, tt_alloc_type type, int32_t device, uint64_t size, uint8_t buffer_type, uint64_t id)
{
    const auto head = receive<tt_alloc_message>(fd).head;
    REQUIRE(head.type == type && head.device_id == device && head.size == size);
    REQUIRE(head.buffer_type == buffer_type && head.buffer_id == id && head.process_id == getpid());
}

void welcome(int fd, uint64_t features)
{
    tt_alloc_hello frame{};

    REQUIRE(receive<tt_alloc_hello>(fd).type == TT_ALLOC_HELLO);
    frame.type = TT_ALLOC_WELCOME;
    frame.magic = TT_ALLOC_MAGIC;
    frame.version = TT_ALLOC_PROTOCOL_VERSION;
    frame.features = features;
    REQUIRE(send(fd, &frame, sizeof(frame), MSG_NOSIGNAL) == sizeof(frame));
}

/* An older server, which is told in frames. */
void test_reports(int listener)
{
    REQUIRE(AllocationClient::is_enabled());
    AllocationClient::report_allocation(1, 2048, TT_ALLOC_TRACE, 10);
    const int fd = accept(listener, nullptr, nullptr);
    welcome(fd, TT_ALLOC_FEATURE_FREE_REGION);
    expect_report(fd, TT_ALLOC_ALLOC, 1, 2048, TT_ALLOC_TRACE, 10);

    AllocationClient::report_deallocation(2, 11);
    AllocationClient::report_cb_allocation(3, 64, 12);
    AllocationClient::report_cb_deallocation(4, 65, 13);
    AllocationClient::report_kernel_load(5, 100, 14);
    AllocationClient::report_kernel_load(5, 100, 14, 2);
    AllocationClient::report_kernel_unload(6, 101, 15);
    expect_report(fd, TT_ALLOC_FREE, 2, 0, TT_ALLOC_REGION_UNKNOWN, 11);
    expect_report(fd, TT_ALLOC_CB_ALLOC, 3, 64, 0, 12);
    expect_report(fd, TT_ALLOC_CB_FREE, 4, 65, 0, 13);
    expect_report(fd, TT_ALLOC_KERNEL_LOAD, 5, 100, 0, 14);
    expect_report(fd, TT_ALLOC_KERNEL_LOAD, 5, 100, 2, 14);
    expect_report(fd, TT_ALLOC_KERNEL_UNLOAD, 6, 101, 0, 15);
}

void answer_query(int listener)
{
    const int fd = accept(listener, nullptr, nullptr);
    tt_alloc_message response{};

    welcome(fd, 0);
    response.head.type = TT_ALLOC_RESPONSE;
    response.head.device_id = receive<tt_alloc_message>(fd).head.device_id;
    response.head.dram_allocated = 1;
    response.head.l1_allocated = 2;
    response.head.l1_small_allocated = 3;
    response.head.trace_allocated = 4;
    REQUIRE(send(fd, &response, sizeof(response), MSG_NOSIGNAL) == sizeof(response));
    close(fd);
}

void test_query(int listener)
{
    std::thread server(answer_query, listener);
    const auto totals = AllocationClient::query_device(7);
    server.join();
    REQUIRE(totals.dram == 1 && totals.l1 == 2 && totals.l1_small == 3 && totals.trace == 4);
}

void test_query_without_server()
{
    try {
        AllocationClient::query_device(0);
    } catch (const std::system_error &error) {
        REQUIRE(error.code().value() == ENOENT);
        return;
    }
    REQUIRE(false && "no exception");
}

} // namespace

int main()
{
    char directory[] = "/tmp/tt-alloc-test-XXXXXX";
    REQUIRE(mkdtemp(directory) != nullptr);
    const std::string path = std::string(directory) + "/socket";
    setenv("TT_ALLOC_SOCKET", path.c_str(), 1);
    setenv("TT_ALLOC_TRACKING_ENABLED", "1", 1);
    alarm(60);

    const int listener = listen_at(path);
    test_reports(listener);
    test_query(listener);
    close(listener);
    unlink(path.c_str());
    test_query_without_server();
    rmdir(directory);
    return 0;
}
