# SPDX-License-Identifier: Apache-2.0
"""Compares what the server says with what the clients wrote down.

Of a client at rest: its buffers, one by one, and its bytes per region. Of one that ended: what LIST_ENDED and the log
say it left, once per life of the server. Of all together: reports made = reports taken in + reports counted as lost.
"""

import collections
import re
import time

import journal
import raw
from population import EXITED, HUNG_UP, ROGUE_UID
from service import PATIENCE

REGION = 0
SOON = 5  # seconds between a death and our noticing it
OUTCOMES = "allocations frees unknown_free overtaken"
OUTCOMES += " refused_device refused_size refused_region refused_limit refused_memory"
POOLS = {
    "TT_DRAM_BYTES": (raw.DRAM, raw.TRACE),
    "TT_L1_BYTES": (raw.L1, raw.L1_SMALL, raw.CB),
    "TT_HOST_BYTES": (raw.SYSTEM_MEMORY,),
}

# What the log says of an end, of a user's silence, and of itself.
LEAK = re.compile(
    r"Process (?P<pid>\d+) \(.*, uid (?P<uid>\d+)\) (exited|closed its connection) but left"
    r" (?P<at_most>at most )?(?P<buffers>\d+) buffers? allocated"
)
SILENCE = re.compile(r"uid (?P<uid>\d+) leaves buffers faster than they can be logged")
LOSS = re.compile(r"(?P<lines>\d+) log lines? (was|were) lost")

Left = collections.namedtuple("Left", "held reports is_inexact lost")


def sums_of(usage):
    """{(device, region): (buffers, bytes)} without zeros, of the USAGE records of an entry."""
    return {
        (device, region): (record["buffers"], record["bytes"])
        for (device, kind, region), record in usage.items()
        if kind == REGION and record["buffers"]
    }


def reports_in(usage):
    """How many reports the server knows of. No client frees what it does not hold, so there are no others."""
    return sum(record["allocations"] + record["frees"] for (_, kind, _), record in usage.items() if kind == REGION)


def left_by(record):
    is_inexact = bool(record["flags"] & raw.INEXACT)
    return Left(sums_of(record["usage"]), reports_in(record["usage"]), is_inexact, record["lost"])


def is_true(left, client):
    """Whether what is said to be left is what the client's journal says."""
    return any(
        left.held == state.held and (left.reports == state.made or left.is_inexact) for state in client.states
    )


def buffers_of(held):
    return sum(buffers for buffers, _ in held.values())


def pools_of(held):
    """The bytes of the journal's fields of a leak report."""
    return {
        name: sum(bytes_ for (_, region), (_, bytes_) in held.items() if region in regions)
        for name, regions in POOLS.items()
    }


def difference(said, wanted):
    """What of two dictionaries differs, in so many words as fit on a line."""
    keys = sorted(key for key in said.keys() | wanted.keys() if said.get(key) != wanted.get(key))
    told = "; ".join(f"{key}: {said.get(key)} instead of {wanted.get(key)}" for key in keys[:4])
    return f"{len(keys)} differ: {told}" if keys else "as they should be"


