#!/usr/bin/env python3
"""Accepts connections on port 8080 and closes them."""
import socket

s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("0.0.0.0", 8080))
s.listen(500)
while True:
    s.accept()[0].close()
