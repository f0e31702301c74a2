"""Passes Ethernet frames between two interfaces of a namespace, each some seconds later: delay.py DEVICE DEVICE SECONDS

Not every kernel has netem.
"""

from __future__ import annotations

import heapq
import select
import socket
import sys
import time

EVERY_PROTOCOL = 3
"""ETH_P_ALL."""
OUTGOING = 4
"""PACKET_OUTGOING: our own frames, which the socket hears as well."""


def main(first: str, second: str, delay: float) -> None:
    ends = []
    for device in (first, second):
        end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERY_PROTOCOL))
        end.bind((device, 0))
        ends.append(end)
    other = {ends[0]: ends[1], ends[1]: ends[0]}
    waiting: list[tuple[float, int, bytes]] = []
    number = 0
    while True:
        patience = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        for end in select.select(ends, [], [], patience)[0]:
            frame, address = end.recvfrom(65536)
            if address[2] != OUTGOING:
                number += 1
                heapq.heappush(waiting, (time.monotonic() + delay, 2 * number + ends.index(other[end]), frame))
        while waiting and waiting[0][0] <= time.monotonic():
            _, place, frame = heapq.heappop(waiting)
            try:
                ends[place % 2].send(frame)
            except OSError:  # the interface is gone: the laboratory is being taken down
                return


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
