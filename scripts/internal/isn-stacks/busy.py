#!/usr/bin/env python3
"""Other people's connections: RATE a second at random, from SOURCE to ADDRESS and
PORT, each ended at once: busy.py SOURCE ADDRESS PORT RATE. Stops by itself after two
minutes."""
import random
import select
import socket
import struct
import sys
import time

source, address, port, rate = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
end, open_ = time.monotonic() + 120, []
while time.monotonic() < end:
    s = socket.socket()
    s.setblocking(False)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.bind((source, 0))
    s.connect_ex((address, port))
    open_.append((time.monotonic(), s))
    pause = random.expovariate(rate)
    until = time.monotonic() + pause
    while (left := until - time.monotonic()) > 0:
        ready = select.select([], [s for _, s in open_], [], left)[1]
        open_ = [(t, s) for t, s in open_ if not (s in ready and (s.close() or True))]
    for t, s in open_:
        if t < time.monotonic() - 1:
            s.close()
    open_ = [(t, s) for t, s in open_ if s.fileno() >= 0]
