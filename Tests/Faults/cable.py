#!/usr/bin/python3
"""A cable between two network interfaces, and what happens to packets on it. A process of its own, which ends with its standard input.

    cable.py NEAR FAR

Makes both interfaces, says so, and takes its condition as lines of JSON: {"cut": true}, or any of delay and jitter (seconds, each way),
loss (share of the packets) and rate (octets a second, each way). No end of a cut cable is told anything."""
import collections, fcntl, json, os, random, select, struct, sys, time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x1, 0x1000
WAITING = 2.0  # seconds of traffic that wait for a slow line; what comes then is dropped


def interface(name):
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return descriptor


class Way:
    """One direction."""

    def __init__(self, source, target):
        self.source, self.target, self.under_way = source, target, collections.deque()
        self.free = self.latest = 0.0  # when the line has sent what it was given; when the last packet arrives

    def take(self, now, cut=False, delay=0, jitter=0, loss=0, rate=None):
        while True:
            try:
                packet = os.read(self.source, 65536)
            except BlockingIOError:
                return
            if cut or random.random() < loss or self.free > now + WAITING:
                continue
            self.free = max(self.free, now) + (len(packet) / rate if rate else 0)
            self.latest = max(self.latest, self.free + delay + random.uniform(-jitter, jitter))  # never overtaking another
            self.under_way.append((self.latest, packet))

    def give(self, now):
        """Seconds until the next packet arrives."""
        while self.under_way and self.under_way[0][0] <= now:
            try:
                os.write(self.target, self.under_way.popleft()[1])
            except OSError:
                pass  # that end is down
        return self.under_way[0][0] - now if self.under_way else 3600


def main(near, far):
    ends = [interface(near), interface(far)]
    ways = {ends[0]: Way(*ends), ends[1]: Way(*reversed(ends))}
    print("ready", flush=True)
    condition, open_ends = {}, [0, *ends]
    while True:
        pause = min(way.give(time.monotonic()) for way in ways.values())
        for end in select.select(open_ends, [], [], max(pause, 0))[0]:
            if end in ways:
                try:
                    ways[end].take(time.monotonic(), **condition)
                except OSError:
                    open_ends.remove(end)  # its host is gone
            elif text := os.read(0, 4096):
                condition = json.loads(text.splitlines()[-1])
                if condition.get("cut"):
                    for way in ways.values():
                        way.under_way.clear()
            else:
                return


main(*sys.argv[1:])