class Checker:
    def __init__(self, service, population, seed):
        self._service, self._population, self._seed = service, population, seed
        self.mismatches = []
        self.counts = collections.Counter()
        self.lost_uncounted = 0

    def mismatch(self, what, client=None):
        history = f"; history: {', '.join(client.history[-12:])}" if client else ""
        said = f"{client or 'server'}: {what} (seed {self._seed}{history})"
        self.mismatches.append(said)
        print(f"MISMATCH  {said}", flush=True)

    # A client at rest

    def check_at_rest(self, client):
        """Tells it to be quiet and asks what it holds, and whether that is right. It is not told to go on; one that is
        known wrongly is given up, since it would be found again and again."""
        deadline = time.monotonic() + PATIENCE
        at = None
        while True:
            life = self._service.life()
            if life is not at:
                self._population.wait(client, self._population.tell(client, journal.QUIET))
                at = life
            said = self._said_of(client)
            wanted, made = client.book.buffers(), client.book.word("made")
            if said == (life, wanted, journal.add_up(wanted), False, made) or self._is_rightly_unknown(client, said, made):
                break
            if said and said[0] is life and self._must_be_exact(client, life, said[3]):
                return self._give_up(client, f"at rest, in {life}: {self._error(said, wanted, made)}")
            if time.monotonic() > deadline:
                return self._give_up(client, f"at rest for {PATIENCE} s, in {life}: {self._error(said, wanted, made)}")
            time.sleep(0.02)
        client.exact_in.add(life)
        self.counts["clients found exact at rest"] += 1
        return True

    @staticmethod
    def _is_rightly_unknown(client, said, made):
        """An older client was told to rest before its first report: it says nothing but those."""
        return not said and made == 0 and client.kind in journal.OLDER

    @staticmethod
    def _error(said, wanted, made):
        if not said:
            return f"it is not known, with {made} reports made"
        _, buffers, _, is_inexact, reports = said
        return f"{reports} of {made} reports; inexact: {is_inexact}; buffers: {difference(buffers, wanted)}"

    def _give_up(self, client, what):
        self.mismatch(what, client)
        client.is_given_up = True
        self._population.kill(client)
        self._population.wait_for_ends(lambda: client.reason)
        return False

    def _must_be_exact(self, client, life, is_inexact):
        """One that has been told of is right or marked as not. What went into a socket may still be on its way, and
        who lost reports through one tells of it with the next resync."""
        return life in client.exact_in and not is_inexact and client.kind not in (journal.SOCKET, journal.PYTHON)

    def _said_of(self, client):
        """(life, buffers, sums, whether inexact, reports) or None."""

        def question(connection, life):
            processes = connection.list(raw.LIST_PROCESSES, process_id=client.pid).records
            if not processes:
                return None
            (process,) = connection.entries(raw.LIST_PROCESSES, process_id=client.pid)
            buffers = {
                (record["device_id"], record["region"], record["buffer_id"]): (record["size"], record["references"])
                for record in connection.records(raw.LIST_BUFFERS, process_id=client.pid)
            }
            usage, is_inexact = process["usage"], bool(process["flags"] & raw.INEXACT)
            return life, buffers, sums_of(usage), is_inexact, reports_in(usage)

        return self._service.ask(question)

    def check_everybody(self):
        return all([self.check_at_rest(client) for client in list(self._population.living)])

    # Sums

    def check_sums(self):
        """Everybody is at rest: each device's row is the sum of its processes, and each report has one outcome."""

        def question(connection, life):
            devices = connection.entries(raw.LIST_DEVICES)
            return life, devices, connection.entries(raw.LIST_PROCESSES), connection.figures()

        life, devices, processes, figures = self._service.ask(question)
        rows, sums = {}, collections.defaultdict(lambda: (0, 0))
        for device in devices:
            rows.update(sums_of(device["usage"]))
        for process in processes:
            for key, (buffers, bytes_) in sums_of(process["usage"]).items():
                sums[key] = sums[key][0] + buffers, sums[key][1] + bytes_
        if rows != sums:
            what = difference(rows, dict(sums))
            self.mismatch(f"in {life} the devices' rows are not the sums of the processes: {what}")
        if figures["reports"] != sum(figures[name] for name in OUTCOMES.split()):
            self.mismatch(f"in {life} reports and their outcomes do not add up: {figures}")
        self.counts["sums found right"] += 1

    def check_books(self, made_between, disturb):
        """Everybody is at rest, makes reports while disturb() runs, and is at rest again. No report may be missing."""

        def known(figures):
            return figures["reports"] + figures["lost_reports"] + figures["caught_up"]

        before, made_before = self._service.figures(), self._made()
        made_between(disturb)
        if not self.check_everybody():
            return
        made = self._made() - made_before
        after = self._service.figures()
        lost = after["lost_reports"] - before["lost_reports"]
        missing = made + known(before) - known(after)
        if missing:
            self.lost_uncounted += abs(missing)
            self.mismatch(f"{made} reports were made, {lost} are counted as lost, and {missing} are not accounted for")
        self.counts["reports in closed books"] += made
        self.counts["reports in closed books, counted as lost"] += lost

    def _made(self):
        return sum(client.book.word("made") for client in self._population.living)

    # Ends

    def collect(self):
        """Takes in the list of ended processes, and judges what is new."""
        while self._population.crashes:
            client, status = self._population.crashes.pop()
            self.mismatch(f"it crashed, with status {status:#x}", client)
        self._service.figures()
        life, records = self._service.ask(lambda connection, life: (life, connection.entries(raw.LIST_ENDED)))
        self._population.reap()
        for record in records:
            if record["serial"] not in life.ended:
                life.ended[record["serial"]] = {**record, "is_logged": False}
                self._judge(life, record)

    def _judge(self, life, record):
        if record["uid"] == ROGUE_UID and record["process_id"] in self._population.rogue_pids:
            self.counts["ends of rogues"] += 1
            return
        left = left_by(record)
        client = self._find(life, record["process_id"], record["reason"], left)
        if client is None and record["reason"] == HUNG_UP and self._is_impatient(record["process_id"]):
            return
        if client is None:
            how = {EXITED: "exited", HUNG_UP: "closed its connection"}[record["reason"]]
            living = next((c for c in self._population.living if c.pid == record["process_id"]), None)
            self.mismatch(f"{life} says that PID {record['process_id']} {how}, and it did not: {left}", living)
            return
        client.records.append((life, record))
        self.counts["ends found in the list"] += 1
        if client.is_given_up:
            return
        self._judge_left(client, life, left)

    def _is_impatient(self, pid):
        """tt_alloc.py closes its connection to a server that does not read for a second, and comes back later."""
        living = [client for client in self._population.living if client.pid == pid]
        everybody = living + [client for client in self._population.ended if client.pid == pid]
        if not everybody or everybody[0].kind != journal.PYTHON:
            return False
        self.counts["connections given up by Python clients"] += 1
        everybody[0].exact_in.clear()
        return True

    def _find(self, life, pid, reason, left):
        """The client that this is about: if there are several, the first of which it is true."""
        found = [
            client
            for client in self._population.ended
            if client.pid == pid
            and client.reason == reason
            and not any(known is life for known, _ in client.records)
        ]
        return next(iter([client for client in found if is_true(left, client)] + found), None)

    def _judge_left(self, client, life, left):
        """Whether what is said of its end is what its journal says."""
        if is_true(left, client):
            self.counts["ends that were exact"] += 1
        elif left.is_inexact and (self._cannot_tell(client, life) or self._is_within(client, left)):
            self.counts["ends marked as inexact"] += 1
        elif left.reports == 0 and life not in client.exact_in:
            self.counts["ends before anything was told"] += 1
        else:
            self.mismatch(
                f"{life} says of its end: {left.reports} reports of {client.states[0].made}, {left.lost} lost,"
                f" inexact: {left.is_inexact}, {difference(left.held, client.states[0].held)}",
                client,
            )

    @staticmethod
    def _cannot_tell(client, life):
        """How much it is off: before it was told of once, or in a gap of the socket, of which only the first is told."""
        return life not in client.exact_in or client.kind == journal.SOCKET

    @staticmethod
    def _is_within(client, left):
        """Off by at most as many buffers as reports were lost."""
        return any(abs(buffers_of(left.held) - buffers_of(state.held)) <= left.lost for state in client.states)

    def check_all_reported(self):
        """Who is gone, and was known to this life, is in its list, once; and nobody is still thought to live."""
        deadline = time.monotonic() + PATIENCE
        while True:
            self.collect()
            life, known = self._service.ask(
                lambda connection, life: (life, connection.entries(raw.LIST_PROCESSES))
            )
            living = {process["process_id"] for process in known}
            ghosts = living - {client.pid for client in self._population.living}
            missing = [
                client
                for client in self._population.ended
                if life in client.exact_in and not any(known is life for known, _ in client.records)
            ]
            if not missing and not ghosts:
                return
            if time.monotonic() > deadline:
                break
            time.sleep(0.1)
        for client in missing:
            self.mismatch(f"{life} has never reported its end", client)
            client.exact_in.discard(life)
        if ghosts:
            self.mismatch(f"{life} takes for living: PIDs {sorted(ghosts)}")

    # The log

    def check_log(self):
        for entry in self._service.log():
            life, message = self._service.lives.get(int(entry["_PID"])), str(entry["MESSAGE"])
            if life is None:
                continue  # systemd's child before it has become the server
            if said := LEAK.match(message):
                self._judge_leak_report(life, entry, said)
            elif said := SILENCE.match(message):
                life.quiet_uids.add(int(said["uid"]))
            elif said := LOSS.match(message):
                life.lines_lost += int(said["lines"])
        self._find_unlogged()

    def _judge_leak_report(self, life, entry, said):
        if int(said["uid"]) == ROGUE_UID:
            return
        for record in life.ended.values():
            if record["process_id"] != int(said["pid"]) or record["is_logged"]:
                continue
            left = left_by(record)
            if self._says(entry, said, left.held) and left.is_inexact == bool(said["at_most"]):
                record["is_logged"] = True
                self.counts["leak reports checked"] += 1
                return
        self._judge_lone_report(life, entry, said)

    @staticmethod
    def _says(entry, said, held):
        """Whether words and fields tell of these buffers. A line that the journal had no room for has no fields."""
        if int(said["buffers"]) != buffers_of(held):
            return False
        fields = {"TT_BUFFERS": buffers_of(held), **pools_of(held)}
        return "MESSAGE_ID" not in entry or all(int(entry[name]) == value for name, value in fields.items())

    def _judge_lone_report(self, life, entry, said):
        """Its life ended before the list could be read: the client's journal alone tells whether it is true."""
        at = int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6
        ended = [client for client in self._population.ended if client.pid == int(said["pid"])]
        clients = [client for client in ended if client.ended_at < at + SOON]
        is_known = any(self._says(entry, said, state.held) for client in clients for state in client.states)
        if clients and (is_known or said["at_most"]) and life is not self._service.life():
            self.counts["leak reports checked"] += 1
        else:
            self.mismatch(f"{life} has logged what is not so: {entry['MESSAGE']}", ended[-1] if ended else None)

    def _find_unlogged(self):
        for life in self._service.lives.values():
            for record in life.ended.values():
                uid, was_logged = record["uid"], record["is_logged"]
                record["is_logged"] = True
                if was_logged or not record["buffers"] or uid == ROGUE_UID:
                    continue
                self.counts["leak reports left out for their number"] += 1
                if uid not in life.quiet_uids and not life.lines_lost:
                    what = f"PID {record['process_id']} left: {record['buffers']} buffers"
                    self.mismatch(f"{life} has not logged what {what}")
