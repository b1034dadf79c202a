# SPDX-License-Identifier: Apache-2.0
"""pytest plugin: what a test may hold of device memory, and what it may leave behind.

    @pytest.mark.tt_memory(dram="10G", l1="64M", leaks=0)
    def test_matmul(): ...

    PYTHONPATH=.../client/python pytest -p tt_alloc_pytest

dram, l1, host: the most that a process may hold of the pool of one device while the test runs (its call, without
fixtures). Bytes, or a text with K, M, G or T behind it, in powers of 1024. More fails the test.

leaks: so many buffers may be left. Counted are buffers that were allocated since the test's fixtures were set up and are
live after they were torn down, and those that child processes left when they ended meanwhile. More is an error of the
test's teardown. Garbage is collected before.

The figures are tt-allocation-server's, so the allocating code has to report to it. The plugin sets
TT_ALLOC_TRACKING_ENABLED=1 if the variable is not set. A test that could not be checked, because no server answers or
because nothing reported, runs as ever; the summary counts it and says why. With --tt-memory=require it fails, so that
nothing passes because nobody looked. --tt-memory=off checks nothing. Of several markers the one closest to the test counts,
and the others do not.

Processes of a test are told from all others by TT_ALLOC_JOB (set if it is not). Under xdist only the worker's own
process counts, because the children of other workers cannot be told from its own. Under `tt-smi run`, which needs the
peaks of whole processes, peaks are not reset between tests: where an earlier test held more than the limit of a later
one, the later one could not be checked.

One file beside tt_alloc.py; standard library and pytest only.
"""

import gc
import os
import re
import secrets

import pytest

import tt_alloc

_POOLS = ("dram", "l1", "host")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_BEFORE, _PASSED = pytest.StashKey(), pytest.StashKey()
_SIZE = re.compile(r"(\d+)(\.\d+)?([KMGT]?)(?:iB)?", re.IGNORECASE)
_OUR_JOB = "TT_ALLOC_PYTEST_JOB"  # tells workers of xdist that the job is of no run around them
_LINES = 10  # of a list of what was left


def pytest_addoption(parser):
    parser.getgroup("tt-alloc").addoption(
        "--tt-memory", choices=("auto", "require", "off"), default="auto",
        help="auto: check tests marked tt_memory where possible (default); require: fail those that cannot be checked;"
        " off: check nothing")


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "tt_memory(dram=SIZE, l1=SIZE, host=SIZE, leaks=N): the most device memory that a process may hold in"
        " the test, and how many buffers may be left")
    if config.getoption("--tt-memory") != "off":
        config.pluginmanager.register(_Plugin(config), "tt-memory")


def _parse_size(name, size):
    if isinstance(size, int) and not isinstance(size, bool) and size >= 0:
        return size
    match = _SIZE.fullmatch(size) if isinstance(size, str) else None
    if not match:
        raise pytest.UsageError(f"tt_memory: {name} takes bytes or a text such as '10G', not {size!r}")
    return int(float(match[1] + (match[2] or "")) * _UNITS[match[3].upper()])


class _Limits:
    """A marker's arguments."""

    def __init__(self, marker):
        values = dict(marker.kwargs)
        self.leaks = values.pop("leaks", None)
        self.pools = {pool: _parse_size(pool, values.pop(pool)) for pool in _POOLS if pool in values}
        if marker.args or values:
            raise pytest.UsageError(f"tt_memory takes dram=, l1=, host= and leaks=, not {[*marker.args, *values]}")
        is_number = isinstance(self.leaks, int) and not isinstance(self.leaks, bool)
        if self.leaks is not None and not (is_number and self.leaks >= 0):
            raise pytest.UsageError(f"tt_memory: leaks takes a number of buffers, not {self.leaks!r}")


class _Picture:
    """What the server says about the processes of a job."""

    def __init__(self, job):
        self.live = {entry["serial"]: entry for entry in tt_alloc.processes() if _is_ours(entry, job)}
        self.ended = {entry["serial"]: entry for entry in tt_alloc.ended() if _is_ours(entry, job)}
        self.buffers = {
            (buffer["serial"], buffer["device"], buffer["region"], buffer["buffer_id"]): buffer["size"]
            for pid in {entry["pid"] for entry in self.live.values() if entry["buffers"]}
            for buffer in _buffers_of(pid) if buffer["serial"] in self.live
        }

    def use(self, pool):
        """(live bytes, peak) of the pool by process and device."""
        return {
            (serial, device["device"]): (device["pools"][pool]["bytes"], device["pools"][pool]["peak_bytes"])
            for serial, entry in {**self.live, **self.ended}.items() for device in entry["devices"]
        }

    def is_inexact(self):
        return any(entry["inexact"] for entry in {**self.live, **self.ended}.values())

    def reset_own_peaks(self):
        """Those of this process only: its children begin with none."""
        for entry in self.live.values():
            for device in entry["devices"] if entry["label_pid"] == os.getpid() else []:
                tt_alloc.reset_peak_memory_stats(device["logical_id"])

    def left_since(self, before):
        """What is there that was not there before, in words, and how many buffers that is."""
        new = {key: size for key, size in self.buffers.items() if key not in before.buffers}
        lines = [f"device {device}, {region}, {_human(size)} at {address:#x}"
                 for (_, device, region, address), size in sorted(new.items(), key=lambda buffer: -buffer[1])]
        ended = [entry for serial, entry in self.ended.items() if serial not in before.ended and entry["buffers"]]
        lines += [f"{entry['buffers']} buffers of pid {entry['pid']}, which has ended: {entry['command']}"
                  for entry in ended]
        return lines, len(new) + sum(entry["buffers"] for entry in ended)


