# SPDX-License-Identifier: Apache-2.0
"""What a program says on a pipe, line by line.

A thread takes it in as it comes, and whoever looks does so himself before he looks: what a server had written before it
answered a question is there when the answer is.
"""

import os
import re
import select
import threading


class LogPipe:
    def __init__(self):
        self._lines = []
        self._news = threading.Condition()
        self._thread = None
        self._stream = None
        self._rest = b""

    def follow(self, stream):
        """From now on, to its end. A binary stream, which is closed then."""
        os.set_blocking(stream.fileno(), False)
        self._stream = stream
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self):
        arrival = select.poll()
        arrival.register(self._stream, select.POLLIN)
        while self._take():
            arrival.poll()
        with self._news:
            self._stream.close()
            self._stream = None

    def _take(self):
        """What has arrived. Whether there may be more."""
        with self._news:
            while self._stream:
                try:
                    piece = os.read(self._stream.fileno(), 1 << 16)
                except BlockingIOError:
                    return True
                *lines, self._rest = (self._rest + piece).split(b"\n")
                if not piece and self._rest:
                    lines, self._rest = [self._rest], b""
                self._lines += [line.decode(errors="replace") for line in lines]
                self._news.notify_all()
                if not piece:
                    break
            return False

    def lines(self):
        self._take()
        with self._news:
            return list(self._lines)

    def find(self, pattern, patience):
        """The first line so far, or to come, that matches; None if there is none in time."""
        expression = re.compile(pattern)

        def look():
            return next((match for match in map(expression.search, self._lines) if match), None)

        with self._news:
            return self._news.wait_for(look, patience)

    def join(self, patience):
        """Until nobody can write to it any more."""
        self._thread.join(patience)
        assert not self._thread.is_alive(), "somebody holds the pipe of the log open"
