# SPDX-License-Identifier: Apache-2.0
"""What befalls clients and server: drawn from the seed, one thing after the other."""

import collections
import time

import journal

LIVING_MIN, LIVING_MAX = 10, 18
KINDS = (journal.RING, journal.RING, journal.RING, journal.SOCKET, journal.OLD_72, journal.OLD_112, journal.OLD_144)
KINDS += (journal.RING, journal.SOCKET, journal.PYTHON)
ROGUES = ("wild", "garbage", "frames", "storm", "deaf")
FLOOD = {journal.PYTHON: 2000, journal.RING: 400000, journal.SOCKET: 50000}


class Nemesis:
    def __init__(self, random_, service, population, checker):
        self._random, self._service = random_, service
        self._population, self._checker = population, checker
        self.faults = collections.Counter()
        self._on_clients = {
            "clients killed": (6, self._kill),
            "clients stopped": (4, self._stop),
            "clients that exit with buffers": (3, self._exit),
            "clients that free all and exit": (2, self._exit_cleanly),
            "forks": (3, self._fork),
            "execs": (3, self._exec),
            "connections hung up": (2, self._hang_up),
            "floods": (2, self._flood),
            "looks at a client at rest": (5, self._look),
        }
        self._on_server = {
            "rogues": (3, self._rogue),
            "stops of the server": (2, self._stop_server),
        }
        self._on_its_life = {
            "server killed": (4, self._kill_server),
            "server killed while stopped": (2, self._kill_stopped_server),
            "server restarted": (2, self._restart_server),
        }

    def populate(self):
        while len(self._population.living) < LIVING_MIN:
            self._population.spawn(self._random.choice(KINDS))

    def everybody(self):
        """One of each kind, so that every run has them all."""
        for kind in range(len(journal.KINDS)):
            self._population.spawn(kind)
        self.populate()

    def rage(self, seconds, with_restarts):
        deadline = time.monotonic() + seconds
        faults = {**self._on_clients, **self._on_server, **(self._on_its_life if with_restarts else {})}
        names, weights = list(faults), [weight for weight, _ in faults.values()]
        while time.monotonic() < deadline:
            (name,) = self._random.choices(names, weights)
            if faults[name][1]() is not False:
                self.faults[name] += 1
            time.sleep(self._random.uniform(0, 0.1))
            self._population.wake_up()
            self._population.reap()
            self.populate()

    def calm_down(self):
        self._population.wake_up(everybody=True)
        self._population.end_rogues()
        self._population.reap()

    # Clients

    def _some(self, kinds=range(len(journal.KINDS))):
        """A client that runs and is one of these; or None."""
        self._population.reap()
        fit = [client for client in self._population.living if client.kind in kinds and not client.stopped_until]
        return self._random.choice(fit) if fit else None

    def _kill(self):
        victim = self._random.choice(self._population.living)
        self._population.kill(victim)
        self._population.wait_for_ends(lambda: victim.reason)

    def _stop(self):
        victim = self._some()
        if not victim:
            return False
        self._population.stop(victim, self._random.uniform(0.05, 1.5))
        return True

    def _exit(self, command=journal.EXIT):
        client = self._some()
        if not client:
            return False
        self._population.tell(client, command)
        self._population.wait_for_ends(lambda: client.reason)
        return True

    def _exit_cleanly(self):
        return self._exit(journal.EXIT_CLEANLY)

    def _fork(self):
        client = self._some(range(journal.PYTHON))
        if not client or len(self._population.living) >= LIVING_MAX:
            return False
        self._population.fork(client)
        return True

    def _some_unshared(self, kinds):
        """A child that inherited an older client's connection keeps it open."""
        client = self._some(kinds)
        return None if client and client.kind in journal.OLDER and client.book.word("children") else client

    def _exec(self):
        client = self._some_unshared(range(journal.PYTHON))
        return client is not None and self._after_a_look(client, self._population.execute_anew)

    def _hang_up(self):
        client = self._some_unshared(journal.OLDER)
        return client is not None and self._after_a_look(client, self._population.hang_up)

    def _after_a_look(self, client, do):
        """What it holds must be known beyond doubt when it ends this way."""
        is_right = self._checker.check_at_rest(client)
        if is_right:
            do(client)
        return is_right

    def _flood(self):
        client = self._some()
        if not client:
            return False
        self._population.tell(client, journal.FLOOD, FLOOD.get(client.kind, 20000))
        return True

    def _look(self):
        client = self._some()
        if not client:
            return False
        if self._checker.check_at_rest(client):
            self._population.tell(client, journal.RUN)
        return True

    # Others

    def _rogue(self):
        if len(self._population.rogues) >= 2:
            return False
        sort = self._random.choice(ROGUES)
        self._population.spawn_rogue(sort, self._random.uniform(0.2, 2))
        self.faults[f"rogues, {sort}"] += 1
        return False

    def _stop_server(self):
        self._service.stop_for(self._random.uniform(0.02, 0.8))

    def _kill_server(self):
        self._checker.collect()
        self._service.kill()

    def _kill_stopped_server(self):
        self._checker.collect()
        self._service.kill(after_stop=self._random.uniform(0.02, 0.5))

    def _restart_server(self):
        self._checker.collect()
        self._service.restart()

    # While the books are watched

    def disturb(self):
        """No report is lost for good by any of this."""
        for _ in range(self._random.randrange(3)):
            self._stop_server()
            time.sleep(self._random.uniform(0, 0.1))
