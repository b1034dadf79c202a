// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The C++ face of libtt-alloc: the calls that tt-metal's allocation tracking makes, as static functions of one class,
 * and the question for a device's totals. Header only; link with -ltt-alloc. tt_alloc.h is the manual: what a report
 * means, the environment variables, threads, fork.
 *
 * Reporting never throws, never fails, and costs one branch where it is off.
 */

#include <cstdint>
#include <system_error>

#include "tt_alloc.h"

namespace tt::tt_metal
{

class AllocationClient
{
  public:
    /* Live bytes of one device over all processes. */
    struct DeviceTotals {
        std::uint64_t dram;
        std::uint64_t l1;
        std::uint64_t l1_small;
        std::uint64_t trace;
    };

    AllocationClient() = delete;

    static bool is_enabled() noexcept
    {
        return tt_alloc_is_enabled();
    }

    static void report_allocation(int device_id, std::uint64_t size, std::uint8_t buffer_type,
                                  std::uint64_t buffer_id) noexcept
    {
        tt_alloc_report_allocation(device_id, size, buffer_type, buffer_id);
    }

    static void report_deallocation(int device_id, std::uint64_t buffer_id) noexcept
    {
        tt_alloc_report_deallocation(device_id, buffer_id);
    }

    static void report_cb_allocation(int device_id, std::uint64_t size, std::uint64_t cb_id) noexcept
    {
        tt_alloc_report_cb_allocation(device_id, size, cb_id);
    }

    static void report_cb_deallocation(int device_id, std::uint64_t size, std::uint64_t cb_id) noexcept
    {
        tt_alloc_report_cb_deallocation(device_id, size, cb_id);
    }

    /* size: over all cores; kernel_type: 0 application, 1 fabric, 2 dispatch. */
    static void report_kernel_load(int device_id, std::uint64_t size, std::uint64_t kernel_id,
                                   std::uint8_t kernel_type = 0) noexcept
    {
        tt_alloc_report_kernel_load(device_id, size, kernel_id, kernel_type);
    }

    static void report_kernel_unload(int device_id, std::uint64_t size, std::uint64_t kernel_id) noexcept
    {
        tt_alloc_report_kernel_unload(device_id, size, kernel_id);
    }

    /*
     * Asks the server, whether or not reporting is on, over a connection of its own. id is this process's own number of
     * a device it reported on, else the server's; an unknown device gives zeros. Throws std::system_error with the
     * errno of tt_alloc_connect() or tt_alloc_query_device() in the generic category if the server cannot be asked.
     */
    static DeviceTotals query_device(int id)
    {
        tt_alloc_connection *connection = nullptr;
        tt_alloc_device_totals totals{};

        check(tt_alloc_connect(nullptr, &connection), "cannot reach the allocation server");
        const int r = tt_alloc_query_device(connection, id, &totals);
        tt_alloc_disconnect(connection);
        check(r, "cannot ask the allocation server about a device");
        return {totals.dram, totals.l1, totals.l1_small, totals.trace};
    }

  private:
    static void check(int r, const char *what)
    {
        if (r < 0) {
            throw std::system_error(-r, std::generic_category(), what);
        }
    }
};

} // namespace tt::tt_metal
