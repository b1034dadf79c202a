/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the sanitizers are told in every target: a finding ends in abort(), where both fuzzers keep the input, and what
 * was freed is not kept for long, because most of the time would go into fresh memory.
 */

const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

const char *__asan_default_options(void)
{
    return "abort_on_error=1:quarantine_size_mb=4:malloc_context_size=8";
}

const char *__ubsan_default_options(void)
{
    return "abort_on_error=1:print_stacktrace=1";
}
