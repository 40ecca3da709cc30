"""What goes in and out of a container, as a metric of whatever runs in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector


class Network(Collector):
    """What went in and out of this container.

    The engine would tell, but nothing here may ask it (docs/decisions/0011-container-metrics.md)."""

    def __init__(self, source: Path = Path("/proc/net/dev")) -> None:
        self._source = source

    def collect(self) -> Iterator[CounterMetricFamily]:
        devices = [line.split() for line in self._source.read_text().replace(":", " ").splitlines()[2:]]
        counters = [(int(fields[1]), int(fields[9])) for fields in devices if fields[0] != "lo"]
        yield CounterMetricFamily(
            "container_network_receive_bytes",
            "Bytes received by this container",
            sum(received for received, _ in counters),
        )
        yield CounterMetricFamily(
            "container_network_transmit_bytes", "Bytes sent by this container", sum(sent for _, sent in counters)
        )
