#!/usr/bin/env python3
"""Carries frames between interface A and interface or passt socket B, late by
DELAY ms each way, and loses LOSS percent of them: relay.py A B DELAY LOSS."""
import heapq
import random
import select
import socket
import struct
import sys
import time


class Interface:
    def __init__(self, name):
        self.s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.s.bind((name, 3))

    def read(self):
        try:
            frame, at = self.s.recvfrom(65536)
        except OSError:
            return []  # the interface went down
        return [frame] if at[2] != socket.PACKET_OUTGOING else []

    def write(self, frame):
        try:
            self.s.send(frame)
        except OSError:
            pass  # too long, or the interface is down: lost as on any wire


class Passt:
    """Frames after their length, as qemu's stream socket has them."""

    def __init__(self, path):
        for attempt in range(50):
            self.s = socket.socket(socket.AF_UNIX)
            try:
                self.s.connect(path)
                break
            except ConnectionRefusedError:  # bound, and not yet listening
                time.sleep(0.1)
        self.rest = b""

    def read(self):
        data = self.s.recv(65536)
        if not data:
            sys.exit("passt has gone")
        self.rest += data
        frames = []
        while len(self.rest) >= 4:
            n = struct.unpack("!I", self.rest[:4])[0]
            if len(self.rest) < 4 + n:
                break
            frames.append(self.rest[4 : 4 + n])
            self.rest = self.rest[4 + n :]
        return frames

    def write(self, frame):
        self.s.sendall(struct.pack("!I", len(frame)) + frame)


a = Interface(sys.argv[1])
b = Passt(sys.argv[2]) if "/" in sys.argv[2] else Interface(sys.argv[2])
delay, loss = float(sys.argv[3]) / 1000, float(sys.argv[4]) / 100
waiting, n = [], 0
print("ready", flush=True)
while True:
    wait = max(0, waiting[0][0] - time.monotonic()) if waiting else None
    for s in select.select([a.s, b.s], [], [], wait)[0]:
        source, to = (a, b) if s is a.s else (b, a)
        for frame in source.read():
            if random.random() >= loss:
                n += 1
                heapq.heappush(waiting, (time.monotonic() + delay, n, to, frame))
    while waiting and waiting[0][0] <= time.monotonic():
        _, _, to, frame = heapq.heappop(waiting)
        to.write(frame)