def _buffers_of(pid):
    try:
        return tt_alloc.buffers(pid=pid)
    except tt_alloc.NotFoundError:  # it has just ended
        return []


def _is_ours(entry, job):
    if "PYTEST_XDIST_WORKER" in os.environ:
        return entry["job"] == job and entry["label_pid"] == os.getpid()
    return entry["job"] == job


class _Plugin:
    def __init__(self, config):
        self._requires = config.getoption("--tt-memory") == "require"
        job = os.environ.get("TT_ALLOC_JOB")
        self._keeps_peaks = job is not None and job != os.environ.get(_OUR_JOB)
        self._checked, self._unchecked = set(), {}
        # For libraries that are loaded later, and for children.
        os.environ.setdefault("TT_ALLOC_TRACKING_ENABLED", "1")
        if job is None:
            job = os.environ["TT_ALLOC_JOB"] = os.environ[_OUR_JOB] = f"{secrets.randbits(64) or 1:016x}"
        self._job = job.lower().rjust(16, "0")

    # Around a test. The call comes after the fixtures; leaks are looked for when these are gone. What comes last is not
    # called where the test itself failed.

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self, item):
        item.stash[_BEFORE] = None
        limits = self._limits_of(item)
        if limits:
            item.stash[_BEFORE] = self._look(item, reset=bool(limits.pools))

    @pytest.hookimpl(trylast=True, specname="pytest_runtest_call")
    def pytest_runtest_call_last(self, item):
        if item.stash[_BEFORE]:
            self._check_peaks(item, self._limits_of(item), item.stash[_BEFORE])
            item.stash[_PASSED] = True

    @pytest.hookimpl(trylast=True, specname="pytest_runtest_teardown")
    def pytest_runtest_teardown_last(self, item):
        if item.stash.get(_PASSED, False):
            self._check_leaks(item, self._limits_of(item), item.stash[_BEFORE])

    @staticmethod
    def _limits_of(item):
        marker = item.get_closest_marker("tt_memory")
        return _Limits(marker) if marker else None

    def _look(self, item, reset=False):
        """None: the test cannot be checked."""
        try:
            picture = _Picture(self._job)
            if reset and not self._keeps_peaks:
                picture.reset_own_peaks()
                picture = _Picture(self._job)
            return picture
        except tt_alloc.TTAllocError as reason:
            self._give_up(item, str(reason))
            return None

    def _give_up(self, item, reason):
        self._unchecked[item.nodeid] = reason
        if self._requires:
            pytest.fail(f"tt_memory: this test could not be checked: {reason}", pytrace=False)

    # The checks

    def _check_peaks(self, item, limits, before):
        after = self._look(item)
        if not after:
            return
        if not after.live and not after.ended:
            self._give_up(item, "no process reported anything")
        elif after.is_inexact():
            self._give_up(item, "reports were lost")
        else:
            self._checked.add(item.nodeid)
            for pool, limit in limits.pools.items():
                self._check_pool(item, pool, limit, before.use(pool), after.use(pool))

    def _check_pool(self, item, pool, limit, before, after):
        for (serial, device), (_, peak) in after.items():
            live_before, peak_before = before.get((serial, device), (0, 0))
            if peak > max(limit, peak_before) or live_before > limit:
                pytest.fail(f"tt_memory: {pool} of device {device} held {_human(peak)}, limit {_human(limit)}",
                            pytrace=False)
            elif peak > limit:
                self._give_up(item, "an earlier test held more, and the peak of its process was not reset")

    def _check_leaks(self, item, limits, before):
        if limits.leaks is None:
            return
        gc.collect()
        after = self._look(item)
        lines, count = after.left_since(before) if after else ([], 0)
        if count > limits.leaks:
            pytest.fail("\n".join([f"tt_memory: {count} buffers were left, allowed {limits.leaks}", *lines[:_LINES]]),
                        pytrace=False)

    # The summary. Under xdist workers have no terminal, and tell the process that has one.

    def pytest_sessionfinish(self, session):
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["tt_memory"] = (list(self._checked), self._unchecked)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node):
        checked, unchecked = getattr(node, "workeroutput", {}).get("tt_memory", ((), {}))
        self._checked.update(checked)
        self._unchecked.update(unchecked)

    def pytest_terminal_summary(self, terminalreporter):
        if not self._checked and not self._unchecked:
            return
        checked = len(self._checked - self._unchecked.keys())
        terminalreporter.write_line(f"tt_memory: {checked} tests checked, {len(self._unchecked)} could not be")
        for reason in sorted(set(self._unchecked.values())):
            terminalreporter.write_line(f"tt_memory: not checked: {reason}")


def _human(size):
    for unit in "", "K", "M", "G":
        if size < 1024:
            return f"{size:.1f}{unit}" if unit else f"{size}"
        size /= 1024
    return f"{size:.1f}T"
