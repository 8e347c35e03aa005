"""Ask a server for one page again and again: python -m benchmarks.server_load URL CONNECTIONS SECONDS.

Prints answers a second, and the median and 99th percentile of milliseconds. It stands in for `wrk`, and is slower:
what it measures holds its own share of the processor.
"""

from __future__ import annotations

import asyncio
import sys
import time
from urllib.parse import urlsplit


async def _ask(host: str, port: int, path: str, until: float) -> list[float]:
    """Return the seconds of every answer on one connection."""
    asked = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    reader, writer = await asyncio.open_connection(host, port)
    times = []
    while (began := time.perf_counter()) < until:
        writer.write(asked)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r")[0]))
        if b" 200 " not in head.partition(b"\r")[0]:
            raise RuntimeError(head.decode())
        times.append(time.perf_counter() - began)
    writer.close()
    return times


async def _all(url: str, connections: int, seconds: float) -> list[float]:
    address = urlsplit(url)
    until = time.perf_counter() + seconds
    asking = (_ask(address.hostname or "", address.port or 80, address.path, until) for _ in range(connections))
    return sorted(each for times in await asyncio.gather(*asking) for each in times)


def main() -> None:
    """Measure and print."""
    url, connections, seconds = sys.argv[1:]
    times = asyncio.run(_all(url, int(connections), float(seconds)))
    percentiles = (times[len(times) // 2] * 1000, times[int(len(times) * 0.99)] * 1000)
    print(len(times) / float(seconds), *percentiles)


if __name__ == "__main__":
    main()
